//! The same types without SRTP: there is no value of them.

use bytes::Bytes;

use crate::rtp::RtpPacket;

#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerKeys {}

#[derive(Debug)]
pub(crate) enum Opener {}

#[derive(Debug)]
pub(crate) enum Sealer {}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ProtectError {}

impl Opener {
    pub(crate) fn rekey(&self, _: &PeerKeys) {
        match *self {}
    }

    pub(crate) fn rtp(&self, _: Bytes) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn rtcp(&self, _: Bytes) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn refused(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn is_expiring(&self) -> bool {
        match *self {}
    }
}

impl Sealer {
    pub(crate) fn rtp(&self, _: &RtpPacket) -> Result<RtpPacket, ProtectError> {
        match *self {}
    }

    pub(crate) fn rtcp(&self, _: &[u8]) -> Result<Bytes, ProtectError> {
        match *self {}
    }

    pub(crate) fn rocs(&self) -> impl Iterator<Item = (u32, u32)> {
        std::iter::empty()
    }

    pub(crate) fn is_expiring(&self) -> bool {
        match *self {}
    }
}
