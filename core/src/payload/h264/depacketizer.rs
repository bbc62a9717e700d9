use std::collections::VecDeque;

use bytes::Bytes;

use super::annex_b::{find_start_code, split_annex_b};
use super::unit::Unit;
use super::{Beginning, aggregate_units, beginning, nal, without_start_code};
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNITS_READY_MAX};
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
#[derive(Debug, Default)]
pub struct Depacketizer {
    /// Stays where it is from packet to packet: moving it costs more than all else that is done to it.
    unit: Unit,
    fragment: Vec<u8>,
    fragment_is_open: bool,
    /// Bytes of the last NAL unit that came in fragments.
    last_fragmented: usize,
    seen_start_code: bool,
    last: Option<Last>,
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

impl Depacketizer {
    /// A depacketizer that waits for the beginning of an access unit.
    pub fn new() -> Self {
        Self::default()
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
        self.unit.damaged |= result.is_err();
        self.last =
            Some(Last { ssrc: packet.ssrc(), sequence: packet.sequence(), timestamp: packet.timestamp() });
        if packet.marker() && !self.fragment_is_open {
            self.seen_marker = true;
            if !self.unit.has_picture && !self.unit.damaged {
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
    pub fn flush(&mut self) {
        self.unit.damaged |= self.drop_fragment();
        self.end_unit();
        self.last = None;
    }

    /// What was read though it deviates from the standard, since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }

    /// Goes on with the access unit that a packet belongs to, or ends the one before and begins it.
    fn turn_to_unit_of(&mut self, packet: &RtpPacket, lost: u16) {
        let (ssrc, timestamp) = (packet.ssrc(), packet.timestamp());
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
            if !unit.marked || matches!(beginning(packet.payload()), Beginning::No) {
                if !intact {
                    unit.damaged = true;
                    self.drop_fragment();
                }
                return;
            }
        } else if intact && !unit.has_picture && !unit.damaged && !self.fragment_is_open {
            (unit.ssrc, unit.timestamp) = (ssrc, timestamp);
            return;
        }
        if intact && !self.seen_marker {
            self.tolerances.record(Tolerance::MarkerMissing);
        }
        // A single lost packet was the marker of this unit, if there are markers at all.
        let lost_was_marker = lost == 1 && self.seen_marker && !unit.marked;
        unit.damaged |= !intact;
        self.unit.damaged |= self.drop_fragment();
        self.end_unit();
        let is_whole = intact || lost_was_marker || matches!(beginning(packet.payload()), Beginning::Certain);
        self.unit = Unit::new(ssrc, timestamp, !is_whole);
    }

    fn end_unit(&mut self) {
        self.ready.extend(std::mem::take(&mut self.unit).finish());
    }

    /// The access unit that a packet begins while none is being put together.
    fn first_unit(&mut self, packet: &RtpPacket, intact: bool, goes_on: bool) -> Unit {
        let beginning = beginning(packet.payload());
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
        Unit::new(packet.ssrc(), packet.timestamp(), !is_whole)
    }

    fn push_payload(&mut self, packet: &RtpPacket) -> Result<(), PayloadError> {
        let payload = packet.payload();
        let header = *payload.first().ok_or(PayloadError::Empty)?;
        let nal_type = nal::type_of(header);
        if nal_type != nal::FU_A {
            self.unit.damaged |= self.drop_fragment();
        }
        match nal_type {
            1..=23 => self.push_nal(packet.payload_bytes()),
            nal::STAP_A => self.push_aggregate(&packet.payload_bytes()),
            nal::FU_A => self.push_fragment(payload),
            0 if without_start_code(payload).len() < payload.len() => self.push_nal(packet.payload_bytes()),
            _ => Err(PayloadError::Unsupported(nal_type)),
        }
    }

    /// Adds a NAL unit, or those that start codes separate in it.
    fn push_nal(&mut self, nal: Bytes) -> Result<(), PayloadError> {
        // To look through every picture as a whole would take half as long again as putting it together.
        let is_picture = nal.first().is_some_and(|header| nal::is_picture(nal::type_of(*header)));
        let suspect = if is_picture && !self.seen_start_code {
            nal.get(..SEARCHED_BYTES).unwrap_or(&nal)
        } else {
            &nal
        };
        if find_start_code(suspect).is_none() {
            return self.unit.push(nal);
        }
        self.seen_start_code = true;
        self.tolerances.record(Tolerance::AnnexBInPayload);
        let mut units = split_annex_b(&nal).peekable();
        // The header that a fragmented byte stream was given is no unit of its own.
        units.next_if(|first| first.len() == 1);
        units.try_for_each(|unit| self.unit.push(nal.slice_ref(unit)))
    }

    fn push_aggregate(&mut self, payload: &Bytes) -> Result<(), PayloadError> {
        let mut rest = payload.get(1..).unwrap_or_default();
        for nal in aggregate_units(rest) {
            rest = rest.get(nal.len().saturating_add(2)..).unwrap_or_default();
            if nal.is_empty() {
                if rest.iter().any(|byte| *byte != 0) {
                    return Err(PayloadError::Truncated { needed: 1, length: 0 });
                }
                self.tolerances.record(Tolerance::AggregatePadded);
                return Ok(());
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

    fn push_fragment(&mut self, payload: &[u8]) -> Result<(), PayloadError> {
        let &[indicator, position, ref content @ ..] = payload else {
            return Err(PayloadError::Truncated { needed: 2, length: payload.len() });
        };
        let header = indicator & 0xe0 | nal::type_of(position);
        if position & nal::FU_START != 0 {
            self.unit.damaged |= self.drop_fragment();
            // Twice the last one, as sizes vary: what is left over is given back.
            self.fragment =
                Vec::with_capacity(self.last_fragmented.saturating_mul(2).min(ACCESS_UNIT_BYTES_MAX));
            self.fragment.push(header);
            self.fragment_is_open = true;
        } else if !self.fragment_is_open {
            // What a loss, or joining in the middle, has left over is no error.
            return if self.unit.damaged { Ok(()) } else { Err(PayloadError::FragmentWithoutStart) };
        } else if self.fragment.first().is_some_and(|first| nal::type_of(*first) != nal::type_of(header)) {
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
        if position & nal::FU_END != 0 {
            if position & nal::FU_START != 0 {
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

    /// Drops a NAL unit whose end is missing; says whether there was one.
    fn drop_fragment(&mut self) -> bool {
        self.fragment = Vec::new();
        std::mem::take(&mut self.fragment_is_open)
    }
}
