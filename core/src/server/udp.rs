use super::{Output, Server, ServerConfig};
use crate::id::RawId;
use crate::limits::UDP_PAIRS_MAX;
use crate::udp::{UdpCommand, UdpMedia, UdpOrder, UdpPorts, UdpSpec};
use crate::{SessionId, UdpId};

/// The pairs of UDP sockets that sessions are spread over: each is driven by a task of its own, on any processor.
#[derive(Debug, Default)]
pub(super) struct Pairs(Vec<Pair>);

#[derive(Debug)]
struct Pair {
    id: UdpId,
    /// Its ports, once it is open.
    ports: Option<(u16, u16)>,
    sessions: usize,
    /// It has been asked for its statistics and has not answered.
    is_asked: bool,
}

impl Pairs {
    /// The pairs that a server is to have, and that are to be opened.
    pub(super) fn new(config: &ServerConfig) -> (Self, Vec<UdpMedia>) {
        let specs = config.udp.into_iter().flat_map(|spec| specs(spec, config.udp_pairs_of(spec)));
        let medias: Vec<_> = (0..)
            .zip(specs)
            .map(|(number, spec)| UdpMedia::new(RawId::numbered(number).into(), spec, config.udp_burst))
            .collect();
        let pairs =
            medias.iter().map(|media| Pair { id: media.id(), ports: None, sessions: 0, is_asked: false });
        (Self(pairs.collect()), medias)
    }

    pub(super) fn handle_opened(&mut self, id: UdpId, ports: Option<(u16, u16)>) {
        if let Some(pair) = self.get_mut(id) {
            pair.ports = ports;
        }
    }

    pub(super) fn ports(&self, id: UdpId) -> Option<(u16, u16)> {
        self.0.get(id.index())?.ports
    }

    /// Returns `true` if one of the pairs has this port.
    pub(super) fn has_port(&self, port: u16) -> bool {
        self.0.iter().filter_map(|pair| pair.ports).any(|(rtp, rtcp)| port == rtp || port == rtcp)
    }

    /// The open pair with the fewest sessions, so that what those leave who go is filled again.
    pub(super) fn choose(&self) -> Option<UdpId> {
        let open = self.0.iter().filter(|pair| pair.ports.is_some());
        open.min_by_key(|pair| pair.sessions).map(|pair| pair.id)
    }

    pub(super) fn enter(&mut self, id: UdpId) {
        if let Some(pair) = self.get_mut(id) {
            pair.sessions = pair.sessions.saturating_add(1);
        }
    }

    pub(super) fn leave(&mut self, id: UdpId) {
        if let Some(pair) = self.get_mut(id) {
            pair.sessions = pair.sessions.saturating_sub(1);
        }
    }

    /// The pairs that sessions are on.
    pub(super) fn used(&self) -> impl Iterator<Item = UdpId> + '_ {
        self.0.iter().filter(|pair| pair.sessions > 0).map(|pair| pair.id)
    }

    /// Takes note that a pair is asked for its statistics, or has answered. Returns `true` if that is new.
    pub(super) fn set_asked(&mut self, id: UdpId, is_asked: bool) -> bool {
        self.get_mut(id).is_some_and(|pair| std::mem::replace(&mut pair.is_asked, is_asked) != is_asked)
    }

    pub(super) fn is_asked(&self, id: UdpId) -> bool {
        self.0.get(id.index()).is_some_and(|pair| pair.is_asked)
    }

    /// No pair is awaited to answer any more.
    pub(super) fn stop_asking(&mut self) {
        self.0.iter_mut().for_each(|pair| pair.is_asked = false);
    }

    fn get_mut(&mut self, id: UdpId) -> Option<&mut Pair> {
        self.0.get_mut(id.index())
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
}
