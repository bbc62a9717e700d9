use bytes::{Bytes, BytesMut};

use super::PeerKeys;
use crate::limits::PACKET_BLOCK_BYTES;
use crate::srtp::{Ciphers, ReceiveContext, UnprotectError};

/// Decrypts what a peer sends of one media, and counts what it refuses.
#[derive(Debug)]
pub(crate) struct Opener {
    context: ReceiveContext,
    /// Packets are cut out of it.
    block: BytesMut,
    refused: u64,
}

impl Opener {
    pub(crate) fn new(keys: &PeerKeys, ciphers: &'static dyn Ciphers) -> Option<Self> {
        let context = ReceiveContext::with_ciphers(keys.keys().first()?, ciphers);
        let mut opener = Self { context, block: BytesMut::new(), refused: 0 };
        keys.keys().iter().skip(1).for_each(|key| opener.context.rekey(key));
        opener.tell_rocs(keys);
        Some(opener)
    }

    /// Takes packets under keys that the peer has told in the place of the former. Rollover counters go on.
    pub(crate) fn rekey(&mut self, keys: &PeerKeys) {
        keys.keys().iter().for_each(|key| self.context.rekey(key));
        self.tell_rocs(keys);
    }

    /// The packet of RTP that was protected; `None` if it is not the peer's, or was sent before.
    #[inline]
    pub(crate) fn rtp(&mut self, data: Bytes) -> Option<Bytes> {
        self.open(data, ReceiveContext::unprotect)
    }

    /// The same of RTCP.
    pub(crate) fn rtcp(&mut self, data: Bytes) -> Option<Bytes> {
        self.open(data, ReceiveContext::unprotect_rtcp)
    }

    /// Packets and compounds that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// Returns `true` once it is time to agree on other keys.
    pub(crate) fn is_expiring(&self) -> bool {
        self.context.is_expiring()
    }

    /// Decrypts in place what nobody else has, and otherwise a copy: mostly what was read is shared with what came around it.
    fn open(
        &mut self,
        data: Bytes,
        unprotect: impl Fn(&mut ReceiveContext, &mut [u8]) -> Result<usize, UnprotectError>,
    ) -> Option<Bytes> {
        let mut data = data.try_into_mut().unwrap_or_else(|shared| self.copy_of(&shared));
        let Ok(len) = unprotect(&mut self.context, &mut data) else {
            self.refused = self.refused.saturating_add(1);
            return None;
        };
        data.truncate(len);
        Some(data.freeze())
    }

    fn copy_of(&mut self, data: &[u8]) -> BytesMut {
        if self.block.capacity() < data.len() {
            self.block = BytesMut::with_capacity(PACKET_BLOCK_BYTES.max(data.len()));
        }
        self.block.extend_from_slice(data);
        self.block.split()
    }

    fn tell_rocs(&mut self, keys: &PeerKeys) {
        for (ssrc, roc) in keys.rocs() {
            // Packets of a source too many are refused when they come.
            let _ = self.context.set_roc(ssrc, roc);
        }
    }
}
