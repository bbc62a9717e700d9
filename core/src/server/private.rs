//! Streams for one session: no path leads to them, and the answer to SETUP gives them away.

use super::Server;
use super::answer::{AnswerError, Extra};
use super::session::Session;
use super::streams::{AddStreamError, Origin};
use super::ticket::{Pause, Play, Question, Setup, Ticket};
use crate::conn::CloseReason;
use crate::description::Description;
use crate::header::{Range, is_scale, is_speed, parse_rate};
use crate::stream::StreamLog;
use crate::wire::{Request, Response, name};
use crate::{Instant, SessionId, StreamId, Tolerances};

impl Server {
    /// Adds a stream for one session, such as a recording that each reader sees from its own beginning.
    ///
    /// No request finds it: the answer to SETUP gives it to a session ([`Ticket::set_stream`]), and it ends with that session.
    /// Lists and events tell `path`; other streams may have the same path.
    ///
    /// If the server asks about PLAY ([`Asks::PLAY`](super::Asks::PLAY)), the reader gets the packets that were pushed to the
    /// log since the question, before the answer or after it. So the application seeks to the place, pushes the first packets
    /// and answers, and RTP-Info tells exactly these packets.
    ///
    /// # Errors
    ///
    /// The path is invalid, or the description has too many medias.
    pub fn add_private_stream(
        &mut self,
        now: Instant,
        path: &str,
        description: Description,
    ) -> Result<(StreamId, StreamLog), AddStreamError> {
        self.check_publishable(path, &description)?;
        let (stream, log) = self.enter_stream(now, path, description, Origin::Private);
        self.tell_published(stream);
        Ok((stream, log))
    }

    /// The stream that only this session reads.
    pub(super) fn private_stream_of(&self, session: &Session) -> Option<StreamId> {
        let stream = session.read_stream()?;
        self.published.get(stream).filter(|published| published.is_private).map(|_| stream)
    }

    /// Returns true for a private stream that another session has.
    pub(super) fn is_of_another(&self, stream: StreamId, session: Option<SessionId>) -> bool {
        let private = self.published.get(stream).filter(|published| published.is_private);
        private.is_some_and(|private| private.readers.iter().any(|reader| Some(*reader) != session))
    }

    /// Returns `true` for the stream of what a session says, which only the application reads.
    pub(super) fn is_of_speaker(&self, stream: StreamId) -> bool {
        self.published.get(stream).is_some_and(|published| published.speaker.is_some())
    }

    /// Ends a private stream that no session reads any more, or that none has come to read.
    pub(super) fn end_if_private(&mut self, now: Instant, stream: StreamId, reason: CloseReason) {
        let is_unread = |published: &super::streams::Published| {
            let is_given = published.is_private && published.speaker.is_none();
            is_given && published.readers.is_empty() && !published.has_ended()
        };
        if self.published.get(stream).is_some_and(is_unread) {
            self.end_stream(now, stream, None, reason);
        }
    }
}

impl Ticket<Setup> {
    /// With a yes, the reader gets this stream: a [private](Server::add_private_stream) one, or the stream of another path.
    ///
    /// The tracks that the session sets up next at the same path are of that stream. If the application is asked about SETUP, it
    /// is also asked if nothing is published at the path. Such a question need not name a media, and without a stream its answer
    /// is 404. A private stream that another session has is not given: the answer is 404.
    /// A private stream ends if the answer sets up no reader: it is a no, comes too late, or SETUP cannot be granted.
    pub fn set_stream(&mut self, stream: StreamId) {
        self.extra_mut().stream = Some(stream);
    }
}

impl Ticket<Play> {
    /// Tells the range that is really played.
    pub fn set_range(&mut self, range: Range) {
        self.extra_mut().range = Some(range);
    }

    /// Tells the scale that is really played (RFC 2326, section 12.34): 2 is twice as fast, -1 is backwards.
    ///
    /// # Errors
    ///
    /// It is zero or not finite.
    pub fn set_scale(&mut self, scale: f32) -> Result<(), AnswerError> {
        if !is_scale(scale) {
            return Err(AnswerError::Rate);
        }
        self.extra_mut().scale = Some(scale);
        Ok(())
    }

    /// Tells the speed at which the data is really sent (RFC 2326, section 12.35).
    ///
    /// # Errors
    ///
    /// It is not above zero, or not finite.
    pub fn set_speed(&mut self, speed: f32) -> Result<(), AnswerError> {
        if !is_speed(speed) {
            return Err(AnswerError::Rate);
        }
        self.extra_mut().speed = Some(speed);
        Ok(())
    }
}

impl Ticket<Pause> {
    /// Tells where the reader stands.
    pub fn set_range(&mut self, range: Range) {
        self.extra_mut().range = Some(range);
    }
}

impl Question<Play> {
    /// The range that is asked for; `None` for none: to go on, or from the beginning.
    pub fn range(&self) -> Option<Range> {
        range_of(&self.request)
    }

    /// The scale that is asked for (RFC 2326, section 12.34); `None` for none, or for one that cannot be read.
    pub fn scale(&self) -> Option<f32> {
        rate_of(&self.request, name::SCALE)
    }

    /// The speed that is asked for (RFC 2326, section 12.35); `None` for none, or for one that cannot be read.
    pub fn speed(&self) -> Option<f32> {
        rate_of(&self.request, name::SPEED).filter(|speed| is_speed(*speed))
    }
}

impl Question<Pause> {
    /// The place at which to pause (RFC 2326, section 10.6); `None` for at once.
    pub fn range(&self) -> Option<Range> {
        range_of(&self.request)
    }
}

fn range_of(request: &Request) -> Option<Range> {
    Range::parse(request.headers.get(name::RANGE)?, &mut Tolerances::default()).ok()
}

fn rate_of(request: &Request, header: &'static str) -> Option<f32> {
    parse_rate(header, request.headers.get(header)?).ok()
}

impl Extra {
    /// Tells how it is really played.
    pub(super) fn tell_play(extra: Option<&Self>, mut response: Response, unsaid: &str) -> Response {
        let range = extra.and_then(|extra| extra.range);
        response = match range {
            Some(range) => response.with_header(name::RANGE, range),
            None if unsaid.is_empty() => response,
            None => response.with_header(name::RANGE, unsaid),
        };
        let Some(Self { scale, speed, .. }) = extra else { return response };
        for (header, rate) in [(name::SCALE, scale), (name::SPEED, speed)] {
            if let Some(rate) = rate {
                response = response.with_header(header, rate);
            }
        }
        response
    }
}
