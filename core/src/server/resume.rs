use std::net::IpAddr;

use super::access::Identity;
use super::session::Session;
use super::streams::in_the_clear;
use super::timers::Timer;
use super::{Event, Place, Server};
use crate::auth::Action;
use crate::conn::CloseReason;
use crate::description::Description;
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

    /// Returns `true` if nobody has asked for the end of the stream: its publisher may only have lost its way here.
    fn may_come_back(&self) -> bool {
        !matches!(
            self.reason,
            CloseReason::Teardown
                | CloseReason::TakenOver
                | CloseReason::StreamEnded
                | CloseReason::Application
                | CloseReason::Noted(_)
                | CloseReason::ServerClosed
        )
    }
}

/// A stream whose publisher has gone waits for it, if that is configured.
impl Server {
    /// The session that has recorded a stream has ended: the stream waits for another, or ends with it. Its readers are
    /// told later ([`Self::tell_readers_of_end`]).
    pub(super) fn lose_publisher(&mut self, now: Instant, stream: StreamId, former: Former) {
        let waits = !self.config.resume.is_zero() && !self.closing && self.drain.is_none();
        let path =
            self.published.get_mut(stream).filter(|published| !published.has_ended()).map(|published| {
                published.publisher = None;
                published.path.to_string()
            });
        match path {
            Some(path) if waits && former.may_come_back() => {
                let Former { session, conn, .. } = former;
                self.emit(Event::PublisherGone { stream, path, session, conn });
                self.timers.arm(now + self.config.resume, Timer::Stream(stream));
                if let Some(published) = self.published.get_mut(stream) {
                    published.awaits = Some(former);
                }
            }
            _ => self.unpublish(now, stream, Some((former.session, former.conn)), former.reason),
        }
    }

    /// A publisher has not come back in time, or the readers of a stream that has ended have had theirs.
    pub(super) fn stream_due(&mut self, now: Instant, stream: StreamId) {
        let former = self.published.get_mut(stream).and_then(|published| published.awaits.take());
        match former {
            Some(former) => self.end_stream(now, stream, None, former.reason),
            None => self.end_readers(now, stream),
        }
    }

    /// The stream at a path that waits for the publisher that a connection is of.
    pub(super) fn awaited_at(&self, conn: ConnId, path: &str) -> Option<StreamId> {
        let Some(Place::Stream(stream)) = self.paths.get(path) else { return None };
        let published = self.published.get(stream)?;
        let former = published.awaits.as_ref()?;
        let is_same = match (&former.owner, self.owner_of_new(conn, Action::Publish, &published.path)) {
            (Some(owner), Some(user)) => owner.user == user.user,
            (None, None) => former.ip == self.conns.get(conn)?.peer.ip(),
            _ => false,
        };
        is_same.then_some(stream)
    }

    /// Gives a stream that waits to the publisher that has come back, and says in whose place it comes.
    ///
    /// One that announces other medias or formats than before begins anew: the stream that waits ends.
    pub(super) fn resume(
        &mut self,
        now: Instant,
        conn: ConnId,
        path: &str,
        announced: &[u8],
    ) -> Option<(StreamId, SessionId)> {
        let stream = self.awaited_at(conn, path)?;
        let published = self.published.get_mut(stream)?;
        let former = published.awaits.take()?;
        let announced = Description::parse(announced, &mut Tolerances::default()).ok().map(in_the_clear);
        // The stream's own description was written and read again, so this one is as well.
        let other = announced.and_then(|other| Description::parse_written(other.to_sdp().as_bytes()));
        let own = Description::parse_written(&published.sdp);
        if own.zip(other).is_some_and(|(own, other)| own.has_same_medias(&other)) {
            self.timers.disarm(Timer::Stream(stream));
            return Some((stream, former.session));
        }
        self.end_stream(now, stream, None, CloseReason::TakenOver);
        None
    }
}
