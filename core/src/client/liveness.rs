//! Signs of life: is the server there, and does media come?
//!
//! These are two questions. A server that answers is there, however quiet its media: when nothing has come of it for a
//! while it is asked with a keepalive, and taken for gone if nothing comes then either. A silent media is told of, and
//! the application chooses what follows.

use super::presence::{Change, Presence};
use super::track::Track;
use super::{
    Client, ClientCloseReason, ClientConfig, ClientEvent, KeepalivePolicy, MediaSilencePolicy, State,
};
use crate::Instant;
use crate::deadline::Doubt;
use crate::header::Lower;
use crate::limits::LOST_SESSION_WAIT;
use crate::wire::Method;

/// The signs that the server is there while it plays.
#[derive(Debug)]
pub(super) struct Liveness {
    /// Since when it plays.
    playing: Option<Instant>,
    /// When anything came of the server: a byte of the connection, or a datagram of a track.
    heard: Option<Instant>,
    /// An RTP datagram of a track has come.
    hears_datagrams: bool,
    /// When the server was asked whether it is there.
    asked: Option<Instant>,
    denial: Option<Denial>,
    doubt: Doubt,
}

/// The server has answered that it does not know the session, while media came.
#[derive(Debug)]
struct Denial {
    at: Instant,
    /// The method of the keepalive that it has answered, if it was one.
    keepalive: Option<Method>,
}

impl Liveness {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let shortest = config.first_udp_packet.min(config.silence).min(config.response_deadline);
        Self {
            playing: None,
            heard: None,
            hears_datagrams: false,
            asked: None,
            denial: None,
            doubt: Doubt::within(shortest),
        }
    }

    /// Forgets the media: none is played any more, or not yet. Signs of the server stay, and so does the look at a deadline.
    pub(super) fn forget_media(&mut self) {
        (self.playing, self.hears_datagrams, self.asked, self.denial) = (None, false, None, None);
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.playing = Some(now);
    }

    #[inline]
    pub(super) fn handle_heard(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// When anything came of the server last; the beginning of time if nothing ever has.
    #[inline]
    pub(super) fn heard(&self) -> Instant {
        self.heard.unwrap_or(Instant::ZERO)
    }

    pub(super) fn has_heard_since(&self, then: Instant) -> bool {
        self.heard.is_some_and(|heard| heard > then)
    }

    pub(super) fn handle_datagram(&mut self) {
        self.hears_datagrams = true;
    }
}

/// The step that is due when the server has shown nothing for too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    /// It is asked.
    Ask(Instant),
    /// UDP is given up for TCP.
    Switch(Instant),
    /// Nothing has come over UDP, and nothing else is left to be tried.
    GiveUpUdp(Instant),
    /// It is taken for gone.
    GiveUp(Instant),
    /// There is no connection and no media, and the session is taken for lost.
    Lose(Instant),
    /// The server does not know the session, and plays on or does not.
    Believe(Instant),
}

impl Client {
    /// When something is due because the server, or its media, is silent.
    pub(super) fn silence_deadline(&self) -> Option<Instant> {
        if self.is_holding_up() {
            return None;
        }
        let server = self.due().map(|due| match due {
            Due::Ask(at) => at,
            Due::Switch(at) | Due::GiveUpUdp(at) | Due::GiveUp(at) | Due::Lose(at) | Due::Believe(at) => {
                self.liveness.doubt.look_at(at)
            }
        });
        let presences = self.presences().filter_map(|track| track.presence.as_ref()?.poll_timeout());
        server.into_iter().chain(presences).min()
    }

    /// Takes a look at the deadline of a session without its connection: it is an earlier one than with it, so that a look may be
    /// due already.
    pub(super) fn look_at_silence(&mut self, now: Instant) {
        if let Some(Due::Lose(at)) = self.due() {
            self.liveness.doubt.look(now, at);
        }
    }

    pub(super) fn check_silence(&mut self, now: Instant) {
        if self.is_holding_up() {
            return;
        }
        if matches!(self.due(), Some(Due::Ask(at)) if at <= now) {
            self.liveness.asked = Some(now);
            // It may turn out that it answers none, so that it has been silent for too long already.
            self.keepalive_now(now);
        }
        self.check_denial(now);
        match self.due() {
            Some(Due::Switch(at)) if self.liveness.doubt.is_over(now, at) => {
                return self.play_over_tcp();
            }
            Some(Due::GiveUpUdp(at)) if self.liveness.doubt.is_over(now, at) => {
                let (waited, tcp_refused) = (self.config.silence, self.tcp_refused());
                return self.close(now, ClientCloseReason::NothingOverUdp { waited, tcp_refused });
            }
            Some(Due::GiveUp(at)) if self.liveness.doubt.is_over(now, at) => {
                return self.close(now, ClientCloseReason::Silence);
            }
            Some(Due::Lose(at)) if self.liveness.doubt.is_over(now, at) => return self.lose_session(now),
            Some(Due::Believe(at)) if self.liveness.doubt.is_over(now, at) => {
                return self.close(now, ClientCloseReason::SessionLost);
            }
            _ => {}
        }
        self.check_medias(now);
    }

    fn check_medias(&mut self, now: Instant) {
        if !self.is_playing() {
            return;
        }
        for index in 0..self.tracks.len() {
            let Some(track) = self.tracks.get_mut(index) else { return };
            let media = track.media;
            if let Some(change) = track.presence.as_mut().and_then(|presence| presence.expire(now)) {
                let is_silent = change == Change::Silent;
                self.tell(media, change);
                if is_silent && self.config.media_silence_policy == MediaSilencePolicy::Close {
                    return self.close(now, ClientCloseReason::MediaSilent(media));
                }
            }
        }
        if self.may_reconnect() && self.tracks.iter().all(Track::has_ended) && !self.is_complete() {
            self.close(now, ClientCloseReason::Ended);
        }
    }

    /// Takes an answer that says that there is no such session. Some devices say so of one that they play on, so packets are
    /// waited for where they came before.
    pub(super) fn session_denied(&mut self, now: Instant, keepalive: Option<Method>) {
        if self.state != State::Play || !self.hears_media(now) {
            return self.close(now, ClientCloseReason::SessionLost);
        }
        let denial = self.liveness.denial.get_or_insert(Denial { at: now, keepalive: None });
        denial.keepalive = denial.keepalive.take().or(keepalive);
        let presences = self.tracks.iter_mut().filter_map(|track| track.presence.as_mut());
        presences.for_each(|presence| presence.look_again(now));
    }

    /// Does not believe the server that there is no session once it has played on.
    fn check_denial(&mut self, now: Instant) {
        let mut presences = self.tracks.iter().filter_map(|track| track.presence.as_ref());
        let plays_on = |denial: &mut Denial| presences.any(|presence| presence.has_heard_since(denial.at));
        let denial = self.liveness.denial.take_if(plays_on);
        if let Some(method) = denial.and_then(|denial| denial.keepalive) {
            self.keepalive_denied(now, method);
        }
    }

    pub(super) fn tell(&mut self, media: usize, change: Change) {
        let event = match change {
            Change::Silent => ClientEvent::MediaSilent(media),
            Change::Resumed => ClientEvent::MediaResumed(media),
            Change::Ended => ClientEvent::Ended(media),
            Change::Restarted => ClientEvent::Restarted(media),
            Change::Rtcp { compound, loss } => {
                let compound = compound.map(|compound| ClientEvent::RtcpReceived { media, compound });
                compound.into_iter().for_each(|event| self.event(event));
                let Some((fraction_lost, lost)) = loss else { return };
                ClientEvent::LossReported { media, fraction_lost, lost }
            }
        };
        self.event(event);
    }

    /// The server has gone, so that tracks that it has left do not begin again.
    pub(super) fn end_tracks_that_were_left(&mut self) {
        for index in 0..self.tracks.len() {
            let Some(track) = self.tracks.get_mut(index) else { return };
            let media = track.media;
            if track.presence.as_mut().is_some_and(|presence| presence.end_if_left()) {
                self.tell(media, Change::Ended);
            }
        }
    }

    /// Returns `true` if the server has left all its media (BYE): the end of the connection is then that of the session.
    pub(super) fn was_left(&self) -> bool {
        let presences = || self.tracks.iter().filter_map(|track| track.presence.as_ref());
        self.state == State::Play && presences().any(Presence::was_left) && presences().all(Presence::is_over)
    }

    /// Returns `true` if packets come.
    pub(super) fn hears_media(&self, now: Instant) -> bool {
        let silence = self.config.media_silence;
        let mut presences = self.tracks.iter().filter_map(|track| track.presence.as_ref());
        presences.any(|presence| presence.has_heard_within(now, silence))
    }

    fn is_playing(&self) -> bool {
        self.liveness.playing.is_some() && self.state == State::Play && !self.is_leaving()
    }

    fn presences(&self) -> impl Iterator<Item = &Track> {
        let is_playing = self.is_playing();
        self.tracks.iter().filter(move |_| is_playing)
    }

    fn due(&self) -> Option<Due> {
        let Some(playing) = self.liveness.playing.filter(|_| self.is_playing()) else {
            return self.due_without_media();
        };
        if self.tracks.iter().all(Track::has_ended) {
            return None;
        }
        if let Some(denial) = &self.liveness.denial {
            return Some(Due::Believe(denial.at + LOST_SESSION_WAIT));
        }
        if self.lower == Lower::Udp && !self.liveness.hears_datagrams && self.expects_packets() {
            if self.may_leave_udp() {
                // A command that runs comes first, and so does one that waits for a connection; both have deadlines of their own.
                let at = playing + self.config.first_udp_packet;
                return (self.running.is_none() && self.queue.is_empty()).then_some(Due::Switch(at));
            }
            return Some(Due::GiveUpUdp(playing + self.config.silence));
        }
        let heard = self.liveness.heard.map_or(playing, |heard| heard.max(playing));
        if !self.link.is_up() && self.config.keepalive != KeepalivePolicy::Never {
            return Some(self.due_without_connection(heard));
        }
        if self.keepalive.is_mute() || self.config.keepalive == KeepalivePolicy::Never {
            // It cannot be asked. Of a connection the system says if it is alive.
            let timeout = self.session.timeout().max(self.config.silence);
            return (self.lower == Lower::Udp).then_some(Due::GiveUp(heard + timeout));
        }
        Some(match self.liveness.asked.filter(|asked| *asked > heard) {
            Some(asked) => Due::GiveUp(asked + self.config.response_deadline),
            None => Due::Ask(heard + self.config.silence),
        })
    }

    /// The deadline of a session that goes on without its connection, whose media was heard last at `heard`.
    fn due_without_connection(&self, heard: Instant) -> Due {
        let patience = if self.expects_packets() {
            LOST_SESSION_WAIT.min(self.config.silence)
        } else {
            self.config.silence
        };
        match self.liveness.asked.filter(|asked| *asked > heard) {
            Some(asked) => Due::Lose(asked + patience),
            None if self.link.is_connecting() || self.reconnect_at.is_some() => Due::Lose(heard + patience),
            None => Due::Ask(heard + patience),
        }
    }

    /// The deadline while nothing but answers is to come: before PLAY, paused or recording.
    ///
    /// Keepalives ask the server anyway. It is gone once four of them in a row, or more, have had no answer, and nothing
    /// else has come either. A device that is known to answer none is not taken for gone.
    fn due_without_media(&self) -> Option<Due> {
        let heard = self.liveness.heard.max(self.keepalive.answered())?;
        let is_asked = self.keepalive_deadline().is_some() && !self.keepalive.is_mute();
        is_asked.then(|| Due::GiveUp(heard + self.session.timeout().saturating_mul(2)))
    }

    /// Returns `true` if there is a media that is not quiet by nature.
    fn expects_packets(&self) -> bool {
        self.tracks.iter().any(|track| !track.is_quiet && !track.has_ended())
    }
}
