use std::net::IpAddr;
use std::time::Duration;

use super::access::Identity;
use super::session::Session;
use super::streams::in_the_clear;
use super::timers::Timer;
use super::{Event, Place, Server};
use crate::auth::Action;
use crate::conn::CloseReason;
use crate::description::Description;
use crate::stream::TrackSet;
use crate::{ConnId, Instant, SessionId, StreamId, Tolerances};

/// The publisher of a stream that has gone and may come back.
#[derive(Debug)]
pub(super) struct Former {
    session: SessionId,
    conn: ConnId,
    owner: Option<Box<Identity>>,
    ip: IpAddr,
    reason: CloseReason,
}

impl Former {
    pub(super) fn new(id: SessionId, session: &Session, reason: CloseReason) -> Self {
        Self { session: id, conn: session.conn, owner: session.owner.clone(), ip: session.peer.ip(), reason }
    }

    /// Returns `true` if nobody has asked for the end of the stream: its publisher may only have lost its way here, or is to
    /// come again.
    fn may_come_back(&self) -> bool {
        match &self.reason {
            CloseReason::Noted(note) => note.keeps_stream(),
            CloseReason::Teardown
            | CloseReason::TakenOver
            | CloseReason::StreamEnded
            | CloseReason::Application
            | CloseReason::ServerClosed => false,
            _ => true,
        }
    }

    /// Returns `true` if the publisher has taken its leave, so that another one may come.
    fn has_torn_down(&self) -> bool {
        self.reason == CloseReason::Teardown
    }
}

/// The publisher that a stream waits for.
#[derive(Debug)]
pub(super) enum Awaited {
    /// The one that has gone.
    Former(Former),
    /// Any that may publish there: the application has left its stream to it.
    Any,
}

/// A stream whose publisher has gone waits for it, if that is configured. One of the application's waits for a publisher if the
/// application leaves it.
impl Server {
    /// Leaves a stream of the application's own to the publisher that comes to its path within `patience`: the stream and its
    /// readers go on with that publisher if it announces the same medias and formats. Otherwise the stream ends when the publisher
    /// comes, or when the time is over.
    ///
    /// The application writes no more to the stream. A publisher that comes before is refused with 403, unless the application is
    /// [asked](super::Asks::ANNOUNCE): then it can leave the stream, and answer yes after that. [`Event::TakenOver`] tells that a
    /// publisher has come.
    ///
    /// Returns `false`, and changes nothing, if the stream is not the application's own or has no path, if readers can speak into it,
    /// or if the server is closing.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use rtspan_core::Instant;
    /// # use rtspan_core::description::{Description, Format, Media, MediaKind};
    /// # use rtspan_core::server::{Server, ServerConfig};
    /// # let (mut server, now) = (Server::new(ServerConfig::default(), [7; 32]), Instant::ZERO);
    /// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
    /// let (hall, log) = server.add_stream(now, "/hall", Description::new(vec![sound]))?;
    /// assert!(server.leave_stream(now, hall, Duration::from_secs(10)));
    /// assert_eq!(server.stream_at("/hall"), Some(hall), "it waits");
    /// # Ok::<(), rtspan_core::server::AddStreamError>(())
    /// ```
    pub fn leave_stream(&mut self, now: Instant, stream: StreamId, patience: Duration) -> bool {
        let waits = !self.closing && self.drain.is_none();
        let Some(published) = self.published.get_mut(stream).filter(|published| {
            waits && published.is_of_application() && published.back_channels == TrackSet::NONE
        }) else {
            return false;
        };
        published.awaits = Some(Awaited::Any);
        self.timers.arm(now + patience, Timer::Stream(stream));
        true
    }

    /// Takes a stream that waits for a publisher: it is the application's own from here on, and its readers stay. So a relay goes
    /// on with the stream of a publisher that has moved elsewhere.
    ///
    /// The application begins each media by [`Media::Begin`](crate::stream::Media::Begin), so that readers see one source.
    ///
    /// Returns `None`, and changes nothing, if no stream waits at the path, or if it has other medias or formats.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use rtspan_core::Instant;
    /// # use rtspan_core::description::{Description, Format, Media, MediaKind};
    /// # use rtspan_core::server::{Server, ServerConfig};
    /// # let (mut server, now) = (Server::new(ServerConfig::default(), [7; 32]), Instant::ZERO);
    /// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
    /// let description = Description::new(vec![sound]);
    /// let (hall, log) = server.add_stream(now, "/hall", description.clone())?;
    /// assert_eq!(server.take_stream("/hall", &description), None, "it does not wait");
    /// server.leave_stream(now, hall, Duration::from_secs(10));
    /// assert_eq!(server.take_stream("/hall", &description), Some(hall));
    /// # Ok::<(), rtspan_core::server::AddStreamError>(())
    /// ```
    pub fn take_stream(&mut self, path: &str, description: &Description) -> Option<StreamId> {
        let stream = self.stream_at(path)?;
        let published = self.published.get_mut(stream).filter(|published| published.awaits.is_some())?;
        if !published.describes_same(in_the_clear(description.clone())) {
            return None;
        }
        published.awaits = None;
        self.timers.disarm(Timer::Stream(stream));
        self.count_log(stream, None);
        Some(stream)
    }

    /// The session that has recorded a stream has ended: the stream waits for another, or ends with it. Its readers are
    /// told later ([`Self::tell_readers_of_end`]).
    pub(super) fn lose_publisher(&mut self, now: Instant, stream: StreamId, former: Former) {
        let waits = !self.config.resume.is_zero() && !self.closing && self.drain.is_none();
        let published = self.published.get_mut(stream).filter(|published| !published.has_ended());
        let path = published.map(|published| {
            published.publisher = None;
            let after_teardown = self.config.resume_after_teardown && !published.readers.is_empty();
            let may_follow = former.may_come_back() || (former.has_torn_down() && after_teardown);
            (published.path.to_string(), waits && may_follow)
        });
        match path {
            Some((path, true)) => {
                let Former { session, conn, .. } = former;
                self.emit(Event::PublisherGone { stream, path, session, conn });
                self.timers.arm(now + self.config.resume, Timer::Stream(stream));
                if let Some(published) = self.published.get_mut(stream) {
                    published.awaits = Some(Awaited::Former(former));
                }
            }
            _ => self.unpublish(now, stream, Some((former.session, former.conn)), former.reason),
        }
    }

    /// A publisher has not come back in time, or the readers of a stream that has ended have had theirs.
    pub(super) fn stream_due(&mut self, now: Instant, stream: StreamId) {
        let awaited = self.published.get_mut(stream).and_then(|published| published.awaits.take());
        match awaited {
            Some(Awaited::Former(former)) => self.end_stream(now, stream, None, former.reason),
            Some(Awaited::Any) => self.end_stream(now, stream, None, CloseReason::Application),
            None => self.end_readers(now, stream),
        }
    }

    /// The stream at a path that waits for the publisher that a connection is of, or for any that may publish there.
    pub(super) fn awaited_at(&self, conn: ConnId, path: &str) -> Option<StreamId> {
        let Some(Place::Stream(stream)) = self.paths.get(path) else { return None };
        let published = self.published.get(stream)?;
        let Awaited::Former(former) = published.awaits.as_ref()? else { return Some(stream) };
        if former.has_torn_down() {
            return Some(stream);
        }
        let is_same = match (&former.owner, self.owner_of_new(conn, Action::Publish, &published.path)) {
            (Some(owner), Some(user)) => owner.user == user.user,
            (None, None) => former.ip == self.conns.get(conn)?.peer.ip(),
            _ => false,
        };
        is_same.then_some(stream)
    }

    /// Gives a stream that waits to the publisher that has come, and says in whose place it comes; `None` for the application's.
    ///
    /// One that announces other medias or formats than before begins anew: the stream that waits ends.
    pub(super) fn resume(
        &mut self,
        now: Instant,
        conn: ConnId,
        path: &str,
        announced: &[u8],
    ) -> Option<(StreamId, Option<SessionId>)> {
        let stream = self.awaited_at(conn, path)?;
        let published = self.published.get_mut(stream)?;
        let awaited = published.awaits.take()?;
        let announced = Description::parse(announced, &mut Tolerances::default()).ok().map(in_the_clear);
        if announced.is_some_and(|announced| published.describes_same(announced)) {
            self.timers.disarm(Timer::Stream(stream));
            let former = match awaited {
                Awaited::Former(former) => Some(former.session),
                Awaited::Any => None,
            };
            return Some((stream, former));
        }
        self.end_stream(now, stream, None, CloseReason::TakenOver);
        None
    }
}
