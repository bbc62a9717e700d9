use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;

use super::groups::Outgoing;
use super::world::{Happening, Readiness, World, as_named, leads_to};
use crate::net::Membership;

/// Bytes of datagrams that wait to be received.
const RECEIVE_BYTES: usize = 208 << 10;
/// Bytes of datagrams that wait to be sent.
const SEND_BYTES: usize = 128 << 10;
/// The overhead of each datagram.
pub(super) const OVERHEAD: usize = 64;

/// A bound UDP socket.
#[derive(Debug)]
pub(super) struct Udp {
    pub(super) host: usize,
    pub(super) local: SocketAddr,
    received: VecDeque<(SocketAddr, Vec<u8>)>,
    bytes: usize,
    pub(super) read: Readiness,
    pub(super) write: Readiness,
    /// Those that share as well may have the same port.
    pub(super) is_shared: bool,
    pub(super) joined: Vec<Membership>,
    pub(super) outgoing: Outgoing,
}

impl Udp {
    /// Takes a datagram that has come, if there is room.
    pub(super) fn take(&mut self, from: SocketAddr, data: Vec<u8>, to_wake: &mut Vec<Waker>) {
        if self.bytes + data.len() + OVERHEAD > RECEIVE_BYTES {
            return;
        }
        self.bytes += data.len() + OVERHEAD;
        self.received.push_back((as_named(self.local, from), data));
        self.read.raise(to_wake);
    }
}

impl World {
    pub(super) fn bind_udp(&mut self, host: usize, at: SocketAddr) -> io::Result<u64> {
        if !at.ip().is_multicast() {
            self.check_own(host, at.ip())?;
        }
        let is_taken = |world: &Self, port| {
            let mut same = world.udp.values().filter(|udp| udp.host == host && udp.local.port() == port);
            same.any(|udp| !udp.may_share(at.ip()))
        };
        let port = self.choose_port(host, at.port(), is_taken)?;
        self.open_socket(host)?;
        let id = self.id();
        self.udp.insert(
            id,
            Udp {
                host,
                local: SocketAddr::new(at.ip(), port),
                received: VecDeque::new(),
                bytes: 0,
                read: Readiness::default(),
                write: Readiness { is_ready: true, waker: None },
                is_shared: at.ip().is_multicast(),
                joined: Vec::new(),
                outgoing: Outgoing::default(),
            },
        );
        Ok(id)
    }

    pub(super) fn send_datagram(
        &mut self,
        id: u64,
        data: &[u8],
        from: Option<IpAddr>,
        to: SocketAddr,
    ) -> io::Result<()> {
        let now = self.now;
        let Some(udp) = self.udp.get(&id) else { return Err(ErrorKind::NotConnected.into()) };
        let (host, local) = (udp.host, udp.local);
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        if to.ip().is_multicast() {
            self.send_to_group(id, data, to);
            return Ok(());
        }
        let named = from.unwrap_or_else(|| local.ip());
        // One that is bound to a group sends from an address of its host.
        if !named.is_multicast() {
            self.check_own(host, named)?;
        }
        let from = SocketAddr::new(self.source(host, named, to.ip()), local.port());
        let Some(target) = self.reached(host, to.ip()) else { return Ok(()) };
        let path = self.path(host, target);
        if path.backlog(now) > SEND_BYTES {
            let at = now + path.time_for(SEND_BYTES / 2);
            self.schedule(at, Happening::Room(id));
            if let Some(udp) = self.udp.get_mut(&id) {
                udp.write.is_ready = false;
            }
            return Err(ErrorKind::WouldBlock.into());
        }
        let (path, chance) = self.path_and_chance(host, target);
        let arrivals = path.datagram(now, data.len() + OVERHEAD, chance);
        self.trace.note(now, 1, data.len() as u64);
        for at in arrivals.into_iter().flatten() {
            self.schedule(at, Happening::Datagram { to, host: target, from, data: data.to_vec() });
        }
        Ok(())
    }

    pub(super) fn datagram_arrives(&mut self, host: usize, to: SocketAddr, from: SocketAddr, data: Vec<u8>) {
        if !self.hosts[host].has_power {
            return;
        }
        self.trace.note(self.now, 2, data.len() as u64);
        if to.ip().is_multicast() {
            return self.reaches_group(host, to, from, &data);
        }
        let mut bound = self.udp.values_mut().filter(|udp| udp.host == host);
        if let Some(udp) = bound.find(|udp| leads_to(udp.local, to)) {
            udp.take(from, data, &mut self.to_wake);
        }
    }

    pub(super) fn receive_datagram(&mut self, id: u64, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let Some(udp) = self.udp.get_mut(&id) else { return Err(ErrorKind::NotConnected.into()) };
        let Some((from, data)) = udp.received.pop_front() else { return Err(ErrorKind::WouldBlock.into()) };
        udp.bytes -= data.len() + OVERHEAD;
        let taken = data.len().min(into.len());
        into[..taken].copy_from_slice(&data[..taken]);
        Ok((taken, from))
    }

    pub(super) fn room_for_datagrams(&mut self, id: u64) {
        if let Some(udp) = self.udp.get_mut(&id) {
            udp.write.raise(&mut self.to_wake);
        }
    }

    pub(super) fn close_udp(&mut self, id: u64) {
        if let Some(udp) = self.udp.remove(&id) {
            self.close_socket(udp.host);
            self.to_drop.extend([udp.read.waker, udp.write.waker].into_iter().flatten());
        }
    }
}
