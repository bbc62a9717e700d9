use std::net::{IpAddr, SocketAddr};

use super::SourcePolicy;
use crate::udp::{GroupSpec, Port};

/// From where the datagrams of a track come, and where they go to.
#[derive(Clone, Debug)]
pub(super) struct Source {
    policy: SourcePolicy,
    /// The server, with the scope of its address.
    peer: SocketAddr,
    /// The address that the server named in `source=`.
    named: Option<IpAddr>,
    announced: Option<(u16, u16)>,
    learnt: [Option<SocketAddr>; 2],
    /// The multicast group that they are sent to.
    group: Option<GroupSpec>,
}

impl Source {
    pub(super) fn new(
        policy: SourcePolicy,
        peer: SocketAddr,
        named: Option<IpAddr>,
        announced: Option<(u16, u16)>,
    ) -> Self {
        Self { policy, peer, named, announced, learnt: [None; 2], group: None }
    }

    /// The same for a group, which is sent to from any port.
    pub(super) fn of_group(self, group: GroupSpec) -> Self {
        Self { group: Some(group), ..self }
    }

    pub(super) fn group(&self) -> Option<&GroupSpec> {
        self.group.as_ref()
    }

    /// Returns `true` if a datagram for `port` may come from there.
    pub(super) fn accepts(&self, port: Port, from: SocketAddr) -> bool {
        if let Some(group) = &self.group {
            return self.accepts_of_group(group, port, from.ip().to_canonical());
        }
        if let Some(learnt) = self.learnt(port) {
            return same(learnt, from);
        }
        match self.policy {
            SourcePolicy::Announced => {
                self.is_of_server(from.ip()) && self.announced_port(port) == Some(from.port())
            }
            SourcePolicy::AnyPort => self.is_of_server(from.ip()),
            SourcePolicy::AnyAddress => true,
        }
    }

    /// Members of a group report to it as well, so that only packets tell who its source is.
    fn accepts_of_group(&self, group: &GroupSpec, port: Port, from: IpAddr) -> bool {
        match (group.source, self.learnt(Port::Rtp)) {
            (Some(only), _) => from == only,
            (None, Some(learnt)) => from == learnt.ip().to_canonical(),
            (None, None) if self.policy == SourcePolicy::AnyAddress => port == Port::Rtp,
            (None, None) => self.is_of_server(from),
        }
    }

    fn is_of_server(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip == self.peer.ip().to_canonical() || self.named.is_some_and(|named| ip == named.to_canonical())
    }

    /// Keeps to the source of the first valid packet; `true` if this is the first.
    pub(super) fn learn(&mut self, port: Port, from: SocketAddr) -> bool {
        let learns = match &self.group {
            None => self.policy != SourcePolicy::Announced,
            Some(group) => {
                self.policy == SourcePolicy::AnyAddress && group.source.is_none() && port == Port::Rtp
            }
        };
        let [rtp, rtcp] = &mut self.learnt;
        let slot = match port {
            Port::Rtp => rtp,
            Port::Rtcp => rtcp,
        };
        let is_first = learns && slot.is_none();
        if is_first {
            *slot = Some(from);
        }
        is_first
    }

    /// Where reports and the packets that open NATs go: to what was announced, or else to what was learnt.
    ///
    /// Reports about a group go to all of its members, or to its only source if routers let only that source send to the group
    /// (RFC 5760).
    pub(super) fn destination(&self, port: Port) -> Option<SocketAddr> {
        if let Some(GroupSpec { group, ports: (_, rtcp), source, .. }) = self.group {
            return (port == Port::Rtcp).then(|| SocketAddr::new(source.unwrap_or(group), rtcp));
        }
        match self.announced_port(port) {
            Some(number) => {
                let mut address = self.peer;
                address.set_ip(self.named.unwrap_or_else(|| self.peer.ip()));
                address.set_port(number);
                Some(address)
            }
            None => self.learnt(port),
        }
    }

    fn announced_port(&self, port: Port) -> Option<u16> {
        self.announced.map(|(rtp, rtcp)| match port {
            Port::Rtp => rtp,
            Port::Rtcp => rtcp,
        })
    }

    fn learnt(&self, port: Port) -> Option<SocketAddr> {
        let [rtp, rtcp] = self.learnt;
        match port {
            Port::Rtp => rtp,
            Port::Rtcp => rtcp,
        }
    }
}

/// Compares addresses as a dual-stack socket reports them.
fn same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn source(policy: SourcePolicy, announced: Option<(u16, u16)>) -> Source {
        Source::new(policy, at("192.0.2.1:554"), Some(at("192.0.2.9:0").ip()), announced)
    }

    #[test]
    fn by_default_only_the_announced_addresses_and_ports_are_heard() {
        let mut source = source(SourcePolicy::Announced, Some((5000, 5001)));
        for (port, from, accepted) in [
            (Port::Rtp, "192.0.2.1:5000", true),
            (Port::Rtp, "192.0.2.9:5000", true),
            (Port::Rtp, "[::ffff:192.0.2.1]:5000", true),
            (Port::Rtcp, "192.0.2.1:5001", true),
            (Port::Rtp, "192.0.2.1:5001", false),
            (Port::Rtp, "192.0.2.1:5002", false),
            (Port::Rtp, "192.0.2.2:5000", false),
        ] {
            source.learn(port, at("192.0.2.77:1"));
            assert_eq!(source.accepts(port, at(from)), accepted, "{from}");
        }
        assert_eq!(source.destination(Port::Rtcp), Some(at("192.0.2.9:5001")));
    }

    #[test]
    fn what_is_sent_to_a_link_local_address_goes_out_of_the_link_that_it_is_on() {
        let peer = SocketAddrV6::new("fe80::1".parse().unwrap(), 554, 0, 3);
        for (named, expected) in [(None, "[fe80::1%3]:5000"), (Some("fe80::2"), "[fe80::2%3]:5000")] {
            let named = named.map(|named| named.parse().unwrap());
            let source = Source::new(SourcePolicy::Announced, peer.into(), named, Some((5000, 5001)));
            assert_eq!(source.destination(Port::Rtp), Some(at(expected)));
            assert!(source.accepts(Port::Rtp, at(expected)));
        }
    }

    #[test]
    fn any_port_keeps_to_the_first_one_and_reports_to_the_announced_one() {
        let mut source = source(SourcePolicy::AnyPort, Some((5000, 5001)));
        assert!(source.accepts(Port::Rtp, at("192.0.2.1:41234")));
        assert!(!source.accepts(Port::Rtp, at("192.0.2.2:5000")));
        source.learn(Port::Rtp, at("192.0.2.1:41234"));
        assert!(source.accepts(Port::Rtp, at("192.0.2.1:41234")));
        assert!(!source.accepts(Port::Rtp, at("192.0.2.1:5000")));
        assert_eq!(source.destination(Port::Rtp), Some(at("192.0.2.9:5000")));
    }

    #[test]
    fn any_address_keeps_to_the_first_one_and_reports_there_if_nothing_is_announced() {
        let mut source = source(SourcePolicy::AnyAddress, None);
        assert_eq!(source.destination(Port::Rtcp), None);
        assert!(source.accepts(Port::Rtcp, at("203.0.113.5:7000")));
        source.learn(Port::Rtcp, at("203.0.113.5:7000"));
        assert!(!source.accepts(Port::Rtcp, at("192.0.2.1:7000")));
        assert_eq!(source.destination(Port::Rtcp), Some(at("203.0.113.5:7000")));
    }
}
