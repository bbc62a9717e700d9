use std::net::SocketAddr;

use bytes::Bytes;

use super::shares::Refused;
use super::ticket::{
    Announce, Authenticate, Describe, GetParameter, Pause, Play, Question, Record, SetParameter, Setup, Speak,
};
use crate::auth::Action;
use crate::conn::{CloseReason, ConnCommand, SourceDoubts};
use crate::stats::{ConnStats, SessionStats};
use crate::stream::{LogLimits, SecureOrder, StreamLog};
use crate::udp::{PacketsTooBig, UdpCommand, UdpMedia};
use crate::{ConnId, SessionId, StreamId, Tolerances, TracedMessage, UdpId};

/// Orders and events of the server, to be carried out in the order in which they come.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// An order to a connection.
    Conn(ConnId, ConnCommand),
    /// A publisher's stream begins: the log is to be kept where [`Streams`](crate::stream::Streams) finds it.
    AddStream(StreamId, StreamLog),
    /// A log keeps no more than so much from here on ([`StreamLog::set_limits`]), since there are more streams, or fewer.
    LimitLog(StreamId, LogLimits),
    /// Packets of a log are to be encrypted for readers as well, or no longer are ([`StreamLog::handle_secure`]).
    SecureLog(StreamId, SecureOrder),
    /// All readers have been sent the packets of a stream before this one, as was asked for
    /// ([`Server::ask_if_sent`](super::Server::ask_if_sent)), or are not waited for any more.
    Sent(StreamId, u64),
    /// A stream is over and nobody reads it any more: its log may be dropped.
    RemoveStream(StreamId),
    /// A pair of UDP sockets is to be opened; the result goes to
    /// [`Server::handle_udp_opened`](super::Server::handle_udp_opened).
    OpenUdp(Box<UdpMedia>),
    /// An order to a pair of UDP sockets.
    Udp(UdpId, UdpCommand),
    /// News, or a question, for the application.
    Event(Event),
}

/// The transport of a session's media.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MediaTransport {
    /// Interleaved frames of the RTSP connection.
    Tcp,
    /// UDP, to or from one peer.
    Udp,
    /// UDP, to a group that others may read too.
    Multicast,
}

/// News, or a question, for the application.
///
/// They come in one order, which a test compares with this table; questions only if they are [asked](super::Asks):
///
/// | Life | Events |
/// |---|---|
/// | reader | ConnOpened, Describe, Setup, SessionOpened, Setup, Play, Playing, Pause, Paused, Play, Playing, SessionClosed, ConnClosed |
/// | reader that gives up a track | ConnOpened, SessionOpened, Playing, TrackClosed, SessionClosed, ConnClosed |
/// | reader of a private stream | ConnOpened, Setup, Published, SessionOpened, Play, Playing, Play, Unpublished, SessionClosed, ConnClosed |
/// | reader that speaks | ConnOpened, Describe, Setup, SessionOpened, Speak, Play, BackChannelOpened, Playing, Pause, Paused, Play, Playing, BackChannelClosed, SessionClosed, ConnClosed |
/// | publisher | ConnOpened, Announce, SessionOpened, Setup, Setup, Record, Published, Recording, Pause, Paused, Record, Recording, Unpublished, SessionClosed, ConnClosed |
/// | refused reader | ConnOpened, Describe, Setup, ConnClosed |
/// | refused publisher | ConnOpened, Announce, ConnClosed |
/// | traced reader | ConnOpened, MessageReceived, SessionOpened, MessageSent, MessageReceived, MessageSent, Playing, MessageReceived, MessageSent, SessionClosed, ConnClosed |
/// | wrong credentials | ConnOpened, AuthFailed, ConnClosed |
/// | lost reader | ConnOpened, SessionOpened, Playing, SessionClosed, ConnClosed |
/// | reader with losses | ConnOpened, SessionOpened, Playing, LossReported, SessionClosed, ConnClosed |
/// | lost publisher | ConnOpened, SessionOpened, Published, Recording, Unpublished, SessionClosed, ConnClosed |
/// | lost reader over UDP | ConnOpened, SessionOpened, Playing, ConnClosed, SessionClosed |
/// | publisher with losses | ConnOpened, SessionOpened, Published, Recording, PacketsLost, PacketsUnreadable, Unpublished, SessionClosed, ConnClosed |
/// | publisher that comes back | SessionOpened, TakenOver, SessionClosed, ConnClosed, Recording |
/// | publisher and reader of a server that closes | Unpublished, SessionClosed, ConnClosed, SessionClosed, ConnClosed |
///
/// So each thing that is opened is closed once; a connection is opened before its sessions, a session before its stream, and
/// they are closed the other way round. Only a session over UDP may outlive its connection. Of a session that is closed
/// nothing more is told.
///
/// A session is told to be closed once the last of its packets is counted. Until then its place may already be another's,
/// and news of others may come between, but of itself nothing: a publisher whose stream is told to be
/// [`Unpublished`](Self::Unpublished), [`TakenOver`](Self::TakenOver) or [waited for](Self::PublisherGone) has only its end
/// to come, and comes to it before those who read the stream to its end. A publisher that pauses when another takes its
/// stream over is counted already: its end is told before.
///
/// A back channel is closed before its session, also one that its peer has torn down or the application has removed.
///
/// Other news stand where they were noticed: [`PacketsLost`](Self::PacketsLost), [`PacketsUnreadable`](Self::PacketsUnreadable),
/// [`MediaSilent`](Self::MediaSilent), [`MediaResumed`](Self::MediaResumed) and [`SourceDoubted`](Self::SourceDoubted) behind
/// Recording, [`ReaderLagged`](Self::ReaderLagged), [`LossReported`](Self::LossReported) and
/// [`PacketsTooBig`](Self::PacketsTooBig) behind Playing,
/// [`RtcpReceived`](Self::RtcpReceived) behind either, [`Tolerated`](Self::Tolerated) and [`Refused`](Self::Refused)
/// anywhere.
///
/// A runtime gives them by `Server::next`; here they come from the server of the core.
///
/// ```
/// use rtspan_core::server::{Event, Output, Server, ServerConfig};
/// use rtspan_core::{Description, Format, Instant, Media, MediaKind};
///
/// fn tell(event: &Event) -> Option<String> {
///     match event {
///         Event::Published { path, .. } => Some(format!("{path} can be read")),
///         Event::Playing { peer, path, .. } => Some(format!("{peer} reads {path}")),
///         Event::AuthFailed { peer, count, .. } => Some(format!("{count} wrong passwords, the last from {peer}")),
///         Event::SessionClosed { peer, reason, .. } => Some(format!("{peer} has gone: {reason}")),
///         _ => None,
///     }
/// }
///
/// let mut server = Server::new(ServerConfig::default(), [1; 32]);
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let (_stream, _log) = server.add_stream(Instant::ZERO, "/hall", Description::new(vec![sound]))?;
/// let mut told = Vec::new();
/// while let Some(output) = server.poll_output() {
///     if let Output::Event(event) = output {
///         told.extend(tell(&event));
///     }
/// }
/// assert_eq!(told, ["/hall can be read"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A peer wants to do what needs a right; the answer says how it proves that it has it. It is asked once for each user, action and path of a connection, and before any other question.
    Authenticate(Question<Authenticate>),
    /// A peer asks what is published at a path (DESCRIBE). A stream may still be published there before the answer.
    Describe(Question<Describe>),
    /// A peer wants to publish (ANNOUNCE).
    Announce(Question<Announce>),
    /// A peer wants to read a track, or to publish it (SETUP).
    Setup(Question<Setup>),
    /// A reader wants to speak into a back channel (SETUP of it).
    Speak(Question<Speak>),
    /// A reader wants to begin (PLAY).
    Play(Question<Play>),
    /// A reader or publisher wants to pause (PAUSE).
    Pause(Question<Pause>),
    /// A publisher wants to begin (RECORD).
    Record(Question<Record>),
    /// A peer asks for parameters (GET_PARAMETER).
    GetParameter(Question<GetParameter>),
    /// A peer sets parameters (SET_PARAMETER).
    SetParameter(Question<SetParameter>),
    /// A connection was taken on.
    ConnOpened {
        /// Its handle.
        conn: ConnId,
        /// The address of its peer.
        peer: SocketAddr,
    },
    /// A trusted proxy has told where a connection comes from.
    ConnProxied {
        /// Its handle.
        conn: ConnId,
        /// The address that has connected to the proxy; it is the connection's from now on.
        peer: SocketAddr,
        /// The address of the proxy.
        proxy: SocketAddr,
    },
    /// A connection is gone.
    ConnClosed {
        /// Its handle.
        conn: ConnId,
        /// The address of its peer.
        peer: SocketAddr,
        /// Why.
        reason: CloseReason,
        /// Its bytes, to the end.
        stats: ConnStats,
    },
    /// Peers have sent wrong credentials. It is told once a second at most.
    AuthFailed {
        /// The connection of the last one.
        conn: ConnId,
        /// The session that its request was for; `None` if it was for none that there is.
        session: Option<SessionId>,
        /// The address of its peer.
        peer: SocketAddr,
        /// The user that it named, if any.
        user: Option<String>,
        /// The path that it wanted to read or publish.
        path: String,
        /// How often it has happened since the last such event.
        count: u64,
    },
    /// A session was opened, by the first SETUP of a reader or by ANNOUNCE.
    SessionOpened {
        /// Its handle.
        session: SessionId,
        /// The connection that it was opened over.
        conn: ConnId,
        /// The address of its peer.
        peer: SocketAddr,
        /// The user that has proved its right; `None` if anybody may.
        user: Option<String>,
        /// The path that it is to read or publish.
        path: String,
        /// Its purpose: to read or to publish.
        action: Action,
    },
    /// A stream can be read.
    Published {
        /// Its handle.
        stream: StreamId,
        /// Where.
        path: String,
        /// The session of its publisher; `None` for the application's own.
        session: Option<SessionId>,
        /// The connection of that session.
        conn: Option<ConnId>,
    },
    /// A stream goes on with another publisher, and its readers with it ([`TakeoverPolicy`](super::TakeoverPolicy)).
    TakenOver {
        /// Its handle, as before.
        stream: StreamId,
        /// Where it is.
        path: String,
        /// The session of its publisher from now on, which has announced and will record.
        session: SessionId,
        /// The connection that its session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The session of its publisher before; it has ended.
        former: SessionId,
    },
    /// The publisher of a stream has gone, and the stream waits for it ([`ServerConfig::resume`](super::ServerConfig::resume)).
    ///
    /// [`TakenOver`](Self::TakenOver) follows, or [`Unpublished`](Self::Unpublished).
    PublisherGone {
        /// Its handle.
        stream: StreamId,
        /// Where it is.
        path: String,
        /// The session of the publisher, which is closed next.
        session: SessionId,
        /// The connection that its session was used over last; one over UDP may have outlived it.
        conn: ConnId,
    },
    /// A stream can no longer be read; its readers are told and closed.
    Unpublished {
        /// Its handle.
        stream: StreamId,
        /// Where it was.
        path: String,
        /// The session of its publisher, which is closed next; `None` for the application's own, and where the publisher
        /// had gone before.
        session: Option<SessionId>,
        /// The connection that this session was used over last.
        conn: Option<ConnId>,
        /// Why.
        reason: CloseReason,
    },
    /// A reader begins.
    Playing {
        /// Its session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The address of its peer.
        peer: SocketAddr,
        /// The path that it reads.
        path: String,
        /// The transport that it reads over.
        transport: MediaTransport,
    },
    /// A publisher begins: all packets that it sends from here on are in its stream.
    Recording {
        /// Its session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// Its stream.
        stream: StreamId,
        /// The address of its peer.
        peer: SocketAddr,
        /// The path that it publishes.
        path: String,
        /// The transport that it sends over.
        transport: MediaTransport,
    },
    /// A reader may speak: its peer has set up a back channel and plays.
    ///
    /// The media that it sends is a stream of its own. The application reads it as it reads any other, from
    /// [its oldest packet](crate::stream::StartAt::Oldest) on; it ends with the session.
    /// To [remove](super::Server::remove_stream) it is to hang up; its reader plays on.
    BackChannelOpened {
        /// The reader's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The stream of what it says, whose medias have the numbers that they have in what it reads.
        stream: StreamId,
        /// The path of the stream that it reads.
        path: String,
    },
    /// A reader says no more.
    BackChannelClosed {
        /// The reader's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The stream of what it has said; it can be read to its end.
        stream: StreamId,
        /// The path of the stream that it reads.
        path: String,
        /// Why.
        reason: CloseReason,
    },
    /// A reader or publisher pauses.
    Paused {
        /// Its session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
    },
    /// One of several tracks of a session was torn down; the session goes on with the others.
    TrackClosed {
        /// Its session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The index of the media in the description.
        media: usize,
    },
    /// No packet of a publisher's media has come for [`ServerConfig::media_silence`](super::ServerConfig::media_silence).
    ///
    /// Its session goes on: [`Server::close_session`](super::Server::close_session) ends it. Medias that are quiet by
    /// nature, which is all but audio and video, are not told of.
    MediaSilent {
        /// The publisher's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// Its stream.
        stream: StreamId,
        /// The path of the stream.
        path: String,
        /// The index of the media in the description.
        media: usize,
    },
    /// Packets of a media that was told to be silent come again.
    MediaResumed {
        /// The publisher's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// Its stream.
        stream: StreamId,
        /// The path of the stream.
        path: String,
        /// The index of the media in the description.
        media: usize,
    },
    /// A session is over, and the last of its packets is counted: packets that were under way were written first, or
    /// given up with its connection.
    SessionClosed {
        /// Its handle.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The address of its peer.
        peer: SocketAddr,
        /// The path that it read or published.
        path: String,
        /// Why.
        reason: CloseReason,
        /// Its packets, to the end.
        stats: Box<SessionStats>,
    },
    /// A reader has missed packets: at most once a second for each reader.
    /// It was too slow, or nothing shows that it is at its UDP address
    /// ([`UNPROVEN_BYTES_MAX`](crate::limits::UNPROVEN_BYTES_MAX)).
    ReaderLagged {
        /// Its session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// Packets of the stream that it missed since it was last told of.
        dropped: u64,
    },
    /// A reader reports that packets have not reached it (RFC 3550, section 6.4.1). Each media is told of once a second at
    /// most. These are the numbers of the reader, of the source that it has lost most of.
    LossReported {
        /// The reader's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The index of the media in the description.
        media: usize,
        /// Packets lost since its report before, in 256ths of those expected; never 0.
        fraction_lost: u8,
        /// Packets lost since it began; negative when more came twice than were lost.
        lost: i32,
    },
    /// Packets over UDP were too big for the path to a reader, and nothing may be cut into fragments: told once a second at most.
    PacketsTooBig(PacketsTooBig),
    /// Peers were refused a connection or a session: told at once, and then at most once a second.
    Refused {
        /// The last of them.
        peer: SocketAddr,
        /// Its connection; `None` if that was refused.
        conn: Option<ConnId>,
        /// Why it was refused.
        reason: Refused,
        /// How many were refused since this was last told.
        count: u64,
    },
    /// A publisher's packets or sender reports may not all be its own, or its source has begun anew.
    /// Each media is told of once a second at most.
    SourceDoubted {
        /// Its session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The index of the media in its description.
        media: usize,
        /// The counts since it records.
        doubts: SourceDoubts,
    },
    /// Packets of a publisher's media are missing. Each media is told of once a second at most.
    PacketsLost {
        /// The publisher's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The index of the media in its description.
        media: usize,
        /// How many, since this was last told.
        lost: u64,
    },
    /// Packets of a publisher's media could not be read, and are left out. Each media is told of once a second at most.
    PacketsUnreadable {
        /// The publisher's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The index of the media in its description.
        media: usize,
        /// Packets that are no RTP, since this was last told.
        malformed: u64,
        /// Packets of a payload type that was not announced, likewise.
        unannounced: u64,
        /// Packets and reports that its keys (SRTP) do not protect, or that came before, likewise.
        unauthentic: u64,
    },
    /// A peer has sent RTCP: only if [`ServerConfig::rtcp_events`](super::ServerConfig::rtcp_events) is set, and
    /// [`RTCP_TOLD_MAX`](crate::limits::RTCP_TOLD_MAX) of each media in a second at most.
    /// The server has read it as well: reports are in the statistics, and a publisher's move the clock of its stream.
    RtcpReceived {
        /// The session of a reader or a publisher.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The index of the media in the description.
        media: usize,
        /// The compound as it came, which [`rtcp::parse`](crate::rtp::rtcp::parse) reads; it may be malformed.
        compound: Bytes,
    },
    /// A peer's deviations from the standard were read all the same.
    Tolerated {
        /// Its connection.
        conn: ConnId,
        /// The session whose media it was in; `None` for requests.
        session: Option<SessionId>,
        /// The deviations.
        tolerances: Tolerances,
    },
    /// A message has come, if that is [wanted](super::ServerConfig::trace): a request, or an answer to REDIRECT.
    ///
    /// It is told before all that comes of it.
    MessageReceived {
        /// The connection that it came over.
        conn: ConnId,
        /// The session that it names, if that is the peer's.
        session: Option<SessionId>,
        /// The message, without secrets.
        traced: Box<TracedMessage>,
    },
    /// A message is sent, if that is [wanted](super::ServerConfig::trace): an answer, or REDIRECT.
    MessageSent {
        /// The connection that it goes over.
        conn: ConnId,
        /// The session that it names or that the request named, if there still is one.
        session: Option<SessionId>,
        /// The message, without secrets.
        traced: Box<TracedMessage>,
    },
    /// The runtime has dropped events that stood here, since nobody took them in time.
    ///
    /// News are dropped first; a [beginning or an end](Self::is_life) only when there is nothing else. A question that is
    /// dropped is answered 503 at its deadline.
    Missed {
        /// How many.
        count: u64,
    },
}

impl Event {
    /// Returns `true` if it asks for an answer.
    pub const fn is_question(&self) -> bool {
        matches!(
            self,
            Self::Authenticate(_)
                | Self::Describe(_)
                | Self::Announce(_)
                | Self::Setup(_)
                | Self::Speak(_)
                | Self::Play(_)
                | Self::Pause(_)
                | Self::Record(_)
                | Self::GetParameter(_)
                | Self::SetParameter(_)
        )
    }

    /// Returns `true` if it tells that a connection, a session or a stream begins or ends.
    pub const fn is_life(&self) -> bool {
        matches!(
            self,
            Self::ConnOpened { .. }
                | Self::ConnClosed { .. }
                | Self::SessionOpened { .. }
                | Self::SessionClosed { .. }
                | Self::Published { .. }
                | Self::TakenOver { .. }
                | Self::PublisherGone { .. }
                | Self::Unpublished { .. }
                | Self::BackChannelOpened { .. }
                | Self::BackChannelClosed { .. }
        )
    }
}
