use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::Instant;

use super::choices::Chance;

/// The network that datagrams go through.
#[derive(Debug)]
pub(super) struct Udp {
    under_way: BTreeMap<(Instant, u64), Datagram>,
    sent: u64,
    faults: UdpFaults,
    /// Until then nothing comes through.
    burst: Instant,
    /// The address of a socket from outside, where that has changed.
    outside: BTreeMap<SocketAddr, SocketAddr>,
    inside: BTreeMap<SocketAddr, SocketAddr>,
    silent: BTreeSet<IpAddr>,
}

/// How often what goes wrong, in a thousand datagrams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct UdpFaults {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) delayed: u64,
    pub(super) bursts: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) data: Bytes,
}

impl Udp {
    pub(super) fn new(faults: UdpFaults) -> Self {
        Self {
            under_way: BTreeMap::new(),
            sent: 0,
            faults,
            burst: Instant::ZERO,
            outside: BTreeMap::new(),
            inside: BTreeMap::new(),
            silent: BTreeSet::new(),
        }
    }

    pub(super) fn send(&mut self, now: Instant, datagram: Datagram, chance: &mut Chance<'_>) {
        if self.silent.contains(&datagram.from.ip()) || now < self.burst {
            return;
        }
        let faults = self.faults;
        if chance.happens(faults.bursts) {
            self.burst = now + chance.millis(1, 400);
            return;
        }
        let copies = if chance.happens(faults.lost) {
            0
        } else if chance.happens(faults.doubled) {
            2
        } else {
            1
        };
        let from = self.outside.get(&datagram.from).copied().unwrap_or(datagram.from);
        for _ in 0..copies {
            let mut delay = Duration::from_millis(2);
            if chance.happens(faults.delayed) {
                delay += chance.millis(1, 60);
            }
            self.sent += 1;
            self.under_way.insert((now + delay, self.sent), Datagram { from, ..datagram.clone() });
        }
    }

    /// When the next datagram arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// The datagram that has arrived; `to` is the socket that it is for.
    pub(super) fn arrive(&mut self, now: Instant) -> Option<Datagram> {
        loop {
            let entry = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
            let mut datagram = entry.remove();
            if self.silent.contains(&datagram.to.ip()) {
                continue;
            }
            if let Some(socket) = self.inside.get(&datagram.to) {
                datagram.to = *socket;
            } else if self.outside.contains_key(&datagram.to) {
                // The way that its NAT had opened before is closed.
                continue;
            }
            return Some(datagram);
        }
    }

    /// The socket's NAT shows another port from now on.
    pub(super) fn rebind(&mut self, socket: SocketAddr, port: u16) {
        let outside = SocketAddr::new(socket.ip(), port);
        if let Some(before) = self.outside.insert(socket, outside) {
            self.inside.remove(&before);
        }
        self.inside.insert(outside, socket);
    }

    /// The host is gone.
    pub(super) fn silence(&mut self, host: IpAddr) {
        self.silent.insert(host);
    }

    pub(super) fn heal(&mut self) {
        self.faults = UdpFaults::default();
        self.burst = Instant::ZERO;
    }
}
