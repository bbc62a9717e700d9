use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rtspan_core::auth::Action;
use rtspan_core::conn::CloseReason;
use rtspan_core::limits::WRITE_STALL;
use rtspan_core::server::{Event, MediaTransport};
use rtspan_core::{ConnId, Instant, SessionId, StreamId};

use super::choices::Chance;
use super::privates::Privates;
use super::trace::Counts;

/// The longest time until the end of a publisher is told whose stream is no longer its own: a connection of which nothing
/// can be read any more tells its last when it is closed.
const LEAVE_LIMIT: Duration = WRITE_STALL;

/// Why and when something ended.
type End = (CloseReason, Instant);

/// The news that the server has told of connections, sessions and streams: all of it has to fit together.
#[derive(Debug, Default)]
pub(super) struct Books {
    conns: BTreeSet<ConnId>,
    paths: BTreeMap<String, StreamId>,
    sessions: BTreeMap<SessionId, Reader>,
    /// Sessions that are open, and the connection that carries the media of each, if one does.
    open: BTreeMap<SessionId, Option<ConnId>>,
    /// The session that was opened last over the connection from an address.
    opened: BTreeMap<SocketAddr, SessionId>,
    /// Sessions that have begun over UDP.
    over_udp: BTreeSet<SessionId>,
    ended: BTreeMap<SessionId, End>,
    /// Sessions that the application has closed, and why.
    closed: BTreeMap<SessionId, CloseReason>,
    unpublished: BTreeMap<StreamId, Instant>,
    /// The publishers of streams that have one.
    publishers: BTreeMap<StreamId, SessionId>,
    /// Those that have gone, and may come back.
    gone: BTreeMap<StreamId, SessionId>,
    /// Publishers whose stream is no longer theirs, each with the stream and since when: of them only the end is still told.
    leaving: BTreeMap<SessionId, (StreamId, Instant)>,
    /// No session is opened any more.
    is_draining: bool,
    /// The streams that sessions were opened to read.
    read: BTreeMap<SessionId, StreamId>,
    /// The streams that sessions have recorded.
    recorded: BTreeMap<SessionId, StreamId>,
    /// Streams whose publishers have paused since everybody was to be still.
    pub(super) paused: BTreeSet<StreamId>,
    pub(super) privates: Privates,
    /// Names of sessions that hostile hosts have heard of.
    keys: Vec<String>,
    /// How often the last packets are still to be published.
    pub(super) last_rounds: u32,
}

/// The last that was told of a session that has played.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader {
    /// Packets that it has missed since it plays.
    pub(super) dropped: u64,
    told: Option<Instant>,
    /// It has played before, and been paused.
    follows_another: bool,
    /// The stream that it plays, unless that is its own.
    stream: Option<StreamId>,
}

impl Reader {
    /// When it was told last that it had missed something.
    pub(super) fn told(&self) -> Option<Instant> {
        self.told
    }
}

impl Books {
    pub(super) fn enter(&mut self, now: Instant, event: &Event, counts: &mut Counts) {
        self.check_turn(event);
        self.privates.enter(event);
        match event {
            Event::ConnOpened { conn, .. } => assert!(self.conns.insert(*conn), "{conn:?} was opened twice"),
            Event::ConnClosed { conn, reason, .. } => {
                assert!(self.conns.remove(conn), "{conn:?} was not open");
                let carried = self.open.iter().find(|(_, carrier)| **carrier == Some(*conn));
                assert_eq!(carried, None, "a session has outlived the connection that carries it");
                counts.add(name(reason), 1);
            }
            Event::SessionOpened { session, conn, peer, path, action, .. } => {
                let read = self.privates.of(*session).or_else(|| self.stream_at(path));
                self.read.extend(read.filter(|_| *action == Action::Read).map(|stream| (*session, stream)));
                self.opened.insert(*peer, *session);
                assert!(self.conns.contains(conn), "{session:?} was opened over {conn:?}, which is not open");
                assert_eq!(self.open.insert(*session, None), None, "{session:?} was opened twice");
                assert!(!self.is_draining, "{session:?} was opened by a server that drains");
            }
            Event::Recording { session, conn, stream, transport, .. } => {
                assert_eq!(self.recorded.get(session), Some(stream), "{session:?} records another stream");
                self.carry(*session, *conn, *transport);
            }
            Event::Published { stream, path, session, .. } => {
                self.recorded.extend(session.map(|session| (session, *stream)));
                self.publishers.extend(session.map(|session| (*stream, session)));
                if !self.privates.contains(*stream) {
                    let before = self.paths.insert(path.clone(), *stream);
                    assert_eq!(before, None, "{path} was published already");
                }
                counts.add("streams published", 1);
            }
            Event::TakenOver { stream, path, session, former: Some(former), .. } => {
                assert_eq!(self.paths.get(path), Some(stream), "{path} is not published");
                if self.publishers.contains_key(stream) && self.open.contains_key(former) {
                    self.leaves(now, *former, *stream);
                }
                let is_over = self.ended.contains_key(former) || self.leaving.contains_key(former);
                assert!(is_over, "{former:?} goes on");
                let before = self.gone.remove(stream).or(self.publishers.get(stream).copied());
                assert_eq!(before, Some(*former), "{path} was not published by {former:?}");
                self.publishers.insert(*stream, *session);
                self.recorded.insert(*session, *stream);
                counts.add("publishers taken over", 1);
            }
            Event::PublisherGone { stream, path, session, .. } => {
                assert_eq!(self.paths.get(path), Some(stream), "{path} is not published");
                assert_eq!(self.publishers.remove(stream), Some(*session), "{path} has another publisher");
                self.gone.insert(*stream, *session);
                self.leaves(now, *session, *stream);
                counts.add("publishers waited for", 1);
            }
            Event::Unpublished { stream, path, session, .. } => {
                assert_eq!(self.publishers.remove(stream), *session, "{path} has another publisher");
                self.gone.remove(stream);
                session.iter().for_each(|session| self.leaves(now, *session, *stream));
                if !self.privates.contains(*stream) {
                    assert_eq!(self.paths.remove(path), Some(*stream), "{path} was not published");
                }
                self.unpublished.insert(*stream, now);
            }
            Event::Playing { session, conn, transport, .. } => {
                self.carry(*session, *conn, *transport);
                assert!(!self.ended.contains_key(session), "{session:?} has ended and plays");
                let follows_another = self.sessions.contains_key(session);
                let stream = self.read.get(session).copied();
                self.sessions.insert(*session, Reader { follows_another, stream, ..Reader::default() });
                counts.add(
                    if *transport == MediaTransport::Tcp { "plays over TCP" } else { "plays over UDP" },
                    1,
                );
            }
            Event::Paused { session, .. } => self.paused.extend(self.recorded.get(session)),
            Event::ReaderLagged { session, dropped, .. } => {
                let reader = self.sessions.entry(*session).or_default();
                let is_soon = reader.told.is_some_and(|told| now < told + Duration::from_secs(1));
                // Packets that it had missed when it was paused may be told after it plays again.
                let is_of_former = is_soon && std::mem::take(&mut reader.follows_another);
                assert!(!is_soon || is_of_former, "{session:?} lags, and it was told less than a second ago");
                reader.dropped += dropped;
                reader.told = Some(now);
                counts.add("readers lagged", 1);
            }
            Event::SessionClosed { session, reason, .. } => {
                assert!(self.open.remove(session).is_some(), "{session:?} was not open");
                let is_for_conn = matches!(
                    reason,
                    CloseReason::ConnectionLost | CloseReason::PeerClosed | CloseReason::Io(_)
                );
                let has_outlived = !is_for_conn || !self.over_udp.contains(session);
                assert!(has_outlived, "{session:?}, which is over UDP, has ended with a connection");
                let read = self.read.remove(session).filter(|_| *reason == CloseReason::StreamEnded);
                let is_over = read.is_none_or(|stream| self.unpublished.contains_key(&stream));
                assert!(is_over, "{session:?} reads {read:?}, which has not ended");
                let asked = self.closed.remove(session);
                assert!(
                    asked.is_none_or(|asked| asked == *reason),
                    "{session:?} was closed for another reason"
                );
                let before = self.ended.insert(*session, (reason.clone(), now));
                assert_eq!(before, None, "{session:?} has ended twice");
                self.check_end(now, *session, reason);
                counts.add("sessions ended", 1);
            }
            _ => {}
        }
    }

    /// The object of an event is open, and not about to be closed.
    fn check_turn(&self, event: &Event) {
        let (session, conn) = about(event);
        let is_over =
            |session: &SessionId| !self.open.contains_key(session) || self.leaving.contains_key(session);
        assert_eq!(session.filter(is_over), None, "a session that is over is told of: {event:?}");
        let conn = conn.filter(|conn| !self.conns.contains(conn));
        assert_eq!(conn, None, "a connection that is not open is told of: {event:?}");
    }

    /// A publisher has nothing left to be told of but its end.
    fn leaves(&mut self, now: Instant, session: SessionId, stream: StreamId) {
        assert_eq!(self.leaving.insert(session, (stream, now)), None, "{session:?} leaves twice");
    }

    /// A publisher ends soon after its stream, and before those who read it to its end.
    fn check_end(&mut self, now: Instant, session: SessionId, reason: &CloseReason) {
        if let Some((_, since)) = self.leaving.remove(&session) {
            assert!(now <= since + LEAVE_LIMIT, "{session:?} is told to be over long after its stream");
        }
        let read = self.sessions.get(&session).and_then(|reader| reader.stream);
        if let (Some(read), CloseReason::StreamEnded) = (read, reason) {
            let publisher = self.leaving.iter().find(|(_, (stream, _))| *stream == read);
            assert_eq!(
                publisher, None,
                "{session:?} has come to the end of a stream whose publisher is not over"
            );
        }
    }

    /// The application closes a session that is open.
    pub(super) fn expect_end(&mut self, session: SessionId, reason: CloseReason) {
        self.closed.entry(session).or_insert(reason);
    }

    /// The server takes on no session any more.
    pub(super) fn drains(&mut self) {
        self.is_draining = true;
    }

    /// A session that is open plays or records over a connection that is, or over UDP.
    fn carry(&mut self, session: SessionId, conn: ConnId, transport: MediaTransport) {
        let carrier = (transport == MediaTransport::Tcp).then_some(conn);
        if carrier.is_none() {
            self.over_udp.insert(session);
        }
        assert!(self.open.insert(session, carrier).is_some(), "{session:?} begins, and is not open");
        assert!(
            carrier.is_none_or(|conn| self.conns.contains(&conn)),
            "{conn:?} carries media, and is not open"
        );
    }

    /// The session that was opened last over the connection from an address.
    pub(super) fn opened_over(&self, peer: SocketAddr) -> Option<SessionId> {
        self.opened.get(&peer).copied()
    }

    /// The last that was told of a session that has played.
    pub(super) fn reader(&self, session: SessionId) -> Option<Reader> {
        self.sessions.get(&session).copied()
    }

    /// The stream that a session records, or has recorded.
    pub(super) fn recorded_by(&self, session: SessionId) -> Option<StreamId> {
        self.recorded.get(&session).copied()
    }

    /// When and why a session has ended.
    pub(super) fn end_of(&self, session: SessionId) -> Option<&End> {
        self.ended.get(&session)
    }

    pub(super) fn unpublished_at(&self, stream: StreamId) -> Option<Instant> {
        self.unpublished.get(&stream).copied()
    }

    pub(super) fn stream_at(&self, path: &str) -> Option<StreamId> {
        self.paths.get(path).copied()
    }

    pub(super) fn learn(&mut self, key: &str) {
        self.keys.push(key.to_owned());
    }

    pub(super) fn any_key(&self, chance: &mut Chance<'_>) -> Option<String> {
        (!self.keys.is_empty()).then(|| chance.pick(&self.keys))
    }

    pub(super) fn check_empty(&self) {
        assert!(self.conns.is_empty(), "never told to be closed: {:?}", self.conns);
        assert!(self.open.is_empty(), "never told to be over: {:?}", self.open);
        assert!(self.closed.is_empty(), "closed by the application, and never told: {:?}", self.closed);
        assert!(self.paths.is_empty(), "never told to be unpublished: {:?}", self.paths);
        self.privates.check_over();
    }
}

/// The session and the connection that have to be open so that an event may tell of them. A session over UDP may have
/// outlived its connection.
fn about(event: &Event) -> (Option<SessionId>, Option<ConnId>) {
    match event {
        Event::Playing { session, .. }
        | Event::Recording { session, .. }
        | Event::Paused { session, .. }
        | Event::TrackClosed { session, .. }
        | Event::TakenOver { session, .. }
        | Event::PublisherGone { session, .. }
        | Event::MediaSilent { session, .. }
        | Event::MediaResumed { session, .. }
        | Event::ReaderLagged { session, .. }
        | Event::LossReported { session, .. }
        | Event::PacketsLost { session, .. }
        | Event::PacketsUnreadable { session, .. }
        | Event::SourceDoubted { session, .. } => (Some(*session), None),
        Event::PacketsTooBig(told) => (Some(told.session), None),
        Event::Published { session, .. } | Event::Unpublished { session, .. } => (*session, None),
        Event::AuthFailed { session, conn, .. } => (*session, Some(*conn)),
        Event::Tolerated { session: Some(session), .. } => (Some(*session), None),
        Event::Tolerated { session: None, conn, .. } => (None, Some(*conn)),
        Event::Refused { conn, .. } => (None, *conn),
        Event::Authenticate(question) => (question.session, Some(question.conn)),
        Event::Describe(question) => (question.session, Some(question.conn)),
        Event::Announce(question) => (question.session, Some(question.conn)),
        Event::Setup(question) => (question.session, Some(question.conn)),
        Event::Speak(question) => (question.session, Some(question.conn)),
        Event::Play(question) => (question.session, Some(question.conn)),
        Event::Pause(question) => (question.session, Some(question.conn)),
        Event::Record(question) => (question.session, Some(question.conn)),
        Event::GetParameter(question) => (question.session, Some(question.conn)),
        Event::SetParameter(question) => (question.session, Some(question.conn)),
        _ => (None, None),
    }
}

fn name(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::PeerClosed => "connections closed by the peer",
        CloseReason::Io(_) => "connections broken",
        CloseReason::Wire(_) => "connections closed for what cannot be read",
        CloseReason::MessageTimeout => "connections closed for a message that did not end",
        CloseReason::WriteStalled => "connections closed for a stalled peer",
        CloseReason::AuthFailed => "connections closed for wrong credentials",
        CloseReason::OutboxFull => "connections closed for answers not read",
        _ => "connections closed by the server",
    }
}
