use std::collections::BTreeSet;

use bytes::Bytes;

use super::back_channel::{back_channels_of, with_directions};
use super::paths::Taken;
use super::resume::Awaited;
use super::secure::StreamKeys;
use super::session::State;
use super::timers::Timer;
use super::unsent::Unsent;
use super::{Event, Output, Place, Server};
use crate::conn::{CloseReason, TxOrder};
use crate::description::Description;
use crate::limits::MEDIAS_MAX;
use crate::stats::MediaStats;
use crate::stream::{StreamLog, TrackSet};
use crate::udp::UdpOrder;
use crate::{ConnId, Instant, SessionId, StreamId};

/// The state of a stream in the control plane.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) path: Box<str>,
    pub(super) since: Instant,
    /// The description that DESCRIBE is answered with.
    pub(super) sdp: Bytes,
    /// How many medias it has.
    pub(super) medias: usize,
    /// The sessions that have set up a track of it.
    pub(super) readers: BTreeSet<SessionId>,
    /// The keys of those of them whose packets are encrypted, and those that the next ones will have.
    pub(super) keys: Vec<StreamKeys>,
    /// The tracks that its readers send.
    pub(super) back_channels: TrackSet,
    /// It is for one session, or of one, and at no path.
    pub(super) is_private: bool,
    /// The session that says it into a back channel.
    pub(super) speaker: Option<SessionId>,
    /// The session that records it; `None` for the application's own.
    pub(super) publisher: Option<SessionId>,
    /// The publisher that the stream waits for.
    pub(super) awaits: Option<Awaited>,
    /// The packets of readers that have gone, or pause.
    pub(super) sent: Vec<MediaStats>,
    /// The readers that its writer waits for.
    pub(super) unsent: Option<Unsent>,
    /// How often a UDP pair is still to say that all that had come is in the log.
    draining: usize,
    ended: Option<CloseReason>,
}

impl Published {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The application publishes it at a path, and writes it.
    pub(super) fn is_of_application(&self) -> bool {
        let is_others = self.publisher.is_some() || self.awaits.is_some() || self.speaker.is_some();
        !self.is_private && !is_others && !self.has_ended()
    }

    /// Returns `true` if a description, in the clear, has the medias and formats of the stream.
    pub(super) fn describes_same(&self, other: Description) -> bool {
        // The stream's own description was written and read again, so the other one is as well.
        let other = Description::parse_written(other.to_sdp().as_bytes());
        let own = Description::parse_written(&self.sdp);
        own.zip(other).is_some_and(|(own, other)| own.has_same_medias(&other))
    }
}

/// The owner of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    /// The application's own.
    Application,
    /// The application's own, for one session.
    Private,
    /// The session that records it.
    Publisher(SessionId),
    /// The session that says it into a back channel.
    Speaker(SessionId),
}

/// Why a stream was not added.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AddStreamError {
    /// Another stream, or a publisher, is at the path.
    #[error("the path is in use; remove the stream that has it, or choose another")]
    PathInUse,
    /// The path is the URL of another stream's track, such as `/cam/trackID=0`, or one of its tracks would be at
    /// another stream's path.
    #[error("the path and that of another stream differ by the name of a track")]
    TrackPath,
    /// The path does not start with a slash, or ends with one.
    #[error("the path does not start with a slash, or ends with one")]
    BadPath,
    /// The description has no media, or more than a stream may have.
    #[error("a stream has 1 to {MEDIAS_MAX} medias")]
    Medias,
    /// The server is closing.
    #[error("the server is closing")]
    Closing,
}

impl Server {
    pub(super) fn publish(
        &mut self,
        now: Instant,
        path: &str,
        description: Description,
        publisher: Option<SessionId>,
    ) -> Result<(StreamId, StreamLog), AddStreamError> {
        self.check_publishable(path, &description)?;
        match self.paths.check_free(path) {
            Ok(()) => {}
            Err(Taken::By(Place::Announced(session))) if Some(session) == publisher => {}
            Err(Taken::By(_)) => return Err(AddStreamError::PathInUse),
            Err(Taken::Track) => return Err(AddStreamError::TrackPath),
        }
        let origin = publisher.map_or(Origin::Application, Origin::Publisher);
        let (stream, log) = self.enter_stream(now, path, description, origin);
        self.tell_published(stream);
        Ok((stream, log))
    }

    pub(super) fn check_publishable(
        &self,
        path: &str,
        description: &Description,
    ) -> Result<(), AddStreamError> {
        if self.closing {
            return Err(AddStreamError::Closing);
        }
        if !path.starts_with('/') || (path.len() > 1 && path.ends_with('/')) {
            return Err(AddStreamError::BadPath);
        }
        if !(1..=MEDIAS_MAX).contains(&description.medias.len()) {
            return Err(AddStreamError::Medias);
        }
        Ok(())
    }

    pub(super) fn enter_stream(
        &mut self,
        now: Instant,
        path: &str,
        description: Description,
        origin: Origin,
    ) -> (StreamId, StreamLog) {
        let (publisher, speaker) = match origin {
            Origin::Application | Origin::Private => (None, None),
            Origin::Publisher(publisher) => (Some(publisher), None),
            Origin::Speaker(speaker) => (None, Some(speaker)),
        };
        let is_private = matches!(origin, Origin::Private | Origin::Speaker(_));
        // Nobody speaks to a publisher: it sends all that it announces.
        let has_speakers = matches!(origin, Origin::Application | Origin::Private);
        let description = in_the_clear(description);
        let description = if has_speakers { with_directions(description) } else { description };
        let back_channels = if has_speakers { back_channels_of(&description) } else { TrackSet::NONE };
        let mut log = StreamLog::new(&description, self.config.log);
        if let Some((at, wall)) = self.wall {
            log.set_wall_clock(at, wall);
        }
        let published = Published {
            path: path.into(),
            since: now,
            medias: description.medias.len(),
            sdp: description.with_track_controls().to_sdp().into_boxed_str().into_boxed_bytes().into(),
            readers: BTreeSet::new(),
            keys: Vec::new(),
            back_channels,
            is_private,
            speaker,
            publisher,
            awaits: None,
            sent: Vec::new(),
            unsent: None,
            draining: 0,
            ended: None,
        };
        let stream = self.published.insert_with(|_| published);
        if !is_private {
            self.paths.insert(path, Place::Stream(stream));
        }
        log.set_limits(self.count_log(stream, publisher.or(speaker)));
        (stream, log)
    }

    pub(super) fn tell_published(&mut self, stream: StreamId) {
        let Some(published) = self.published.get(stream) else { return };
        let (path, session) = (published.path.to_string(), published.publisher);
        let conn = session.and_then(|id| self.sessions.get(id)).map(|session| session.conn);
        self.emit(Event::Published { stream, path, session, conn });
    }

    /// Returns `true` if a stream of the application's own is at the path.
    pub(super) fn is_own_path(&self, path: &str) -> bool {
        let stream = self.stream_at(path).and_then(|stream| self.published.get(stream));
        stream.is_some_and(Published::is_of_application)
    }

    /// Publishes what a session has announced, and hands its log out.
    pub(super) fn publish_announced(
        &mut self,
        now: Instant,
        session: SessionId,
        path: &str,
        description: Description,
    ) -> Option<StreamId> {
        let (stream, log) = self.publish(now, path, description, Some(session)).ok()?;
        self.outputs.push_back(Output::AddStream(stream, log));
        Some(stream)
    }

    /// Ends a stream, and the session that records it; one that speaks plays on.
    pub(super) fn withdraw(&mut self, now: Instant, stream: StreamId, reason: CloseReason) {
        match self.published.get(stream).map(|published| (published.publisher, published.speaker)) {
            Some((Some(publisher), _)) => self.end_session(now, publisher, reason),
            Some((None, Some(speaker))) => self.hang_up(now, speaker, stream, reason),
            _ => self.end_stream(now, stream, None, reason),
        }
    }

    /// Frees the path at once; readers that play get what is left, and are told before they are closed.
    ///
    /// `publisher` is the session that ends with it, or that spoke, and the connection that it was used over last.
    pub(super) fn end_stream(
        &mut self,
        now: Instant,
        stream: StreamId,
        publisher: Option<(SessionId, ConnId)>,
        reason: CloseReason,
    ) {
        self.unpublish(now, stream, publisher, reason);
        self.tell_readers_of_end(now, stream);
    }

    pub(super) fn unpublish(
        &mut self,
        now: Instant,
        stream: StreamId,
        publisher: Option<(SessionId, ConnId)>,
        reason: CloseReason,
    ) {
        let Some(published) = self.published.get_mut(stream).filter(|published| !published.has_ended())
        else {
            return;
        };
        published.ended = Some(reason.clone());
        published.awaits = None;
        let path = published.path.clone();
        if !published.is_private {
            self.paths.remove(&path);
        }
        let path = path.into();
        match published.speaker {
            Some(session) => {
                if let Some((_, conn)) = publisher {
                    self.emit(Event::BackChannelClosed { session, conn, stream, path, reason });
                }
            }
            None => {
                let (session, conn) = publisher.unzip();
                self.emit(Event::Unpublished { stream, path, session, conn, reason });
            }
        }
        self.timers.arm(now + self.config.write_stall, Timer::Stream(stream));
    }

    /// A UDP pair is told to take no more from the publisher of a stream.
    pub(super) fn publisher_drains(&mut self, stream: StreamId) {
        if let Some(published) = self.published.get_mut(stream) {
            published.draining = published.draining.saturating_add(1);
        }
    }

    /// All that had come until then is in the log.
    pub(super) fn publisher_drained(&mut self, now: Instant, stream: StreamId) {
        if let Some(published) = self.published.get_mut(stream) {
            published.draining = published.draining.saturating_sub(1);
        }
        self.tell_readers_of_end(now, stream);
    }

    /// Once a stream has ended, and nothing is on its way to its log any more.
    pub(super) fn tell_readers_of_end(&mut self, now: Instant, stream: StreamId) {
        let is_whole = |published: &&Published| published.has_ended() && published.draining == 0;
        let Some(published) = self.published.get(stream).filter(is_whole) else { return };
        let readers: Vec<SessionId> = published.readers.iter().copied().collect();
        for id in readers {
            match self.sessions.get(id).map(|session| (&session.state, session.bound_to())) {
                Some((State::Play(_), Some(conn))) => self.order_tx(conn, TxOrder::End(id)),
                Some((State::Play(_), None)) => self.order_reader(id, || UdpOrder::End(stream, id)),
                _ => self.end_session(now, id, CloseReason::StreamEnded),
            }
        }
        self.forget_if_over(stream);
    }

    /// The readers of a stream that has ended have had their time.
    pub(super) fn end_readers(&mut self, now: Instant, stream: StreamId) {
        let Some(published) = self.published.get(stream) else { return };
        let readers: Vec<SessionId> = published.readers.iter().copied().collect();
        readers.into_iter().for_each(|reader| self.end_session(now, reader, CloseReason::StreamEnded));
        self.forget_if_over(stream);
    }

    pub(super) fn remove_reader(
        &mut self,
        now: Instant,
        stream: StreamId,
        reader: SessionId,
        reason: &CloseReason,
    ) {
        self.leave_secure_log(stream, reader);
        if let Some(published) = self.published.get_mut(stream) {
            published.readers.remove(&reader);
        }
        self.stop_awaiting(stream, reader);
        self.end_if_private(now, stream, reason.clone());
        self.forget_if_over(stream);
    }

    fn forget_if_over(&mut self, stream: StreamId) {
        let is_over = |published: &Published| published.has_ended() && published.readers.is_empty();
        if self.published.get(stream).is_some_and(is_over) {
            self.published.remove(stream);
            self.uncount_log(stream);
            self.forget_groups(stream);
            self.timers.disarm(Timer::Stream(stream));
            self.outputs.push_back(Output::RemoveStream(stream));
        }
    }
}

/// The description of the packets as a log has them: decrypted. The keys that they came with are for nobody else, and neither
/// is what their server says of its groups.
pub(super) fn in_the_clear(description: Description) -> Description {
    let mut description = description.without_keys().without_groups();
    description.medias.iter_mut().for_each(|media| media.profile = media.profile.cleared());
    description
}
