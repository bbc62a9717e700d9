//! Multicast: the group that a media is received from, by the answer to SETUP and by the description.

use std::net::IpAddr;

use super::agree::{Refusal, may_be_source, usable_source};
use super::source::Source;
use super::track::Path;
use super::{Client, CommandError, SwitchReason, Transports};
use crate::Tolerance;
use crate::description::groups::DescribedGroup;
use crate::header::{Delivery, Transport};
use crate::limits::MULTICAST_TTL;
use crate::udp::GroupSpec;

impl Client {
    /// How a media is asked for over UDP. What the client sends goes to the server alone.
    pub(super) fn delivery(&self, media: usize) -> Delivery {
        let is_group = !self.is_to_be_sent(media)
            && match self.config.transports {
                Transports::Multicast | Transports::MulticastThenTcp => true,
                Transports::Any => self.described_group(media).is_some(),
                Transports::UdpThenTcp | Transports::Udp | Transports::Tcp => false,
            };
        if is_group { Delivery::Multicast } else { Delivery::Unicast }
    }

    /// Follows an answer that names a group to a request for packets to the client alone, if that is allowed.
    pub(super) fn agree_unasked_group(&mut self, media: usize, answer: &Transport) -> Result<Path, Refusal> {
        match self.config.transports {
            Transports::Any => self.agree_group(media, answer),
            _ => Err(self.switch_or(SwitchReason::Answered, CommandError::MulticastOnly)),
        }
    }

    pub(super) fn agree_group(&mut self, media: usize, answer: &Transport) -> Result<Path, Refusal> {
        let peer = self.link.peer().ok_or(CommandError::OtherTransport)?;
        if answer.delivery == Some(Delivery::Unicast) {
            return Err(self.switch_or(SwitchReason::Answered, CommandError::OtherTransport));
        }
        if answer.delivery.is_none() {
            self.tolerances.record(Tolerance::NoDelivery);
        }
        let named = answer.source.as_deref().and_then(|source| usable_source(source, peer.ip()));
        if answer.source.is_some() && named.is_none() {
            self.tolerances.record(Tolerance::UnusableSource);
        }
        let Some(spec) = self.group_spec(media, answer, named.unwrap_or_else(|| peer.ip())) else {
            return Err(self.switch_or(SwitchReason::NoGroup, CommandError::NoGroup));
        };
        let source = Source::new(self.config.source, peer, named, None).of_group(spec);
        Ok(Path::Udp { id: self.next_udp_id(), client_ports: spec.ports, source })
    }

    /// The group in an answer, completed by the description.
    fn group_spec(&mut self, media: usize, answer: &Transport, from: IpAddr) -> Option<GroupSpec> {
        let answered = answered_group(answer);
        let described = self.described_group(media);
        if answered.is_none() && answer.destination.is_some() && described.is_some() {
            self.tolerances.record(Tolerance::NoGroup);
        }
        let group = answered.or_else(|| Some(described?.ip))?;
        let described = described.filter(|described| described.ip == group);
        let ports = match answer.port.filter(|(rtp, _)| *rtp != 0) {
            Some((rtp, 0)) => {
                self.tolerances.record(Tolerance::NoGroupRtcpPort);
                (rtp, rtp.checked_add(1)?)
            }
            Some(ports) => ports,
            None => described?.ports?,
        };
        let ttl = answer.ttl.or_else(|| described?.ttl).unwrap_or(MULTICAST_TTL);
        Some(GroupSpec { group, ports, source: self.only_source(media, group, from.to_canonical()), ttl })
    }

    /// The only source of a group: the server if the description lists it, or else the first listed; and the server where groups
    /// are such that somebody has to be named (RFC 4607).
    fn only_source(&self, media: usize, group: IpAddr, server: IpAddr) -> Option<IpAddr> {
        let described = self.presentation.as_ref().and_then(|presentation| presentation.groups.get(media));
        let listed = described.map(|described| described.sources(group)).unwrap_or_default();
        let is_usable = |ip: &&IpAddr| ip.is_ipv4() == group.is_ipv4() && may_be_source(**ip, server);
        let first = listed.iter().find(is_usable).copied();
        let is_server = listed.contains(&server) || first.is_none() && is_of_one_source(group);
        if is_server && server.is_ipv4() == group.is_ipv4() { Some(server) } else { first }
    }

    fn described_group(&self, media: usize) -> Option<DescribedGroup> {
        self.presentation.as_ref()?.groups.get(media)?.group
    }
}

/// The group that an answer names as the destination.
pub(super) fn answered_group(answer: &Transport) -> Option<IpAddr> {
    let destination = answer.destination.as_deref()?.trim_matches(['[', ']']);
    destination.parse().ok().filter(IpAddr::is_multicast)
}

/// Returns `true` for the groups of which each source is a channel of its own (RFC 4607).
fn is_of_one_source(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group.octets().starts_with(&[232]),
        IpAddr::V6(group) => matches!(group.segments(), [first, 0, ..] if first & 0xfff0 == 0xff30),
    }
}
