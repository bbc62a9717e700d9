//! Multicast groups: sockets that have joined them, and what is sent to them.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::udp::{OVERHEAD, Udp};
use super::world::{Happening, World};
use crate::net::{Interface, Membership};

/// How what a socket sends to groups leaves.
#[derive(Debug)]
pub(super) struct Outgoing {
    ttl: u8,
    /// The address that it comes from, or the first one of the host.
    source: Option<IpAddr>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { ttl: 1, source: None }
    }
}

impl Udp {
    /// Returns `true` if another socket of the host may be bound to this address and the same port.
    pub(super) fn may_share(&self, other: IpAddr) -> bool {
        let own = self.local.ip();
        match (own.is_multicast(), other.is_multicast()) {
            (true, true) => true,
            (false, true) => self.is_shared || !own.is_unspecified(),
            (true, false) => !other.is_unspecified(),
            (false, false) => false,
        }
    }

    /// Returns `true` if it hears what comes from there for a group.
    fn is_member(&self, to: SocketAddr, from: IpAddr) -> bool {
        let is_bound = self.local.port() == to.port()
            && (self.local.ip() == to.ip() || self.local.ip().is_unspecified());
        let hears = |joined: &Membership| {
            joined.group == to.ip() && joined.source.is_none_or(|source| source == from)
        };
        is_bound && self.joined.iter().any(hears)
    }
}

impl World {
    pub(super) fn join(&mut self, id: u64, membership: &Membership) -> io::Result<()> {
        let Some(udp) = self.udp.get(&id) else { return Err(ErrorKind::NotConnected.into()) };
        self.check_interface(udp.host, membership.interface.as_ref())?;
        let is_one_family =
            membership.source.is_none_or(|source| source.is_ipv4() == membership.group.is_ipv4());
        if !membership.group.is_multicast() || !is_one_family {
            return Err(ErrorKind::InvalidInput.into());
        }
        if let Some(udp) = self.udp.get_mut(&id) {
            udp.joined.push(membership.clone());
        }
        Ok(())
    }

    pub(super) fn set_multicast(
        &mut self,
        id: u64,
        ttl: u8,
        interface: Option<&Interface>,
    ) -> io::Result<()> {
        let Some(udp) = self.udp.get(&id) else { return Err(ErrorKind::NotConnected.into()) };
        let source = self.check_interface(udp.host, interface)?;
        if let Some(udp) = self.udp.get_mut(&id) {
            udp.outgoing = Outgoing { ttl, source };
        }
        Ok(())
    }

    /// The interfaces of a host are its addresses.
    fn check_interface(&self, host: usize, interface: Option<&Interface>) -> io::Result<Option<IpAddr>> {
        match interface {
            None => Ok(None),
            Some(Interface::Address(ip)) => self.check_own(host, *ip).map(|()| Some(*ip)),
            Some(_) => Err(ErrorKind::NotFound.into()),
        }
    }

    /// The address that what a socket sends to a group comes from.
    pub(super) fn source_to(&self, id: u64, group: IpAddr) -> Option<IpAddr> {
        let udp = self.udp.get(&id)?;
        let source = udp.outgoing.source.filter(|source| source.is_ipv4() == group.is_ipv4());
        let bound = Some(udp.local.ip()).filter(|bound| !bound.is_multicast());
        let any = if group.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let source = self.source(udp.host, source.or(bound).unwrap_or(any), group);
        (!source.is_unspecified()).then_some(source)
    }

    /// Sends a datagram to every host that has a member, as far as its time to live lets it come.
    pub(super) fn send_to_group(&mut self, id: u64, data: &[u8], to: SocketAddr) {
        let now = self.now;
        let Some(udp) = self.udp.get(&id) else { return };
        let (host, Outgoing { ttl, source }, port) = (udp.host, &udp.outgoing, udp.local.port());
        let (ttl, is_loopback) = (*ttl, source.is_some_and(|source| source.is_loopback()));
        let Some(source) = self.source_to(id, to.ip()) else { return };
        let from = SocketAddr::new(source, port);
        let members = self.udp.values().filter(|udp| udp.is_member(to, from.ip()));
        let hosts: BTreeSet<usize> = members.map(|udp| udp.host).collect();
        self.trace.note(now, 1, data.len() as u64);
        for target in hosts {
            let (path, chance) = self.path_and_chance(host, target);
            if target != host && (is_loopback || !path.link.is_passed_by(ttl)) {
                continue;
            }
            for at in path.datagram(now, data.len() + OVERHEAD, chance).into_iter().flatten() {
                self.schedule(at, Happening::Datagram { to, host: target, from, data: data.to_vec() });
            }
        }
    }

    /// Gives a datagram to all members of a host.
    pub(super) fn reaches_group(&mut self, host: usize, to: SocketAddr, from: SocketAddr, data: &[u8]) {
        let Self { udp, to_wake, .. } = self;
        for udp in udp.values_mut().filter(|udp| udp.host == host && udp.is_member(to, from.ip())) {
            udp.take(from, data.to_vec(), to_wake);
        }
    }
}
