//! The same without SRTP: medias that are encrypted are refused.

use bytes::Bytes;

use super::command::Task;
use super::setup::Setup;
use super::{Client, CommandError, SendError};
use crate::Instant;
use crate::description::Description;
use crate::frame::FrameWriter;
use crate::header::KeyMgmt;
use crate::random::Random;
use crate::rtp::RtpPacket;
use crate::udp::Port;
use crate::url::Url;
use crate::wire::{Request, Response, StatusCode};

#[derive(Debug, Default)]
pub(super) struct Keys {}

/// There are no keys.
#[derive(Debug)]
pub(super) enum OwnSide {}

#[derive(Debug)]
pub(super) enum Guard {}

#[derive(Debug)]
pub(super) enum Renewal {}

impl Keys {
    pub(super) fn forget(&mut self) {
        *self = Self {};
    }

    pub(super) fn writer_seed(&self, random: &mut Random) -> [u8; 32] {
        random.seed()
    }

    pub(super) fn handle_writer(&self, _: &FrameWriter) {}

    pub(super) fn handle_announced(&self, _: &Response) {}
}

impl Guard {
    pub(super) fn ssrc(&self) -> u32 {
        match *self {}
    }

    pub(super) fn open(&self, _: Port, _: Bytes) -> Option<Bytes> {
        match *self {}
    }

    pub(super) fn overhead(&self) -> usize {
        match *self {}
    }

    pub(super) fn protect(&self, _: &RtpPacket) -> Result<Bytes, SendError> {
        match *self {}
    }

    pub(super) fn protect_rtcp(&self, _: &[u8]) -> Option<Bytes> {
        match *self {}
    }

    pub(super) fn punch(&self, _: Port) -> Option<Bytes> {
        match *self {}
    }

    pub(super) fn refused(&self) -> u64 {
        match *self {}
    }
}

impl Client {
    pub(super) fn to_announce(&self, description: Description) -> Description {
        description
    }

    pub(super) fn with_keys(
        &self,
        _: Instant,
        description: &Description,
    ) -> Result<Description, CommandError> {
        match description.medias.iter().position(|media| media.profile.is_secure()) {
            Some(media) => Err(CommandError::Encrypted(media)),
            None => Ok(description.clone()),
        }
    }

    pub(super) fn own_side(&self, media: usize) -> Result<Option<Box<OwnSide>>, CommandError> {
        if self.is_secure(media) { Err(CommandError::Encrypted(media)) } else { Ok(None) }
    }

    pub(super) fn key_header(&self, _: Instant, _: &Setup, _: &Url) -> Option<KeyMgmt> {
        None
    }

    pub(super) fn takes_over_keys(&self, _: &Setup, _: StatusCode) -> bool {
        false
    }

    pub(super) fn guard(&self, _: &Setup, _: &Url, _: &Response) -> Result<Option<Box<Guard>>, CommandError> {
        Ok(None)
    }

    pub(super) fn replace_keys(&self, _: &Request) -> Option<StatusCode> {
        None
    }

    pub(super) fn renew_keys(&self, _: Instant) {}

    pub(super) fn start_renewal(&self, _: Instant, _: Task) {}

    pub(super) fn renewal_answered(&self, _: Task, _: &Response) {}
}
