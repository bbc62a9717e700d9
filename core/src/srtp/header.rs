//! The parts of a packet that protection looks at.

use super::cipher::RTCP_HEADER_BYTES;
use crate::rtp::HEADER_BYTES;

/// The header of an RTP packet, as far as it is needed, with its contributing sources and its extension.
#[derive(Clone, Copy)]
pub(super) struct PacketHeader {
    pub(super) sequence: u16,
    pub(super) ssrc: u32,
    /// Bytes up to the payload.
    pub(super) len: usize,
}

impl PacketHeader {
    /// `None` if the bytes are no packet of version 2, or shorter than its header.
    #[inline]
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let [first, _, s1, s0, _, _, _, _, c3, c2, c1, c0] = *packet.first_chunk::<HEADER_BYTES>()?;
        if first >> 6 != 2 {
            return None;
        }
        let sources = usize::from(first & 0x0f).saturating_mul(4);
        let mut len = HEADER_BYTES.saturating_add(sources);
        if first & 0x10 != 0 {
            let [_, _, w1, w0] = *packet.get(len..)?.first_chunk()?;
            let words = usize::from(u16::from_be_bytes([w1, w0]));
            len = len.saturating_add(words.saturating_mul(4)).saturating_add(4);
        }
        let sequence = u16::from_be_bytes([s1, s0]);
        (len <= packet.len()).then_some(Self { sequence, ssrc: u32::from_be_bytes([c3, c2, c1, c0]), len })
    }
}

/// The SSRC of the sender of a compound of RTCP; `None` if the bytes are none.
pub(super) fn rtcp_ssrc(compound: &[u8]) -> Option<u32> {
    let [first, _, _, _, c3, c2, c1, c0] = *compound.first_chunk::<RTCP_HEADER_BYTES>()?;
    (first >> 6 == 2).then_some(u32::from_be_bytes([c3, c2, c1, c0]))
}
