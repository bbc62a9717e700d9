use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::OwnKey;
use crate::rtp::RtpPacket;
use crate::srtp::{Ciphers, ProtectError, SendContext};

/// Protects what is sent of one media.
#[derive(Debug)]
pub(crate) struct Sealer(SendContext);

impl Sealer {
    pub(crate) fn new(key: &OwnKey, ciphers: &'static dyn Ciphers) -> Self {
        Self(SendContext::with_ciphers(key.key(), ciphers))
    }

    /// The same with indices of its own for RTCP, where several send reports with one key.
    pub(crate) fn rtcp_indices(self, indices: Range<u32>) -> Self {
        Self(self.0.rtcp_indices(indices))
    }

    /// Goes on with another key.
    pub(crate) fn rekey(&mut self, key: &OwnKey) {
        self.0.rekey(key.key());
    }

    /// The packet as it is sent.
    #[inline]
    pub(crate) fn rtp(&mut self, packet: &RtpPacket) -> Result<RtpPacket, ProtectError> {
        self.0.protect(packet)
    }

    /// A compound of RTCP as it is sent.
    pub(crate) fn rtcp(&mut self, compound: &[u8]) -> Result<Bytes, ProtectError> {
        let mut sealed = BytesMut::with_capacity(compound.len().saturating_add(self.0.rtcp_overhead()));
        self.0.protect_rtcp_into(compound, &mut sealed)?;
        Ok(sealed.freeze())
    }

    /// Bytes that protection adds to a packet of RTP.
    pub(crate) fn overhead(&self) -> usize {
        self.0.overhead()
    }

    /// Each source with its rollover counter.
    pub(crate) fn rocs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.rocs()
    }

    /// Returns `true` once it is time to agree on another key.
    pub(crate) fn is_expiring(&self) -> bool {
        self.0.is_expiring()
    }
}
