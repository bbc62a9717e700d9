use bytes::{Buf, Bytes};

use super::FrameHeader;
use crate::Tolerances;
use crate::limits::ACCESS_UNIT_PARTS_MAX;
use crate::payload::fragments::Fragments;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;

/// Bytes in front of each payload: two without meaning, and the place of a fragment in its frame.
const HEADER_BYTES: usize = 4;

/// Gives each frame with its own timestamp.
///
/// Frames that are whole in a packet share its memory. A frame of which a fragment is missing is dropped; no other suffers
/// from a loss.
#[derive(Debug, Default)]
pub struct Depacketizer {
    fragments: Fragments,
    /// Bytes of the frame that is being put together.
    expected: usize,
}

impl Depacketizer {
    /// A depacketizer that waits for the beginning of a frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let intact = self.fragments.turn_to(packet, lost)?;
        let result = self.push_payload(packet, intact);
        self.fragments.finish(result)
    }

    /// The next frame.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.fragments.poll()
    }

    /// Drops a frame of which fragments have yet to come.
    pub fn flush(&mut self) {
        self.fragments.flush();
    }

    /// Nothing: there is nothing to put up with.
    pub fn take_tolerances(&mut self) -> Tolerances {
        Tolerances::default()
    }

    fn push_payload(&mut self, packet: &RtpPacket, intact: bool) -> Result<(), PayloadError> {
        let mut payload = packet.payload_bytes();
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        let [_, _, high, low, ..] = payload[..] else {
            return Err(PayloadError::Truncated { needed: HEADER_BYTES, length: payload.len() });
        };
        let offset = usize::from(u16::from_be_bytes([high, low]));
        payload.advance(HEADER_BYTES);
        if offset > 0 {
            return self.push_fragment(&payload, offset, intact);
        }
        self.fragments.drop_open();
        self.push_frames(payload, packet.timestamp())
    }

    /// Adds the frames of a packet, of which the only one may be a first fragment.
    fn push_frames(&mut self, mut frames: Bytes, first: u32) -> Result<(), PayloadError> {
        let mut timestamp = first;
        for _ in 0..ACCESS_UNIT_PARTS_MAX {
            let Some(header) = FrameHeader::read(&frames) else {
                return Err(PayloadError::Malformed("no frame of MPEG audio"));
            };
            let bytes = header.bytes.unwrap_or(frames.len());
            if bytes > frames.len() {
                if timestamp != first {
                    return Err(PayloadError::Truncated { needed: bytes, length: frames.len() });
                }
                self.expected = bytes;
                self.fragments.start(timestamp, bytes);
                return self.fragments.extend(&frames);
            }
            self.fragments.push(timestamp, frames.split_to(bytes));
            timestamp = timestamp.wrapping_add(header.duration());
            if frames.is_empty() {
                return Ok(());
            }
        }
        Err(PayloadError::TooManyParts)
    }

    fn push_fragment(&mut self, fragment: &[u8], offset: usize, intact: bool) -> Result<(), PayloadError> {
        if !self.fragments.is_open() {
            // Fragments left over by a loss are no error.
            return if intact { Err(PayloadError::FragmentWithoutStart) } else { Ok(()) };
        }
        let end = offset.saturating_add(fragment.len());
        if offset != self.fragments.len() || end > self.expected {
            self.fragments.drop_open();
            return Err(PayloadError::Malformed("a fragment is not where the one before ends"));
        }
        self.fragments.extend(fragment)?;
        let whole = (end == self.expected).then(|| self.fragments.take()).flatten();
        if let Some((timestamp, frame)) = whole {
            self.fragments.push(timestamp, frame);
        }
        Ok(())
    }
}
