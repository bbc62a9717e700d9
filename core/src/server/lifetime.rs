use std::time::Duration;

use super::closing::Farewell;
use super::groups::Key;
use super::output::MediaTransport;
use super::request::Step;
use super::resume::Former;
use super::session::{Session, State};
use super::shares::Held;
use super::ticket::{Answer, RawTicket, Refusal};
use super::timers::Timer;
use super::{Place, Server};
use crate::conn::CloseReason;
use crate::stream::Streams;
use crate::udp::UdpOrder;
use crate::wire::StatusCode;
use crate::{ConnId, Instant, SessionId};

/// How soon what lives is looked at again at the earliest: timeouts of zero must not make a busy loop.
const RECHECK_MIN: Duration = Duration::from_secs(1);

impl Server {
    pub(super) fn expire(&mut self, now: Instant, timer: Timer, streams: &dyn Streams) {
        match timer {
            Timer::Conn(id) => self.conn_due(now, id),
            Timer::Session(id) => self.session_due(now, id),
            Timer::Stream(id) => self.stream_due(now, id),
            Timer::Drain => self.drained(now),
            Timer::Stats => self.stop_awaiting_stats(),
            Timer::Ticket(conn) => {
                let pending = self.conns.get(conn).and_then(|connection| connection.pending.as_ref());
                if pending.is_some_and(|pending| matches!(pending.step, Step::Turn)) {
                    self.turn_comes(now, conn, streams);
                } else if let Some(number) = pending.map(|pending| pending.number) {
                    let no = Answer::No(Refusal::new(StatusCode::SERVICE_UNAVAILABLE));
                    // It waits: it was looked up just before.
                    let _ = self.answer_ticket(now, RawTicket { conn, number }, (no, None), streams);
                }
            }
        }
    }

    fn conn_due(&mut self, now: Instant, id: ConnId) {
        if self.refuse(now, id, None) {
            return;
        }
        let Some(connection) = self.conns.get(id) else { return };
        let idle_at = connection.alive + self.config.conn_idle;
        // Requests to a server that closes lead to nothing.
        let is_free = connection.sessions.is_empty() && (connection.pending.is_none() || self.closing);
        let farewell = connection.farewell.as_deref();
        let is_over = |farewell: &&Farewell| is_free && now >= farewell.at;
        if let Some(reason) = farewell.filter(is_over).map(|farewell| farewell.reason.clone()) {
            self.close_conn(now, id, reason);
        } else if is_free && now >= idle_at {
            self.close_conn(now, id, CloseReason::Idle);
        } else {
            let at = match farewell {
                Some(farewell) => farewell.at.max(now + RECHECK_MIN),
                None if now >= idle_at => now + self.config.conn_idle.max(RECHECK_MIN),
                None => idle_at,
            };
            self.timers.arm(at, Timer::Conn(id));
        }
    }

    fn session_due(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        let silence = self.allowed_silence(session);
        let begins_by = session.since + self.config.setup_timeout;
        match silence {
            _ if !session.has_begun && now >= begins_by => self.end_session(now, id, CloseReason::NeverBegan),
            Some(silence) if !session.has_begun && begins_by < session.alive + silence => {
                self.timers.arm(begins_by, Timer::Session(id));
            }
            Some(silence) if now >= session.alive + silence => self.end_session(now, id, CloseReason::Idle),
            Some(silence) => self.timers.arm(session.alive + silence, Timer::Session(id)),
            None => self.timers.arm(now + self.config.session_timeout.max(RECHECK_MIN), Timer::Session(id)),
        }
    }

    /// How long a session may show no life.
    ///
    /// One that plays or records over TCP lives as long as its connection: as long as the socket takes what it is sent,
    /// and the system finds the peer there. FFmpeg publishes a picture every 12 seconds if it is asked to, and sends
    /// nothing else. Over UDP requests, reports and a publisher's packets are signs of life.
    fn allowed_silence(&self, session: &Session) -> Option<Duration> {
        let timeout = self.config.session_timeout;
        match (&session.state, session.transport()) {
            (State::Play(_) | State::Record(_), Some(MediaTransport::Tcp)) => None,
            _ if session.conns.is_empty() && session.is_awaited() => {
                Some(timeout.min(self.config.unattended_session_timeout))
            }
            _ => Some(timeout),
        }
    }

    /// A connection that a session was used over is gone.
    ///
    /// Interleaved media ends with it, and so does an announcement of which nothing is set up: its id was never
    /// told. A session over UDP goes on, since there are clients that have a connection for each request; one that is
    /// awaited goes on for a short while.
    pub(super) fn session_lost_conn(&mut self, now: Instant, id: SessionId, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.conns.remove(conn);
        let is_last = session.conns.is_empty();
        if session.bound_to() == Some(conn) || (is_last && session.transport().is_none()) {
            self.close_session_quietly(now, id, CloseReason::ConnectionLost);
        } else if is_last && session.is_awaited() {
            session.alive = now;
            self.session_due(now, id);
        }
    }

    /// A reader's stream has ended, and it was told so; one that reads groups is told in each of them.
    pub(super) fn reader_ended(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let groups = session.groups().count();
        if let State::Play(reading) = &mut session.state {
            reading.groups_ended = reading.groups_ended.saturating_add(1);
            if reading.groups_ended < groups {
                return;
            }
        }
        self.end_session(now, id, CloseReason::StreamEnded);
    }

    /// Closes a session, and those of its connections that have no other; a reader's a little later.
    pub(super) fn end_session(&mut self, now: Instant, id: SessionId, reason: CloseReason) {
        let Some(session) = self.sessions.get(id) else { return };
        let (conns, key) = (session.conns.clone(), session.key);
        let is_sent_datagrams =
            matches!(session.state, State::Play(_)) && session.transport() != Some(MediaTransport::Tcp);
        self.close_session_quietly(now, id, reason.clone());
        if is_sent_datagrams || reason == CloseReason::StreamEnded {
            self.bid_farewell(now, &conns, key, &reason);
        } else {
            self.close_unused(now, &conns, None, &reason);
        }
    }

    /// Closes a session; its connections stay.
    pub(super) fn close_session_quietly(&mut self, now: Instant, id: SessionId, reason: CloseReason) {
        match self.sessions.get(id).map(|session| &session.state) {
            Some(State::Play(_)) => match reason.goodbye() {
                Some(goodbye) => self.dismiss(id, goodbye),
                None => self.detach(id),
            },
            Some(State::Record(_)) => self.stop_receiving(id),
            _ => {}
        }
        if let Some(session) = self.sessions.get(id).filter(|session| session.read_stream().is_some()) {
            let peers = session.udp_peers().collect();
            self.order_udp(id, UdpOrder::Forget(peers));
        }
        let groups = self.sessions.get(id).map(|session| session.groups().map(|(key, _)| key).collect());
        let groups: Vec<Key> = groups.unwrap_or_default();
        groups.into_iter().for_each(|key| self.leave_group(now, key, id));
        let Some(session) = self.sessions.remove(id) else { return };
        self.session_keys.remove(&session.key);
        self.timers.disarm(Timer::Session(id));
        let mut held = Held { sessions: 1, ..Held::default() };
        for (rtp, rtcp) in session.udp_peers() {
            held.ports = held.ports.saturating_add(2);
            self.udp_peers.remove(&rtp);
            self.udp_peers.remove(&rtcp);
        }
        held.described = session.described();
        self.described = self.described.saturating_sub(held.described);
        self.shares.give_back(session.peer.ip(), held);
        session.udp_pair().into_iter().for_each(|pair| self.udp_pairs.leave(pair));
        for conn in session.conns.iter() {
            if let Some(connection) = self.conns.get_mut(conn) {
                connection.sessions.remove(id);
                connection.alive = now;
            }
        }
        if self.paths.get(&session.path) == Some(Place::Announced(id)) {
            self.paths.remove(&session.path);
        }
        let recorded =
            session.recorded_stream().map(|stream| (stream, Former::new(id, &session, reason.clone())));
        self.end_back_channel(now, (id, &session), &reason);
        session.read_stream().into_iter().for_each(|stream| self.remove_reader(now, stream, id, &reason));
        let stream = recorded.as_ref().map(|(stream, _)| *stream);
        recorded.into_iter().for_each(|(stream, former)| self.lose_publisher(now, stream, former));
        self.tell_closed(now, id, session, stream, reason);
    }

    /// Returns `true` if a reader on this connection still gets the rest of a stream that has ended.
    pub(super) fn waits_for_readers_end(&self, conn: ConnId) -> bool {
        let Some(connection) = self.conns.get(conn) else { return false };
        let sessions = connection.sessions.iter().filter_map(|id| self.sessions.get(id));
        sessions.map(|session| &session.state).any(|state| matches!(state, State::Play(_)))
    }
}
