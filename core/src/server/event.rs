mod debug;

use std::net::SocketAddr;

use bytes::Bytes;

use super::output::MediaTransport;
use super::shares::Refused;
use super::ticket::{
    Announce, Authenticate, Describe, GetParameter, Pause, Play, Question, Record, SetParameter, Setup, Speak,
};
use crate::auth::Action;
use crate::conn::{CloseReason, SourceDoubts};
use crate::stats::{ConnStats, SessionStats};
use crate::udp::PacketsTooBig;
use crate::{ConnId, SessionId, StreamId, Tolerances, TracedMessage};

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
/// Each thing that is opened is closed once. A connection is opened before its sessions, a session before its stream, and they
/// are closed in the opposite order. Only a session over UDP may outlive its connection. No event of a session comes after its
/// end.
///
/// The event of a session's end comes once the last of its packets is counted. Until then its place may already belong to
/// another session, and events of others may come, but none of this session. After [`Unpublished`](Self::Unpublished),
/// [`TakenOver`](Self::TakenOver) or [`PublisherGone`](Self::PublisherGone) only the end of the publisher follows, before the
/// ends of those who read the stream to its end. If a publisher pauses when another takes its stream over, its packets are
/// counted already, and its end comes first.
///
/// A back channel is closed before its session, even if its peer has torn it down or the application has removed it.
///
/// Other events come where they were noticed: [`PacketsLost`](Self::PacketsLost),
/// [`PacketsUnreadable`](Self::PacketsUnreadable), [`MediaSilent`](Self::MediaSilent), [`MediaResumed`](Self::MediaResumed) and
/// [`SourceDoubted`](Self::SourceDoubted) behind Recording, [`ReaderLagged`](Self::ReaderLagged),
/// [`LossReported`](Self::LossReported) and [`PacketsTooBig`](Self::PacketsTooBig) behind Playing,
/// [`RtcpReceived`](Self::RtcpReceived) behind either, [`Tolerated`](Self::Tolerated) and [`Refused`](Self::Refused) anywhere.
///
/// With a runtime, `Server::next` returns them. In this example they come from the server of the core. At the root of the core the
/// type is [`ServerEvent`](crate::ServerEvent).
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
#[non_exhaustive]
pub enum Event {
    /// A peer asks for an action that needs a right; the answer says how the peer proves its right. The question comes once for
    /// each user, action and path of a connection, and before any other question.
    Authenticate(Question<Authenticate>),
    /// A peer asks for the description of a path (DESCRIBE). A stream may still be published there before the answer.
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
    /// A connection was accepted.
    ConnOpened {
        /// Its handle.
        conn: ConnId,
        /// The address of its peer.
        peer: SocketAddr,
    },
    /// A trusted proxy has told the address of a connection's peer.
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
        /// The reason.
        reason: CloseReason,
        /// Its bytes, to the end.
        stats: ConnStats,
    },
    /// Peers have sent wrong credentials. The event comes once a second at most.
    AuthFailed {
        /// The connection of the last one.
        conn: ConnId,
        /// The session that its request named; `None` if there is no such session.
        session: Option<SessionId>,
        /// The address of its peer.
        peer: SocketAddr,
        /// The user that it named, if any.
        user: Option<String>,
        /// The path that it wanted to read or publish.
        path: String,
        /// The number of wrong credentials since the last such event.
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
        /// The user that has proved its right; `None` if no proof is needed.
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
        /// Its path.
        path: String,
        /// The session of its publisher; `None` for the application's own.
        session: Option<SessionId>,
        /// The connection of that session.
        conn: Option<ConnId>,
    },
    /// A stream goes on with another publisher, and its readers with it ([`TakeoverPolicy`](super::TakeoverPolicy),
    /// [`leave_stream`](super::Server::leave_stream)).
    TakenOver {
        /// Its handle, as before.
        stream: StreamId,
        /// Its path.
        path: String,
        /// The session of its publisher from now on, which has announced and will record.
        session: SessionId,
        /// The connection that its session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The session of its publisher before, which has ended; `None` if the application has
        /// [left](super::Server::leave_stream) the stream.
        former: Option<SessionId>,
    },
    /// The publisher of a stream has gone, and the stream waits for it ([`ServerConfig::resume`](super::ServerConfig::resume)).
    ///
    /// [`TakenOver`](Self::TakenOver) follows, or [`Unpublished`](Self::Unpublished).
    PublisherGone {
        /// Its handle.
        stream: StreamId,
        /// Its path.
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
        /// Its path.
        path: String,
        /// The session of its publisher, which is closed next; `None` for a stream of the application, and if the publisher had
        /// gone before.
        session: Option<SessionId>,
        /// The connection that this session was used over last.
        conn: Option<ConnId>,
        /// The reason.
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
    /// The media that it sends is a stream of its own. The application reads it as it reads any other, from [its oldest
    /// packet](crate::stream::StartAt::Oldest) on; it ends with the session. [Remove](super::Server::remove_stream) the stream
    /// to hang up; its reader plays on.
    BackChannelOpened {
        /// The reader's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The stream of its voice. Its medias have the same numbers as in the stream that it reads.
        stream: StreamId,
        /// The path of the stream that it reads.
        path: String,
    },
    /// The back channel of a reader has ended.
    BackChannelClosed {
        /// The reader's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The stream of its voice; it can be read to its end.
        stream: StreamId,
        /// The path of the stream that it reads.
        path: String,
        /// The reason.
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
    /// Its session goes on: [`Server::close_session`](super::Server::close_session) ends it. Only audio and video are told of:
    /// other medias are quiet by nature.
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
    /// A session is over, and the last of its packets is counted: packets on their way were written first, or given up with the
    /// connection.
    SessionClosed {
        /// Its handle.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The address of its peer.
        peer: SocketAddr,
        /// The path that it read or published.
        path: String,
        /// The reason.
        reason: CloseReason,
        /// Its packets, to the end.
        stats: Box<SessionStats>,
    },
    /// A reader has missed packets: at most once a second for each reader. It was too slow, or no datagram has shown that it is
    /// at its UDP address ([`UNPROVEN_BYTES_MAX`](crate::limits::UNPROVEN_BYTES_MAX)).
    ReaderLagged {
        /// Its session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The number of packets that it has missed since the last such event.
        dropped: u64,
    },
    /// A reader reports that packets have not reached it (RFC 3550, section 6.4.1). The event comes once a second at most for
    /// each media. The numbers are the reader's, for the source with the most losses.
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
    /// Packets over UDP were too big for the path to a reader, and fragments are forbidden. The event comes once a second at
    /// most.
    PacketsTooBig(PacketsTooBig),
    /// Peers were refused a connection or a session. The event comes at once, and then once a second at most.
    Refused {
        /// The last of them.
        peer: SocketAddr,
        /// Its connection; `None` if that was refused.
        conn: Option<ConnId>,
        /// Why it was refused.
        reason: Refused,
        /// The number of refusals since the last such event.
        count: u64,
    },
    /// Some packets or sender reports of a publisher may be forged, or its source has begun anew. The event comes once a second
    /// at most for each media.
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
    /// Packets of a publisher's media are missing. The event comes once a second at most for each media.
    PacketsLost {
        /// The publisher's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The index of the media in its description.
        media: usize,
        /// The number of missing packets since the last such event.
        lost: u64,
    },
    /// Packets of a publisher's media could not be read, and were dropped. The event comes once a second at most for each
    /// media.
    PacketsUnreadable {
        /// The publisher's session.
        session: SessionId,
        /// The connection that the session was used over last; one over UDP may have outlived it.
        conn: ConnId,
        /// The index of the media in its description.
        media: usize,
        /// Packets that are not RTP, since the last such event.
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
    /// A peer deviated from the standard, and the server tolerated it.
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
    /// This event comes before the events that the message causes.
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
    /// The runtime has dropped events at this place, because the application did not take them in time.
    ///
    /// News are dropped first, [beginnings and ends](Self::is_life) only if there are no other events. A dropped question is
    /// answered with 503 at its deadline.
    Missed {
        /// The number of events.
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
