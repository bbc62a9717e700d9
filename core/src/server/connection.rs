use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::access::Access;
use super::closing::Farewell;
use super::request::Pending;
use super::shares::{Held, Refused};
use super::stats::Halves;
use super::timers::Timer;
use super::trace::Way;
use super::{Event, Output, Server};
use crate::conn::{CloseReason, ConnCommand, RxCommand, RxOrder, TxCommand, TxOrder};
use crate::few::Few;
use crate::limits::USER_AGENT_BYTES_MAX;
use crate::stats::ConnStats;
use crate::stream::Streams;
use crate::tls::Secured;
use crate::wire::{Request, Response, WireError, name};
use crate::{ConnId, Instant, SessionId, Tolerance, Tolerances};

/// The state of a connection in the control plane.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    /// The server's own address that it came to, if that is known.
    pub(super) local: Option<IpAddr>,
    /// A proxy has passed it on.
    is_proxied: bool,
    /// All of it is encrypted, and this is known of the peer by that.
    pub(super) secured: Option<Box<Secured>>,
    pub(super) since: Instant,
    /// The last request.
    pub(super) alive: Instant,
    /// The name that the peer gives itself.
    pub(super) user_agent: Option<Box<str>>,
    /// Requests that wait for the one before them.
    pub(super) queue: VecDeque<Incoming>,
    /// The request whose answer the application is asked for.
    pub(super) pending: Option<Box<Pending>>,
    /// The rights that it has proved.
    pub(super) access: Access,
    /// Sessions that were used over it.
    pub(super) sessions: Few<SessionId>,
    pub(super) tolerances: Tolerances,
    /// Its last session has ended, and it is closed if no other comes.
    pub(super) farewell: Option<Box<Farewell>>,
    /// A request is being worked on, whose answer comes before all else.
    pub(super) is_answering: bool,
    /// Requests that the server has sent.
    pub(super) asked: u32,
    /// Why its first request is to be refused.
    pub(super) refused: Option<Refused>,
    /// Why it is being closed.
    pub(super) closing: Option<CloseReason>,
    /// The counts of the media plane.
    pub(super) stats: ConnStats,
    /// The halves that have been asked for their counts and have not answered.
    pub(super) asked_stats: Halves,
    /// Sessions that are closed and that its halves are still to tell the last of.
    pub(super) leaving: Few<SessionId>,
}

/// An input that waits for its turn: answers leave in the order of the requests (RFC 2326, section 9.1).
#[derive(Debug)]
pub(super) enum Incoming {
    Request(Request),
    /// The last that could be read of the connection.
    Failure(CloseReason),
}

impl Connection {
    pub(super) fn new(now: Instant, peer: SocketAddr) -> Self {
        Self {
            peer,
            local: None,
            is_proxied: false,
            secured: None,
            since: now,
            alive: now,
            user_agent: None,
            queue: VecDeque::new(),
            pending: None,
            access: Access::default(),
            sessions: Few::new(),
            tolerances: Tolerances::NONE,
            farewell: None,
            is_answering: false,
            asked: 0,
            refused: None,
            closing: None,
            stats: ConnStats::default(),
            asked_stats: Halves::default(),
            leaving: Few::new(),
        }
    }

    /// Returns `true` if it comes from the server's own host.
    pub(super) fn is_from_here(&self) -> bool {
        let peer = self.peer.ip().to_canonical();
        peer.is_loopback() || self.local.is_some_and(|local| local.to_canonical() == peer)
    }

    /// The address that datagrams to its peer leave from: the one that the peer knows. What it has reached through a proxy is
    /// an address between the proxy and the server, and then the way to the peer decides.
    pub(super) fn media_source(&self) -> Option<IpAddr> {
        self.local.filter(|_| !self.is_proxied)
    }
}

impl Server {
    pub(super) fn enqueue(&mut self, now: Instant, conn: ConnId, request: Request, streams: &dyn Streams) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        if connection.closing.is_some() {
            self.answer_last(now, conn, &request);
            return;
        }
        if self.refuse(now, conn, Some(&request)) {
            return;
        }
        let Some(connection) = self.conns.get_mut(conn) else { return };
        connection.alive = now;
        if connection.user_agent.is_none() {
            connection.user_agent = request.headers.get(name::USER_AGENT).map(|agent| {
                let whole = (0..=USER_AGENT_BYTES_MAX.min(agent.len())).rev();
                whole.filter_map(|end| agent.get(..end)).next().unwrap_or_default().into()
            });
        }
        if connection.pending.is_none() && connection.queue.is_empty() {
            self.process(now, conn, request, streams);
        } else {
            connection.queue.push_back(Incoming::Request(request));
            self.run(now, conn, streams);
        }
    }

    pub(super) fn fail_conn(
        &mut self,
        now: Instant,
        conn: ConnId,
        reason: &CloseReason,
        streams: &dyn Streams,
    ) {
        let Some(connection) = self.conns.get_mut(conn).filter(|connection| connection.closing.is_none())
        else {
            return;
        };
        if !matches!(connection.queue.back(), Some(Incoming::Failure(_))) {
            connection.queue.push_back(Incoming::Failure(reason.clone()));
        }
        self.run(now, conn, streams);
    }

    /// Works on what waits, until the application has to be asked.
    pub(super) fn run(&mut self, now: Instant, conn: ConnId, streams: &dyn Streams) {
        while let Some(connection) = self.conns.get_mut(conn) {
            if connection.pending.is_some() || connection.closing.is_some() {
                return;
            }
            match connection.queue.pop_front() {
                None => return,
                Some(Incoming::Request(request)) => self.process(now, conn, request, streams),
                Some(Incoming::Failure(reason)) => {
                    self.answer_failure(conn, &reason);
                    self.close_conn(now, conn, reason);
                }
            }
        }
    }

    /// Says what is wrong, in the protocol of the peer.
    pub(super) fn answer_failure(&mut self, conn: ConnId, reason: &CloseReason) {
        let CloseReason::Wire(error) = reason else { return };
        if let WireError::Foreign { protocol, .. } = error {
            protocol.refusal().into_iter().for_each(|bytes| self.order_tx(conn, TxOrder::Send(bytes)));
        }
        if let Some(status) = error.status() {
            let response = Response::new(status);
            self.send(
                conn,
                None,
                match error.cseq() {
                    Some(cseq) => response.with_header(name::CSEQ, cseq),
                    None => response,
                },
            );
        }
    }

    /// Sends the answer to the request whose turn it is.
    pub(super) fn respond(&mut self, conn: ConnId, request: &Request, mut response: Response) {
        if let Some(cseq) = request.cseq() {
            response.headers.set(name::CSEQ, cseq);
        }
        self.send(conn, Some(request), response);
        self.order_rx(conn, RxOrder::Answered);
    }

    pub(super) fn send(&mut self, conn: ConnId, request: Option<&Request>, mut response: Response) {
        response.headers.push(name::SERVER, &self.config.name);
        self.trace_response(conn, Way::Out, request, &response);
        self.order_tx(conn, TxOrder::Send(response.to_bytes()));
    }

    pub(super) fn order_rx(&mut self, conn: ConnId, order: RxOrder) {
        self.outputs.push_back(Output::Conn(conn, ConnCommand::Rx(RxCommand(order))));
    }

    pub(super) fn order_tx(&mut self, conn: ConnId, order: TxOrder) {
        self.outputs.push_back(Output::Conn(conn, ConnCommand::Tx(TxCommand(order))));
    }

    pub(super) fn conn_closed(&mut self, now: Instant, conn: ConnId, reason: CloseReason) {
        self.take_question(conn);
        let Some(connection) = self.conns.remove(conn) else { return };
        self.timers.disarm(Timer::Conn(conn));
        self.shares.give_back(connection.peer.ip(), Held { conns: 1, ..Held::default() });
        if connection.refused.is_some() {
            self.refusals.handle_over();
        }
        self.stats_asked.take_back(connection.asked_stats);
        connection.leaving.iter().for_each(|session| self.tell_left(now, session));
        for session in connection.sessions.iter() {
            self.session_lost_conn(now, session, conn);
        }
        // The server's own reason goes before that of the socket.
        let reason = connection.closing.unwrap_or(reason);
        self.emit(Event::ConnClosed { conn, peer: connection.peer, reason, stats: connection.stats });
    }

    /// Takes note of where a connection comes from that a trusted proxy has passed on: it is of that address's share now,
    /// and refused if that is used up.
    pub(super) fn proxied(&mut self, now: Instant, conn: ConnId, peer: SocketAddr) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let proxy = std::mem::replace(&mut connection.peer, peer);
        connection.is_proxied = true;
        let own = Held { conns: 1, ..Held::default() };
        self.shares.give_back(proxy.ip(), own);
        let room = self.check_share_of_conns(peer.ip(), self.conns.len().saturating_sub(1));
        self.shares.take(peer.ip(), own);
        self.emit(Event::ConnProxied { conn, peer, proxy });
        if let Err(reason) = room {
            self.tell_refused(now, peer, Some(conn), reason);
            self.refuse_soon(now, conn, reason);
        }
    }

    /// Takes note of deviations, and tells of new ones.
    pub(super) fn tolerate_one(&mut self, conn: ConnId, tolerance: Tolerance) {
        let mut tolerances = Tolerances::NONE;
        tolerances.record(tolerance);
        self.tolerate(conn, tolerances);
    }

    pub(super) fn tolerate(&mut self, conn: ConnId, tolerances: Tolerances) {
        self.tolerate_in(conn, None, tolerances);
    }

    /// Takes note of deviations in what a session of the connection sends as media, or in a request.
    pub(super) fn tolerate_in(&mut self, conn: ConnId, session: Option<SessionId>, tolerances: Tolerances) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let known = connection.tolerances;
        connection.tolerances.merge(tolerances);
        if connection.tolerances != known {
            let tolerances = connection.tolerances;
            self.emit(Event::Tolerated { conn, session, tolerances });
        }
    }
}
