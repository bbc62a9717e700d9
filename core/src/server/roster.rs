//! Connections, sessions and streams, as they are at the moment.

use std::net::{IpAddr, SocketAddr};

use super::output::MediaTransport;
use super::session::{Channels, Session, State};
use super::{Connection, Published, Server};
use crate::auth::Action;
use crate::conn::{CloseNote, CloseReason};
use crate::description::Description;
use crate::tls::Secured;
use crate::{ConnId, Instant, SessionId, StreamId, Tolerances};

/// A connection of a server.
///
/// ```
/// use rtspan_core::server::{Server, ServerConfig};
/// use rtspan_core::Instant;
///
/// let mut server = Server::new(ServerConfig::default(), [1; 32]);
/// let _conn = server.open_conn(Instant::ZERO, "192.0.2.1:40000".parse()?)?;
/// let conns: Vec<_> = server.connections().collect();
/// assert_eq!(conns[0].peer.to_string(), "192.0.2.1:40000");
/// assert!(conns[0].sessions.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnInfo {
    /// Its handle.
    pub conn: ConnId,
    /// The address of its peer.
    pub peer: SocketAddr,
    /// The server's own address that it came to, if that is known.
    pub local: Option<IpAddr>,
    /// How it is encrypted (TLS); `None` if it is not.
    pub secured: Option<Secured>,
    /// Since when it is there.
    pub since: Instant,
    /// The name that its peer gives itself (User-Agent), cut after
    /// [`USER_AGENT_BYTES_MAX`](crate::limits::USER_AGENT_BYTES_MAX) bytes.
    pub user_agent: Option<String>,
    /// The users that have proved themselves there, in that order.
    pub users: Vec<String>,
    /// The sessions that were used over it.
    pub sessions: Vec<SessionId>,
    /// The deviations of its peer that were put up with.
    pub tolerances: Tolerances,
}

/// The state of a session: what it does, or is about to do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SessionState {
    /// It is set up, or pauses, to read.
    PrePlay,
    /// It reads.
    Play,
    /// It has announced, or pauses, to publish.
    PreRecord,
    /// It publishes.
    Record,
}

/// A session of a server.
///
/// `Server::sessions` lists them, in the core as in a runtime.
///
/// ```
/// use rtspan_core::server::{Server, ServerConfig, SessionInfo, SessionState};
///
/// fn tell(session: &SessionInfo) -> String {
///     let SessionInfo { peer, path, transport, .. } = session;
///     match session.state {
///         SessionState::Play => format!("{peer} reads {path} over {transport:?}"),
///         SessionState::Record => format!("{peer} publishes {path} over {transport:?}"),
///         _ => format!("{peer} has set up {path}"),
///     }
/// }
///
/// let server = Server::new(ServerConfig::default(), [1; 32]);
/// assert!(server.sessions().map(|session| tell(&session)).next().is_none()); // nobody is there yet
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its handle.
    pub session: SessionId,
    /// The address of the peer that has opened it.
    pub peer: SocketAddr,
    /// The user that has proved its right to it; `None` if anybody may.
    pub user: Option<String>,
    /// Since when it is there.
    pub since: Instant,
    /// The last sign of life that the control plane knows of.
    pub alive: Instant,
    /// Its state.
    pub state: SessionState,
    /// Its purpose.
    pub action: Action,
    /// The path of its stream.
    pub path: String,
    /// The query of the URL that it began with.
    pub query: Option<String>,
    /// The stream that it reads or publishes; `None` before a publisher's first RECORD.
    pub stream: Option<StreamId>,
    /// The stream of what it says into back channels; `None` before it plays with one.
    pub back_channel: Option<StreamId>,
    /// The transport of its media; `None` before the first SETUP.
    pub transport: Option<MediaTransport>,
    /// The medias that are set up, in that order.
    pub tracks: Vec<SessionTrack>,
    /// The connections that it was used over and that are there.
    pub conns: Vec<ConnId>,
}

debug_without_secrets!(SessionInfo {
    path, query;
    session, peer, user, since, alive, state, action, stream, back_channel, transport, tracks, conns,
});

/// A media that a session has set up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionTrack {
    /// The index of the media in the description.
    pub media: usize,
    /// The channels or addresses that carry it.
    pub channels: TrackChannels,
    /// It is encrypted by SRTP.
    pub is_secure: bool,
}

/// The channels or addresses that carry a media.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TrackChannels {
    /// Interleaved frames on these channels, of packets and of reports.
    Tcp(u8, u8),
    /// Datagrams to or from these addresses, of packets and of reports.
    Udp(SocketAddr, SocketAddr),
    /// Datagrams to a group, with its ports for packets and for reports.
    Multicast(SocketAddr, SocketAddr),
}

/// A stream that is published.
///
/// ```
/// use rtspan_core::server::{Server, ServerConfig};
/// use rtspan_core::{Description, Format, Instant, Media, MediaKind};
///
/// let mut server = Server::new(ServerConfig::default(), [1; 32]);
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let (_stream, _log) = server.add_stream(Instant::ZERO, "/hall", Description::new(vec![sound]))?;
/// for stream in server.streams() {
///     println!("{}: {} readers", stream.path, stream.readers.len());
///     assert_eq!((stream.path.as_str(), stream.medias), ("/hall", 1));
/// }
/// # Ok::<(), rtspan_core::server::AddStreamError>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its handle.
    pub stream: StreamId,
    /// Where it is.
    pub path: String,
    /// Since when it is there.
    pub since: Instant,
    /// It is for one session, or of one, and at no path ([`Server::add_private_stream`]).
    pub is_private: bool,
    /// The session that says it into a back channel; `None` for one that is published.
    pub speaker: Option<SessionId>,
    /// The session that publishes it; `None` for the application's own, and while its publisher is waited for.
    pub publisher: Option<SessionId>,
    /// It waits for a publisher ([`ServerConfig::resume`](super::ServerConfig::resume), [`Server::leave_stream`]): nothing is sent.
    pub awaits_publisher: bool,
    /// The sessions that have set up something of it, whether they play or not.
    pub readers: Vec<SessionId>,
    /// How many medias it has.
    pub medias: usize,
}

debug_without_secrets!(StreamInfo {
    path;
    stream,
    since,
    is_private,
    speaker,
    publisher,
    awaits_publisher,
    readers,
    medias
});

/// Lists and looks: each tells what is true now, also when events were missed.
impl Server {
    /// The connections.
    pub fn connections(&self) -> impl Iterator<Item = ConnInfo> + '_ {
        self.conns.iter().map(|(id, connection)| connection.info(id))
    }

    /// One connection.
    pub fn connection(&self, conn: ConnId) -> Option<ConnInfo> {
        Some(self.conns.get(conn)?.info(conn))
    }

    /// The sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionInfo> + '_ {
        self.sessions.iter().map(|(id, session)| session.info(id))
    }

    /// One session.
    pub fn session(&self, session: SessionId) -> Option<SessionInfo> {
        Some(self.sessions.get(session)?.info(session))
    }

    /// The streams that can be read. Those of back channels are listed with their sessions
    /// ([`SessionInfo::back_channel`]).
    pub fn streams(&self) -> impl Iterator<Item = StreamInfo> + '_ {
        let is_read = |own: &&Published| !own.has_ended() && own.speaker.is_none();
        self.published.iter().filter(move |(_, own)| is_read(own)).map(|(id, own)| own.info(id))
    }

    /// One stream.
    pub fn stream(&self, stream: StreamId) -> Option<StreamInfo> {
        Some(self.published.get(stream).filter(|published| !published.has_ended())?.info(stream))
    }

    /// The description that a publisher has announced, read off the text that is kept of it; `None` for readers.
    pub fn announced(&self, session: SessionId) -> Option<Description> {
        let session = self.sessions.get(session)?;
        match &session.state {
            State::PreRecord(publishing) | State::Record(publishing) => publishing.announced(&self.published),
            State::PrePlay(_) | State::Play(_) => None,
        }
    }

    /// Closes a connection once all its requests are answered, and with it the sessions that it carries.
    pub fn close_connection(&mut self, now: Instant, conn: ConnId) {
        self.close_conn(now, conn, CloseReason::Application);
    }

    /// The same, with a reason. A request that waits is refused with this reason, and players whose media the connection
    /// carries get it in BYE.
    pub fn close_connection_with(&mut self, now: Instant, conn: ConnId, note: CloseNote) {
        let Some(connection) = self.conns.get(conn) else { return };
        let reason = CloseReason::Noted(note);
        let carried = |id: &SessionId| self.sessions.get(*id).is_some_and(|own| own.bound_to() == Some(conn));
        let carried: Vec<SessionId> = connection.sessions.iter().filter(carried).collect();
        carried.into_iter().for_each(|session| self.close_session_quietly(now, session, reason.clone()));
        self.close_conn(now, conn, reason);
    }
}

impl Connection {
    fn info(&self, conn: ConnId) -> ConnInfo {
        ConnInfo {
            conn,
            peer: self.peer,
            local: self.local,
            secured: self.secured.as_deref().cloned(),
            since: self.since,
            user_agent: self.user_agent.as_deref().map(str::to_owned),
            users: self.access.users().map(str::to_owned).collect(),
            sessions: self.sessions.iter().collect(),
            tolerances: self.tolerances,
        }
    }
}

impl Session {
    pub(super) fn told_state(&self) -> SessionState {
        match self.state {
            State::PrePlay(_) => SessionState::PrePlay,
            State::Play(_) => SessionState::Play,
            State::PreRecord(_) => SessionState::PreRecord,
            State::Record(_) => SessionState::Record,
        }
    }

    fn info(&self, session: SessionId) -> SessionInfo {
        let state = self.told_state();
        let reads = matches!(state, SessionState::PrePlay | SessionState::Play);
        let action = if reads { Action::Read } else { Action::Publish };
        let track = |track: &super::session::Track| SessionTrack {
            media: track.index.into(),
            is_secure: track.keys.is_some(),
            channels: match track.channels {
                Channels::Frames { rtp, rtcp, .. } => TrackChannels::Tcp(rtp, rtcp),
                Channels::Udp { rtp, rtcp, .. } => TrackChannels::Udp(rtp, rtcp),
                Channels::Group { rtp, rtcp, .. } => TrackChannels::Multicast(rtp, rtcp),
            },
        };
        SessionInfo {
            session,
            peer: self.peer,
            user: self.owner.as_ref().map(|owner| owner.user.to_string()),
            since: self.since,
            alive: self.alive,
            state,
            action,
            path: self.path.to_string(),
            query: self.query.as_deref().map(str::to_owned),
            stream: self.read_stream().or_else(|| self.recorded_stream()),
            back_channel: match &self.state {
                State::PrePlay(reading) | State::Play(reading) => reading.back_channel,
                State::PreRecord(_) | State::Record(_) => None,
            },
            transport: self.transport(),
            tracks: self.tracks.iter().map(track).collect(),
            conns: self.conns.iter().collect(),
        }
    }
}

impl Published {
    fn info(&self, stream: StreamId) -> StreamInfo {
        StreamInfo {
            stream,
            path: self.path.to_string(),
            since: self.since,
            is_private: self.is_private,
            speaker: self.speaker,
            publisher: self.publisher,
            awaits_publisher: self.awaits.is_some(),
            readers: self.readers.iter().copied().collect(),
            medias: self.medias,
        }
    }
}
