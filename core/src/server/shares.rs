use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::timers::Timer;
use super::{Event, Server};
use crate::conn::CloseReason;
use crate::limits::{LINGER_LIMIT, REFUSALS_MAX, SHARE_LEAST, UDP_PORTS_OF_ADDRESS_MAX};
use crate::prefix::Origin;
use crate::wire::{Request, Response, StatusCode, name};
use crate::{ConnId, Instant};

/// Why a connection was not taken on, or a session not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There are as many connections as there may be.
    #[error("the server has as many connections as it may")]
    Conns,
    /// The peer's address has as many connections as it may.
    #[error("the peer's address has as many connections as it may")]
    ConnsOfAddress,
    /// There are as many sessions as there may be.
    #[error("the server has as many sessions as it may")]
    Sessions,
    /// The peer's address has as many sessions as it may.
    #[error("the peer's address has as many sessions as it may")]
    SessionsOfAddress,
    /// The logs of the streams that there are take as much memory as they may.
    #[error("there are as many streams as the server has memory for")]
    Streams,
    /// The streams that the peer's address publishes take as much of that memory as they may.
    #[error("the peer's address publishes as many streams as it may")]
    StreamsOfAddress,
    /// The descriptions of all publishers take as much memory as they may.
    #[error("the descriptions of publishers take as much memory as they may")]
    Descriptions,
    /// The descriptions of the peer's address take as much memory as they may.
    #[error("the descriptions that the peer's address has announced take as much memory as they may")]
    DescriptionsOfAddress,
    /// The connection has as many sessions as it may.
    #[error("the peer's connection has as many sessions as it may")]
    SessionsOfConn,
    /// The server is closing.
    #[error("the server is closing")]
    Closing,
    /// The peer speaks without TLS, which the server requires.
    #[error("the peer speaks without TLS, which the server requires")]
    TlsRequired,
}

impl Refused {
    /// The answer (503, or 403 where TLS is required) to the first request of a connection that was not taken on, by
    /// [its number](crate::conn::FirstRequest::cseq).
    pub fn response(self, cseq: Option<u32>) -> Response {
        let mut response = Response::new(match self {
            Self::TlsRequired => StatusCode::FORBIDDEN,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        });
        if self == Self::TlsRequired {
            response.reason = "TLS Required: Use rtsps".into();
        }
        if let Some(cseq) = cseq {
            response.headers.set(name::CSEQ, cseq);
        }
        response
    }
}

/// The share of the peers of one address.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Held {
    pub(super) conns: usize,
    pub(super) sessions: usize,
    /// UDP ports that sessions have named.
    pub(super) ports: usize,
    /// Bytes that the descriptions of publishers take.
    pub(super) described: usize,
}

/// The share of each address, so that none takes what is there for all.
#[derive(Debug, Default)]
pub(super) struct Shares(BTreeMap<Origin, Held>);

impl Shares {
    pub(super) fn of(&self, ip: IpAddr) -> Held {
        self.0.get(&Origin::from(ip)).copied().unwrap_or_default()
    }

    pub(super) fn take(&mut self, ip: IpAddr, more: Held) {
        let held = self.0.entry(Origin::from(ip)).or_default();
        held.conns = held.conns.saturating_add(more.conns);
        held.sessions = held.sessions.saturating_add(more.sessions);
        held.ports = held.ports.saturating_add(more.ports);
        held.described = held.described.saturating_add(more.described);
    }

    pub(super) fn give_back(&mut self, ip: IpAddr, less: Held) {
        let Some(held) = self.0.get_mut(&Origin::from(ip)) else { return };
        held.conns = held.conns.saturating_sub(less.conns);
        held.sessions = held.sessions.saturating_sub(less.sessions);
        held.ports = held.ports.saturating_sub(less.ports);
        held.described = held.described.saturating_sub(less.described);
        if *held == Held::default() {
            self.0.remove(&Origin::from(ip));
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Refusals that the application is told of, seldom enough not to burden it.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u64,
    next: Option<Instant>,
    /// Connections whose first request is still to come, and to be refused.
    waiting: usize,
}

/// Time between two events that tell of refusals.
const TELL_PERIOD: Duration = Duration::from_secs(1);

impl Server {
    /// Checks that a peer may have another connection.
    pub(super) fn check_conn(&self, ip: IpAddr) -> Result<(), Refused> {
        if self.closing {
            return Err(Refused::Closing);
        }
        if self.conns.len() >= self.config.conns_max {
            return Err(Refused::Conns);
        }
        // The peer behind a proxy is known once its header has come.
        if self.config.trusts_as_proxy(ip) { Ok(()) } else { self.check_share_of_conns(ip, self.conns.len()) }
    }

    /// Checks that a peer's address may have another connection beside `all` that there are.
    pub(super) fn check_share_of_conns(&self, ip: IpAddr, all: usize) -> Result<(), Refused> {
        let own = self.shares.of(ip).conns;
        if self.is_within_share(ip, all, own, self.config.conns_max) {
            Ok(())
        } else {
            Err(Refused::ConnsOfAddress)
        }
    }

    /// Checks that a peer may have another session, with so many on its connection, in the place of `replaced`.
    pub(super) fn check_session(&self, ip: IpAddr, on_conn: usize, replaced: usize) -> Result<(), Refused> {
        if self.closing {
            return Err(Refused::Closing);
        }
        if on_conn >= self.config.sessions_per_conn_max {
            return Err(Refused::SessionsOfConn);
        }
        let all = self.sessions.len().saturating_sub(replaced);
        let own = self.shares.of(ip).sessions.saturating_sub(replaced);
        let most = self.config.sessions_max;
        if all >= most {
            return Err(Refused::Sessions);
        }
        if self.is_within_share(ip, all, own, most) { Ok(()) } else { Err(Refused::SessionsOfAddress) }
    }

    /// Returns `true` if a peer's sessions may name two more UDP ports.
    pub(super) fn may_have_ports(&self, ip: IpAddr) -> bool {
        let (all, own, most) = (self.udp_peers.len(), self.shares.of(ip).ports, self.config.udp_ports_max);
        all.saturating_add(2) <= most
            && self.is_within_share(ip, all, own, most)
            && (self.is_exempt(ip) || own < UDP_PORTS_OF_ADDRESS_MAX)
    }

    /// Returns `true` if an address that has `own` of `all` may have one more. It has a part of what the others leave, so
    /// that there is something left for one more, however many have come.
    fn is_within_share(&self, ip: IpAddr, all: usize, own: usize, most: usize) -> bool {
        let left = most.saturating_sub(all.saturating_sub(own));
        let share = left.checked_div(self.config.address_share).unwrap_or(left).max(SHARE_LEAST);
        own < share || self.is_exempt(ip)
    }

    pub(super) fn is_exempt(&self, ip: IpAddr) -> bool {
        self.config.shared_addresses.iter().any(|prefix| prefix.contains(ip))
    }

    /// Tells the application of a refusal, at once or with the next ones.
    pub(super) fn tell_refused(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        conn: Option<ConnId>,
        reason: Refused,
    ) {
        self.refusals.count = self.refusals.count.saturating_add(1);
        if self.refusals.next.is_none_or(|next| now >= next) {
            self.refusals.next = Some(now + TELL_PERIOD);
            let count = std::mem::take(&mut self.refusals.count);
            self.emit(Event::Refused { peer, conn, reason, count });
        }
    }
    /// Has the first request of a connection refused if it comes soon, so that the refusal names its number; beyond a few at
    /// a time they are closed without an answer.
    pub(super) fn refuse_soon(&mut self, now: Instant, conn: ConnId, reason: Refused) {
        if self.refusals.waiting >= REFUSALS_MAX {
            self.close_conn(now, conn, CloseReason::AddressFull);
        } else if let Some(connection) = self.conns.get_mut(conn) {
            connection.refused = Some(reason);
            self.refusals.waiting = self.refusals.waiting.saturating_add(1);
            self.timers.arm(now + LINGER_LIMIT, Timer::Conn(conn));
        }
    }

    /// Answers the first request of such a connection, or that it has not come, and closes it; `false` if it is none.
    pub(super) fn refuse(&mut self, now: Instant, conn: ConnId, request: Option<&Request>) -> bool {
        let Some(reason) = self.conns.get_mut(conn).and_then(|connection| connection.refused.take()) else {
            return false;
        };
        self.refusals.handle_over();
        match request {
            Some(request) => self.respond(conn, request, reason.response(request.cseq())),
            None => self.send(conn, None, reason.response(None)),
        }
        self.close_conn(now, conn, CloseReason::AddressFull);
        true
    }
}

impl Refusals {
    /// A connection is no longer waited for.
    pub(super) fn handle_over(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }
}
