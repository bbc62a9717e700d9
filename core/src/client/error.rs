use std::fmt;
use std::time::Duration;

use super::State;
use crate::description::DescriptionError;
use crate::header::HeaderError;
use crate::rtp::rtcp::BadCompound;
use crate::udp::UdpOpenError;
use crate::url::{Url, UrlError};
use crate::wire::{Response, StatusCode, WireError};
use crate::{IoError, Printable, WithCauses, without_secrets};

mod connect;
mod demand;
#[cfg(feature = "srtp")]
mod srtp;
#[cfg(test)]
mod tests;

pub use connect::{ConnectAttempt, ConnectError};
pub use demand::AuthDemand;
#[cfg(feature = "srtp")]
pub use srtp::SrtpError;

/// The reason for which a command was not accepted. Nothing was sent.
///
/// ```
/// use rtspan_core::client::{Client, ClientConfig, Misuse};
/// use rtspan_core::{Instant, Url};
///
/// let mut client = Client::new(Url::parse("rtsp://camera/main")?, ClientConfig::default(), [7; 32]);
/// assert_eq!(client.setup(Instant::ZERO, 0), Err(Misuse::NoDescription));
/// # Ok::<(), rtspan_core::UrlError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The command does not fit the state after the commands before it.
    #[error("the command is not possible while {0}")]
    State(State),
    /// There is no description, and no command that gets or announces one.
    #[error("nothing was described or announced")]
    NoDescription,
    /// The description has no media of this index.
    #[error("the description has no media {0}")]
    NoSuchMedia(usize),
    /// This media is set up already.
    #[error("media {0} is set up already")]
    AlreadySetUp(usize),
    /// No media is set up.
    #[error("no media is set up")]
    NothingSetUp,
    /// The description has no media that was chosen to be played or published.
    #[error("the description has none of the medias that were chosen")]
    NoneChosen,
    /// A scale or speed is no number or zero, or a speed is below zero (RFC 2326, sections 12.34 and 12.35).
    #[error("a scale or speed is finite and not zero, and a speed is above zero")]
    Rate,
    /// Too many commands wait, or too many outputs were not polled.
    #[error("too many commands wait; give fewer before they are done")]
    TooMany,
    /// The client is closed, or TEARDOWN was asked for.
    #[error("the client is closed")]
    Closed,
}

/// The reason for which a command failed.
///
/// ```
/// use rtspan_core::client::CommandError;
/// use rtspan_core::wire::StatusCode;
///
/// fn advice(error: &CommandError) -> &'static str {
///     match error {
///         CommandError::Unauthorized(_) => "give a user and a password",
///         CommandError::CredentialsRefused(_) => "look at the user and the password",
///         CommandError::Status { status, .. } if *status == StatusCode::NOT_FOUND => "look at the path of the URL",
///         CommandError::Timeout => "try again later",
///         _ => "read the message",
///     }
/// }
///
/// let error = CommandError::Status { status: StatusCode::NOT_FOUND, reason: "".into() };
/// assert_eq!(error.to_string(), "server answered 404 Not Found");
/// assert_eq!(advice(&error), "look at the path of the URL");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The server refused it.
    #[error("server answered {}", Answer(*.status, .reason))]
    Status {
        /// The status of the refusal, such as [`StatusCode::NOT_FOUND`].
        status: StatusCode,
        /// The server's own words for it, without secrets; empty if it has none.
        reason: Box<str>,
    },
    /// The server asks for credentials, and there are none.
    #[error("server asks for credentials{}; give it {}", .0, .0.wanted())]
    Unauthorized(Box<AuthDemand>),
    /// The server accepts none of the credentials, or asks for them in a way that is not known.
    #[error("server refuses the credentials{}; check {}", .0, .0.wanted())]
    CredentialsRefused(Box<AuthDemand>),
    /// The server asks for credentials, and there is a token, which anybody could read without TLS.
    #[error("a token is only sent over TLS; use a URL of rtsps://")]
    TokenNeedsTls,
    /// The server did not answer in time.
    #[error("server did not answer in time")]
    Timeout,
    /// The command needs an earlier command, and that failed.
    #[error("the command is not possible while {0}")]
    State(State),
    /// The command needs a description and there is none, because the command that should get it failed.
    #[error("nothing was described or announced")]
    NoDescription,
    /// The description has no media of this index.
    #[error("the description has no media {0}")]
    NoSuchMedia(usize),
    /// This media is set up already.
    #[error("media {0} is set up already")]
    AlreadySetUp(usize),
    /// No media is set up, because the commands that should do it failed.
    #[error("no media is set up")]
    NothingSetUp,
    /// The media is encrypted (SRTP), and the program was built without the feature `srtp`.
    #[error("media {0} is encrypted (SRTP), which this program was built without")]
    Encrypted(usize),
    /// The media is encrypted (SRTP), and that cannot be agreed on.
    #[cfg(feature = "srtp")]
    #[error("media {media} is encrypted (SRTP)")]
    Srtp {
        /// Index of the media.
        media: usize,
        /// The obstacle.
        #[source]
        error: SrtpError,
    },
    /// The server described the stream in another format than SDP.
    #[error("description is {0:?} and not application/sdp")]
    ContentType(Box<str>),
    /// The description cannot be read.
    #[error("the description cannot be used")]
    Description(#[source] DescriptionError),
    /// The control attribute of a media does not give a URL.
    #[error("the control URL of media {media} cannot be used")]
    Control {
        /// Index of the media.
        media: usize,
        /// The error of its URL.
        #[source]
        error: UrlError,
    },
    /// The server redirects without a place, or to a text that is not a URL.
    #[error("server redirects to no URL that can be used")]
    BadLocation,
    /// The server redirects from TLS to a connection without TLS.
    #[error("redirect from rtsps to rtsp refused; connect to the other URL itself if that is to be")]
    Downgrade,
    /// The server redirects again and again.
    #[error("server redirects again and again")]
    TooManyRedirects,
    /// The Transport header of the answer cannot be read.
    #[error("the Transport header of the answer cannot be used")]
    BadTransport(#[source] HeaderError),
    /// The server answered with another transport than the one asked for, and the client cannot use it.
    #[error("server answers with another transport than the one that it was asked for")]
    OtherTransport,
    /// The server answered with a multicast group, which was not asked for.
    #[error("server sends to a multicast group only; allow it with Transports::Any or Transports::Multicast")]
    MulticastOnly,
    /// Neither the server's answer nor its description names the multicast group and its ports.
    #[error("server does not say which multicast group it sends to")]
    NoGroup,
    /// The server gave interleaved channels that another media has.
    #[error("server gave interleaved channels {0}-{1} twice")]
    ChannelsTaken(u8, u8),
    /// All interleaved channels are taken.
    #[error("no free interleaved channels; set up fewer medias over TCP")]
    NoChannels,
    /// The server did not tell its UDP ports.
    #[error("server names no UDP ports; TCP may do")]
    NoServerPorts,
    /// The media has another description than before. The application could not use its packets, so it is left out.
    #[error("media {0} is of another kind or encoding than before")]
    MediaChanged(usize),
    /// The UDP sockets were not opened.
    #[error(transparent)]
    Udp(UdpOpenError),
    /// The connection ended before the server answered, twice.
    #[error("the connection ended before the server answered")]
    ConnectionLost,
    /// TEARDOWN was asked for before the command was done.
    #[error("torn down before the command was done")]
    TornDown,
    /// The client closed, for the reason that its event tells.
    #[error("the client is closed")]
    Closed,
}

impl CommandError {
    /// The error that a refusing response stands for.
    pub(super) fn of_response(response: &Response) -> Self {
        match response.status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized(Box::new(AuthDemand::of_response(response))),
            status => Self::Status { status, reason: without_secrets(&response.reason).into() },
        }
    }

    /// The status that the server has refused the command with, 401 for credentials; `None` if it failed otherwise.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Unauthorized(_) | Self::CredentialsRefused(_) | Self::TokenNeedsTls => {
                Some(StatusCode::UNAUTHORIZED)
            }
            _ => None,
        }
    }
}

/// A status in the server's own words, or else in those of the standard.
struct Answer<'a>(StatusCode, &'a str);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1.trim() {
            "" => self.0.fmt(f),
            reason => write!(f, "{} {}", self.0.as_u16(), Printable(without_secrets(reason))),
        }
    }
}

/// The reason for which a packet was not sent.
///
/// ```
/// use rtspan_core::client::SendError;
///
/// /// Live media may be left out: there is newer media soon.
/// fn may_be_left_out(error: SendError) -> bool {
///     matches!(error, SendError::Reconnecting | SendError::Pausing | SendError::Full)
/// }
///
/// assert!(may_be_left_out(SendError::Full) && !may_be_left_out(SendError::NotSetUp(0)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The client neither records nor plays.
    #[error("packets are sent while recording or playing, not while {0}")]
    State(State),
    /// The server sends this media; while the client plays it sends into back channels only
    /// ([`ClientConfig::back_channel`]).
    ///
    /// [`ClientConfig::back_channel`]: super::ClientConfig::back_channel
    #[error("media {0} is sent by the server and is no back channel")]
    NotSent(usize),
    /// This media is not set up.
    #[error("media {0} is not set up")]
    NotSetUp(usize),
    /// The packet is longer than its transport can carry.
    #[error("packet of {0} bytes is longer than its transport can carry")]
    TooLong(usize),
    /// The client neither plays nor records, so the server expects no RTCP.
    #[error("RTCP is sent while playing or recording, not while {0}")]
    RtcpState(State),
    /// The bytes are not RTCP.
    #[error("that is not RTCP")]
    Rtcp(#[from] BadCompound),
    /// The packet cannot be protected (SRTP), and is not sent.
    #[cfg(feature = "srtp")]
    #[error(transparent)]
    Protect(#[from] crate::srtp::ProtectError),
    /// There is no session at the moment, and the client [reconnects](super::ClientConfig::reconnect). Drop live media, which
    /// is of no use later; send other media after [`ClientEvent::Reconnected`](super::ClientEvent::Reconnected).
    #[error("there is no session at the moment, and the client reconnects")]
    Reconnecting,
    /// A PAUSE is not answered yet, and servers drop packets that come after it. After the answer, packets are accepted again
    /// if the server has refused the PAUSE; else they fail with [`State`](Self::State).
    #[error("a PAUSE is not answered yet")]
    Pausing,
    /// The server does not read as fast as packets are sent; this packet was not accepted.
    #[error("too many packets wait to be sent, since the server reads too slowly; send fewer")]
    Full,
}

/// A place that a redirect has led to or away from, and the error of connecting to it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{url}")]
#[non_exhaustive]
pub struct RedirectAttempt {
    /// The place.
    pub url: Url,
    /// The reason for which there was no answer.
    #[source]
    pub error: RedirectError,
}

impl RedirectAttempt {
    /// An attempt at a place, and its error.
    pub fn new(url: Url, error: RedirectError) -> Self {
        Self { url, error }
    }
}

/// The reason for which a server has not answered anything.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// There was no connection.
    #[error(transparent)]
    Connect(ConnectError),
    /// It took the connection and answered nothing in time.
    #[error("server did not answer in time")]
    Silent,
    /// It closed the connection before it answered anything.
    #[error("server closed the connection before it answered")]
    Closed,
}

/// That TCP is no way out either.
struct TcpRefused(Option<StatusCode>);

impl fmt::Display for TcpRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => write!(f, ", and the server refuses TCP with {status}"),
            None => f.write_str("; TCP may do"),
        }
    }
}

/// The place where a client should publish.
struct Elsewhere<'a>(Option<&'a Url>);

impl fmt::Display for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(url) => write!(f, "to {url}: publish there"),
            None => f.write_str("to the same place: publish again"),
        }
    }
}

/// Several errors with their causes, one behind the other.
struct Listed<'a, T>(&'a [T]);

impl<T: std::error::Error + 'static> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(number, reason)| {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{}", WithCauses(reason))
        })
    }
}

/// The reason for which a client closed.
///
/// ```
/// use rtspan_core::client::ClientCloseReason;
///
/// /// Another attempt may help.
/// fn is_passing(reason: &ClientCloseReason) -> bool {
///     matches!(
///         reason,
///         ClientCloseReason::Connect(_) | ClientCloseReason::ConnectionLost(_) | ClientCloseReason::Silence
///     )
/// }
///
/// assert!(is_passing(&ClientCloseReason::Silence) && !is_passing(&ClientCloseReason::TornDown));
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCloseReason {
    /// The application asked for it.
    #[error("torn down")]
    TornDown,
    /// There was no connection.
    #[error(transparent)]
    Connect(ConnectError),
    /// The connection ended: by an error of the system's, or because the server closed it.
    #[error("{}", if .0.is_some() { "connection failed" } else { "server closed the connection" })]
    ConnectionLost(#[source] Option<IoError>),
    /// The server sent bytes that cannot be read.
    #[error("server sent what cannot be read")]
    Wire(#[source] WireError),
    /// The server sent nothing for too long, not even an answer to a keepalive.
    #[error("server sent nothing for too long, not even an answer to a keepalive")]
    Silence,
    /// The server says that it plays, but no RTP packet has come over UDP ([`ClientConfig::silence`]): a firewall or a NAT is
    /// in the way. TCP was not allowed, or the server has refused it.
    ///
    /// [`ClientConfig::silence`]: super::ClientConfig::silence
    #[error(
        "no packet came over UDP within {} s, so a firewall may be in the way{}",
        .waited.as_secs_f64(),
        TcpRefused(*.tcp_refused)
    )]
    NothingOverUdp {
        /// The time that the client waited for packets.
        waited: Duration,
        /// The server's refusal of TCP, if the client asked for TCP.
        tcp_refused: Option<StatusCode>,
    },
    /// The server does not know the session any more, and sends nothing.
    #[error("server has ended the session")]
    SessionLost,
    /// The server has torn the session down (TEARDOWN of its own).
    #[error("server has torn the session down")]
    TornDownByServer,
    /// No packet of the media of this index came for too long, and the configuration ends the session then.
    #[error("no packet of media {0} came for too long")]
    MediaSilent(usize),
    /// The server says that all medias have ended (RTCP BYE), although it had told no end before. A client that does not
    /// [reconnect](super::ClientConfig::reconnect) waits for further packets instead.
    #[error("server has ended all medias")]
    Ended,
    /// The server does not read the bytes of the client.
    #[error("server does not read what it is sent")]
    Stalled,
    /// The server asked a client that records, or was about to, to go elsewhere (REDIRECT, RFC 2326, section 10.10).
    ///
    /// A client that plays continues there. The readers of a publisher need the beginning of the stream, so the application has
    /// to publish anew: at this URL, or at the same URL if there is none here.
    #[error("server redirects {}", Elsewhere(.0.as_ref()))]
    Redirected(Option<Url>),
    /// No server answers at the place that a redirect has led to, and the first server did not answer either when the client
    /// went back.
    #[error("no server answers ({})", Listed(.0))]
    RedirectFailed(Vec<RedirectAttempt>),
    /// Starting again with another transport, or at another server, failed.
    #[error("starting again failed")]
    RestartFailed(#[source] CommandError),
}
