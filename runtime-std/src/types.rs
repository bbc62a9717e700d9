//! The types that a user of any runtime needs, nearly all from the core. Each runtime exports them at its root.

pub use rtspan_core::auth::{self, Action, Algorithm, AuthScheme, Secret, User, Users};
pub use rtspan_core::client::{
    AuthDemand, CSeqPolicy, ClientCloseReason, ClientConfig, ClientEvent, ClientStats, CommandError,
    ConnectAttempt, ConnectError, CustomRequest, Farewell, KeepalivePolicy, MediaChoice, MediaSilencePolicy,
    Misuse, Playback, Playing, Received, ReconnectPolicy, RedirectAttempt, RedirectError, RequestError,
    SendError, SourcePolicy, State, SwitchReason, TrackInfo, TrackStart, TrackStats, TrackTransport,
    Transports,
};
#[cfg(feature = "srtp")]
pub use rtspan_core::client::{ClientSrtp, SrtpError};
pub use rtspan_core::conn::{CloseNote, CloseReason, SourceDoubts};
pub use rtspan_core::description::{self, Codec, Description, Direction, Format, Media, MediaKind};
pub use rtspan_core::frame::{self, Form, Frame};
pub use rtspan_core::header::{self, Range};
pub use rtspan_core::limits;
pub use rtspan_core::payload;
pub use rtspan_core::rtp::{self, RtpHeader, RtpPacket};
#[cfg(feature = "srtp")]
pub use rtspan_core::server::SrtpPolicy;
pub use rtspan_core::server::{
    AddStreamError, Announce, AnswerError, Ask, Asks, Authenticate, Authority, ConnInfo, Describe, Event,
    GetParameter, MediaTransport, Multicast, NotMulticast, Pause, Play, Question, Record, Refusal, Refused,
    ReloadError, ServerConfig, ServerStats, SessionInfo, SessionState, SessionTrack, SetGroupsError,
    SetParameter, Setup, Speak, Stale, StreamInfo, TakeoverPolicy, Ticket, TrackChannels, WriteRtcpError,
};
#[cfg(feature = "srtp")]
pub use rtspan_core::srtp;
pub use rtspan_core::stats::{self, ConnStats, SessionStats, StreamStats};
pub use rtspan_core::stream::{LagPolicy, LogLimits, StartAt};
pub use rtspan_core::timeline::{self, ClockStats, MediaTime, Timeline, TimelineStats, WallSource, WallTime};
pub use rtspan_core::tls::{CertificateError, CertificateProblem, Fingerprint, Secured, TlsError};
pub use rtspan_core::tunnel::TunnelError;
pub use rtspan_core::tunnel::websocket::Origins;
pub use rtspan_core::udp::{GroupSpec, PacketsTooBig, Port, UdpOpenError, UdpPorts, UdpSpec};
pub use rtspan_core::url::{Credentials, Url, UrlError, UrlScheme};
pub use rtspan_core::wire::{Headers, Message, Method, Protocol, Request, Response, StatusCode, WireError};
pub use rtspan_core::{
    ConnId, Instant, IoError, IpPrefix, IpPrefixError, NtpTime, Printable, Profile, SessionId, StreamId,
    Tolerance, Tolerances, TracedMessage, WithCauses, is_printable, without_secrets,
};

pub use crate::net::Interface;
