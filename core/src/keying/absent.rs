//! The same types without SRTP: there is no value of them.

use bytes::Bytes;

use crate::rtp::RtpPacket;

#[derive(Clone, Copy, Debug)]
pub(crate) enum OwnKey {}

#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerKeys {}

#[derive(Debug)]
pub(crate) enum Opener {}

#[derive(Debug)]
pub(crate) enum Sealer {}

impl Opener {
    pub(crate) fn rekey(&self, _: &PeerKeys) {
        match *self {}
    }

    pub(crate) fn rtp(&self, _: &[u8]) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn rtcp(&self, _: &[u8]) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn refused(&self) -> u64 {
        match *self {}
    }
}

impl Sealer {
    pub(crate) fn rtp(&self, _: &RtpPacket) -> Option<RtpPacket> {
        match *self {}
    }

    pub(crate) fn rtcp(&self, _: &[u8]) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn rocs(&self) -> impl Iterator<Item = (u32, u32)> {
        std::iter::empty()
    }
}
