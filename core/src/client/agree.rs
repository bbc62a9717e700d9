//! Agreement of client and server on the transport of a media.

use std::net::{IpAddr, Ipv4Addr};

use super::groups::answered_group;
use super::source::Source;
use super::track::Path;
use super::{Client, CommandError, SourcePolicy, SwitchReason};
use crate::header::{Delivery, Lower, Transport, parse_transports};
use crate::wire::{Response, name};
use crate::{Tolerance, UdpId};

/// The transport that the server is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offer {
    Tcp((u8, u8)),
    Udp(UdpId, (u16, u16)),
    Multicast,
}

/// Why there is no agreement.
pub(super) enum Refusal {
    /// TCP would do, asked for from the start.
    Switch(SwitchReason),
    Fail(CommandError),
}

impl From<Offer> for Transport {
    fn from(offer: Offer) -> Self {
        match offer {
            Offer::Tcp(channels) => Self::tcp(channels),
            Offer::Udp(_, ports) => Self::udp(ports),
            Offer::Multicast => Self::multicast(),
        }
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Self::Fail(error)
    }
}

impl Client {
    /// Returns the transport in the server's answer, or the offered one if the answer names none.
    pub(super) fn read_transport(
        &mut self,
        asked: Offer,
        response: &Response,
    ) -> Result<Transport, CommandError> {
        let mut values = response.headers.get_all(name::TRANSPORT).peekable();
        if values.peek().is_none() {
            self.tolerances.record(Tolerance::NoTransport);
            return Ok(asked.into());
        }
        let read = parse_transports(values, &mut self.tolerances).map_err(CommandError::BadTransport)?;
        read.into_iter().next().ok_or(CommandError::OtherTransport)
    }

    pub(super) fn agree(&mut self, media: usize, asked: Offer, answer: &Transport) -> Result<Path, Refusal> {
        match (asked, answer.lower) {
            (Offer::Tcp(channels), Lower::Tcp) => Ok(self.agree_tcp(channels, answer)?),
            (Offer::Udp(..), Lower::Udp) if goes_to_group(answer) => self.agree_unasked_group(media, answer),
            (Offer::Multicast, Lower::Udp) => self.agree_group(media, answer),
            (Offer::Udp(id, ports), Lower::Udp) => self.agree_udp(media, (id, ports), answer),
            (Offer::Udp(..) | Offer::Multicast, Lower::Tcp) => {
                Err(self.switch_or(SwitchReason::Answered, CommandError::OtherTransport))
            }
            // RTP/AVP;unicast;client_port=0-1;interleaved=0-1: the channels decide, not the profile.
            (Offer::Tcp(channels), Lower::Udp) if answer.interleaved.is_some() => {
                self.tolerances.record(Tolerance::InterleavedWithoutTcp);
                Ok(self.agree_tcp(channels, answer)?)
            }
            (Offer::Tcp(_), Lower::Udp) => Err(CommandError::OtherTransport.into()),
        }
    }

    fn agree_tcp(&mut self, asked: (u8, u8), answer: &Transport) -> Result<Path, CommandError> {
        let (rtp, rtcp) = answer.interleaved.unwrap_or_else(|| {
            self.tolerances.record(Tolerance::NoInterleavedChannels);
            asked
        });
        if self.is_channel_taken(rtp) || self.is_channel_taken(rtcp) {
            return Err(CommandError::ChannelsTaken(rtp, rtcp));
        }
        Ok(Path::Tcp { rtp, rtcp })
    }

    fn agree_udp(
        &mut self,
        media: usize,
        (id, client_ports): (UdpId, (u16, u16)),
        answer: &Transport,
    ) -> Result<Path, Refusal> {
        let peer = self.link.peer().ok_or(CommandError::OtherTransport)?;
        let ports = answer.server_port.filter(|ports| !matches!(ports, (0, _) | (_, 0)));
        if ports.is_none() {
            let learns = self.config.source != SourcePolicy::Announced && !self.is_to_be_sent(media);
            if !learns {
                return Err(self.switch_or(SwitchReason::NoServerPorts, CommandError::NoServerPorts));
            }
            self.tolerances.record(Tolerance::NoServerPorts);
        }
        let named = answer.source.as_deref().and_then(|source| usable_source(source, peer.ip()));
        if answer.source.is_some() && named.is_none() {
            self.tolerances.record(Tolerance::UnusableSource);
        }
        if answer.delivery.is_none() {
            self.tolerances.record(Tolerance::NoDelivery);
        }
        let source = Source::new(self.config.source, peer, named, ports);
        Ok(Path::Udp { id, client_ports, source })
    }

    pub(super) fn switch_or(&self, reason: SwitchReason, error: CommandError) -> Refusal {
        if self.may_switch() { Refusal::Switch(reason) } else { Refusal::Fail(error) }
    }

    /// The first even channel that is free together with the next.
    pub(super) fn free_channels(&self) -> Option<(u8, u8)> {
        (0..=u8::MAX)
            .step_by(2)
            .map(|rtp| (rtp, rtp | 1))
            .find(|(rtp, rtcp)| !self.is_channel_taken(*rtp) && !self.is_channel_taken(*rtcp))
    }

    fn is_channel_taken(&self, channel: u8) -> bool {
        self.tracks.iter().any(|track| track.path.port_of_channel(channel).is_some())
    }
}

/// Returns `true` if an answer is about a multicast group. VLC does not say `multicast`.
fn goes_to_group(answer: &Transport) -> bool {
    match answer.delivery {
        Some(delivery) => delivery == Delivery::Multicast,
        None => answered_group(answer).is_some(),
    }
}

/// The address behind `source=`, unless it leads back to this host or to many; names are never resolved.
pub(super) fn usable_source(text: &str, peer: IpAddr) -> Option<IpAddr> {
    let ip: IpAddr = text.trim_matches(['[', ']']).parse().ok()?;
    may_be_source(ip, peer).then_some(ip)
}

/// Returns `true` for the address of one host, which is not this one unless the server is here.
pub(super) fn may_be_source(ip: IpAddr, peer: IpAddr) -> bool {
    !ip.is_unspecified()
        && !ip.is_multicast()
        && ip != IpAddr::V4(Ipv4Addr::BROADCAST)
        && (!ip.to_canonical().is_loopback() || peer.to_canonical().is_loopback())
}
