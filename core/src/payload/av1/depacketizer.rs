use std::collections::VecDeque;

use bytes::Bytes;

use super::aggregation::{BEGINS_SEQUENCE, CONTINUES, IS_CONTINUED};
use super::kind;
use super::obu::{Elements, Obu};
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNITS_READY_MAX};
use crate::payload::open_unit::OpenUnit;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;
use crate::{Tolerance, Tolerances};

/// Puts temporal units together: a part for each OBU, without its size; temporal delimiters and tile lists are left out.
///
/// A unit ends with the packet that carries the marker, or before the first packet of another timestamp.
///
/// After a loss, the unit that was being put together is marked as damaged, and an OBU without its end is left out. The unit
/// that begins behind a loss is marked too, unless its beginning is certain: a sequence begins with it, or the one packet
/// that is missing was the last of the unit before.
#[derive(Debug, Default)]
pub struct Depacketizer {
    unit: OpenUnit,
    fragment: Vec<u8>,
    fragment_is_open: bool,
    /// Bytes of the last OBU that came in fragments.
    last_fragmented: usize,
    last: Option<Last>,
    seen_marker: bool,
    ready: VecDeque<AccessUnit>,
    tolerances: Tolerances,
}

/// The packet before.
#[derive(Clone, Copy, Debug)]
struct Last {
    ssrc: u32,
    sequence: u16,
}

/// How certain it is that a payload is the first of its temporal unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Beginning {
    Certain,
    Possible,
    No,
}

impl Depacketizer {
    /// A depacketizer that waits for the beginning of a temporal unit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet, before which `lost` packets are missing; a gap in the sequence numbers counts as a loss, too.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        if self.ready.len() >= ACCESS_UNITS_READY_MAX {
            return Err(PayloadError::Unpolled);
        }
        self.turn_to_unit_of(packet, lost);
        let result =
            if self.unit.has_overflowed() { Ok(()) } else { self.push_payload(&packet.payload_bytes()) };
        if result.is_err() {
            self.unit.is_damaged = true;
        }
        self.last = Some(Last { ssrc: packet.ssrc(), sequence: packet.sequence() });
        if packet.marker() && !self.fragment_is_open {
            self.seen_marker = true;
            self.end_unit();
        }
        result
    }

    /// The next temporal unit.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }

    /// Ends the temporal unit that is being put together, at the end of the stream or before a jump.
    ///
    /// In a stream that has markers it is marked as damaged: the packet with its own has not come.
    pub fn flush(&mut self) {
        self.unit.is_damaged |= self.drop_fragment() || self.seen_marker;
        self.end_unit();
        self.last = None;
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }

    /// Goes on with the unit that a packet belongs to, or ends the one before and begins it.
    fn turn_to_unit_of(&mut self, packet: &RtpPacket, lost: u16) {
        let (ssrc, timestamp) = (packet.ssrc(), packet.timestamp());
        let follows = |last: Last| last.ssrc == ssrc && packet.sequence() == last.sequence.wrapping_add(1);
        let intact = lost == 0 && self.last.is_none_or(follows);
        let mut lost_was_marker = false;
        if self.unit.is_open {
            if self.unit.ssrc == ssrc && self.unit.timestamp == timestamp {
                if !intact {
                    self.unit.is_damaged = true;
                    self.drop_fragment();
                }
                return;
            }
            if intact && !self.seen_marker {
                self.tolerances.record(Tolerance::MarkerMissing);
            }
            lost_was_marker = lost == 1 && self.seen_marker;
            self.unit.is_damaged |= !intact;
            self.unit.is_damaged |= self.drop_fragment();
            self.end_unit();
        }
        let is_whole = match beginning(packet.payload()) {
            Beginning::Certain => true,
            Beginning::Possible => intact || lost_was_marker,
            Beginning::No => intact && self.last.is_some(),
        };
        self.unit = OpenUnit::new(ssrc, timestamp, !is_whole);
    }

    fn end_unit(&mut self) {
        self.ready.extend(std::mem::take(&mut self.unit).finish());
    }

    fn push_payload(&mut self, payload: &Bytes) -> Result<(), PayloadError> {
        let (header, elements) = payload.split_first().ok_or(PayloadError::Empty)?;
        let mut continues = header & CONTINUES != 0;
        if !continues {
            self.unit.is_damaged |= self.drop_fragment();
        }
        let mut elements = Elements::new(*header, elements);
        let mut result = Ok(());
        while let Some(element) = elements.next() {
            let is_continued = elements.is_at_end() && header & IS_CONTINUED != 0;
            let pushed = match element {
                Ok(element) if continues || is_continued => {
                    self.push_fragment(element, continues, is_continued)
                }
                Ok(element) => self.push_obus(payload.slice_ref(element)),
                Err(error) => Err(error),
            };
            result = result.and(pushed);
            continues = false;
        }
        result
    }

    fn push_fragment(
        &mut self,
        element: &[u8],
        continues: bool,
        is_continued: bool,
    ) -> Result<(), PayloadError> {
        if !continues {
            // Twice the last one, as sizes vary; the rest is given back.
            let likely = self.last_fragmented.saturating_mul(2).min(ACCESS_UNIT_BYTES_MAX);
            self.fragment = Vec::with_capacity(likely);
            self.fragment_is_open = true;
        } else if !self.fragment_is_open {
            // Fragments left over by a loss, or by joining in the middle, are no error.
            return if self.unit.is_damaged { Ok(()) } else { Err(PayloadError::FragmentWithoutStart) };
        }
        if let Err(error) = self.unit.reserve(self.fragment.len().saturating_add(element.len())) {
            self.drop_fragment();
            return Err(error);
        }
        self.fragment.extend_from_slice(element);
        if is_continued {
            return Ok(());
        }
        self.fragment_is_open = false;
        self.last_fragmented = self.fragment.len();
        let mut obu = std::mem::take(&mut self.fragment);
        obu.shrink_to_fit();
        self.push_obus(obu.into())
    }

    /// Adds the OBU of an element; several, if they have sizes.
    fn push_obus(&mut self, element: Bytes) -> Result<(), PayloadError> {
        for obu in Obu::all(&element) {
            let obu = obu?;
            if !obu.is_sent() {
                continue;
            }
            let is_key = self.begins_keyframe(&obu);
            // A size stands in the midst of it, if it has one.
            let is_as_sent = obu.len() == element.len();
            let part = if is_as_sent { element.clone() } else { [obu.header(), obu.payload].concat().into() };
            self.unit.push(part)?;
            self.unit.is_keyframe |= is_key;
        }
        Ok(())
    }

    /// The OBU begins a keyframe, and the unit has the sequence header that it needs.
    fn begins_keyframe(&self, obu: &Obu<'_>) -> bool {
        if !matches!(obu.kind(), kind::FRAME | kind::FRAME_HEADER) {
            return false;
        }
        let is = |part: &&Bytes| part.first().is_some_and(|first| kind::of(*first) == kind::SEQUENCE_HEADER);
        let Some(sequence) = self.unit.parts().iter().find(is).and_then(|part| Obu::take(&mut &part[..]))
        else {
            return false;
        };
        // reduced_still_picture_header; show_existing_frame and frame_type
        let is_reduced = sequence.payload.first().is_some_and(|byte| byte & 0x08 != 0);
        is_reduced || obu.payload.first().is_some_and(|byte| byte & 0xe0 == 0)
    }

    /// Drops an OBU whose end is missing; returns `true` if there was one.
    fn drop_fragment(&mut self) -> bool {
        self.fragment = Vec::new();
        std::mem::take(&mut self.fragment_is_open)
    }
}

fn beginning(payload: &[u8]) -> Beginning {
    let Some((header, elements)) = payload.split_first() else { return Beginning::No };
    if header & CONTINUES != 0 {
        return Beginning::No;
    }
    if header & BEGINS_SEQUENCE != 0 {
        return Beginning::Certain;
    }
    let first = Elements::new(*header, elements).next().and_then(Result::ok).and_then(|first| first.first());
    match first.map(|first| kind::of(*first)) {
        Some(kind::SEQUENCE_HEADER | kind::TEMPORAL_DELIMITER) => Beginning::Certain,
        Some(kind::TILE_GROUP | kind::REDUNDANT_FRAME_HEADER) | None => Beginning::No,
        Some(_) => Beginning::Possible,
    }
}
