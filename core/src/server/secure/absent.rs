//! The same without SRTP: nothing is offered, and RTP/SAVP is refused (461).

use bytes::Bytes;

use super::request::Outcome;
use super::session::Track;
use super::{Server, ServerConfig};
use crate::header::KeyMgmt;
use crate::ingest::Shield;
use crate::keying::{Opener, PeerKeys};
use crate::stream::Streams;
use crate::subscription::Protection;
use crate::wire::{Request, Response};
use crate::{ConnId, Instant, SessionId, StreamId};

#[derive(Clone, Copy, Debug)]
pub(super) enum TrackKeys {}

#[derive(Clone, Copy, Debug)]
pub(super) enum StreamKeys {}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {}

impl Server {
    pub(super) fn takes_srtp(&self, _: ConnId) -> bool {
        false
    }

    pub(super) fn keys_told(
        &self,
        _: ConnId,
        _: &Request,
        _: Option<SessionId>,
        _: u8,
    ) -> Result<Option<PeerKeys>, Response> {
        Ok(None)
    }

    pub(super) fn agree_with_publisher(&self, _: Instant, peer: PeerKeys) -> (TrackKeys, KeyMgmt) {
        match peer {}
    }

    pub(super) fn agree_with_reader(
        &self,
        _: Instant,
        _: (SessionId, StreamId, u8),
        _: Option<PeerKeys>,
        _: &dyn Streams,
    ) -> Option<(TrackKeys, KeyMgmt)> {
        None
    }

    pub(super) fn check_keys(
        &self,
        _: Option<SessionId>,
        _: StreamId,
        _: Option<&PeerKeys>,
    ) -> Result<(), Response> {
        Ok(())
    }

    pub(super) fn leave_secure_log(&self, _: StreamId, _: SessionId) {}

    pub(super) fn with_offer(
        &self,
        _: Instant,
        _: ConnId,
        _: StreamId,
        sdp: Bytes,
        _: &dyn Streams,
    ) -> Bytes {
        sdp
    }

    pub(super) fn offered_log(&self, _: StreamId) -> Option<u32> {
        None
    }

    pub(super) fn log_of_group(&self, _: &Request, _: Option<SessionId>, _: StreamId) -> Option<u32> {
        None
    }

    pub(super) fn protection_of(&self, _: SessionId) -> Option<Protection> {
        None
    }

    pub(super) fn shield_of(&self, _: SessionId, _: u8) -> Option<Box<Shield>> {
        None
    }

    pub(super) fn rekey(
        &self,
        _: ConnId,
        _: &Request,
        _: Option<SessionId>,
    ) -> Result<Option<Outcome>, Response> {
        Ok(None)
    }
}

impl Track {
    pub(super) fn opener(&self, _: &ServerConfig) -> Option<Box<Opener>> {
        self.keys.as_ref().map(|keys| match **keys {})
    }
}

impl StreamKeys {
    pub(super) fn log(&self) -> Option<u32> {
        match *self {}
    }
}
