use std::marker::PhantomData;
use std::net::SocketAddr;

use bytes::Bytes;

use super::access::Authority;
use super::answer::{AnswerError, Extra, add_header};
use crate::auth::Action;
use crate::conn::CloseNote;
use crate::description::Description;
use crate::header::Transport;
use crate::tls::Secured;
use crate::wire::{Request, Response, StatusCode};
use crate::{ConnId, SessionId};

/// A decision that the application may take: its kind says how it is answered.
pub trait Ask: sealed::Ask {
    /// The answer to it.
    type Reply;
}

/// The right to answer one question, once.
///
/// Dropping it leaves the peer waiting until the deadline, and then it is answered 503.
///
/// Additions to the response, beyond the decision, are put on the ticket before:
///
/// ```no_run
/// # use rtspan_core::description::Description;
/// # use rtspan_core::server::{AnswerError, Describe, Question, Server};
/// # use rtspan_core::stream::Streams;
/// # fn answer(
/// #     server: &mut Server, now: rtspan_core::Instant, streams: &dyn Streams,
/// #     mut question: Question<Describe>, preview: Description,
/// # ) -> Result<(), AnswerError> {
/// question.ticket.add_header("X-Node", "eu-1")?;
/// if question.user.is_none() {
///     question.ticket.set_description(preview)?;
/// }
/// let _ = server.answer(now, question.ticket, Ok(()), streams);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, PartialEq)]
#[must_use = "a question that is not answered is answered 503 at its deadline"]
pub struct Ticket<A> {
    raw: RawTicket,
    extra: Option<Box<Extra>>,
    ask: PhantomData<fn(A)>,
}

/// The connection and the number of a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RawTicket {
    pub(super) conn: ConnId,
    pub(super) number: u64,
}

impl<A> Ticket<A> {
    pub(super) fn new(raw: RawTicket) -> Self {
        Self { raw, extra: None, ask: PhantomData }
    }

    pub(super) fn into_parts(self) -> (RawTicket, Option<Box<Extra>>) {
        (self.raw, self.extra)
    }

    pub(super) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }
}

/// The peer no longer waits for the answer: the connection or the session is gone, or the deadline has passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("nobody waits for this answer any more")]
pub struct Stale;

/// A decision for the application to take.
///
/// Here the server of the core asks if a peer may see the description of `/vault`. With a runtime, `Server::next` asks, and
/// `Server::answer` takes the ticket.
///
/// ```
/// use rtspan_core::conn::Inbound;
/// use rtspan_core::server::{Asks, Event, Output, Server, ServerConfig};
/// use rtspan_core::stream::{StreamLog, Streams};
/// use rtspan_core::wire::StatusCode;
/// use rtspan_core::{Instant, StreamId};
///
/// struct NoStreams;
///
/// impl Streams for NoStreams {
///     fn read(&self, _: StreamId, _: &mut dyn FnMut(&StreamLog)) -> bool {
///         false
///     }
/// }
///
/// let now = Instant::ZERO;
/// let mut server = Server::new(ServerConfig::default().asks(Asks::DESCRIBE), [1; 32]);
/// let mut conn = server.open_conn(now, "192.0.2.1:40000".parse()?)?;
/// let request = b"DESCRIBE rtsp://server/vault?key=1234 RTSP/1.0\r\nCSeq: 1\r\n\r\n";
/// conn.rx.read_buf()[..request.len()].copy_from_slice(request);
/// conn.rx.handle_read(now, request.len());
/// if let Some(Inbound::Message(message)) = conn.rx.poll_input(now)? {
///     server.handle_message(now, conn.id, message, &NoStreams);
/// }
/// let mut asked = Vec::new();
/// while let Some(output) = server.poll_output() {
///     if let Output::Event(Event::Describe(question)) = output {
///         let knows_the_key = question.query.as_deref() == Some("key=secret");
///         let reply = if knows_the_key { Ok(()) } else { Err(StatusCode::FORBIDDEN.into()) };
///         server.answer(now, question.ticket, reply, &NoStreams)?;
///         asked.push((question.path, knows_the_key));
///     }
/// }
/// assert_eq!(asked, [("/vault".to_owned(), false)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub struct Question<A> {
    /// The right to answer it.
    pub ticket: Ticket<A>,
    /// The connection that it came over.
    pub conn: ConnId,
    /// The address of the peer that asks.
    pub peer: SocketAddr,
    /// How the connection is encrypted (TLS), and the certificate of its peer; `None` if it is not.
    pub secured: Option<Secured>,
    /// The session that it is for; `None` if there is none yet.
    pub session: Option<SessionId>,
    /// The action that the peer wants to do at the path.
    pub action: Action,
    /// The user that has proved itself, or for [`Authenticate`] the one that wants to; `None` if none is named.
    pub user: Option<String>,
    /// The token of the request was asked for, over TLS.
    pub(super) takes_token: bool,
    /// The stream's path.
    pub path: String,
    /// The query of the URL, or of the URL that the session began with, if it has one.
    pub query: Option<String>,
    /// The request as it came: its URL, headers and body.
    pub request: Box<Request>,
    /// The transports that SETUP offers, those that can be read, in the order of preference; empty for the other questions.
    pub transports: Vec<Transport>,
    /// The index of the media that SETUP is for; `None` for the other questions, and where nothing is published at the
    /// path and the URL names no track.
    pub media: Option<usize>,
    /// The description that the publisher announces; `None` for the other questions.
    pub description: Option<Box<Description>>,
    /// The session that publishes at the path, and that a yes to this ANNOUNCE ends; `None` for a free path and for the
    /// other questions.
    pub replaces: Option<SessionId>,
}

debug_without_secrets!(Question<A> {
    path, query;
    ticket, conn, peer, secured, session, action, user, takes_token, request, transports, media, description, replaces,
});

/// A refusal with its status.
///
/// ```
/// use rtspan_core::server::Refusal;
/// use rtspan_core::wire::StatusCode;
///
/// let elsewhere = Refusal::new(StatusCode::FOUND).with_header("Location", "rtsp://other/cam")?;
/// let no = Refusal::from(StatusCode::FORBIDDEN);
/// assert_ne!(elsewhere, no);
/// # Ok::<(), rtspan_core::server::AnswerError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    response: Response,
}

impl Refusal {
    /// A refusal with this status.
    pub fn new(status: StatusCode) -> Self {
        Self { response: Response::new(status) }
    }

    /// Says why in the status line, in the place of what the status usually says: `404 the camera does not answer`. Control
    /// characters, and bytes beyond [`CLOSE_NOTE_BYTES_MAX`](crate::limits::CLOSE_NOTE_BYTES_MAX), are left out.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        let note = CloseNote::new(reason);
        if !note.text().is_empty() {
            self.response.reason = note.text().to_owned().into();
        }
        self
    }

    /// Adds a header, such as the Location of a redirection.
    ///
    /// # Errors
    ///
    /// As [`Ticket::add_header`].
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, AnswerError> {
        add_header(&mut self.response.headers, name, value)?;
        Ok(self)
    }

    pub(super) fn into_response(self) -> Response {
        self.response
    }
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

/// An answer to any question.
#[derive(Debug)]
pub(super) enum Answer {
    Yes,
    Authority(Authority),
    Body(Bytes),
    No(Refusal),
}

mod sealed {
    use super::Answer;

    pub trait Ask {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn into_answer(reply: <Self as super::Ask>::Reply) -> Answer
        where
            Self: super::Ask;
    }
}

/// Declares the questions.
macro_rules! asks {
    ($($(#[$doc:meta])* $name:ident -> $reply:ty, $yes:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Ask for $name {
            type Reply = Result<$reply, Refusal>;
        }

        impl sealed::Ask for $name {
            #[allow(private_interfaces)]
            fn into_answer(reply: Result<$reply, Refusal>) -> Answer {
                reply.map_or_else(Answer::No, $yes)
            }
        }
    )*};
}

asks! {
    /// Any request that needs a right. The answer says how the peer proves that it has it.
    Authenticate -> Authority, Answer::Authority;
    /// DESCRIBE. A yes tells the peer what is published at the path, and is 404 where nothing is. A stream may be published
    /// before the answer.
    Describe -> (), |()| Answer::Yes;
    /// ANNOUNCE. A yes lets the peer publish at this path.
    Announce -> (), |()| Answer::Yes;
    /// SETUP. A yes lets the peer read this track, or publish it ([`Question::action`]). It is also asked where nothing is
    /// published: a yes may give the reader a stream ([`Ticket::set_stream`]), and is 404 without.
    Setup -> (), |()| Answer::Yes;
    /// SETUP of a back channel. A yes lets the peer, which may read the stream, also speak.
    Speak -> (), |()| Answer::Yes;
    /// PLAY. A yes begins the stream. A reader of a [private stream](super::Server::add_private_stream) asks also while it
    /// plays.
    Play -> (), |()| Answer::Yes;
    /// PAUSE. A yes lets the reader or publisher pause.
    Pause -> (), |()| Answer::Yes;
    /// RECORD. A yes lets the publisher begin.
    Record -> (), |()| Answer::Yes;
    /// GET_PARAMETER with a body. The answer is the values, as `text/parameters`.
    GetParameter -> Bytes, Answer::Body;
    /// SET_PARAMETER with a body. A yes says that it was taken.
    SetParameter -> (), |()| Answer::Yes;
}
