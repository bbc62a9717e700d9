use std::net::SocketAddr;

use super::event::MediaTransport;
use super::session::{Channels, Session};
use super::{Server, StreamId};
use crate::header::{Delivery, HeaderError, Lower, Mode, Transport, parse_transports};
use crate::wire::{Request, Response, StatusCode, name};
use crate::{ConnId, Profile, SessionId, Tolerance, Tolerances};

/// A SETUP that can be granted.
#[derive(Debug)]
pub(super) struct SetupPlan {
    /// The session that it belongs to; a new one, if there is none.
    pub(super) session: Option<SessionId>,
    pub(super) purpose: Purpose,
    pub(super) track: u8,
    /// It is a back channel.
    pub(super) is_spoken: bool,
    pub(super) uri: Box<str>,
    pub(super) transport: Transport,
    pub(super) channels: Channels,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Read(StreamId),
    Publish,
}

impl Purpose {
    fn mode(self) -> Mode {
        match self {
            Self::Read(_) => Mode::Play,
            Self::Publish => Mode::Record,
        }
    }
}

/// The transports that a SETUP offers.
pub(super) fn offered(request: &Request) -> Vec<Transport> {
    // Deviations that were put up with are told where a transport is chosen.
    parse_transports(request.headers.get_all(name::TRANSPORT), &mut Tolerances::default()).unwrap_or_default()
}

impl Server {
    /// The first of the client's alternatives that can be had; 461 if none can.
    pub(super) fn choose_transport(
        &mut self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        purpose: Purpose,
    ) -> Result<(Transport, Channels), Response> {
        let unsupported = || Response::new(StatusCode::UNSUPPORTED_TRANSPORT);
        let mut tolerances = Tolerances::NONE;
        let offered = parse_transports(request.headers.get_all(name::TRANSPORT), &mut tolerances);
        self.tolerate(conn, tolerances);
        let offered = offered.map_err(|error| match error {
            HeaderError::UnknownTransport => unsupported(),
            _ => Response::new(StatusCode::BAD_REQUEST),
        })?;
        let mut fitting = offered.into_iter().filter_map(|offer| {
            let channels = self.channels_for(conn, &offer, session, purpose)?;
            Some((offer, channels))
        });
        let (offer, channels) = fitting.next().ok_or_else(unsupported)?;
        if offer.delivery.is_none() && offer.lower == Lower::Udp {
            self.tolerate_one(conn, Tolerance::NoDelivery);
        }
        if offer.mode.is_none() && purpose == Purpose::Publish {
            self.tolerate_one(conn, Tolerance::NoRecordMode);
        }
        Ok((offer, channels))
    }

    /// The channels that would carry a track over this transport, if they can be had.
    ///
    /// `destination` is never obeyed: media goes to the peer that asked for it.
    fn channels_for(
        &self,
        conn: ConnId,
        offer: &Transport,
        session: Option<SessionId>,
        purpose: Purpose,
    ) -> Option<Channels> {
        let session = session.and_then(|id| self.sessions.get(id));
        let carried = session.and_then(Session::transport);
        let is_unicast = offer.delivery.is_none_or(|delivery| delivery == Delivery::Unicast);
        let is_plain = offer.profile == Profile::Avp;
        // RFC 2326, section 12.39: without a mode it is PLAY; some publishers leave theirs out.
        let fits_purpose = offer.mode.is_none_or(|mode| mode == purpose.mode());
        if !(is_unicast && is_plain && fits_purpose) {
            return None;
        }
        match offer.lower {
            Lower::Tcp if carried != Some(MediaTransport::Udp) => self.free_frames(conn, offer.interleaved),
            Lower::Udp if carried != Some(MediaTransport::Tcp) => {
                self.free_udp(conn, session, offer.client_port?)
            }
            _ => None,
        }
    }

    /// Two free channels of a connection: those that the client asks for, if they are.
    fn free_frames(&self, conn: ConnId, asked: Option<(u8, u8)>) -> Option<Channels> {
        let sessions = self.conns.get(conn)?.sessions.iter().filter_map(|id| self.sessions.get(id));
        let taken: Vec<u8> = sessions
            .flat_map(|session| &session.tracks)
            .filter_map(|track| match track.channels {
                Channels::Frames { rtp, rtcp, .. } => Some([rtp, rtcp]),
                Channels::Udp { .. } => None,
            })
            .flatten()
            .collect();
        let is_free = |(rtp, rtcp): &(u8, u8)| rtp != rtcp && !taken.contains(rtp) && !taken.contains(rtcp);
        let pairs = (0..=u8::MAX).step_by(2).map(|rtp| (rtp, rtp | 1));
        let (rtp, rtcp) = asked.filter(is_free).or_else(|| pairs.into_iter().find(is_free))?;
        Some(Channels::Frames { conn, rtp, rtcp })
    }

    /// The client's own ports, if the server has a UDP pair open and neither another session nor the server is there.
    fn free_udp(&self, conn: ConnId, session: Option<&Session>, (rtp, rtcp): (u16, u16)) -> Option<Channels> {
        let pair = session.and_then(Session::udp_pair).or_else(|| self.udp_pairs.choose())?;
        let connection = self.conns.get(conn)?;
        let ip = connection.peer.ip();
        // Datagrams of the server itself look like a client that is there.
        let is_own_host = connection.is_from_here() || self.config.udp.is_some_and(|spec| spec.ip == ip);
        // With the scope of a link-local address, without which nothing gets there.
        let at = |port| {
            let mut address = connection.peer;
            address.set_port(port);
            address
        };
        let (rtp, rtcp) = (at(rtp), at(rtcp));
        let is_free = |address: &SocketAddr| {
            let is_own = is_own_host && self.udp_pairs.has_port(address.port());
            address.port() != 0 && !is_own && !self.udp_peers.contains_key(address)
        };
        if !self.may_have_ports(ip) {
            return None;
        }
        (rtp != rtcp && is_free(&rtp) && is_free(&rtcp)).then_some(Channels::Udp { pair, rtp, rtcp })
    }

    /// The Transport header of the answer.
    pub(super) fn granted(&self, offer: &Transport, channels: Channels, ssrc: Option<u32>) -> Transport {
        let mut granted = match channels {
            Channels::Frames { rtp, rtcp, .. } => Transport::tcp((rtp, rtcp)),
            Channels::Udp { rtp, rtcp, .. } => Transport::udp((rtp.port(), rtcp.port())),
        };
        if let Channels::Udp { pair, .. } = channels {
            granted.server_port = self.udp_pairs.ports(pair);
        }
        granted.ssrc = ssrc;
        granted.mode = offer.mode;
        granted
    }
}
