use bytes::{Buf, Bytes};

use super::header::first_unit;
use super::{FURTHER, HEADER_BYTES, WHOLE};
use crate::Tolerances;
use crate::limits::ACCESS_UNIT_PARTS_MAX;
use crate::payload::fragments::Fragments;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;

/// Gives each frame with its own timestamp.
///
/// Frames that are whole in a packet share its memory. A frame of which a fragment is missing is dropped; no other suffers
/// from a loss.
#[derive(Debug)]
pub struct Depacketizer {
    clock_rate: u32,
    is_enhanced: bool,
    fragments: Fragments,
}

impl Depacketizer {
    /// A depacketizer of a track with a clock of so many units a second, of Enhanced AC-3 or of AC-3.
    pub fn new(clock_rate: u32, is_enhanced: bool) -> Self {
        Self { clock_rate, is_enhanced, fragments: Fragments::default() }
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
        let kind = match payload[..] {
            [] => return Err(PayloadError::Empty),
            [first, _, _, ..] => first & 3,
            _ => return Err(PayloadError::Truncated { needed: HEADER_BYTES, length: payload.len() }),
        };
        payload.advance(HEADER_BYTES);
        if kind == WHOLE {
            self.fragments.drop_open();
            return self.push_frames(payload, packet.timestamp());
        }
        let is_open = self.fragments.is_open();
        let is_first =
            if self.is_enhanced { !is_open && payload.starts_with(&[0x0b, 0x77]) } else { kind != FURTHER };
        if is_first {
            self.fragments.start(packet.timestamp(), 0);
        } else if !is_open {
            // Fragments left over by a loss are no error.
            return if intact { Err(PayloadError::FragmentWithoutStart) } else { Ok(()) };
        }
        self.fragments.extend(&payload)?;
        match packet.marker().then(|| self.fragments.take()).flatten() {
            Some((timestamp, frame)) => self.push_frames(frame, timestamp),
            None => Ok(()),
        }
    }

    fn push_frames(&mut self, mut frames: Bytes, mut timestamp: u32) -> Result<(), PayloadError> {
        for _ in 0..ACCESS_UNIT_PARTS_MAX {
            let unit = first_unit(&frames, self.clock_rate);
            let (needed, duration) = unit.ok_or(PayloadError::Malformed("no frame of AC-3"))?;
            if needed > frames.len() {
                return Err(PayloadError::Truncated { needed, length: frames.len() });
            }
            self.fragments.push(timestamp, frames.split_to(needed));
            timestamp = timestamp.wrapping_add(duration);
            if frames.is_empty() {
                return Ok(());
            }
        }
        Err(PayloadError::TooManyParts)
    }
}
