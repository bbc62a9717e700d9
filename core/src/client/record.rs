//! ANNOUNCE, RECORD, and the packets that are sent.

use super::command::{Command, Task, accepted};
use super::describe::Presentation;
use super::table::Verb;
use super::track::{Path, Track};
use super::{Client, CommandError, Reply, SendError, State};
use crate::rtp::RtpPacket;
use crate::udp::Port;
use crate::wire::{Method, Request, Response};
use crate::{Instant, NtpTime};

/// Bytes of a UDP datagram over IPv4 at most.
const DATAGRAM_BYTES_MAX: usize = 65_507;
/// Bytes of an interleaved frame at most (RFC 2326, section 10.12).
const FRAME_BYTES_MAX: usize = u16::MAX as usize;

impl Client {
    pub(super) fn start_announce(&mut self, now: Instant, task: Task) {
        let Command::Announce(description) = &task.command else { return };
        if task.id.is_some() {
            self.keys.forget();
        }
        let announced = match self.with_keys(now, description) {
            Ok(announced) => announced,
            Err(error) => return self.finish(now, task, Err(error)),
        };
        let request = Request::new(Method::Announce, self.url.as_request_uri())
            .with_body("application/sdp", announced.to_sdp());
        self.run(now, task, request);
    }

    pub(super) fn announce_answered(&mut self, now: Instant, task: Task, response: &Response) {
        let Command::Announce(description) = &task.command else { return };
        let result = accepted(response).map(|()| {
            if task.id.is_some() {
                self.want_nothing();
            }
            let description = (**description).clone();
            self.keys.handle_announced(response);
            self.presentation =
                Some(Presentation { description, base: self.url.clone(), groups: Vec::new() });
            self.state = self.state.after(Verb::Announce);
            Reply::Announced
        });
        self.finish(now, task, result);
    }

    pub(super) fn start_record(&mut self, now: Instant, task: Task) {
        if self.tracks.is_empty() {
            return self.finish(now, task, Err(CommandError::NothingSetUp));
        }
        let request = Request::new(Method::Record, self.base().as_request_uri());
        self.run(now, task, request);
    }

    pub(super) fn record_answered(&mut self, now: Instant, task: Task, response: &Response) {
        let result = accepted(response).map(|()| {
            self.state = self.state.after(Verb::Record);
            Reply::Recording
        });
        self.finish(now, task, result);
    }

    /// Sends a packet of the media of this index.
    ///
    /// # Errors
    ///
    /// In each case the packet is not sent and not counted:
    ///
    /// * The client neither plays nor records, or a PAUSE is not answered yet.
    /// * It [reconnects](super::ClientConfig::reconnect).
    /// * The media is not set up, or is no [back channel](super::ClientConfig::back_channel) while the client plays.
    /// * The packet is too long for its transport, or cannot be protected (SRTP).
    /// * Too many packets wait, because the server does not read as fast.
    pub fn send(&mut self, now: Instant, media: usize, packet: &RtpPacket) -> Result<(), SendError> {
        self.send_with_ntp(now, media, packet, NtpTime::default())
    }

    /// Sends a packet that belongs to the wall clock time `ntp`.
    ///
    /// For a source with a clock of its own, such as a camera that is relayed: sender reports of all medias use that clock from
    /// then on. A time of zero, which a source without a clock gives, is ignored.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub fn send_with_ntp(
        &mut self,
        now: Instant,
        media: usize,
        packet: &RtpPacket,
        ntp: NtpTime,
    ) -> Result<(), SendError> {
        if !matches!(self.state, State::Play | State::Record) || self.link.is_closed() {
            return Err(self.unsent_error(SendError::State(self.state)));
        }
        if self.is_pausing() {
            return Err(SendError::Pausing);
        }
        let named = |(_, track): &(usize, &mut Track)| track.media == media;
        let (index, track) =
            self.tracks.iter_mut().enumerate().find(named).ok_or(SendError::NotSetUp(media))?;
        if !track.is_sent {
            return Err(SendError::NotSent(media));
        }
        let bytes = packet.len().saturating_add(track.overhead());
        let bytes_max = match track.path {
            Path::Tcp { .. } => FRAME_BYTES_MAX,
            Path::Udp { .. } => DATAGRAM_BYTES_MAX,
        };
        if bytes > bytes_max {
            return Err(SendError::TooLong(bytes));
        }
        // A packet is protected once only, and so not before there is room for it.
        let has_room = match &track.path {
            Path::Tcp { .. } => self.link.has_room(bytes),
            Path::Udp { source, .. } => {
                source.destination(Port::Rtp).is_some() && self.datagrams.has_room(bytes)
            }
        };
        if !has_room {
            return Err(SendError::Full);
        }
        let data = track.protect(packet)?;
        match &track.path {
            Path::Tcp { rtp, .. } => _ = self.link.push_frame(now, *rtp, data),
            Path::Udp { id, source, .. } => {
                let to = source.destination(Port::Rtp).into_iter();
                to.for_each(|to| _ = self.datagrams.push(*id, Port::Rtp, to, data.clone()));
            }
        }
        // Readers can tell the time of a source from its first report on.
        let is_first = track.handle_sent(now, packet);
        if ntp != NtpTime::default() {
            track.set_reference(packet, ntp);
            self.sources_wall = Some((now, ntp));
        }
        if track.report_at.is_none() {
            track.report_at = Some(now);
            self.send_reports(now);
        } else if is_first {
            self.send_first_report(now, index, packet.ssrc());
        }
        self.renew_keys(now);
        Ok(())
    }

    /// Why nothing can be sent: there is no session at the moment, or never was one for that.
    pub(super) fn unsent_error(&self, otherwise: SendError) -> SendError {
        if self.is_reconnecting() { SendError::Reconnecting } else { otherwise }
    }
}
