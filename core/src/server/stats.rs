//! Statistics: the media plane counts, and tells when it is asked and when something of it ends.

use std::net::SocketAddr;

use super::session::Session;
use super::timers::Timer;
use super::{ConnInfo, Event, Output, Server, SessionInfo, StreamInfo};
use crate::conn::{CloseReason, RxOrder, TxOrder};
use crate::limits::STATS_WAIT;
use crate::stats::{
    ConnStats, MediaStats, Origin, SessionStats, StatsPart, StatsReport, StreamStats, media_of,
};
use crate::stream::Streams;
use crate::udp::{UdpCommand, UdpOrder};
use crate::{ConnId, Instant, SessionId, StreamId, UdpId};

/// The objects that statistics are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StatsOf {
    /// Those of everything that there is.
    All,
    /// Those of a connection.
    Conn(ConnId),
    /// Those of a session.
    Session(SessionId),
    /// Those of a stream: what its readers were sent.
    Stream(StreamId),
}

/// Everything that there is, with its statistics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerStats {
    /// The connections.
    pub connections: Vec<(ConnInfo, ConnStats)>,
    /// The sessions.
    pub sessions: Vec<(SessionInfo, SessionStats)>,
    /// The streams that can be read.
    pub streams: Vec<(StreamInfo, StreamStats)>,
}

/// Halves of a connection that have been asked and have not answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Halves {
    rx: bool,
    tx: bool,
}

impl Halves {
    /// A part that answers for itself, without halves.
    pub(super) const ONE: Self = Self { rx: true, tx: false };
}

/// The number of parts of the media plane that are to answer.
#[derive(Debug, Default)]
pub(super) struct Asked {
    awaited: usize,
    /// The number of reports that have come.
    told: u64,
}

impl Asked {
    pub(super) fn take_back(&mut self, halves: Halves) {
        let count = usize::from(halves.rx).saturating_add(halves.tx.into());
        self.awaited = self.awaited.saturating_sub(count);
        self.told = self.told.saturating_add(1);
    }
}

/// The counts of a session, as the media plane has told them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The number of parts that are still to tell their last.
    owed: u32,
    told: Option<Box<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    /// The counts of parts that have gone: each PAUSE ends some.
    past: SessionStats,
    /// The counts of present parts, by the part that tells them.
    present: Vec<(Teller, SessionStats)>,
}

/// A part of the media plane that tells of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Teller {
    Rx,
    Tx,
    Udp(UdpId),
}

impl Tally {
    fn take(&mut self, teller: Teller, part: StatsPart) {
        let told = self.told.get_or_insert_default();
        told.present.retain(|(own, _)| *own != teller);
        if part.is_last {
            self.owed = self.owed.saturating_sub(1);
            told.past.absorb(part.stats);
        } else {
            told.present.push((teller, part.stats));
        }
    }

    /// All that was counted.
    fn stats(&self) -> SessionStats {
        let Some(told) = &self.told else { return SessionStats::default() };
        let mut stats = told.past.clone();
        self.present().for_each(|present| stats.absorb(present.clone()));
        stats.resolve();
        stats
    }

    /// All that was counted, once nothing is left to be told.
    fn into_stats(self) -> SessionStats {
        let Some(told) = self.told else { return SessionStats::default() };
        let Told { past: mut stats, present } = *told;
        present.into_iter().for_each(|(_, present)| stats.absorb(present));
        stats.resolve();
        stats
    }

    fn present(&self) -> impl Iterator<Item = &SessionStats> {
        self.told.iter().flat_map(|told| &told.present).map(|(_, present)| present)
    }
}

/// A session that is closed, until the media plane has told its last of it.
#[derive(Debug)]
pub(super) struct Leaving {
    conn: ConnId,
    /// The connection that has carried its media, if one has.
    carrier: Option<ConnId>,
    peer: SocketAddr,
    path: Box<str>,
    reason: CloseReason,
    /// The stream that it has read.
    stream: Option<StreamId>,
    /// The stream that it has recorded, whose readers are told of its end behind that of the session.
    recorded: Option<StreamId>,
    tally: Tally,
}

/// Statistics: what was counted, as the media plane has told it last.
impl Server {
    /// Has the media plane tell what it has counted; [`session_stats`](Self::session_stats) and the others are up to date
    /// once nothing [is awaited](Self::awaits_stats) any more.
    ///
    /// It costs a message to each part that is asked, and nothing else. A part that does not answer within
    /// [`STATS_WAIT`] is not waited for.
    pub fn ask_for_stats(&mut self, now: Instant, of: StatsOf) {
        let (conns, pairs) = self.carriers(of);
        conns.into_iter().for_each(|conn| self.ask_conn(conn));
        pairs.into_iter().for_each(|pair| self.ask_pair(pair));
        if self.stats_asked.awaited > 0 {
            self.timers.arm(now + STATS_WAIT, Timer::Stats);
        }
    }

    /// Returns `true` while statistics that were asked for are still to be told.
    pub fn awaits_stats(&self, of: StatsOf) -> bool {
        if of == StatsOf::All {
            return self.stats_asked.awaited > 0;
        }
        let (conns, pairs) = self.carriers(of);
        let is_asked = |conn: ConnId| {
            self.conns.get(conn).is_some_and(|connection| connection.asked_stats != Halves::default())
        };
        conns.into_iter().any(is_asked) || pairs.into_iter().any(|pair| self.udp_pairs.is_asked(pair))
    }

    /// The number of reports of statistics that have come: a caller that waits for some looks again when it has changed.
    pub fn stats_told(&self) -> u64 {
        self.stats_asked.told
    }

    /// The bytes of a connection, as they were told last.
    pub fn connection_stats(&self, conn: ConnId) -> Option<ConnStats> {
        Some(self.conns.get(conn)?.stats)
    }

    /// The packets that a session was sent, or has sent, as they were told last.
    pub fn session_stats(&self, session: SessionId) -> Option<SessionStats> {
        Some(self.sessions.get(session)?.tally.stats())
    }

    /// The packets that were published to a stream, as of now, and those that its readers were sent, as they were told last.
    pub fn stream_stats(&self, now: Instant, stream: StreamId, streams: &dyn Streams) -> Option<StreamStats> {
        let published = self.published.get(stream).filter(|published| !published.has_ended())?;
        let mut stats = None;
        streams.read(stream, &mut |log| stats = Some(log.stats(now)));
        let mut stats = stats?;
        let mut sent = published.sent.clone();
        let readers = published.readers.iter().filter_map(|reader| self.sessions.get(*reader));
        let leaving = self.leaving.values().filter(|leaving| leaving.stream == Some(stream));
        let tallies = readers.map(|session| &session.tally).chain(leaving.map(|leaving| &leaving.tally));
        tallies.flat_map(Tally::present).for_each(|present| absorb_sent(&mut sent, &present.medias));
        stats.take_sent(&sent);
        Some(stats)
    }

    /// Everything that there is, with its statistics as they were told last.
    pub fn stats(&self, now: Instant, streams: &dyn Streams) -> ServerStats {
        let connections = self.connections().filter_map(|info| {
            let stats = self.connection_stats(info.conn)?;
            Some((info, stats))
        });
        let sessions = self.sessions.iter().map(|(id, session)| (id, session.tally.stats()));
        let published = self.streams().map(|info| {
            let stats = self.stream_stats(now, info.stream, streams).unwrap_or_default();
            (info, stats)
        });
        ServerStats {
            connections: connections.collect(),
            sessions: sessions.filter_map(|(id, stats)| Some((self.session(id)?, stats))).collect(),
            streams: published.collect(),
        }
    }

    /// Takes what a part of the media plane has counted.
    pub(super) fn take_stats(&mut self, now: Instant, report: StatsReport) {
        let teller = match report.origin {
            Origin::Rx(..) => Teller::Rx,
            Origin::Tx(..) => Teller::Tx,
            Origin::Udp(pair) => Teller::Udp(pair),
        };
        match report.origin {
            Origin::Udp(pair) => {
                if report.answers && self.udp_pairs.set_asked(pair, false) {
                    self.stats_asked.take_back(Halves::ONE);
                }
            }
            Origin::Rx(conn, read) => {
                if let Some(connection) = self.conns.get_mut(conn) {
                    connection.stats.bytes_received = read;
                    let answers = report.answers && std::mem::take(&mut connection.asked_stats.rx);
                    self.stats_asked.take_back(Halves { rx: answers, tx: false });
                }
            }
            Origin::Tx(conn, written, waiting) => {
                if let Some(connection) = self.conns.get_mut(conn) {
                    (connection.stats.bytes_sent, connection.stats.bytes_waiting) = (written, waiting);
                    let answers = report.answers && std::mem::take(&mut connection.asked_stats.tx);
                    self.stats_asked.take_back(Halves { rx: false, tx: answers });
                }
            }
        }
        report.sessions.into_iter().for_each(|part| self.take_part(now, teller, part));
    }

    /// Adds to the number of parts of the media plane that still have to report the last counts of a session.
    pub(super) fn owe_stats(&mut self, session: SessionId, parts: u32) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.tally.owed = session.tally.owed.saturating_add(parts);
        }
    }

    /// Tells that a session is closed, now or once the media plane has told its last of it.
    pub(super) fn tell_closed(
        &mut self,
        now: Instant,
        id: SessionId,
        session: Session,
        recorded: Option<StreamId>,
        reason: CloseReason,
    ) {
        let stream = session.read_stream();
        let carrier = session.bound_to();
        let Session { conn, peer, path, tally, .. } = session;
        let is_owed = tally.owed > 0;
        recorded.into_iter().for_each(|stream| self.publisher_drains(stream));
        let leaving = Leaving { conn, carrier, peer, path, reason, stream, recorded, tally };
        self.leaving.insert(id, leaving);
        match carrier.map(|carrier| self.conns.get_mut(carrier)) {
            Some(Some(carrier)) if is_owed => carrier.leaving.insert(id),
            None if is_owed => {}
            // Its connection is gone, and has told all that it will.
            _ => self.tell_left(now, id),
        }
    }

    /// A publisher that is closed, and whose stream another goes on with, is told to be over before those who read it.
    pub(super) fn keep_recorded(&mut self, id: SessionId, stream: StreamId) {
        if let Some(leaving) = self.leaving.get_mut(&id) {
            leaving.recorded = Some(stream);
            self.publisher_drains(stream);
        }
    }

    /// Tells that a session is closed, with what was counted of it.
    pub(super) fn tell_left(&mut self, now: Instant, id: SessionId) {
        if let Some(Leaving { conn, peer, path, reason, tally, recorded, .. }) = self.leaving.remove(&id) {
            let stats = Box::new(tally.into_stats());
            let path = path.into();
            self.emit(Event::SessionClosed { session: id, conn, peer, path, reason, stats });
            recorded.into_iter().for_each(|stream| self.publisher_drained(now, stream));
        }
    }

    /// Waits no longer for those that have not answered.
    pub(super) fn stop_awaiting_stats(&mut self) {
        self.conns.values_mut().for_each(|connection| connection.asked_stats = Halves::default());
        self.udp_pairs.stop_asking();
        self.stats_asked = Asked { awaited: 0, told: self.stats_asked.told.saturating_add(1) };
    }

    /// The connections and pairs that have the counts.
    fn carriers(&self, of: StatsOf) -> (Vec<ConnId>, Vec<UdpId>) {
        let of_sessions = |sessions: &mut dyn Iterator<Item = SessionId>| {
            let sessions: Vec<_> = sessions.filter_map(|id| self.sessions.get(id)).collect();
            let mut pairs: Vec<_> = sessions.iter().flat_map(|session| self.pairs_of(session)).collect();
            pairs.sort_unstable();
            pairs.dedup();
            (sessions.iter().filter_map(|session| session.bound_to()).collect(), pairs)
        };
        match of {
            StatsOf::All => (self.conns.iter().map(|(id, _)| id).collect(), self.udp_pairs.used().collect()),
            StatsOf::Conn(conn) => (vec![conn], Vec::new()),
            StatsOf::Session(session) => of_sessions(&mut [session].into_iter()),
            StatsOf::Stream(stream) => {
                let readers = self.published.get(stream).into_iter().flat_map(|own| &own.readers);
                of_sessions(&mut readers.copied())
            }
        }
    }

    /// Asks those halves of a connection that are not asked already.
    fn ask_conn(&mut self, conn: ConnId) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let asked = std::mem::replace(&mut connection.asked_stats, Halves { rx: true, tx: true });
        if !asked.rx {
            self.stats_asked.awaited = self.stats_asked.awaited.saturating_add(1);
            self.order_rx(conn, RxOrder::TellStats);
        }
        if !asked.tx {
            self.stats_asked.awaited = self.stats_asked.awaited.saturating_add(1);
            self.order_tx(conn, TxOrder::TellStats);
        }
    }

    fn ask_pair(&mut self, pair: UdpId) {
        if self.udp_pairs.set_asked(pair, true) {
            self.stats_asked.awaited = self.stats_asked.awaited.saturating_add(1);
            self.outputs.push_back(Output::Udp(pair, UdpCommand(UdpOrder::TellStats)));
        }
    }

    fn take_part(&mut self, now: Instant, teller: Teller, part: StatsPart) {
        let id = part.session;
        let (tally, stream) = match (self.sessions.get_mut(id), self.leaving.get_mut(&id)) {
            (Some(session), _) => {
                let stream = session.read_stream();
                (&mut session.tally, stream)
            }
            (None, Some(leaving)) => (&mut leaving.tally, leaving.stream),
            (None, None) => return,
        };
        if let Some(published) =
            stream.filter(|_| part.is_last).and_then(|stream| self.published.get_mut(stream))
        {
            absorb_sent(&mut published.sent, &part.stats.medias);
        }
        tally.take(teller, part);
        let is_over = tally.owed == 0;
        if let Some(leaving) = self.leaving.get(&id).filter(|_| is_over) {
            let carrier = leaving.carrier.and_then(|carrier| self.conns.get_mut(carrier));
            carrier.into_iter().for_each(|connection| connection.leaving.remove(id));
            self.tell_left(now, id);
        }
    }
}

/// Adds what a reader was sent, and nothing of what it sends.
fn absorb_sent(sent: &mut Vec<MediaStats>, of: &[MediaStats]) {
    for media in of {
        let own = media_of(sent, media.media);
        own.rtcp_sent.absorb(media.rtcp_sent);
        let formats = media.formats.iter().filter(|format| format.sent.packets > 0);
        formats.for_each(|format| own.absorb_format(format));
    }
}
