use bytes::{BufMut, BytesMut};

use super::shape::{Entry, Shape};
use crate::Tolerances;
use crate::description::Amr;
use crate::limits::ACCESS_UNIT_PARTS_MAX;
use crate::payload::bits::BitReader;
use crate::payload::fragments::Fragments;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;

/// No mode is asked for.
const NO_REQUEST: u8 = 15;

/// Gives each frame-block with its own timestamp, as files have it.
///
/// No frame has two packets, so that a loss damages none. Of a packet that is cut off, the frame-blocks that are whole are
/// given. A packet with a frame type that is reserved is dropped, since the frames behind it cannot be found.
#[derive(Debug)]
pub struct Depacketizer {
    shape: Shape,
    /// Units that wait; none has fragments.
    units: Fragments,
    entries: Vec<Entry>,
    mode_request: Option<u8>,
}

impl Depacketizer {
    /// A depacketizer of frames that are not interleaved, not sorted, and without checksums.
    pub fn new(amr: &Amr) -> Self {
        Self { shape: Shape::new(amr), units: Fragments::default(), entries: Vec::new(), mode_request: None }
    }

    /// The mode that the sender of the last packet wants to be sent, if it wants one (CMR).
    pub fn mode_request(&self) -> Option<u8> {
        self.mode_request
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read, or units wait to be polled; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        self.units.turn_to(packet, lost)?;
        let payload = packet.payload();
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        let mut bits = BitReader::new(payload.iter().copied());
        let needed = self.read_entries(&mut bits, payload.len())?;
        let mut timestamp = packet.timestamp();
        let mut blocks = self.entries.chunks_exact(self.shape.channels);
        let mut bytes = BytesMut::with_capacity(needed.saturating_add(self.entries.len()));
        for block in blocks.by_ref() {
            let block = read_block(self.shape, block, &mut bits, &mut bytes);
            block.ok_or(PayloadError::Truncated { needed, length: payload.len() })?;
            self.units.push(timestamp, bytes.split().freeze());
            timestamp = timestamp.wrapping_add(self.shape.units());
        }
        if blocks.remainder().is_empty() {
            Ok(())
        } else {
            Err(PayloadError::Malformed("the frames of some channels are missing"))
        }
    }

    /// The next frame-block.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.units.poll()
    }

    /// Does nothing, since no unit waits for another packet.
    pub fn flush(&mut self) {}

    /// Nothing: there is nothing to put up with.
    pub fn take_tolerances(&mut self) -> Tolerances {
        Tolerances::default()
    }

    /// Reads all that stands in front of the frames; the bytes that the payload has to have.
    fn read_entries(
        &mut self,
        bits: &mut BitReader<impl Iterator<Item = u8>>,
        length: usize,
    ) -> Result<usize, PayloadError> {
        let shape = self.shape;
        let cut_off = PayloadError::Truncated { needed: length.saturating_add(1), length };
        let padding = if shape.is_aligned { (4, 2) } else { (0, 0) };
        let request = bits.bits(4).ok_or(cut_off)? as u8;
        bits.skip(padding.0).ok_or(cut_off)?;
        self.mode_request = (request != NO_REQUEST).then_some(request);
        self.entries.clear();
        let mut needed = shape.header_bits();
        loop {
            let is_followed = bits.bit().ok_or(cut_off)?;
            let frame_type = bits.bits(4).ok_or(cut_off)? as u8;
            let is_good = bits.bit().ok_or(cut_off)?;
            bits.skip(padding.1).ok_or(cut_off)?;
            let frame_bits = shape.frame_bits(frame_type);
            let frame_bits = frame_bits.ok_or(PayloadError::Malformed("a reserved frame type of AMR"))?;
            needed =
                needed.saturating_add(shape.entry_bits()).saturating_add(shape.bits_in_packet(frame_bits));
            if self.entries.len() >= ACCESS_UNIT_PARTS_MAX {
                return Err(PayloadError::TooManyParts);
            }
            self.entries.push(Entry { frame_type, is_good });
            if !is_followed {
                return Ok(needed.div_ceil(8));
            }
        }
    }
}

/// Adds the frames of a block, each behind its entry; `None` if one is cut off.
fn read_block(
    shape: Shape,
    block: &[Entry],
    bits: &mut BitReader<impl Iterator<Item = u8>>,
    bytes: &mut BytesMut,
) -> Option<()> {
    for entry in block {
        bytes.put_u8(entry.to_byte());
        let mut left = shape.frame_bits(entry.frame_type)?;
        while left > 0 {
            let count = left.min(8) as u8;
            let byte = bits.bits(count)? as u8;
            bytes.put_u8(byte << 8_u8.saturating_sub(count));
            left = left.saturating_sub(count.into());
        }
        if shape.is_aligned {
            bits.align();
        }
    }
    Some(())
}
