use bytes::{Buf, Bytes};

use super::adts::adts_lengths;
use super::header::Fields;
use crate::Tolerances;
use crate::description::Mpeg4Audio;
use crate::limits::ACCESS_UNIT_PARTS_MAX;
use crate::payload::bits::BitReader;
use crate::payload::fragments::Fragments;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;
use crate::tolerance::Tolerance;

/// Gives each unit of AAC, raw, with its own timestamp.
///
/// Units that are whole in a packet share its memory. A unit of which a fragment is missing is dropped; no other suffers
/// from a loss.
#[derive(Debug)]
pub struct Depacketizer {
    fields: Fields,
    /// Bits of the size of the auxiliary section, which is skipped.
    auxiliary_size: u8,
    unit_duration: u32,
    fragments: Fragments,
    tolerances: Tolerances,
}

impl Depacketizer {
    /// A depacketizer of a track with a clock of so many units a second.
    pub fn new(audio: &Mpeg4Audio, clock_rate: u32) -> Self {
        Self {
            fields: Fields::new(audio),
            auxiliary_size: audio.auxiliary_size_length,
            unit_duration: audio.unit_duration(clock_rate),
            fragments: Fragments::default(),
            tolerances: Tolerances::default(),
        }
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read, is interleaved, or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let intact = self.fragments.turn_to(packet, lost)?;
        let result = self.push_payload(packet, intact);
        self.fragments.finish(result)
    }

    /// The next unit.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.fragments.poll()
    }

    /// Drops a unit of which fragments have yet to come.
    pub fn flush(&mut self) {
        self.fragments.flush();
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }

    fn push_payload(&mut self, packet: &RtpPacket, intact: bool) -> Result<(), PayloadError> {
        let payload = packet.payload_bytes();
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        if adts_lengths(&payload).is_some() {
            self.push_adts(payload, packet.timestamp());
            return Ok(());
        }
        let truncated = |needed| PayloadError::Truncated { needed, length: payload.len() };
        let [high, low, ..] = payload[..] else { return Err(truncated(2)) };
        let header_bits = usize::from(u16::from_be_bytes([high, low]));
        let headers_end = header_bits.div_ceil(8).saturating_add(2);
        let headers = payload.get(2..headers_end).ok_or_else(|| truncated(headers_end))?;
        let mut units = payload.slice(headers_end..);
        self.skip_auxiliary(&mut units)?;
        let mut bits = BitReader::new(headers.iter().copied());
        let mut timestamp = packet.timestamp();
        for count in 0..=ACCESS_UNIT_PARTS_MAX {
            let is_first = count == 0;
            let left = header_bits.saturating_sub(bits.position());
            if left < self.fields.bits_min(is_first).max(1) {
                return if is_first { Err(PayloadError::Malformed("no AU header")) } else { Ok(()) };
            }
            let header = self.fields.read(&mut bits, is_first);
            let header = header.ok_or(PayloadError::Malformed("an AU header is cut off"))?;
            if header.index_delta > 0 {
                return Err(PayloadError::Malformed("the units are interleaved"));
            }
            let at = match header.cts_delta {
                Some(delta) => packet.timestamp().wrapping_add_signed(delta),
                None => timestamp,
            };
            if header.size > units.len() {
                if !is_first {
                    return Err(PayloadError::Truncated { needed: header.size, length: units.len() });
                }
                return self.push_fragment(&units, header.size, at, packet.marker(), intact);
            }
            self.push_unit(units.split_to(header.size), at);
            timestamp = at.wrapping_add(self.unit_duration);
        }
        Err(PayloadError::TooManyParts)
    }

    fn skip_auxiliary(&self, units: &mut Bytes) -> Result<(), PayloadError> {
        if self.auxiliary_size > 0 {
            let size = BitReader::new(units.iter().copied()).bits(self.auxiliary_size).unwrap_or(u32::MAX);
            let bytes = (size as usize).saturating_add(self.auxiliary_size.into()).div_ceil(8);
            if bytes > units.len() {
                return Err(PayloadError::Truncated { needed: bytes, length: units.len() });
            }
            units.advance(bytes);
        }
        Ok(())
    }

    fn push_unit(&mut self, unit: Bytes, timestamp: u32) {
        self.fragments.drop_open();
        if unit.is_empty() {
            self.tolerances.record(Tolerance::EmptyAccessUnit);
        } else if adts_lengths(&unit).is_some_and(|(_, length)| length == unit.len()) {
            self.push_adts(unit, timestamp);
        } else {
            self.fragments.push(timestamp, unit);
        }
    }

    /// Adds the units of a sequence of ADTS frames, without their headers.
    fn push_adts(&mut self, mut frames: Bytes, mut timestamp: u32) {
        self.tolerances.record(Tolerance::AdtsInPayload);
        while let Some((header, length)) = adts_lengths(&frames) {
            let mut frame = frames.split_to(length);
            frame.advance(header);
            if !frame.is_empty() {
                self.fragments.push(timestamp, frame);
            }
            timestamp = timestamp.wrapping_add(self.unit_duration);
        }
    }

    /// Adds a fragment of a unit of `size` bytes. All fragments together have exactly as many.
    fn push_fragment(
        &mut self,
        fragment: &[u8],
        size: usize,
        timestamp: u32,
        is_last: bool,
        intact: bool,
    ) -> Result<(), PayloadError> {
        if !self.fragments.is_open() {
            self.fragments.start(timestamp, size);
        }
        self.fragments.extend(fragment)?;
        let length = self.fragments.len();
        if length < size && !is_last {
            return Ok(());
        }
        match self.fragments.take() {
            Some((timestamp, unit)) if length == size => {
                self.push_unit(unit, timestamp);
                Ok(())
            }
            // Fragments left over by a loss are no error.
            _ if !intact => Ok(()),
            _ => Err(PayloadError::Truncated { needed: size, length }),
        }
    }
}
