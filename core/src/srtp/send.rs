use std::ops::Range;

use bytes::BytesMut;

use super::cipher::{BuiltIn, Ciphers, Unit};
use super::header::{PacketHeader, rtcp_ssrc};
use super::session::{RTCP_PACKETS_MAX, SessionKeys};
use super::source::Sources;
use super::{MasterKey, ProtectError};
use crate::limits::{PACKET_BLOCK_BYTES, SRTP_PACKET_BYTES_MAX};
use crate::rtp::RtpPacket;

/// The sending side of one master key: protects packets of RTP and RTCP, of any number of sources up to
/// [`SRTP_SOURCES_MAX`](crate::limits::SRTP_SOURCES_MAX).
///
/// No sequence number of a source is protected twice, since that would give away the key stream. Only one context may send
/// with a key, except where [`rtcp_indices`](Self::rtcp_indices) divide its reports.
#[derive(Debug)]
pub struct SendContext {
    keys: SessionKeys,
    sources: Sources,
    rtcp_next: u32,
    rtcp_end: u32,
    /// Packets are cut out of it.
    block: BytesMut,
    ciphers: &'static dyn Ciphers,
}

impl SendContext {
    /// A context with the ciphers that are built in.
    pub fn new(key: &MasterKey) -> Self {
        Self::with_ciphers(key, &BuiltIn)
    }

    /// A context with ciphers of the program's.
    pub fn with_ciphers(key: &MasterKey, ciphers: &'static dyn Ciphers) -> Self {
        Self {
            keys: SessionKeys::derive(key, ciphers),
            sources: Sources::default(),
            rtcp_next: 0,
            rtcp_end: RTCP_PACKETS_MAX as u32,
            block: BytesMut::new(),
            ciphers,
        }
    }

    /// The same context with indices of its own for RTCP, none of 2^31 or more, where several contexts send reports with
    /// the same key: no two of them may have an index in common.
    #[must_use]
    pub fn rtcp_indices(self, indices: Range<u32>) -> Self {
        let end = indices.end.min(RTCP_PACKETS_MAX as u32);
        Self { rtcp_next: indices.start.min(end), rtcp_end: end, ..self }
    }

    /// Goes on with another master key. Rollover counters, and the indices of RTCP, go on as well.
    pub fn rekey(&mut self, key: &MasterKey) {
        self.keys = SessionKeys::derive(key, self.ciphers);
    }

    /// Returns `true` once little is left of the life of the key: it is time to agree on a new one.
    pub fn is_expiring(&self) -> bool {
        self.keys.is_expiring()
    }

    /// Bytes that protection adds to each RTP packet.
    pub fn overhead(&self) -> usize {
        self.keys.rtp_overhead()
    }

    /// Bytes that protection adds to each compound of RTCP.
    pub fn rtcp_overhead(&self) -> usize {
        self.keys.rtcp_overhead()
    }

    /// Has a source begin with a rollover counter other than zero.
    ///
    /// # Errors
    ///
    /// If there are too many sources.
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), ProtectError> {
        self.sources.get_or_insert(ssrc).ok_or(ProtectError::TooManySources)?.tell_roc(roc);
        Ok(())
    }

    /// Each source with its rollover counter, as a receiver that comes later has to be told them.
    pub fn rocs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.sources.rocs()
    }

    /// Protects a packet into memory that it shares with those before and after it.
    ///
    /// # Errors
    ///
    /// If the packet must not be protected, or is too long.
    pub fn protect(&mut self, packet: &RtpPacket) -> Result<RtpPacket, ProtectError> {
        let len = packet.len().saturating_add(self.overhead());
        let mut block = std::mem::take(&mut self.block);
        if block.capacity().saturating_sub(block.len()) < len {
            block = BytesMut::with_capacity(PACKET_BLOCK_BYTES.max(len));
        }
        let protected = self.protect_into(packet.as_bytes(), &mut block);
        let bytes = block.split().freeze();
        self.block = block;
        protected.map(|()| packet.with_protected(bytes))
    }

    /// Appends an RTP packet to `out` as it is sent.
    ///
    /// # Errors
    ///
    /// If the packet must not be protected, is too long, or is none; then nothing is appended.
    pub fn protect_into(&mut self, packet: &[u8], out: &mut BytesMut) -> Result<(), ProtectError> {
        let malformed = ProtectError::Malformed { length: packet.len() };
        let header = PacketHeader::read(packet).ok_or(malformed)?;
        check_len(packet.len(), self.overhead())?;
        if !self.keys.may_protect(false) {
            return Err(ProtectError::KeyExhausted);
        }
        let source = self.sources.get_or_insert(header.ssrc).ok_or(ProtectError::TooManySources)?;
        let index = source.index_of(header.sequence).ok_or(ProtectError::KeyExhausted)?;
        if !source.rtp.is_new(index) {
            return Err(ProtectError::Repeated);
        }
        let unit = Unit::rtp(header.ssrc, index, header.len);
        self.keys.seal(packet, unit, out).ok_or(malformed)?;
        source.pass(index);
        self.keys.count(false);
        Ok(())
    }

    /// Appends a compound of RTCP to `out` as it is sent.
    ///
    /// # Errors
    ///
    /// If the compound must not be protected, is too long, or is none; then nothing is appended.
    pub fn protect_rtcp_into(&mut self, compound: &[u8], out: &mut BytesMut) -> Result<(), ProtectError> {
        let malformed = ProtectError::Malformed { length: compound.len() };
        let ssrc = rtcp_ssrc(compound).ok_or(malformed)?;
        check_len(compound.len(), self.rtcp_overhead())?;
        if !self.keys.may_protect(true) || self.rtcp_next >= self.rtcp_end {
            return Err(ProtectError::KeyExhausted);
        }
        let unit = Unit::rtcp(ssrc, self.rtcp_next);
        self.keys.seal(compound, unit, out).ok_or(malformed)?;
        self.rtcp_next = self.rtcp_next.saturating_add(1);
        self.keys.count(true);
        Ok(())
    }
}

fn check_len(len: usize, overhead: usize) -> Result<(), ProtectError> {
    let is_too_long = len.saturating_add(overhead) > SRTP_PACKET_BYTES_MAX;
    if is_too_long { Err(ProtectError::TooLong { length: len }) } else { Ok(()) }
}
