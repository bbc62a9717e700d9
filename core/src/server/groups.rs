//! The groups that streams are sent to: which is whose, and which sockets send there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use super::connection::Connection;
use super::multicast::{Multicast, hardware, is_reserved};
use super::request::Step;
use super::session::{Channels, Session, State, Track};
use super::ticket::{Answer, RawTicket, Refusal};
use super::{Output, Server};
use crate::description::GroupLine;
use crate::stream::Streams;
use crate::udp::{GroupTarget, UdpCommand, UdpOrder};
use crate::wire::StatusCode;
use crate::{ConnId, Instant, IpPrefix, SessionId, StreamId, UdpId};

/// How many addresses, or ports, are looked at for one that can be used, besides those that groups have.
const LOOKS: usize = 1024;

/// A media of a stream, as it is sent by one family of addresses: in the clear, or from a log of encrypted packets.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub(super) stream: StreamId,
    pub(super) track: u8,
    pub(super) is_ipv6: bool,
    pub(super) secure: Option<u32>,
}

/// Where a media is sent to.
#[derive(Debug)]
struct Group {
    /// The group, and its port for packets.
    at: SocketAddr,
    /// The application has chosen it.
    is_given: bool,
    /// The sockets that send there, as long as a session has it set up, or is about to.
    pair: Option<UdpId>,
    sessions: BTreeSet<SessionId>,
    /// When it was last wanted.
    used: Instant,
}

/// A SETUP that waits for the sockets of its group: its session, unless that is new, and the stream that the application has
/// given it.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupSetup {
    pub(super) session: Option<SessionId>,
    pub(super) given: Option<StreamId>,
}

/// All groups: none has the address or the ports of another.
#[derive(Debug, Default)]
pub(super) struct Groups {
    all: BTreeMap<Key, Group>,
    /// The number, within its range, of the address that is looked at next, of IPv4 and IPv6: what is given back rests.
    next: [u128; 2],
    next_port: u16,
    /// Ports that the system has refused.
    refused: BTreeSet<u16>,
}

/// Why the groups of a stream were not set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetGroupsError {
    /// The server does not send to groups.
    #[error("the server does not send to groups: configure it with ServerConfig::multicast")]
    Off,
    /// The stream has ended, or is for one session.
    #[error("the stream has ended, or is for one session")]
    Stream,
    /// There are more groups than the stream has medias.
    #[error("there are more groups than the stream has medias")]
    Medias,
    /// The address is no group, has an odd port or none, or means nothing without a source that the server does not know.
    #[error("{0} is no group with an even port that the server can send to")]
    NoGroup(SocketAddr),
    /// Another media has this address, or one of its ports.
    #[error("another media is sent to {0}, or has its ports")]
    InUse(SocketAddr),
    /// Readers have set up the group that the media has.
    #[error("media {0} has readers at another group")]
    HasReaders(usize),
}

impl Groups {
    /// The group of a media, which it may have already; `wish` is where its first reader wants it.
    fn take(
        &mut self,
        now: Instant,
        key: Key,
        config: &Multicast,
        wish: Option<IpAddr>,
    ) -> Option<SocketAddr> {
        if let Some(group) = self.all.get_mut(&key) {
            group.used = now;
            return Some(group.at);
        }
        let range = config.range_of(key.is_ipv6)?;
        loop {
            if let Some(at) = self.free(range, config, wish) {
                let group = Group { at, is_given: false, pair: None, sessions: BTreeSet::new(), used: now };
                self.all.insert(key, group);
                return Some(at);
            }
            let idle = self.all.iter().filter(|(_, group)| group.pair.is_none() && !group.is_given);
            let (oldest, _) = idle.min_by_key(|(_, group)| group.used)?;
            let oldest = *oldest;
            self.all.remove(&oldest);
        }
    }

    fn free(&mut self, range: IpPrefix, config: &Multicast, wish: Option<IpAddr>) -> Option<SocketAddr> {
        if self.all.len() >= config.most_groups() {
            return None;
        }
        let taken: BTreeSet<(bool, u32)> =
            self.all.values().map(|group| (group.at.is_ipv6(), hardware(group.at.ip()))).collect();
        let is_free = |ip: &IpAddr| {
            !is_reserved(*ip) && config.can_use(*ip) && !taken.contains(&(ip.is_ipv6(), hardware(*ip)))
        };
        let wish = wish.filter(|wish| range.contains(*wish) && is_free(wish));
        let ip = wish.or_else(|| self.next_address(range, is_free))?;
        Some(SocketAddr::new(ip, self.next_port(config.port_range())?))
    }

    fn next_address(&mut self, range: IpPrefix, is_free: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
        let (first, bits) = (range.first(), range.bits());
        let [v4, v6] = &mut self.next;
        let next = if first.is_ipv6() { v6 } else { v4 };
        // Servers choose among the upper half of the identifiers that Ethernet can tell apart (RFC 3307, section 4.3).
        let has_halves = first.is_ipv6() && bits <= 96;
        let (base, size) = if has_halves { (1 << 31, 1 << 31) } else { (0, range.size()) };
        for _ in 0..self.all.len().saturating_add(LOOKS) {
            let ip = range.nth(next.wrapping_add(base));
            *next = next.wrapping_add(1).checked_rem(size).unwrap_or_default();
            if is_free(&ip) {
                return Some(ip);
            }
        }
        None
    }

    /// An even port that no group has, and not the one above it either.
    fn next_port(&mut self, (first, last): (u16, u16)) -> Option<u16> {
        let first = first.checked_next_multiple_of(2)?;
        let taken: BTreeSet<u16> = self.all.values().map(|group| group.at.port()).collect();
        let pairs = usize::from(last.checked_sub(first)?.checked_add(1)? / 2);
        for _ in 0..pairs {
            let port = if (first..last).contains(&self.next_port) { self.next_port } else { first };
            self.next_port = port.saturating_add(2);
            if !taken.contains(&port) && !self.refused.contains(&port) {
                return Some(port);
            }
        }
        None
    }

    fn of(&self, stream: StreamId) -> impl Iterator<Item = (&Key, &Group)> {
        let key = |track, is_ipv6, secure| Key { stream, track, is_ipv6, secure };
        self.all.range(key(0, false, None)..=key(u8::MAX, true, Some(u32::MAX)))
    }

    /// The system gives no sockets for a group. Returns `true` if the media may have another one: somebody has the ports, and
    /// the application has not chosen them.
    fn refuse(&mut self, key: Key, error: ErrorKind) -> bool {
        let Some(group) = self.all.get_mut(&key) else { return false };
        group.pair = None;
        if group.is_given || error != ErrorKind::AddrInUse {
            return false;
        }
        self.refused.insert(group.at.port());
        self.all.remove(&key);
        true
    }

    fn pair(&self, key: Key) -> Option<UdpId> {
        self.all.get(&key)?.pair
    }

    fn key_of(&self, pair: UdpId) -> Option<Key> {
        self.all.iter().find(|(_, group)| group.pair == Some(pair)).map(|(key, _)| *key)
    }
}

impl Session {
    /// The groups that it has set up, with their tracks.
    pub(super) fn groups(&self) -> impl Iterator<Item = (Key, &Track)> {
        let stream = self.read_stream();
        self.tracks.iter().filter_map(move |track| match track.channels {
            Channels::Group { rtp, secure, .. } => {
                let key = Key { stream: stream?, track: track.index, is_ipv6: rtp.is_ipv6(), secure };
                Some((key, track))
            }
            Channels::Frames { .. } | Channels::Udp { .. } => None,
        })
    }
}

impl Server {
    /// Has the medias of a stream sent to these groups, with the ports for their packets, instead of some of the range; those
    /// for reports are the ones above. The medias beyond keep theirs.
    ///
    /// Readers over the other family have other groups. They are not bound to the range, since the application answers for them.
    ///
    /// # Errors
    ///
    /// Nothing is changed: one of them cannot be used, or readers are at the group that the media has.
    pub fn set_groups(
        &mut self,
        now: Instant,
        stream: StreamId,
        groups: &[SocketAddr],
    ) -> Result<(), SetGroupsError> {
        let config = self.config.multicast.as_ref().ok_or(SetGroupsError::Off)?;
        let medias = self.multicast_medias(stream).ok_or(SetGroupsError::Stream)?;
        if groups.len() > medias {
            return Err(SetGroupsError::Medias);
        }
        let key = |track, at: &SocketAddr| Key { stream, track, is_ipv6: at.is_ipv6(), secure: None };
        let keyed = (0..).zip(groups).map(|(track, at)| (key(track, at), *at));
        let keyed: BTreeMap<Key, SocketAddr> = keyed.collect();
        for (key, at) in &keyed {
            if !at.ip().is_multicast() || at.port() == 0 || at.port() % 2 == 1 || !config.can_use(at.ip()) {
                return Err(SetGroupsError::NoGroup(*at));
            }
            let others = self.groups.all.iter().filter(|(own, _)| !keyed.contains_key(own));
            let mut taken = others.map(|(_, group)| group.at);
            let mut given = keyed.iter().filter(|(own, _)| *own != key).map(|(_, at)| *at);
            if taken.any(|own| own.port() == at.port()) || given.any(|own| own.port() == at.port()) {
                return Err(SetGroupsError::InUse(*at));
            }
            let own = self.groups.all.get(key);
            if own.is_some_and(|own| own.at != *at && !own.sessions.is_empty()) {
                return Err(SetGroupsError::HasReaders(key.track.into()));
            }
        }
        for (key, at) in keyed {
            let group = self.groups.all.entry(key).or_insert_with(|| Group {
                at,
                is_given: true,
                pair: None,
                sessions: BTreeSet::new(),
                used: now,
            });
            (group.at, group.is_given) = (at, true);
        }
        Ok(())
    }

    /// The group of a media, if it may have one; it is taken if it has none yet.
    pub(super) fn group_of(&mut self, now: Instant, key: Key, wish: Option<&str>) -> Option<SocketAddr> {
        self.multicast_medias(key.stream)?;
        let config = self.config.multicast.as_ref()?;
        let wish = wish.filter(|_| config.lets_clients_choose()).and_then(|wish| wish.parse().ok());
        self.groups.take(now, key, config, wish)
    }

    /// The group of a media, as the description tells it.
    pub(super) fn group_line(&mut self, now: Instant, key: Key) -> Option<GroupLine> {
        let at = self.group_of(now, key, None)?;
        let config = self.config.multicast.as_ref()?;
        Some(GroupLine { at, ttl: config.time_to_live(), source: config.only_source(at.ip()) })
    }

    /// How many medias a stream has that may be sent to groups: one that is for a single session is not.
    fn multicast_medias(&self, stream: StreamId) -> Option<usize> {
        let published = self.published.get(stream)?;
        (!published.is_private && !published.has_ended()).then_some(published.medias)
    }

    /// Returns `true` if readers are sent nothing but by groups.
    pub(super) fn has_groups_only(&self) -> bool {
        self.config.multicast.as_ref().is_some_and(Multicast::is_only)
    }

    /// Returns `true` once a group has sockets.
    pub(super) fn is_group_open(&self, key: Key) -> bool {
        self.groups.pair(key).is_some_and(|pair| self.udp_pairs.ports(pair).is_some())
    }

    /// Has the sockets of a group opened, unless somebody waits for them already.
    pub(super) fn open_group(&mut self, key: Key) {
        let Some(group) = self.groups.all.get_mut(&key).filter(|group| group.pair.is_none()) else { return };
        let ttl = self.config.multicast.as_ref().map_or(0, Multicast::time_to_live);
        let target = GroupTarget { group: group.at.ip(), ttl };
        let media = self.udp_pairs.open_group(target, group.at.port(), self.config.udp_burst);
        group.pair = Some(media.id());
        self.outputs.push_back(Output::OpenUdp(Box::new(media)));
    }

    /// The sockets of a group are open, or the system has refused them: those who wait for them go on, and try again with other
    /// ports if somebody has these.
    pub(super) fn group_opened(
        &mut self,
        now: Instant,
        pair: UdpId,
        refused: Option<ErrorKind>,
        streams: &dyn Streams,
    ) {
        let Some(key) = self.groups.key_of(pair) else { return };
        let goes_on = match refused {
            Some(error) => {
                self.close_pair(pair);
                self.groups.refuse(key, error)
            }
            None => true,
        };
        for ticket in self.waiting_for(key) {
            let no = || Answer::No(Refusal::new(StatusCode::SERVICE_UNAVAILABLE));
            let answer = if goes_on { Answer::Yes } else { no() };
            // It waits: it was found just before.
            let _ = self.answer_ticket(now, ticket, (answer, None), streams);
        }
        if self.waiting_for(key).is_empty() {
            self.close_unused_group(key);
        }
    }

    /// The connections that wait for the sockets of a group.
    fn waiting_for(&self, key: Key) -> Vec<RawTicket> {
        let ticket = |(conn, connection): (ConnId, &Connection)| {
            let pending = connection.pending.as_ref()?;
            let waits = matches!(&pending.step, Step::Group(own, _) if *own == key);
            waits.then_some(RawTicket { conn, number: pending.number })
        };
        self.conns.iter().filter_map(ticket).collect()
    }

    /// A session has set up a media of a stream by its group.
    pub(super) fn enter_group(&mut self, key: Key, session: SessionId) {
        if let Some(group) = self.groups.all.get_mut(&key) {
            group.sessions.insert(session);
        }
    }

    /// A session has given up a media that it had set up by its group: with the last one its sockets go.
    pub(super) fn leave_group(&mut self, now: Instant, key: Key, session: SessionId) {
        if let Some(group) = self.groups.all.get_mut(&key) {
            group.sessions.remove(&session);
            group.used = now;
            self.close_unused_group(key);
        }
    }

    /// Closes the sockets of a group that no session has set up.
    fn close_unused_group(&mut self, key: Key) {
        let unused = self.groups.all.get_mut(&key).filter(|group| group.sessions.is_empty());
        let Some(unused) = unused else { return };
        if let Some(pair) = unused.pair.take() {
            self.outputs.push_back(Output::Udp(pair, UdpCommand(UdpOrder::Close)));
            self.close_pair(pair);
        }
        if key.secure.is_some() {
            // The next readers have other keys.
            self.groups.all.remove(&key);
        }
    }

    /// A session that has other tracks tears one down that it has by its group.
    pub(super) fn give_up_group(&mut self, now: Instant, key: Key, session: SessionId) {
        let plays = |own: &&Session| matches!(own.state, State::Play(_));
        if let (Some(_), Some(pair)) = (self.sessions.get(session).filter(plays), self.groups.pair(key)) {
            let order = UdpOrder::Detach(key.stream, session);
            self.outputs.push_back(Output::Udp(pair, UdpCommand(order)));
        }
        self.leave_group(now, key, session);
    }

    /// A stream is over: its groups are free for others.
    pub(super) fn forget_groups(&mut self, stream: StreamId) {
        let keys: Vec<Key> = self.groups.of(stream).map(|(key, _)| *key).collect();
        for key in keys {
            // Somebody may wait for its sockets.
            self.close_unused_group(key);
            self.groups.all.remove(&key);
        }
    }

    /// The pairs of sockets that a session's media goes through.
    pub(super) fn pairs_of(&self, session: &Session) -> Vec<UdpId> {
        let groups = session.groups().filter_map(|(key, _)| self.groups.pair(key));
        session.udp_pair().into_iter().chain(groups).collect()
    }

    pub(super) fn group_pair(&self, key: Key) -> Option<UdpId> {
        self.groups.pair(key)
    }

    /// Returns `true` if others play what a session has set up by groups, or a part of it.
    pub(super) fn joins_others(&self, session: &Session) -> bool {
        let plays = |id: &SessionId| {
            self.sessions.get(*id).is_some_and(|other| matches!(other.state, State::Play(_)))
        };
        session
            .groups()
            .filter_map(|(key, _)| self.groups.all.get(&key))
            .any(|group| group.sessions.iter().any(plays))
    }

    #[cfg(test)]
    pub(super) fn group_count(&self) -> usize {
        self.groups.all.len()
    }
}

#[cfg(test)]
mod tests;
