use super::announce::{IN_USE, TRACK_PATH, path_refused};
use super::paths::Taken;
use super::session::{Publishing, Session, State};
use super::streams::in_the_clear;
use super::{Event, Place, Server};
use crate::auth::Action;
use crate::conn::CloseReason;
use crate::description::Description;
use crate::limits::TAKEOVER_SILENCE;
use crate::stream::Streams;
use crate::wire::Response;
use crate::{ConnId, Instant, SessionId, StreamId, Tolerances};

/// The peers that may take the place of a publisher at its path.
///
/// A publisher that comes back mostly finds its former self there: a UDP session that nobody has torn down, or a connection
/// that the system still takes for open.
///
/// Readers see one source: the packets of the publisher that follows get the SSRC of the one before, and sequence numbers and
/// timestamps that go on.
///
/// ```
/// use rtspan_core::server::{ServerConfig, TakeoverPolicy};
///
/// let config = ServerConfig::default().takeover(TakeoverPolicy::Never);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TakeoverPolicy {
    /// The publisher's own address, once nothing has come of the publisher for
    /// [`TAKEOVER_SILENCE`], or when its session has no connection any more (the default).
    ///
    /// If publishers have to prove who they are, it is the same user from any address instead, and no other user.
    #[default]
    SameAddress,
    /// Nobody: the path is free again when the publisher's session has ended.
    Never,
    /// Any peer that the application allows. The application is asked by [`Event::Announce`] with the publisher's session in
    /// [`Question::replaces`](super::Question::replaces), whatever else it is [asked](super::Asks).
    Ask,
}

impl Server {
    /// The publisher at a path, if there is one that is not awaited there itself. An error if the path is the application's
    /// own and not [left](Self::leave_stream), or that of a track.
    pub(super) fn publisher_at(&self, conn: ConnId, path: &str) -> Result<Option<SessionId>, Response> {
        let publisher = match self.paths.check_free(path) {
            Ok(()) => return Ok(None),
            Err(_) if self.awaited_at(conn, path).is_some() => return Ok(None),
            Err(Taken::Track) => return Err(path_refused(TRACK_PATH)),
            Err(Taken::By(Place::Announced(session))) => Some(session),
            Err(Taken::By(Place::Stream(stream))) => {
                self.published.get(stream).and_then(|stream| stream.publisher)
            }
        };
        publisher.map(Some).ok_or_else(|| path_refused(IN_USE))
    }

    /// Checks that a connection may announce in the place of a publisher, or is to ask the application.
    pub(super) fn check_takeover(
        &self,
        now: Instant,
        conn: ConnId,
        publisher: SessionId,
        streams: &dyn Streams,
    ) -> Result<(), Response> {
        let may = match self.config.takeover {
            TakeoverPolicy::Never => false,
            TakeoverPolicy::Ask => true,
            TakeoverPolicy::SameAddress => {
                let session = self.sessions.get(publisher);
                let peer = self.conns.get(conn).map(|connection| connection.peer);
                let is_gone = |session: &Session| {
                    session.conns.is_empty() || now >= last_heard(session, streams) + TAKEOVER_SILENCE
                };
                let user =
                    session.and_then(|session| self.owner_of_new(conn, Action::Publish, &session.path));
                let is_same = |session: &Session, peer| match (&session.owner, user) {
                    (Some(owner), Some(user)) => owner.user == user.user,
                    (None, None) => session.is_of(peer),
                    _ => false,
                };
                session.zip(peer).is_some_and(|(session, peer)| is_same(session, peer) && is_gone(session))
            }
        };
        if may { Ok(()) } else { Err(path_refused(IN_USE)) }
    }

    /// Ends a publisher in whose place another comes, over the connection `conn`.
    ///
    /// The stream stays for its readers if the other announces the same medias and formats, in this text.
    pub(super) fn take_over(
        &mut self,
        now: Instant,
        publisher: SessionId,
        conn: ConnId,
        announced: &[u8],
    ) -> Option<StreamId> {
        let session = self.sessions.get(publisher)?;
        let conns = session.conns.clone();
        let (State::PreRecord(publishing) | State::Record(publishing)) = &session.state else { return None };
        let stream = publishing.stream.filter(|_| self.announces_same(publishing, announced));
        if stream.is_some() {
            if matches!(session.state, State::Record(_)) {
                self.stop_receiving(publisher);
            }
            if let Some(session) = self.sessions.get_mut(publisher) {
                let described = session.described();
                session.state = State::PreRecord(Publishing { described, ..Publishing::default() });
            }
        }
        self.close_session_quietly(now, publisher, CloseReason::TakenOver);
        stream.into_iter().for_each(|stream| self.keep_recorded(publisher, stream));
        self.close_unused(now, &conns, Some(conn), &CloseReason::TakenOver);
        stream
    }

    fn announces_same(&self, publishing: &Publishing, announced: &[u8]) -> bool {
        let announced = Description::parse(announced, &mut Tolerances::default());
        let Ok(other) = announced.map(in_the_clear) else { return false };
        let recorded = publishing.stream.filter(|_| publishing.has_recorded());
        match recorded.and_then(|stream| self.published.get(stream)) {
            Some(published) => published.describes_same(other),
            None => publishing.announced(&self.published).is_some_and(|own| own.has_same_medias(&other)),
        }
    }

    /// A stream has another publisher from here on.
    pub(super) fn hand_over(&mut self, stream: StreamId, former: Option<SessionId>, session: SessionId) {
        let Some(published) = self.published.get_mut(stream) else { return };
        published.publisher = Some(session);
        let path = published.path.to_string();
        // It may come from another address.
        self.count_log(stream, Some(session));
        self.tell_of_session(session, |new| Event::TakenOver {
            stream,
            path,
            session,
            conn: new.conn,
            former,
        });
    }
}

/// When something has come of a publisher: a request, a report or a packet.
fn last_heard(session: &Session, streams: &dyn Streams) -> Instant {
    let mut heard = session.alive;
    if let Some(stream) = session.recorded_stream() {
        // Packets are told of once a second only, and the log knows.
        streams.read(stream, &mut |log| {
            let newest = log.get(log.head().saturating_sub(1));
            heard = newest.map_or(heard, |packet| heard.max(packet.at));
        });
    }
    heard
}
