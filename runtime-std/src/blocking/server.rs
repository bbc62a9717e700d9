use std::any::Any;
use std::fmt::Display;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::auth::Users;
use rtspan_core::conn::CloseNote;
use rtspan_core::description::Description;
use rtspan_core::server::{
    AddStreamError, Ask, ConnInfo, Event, Multicast, ServerConfig, ServerStats, SessionInfo, Stale,
    StreamInfo, Ticket, WriteRtcpError,
};
use rtspan_core::stats::{ConnStats, SessionStats, StreamStats};
use rtspan_core::stream::StartAt;
use rtspan_core::tunnel::websocket::Origins;
use rtspan_core::url::Url;
use rtspan_core::{ConnId, SessionId, StreamId};

use crate::net::{Dscp, Interface};
use crate::server::{self, BindError, Holder, ServerStream, StreamPacket};
use crate::threads::{Threads, block_on, block_on_for};
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
use crate::tls::ServerTls;
#[cfg(feature = "srtp")]
use rtspan_core::server::SrtpPolicy;

/// An RTSP server, which listens until it is closed or dropped.
///
/// Streams are published by the application ([`publish`](Self::publish)) or by clients that announce them; readers are
/// served by other threads than the caller's, also when nobody takes the events.
///
/// ```
/// use rtspan_std::{
///     Asks, Client, Describe, Event, Question, Refusal, Server, ServerConfig, StatusCode, WithCauses,
/// };
///
/// // It asks who may know what is at a path, and answers everything else by itself.
/// let server = Server::builder().config(ServerConfig::default().asks(Asks::DESCRIBE)).bind("127.0.0.1:0")?;
/// let url = format!("rtsp://{}/vault", server.local_addr());
/// let visitor = std::thread::spawn(move || Client::connect(&url)?.describe());
///
/// fn judge(question: &Question<Describe>) -> Result<(), Refusal> {
///     let knows_the_key = question.query.as_deref() == Some("key=secret");
///     if knows_the_key { Ok(()) } else { Err(StatusCode::FORBIDDEN.into()) }
/// }
///
/// while let Some(event) = server.next() {
///     match event {
///         Event::Describe(question) => {
///             let reply = judge(&question);
///             server.answer(question.ticket, reply)?;
///         }
///         Event::ConnClosed { peer, reason, .. } => {
///             println!("{peer} has gone: {reason}");
///             break; // a server goes on here
///         }
///         _ => {}
///     }
/// }
/// let refused = visitor.join().expect("it does not panic").expect_err("it has no key");
/// assert!(WithCauses(&refused).to_string().ends_with("server answered 403 Forbidden"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server(server::Server<Threads>);

/// The packets of a stream, for the application itself: to record them, to look into them, to send them on.
///
/// It reads the log that readers over the network read, and like those loses packets when it is too slow: it then goes on at
/// the newest keyframe that is kept, and is told how many it has [missed](StreamPacket::missed). It ends with the stream.
///
/// ```
/// use rtspan_std::{Description, Format, Frame, Media, MediaKind, Server, StartAt};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let mut hall = server.publish("/hall", Description::new(vec![sound]))?.into_frames()?;
/// let reader = server.read(hall.stream().id(), StartAt::Oldest).ok_or("the stream has ended")?;
/// hall.write(&Frame::new(0, 0, vec![0xd5; 160]))?;
/// drop(hall);
/// for read in reader {
///     assert_eq!((read.media, read.packet.payload().len(), read.missed), (0, 160, 0));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StreamReader(server::StreamReader);

impl StreamReader {
    /// The stream that it reads.
    pub fn stream(&self) -> StreamId {
        self.0.stream()
    }

    /// The next packet, if it is here already.
    pub fn try_next(&mut self) -> Option<StreamPacket> {
        self.0.try_next()
    }

    /// Waits for the next packet, but for so long at most; `None` means that the stream has ended.
    ///
    /// # Errors
    ///
    /// No packet has come by then.
    pub fn next_timeout(&mut self, patience: Duration) -> Result<Option<StreamPacket>, TimedOut> {
        block_on_for(self.0.next(), patience).ok_or(TimedOut)
    }
}

impl Iterator for StreamReader {
    type Item = StreamPacket;

    /// Waits for the next packet; `None` once the stream has ended.
    fn next(&mut self) -> Option<StreamPacket> {
        block_on(self.0.next())
    }
}

/// Nothing has come within the time that was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("nothing has come within the time that was given")]
pub struct TimedOut;

/// How a server is set up.
///
/// ```
/// use rtspan_std::{Action, LagPolicy, Secret, Server, ServerConfig, User, Users};
///
/// let users = Users::default()
///     .with(User::new("studio", Secret::password("staple")).may(Action::Publish, "/live/*"))
///     .anyone_may(Action::Read, "*");
/// let server = Server::builder()
///     .config(ServerConfig::default().users(users).lag(LagPolicy::Disconnect))
///     .also_listen("127.0.0.1:0") // a second port
///     .bind("127.0.0.1:0")?;
/// assert_eq!(server.local_addrs().len(), 2);
/// # Ok::<(), rtspan_std::BindError>(())
/// ```
#[derive(Debug)]
pub struct ServerBuilder(server::ServerBuilder<Threads>);

impl Server {
    /// Sets up a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder(server::Server::builder())
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// All addresses that it listens on: those of [`bind`](ServerBuilder::bind), then those of
    /// [`also_listen`](ServerBuilder::also_listen), then those of [`listener`](ServerBuilder::listener).
    pub fn local_addrs(&self) -> &[SocketAddr] {
        self.0.local_addrs()
    }

    /// Publishes a stream at a path such as `/cam1`; it ends when the [`ServerStream`] is dropped.
    ///
    /// # Errors
    ///
    /// The path is taken, the description has nothing to send, or the server is closed.
    pub fn publish(&self, path: &str, description: Description) -> Result<ServerStream, AddStreamError> {
        self.0.publish(path, description)
    }

    /// Makes a stream for one session, such as a recording that each reader sees from its own beginning.
    ///
    /// No path leads to it: the answer to SETUP gives it to a session
    /// ([`set_stream`](rtspan_core::server::Ticket::set_stream)), and it ends with that session, or when the [`ServerStream`]
    /// is dropped. `path` is the one that lists and events tell. Where PLAY is asked about, the reader gets what was written
    /// since the question.
    ///
    /// # Errors
    ///
    /// The path is invalid, the description has nothing to send, or the server is closed.
    pub fn publish_private(
        &self,
        path: &str,
        description: Description,
    ) -> Result<ServerStream, AddStreamError> {
        self.0.publish_private(path, description)
    }

    /// Waits for the next event: a question that no default covers, or news; `None` means that the server is closed.
    ///
    /// News that nobody takes are dropped ([`events_dropped`](Self::events_dropped)).
    #[allow(clippy::should_implement_trait)]
    pub fn next(&self) -> Option<Event> {
        block_on(self.0.next())
    }

    /// Waits for the next event as [`next`](Self::next) does, but for so long at most.
    ///
    /// # Errors
    ///
    /// No event has come by then.
    pub fn next_timeout(&self, patience: Duration) -> Result<Option<Event>, TimedOut> {
        block_on_for(self.0.next(), patience).ok_or(TimedOut)
    }

    /// Answers a question. Headers, a body or a description are put on the ticket before ([`Ticket::add_header`]).
    ///
    /// # Errors
    ///
    /// Nobody waits for the answer any more.
    pub fn answer<A: Ask>(&self, ticket: Ticket<A>, reply: A::Reply) -> Result<(), Stale> {
        self.0.answer(ticket, reply)
    }

    /// Replaces the users, while the server runs; `None` lets everybody do everything.
    ///
    /// Sessions that the new users allow go on untouched. Those whose user is gone, has another secret, or may no longer do what they
    /// do are closed.
    pub fn set_users(&self, users: impl Into<Option<Users>>) {
        self.0.set_users(users);
    }

    /// Ends one session.
    pub fn close_session(&self, session: SessionId) {
        self.0.close_session(session);
    }

    /// The same, with a reason: a player is told it in BYE, and a request that waits on a connection that is closed with the
    /// session is refused with it.
    pub fn close_session_with(&self, session: SessionId, note: CloseNote) {
        self.0.close_session_with(session, note);
    }

    /// Puts a value of the application's on a connection or a session, in the place of the one that is there; `false` if
    /// the connection or session is gone.
    ///
    /// It is gone with it: the thread that takes the event of its end still finds it, until the next event is taken.
    pub fn set_data<T: Any + Send + Sync>(&self, of: impl Into<Holder>, value: T) -> bool {
        self.0.set_data(of, value)
    }

    /// The value that [`set_data`](Self::set_data) has put on a connection or a session, if it is there and of this type.
    pub fn data<T: Any + Send + Sync>(&self, of: impl Into<Holder>) -> Option<Arc<T>> {
        self.0.data(of)
    }

    /// Takes that value away, whatever its type. Returns `true` if there was one.
    pub fn clear_data(&self, of: impl Into<Holder>) -> bool {
        self.0.clear_data(of)
    }

    /// Asks the peer of a session to go on elsewhere (REDIRECT). Returns `true` if there was one to ask.
    ///
    /// The peer chooses when it goes: players that do not know REDIRECT stay.
    pub fn redirect_session(&self, session: SessionId, location: &Url) -> bool {
        self.0.redirect_session(session, location)
    }

    /// Takes on no new session and waits until those that there are have gone. Those that are left after `limit` are ended.
    ///
    /// With another server's URL (its path is not looked at) readers and publishers are asked to go on there (REDIRECT), and
    /// newcomers are redirected (302). Without one, newcomers are refused (503). [`close`](Self::close) follows mostly.
    pub fn drain(&self, to: Option<&Url>, limit: Duration) {
        block_on(self.0.drain(to, limit));
    }

    /// The connections that there are.
    pub fn connections(&self) -> Vec<ConnInfo> {
        self.0.connections()
    }

    /// One of them, if it is there.
    pub fn connection(&self, conn: ConnId) -> Option<ConnInfo> {
        self.0.connection(conn)
    }

    /// The sessions that there are.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.0.sessions()
    }

    /// One of them, if it is there.
    pub fn session(&self, session: SessionId) -> Option<SessionInfo> {
        self.0.session(session)
    }

    /// The streams that can be read.
    pub fn streams(&self) -> Vec<StreamInfo> {
        self.0.streams()
    }

    /// One of them, if it is there.
    pub fn stream(&self, stream: StreamId) -> Option<StreamInfo> {
        self.0.stream(stream)
    }

    /// The description of a stream that is there, with the parameter sets that came last, as DESCRIBE tells it.
    pub fn description(&self, stream: StreamId) -> Option<Description> {
        self.0.description(stream)
    }

    /// Sends RTCP to one session, such as a request for a keyframe to a publisher (PLI, RFC 4585, section 6.3.1), or a
    /// message to one reader (APP). [`ServerStream::write_rtcp`] sends to all readers.
    ///
    /// It is left out if too much waits for the peer already, or if nothing shows that a reader is at its UDP address. The
    /// RTCP of peers is told by [`Event::RtcpReceived`] if [`ServerConfig::rtcp_events`] is set.
    ///
    /// # Errors
    ///
    /// The session is gone, neither plays nor records, or has not set up the media; or it is no RTCP compound, or one too
    /// large for a datagram.
    pub fn write_rtcp(
        &self,
        session: SessionId,
        media: usize,
        compound: Bytes,
    ) -> Result<(), WriteRtcpError> {
        self.0.write_rtcp(session, media, compound)
    }

    /// Reads a stream in the process, be it a publisher's or the application's own; `None` if it is gone.
    ///
    /// ```no_run
    /// # use rtspan_std::{Event, Server, StartAt};
    /// # fn record(server: &Server) {
    /// while let Some(event) = server.next() {
    ///     let Event::Published { stream, .. } = event else { continue };
    ///     let Some(packets) = server.read(stream, StartAt::Keyframe) else { continue };
    ///     // Until the publisher leaves.
    ///     std::thread::spawn(move || {
    ///         for packet in packets {
    ///             println!("media {}: {} bytes at {:?}", packet.media, packet.packet.len(), packet.time);
    ///         }
    ///     });
    /// }
    /// # }
    /// ```
    pub fn read(&self, stream: StreamId, start: StartAt) -> Option<StreamReader> {
        self.0.read(stream, start).map(StreamReader)
    }

    /// Everything that there is, with its statistics as of now.
    ///
    /// The tasks that move the packets are asked for what they have counted, and answer at once; one that does not within
    /// [`STATS_WAIT`](rtspan_core::limits::STATS_WAIT) is left at what it has told before.
    pub fn stats(&self) -> ServerStats {
        block_on(self.0.stats())
    }

    /// The bytes that a connection has carried until now.
    pub fn connection_stats(&self, conn: ConnId) -> Option<ConnStats> {
        block_on(self.0.connection_stats(conn))
    }

    /// The packets that a session was sent, or has sent, until now; the event of its end has the last numbers.
    pub fn session_stats(&self, session: SessionId) -> Option<SessionStats> {
        block_on(self.0.session_stats(session))
    }

    /// The packets that were published to a stream until now, and those that its readers were sent.
    pub fn stream_stats(&self, stream: StreamId) -> Option<StreamStats> {
        block_on(self.0.stream_stats(stream))
    }

    /// The description that a publisher has announced; `None` for readers.
    pub fn announced(&self, session: SessionId) -> Option<Description> {
        self.0.announced(session)
    }

    /// Closes a connection, once all that it has asked is answered, and with it what it carries.
    pub fn close_connection(&self, conn: ConnId) {
        self.0.close_connection(conn);
    }

    /// The same, with a reason: a request that waits is refused with it, and players whose media the connection carries are
    /// told it in BYE.
    pub fn close_connection_with(&self, conn: ConnId, note: CloseNote) {
        self.0.close_connection_with(conn, note);
    }

    /// Events that were dropped because nobody took them.
    pub fn events_dropped(&self) -> u64 {
        self.0.events_dropped()
    }

    /// Stops listening, says goodbye to everybody and waits until they have heard it, or for
    /// [`CLOSE_LIMIT`](rtspan_core::limits::CLOSE_LIMIT).
    ///
    /// A thread that waits in [`next`](Self::next) gets the last events and then `None`.
    pub fn close(&self) {
        block_on(self.0.close());
    }
}

impl ServerBuilder {
    /// Its settings: what it allows, and when it loses patience.
    #[must_use]
    pub fn config(self, config: ServerConfig) -> Self {
        Self(self.0.config(config))
    }

    /// Takes `rtsps` as well, with this certificate: each port takes both, since the first byte of a peer tells which it speaks.
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    #[must_use]
    pub fn tls(self, tls: ServerTls) -> Self {
        Self(self.0.tls(tls))
    }

    /// Where media is encrypted by SRTP, in the place of what the [settings](Self::config) say
    /// ([`ServerConfig::srtp`](rtspan_core::server::ServerConfig::srtp)): by default where a peer asks for it over TLS.
    #[cfg(feature = "srtp")]
    #[must_use]
    pub fn srtp(self, policy: SrtpPolicy) -> Self {
        Self(self.0.srtp(policy))
    }

    /// Refuses who speaks without TLS (403 to the first request). Without a [certificate](Self::tls) the server does not begin.
    #[must_use]
    pub fn require_tls(self, require: bool) -> Self {
        Self(self.0.require_tls(require))
    }

    /// Takes RTSP in two requests of HTTP, as Apple made it, on every port; it does by default.
    #[must_use]
    pub fn http_tunnel(self, takes: bool) -> Self {
        Self(self.0.http_tunnel(takes))
    }

    /// Takes RTSP over WebSockets (`rtsp.onvif.org`) on every port from these pages, and from programs that are no browsers; from
    /// pages of the same host by default. `None` takes none.
    #[must_use]
    pub fn websocket(self, origins: impl Into<Option<Origins>>) -> Self {
        Self(self.0.websocket(origins))
    }

    /// Has all that it sends ask for a class of service, over UDP and TCP; none by default.
    ///
    /// Windows ignores it, and its sockets of IPv6 for media refuse it.
    #[must_use]
    pub fn dscp(self, dscp: Dscp) -> Self {
        Self(self.0.dscp(dscp))
    }

    /// Lets packets over UDP that are too big for the path to a reader be cut into fragments, as they are by default. With
    /// `false` they leave whole or not at all, and [`Event::PacketsTooBig`] tells for whom they were too big.
    #[must_use]
    pub fn fragments(self, allows: bool) -> Self {
        Self(self.0.fragments(allows))
    }

    /// As [`ServerBuilder::multicast`](crate::server::ServerBuilder::multicast).
    #[must_use]
    pub fn multicast(self, multicast: Multicast, interface: impl Into<Option<Interface>>) -> Self {
        Self(self.0.multicast(multicast, interface))
    }

    /// Listens on this address too, such as `0.0.0.0:322` beside `0.0.0.0:554`.
    #[must_use]
    pub fn also_listen(self, addr: impl Display) -> Self {
        Self(self.0.also_listen(addr))
    }

    /// Takes the connections of a socket that listens already too, such as one of systemd's.
    #[must_use]
    pub fn listener(self, listener: TcpListener) -> Self {
        Self(self.0.listener(listener))
    }

    /// Begins to listen on an address such as `0.0.0.0:8554`; port 0 is a free one.
    ///
    /// `:8554` is all addresses of this host, of IPv6 and of IPv4. A name such as `localhost:8554` is each of its addresses that this
    /// host has.
    ///
    /// # Errors
    ///
    /// The address is invalid, or the system refuses it.
    pub fn bind(self, addr: impl Display + Send) -> Result<Server, BindError> {
        block_on(self.0.bind(addr)).map(Server)
    }

    /// Begins to listen where [`listener`](Self::listener) and [`also_listen`](Self::also_listen) say, and nowhere else.
    ///
    /// # Errors
    ///
    /// They say nothing, an address is invalid, or the system refuses one of them.
    pub fn start(self) -> Result<Server, BindError> {
        block_on(self.0.start()).map(Server)
    }
}
