use std::collections::VecDeque;

use bytes::Bytes;

use super::annex_b::{find_start_code, split_annex_b};
use super::{
    Beginning, FRAGMENT_END, FRAGMENT_START, Syntax, aggregate_units, beginning, body_of, header_of, type_of,
    without_start_code,
};
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNITS_READY_MAX};
use crate::payload::open_unit::OpenUnit;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;
use crate::{Tolerance, Tolerances};

/// Bytes at the beginning of a picture that are looked through for start codes in every stream.
const SEARCHED_BYTES: usize = 256;

/// Puts access units together from packets in order.
///
/// An access unit ends with the packet that carries the marker, so that it is there without waiting for
/// the next one, or before the first packet of another timestamp. Parameter sets without a picture
/// belong to the picture that follows, whatever their marker and timestamp.
///
/// A camera that sets the marker before the end (VStarcam) is found out when a packet of the same
/// timestamp goes on with the picture. That first unit comes in two parts, the second marked as
/// damaged; from then on its access units end with the timestamp, one packet later.
///
/// After a loss, the unit that was being put together is marked as damaged, and so is the one that
/// begins behind the loss unless it is certain that nothing before it belongs to it. A unit of which
/// nothing is left does not come out at all.
///
/// Start codes that a device has left in separate NAL units. A picture is looked through for them only
/// in a stream that has had some where devices leave them: behind parameter sets, or near the beginning.
///
/// Decoding order numbers are read where packets carry them. NAL units are not sorted by them: one that comes behind others
/// that are decoded later is left out, and its access unit is marked as damaged.
#[derive(Debug, Default)]
pub struct Depacketizer<S> {
    syntax: S,
    /// Stays where it is from packet to packet: moving it costs more than all else that is done to it.
    unit: OpenUnit,
    fragment: Vec<u8>,
    fragment_is_open: bool,
    /// Bytes of the last NAL unit that came in fragments.
    last_fragmented: usize,
    seen_start_code: bool,
    last: Option<Last>,
    /// The decoding order number of the NAL unit before.
    order: Option<u16>,
    seen_marker: bool,
    distrusts_marker: bool,
    ready: VecDeque<AccessUnit>,
    tolerances: Tolerances,
}

/// The packet before.
#[derive(Clone, Copy, Debug)]
struct Last {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl<S: Syntax> Depacketizer<S> {
    /// A depacketizer that waits for the beginning of an access unit.
    pub fn new() -> Self {
        Self::default()
    }

    /// A depacketizer of packets whose headers are read by `syntax`.
    pub(in crate::payload) fn of(syntax: S) -> Self {
        Self { syntax, ..Self::default() }
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// A gap in the sequence numbers counts as a loss, too.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        if self.ready.len() >= ACCESS_UNITS_READY_MAX {
            return Err(PayloadError::Unpolled);
        }
        self.turn_to_unit_of(packet, lost);
        let result = if self.unit.has_overflowed() { Ok(()) } else { self.push_payload(packet) };
        self.unit.is_damaged |= result.is_err();
        self.last =
            Some(Last { ssrc: packet.ssrc(), sequence: packet.sequence(), timestamp: packet.timestamp() });
        if packet.marker() && !self.fragment_is_open {
            self.seen_marker = true;
            if !self.unit.has_picture && !self.unit.is_damaged {
                self.tolerances.record(Tolerance::MarkerOnParameterSets);
            } else if self.distrusts_marker {
                self.unit.marked = true;
            } else {
                self.end_unit();
            }
        }
        result
    }

    /// The next access unit.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }

    /// Ends the access unit that is being put together, at the end of the stream or before a jump.
    ///
    /// In a stream that has markers it is marked as damaged: the packet with its own has not come.
    pub fn flush(&mut self) {
        self.unit.is_damaged |= self.drop_fragment() || self.seen_marker && !self.unit.marked;
        self.end_unit();
        self.last = None;
        self.order = None;
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }

    /// Goes on with the access unit that a packet belongs to, or ends the one before and begins it.
    fn turn_to_unit_of(&mut self, packet: &RtpPacket, lost: u16) {
        let (ssrc, timestamp) = (packet.ssrc(), packet.timestamp());
        if self.last.is_some_and(|last| last.ssrc != ssrc) {
            self.order = None;
        }
        let intact = lost == 0
            && self
                .last
                .is_none_or(|last| last.ssrc == ssrc && packet.sequence() == last.sequence.wrapping_add(1));
        let unit = &mut self.unit;
        if !unit.is_open {
            let goes_on = self.last.is_some_and(|last| last.ssrc == ssrc && last.timestamp == timestamp);
            self.unit = self.first_unit(packet, intact, goes_on);
            return;
        }
        if unit.ssrc == ssrc && unit.timestamp == timestamp {
            if !unit.marked || beginning(self.syntax, packet.payload()) == Beginning::No {
                if !intact {
                    unit.is_damaged = true;
                    self.drop_fragment();
                }
                return;
            }
        } else if intact && !unit.has_picture && !unit.is_damaged && !self.fragment_is_open {
            (unit.ssrc, unit.timestamp) = (ssrc, timestamp);
            return;
        }
        if intact && !self.seen_marker {
            self.tolerances.record(Tolerance::MarkerMissing);
        }
        // A single lost packet was the marker of this unit, if there are markers at all.
        let lost_was_marker = lost == 1 && self.seen_marker && !unit.marked;
        unit.is_damaged |= !intact;
        self.unit.is_damaged |= self.drop_fragment();
        self.end_unit();
        let is_whole =
            intact || lost_was_marker || beginning(self.syntax, packet.payload()) == Beginning::Certain;
        self.unit = OpenUnit::new(ssrc, timestamp, !is_whole);
    }

    fn end_unit(&mut self) {
        self.ready.extend(std::mem::take(&mut self.unit).finish());
    }

    /// The access unit that a packet begins while none is being put together.
    fn first_unit(&mut self, packet: &RtpPacket, intact: bool, goes_on: bool) -> OpenUnit {
        let beginning = beginning(self.syntax, packet.payload());
        let is_whole = match beginning {
            Beginning::Certain => true,
            Beginning::Possible => intact,
            Beginning::No if goes_on => {
                if intact {
                    self.tolerances.record(Tolerance::MarkerInsideAccessUnit);
                    self.distrusts_marker = true;
                }
                false
            }
            Beginning::No => intact && self.last.is_some(),
        };
        OpenUnit::new(packet.ssrc(), packet.timestamp(), !is_whole)
    }

    fn push_payload(&mut self, packet: &RtpPacket) -> Result<(), PayloadError> {
        let payload = packet.payload();
        let Some(packet_type) = type_of::<S>(payload) else {
            self.unit.is_damaged |= self.drop_fragment();
            let cut_off = PayloadError::Truncated { needed: S::HEADER_BYTES, length: payload.len() };
            return Err(if payload.is_empty() { PayloadError::Empty } else { cut_off });
        };
        if packet_type == S::FRAGMENT {
            return self.push_fragment(payload);
        }
        self.unit.is_damaged |= self.drop_fragment();
        if packet_type == S::AGGREGATE {
            self.push_aggregate(&packet.payload_bytes())
        } else if self.syntax.has_order_numbers() {
            self.push_numbered(payload)
        } else if S::is_unit(packet_type) || without_start_code(payload).len() < payload.len() {
            self.push_nal(packet.payload_bytes())
        } else {
            Err(PayloadError::Unsupported(packet_type))
        }
    }

    /// Adds the NAL unit of a packet with a decoding order number between its header and its body.
    fn push_numbered(&mut self, payload: &[u8]) -> Result<(), PayloadError> {
        let packet_type = type_of::<S>(payload).unwrap_or_default();
        if !S::is_unit(packet_type) {
            return Err(PayloadError::Unsupported(packet_type));
        }
        let (header, body) = payload.split_at_checked(S::HEADER_BYTES).unwrap_or_default();
        let body = self.take_order_number(body)?;
        self.push_nal([header, body].concat().into())
    }

    /// Takes the decoding order number (DONL) off the front, if packets carry one.
    fn take_order_number<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], PayloadError> {
        if !self.syntax.has_order_numbers() {
            return Ok(bytes);
        }
        let (number, rest) =
            bytes.split_first_chunk().ok_or(PayloadError::Truncated { needed: 2, length: bytes.len() })?;
        self.turn_to_order(u16::from_be_bytes(*number))?;
        Ok(rest)
    }

    /// Goes on with the NAL unit of this decoding order number, unless it is decoded before the last one.
    fn turn_to_order(&mut self, number: u16) -> Result<(), PayloadError> {
        let ahead = self.order.map_or(1, |last| number.wrapping_sub(last));
        if ahead > u16::MAX / 2 {
            return Err(PayloadError::Malformed("a NAL unit is not in decoding order"));
        }
        self.order = Some(number);
        Ok(())
    }

    /// Adds a NAL unit, or those that start codes separate in it.
    fn push_nal(&mut self, nal: Bytes) -> Result<(), PayloadError> {
        // To look through every picture as a whole would take half as long again as putting it together.
        let is_picture = type_of::<S>(&nal).is_some_and(S::is_picture);
        let suspect = if is_picture && !self.seen_start_code {
            nal.get(..SEARCHED_BYTES).unwrap_or(&nal)
        } else {
            &nal
        };
        if find_start_code(suspect).is_none() {
            return self.push_unit(nal);
        }
        self.seen_start_code = true;
        self.tolerances.record(Tolerance::AnnexBInPayload);
        let mut units = split_annex_b(&nal).peekable();
        // The header that a fragmented byte stream was given is no unit of its own.
        units.next_if(|first| first.len() <= S::HEADER_BYTES);
        units.try_for_each(|unit| self.push_unit(nal.slice_ref(unit)))
    }

    /// Adds a NAL unit without start codes; an empty one is left out.
    fn push_unit(&mut self, nal: Bytes) -> Result<(), PayloadError> {
        let Some(nal_type) = type_of::<S>(&nal) else {
            let cut_off = PayloadError::Truncated { needed: S::HEADER_BYTES, length: nal.len() };
            return if nal.is_empty() { Ok(()) } else { Err(cut_off) };
        };
        if !S::is_unit(nal_type) {
            return Err(PayloadError::Unsupported(nal_type));
        }
        self.unit.push(nal)?;
        self.unit.is_keyframe |= S::is_keyframe(nal_type);
        self.unit.has_picture |= S::is_picture(nal_type);
        Ok(())
    }

    fn push_aggregate(&mut self, payload: &Bytes) -> Result<(), PayloadError> {
        if self.syntax.has_order_numbers() {
            return self.push_numbered_aggregate(payload);
        }
        let mut rest = body_of::<S>(payload);
        for nal in aggregate_units(rest) {
            rest = rest.get(nal.len().saturating_add(2)..).unwrap_or_default();
            if nal.is_empty() {
                return self.end_aggregate(rest);
            }
            self.push_nal(payload.slice_ref(nal))?;
        }
        match rest {
            [] => Ok(()),
            [0] => {
                self.tolerances.record(Tolerance::AggregatePadded);
                Ok(())
            }
            [_] => Err(PayloadError::Truncated { needed: 2, length: 1 }),
            [high, low, rest @ ..] => Err(PayloadError::Truncated {
                needed: u16::from_be_bytes([*high, *low]).into(),
                length: rest.len(),
            }),
        }
    }

    /// Takes an empty unit for the beginning of padding.
    fn end_aggregate(&mut self, rest: &[u8]) -> Result<(), PayloadError> {
        if rest.iter().any(|byte| *byte != 0) {
            return Err(PayloadError::Truncated { needed: 1, length: 0 });
        }
        self.tolerances.record(Tolerance::AggregatePadded);
        Ok(())
    }

    /// Adds the units of an aggregate in which each has its decoding order number: the first of two bytes, the others less
    /// one as the difference to the one before (RFC 7798, section 4.4.2).
    fn push_numbered_aggregate(&mut self, payload: &Bytes) -> Result<(), PayloadError> {
        let mut rest = self.take_order_number(body_of::<S>(payload))?;
        loop {
            let nal = aggregate_units(rest)
                .next()
                .ok_or(PayloadError::Truncated { needed: 2, length: rest.len() })?;
            self.push_nal(payload.slice_ref(nal))?;
            rest = rest.get(nal.len().saturating_add(2)..).unwrap_or_default();
            let Some((difference, behind)) = rest.split_first() else { return Ok(()) };
            let before = self.order.unwrap_or_default();
            self.turn_to_order(before.wrapping_add(u16::from(*difference)).wrapping_add(1))?;
            rest = behind;
        }
    }

    fn push_fragment(&mut self, payload: &[u8]) -> Result<(), PayloadError> {
        let (Some(header), [position, content @ ..]) = (header_of::<S>(payload), body_of::<S>(payload))
        else {
            let needed = S::HEADER_BYTES.saturating_add(1);
            return Err(PayloadError::Truncated { needed, length: payload.len() });
        };
        let mut content = content;
        let nal_type = position & S::FRAGMENT_TYPE;
        if position & FRAGMENT_START != 0 {
            self.unit.is_damaged |= self.drop_fragment();
            content = self.take_order_number(content)?;
            // Twice the last one, as sizes vary; the rest is given back.
            self.fragment =
                Vec::with_capacity(self.last_fragmented.saturating_mul(2).min(ACCESS_UNIT_BYTES_MAX));
            let header = S::with_type(header, nal_type);
            self.fragment.extend_from_slice(header.get(..S::HEADER_BYTES).unwrap_or_default());
            self.fragment_is_open = true;
        } else if !self.fragment_is_open {
            // Fragments left over by a loss, or by joining in the middle, are no error.
            return if self.unit.is_damaged { Ok(()) } else { Err(PayloadError::FragmentWithoutStart) };
        } else if type_of::<S>(&self.fragment).is_some_and(|first| first != nal_type) {
            self.tolerances.record(Tolerance::FragmentTypeChanged);
        }
        if content.is_empty() {
            self.tolerances.record(Tolerance::FragmentEmpty);
        }
        if let Err(error) = self.unit.reserve(self.fragment.len().saturating_add(content.len())) {
            self.drop_fragment();
            return Err(error);
        }
        self.fragment.extend_from_slice(content);
        if position & FRAGMENT_END != 0 {
            if position & FRAGMENT_START != 0 {
                self.tolerances.record(Tolerance::FragmentStartsAndEnds);
            }
            self.fragment_is_open = false;
            self.last_fragmented = self.fragment.len();
            let mut nal = std::mem::take(&mut self.fragment);
            nal.shrink_to_fit();
            return self.push_nal(nal.into());
        }
        Ok(())
    }

    /// Drops a NAL unit whose end is missing; returns `true` if there was one.
    fn drop_fragment(&mut self) -> bool {
        self.fragment = Vec::new();
        std::mem::take(&mut self.fragment_is_open)
    }
}
