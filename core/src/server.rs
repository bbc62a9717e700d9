//! The server's control plane: messages, sessions, tickets, timers.
//!
//! [`Server`] has a single owner and sees a few messages a second; packets never pass through it. Its decisions come out of
//! [`Server::poll_output`] in the order in which they have to happen: commands for the media plane, which lives with the
//! sockets, and events for the application.
//!
//! The states of a session are those of RFC 2326, appendix A:
//!
//! ```text
//!               SETUP              PLAY
//!            ┌─────────► PrePlay ─────────► Play
//!            │                   ◄─────────
//!  Initial ──┤                     PAUSE
//!            │  ANNOUNCE           RECORD
//!            └─────────► PreRecord ───────► Record
//!                                ◄───────
//!                                  PAUSE
//! ```
//!
//! TEARDOWN leads from each of them to the end.

mod access;
mod announce;
mod answer;
mod asks;
mod back_channel;
mod closing;
mod config;
mod connection;
mod credit;
mod describe;
mod event;
mod groups;
mod lifetime;
mod logs;
mod memory;
mod multicast;
mod options;
mod output;
mod parameter;
mod paths;
mod pause;
mod play;
mod private;
mod record;
mod redirect;
mod reload;
mod replay;
mod reports;
mod request;
mod resume;
mod roster;
mod rtcp;
#[cfg(feature = "srtp")]
mod secure;
#[cfg(not(feature = "srtp"))]
#[path = "server/secure/absent.rs"]
mod secure;
mod session;
mod setup;
mod shares;
mod stats;
mod streams;
mod table;
mod takeover;
mod teardown;
mod ticket;
mod timers;
mod trace;
mod transport;
mod udp;
mod unsent;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;

pub use access::Authority;
pub use answer::AnswerError;
pub use asks::Asks;
pub use config::ServerConfig;
pub use event::Event;
pub use groups::SetGroupsError;
pub use multicast::{Multicast, NotMulticast};
pub use output::{MediaTransport, Output};
pub use reload::ReloadError;
pub use roster::{ConnInfo, SessionInfo, SessionState, SessionTrack, StreamInfo, TrackChannels};
pub use rtcp::WriteRtcpError;
#[cfg(feature = "srtp")]
pub use secure::SrtpPolicy;
pub use shares::Refused;
pub use stats::{ServerStats, StatsOf};
pub use streams::AddStreamError;
pub use takeover::TakeoverPolicy;
pub use ticket::{
    Announce, Ask, Authenticate, Describe, GetParameter, Pause, Play, Question, Record, Refusal,
    SetParameter, Setup, Speak, Stale, Ticket,
};

use crate::auth::NonceKey;
use crate::conn::{CloseNote, CloseReason, ConnRx, ConnTx, ServerConn};
use crate::description::Description;
use crate::id::Arena;
use crate::random::{HexId, Random};
use crate::stream::{StreamLog, Streams};
use crate::udp::UdpOpenError;
use crate::wire::{DecoderLimits, Message};
use crate::{ConnId, Instant, NtpTime, SessionId, StreamId, UdpId};

use connection::Connection;
use paths::{Paths, Place};
use session::{Session, State};
use shares::Held;
use streams::Published;
use timers::{Timer, Timers};

/// An RTSP server without sockets, clock or threads.
///
/// Its methods are of five families: `handle_*` takes what came from the network or from time, commands (verbs) take
/// what the application wants, `poll_*` gives what is to be done, and the rest are getters. Any may follow any other.
pub struct Server {
    config: ServerConfig,
    random: Random,
    cname: HexId,
    wall: Option<(Instant, NtpTime)>,
    conns: Arena<Connection>,
    sessions: Arena<Session>,
    session_keys: BTreeMap<HexId, SessionId>,
    published: Arena<Published>,
    paths: Paths,
    udp_pairs: udp::Pairs,
    groups: groups::Groups,
    /// Where UDP readers and publishers are: no two sessions share an address.
    udp_peers: BTreeMap<SocketAddr, SessionId>,
    unproven: credit::Budgets,
    shares: shares::Shares,
    refusals: shares::Refusals,
    nonce_key: NonceKey,
    nonces_given: u32,
    nonce_counts: access::NonceCounts,
    guesses: access::guesses::Guesses,
    logs: logs::Logs,
    /// Bytes that the descriptions of publishers take.
    described: usize,
    timers: Timers,
    outputs: VecDeque<Output>,
    questions: u64,
    /// The number of the next log of encrypted packets.
    secure_logs: u32,
    closing: bool,
    drain: Option<redirect::Drain>,
    /// Sessions that are closed and of which the media plane has not told its last.
    leaving: BTreeMap<SessionId, stats::Leaving>,
    stats_asked: stats::Asked,
}

impl fmt::Debug for Server {
    /// Shows how much it has. The sessions themselves hold URLs and keys of peers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("conns", &self.conns.len())
            .field("sessions", &self.sessions.len())
            .field("streams", &self.published.len())
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server whose ids and SSRCs come from `seed`; the same seed and the same inputs give the same bytes.
    pub fn new(config: ServerConfig, seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let (udp_pairs, medias) = udp::Pairs::new(&config);
        let outputs = medias.into_iter().map(|media| Output::OpenUdp(Box::new(media))).collect();
        Self {
            logs: logs::Logs::new(&config, memory::log_budget(&config)),
            config,
            cname: random.hex_id(),
            random,
            wall: None,
            conns: Arena::default(),
            sessions: Arena::default(),
            session_keys: BTreeMap::new(),
            published: Arena::default(),
            paths: Paths::default(),
            udp_pairs,
            groups: groups::Groups::default(),
            udp_peers: BTreeMap::new(),
            unproven: credit::Budgets::default(),
            shares: shares::Shares::default(),
            refusals: shares::Refusals::default(),
            nonce_key: NonceKey::of(seed),
            nonces_given: 0,
            nonce_counts: access::NonceCounts::default(),
            guesses: access::guesses::Guesses::default(),
            described: 0,
            timers: Timers::default(),
            outputs,
            questions: 0,
            secure_logs: 0,
            closing: false,
            drain: None,
            leaving: BTreeMap::new(),
            stats_asked: stats::Asked::default(),
        }
    }

    /// Sets what the wall clock shows at `now`, for the sender reports of streams that are added later.
    pub fn set_wall_clock(&mut self, now: Instant, wall: NtpTime) {
        self.wall = Some((now, wall));
    }

    /// Takes on a connection from `peer`.
    ///
    /// A session that plays or records over it lives as long as it does, so the system is to be told to probe the peer (TCP
    /// keepalive): it notices when that is gone without a word.
    ///
    /// # Errors
    ///
    /// There are as many as there may be, of all peers or of this one's address. The first request is to be answered with
    /// [`Refused::response`], and the socket to be closed.
    pub fn open_conn(&mut self, now: Instant, peer: SocketAddr) -> Result<ServerConn, Refused> {
        if let Err(reason) = self.check_conn(peer.ip()) {
            self.tell_refused(now, peer, None, reason);
            return Err(reason);
        }
        self.shares.take(peer.ip(), Held { conns: 1, ..Held::default() });
        let limits = DecoderLimits::default().body_bytes(self.config.request_body_max);
        let id: ConnId = self.conns.insert_with(|_| Connection::new(now, peer));
        self.timers.arm(now + self.config.conn_idle, Timer::Conn(id));
        self.emit(Event::ConnOpened { conn: id, peer });
        let rx = ConnRx::new(id, limits, self.config.message_deadline);
        let rx = if self.config.trusts_as_proxy(peer.ip()) { rx.behind_proxy() } else { rx };
        let tx = ConnTx::new(id, self.config.write_stall).with_patience(self.config.session_timeout);
        Ok(ServerConn { id, rx, tx })
    }

    /// Takes note of the server's own address that a connection came to: media over UDP leaves from there
    /// ([`DatagramSink::send`](crate::udp::DatagramSink::send)), and does not go to the server's own ports there.
    pub fn set_local_addr(&mut self, conn: ConnId, local: SocketAddr) {
        if let Some(connection) = self.conns.get_mut(conn) {
            connection.local = Some(local.ip().to_canonical());
        }
    }

    /// Takes a message that came over a connection.
    pub fn handle_message(&mut self, now: Instant, conn: ConnId, message: Message, streams: &dyn Streams) {
        match message {
            Message::Request(request) => {
                self.trace_request(conn, trace::Way::In, &request);
                self.enqueue(now, conn, request, streams);
            }
            // Nothing depends on how a client takes what it is asked to do.
            Message::Response(response) => self.trace_response(conn, trace::Way::In, None, &response),
        }
    }

    /// Takes note that a connection's input cannot be read, that its peer does not read, or that its peer says no more
    /// ([`CloseReason::PeerClosed`]). The requests before that are answered, the peer is told what was wrong, and then the
    /// connection is closed.
    pub fn handle_conn_error(
        &mut self,
        now: Instant,
        conn: ConnId,
        reason: &CloseReason,
        streams: &dyn Streams,
    ) {
        self.fail_conn(now, conn, reason, streams);
    }

    /// Takes note that a connection is gone.
    pub fn handle_conn_closed(&mut self, now: Instant, conn: ConnId, reason: CloseReason) {
        self.conn_closed(now, conn, reason);
    }

    /// Takes the result of [`Output::OpenUdp`]: the ports of the pair.
    ///
    /// Readers who wait for the sockets of their group are answered; they have another one if these ports are taken.
    pub fn handle_udp_opened(
        &mut self,
        now: Instant,
        id: UdpId,
        opened: Result<(u16, u16), UdpOpenError>,
        streams: &dyn Streams,
    ) {
        let (ports, error) = match opened {
            Ok(ports) => (Some(ports), None),
            Err(UdpOpenError::NoFreePorts) => (None, Some(ErrorKind::AddrInUse)),
            Err(UdpOpenError::Io(error)) => (None, Some(error.kind())),
        };
        if self.udp_pairs.handle_opened(id, ports) {
            self.group_opened(now, id, error, streams);
        }
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant, streams: &dyn Streams) {
        while let Some(timer) = self.timers.pop_due(now) {
            self.expire(now, timer, streams);
        }
    }

    /// Answers a question. Put headers, a body or a description on the ticket before ([`Ticket::add_header`]).
    ///
    /// # Errors
    ///
    /// [`Stale`] when nobody waits for the answer any more.
    pub fn answer<A: Ask>(
        &mut self,
        now: Instant,
        ticket: Ticket<A>,
        reply: A::Reply,
        streams: &dyn Streams,
    ) -> Result<(), Stale> {
        let (ticket, extra) = ticket.into_parts();
        let given = extra.as_ref().and_then(|extra| extra.stream);
        let answered = self.answer_ticket(now, ticket, (A::into_answer(reply), extra), streams);
        given.into_iter().for_each(|stream| self.end_if_private(now, stream, CloseReason::NeverBegan));
        answered
    }

    /// Publishes a stream of the application's own at `path`.
    ///
    /// The log is to be kept where [`Streams`] finds it, and packets are pushed to it.
    ///
    /// # Errors
    ///
    /// The path is taken, or the description has too many medias.
    pub fn add_stream(
        &mut self,
        now: Instant,
        path: &str,
        description: Description,
    ) -> Result<(StreamId, StreamLog), AddStreamError> {
        self.publish(now, path, description, None)
    }

    /// Ends a stream: its readers get what is left, are told (BYE) and closed. A publisher's session ends with it.
    pub fn remove_stream(&mut self, now: Instant, stream: StreamId) {
        self.withdraw(now, stream, CloseReason::Application);
    }

    /// Closes a session and, if it has no other, its connection.
    pub fn close_session(&mut self, now: Instant, session: SessionId) {
        self.end_session(now, session, CloseReason::Application);
    }

    /// The same, with a reason. A player gets it in BYE. If the connection is closed with the session, a request that waits
    /// there is refused with this reason.
    pub fn close_session_with(&mut self, now: Instant, session: SessionId, note: CloseNote) {
        self.end_session(now, session, CloseReason::Noted(note));
    }

    /// Closes everything: streams end, readers are told, connections are closed, and none is taken on any more.
    pub fn close(&mut self, now: Instant) {
        self.closing = true;
        let streams: Vec<StreamId> = self.published.iter().map(|(id, _)| id).collect();
        streams.into_iter().for_each(|stream| self.withdraw(now, stream, CloseReason::ServerClosed));
        let plays = |session: &Session| matches!(session.state, State::Play(_));
        let others = self.sessions.iter().filter(|(_, session)| !plays(session)).map(|(id, _)| id);
        let others: Vec<SessionId> = others.collect();
        others.into_iter().for_each(|session| self.end_session(now, session, CloseReason::ServerClosed));
        let conns: Vec<ConnId> = self.conns.iter().map(|(id, _)| id).collect();
        for conn in conns {
            if !self.waits_for_readers_end(conn) {
                self.close_conn(now, conn, CloseReason::ServerClosed);
            }
        }
    }

    /// Returns `true` if [`poll_output`](Self::poll_output) has something.
    pub fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// The next thing to be done; all are to be done in this order.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; at once, while outputs wait.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.outputs.is_empty() { self.timers.next() } else { Some(Instant::ZERO) }
    }

    /// The stream that is published at `path`, or at one that is the same once both are decoded.
    pub fn stream_at(&self, path: &str) -> Option<StreamId> {
        match self.paths.get(path) {
            Some(Place::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    /// The paths at which a stream can be read, as they were written, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.streams().filter_map(|stream| Some(&*self.published.get(stream)?.path))
    }

    /// How many connections there are.
    pub fn conn_count(&self) -> usize {
        self.conns.len()
    }

    /// How many sessions there are, whatever their state.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Returns `true` if there is no connection, no session and no stream, and the end of each has been told.
    pub fn is_empty(&self) -> bool {
        let is_left = self.conns.len() == 0 && self.sessions.len() == 0 && self.published.len() == 0;
        is_left && self.leaving.is_empty()
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

#[cfg(test)]
mod tests;
