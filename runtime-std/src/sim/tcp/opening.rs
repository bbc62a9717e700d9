//! How connections come about: sockets that listen, and attempts that find one of them, or none.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use rtspan_core::limits::TCP_PROBE_IDLE;

use super::super::world::{Happening, Readiness, World, as_named, leads_to};
use super::{End, Listening, RETRY, Side, Tcp};

/// How long a connection is asked for.
const CONNECT_PATIENCE: Duration = Duration::from_secs(127);
/// Connections that wait to be accepted.
const BACKLOG: usize = 1024;

impl World {
    pub(in crate::sim) fn listen(&mut self, host: usize, at: SocketAddr) -> io::Result<u64> {
        self.check_own(host, at.ip())?;
        let is_taken = |world: &Self, port| {
            world.listening.values().any(|own| own.host == host && own.local.port() == port)
        };
        let port = self.choose_port(host, at.port(), is_taken)?;
        self.open_socket(host)?;
        let id = self.id();
        let local = SocketAddr::new(at.ip(), port);
        self.listening
            .insert(id, Listening { host, local, waiting: VecDeque::new(), ready: Readiness::default() });
        Ok(id)
    }

    pub(in crate::sim) fn stop_listening(&mut self, id: u64) {
        let Some(listening) = self.listening.remove(&id) else { return };
        self.close_socket(listening.host);
        self.to_drop.extend(listening.ready.waker);
        for conn in listening.waiting {
            self.reset(conn, Side::Accepting);
        }
    }

    /// The next connection that waits, with the address of its peer.
    pub(in crate::sim) fn accept(
        &mut self,
        id: u64,
        cx: &Context<'_>,
    ) -> Poll<io::Result<(u64, SocketAddr)>> {
        let Some(listening) = self.listening.get_mut(&id) else {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        };
        let host = listening.host;
        let Some(conn) = listening.waiting.front().copied() else {
            Self::register(&mut listening.ready.waker, &mut self.to_drop, cx);
            return Poll::Pending;
        };
        self.open_socket(host)?;
        if let Some(listening) = self.listening.get_mut(&id) {
            listening.waiting.pop_front();
        }
        let Some(tcp) = self.tcp.get_mut(&conn) else {
            self.close_socket(host);
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        };
        tcp.accepting.is_held = true;
        Poll::Ready(Ok((conn, tcp.accepting.peer)))
    }

    /// Asks for a connection.
    pub(in crate::sim) fn connect(&mut self, host: usize, to: SocketAddr) -> io::Result<u64> {
        self.open_socket(host)?;
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        let ip = self.source(host, if to.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, to.ip());
        let port = self.choose_port(host, 0, |_, _| false)?;
        let local = SocketAddr::new(ip, port);
        let id = self.id();
        let target = self.reached(host, to.ip()).unwrap_or(host);
        let mut asking = End::new(host, local, to);
        asking.is_held = true;
        let accepting = End { is_gone: true, ..End::new(target, to, local) };
        self.tcp.insert(id, Tcp { asking, accepting, outcome: None, waiting: None, begun: self.now });
        self.ask(id);
        Ok(id)
    }

    /// Sends the first segment of a connection, or sends it again.
    fn ask(&mut self, id: u64) {
        let now = self.now;
        let Some(tcp) = self.tcp.get_mut(&id) else { return };
        if now.since(tcp.begun) > CONNECT_PATIENCE {
            return self.decide(id, Err(ErrorKind::TimedOut));
        }
        let (from, to, peer) = (tcp.asking.host, tcp.accepting.host, tcp.asking.peer);
        let is_there = self.reached(from, peer.ip()).is_some();
        let (path, chance) = self.path_and_chance(from, to);
        let at = is_there.then(|| path.segment(now, 64, chance)).flatten();
        self.schedule(at.unwrap_or(now + RETRY), Happening::Syn(id));
    }

    pub(in crate::sim) fn syn_arrives(&mut self, id: u64) {
        let now = self.now;
        let Some(tcp) = self.tcp.get(&id) else { return };
        let (from, host, to) = (tcp.asking.host, tcp.accepting.host, tcp.asking.peer);
        let is_heard = self.reached(from, to.ip()).is_some()
            && self.hosts[host].has_power
            && !self.path(from, host).is_cut
            && !self.path(host, from).is_cut;
        if !is_heard {
            let at = now + RETRY;
            let Some(tcp) = self.tcp.get(&id).filter(|tcp| tcp.outcome.is_none()) else { return };
            if now.since(tcp.begun) > CONNECT_PATIENCE {
                return self.decide(id, Err(ErrorKind::TimedOut));
            }
            return self.schedule(at, Happening::Syn(id));
        }
        self.trace.note(now, 3, id);
        let mut listening = self.listening.values_mut().filter(|own| own.host == host);
        let Some(listening) = listening.find(|own| leads_to(own.local, to)) else {
            let (path, chance) = self.path_and_chance(host, from);
            let _ = path.segment(now, 64, chance);
            return self.decide(id, Err(ErrorKind::ConnectionRefused));
        };
        if listening.waiting.len() >= BACKLOG {
            return self.schedule(now + RETRY, Happening::Syn(id));
        }
        listening.waiting.push_back(id);
        let bound = listening.local;
        listening.ready.raise(&mut self.to_wake);
        if let Some(tcp) = self.tcp.get_mut(&id) {
            tcp.accepting.is_gone = false;
            tcp.accepting.local = as_named(bound, tcp.accepting.local);
            tcp.accepting.peer = as_named(bound, tcp.accepting.peer);
        }
        let (path, chance) = self.path_and_chance(host, from);
        let at = path.segment(now, 64, chance).unwrap_or(now + RETRY);
        if let Some(tcp) = self.tcp.get_mut(&id) {
            tcp.accepting.last_arrival = at;
        }
        self.schedule(at, Happening::Connected(id));
    }

    pub(in crate::sim) fn connected(&mut self, id: u64) {
        self.decide(id, Ok(()));
        for side in [Side::Asking, Side::Accepting] {
            self.schedule(self.now + TCP_PROBE_IDLE, Happening::Probe(id, side));
        }
        self.pump(id, Side::Accepting);
    }

    fn decide(&mut self, id: u64, outcome: Result<(), ErrorKind>) {
        if let Some(tcp) = self.tcp.get_mut(&id) {
            tcp.outcome.get_or_insert(outcome);
            self.to_wake.extend(tcp.waiting.take());
        }
    }

    /// How an attempt has ended.
    pub(in crate::sim) fn poll_connect(&mut self, id: u64, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let Some(tcp) = self.tcp.get_mut(&id) else {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        };
        match tcp.outcome {
            Some(outcome) => Poll::Ready(outcome.map_err(Into::into)),
            None => {
                Self::register(&mut tcp.waiting, &mut self.to_drop, cx);
                Poll::Pending
            }
        }
    }
}
