//! The server: its handles, generic over the runtime, and the tasks behind them.

mod accept;
mod builder;
mod conn;
mod conns;
mod data;
mod door;
mod events;
mod frame_stream;
mod keeper;
mod linger;
mod listening;
mod reader;
mod readers;
mod refuse;
mod registry;
mod stream;
mod teller;
mod told;
mod udp;

use std::any::Any;
use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::auth::Users;
use rtspan_core::conn::CloseNote;
use rtspan_core::description::Description;
use rtspan_core::server::{
    AddStreamError, Ask, Asks, ConnInfo, Event, ServerStats, SessionInfo, Stale, StatsOf, StreamInfo, Ticket,
    WriteRtcpError,
};
use rtspan_core::stats::{ConnStats, SessionStats, StreamStats};
use rtspan_core::stream::StartAt;
use rtspan_core::udp::UdpOpenError;
use rtspan_core::url::Url;
use rtspan_core::{ConnId, IpPrefix, SessionId, StreamId};

pub use builder::ServerBuilder;
pub use data::Holder;
pub use frame_stream::FrameStream;
pub use reader::{StreamPacket, StreamReader};
pub use stream::{ServerStream, WriteError};

use crate::runtime::Runtime;
use door::Door;
use listening::Addresses;

/// The reason for which a server did not begin to listen.
///
/// ```
/// use rtspan_std::{BindError, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// match Server::builder().bind(server.local_addr()) {
///     Err(BindError::Listen { addr, source }) => println!("{addr} is taken: {source}"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), BindError>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The text is no address with a port.
    #[error("{0:?} is no address with a port")]
    Address(String),
    /// The system refused.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address that was asked for.
        addr: String,
        /// Why not.
        source: io::Error,
    },
    /// A socket that listens already cannot be used on this runtime.
    #[error("cannot take the connections of a socket that listens already")]
    Adopt(#[source] io::Error),
    /// There is neither an address nor a socket to listen on.
    #[error("the server is told neither an address nor a socket to listen on")]
    Nowhere,
    /// TLS is required, and the server has no certificate.
    #[error("TLS is required, and the server has no certificate to show")]
    NoCertificate,
    /// The UDP sockets that the configuration names are not available.
    #[error("cannot open the UDP sockets")]
    Udp(#[from] UdpOpenError),
    /// There is no way to these multicast groups.
    #[error("cannot send to {range}: name an interface that has an address of the same family")]
    Multicast {
        /// The groups.
        range: IpPrefix,
        /// Why not.
        source: io::Error,
    },
    /// The server is closed, and listens nowhere any more.
    #[error("the server is closed")]
    Closed,
    /// The runtime or the system's source of randomness is not available.
    #[error("the server cannot be started")]
    Start(#[source] io::Error),
}

/// An RTSP server. It listens until it is closed or dropped.
///
/// The application publishes streams with [`publish`](Self::publish), and clients publish them with ANNOUNCE. Tasks of the
/// server serve the readers, even if the application takes no events.
pub struct Server<R: Runtime> {
    door: Arc<Door>,
    addresses: Arc<Addresses<R::Serving>>,
}

impl<R: Runtime> Server<R> {
    /// Sets up a server.
    pub fn builder() -> ServerBuilder<R> {
        ServerBuilder::new()
    }

    /// The address that it listens on. If there are several, this is the one of [`bind`](ServerBuilder::bind). A server that
    /// [listens nowhere](Self::stop_listening) has `0.0.0.0:0`.
    pub fn local_addr(&self) -> SocketAddr {
        self.addresses.first().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// All addresses that it listens on: those of [`bind`](ServerBuilder::bind), then those of
    /// [`also_listen`](ServerBuilder::also_listen), then those of [`listener`](ServerBuilder::listener) and of
    /// [`listen`](Self::listen).
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.addresses.all()
    }

    /// Listens on one more address while the server runs, as [`bind`](ServerBuilder::bind) does; the addresses that it is.
    ///
    /// Media over UDP goes through the ports that the server began with.
    ///
    /// # Errors
    ///
    /// The address is invalid, the system refuses it, or the server is closed.
    pub async fn listen(&self, addr: impl Display + Send) -> Result<Vec<SocketAddr>, BindError> {
        let listeners = builder::listen_on(&self.addresses.runtime, &addr.to_string()).await?;
        let addrs = self.addresses.add(listeners).ok_or(BindError::Closed)?;
        self.door.acceptor().wake();
        Ok(addrs)
    }

    /// Listens no more on one of the [addresses](Self::local_addrs); `false` if it is none of them. Connections that have come to it
    /// stay. A server may listen nowhere for a while.
    pub fn stop_listening(&self, addr: SocketAddr) -> bool {
        let was_there = self.addresses.remove(addr);
        self.door.acceptor().wake();
        was_there
    }

    /// Publishes a stream at a path such as `/cam1`; it ends when the [`ServerStream`] is dropped.
    ///
    /// # Errors
    ///
    /// The path is taken, the description has nothing to send, or the server is closed.
    pub fn publish(&self, path: &str, description: Description) -> Result<ServerStream, AddStreamError> {
        ServerStream::publish(&self.door, |server, now| server.add_stream(now, path, description))
    }

    /// Takes the stream at a path whose publisher has gone, and that waits for it
    /// ([`ServerConfig::resume`](rtspan_core::server::ServerConfig::resume)): it is the application's own from here on, and its
    /// readers stay. So a relay goes on with the stream of a publisher that has moved to another server.
    ///
    /// Readers see one source: what is written goes on with the SSRCs that they know. `None` if no stream waits there, or if it
    /// has other medias or formats.
    pub fn take(&self, path: &str, description: &Description) -> Option<ServerStream> {
        ServerStream::take(&self.door, path, description)
    }

    /// Makes a stream for one session, such as a recording that each reader sees from its own beginning.
    ///
    /// No path leads to it: the answer to SETUP gives it to a session
    /// ([`set_stream`](rtspan_core::server::Ticket::set_stream)). It ends with that session, or when the [`ServerStream`] is
    /// dropped. `path` is the path that lists and events show. If the server asks about PLAY, the reader gets the packets that
    /// were written since the question.
    ///
    /// ```no_run
    /// # use rtspan_std::{Description, Event, ServerConfig, Asks, RtpPacket};
    /// # use rtspan_std::server::Server;
    /// # fn packets_from(range: Option<rtspan_std::Range>) -> Vec<RtpPacket> { Vec::new() }
    /// # async fn serve<R: rtspan_std::runtime::Runtime>(film: Description) -> Result<(), Box<dyn std::error::Error>> {
    /// let config = ServerConfig::default().asks(Asks::DESCRIBE | Asks::SETUP | Asks::PLAY | Asks::PAUSE);
    /// let server = Server::<R>::builder().config(config).bind("0.0.0.0:8554").await?;
    /// let mut streams = std::collections::HashMap::new();
    /// while let Some(event) = server.next().await {
    ///     match event {
    ///         Event::Describe(mut question) => {
    ///             question.ticket.set_description(film.clone())?;
    ///             let _ = server.answer(question.ticket, Ok(()));
    ///         }
    ///         Event::Setup(mut question) => {
    ///             if question.session.is_none() {
    ///                 let stream = server.publish_private(&question.path, film.clone())?;
    ///                 question.ticket.set_stream(stream.id());
    ///                 streams.insert(stream.id(), stream);
    ///             }
    ///             let _ = server.answer(question.ticket, Ok(()));
    ///         }
    ///         Event::Play(question) => {
    ///             let session = question.session.and_then(|id| server.session(id));
    ///             if let Some(stream) = session.and_then(|session| streams.get(&session.stream?)) {
    ///                 // The first ones; the others follow at their time, until PAUSE.
    ///                 stream.write_frame(0, &packets_from(question.range()))?;
    ///             }
    ///             let _ = server.answer(question.ticket, Ok(()));
    ///         }
    ///         Event::Unpublished { stream, .. } => drop(streams.remove(&stream)),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The path is invalid, the description has nothing to send, or the server is closed.
    pub fn publish_private(
        &self,
        path: &str,
        description: Description,
    ) -> Result<ServerStream, AddStreamError> {
        ServerStream::publish(&self.door, |server, now| server.add_private_stream(now, path, description))
    }

    /// The next event: a question that no default covers, or news.
    ///
    /// News that wait too long are dropped ([`events_dropped`](Self::events_dropped)). `None` means that the server is closed.
    /// No event is lost when the future is dropped.
    pub async fn next(&self) -> Option<Event> {
        self.door.event().await
    }

    /// Answers a question. Put headers, a body or a description on the ticket before ([`Ticket::add_header`]).
    ///
    /// # Errors
    ///
    /// The peer no longer waits for the answer.
    pub fn answer<A: Ask>(&self, ticket: Ticket<A>, reply: A::Reply) -> Result<(), Stale> {
        let registry = self.door.registry();
        self.door.enter(|server, now| server.answer(now, ticket, reply, registry))
    }

    /// Replaces the decisions that the application takes at the paths of patterns
    /// ([`ServerConfig::asks_at`](crate::ServerConfig::asks_at)), while the server runs.
    pub fn set_asks_at<P: AsRef<str>>(&self, asks: impl IntoIterator<Item = (P, Asks)>) {
        self.door.enter(|server, _| server.set_asks_at(asks));
    }

    /// Replaces the users, while the server runs; `None` lets everybody do everything.
    ///
    /// Sessions that the new users allow go on untouched. A session is closed if its user is gone, has another secret, or has
    /// lost the right to its action.
    pub fn set_users(&self, users: impl Into<Option<Users>>) {
        self.door.enter(|server, now| server.set_users(now, users));
    }

    /// Ends a stream: its readers get what is left and BYE, and the session of a publisher ends with it. This also hangs up the
    /// voice of a reader ([`Event::BackChannelOpened`]), which plays on.
    pub fn remove_stream(&self, stream: StreamId) {
        self.door.enter(|server, now| server.remove_stream(now, stream));
    }

    /// Ends one session.
    pub fn close_session(&self, session: SessionId) {
        self.door.enter(|server, now| server.close_session(now, session));
    }

    /// The same, with a reason. A player gets it in BYE. If the connection is closed with the session, a request that waits
    /// there is refused with this reason.
    pub fn close_session_with(&self, session: SessionId, note: CloseNote) {
        self.door.enter(|server, now| server.close_session_with(now, session, note));
    }

    /// Asks the peer of a session to continue at another server (REDIRECT). Returns `true` if the peer was asked.
    ///
    /// The peer chooses when it goes: players that do not know REDIRECT stay.
    pub fn redirect_session(&self, session: SessionId, location: &Url) -> bool {
        self.door.enter(|server, _| server.redirect_session(session, location))
    }

    /// Accepts no new session, and waits until the present ones have ended. After `limit` it ends the rest. This continues if
    /// the future is dropped.
    ///
    /// With the URL of another server (its path is ignored), readers and publishers are asked to continue there (REDIRECT), and
    /// new peers are redirected (302). Without a URL, new peers are refused (503). Mostly [`close`](Self::close) follows.
    pub async fn drain(&self, to: Option<&Url>, limit: Duration) {
        self.door.enter(|server, now| server.drain(now, to.cloned(), limit));
        self.door.drained().await;
    }

    /// The present connections.
    pub fn connections(&self) -> Vec<ConnInfo> {
        self.door.enter(|server, _| server.connections().collect())
    }

    /// One of them, if it is there.
    pub fn connection(&self, conn: ConnId) -> Option<ConnInfo> {
        self.door.enter(|server, _| server.connection(conn))
    }

    /// The present sessions.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.door.enter(|server, _| server.sessions().collect())
    }

    /// One of them, if it is there.
    pub fn session(&self, session: SessionId) -> Option<SessionInfo> {
        self.door.enter(|server, _| server.session(session))
    }

    /// The streams that can be read.
    pub fn streams(&self) -> Vec<StreamInfo> {
        self.door.enter(|server, _| server.streams().collect())
    }

    /// One of them, if it is there.
    pub fn stream(&self, stream: StreamId) -> Option<StreamInfo> {
        self.door.enter(|server, _| server.stream(stream))
    }

    /// The description of a stream with its latest parameter sets, as DESCRIBE tells it; `None` if there is no such stream.
    pub fn description(&self, stream: StreamId) -> Option<Description> {
        self.door.enter(|server, _| server.description(stream, self.door.registry()))
    }

    /// Sends RTCP to one session, such as a request for a keyframe to a publisher (PLI, RFC 4585, section 6.3.1), or a
    /// message to one reader (APP). [`ServerStream::write_rtcp`] sends to all readers.
    ///
    /// It is dropped if too much waits for the peer already, or if no datagram has shown that the reader is at its UDP address.
    /// To receive RTCP of peers as [`Event::RtcpReceived`], set
    /// [`ServerConfig::rtcp_events`](rtspan_core::server::ServerConfig::rtcp_events).
    ///
    /// # Errors
    ///
    /// The session is gone, neither plays nor records, or has not set up the media; or the bytes are not an RTCP compound, or
    /// are too large for a datagram.
    pub fn write_rtcp(
        &self,
        session: SessionId,
        media: usize,
        compound: Bytes,
    ) -> Result<(), WriteRtcpError> {
        self.door.enter(|server, _| server.write_rtcp(session, media, compound))
    }

    /// Reads a stream in the process, be it a publisher's or the application's own; `None` if it is gone.
    ///
    /// ```no_run
    /// # use rtspan_std::{Event, StartAt};
    /// # async fn record<R: rtspan_std::runtime::Runtime>(server: &rtspan_std::server::Server<R>) {
    /// while let Some(event) = server.next().await {
    ///     let Event::Published { stream, .. } = event else { continue };
    ///     // A server that records more than one stream has a task for each.
    ///     let Some(mut packets) = server.read(stream, StartAt::Keyframe) else { continue };
    ///     while let Some(packet) = packets.next().await {
    ///         println!("media {}: {} bytes at {:?}", packet.media, packet.packet.len(), packet.time);
    ///     }
    /// }
    /// # }
    /// ```
    pub fn read(&self, stream: StreamId, start: StartAt) -> Option<StreamReader> {
        self.door.registry().get(stream).map(|published| StreamReader::new(published, start))
    }

    /// Everything that there is, with its statistics as of now.
    ///
    /// The tasks that move the packets are asked for their counts, and answer at once. If a task does not answer within
    /// [`STATS_WAIT`](rtspan_core::limits::STATS_WAIT), its earlier counts are used.
    pub async fn stats(&self) -> ServerStats {
        self.door.ask_for_stats(StatsOf::All).await;
        self.door.enter(|server, now| server.stats(now, self.door.registry()))
    }

    /// The bytes that a connection has carried until now.
    pub async fn connection_stats(&self, conn: ConnId) -> Option<ConnStats> {
        self.door.ask_for_stats(StatsOf::Conn(conn)).await;
        self.door.enter(|server, _| server.connection_stats(conn))
    }

    /// The packets that a session was sent, or has sent, until now; the event of its end has the last numbers.
    pub async fn session_stats(&self, session: SessionId) -> Option<SessionStats> {
        self.door.ask_for_stats(StatsOf::Session(session)).await;
        self.door.enter(|server, _| server.session_stats(session))
    }

    /// The packets that were published to a stream until now, and those that its readers were sent.
    pub async fn stream_stats(&self, stream: StreamId) -> Option<StreamStats> {
        self.door.ask_for_stats(StatsOf::Stream(stream)).await;
        self.door.enter(|server, now| server.stream_stats(now, stream, self.door.registry()))
    }

    /// The description that a publisher has announced; `None` for readers.
    pub fn announced(&self, session: SessionId) -> Option<Description> {
        self.door.enter(|server, _| server.announced(session))
    }

    /// Attaches a value of the application to a connection or a session, and replaces the former value; `false` if the
    /// connection or session is gone.
    ///
    /// The value goes with its connection or session. The task that takes the event of that end still finds the value, until it
    /// takes the next event.
    ///
    /// ```no_run
    /// # async fn count<R: rtspan_std::runtime::Runtime>(server: rtspan_std::server::Server<R>) {
    /// use std::time::Instant;
    ///
    /// use rtspan_std::Event;
    ///
    /// while let Some(event) = server.next().await {
    ///     match event {
    ///         Event::SessionOpened { session, .. } => _ = server.set_data(session, Instant::now()),
    ///         Event::SessionClosed { session, path, .. } => {
    ///             if let Some(since) = server.data::<Instant>(session) {
    ///                 println!("{path} was used for {:?}", since.elapsed());
    ///             }
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
    pub fn set_data<T: Any + Send + Sync>(&self, of: impl Into<Holder>, value: T) -> bool {
        self.door.set_data(of.into(), Arc::new(value))
    }

    /// The value that [`set_data`](Self::set_data) has attached to a connection or a session, if it has this type.
    pub fn data<T: Any + Send + Sync>(&self, of: impl Into<Holder>) -> Option<Arc<T>> {
        self.door.data(of.into())?.downcast().ok()
    }

    /// Takes that value away, of any type. Returns `true` if there was one.
    pub fn clear_data(&self, of: impl Into<Holder>) -> bool {
        self.door.clear_data(of.into())
    }

    /// Closes a connection once all its requests are answered, and with it the sessions that it carries.
    pub fn close_connection(&self, conn: ConnId) {
        self.door.enter(|server, now| server.close_connection(now, conn));
    }

    /// The same, with a reason. A request that waits is refused with this reason, and players whose media the connection
    /// carries get it in BYE.
    pub fn close_connection_with(&self, conn: ConnId, note: CloseNote) {
        self.door.enter(|server, now| server.close_connection_with(now, conn, note));
    }

    /// The number of events that were dropped because they were not taken in time.
    pub fn events_dropped(&self) -> u64 {
        self.door.events_dropped()
    }

    /// Stops listening, says goodbye to all peers and waits until they have received it, for
    /// [`CLOSE_LIMIT`](rtspan_core::limits::CLOSE_LIMIT) at most.
    ///
    /// A task that waits for [`next`](Self::next) gets the last events and then `None`. The server also closes if the future
    /// is dropped while it waits.
    pub async fn close(&self) {
        self.door.close();
        self.door.stopped().await;
    }
}

impl<R: Runtime> Drop for Server<R> {
    fn drop(&mut self) {
        self.door.close();
    }
}

impl<R: Runtime> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addrs", &self.local_addrs()).finish_non_exhaustive()
    }
}
