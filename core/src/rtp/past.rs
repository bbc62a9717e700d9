use super::RtpPacket;
use super::clock;
use crate::limits::{REORDER_PACKETS, TIMESTAMP_BACK_MAX};

/// The last packet of a source that has sent before, over another session or before a pause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Past {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

impl Past {
    /// Returns true for a packet that has come before: the source goes on, and repeats what it was not sure of.
    ///
    /// A source that begins anew with the same SSRC has another sequence, or later timestamps, most probably.
    pub(super) fn repeats(&self, packet: &RtpPacket, clock_rate: u32) -> bool {
        let behind = usize::from(self.sequence.wrapping_sub(packet.sequence()));
        // The last packet may have been of a B-frame.
        let most = clock::to_units(TIMESTAMP_BACK_MAX, clock_rate);
        let ahead = clock::distance(packet.timestamp(), self.timestamp).unwrap_or_default();
        packet.ssrc() == self.ssrc && behind < REORDER_PACKETS && u64::from(ahead) <= most
    }
}
