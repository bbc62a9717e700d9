use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::open_unit::OpenUnit;
use super::{AccessUnit, PayloadError};
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNITS_READY_MAX};
use crate::rtp::RtpPacket;
use crate::{Tolerance, Tolerances};

/// Puts units together whose packets tell which of them begin a frame.
///
/// A unit ends with the packet that carries the marker, or before a packet that begins another.
///
/// After a loss inside a unit, the part before the hole is kept and marked as damaged, and the rest of that frame is dropped.
/// A frame whose beginning is lost is dropped as a whole.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    unit: OpenUnit,
    /// The frame that is being put together: in its packet as long as it has only one.
    frame: Frame,
    /// The rest of the frame is dropped.
    skips: bool,
    last: Option<Last>,
    seen_marker: bool,
    /// Bytes of the last frame that came in pieces.
    last_bytes: usize,
    ready: VecDeque<AccessUnit>,
    tolerances: Tolerances,
}

#[derive(Debug, Default)]
enum Frame {
    #[default]
    None,
    Whole(Bytes),
    Joined(BytesMut),
}

/// The packet before.
#[derive(Clone, Copy, Debug)]
struct Last {
    ssrc: u32,
    sequence: u16,
}

/// The contents of a packet.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) place: Place,
    /// Decoding can begin with the unit, as this piece of it tells.
    pub(super) is_keyframe: bool,
}

/// Where a piece belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// It begins a unit.
    BeginsUnit,
    /// It begins another frame of the unit with its timestamp.
    BeginsFrame,
    /// It continues a frame.
    Continues,
}

impl Assembly {
    /// Fails when no unit can be added before one is polled.
    pub(super) fn check_room(&self) -> Result<(), PayloadError> {
        if self.ready.len() >= ACCESS_UNITS_READY_MAX { Err(PayloadError::Unpolled) } else { Ok(()) }
    }

    /// A packet is of the unit that is being put together, by its source and its timestamp.
    pub(super) fn is_of_open_unit(&self, packet: &RtpPacket) -> bool {
        let unit = &self.unit;
        unit.is_open && unit.ssrc == packet.ssrc() && unit.timestamp == packet.timestamp()
    }

    /// Nothing is missing between the packet before and the next.
    pub(super) fn is_intact(&self, packet: &RtpPacket, lost: u16) -> bool {
        let follows =
            |last: Last| last.ssrc == packet.ssrc() && packet.sequence() == last.sequence.wrapping_add(1);
        lost == 0 && self.last.is_none_or(follows)
    }

    /// Takes what has been read of the next packet, before which `lost` packets are missing.
    pub(super) fn push(
        &mut self,
        packet: &RtpPacket,
        lost: u16,
        piece: Result<Piece, PayloadError>,
    ) -> Result<(), PayloadError> {
        self.check_room()?;
        let place = piece.as_ref().map_or(Place::Continues, |piece| piece.place);
        self.turn_to_unit_of(packet, lost, place);
        let result = piece.and_then(|piece| self.push_piece(piece));
        if result.is_err() {
            self.unit.is_damaged = true;
            self.skips = true;
        }
        self.last = Some(Last { ssrc: packet.ssrc(), sequence: packet.sequence() });
        if packet.marker() {
            self.seen_marker = true;
            self.end_unit();
        }
        result
    }

    pub(super) fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }

    /// Ends the unit that is being put together, whose end has not come.
    pub(super) fn flush(&mut self) {
        self.unit.is_damaged |= self.seen_marker;
        self.end_unit();
        self.last = None;
    }

    pub(super) fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }

    fn turn_to_unit_of(&mut self, packet: &RtpPacket, lost: u16, place: Place) {
        let (ssrc, timestamp) = (packet.ssrc(), packet.timestamp());
        let intact = self.is_intact(packet, lost);
        if self.unit.is_open {
            if self.is_of_open_unit(packet) && place != Place::BeginsUnit {
                self.unit.is_damaged |= !intact;
                self.skips |= !intact;
                return;
            }
            if intact && !self.seen_marker {
                self.tolerances.record(Tolerance::MarkerMissing);
            }
            self.unit.is_damaged |= !intact;
            self.end_unit();
        }
        // A frame in the midst of a unit has others before it; a reader that has just joined does not know them.
        let is_whole = match place {
            Place::BeginsUnit => true,
            Place::BeginsFrame => intact && self.last.is_some(),
            Place::Continues => false,
        };
        self.unit = OpenUnit::new(ssrc, timestamp, !is_whole);
        self.skips = false;
        if place == Place::Continues {
            // Pieces left over by a loss, or by joining in the middle, are no error.
            self.skips = !intact || self.last.is_none();
        }
    }

    fn push_piece(&mut self, piece: Piece) -> Result<(), PayloadError> {
        let Piece { bytes, place, is_keyframe } = piece;
        if self.unit.has_overflowed() {
            return Ok(());
        }
        if place != Place::Continues {
            self.end_frame()?;
            self.skips = false;
        } else if self.skips {
            return Ok(());
        }
        self.unit.is_keyframe |= is_keyframe;
        let held = match &self.frame {
            Frame::None => 0,
            Frame::Whole(first) => first.len(),
            Frame::Joined(joined) => joined.len(),
        };
        if let Err(error) = self.unit.reserve(held.saturating_add(bytes.len())) {
            self.frame = Frame::None;
            return Err(error);
        }
        self.frame = match std::mem::take(&mut self.frame) {
            Frame::None if place == Place::Continues => return Err(PayloadError::FragmentWithoutStart),
            Frame::None => Frame::Whole(bytes),
            Frame::Whole(first) => {
                // Twice the last one, as sizes vary; the rest is given back.
                let likely = self.last_bytes.saturating_mul(2).min(ACCESS_UNIT_BYTES_MAX);
                let mut joined = BytesMut::with_capacity(likely.max(first.len().saturating_add(bytes.len())));
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&bytes);
                Frame::Joined(joined)
            }
            Frame::Joined(mut joined) => {
                joined.extend_from_slice(&bytes);
                Frame::Joined(joined)
            }
        };
        Ok(())
    }

    fn end_frame(&mut self) -> Result<(), PayloadError> {
        match std::mem::take(&mut self.frame) {
            Frame::None => Ok(()),
            Frame::Whole(bytes) => self.unit.push(bytes),
            Frame::Joined(joined) => {
                self.last_bytes = joined.len();
                let mut joined = Vec::from(joined);
                joined.shrink_to_fit();
                self.unit.push(joined.into())
            }
        }
    }

    fn end_unit(&mut self) {
        if self.end_frame().is_err() {
            self.unit.is_damaged = true;
        }
        self.ready.extend(std::mem::take(&mut self.unit).finish());
        self.skips = false;
    }
}

#[cfg(test)]
mod tests;
