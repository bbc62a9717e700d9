use std::collections::VecDeque;

use bytes::Bytes;

use super::{AccessUnit, PayloadError};
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNITS_READY_MAX};
use crate::rtp::RtpPacket;

/// Units of sound: those that wait to be polled, and one that comes in fragments.
///
/// A unit of which a fragment is missing is dropped, since a decoder has no use for a part of it. So none is ever damaged.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    ready: VecDeque<AccessUnit>,
    bytes: Vec<u8>,
    /// The timestamp of the unit that is being put together.
    open: Option<u32>,
    /// Source and sequence number of the packet before.
    last: Option<(u32, u16)>,
    /// A unit was dropped though no packet was lost.
    is_cut: bool,
}

impl Fragments {
    /// Turns to the next packet, before which `lost` packets are missing; says if it follows the one before without a loss.
    ///
    /// A unit that it cannot go on with is dropped.
    pub(super) fn turn_to(&mut self, packet: &RtpPacket, lost: u16) -> Result<bool, PayloadError> {
        if self.ready.len() >= ACCESS_UNITS_READY_MAX {
            return Err(PayloadError::Unpolled);
        }
        let (ssrc, sequence) = (packet.ssrc(), packet.sequence());
        let intact = lost == 0 && self.last.is_none_or(|last| last == (ssrc, sequence.wrapping_sub(1)));
        self.last = Some((ssrc, sequence));
        let goes_on = self.open.is_none_or(|timestamp| timestamp == packet.timestamp());
        if !intact || !goes_on {
            self.is_cut = intact;
            self.drop_open();
        }
        Ok(intact)
    }

    /// The result of a packet, and the word that a unit before it was cut off.
    pub(super) fn finish(&mut self, result: Result<(), PayloadError>) -> Result<(), PayloadError> {
        let is_cut = std::mem::take(&mut self.is_cut);
        if is_cut {
            result.and(Err(PayloadError::Malformed("a unit lacks its last fragment")))
        } else {
            result
        }
    }

    /// Adds a whole unit.
    pub(super) fn push(&mut self, timestamp: u32, unit: Bytes) {
        self.push_unit(AccessUnit {
            timestamp,
            parts: unit.into(),
            is_keyframe: true,
            is_damaged: false,
            configuration: None,
        });
    }

    /// Adds a unit of which more is to be said.
    pub(super) fn push_unit(&mut self, unit: AccessUnit) {
        self.ready.push_back(unit);
    }

    /// Begins a unit, of which `expected` bytes are told.
    pub(super) fn start(&mut self, timestamp: u32, expected: usize) {
        self.drop_open();
        self.bytes.reserve(expected.min(ACCESS_UNIT_BYTES_MAX));
        self.open = Some(timestamp);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Bytes of the unit that is being put together.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The unit that is being put together, as far as it has come.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a fragment; beyond the bound the unit is dropped.
    pub(super) fn extend(&mut self, fragment: &[u8]) -> Result<(), PayloadError> {
        if self.bytes.len().saturating_add(fragment.len()) > ACCESS_UNIT_BYTES_MAX {
            self.drop_open();
            return Err(PayloadError::TooLong);
        }
        self.bytes.extend_from_slice(fragment);
        Ok(())
    }

    /// Ends the unit that is being put together, and takes its bytes.
    pub(super) fn take(&mut self) -> Option<(u32, Bytes)> {
        let timestamp = self.open.take()?;
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.shrink_to_fit();
        Some((timestamp, bytes.into()))
    }

    pub(super) fn drop_open(&mut self) {
        self.open = None;
        self.bytes.clear();
    }

    pub(super) fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }

    /// Drops what is not whole, at the end of the stream or before a jump.
    pub(super) fn flush(&mut self) {
        self.drop_open();
        self.last = None;
    }
}
