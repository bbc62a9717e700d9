use std::fmt;

use crate::limits::CLOSE_NOTE_BYTES_MAX;
use crate::tls::TlsError;
use crate::tunnel::TunnelError;
use crate::wire::{Response, StatusCode, WireError};
use crate::{IoError, Printable};

/// Why a connection or a session ended.
///
/// ```
/// use rtspan_core::conn::CloseReason;
///
/// fn is_worth_a_word(reason: &CloseReason) -> bool {
///     !matches!(reason, CloseReason::Teardown | CloseReason::ServerClosed)
/// }
///
/// assert!(is_worth_a_word(&CloseReason::Idle));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The system reported an error of the socket.
    #[error("the connection failed")]
    Io(#[source] IoError),
    /// The peer sent what cannot be read.
    #[error("the peer sent what cannot be read")]
    Wire(#[from] WireError),
    /// A trusted proxy did not say where the connection comes from.
    #[error("a trusted proxy sent no header of the PROXY protocol")]
    NoProxyHeader,
    /// There is no TLS connection with the peer.
    #[error("there is no TLS connection")]
    Tls(#[from] TlsError),
    /// It was the POST of an HTTP tunnel, and has become a part of the connection of its GET.
    #[error("the POST of a tunnel has become a part of the connection of its GET")]
    Joined,
    /// The tunnel through which the peer speaks was not made, or has broken.
    #[error("there is no tunnel")]
    Tunnel(#[from] TunnelError),
    /// The peer speaks without TLS where the server requires it.
    #[error("the peer speaks without TLS, which the server requires")]
    TlsRequired,
    /// A message, or a handshake beneath it, began and did not end in time.
    #[error("the peer began a message and did not complete it in time")]
    MessageTimeout,
    /// The socket took nothing, or next to nothing, for too long.
    #[error("the peer takes hardly anything of what is sent")]
    WriteStalled,
    /// Too many answers wait for the peer to read them.
    #[error("the peer does not read its answers")]
    OutboxFull,
    /// The peer has sent wrong credentials too often.
    #[error("the peer has sent wrong credentials too often")]
    AuthFailed,
    /// Nothing came for too long.
    #[error("nothing came from the peer for too long")]
    Idle,
    /// The session was set up and never played or recorded.
    #[error("the session was set up and never played or recorded")]
    NeverBegan,
    /// The peer tore the session down.
    #[error("the peer tore the session down")]
    Teardown,
    /// The connection that the session was bound to is gone.
    #[error("the connection of the session is gone")]
    ConnectionLost,
    /// Another publisher has taken the place of the session.
    #[error("another publisher has taken its place")]
    TakenOver,
    /// The stream that the session read has ended.
    #[error("the stream has ended")]
    StreamEnded,
    /// The reader was too slow for the stream.
    #[error("the reader is too slow for the stream")]
    ReaderTooSlow,
    /// The application closed it.
    #[error("closed by the application")]
    Application,
    /// The application closed it, and said why.
    #[error("closed by the application: {0}")]
    Noted(CloseNote),
    /// A proxy has passed it on from an address that has as many connections as it may.
    #[error("the peer's address has as many connections as it may")]
    AddressFull,
    /// The server was closed.
    #[error("the server was closed")]
    ServerClosed,
}

/// Why the application closes a session or a connection, as its peer gets to know where there is a way.
///
/// Players are told the text in BYE (RFC 3550, section 6.6). A request that waits for its answer on a connection that is
/// closed is answered with the status and the text.
///
/// ```
/// use rtspan_core::conn::CloseNote;
/// use rtspan_core::wire::StatusCode;
///
/// let note = CloseNote::new("the film is over").with_status(StatusCode::GONE);
/// assert_eq!((note.text(), note.status()), ("the film is over", StatusCode::GONE));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloseNote {
    status: StatusCode,
    text: Box<str>,
    keeps_stream: bool,
}

impl CloseNote {
    /// A note with this text and the status 503; control characters, and bytes beyond [`CLOSE_NOTE_BYTES_MAX`], are left
    /// out.
    pub fn new(text: &str) -> Self {
        let mut clean: String = text.chars().filter(|c| !c.is_control()).collect();
        while clean.len() > CLOSE_NOTE_BYTES_MAX {
            clean.pop();
        }
        Self { status: StatusCode::SERVICE_UNAVAILABLE, text: clean.into(), keeps_stream: false }
    }

    /// The same with another status; one that is no refusal, below 400, changes nothing.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        if status.as_u16() < 400 { self } else { Self { status, ..self } }
    }

    /// Has the stream of a publisher that is closed wait for it, as if it had lost its connection
    /// ([`ServerConfig::resume`](crate::server::ServerConfig::resume)). Without it the stream ends.
    #[must_use]
    pub fn keep_stream(self) -> Self {
        Self { keeps_stream: true, ..self }
    }

    /// Returns `true` if the stream of a publisher [waits](Self::keep_stream) for it.
    pub fn keeps_stream(&self) -> bool {
        self.keeps_stream
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for CloseNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(&self.text).fmt(f)
    }
}

impl CloseReason {
    /// The refusal of a request that waits on a connection that is closed for this.
    pub(crate) fn response(&self) -> Response {
        let Self::Noted(note) = self else { return Response::new(StatusCode::SERVICE_UNAVAILABLE) };
        let mut response = Response::new(note.status);
        if !note.text.is_empty() {
            response.reason = note.text.to_string().into();
        }
        response
    }

    /// The reason in BYE for a player whose session is closed for this; `None` if the server does not close it.
    pub(crate) fn goodbye(&self) -> Option<&str> {
        match self {
            Self::Noted(note) => Some(&note.text),
            Self::Application => Some("closed"),
            _ => None,
        }
    }
}
