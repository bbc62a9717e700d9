use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::stats::Halves;
use super::{Output, Server, ServerConfig};
use crate::id::Arena;
use crate::limits::UDP_PAIRS_MAX;
use crate::udp::{GroupTarget, UdpCommand, UdpMedia, UdpOrder, UdpPorts, UdpSpec};
use crate::{SessionId, UdpId};

/// The pairs of UDP sockets: those that sessions are spread over, and those of groups. Each is driven by a task of its own, on
/// any processor.
#[derive(Debug, Default)]
pub(super) struct Pairs(Arena<Pair>);

#[derive(Debug, Default)]
struct Pair {
    /// Its ports, once it is open.
    ports: Option<(u16, u16)>,
    /// It sends to a group, and no session is on it by itself.
    is_of_group: bool,
    sessions: usize,
    /// It has been asked for its statistics and has not answered.
    is_asked: bool,
}

impl Pairs {
    /// The pairs that a server is to have, and that are to be opened.
    pub(super) fn new(config: &ServerConfig) -> (Self, Vec<UdpMedia>) {
        let specs = config.udp.into_iter().flat_map(|spec| specs(spec, config.udp_pairs_of(spec)));
        let mut pairs = Self::default();
        let medias = specs.map(|spec| pairs.open(Pair::default(), spec, config.udp_burst)).collect();
        (pairs, medias)
    }

    /// A pair that sends to a group from the ports that it has there, and that is to be opened.
    pub(super) fn open_group(&mut self, group: GroupTarget, port: u16, burst: usize) -> UdpMedia {
        let ip: IpAddr =
            if group.group.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let spec = UdpSpec { ip, ports: UdpPorts::Fixed(port, port.saturating_add(1)) };
        self.open(Pair { is_of_group: true, ..Pair::default() }, spec, burst).sending_to(group)
    }

    fn open(&mut self, pair: Pair, spec: UdpSpec, burst: usize) -> UdpMedia {
        UdpMedia::new(self.0.insert_with(|_| pair), spec, burst)
    }

    /// Takes note of the ports of a pair, if it could be opened. Returns `true` if there is such a pair.
    pub(super) fn handle_opened(&mut self, id: UdpId, ports: Option<(u16, u16)>) -> bool {
        let pair = self.0.get_mut(id);
        pair.map(|pair| pair.ports = ports).is_some()
    }

    pub(super) fn ports(&self, id: UdpId) -> Option<(u16, u16)> {
        self.0.get(id)?.ports
    }

    /// Returns `true` if one of the pairs has this port.
    pub(super) fn has_port(&self, port: u16) -> bool {
        self.all().filter_map(|(_, pair)| pair.ports).any(|(rtp, rtcp)| port == rtp || port == rtcp)
    }

    /// The open pair with the fewest sessions, so that what those leave who go is filled again.
    pub(super) fn choose(&self) -> Option<UdpId> {
        let open = self.all().filter(|(_, pair)| pair.ports.is_some() && !pair.is_of_group);
        open.min_by_key(|(_, pair)| pair.sessions).map(|(id, _)| id)
    }

    pub(super) fn enter(&mut self, id: UdpId) {
        if let Some(pair) = self.0.get_mut(id) {
            pair.sessions = pair.sessions.saturating_add(1);
        }
    }

    pub(super) fn leave(&mut self, id: UdpId) {
        if let Some(pair) = self.0.get_mut(id) {
            pair.sessions = pair.sessions.saturating_sub(1);
        }
    }

    /// The pairs that sessions are on, and those of groups, which have some.
    pub(super) fn used(&self) -> impl Iterator<Item = UdpId> + '_ {
        self.all().filter(|(_, pair)| pair.sessions > 0 || pair.is_of_group).map(|(id, _)| id)
    }

    /// Takes note that a pair is asked for its statistics, or has answered. Returns `true` if that is new.
    pub(super) fn set_asked(&mut self, id: UdpId, is_asked: bool) -> bool {
        self.0.get_mut(id).is_some_and(|pair| std::mem::replace(&mut pair.is_asked, is_asked) != is_asked)
    }

    pub(super) fn is_asked(&self, id: UdpId) -> bool {
        self.0.get(id).is_some_and(|pair| pair.is_asked)
    }

    /// No pair is awaited to answer any more.
    pub(super) fn stop_asking(&mut self) {
        self.0.values_mut().for_each(|pair| pair.is_asked = false);
    }

    fn all(&self) -> impl Iterator<Item = (UdpId, &Pair)> {
        self.0.iter()
    }
}

/// The sockets that the runtime is to open for so many pairs: fixed ports are followed by the next ones.
fn specs(spec: UdpSpec, pairs: usize) -> impl Iterator<Item = UdpSpec> {
    let nth = move |number: u16| {
        let ports = match spec.ports {
            UdpPorts::Fixed(rtp, rtcp) => {
                let further = number.checked_mul(2)?;
                UdpPorts::Fixed(rtp.checked_add(further)?, rtcp.checked_add(further)?)
            }
            ports => ports,
        };
        Some(UdpSpec { ports, ..spec })
    };
    (0..).map_while(nth).take(pairs.clamp(1, UDP_PAIRS_MAX))
}

impl Server {
    /// Tells the pair that a session is on.
    pub(super) fn order_udp(&mut self, session: SessionId, order: UdpOrder) {
        if let Some(pair) = self.sessions.get(session).and_then(|session| session.udp_pair()) {
            self.outputs.push_back(Output::Udp(pair, UdpCommand(order)));
        }
    }

    /// Tells the pairs that a reader is sent its tracks by.
    pub(super) fn order_reader(&mut self, session: SessionId, order: impl Fn() -> UdpOrder) {
        let pairs = self.sessions.get(session).map(|session| self.pairs_of(session)).unwrap_or_default();
        self.outputs.extend(pairs.into_iter().map(|pair| Output::Udp(pair, UdpCommand(order()))));
    }

    /// A pair is not used any more.
    pub(super) fn close_pair(&mut self, id: UdpId) {
        if self.udp_pairs.0.remove(id).is_some_and(|pair| pair.is_asked) {
            self.stats_asked.take_back(Halves::ONE);
        }
    }
}
