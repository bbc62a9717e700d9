use std::net::SocketAddr;

use super::groups::Key;
use super::multicast::Multicast;
use super::output::MediaTransport;
use super::session::{Channels, Session};
use super::{Server, StreamId};
use crate::header::{Delivery, HeaderError, Lower, Mode, Transport, parse_transports};
use crate::keying::PeerKeys;
use crate::wire::{Request, Response, StatusCode, name};
use crate::{ConnId, Instant, Profile, SessionId, Tolerance, Tolerances};

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
    /// The keys that the peer has told, if it is to be protected.
    pub(super) keys: Option<PeerKeys>,
}

impl SetupPlan {
    /// The media whose group carries it.
    pub(super) fn group(&self) -> Option<Key> {
        match (self.channels, self.purpose) {
            (Channels::Group { rtp, secure, .. }, Purpose::Read(stream)) => {
                Some(Key { stream, track: self.track, is_ipv6: rtp.is_ipv6(), secure })
            }
            _ => None,
        }
    }
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
        now: Instant,
        conn: ConnId,
        request: &Request,
        (session, purpose, group_of): (Option<SessionId>, Purpose, Option<(StreamId, u8)>),
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
            let channels = match (offer.delivery, group_of) {
                (Some(Delivery::Multicast), Some(media)) => {
                    self.group_for(now, (conn, request), &offer, session, media)
                }
                _ => self.channels_for(conn, &offer, session, purpose),
            };
            Some((offer, channels?))
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
        let has_groups_only = purpose != Purpose::Publish && self.has_groups_only();
        let may_be = self.may_have_profile(conn, session, offer.profile);
        // RFC 2326, section 12.39: without a mode it is PLAY; some publishers leave theirs out.
        let fits_purpose = offer.mode.is_none_or(|mode| mode == purpose.mode());
        if !(is_unicast && may_be && fits_purpose) || has_groups_only {
            return None;
        }
        match offer.lower {
            Lower::Tcp if carried.is_none_or(|own| own == MediaTransport::Tcp) => {
                self.free_frames(conn, offer.interleaved)
            }
            Lower::Udp if carried.is_none_or(|own| own == MediaTransport::Udp) => {
                self.free_udp(conn, session, offer.client_port?)
            }
            _ => None,
        }
    }

    /// The group of a media, for a session that has nothing but groups of the family of its peer.
    fn group_for(
        &mut self,
        now: Instant,
        (conn, request): (ConnId, &Request),
        offer: &Transport,
        session: Option<SessionId>,
        (stream, track): (StreamId, u8),
    ) -> Option<Channels> {
        let own = session.and_then(|id| self.sessions.get(id));
        let carried = own.and_then(Session::transport);
        let plays = offer.mode.is_none_or(|mode| mode == Mode::Play);
        let is_as_before = carried.is_none_or(|own| own == MediaTransport::Multicast)
            && self.may_have_profile(conn, own, offer.profile);
        if offer.lower != Lower::Udp || !plays || !is_as_before {
            return None;
        }
        let secure = match offer.profile.is_secure() {
            true => Some(self.log_of_group(request, session, stream)?),
            false => None,
        };
        let is_ipv6 = self.conns.get(conn)?.peer.is_ipv6();
        let rtp = self.group_of(now, Key { stream, track, is_ipv6, secure }, offer.destination.as_deref())?;
        let rtcp = SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?);
        Some(Channels::Group { rtp, rtcp, secure })
    }

    /// Returns `true` if a peer may have this profile, and its session has no other.
    fn may_have_profile(&self, conn: ConnId, session: Option<&Session>, profile: Profile) -> bool {
        let is_secure = profile.is_secure();
        let may_be = if is_secure { self.takes_srtp(conn) } else { profile == Profile::Avp };
        // All that a session reads is read from one log.
        may_be && session.is_none_or(|session| session.is_secure().is_none_or(|own| own == is_secure))
    }

    /// Two free channels of a connection: those that the client asks for, if they are.
    fn free_frames(&self, conn: ConnId, asked: Option<(u8, u8)>) -> Option<Channels> {
        let sessions = self.conns.get(conn)?.sessions.iter().filter_map(|id| self.sessions.get(id));
        let taken: Vec<u8> = sessions
            .flat_map(|session| &session.tracks)
            .filter_map(|track| match track.channels {
                Channels::Frames { rtp, rtcp, .. } => Some([rtp, rtcp]),
                Channels::Udp { .. } | Channels::Group { .. } => None,
            })
            .flatten()
            .collect();
        let is_free = |(rtp, rtcp): &(u8, u8)| rtp != rtcp && !taken.contains(rtp) && !taken.contains(rtcp);
        let pairs = (0..=u8::MAX).step_by(2).map(|rtp| (rtp, rtp | 1));
        let (rtp, rtcp) = asked.filter(is_free).or_else(|| pairs.into_iter().find(is_free))?;
        Some(Channels::Frames { conn, rtp, rtcp })
    }

    /// The client's own ports, if the server has a UDP pair open that reaches them, and neither another session nor the server is
    /// there.
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
        if !self.may_have_ports(ip) || !self.config.udp.is_some_and(|spec| spec.reaches(ip)) {
            return None;
        }
        (rtp != rtcp && is_free(&rtp) && is_free(&rtcp)).then_some(Channels::Udp { pair, rtp, rtcp })
    }

    /// The Transport header of the answer.
    pub(super) fn granted(&self, offer: &Transport, channels: Channels, ssrc: Option<u32>) -> Transport {
        let mut granted = match channels {
            Channels::Frames { rtp, rtcp, .. } => Transport::tcp((rtp, rtcp)),
            Channels::Udp { rtp, rtcp, .. } => Transport::udp((rtp.port(), rtcp.port())),
            Channels::Group { rtp, rtcp, .. } => self.granted_group(rtp, rtcp),
        };
        if let Channels::Udp { pair, .. } = channels {
            granted.server_port = self.udp_pairs.ports(pair);
        }
        granted.profile = offer.profile;
        granted.ssrc = ssrc;
        granted.mode = offer.mode;
        granted
    }

    fn granted_group(&self, rtp: SocketAddr, rtcp: SocketAddr) -> Transport {
        let config = self.config.multicast.as_ref();
        let source = config.and_then(|config| config.source_of(rtp.is_ipv6()));
        Transport {
            destination: Some(rtp.ip().to_string().into()),
            source: source.map(|source| source.to_string().into()),
            port: Some((rtp.port(), rtcp.port())),
            ttl: config.map(Multicast::time_to_live),
            ..Transport::multicast()
        }
    }
}
