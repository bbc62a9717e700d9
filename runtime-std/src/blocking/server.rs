use std::any::Any;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::auth::Users;
use rtspan_core::conn::CloseNote;
use rtspan_core::description::Description;
use rtspan_core::server::{
    AddStreamError, Ask, Asks, ConnInfo, Event, ServerStats, SessionInfo, Stale, StreamInfo, Ticket,
    WriteRtcpError,
};
use rtspan_core::stats::{ConnStats, SessionStats, StreamStats};
use rtspan_core::stream::StartAt;
use rtspan_core::url::Url;
use rtspan_core::{ConnId, SessionId, StreamId};

use super::ServerBuilder;
use crate::server::{self, BindError, Holder, ServerStream, StreamPacket};
use crate::threads::{Threads, block_on, block_on_for};

/// An RTSP server. It listens until it is closed or dropped.
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
pub struct Server(pub(super) server::Server<Threads>);

/// The packets of a stream, for the application itself: to record them, to look into them, to send them on.
///
/// It reads the same log as readers over the network, and loses packets as they do when it is too slow. It then continues at
/// the newest keyframe in the log, and [`missed`](StreamPacket::missed) tells how many packets it has lost. It ends with the
/// stream.
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

impl Server {
    /// Sets up a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder(server::Server::builder())
    }

    /// The address that it listens on. If there are several, this is the one of [`bind`](ServerBuilder::bind). A server that
    /// [listens nowhere](Self::stop_listening) has `0.0.0.0:0`.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// All addresses that it listens on: those of [`bind`](ServerBuilder::bind), then those of
    /// [`also_listen`](ServerBuilder::also_listen), then those of [`listener`](ServerBuilder::listener) and of
    /// [`listen`](Self::listen).
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.0.local_addrs()
    }

    /// Listens on one more address while the server runs, as [`bind`](ServerBuilder::bind) does; the addresses that it is.
    ///
    /// Media over UDP goes through the ports that the server began with.
    ///
    /// ```
    /// use rtspan_std::Server;
    ///
    /// let server = Server::builder().bind("127.0.0.1:0")?;
    /// let former = server.local_addr();
    /// for addr in server.listen("127.0.0.1:0")? {
    ///     println!("players come to {addr} from now on");
    /// }
    /// assert!(server.stop_listening(former));
    /// assert_eq!(server.local_addrs().len(), 1);
    /// # Ok::<(), rtspan_std::BindError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The address is invalid, the system refuses it, or the server is closed.
    pub fn listen(&self, addr: impl Display + Send) -> Result<Vec<SocketAddr>, BindError> {
        block_on(self.0.listen(addr))
    }

    /// Listens no more on one of the [addresses](Self::local_addrs); `false` if it is none of them. Connections that have come to it
    /// stay. A server may listen nowhere for a while.
    pub fn stop_listening(&self, addr: SocketAddr) -> bool {
        self.0.stop_listening(addr)
    }

    /// Publishes a stream at a path such as `/cam1`; it ends when the [`ServerStream`] is dropped.
    ///
    /// # Errors
    ///
    /// The path is taken, the description has nothing to send, or the server is closed.
    pub fn publish(&self, path: &str, description: Description) -> Result<ServerStream, AddStreamError> {
        self.0.publish(path, description)
    }

    /// Takes the stream at a path whose publisher has gone, and that waits for it
    /// ([`ServerConfig::resume`](rtspan_core::server::ServerConfig::resume)): it is the application's own from here on, and its
    /// readers stay.
    ///
    /// `None` if no stream waits there, or if it has other medias or formats.
    pub fn take(&self, path: &str, description: &Description) -> Option<ServerStream> {
        self.0.take(path, description)
    }

    /// Makes a stream for one session, such as a recording that each reader sees from its own beginning.
    ///
    /// No path leads to it: the answer to SETUP gives it to a session
    /// ([`set_stream`](rtspan_core::server::Ticket::set_stream)). It ends with that session, or when the [`ServerStream`] is
    /// dropped. `path` is the path that lists and events show. If the server asks about PLAY, the reader gets the packets that
    /// were written since the question.
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

    /// Answers a question. Put headers, a body or a description on the ticket before ([`Ticket::add_header`]).
    ///
    /// # Errors
    ///
    /// The peer no longer waits for the answer.
    pub fn answer<A: Ask>(&self, ticket: Ticket<A>, reply: A::Reply) -> Result<(), Stale> {
        self.0.answer(ticket, reply)
    }

    /// Replaces the decisions that the application takes at the paths of patterns
    /// ([`ServerConfig::asks_at`](crate::ServerConfig::asks_at)), while the server runs.
    pub fn set_asks_at<P: AsRef<str>>(&self, asks: impl IntoIterator<Item = (P, Asks)>) {
        self.0.set_asks_at(asks);
    }

    /// Replaces the users, while the server runs; `None` lets everybody do everything.
    ///
    /// Sessions that the new users allow go on untouched. A session is closed if its user is gone, has another secret, or has
    /// lost the right to its action.
    pub fn set_users(&self, users: impl Into<Option<Users>>) {
        self.0.set_users(users);
    }

    /// Ends a stream: its readers get what is left and BYE, and the session of a publisher ends with it. This also hangs up the
    /// voice of a reader ([`Event::BackChannelOpened`]), which plays on.
    pub fn remove_stream(&self, stream: StreamId) {
        self.0.remove_stream(stream);
    }

    /// Ends one session.
    pub fn close_session(&self, session: SessionId) {
        self.0.close_session(session);
    }

    /// The same, with a reason. A player gets it in BYE. If the connection is closed with the session, a request that waits
    /// there is refused with this reason.
    pub fn close_session_with(&self, session: SessionId, note: CloseNote) {
        self.0.close_session_with(session, note);
    }

    /// Attaches a value of the application to a connection or a session, and replaces the former value; `false` if the
    /// connection or session is gone.
    ///
    /// It is gone with it: the thread that takes the event of its end still finds it, until the next event is taken.
    pub fn set_data<T: Any + Send + Sync>(&self, of: impl Into<Holder>, value: T) -> bool {
        self.0.set_data(of, value)
    }

    /// The value that [`set_data`](Self::set_data) has attached to a connection or a session, if it has this type.
    pub fn data<T: Any + Send + Sync>(&self, of: impl Into<Holder>) -> Option<Arc<T>> {
        self.0.data(of)
    }

    /// Takes that value away, of any type. Returns `true` if there was one.
    pub fn clear_data(&self, of: impl Into<Holder>) -> bool {
        self.0.clear_data(of)
    }

    /// Asks the peer of a session to continue at another server (REDIRECT). Returns `true` if the peer was asked.
    ///
    /// The peer chooses when it goes: players that do not know REDIRECT stay.
    pub fn redirect_session(&self, session: SessionId, location: &Url) -> bool {
        self.0.redirect_session(session, location)
    }

    /// Takes on no new session and waits until those that there are have gone. Those that are left after `limit` are ended.
    ///
    /// With the URL of another server (its path is ignored), readers and publishers are asked to continue there (REDIRECT), and
    /// new peers are redirected (302). Without a URL, new peers are refused (503). Mostly [`close`](Self::close) follows.
    pub fn drain(&self, to: Option<&Url>, limit: Duration) {
        block_on(self.0.drain(to, limit));
    }

    /// The present connections.
    pub fn connections(&self) -> Vec<ConnInfo> {
        self.0.connections()
    }

    /// One of them, if it is there.
    pub fn connection(&self, conn: ConnId) -> Option<ConnInfo> {
        self.0.connection(conn)
    }

    /// The present sessions.
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

    /// The description of a stream with its latest parameter sets, as DESCRIBE tells it; `None` if there is no such stream.
    pub fn description(&self, stream: StreamId) -> Option<Description> {
        self.0.description(stream)
    }

    /// Sends RTCP to one session, such as a request for a keyframe to a publisher (PLI, RFC 4585, section 6.3.1), or a
    /// message to one reader (APP). [`ServerStream::write_rtcp`] sends to all readers.
    ///
    /// It is left out if too much waits for the peer already, or if nothing shows that a reader is at its UDP address. The
    /// RTCP of peers is told by [`Event::RtcpReceived`] if
    /// [`ServerConfig::rtcp_events`](rtspan_core::server::ServerConfig::rtcp_events) is set.
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
    /// The tasks that move the packets are asked for their counts, and answer at once. If a task does not answer within
    /// [`STATS_WAIT`](rtspan_core::limits::STATS_WAIT), its earlier counts are used.
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

    /// Closes a connection once all its requests are answered, and with it the sessions that it carries.
    pub fn close_connection(&self, conn: ConnId) {
        self.0.close_connection(conn);
    }

    /// The same, with a reason. A request that waits is refused with this reason, and players whose media the connection
    /// carries get it in BYE.
    pub fn close_connection_with(&self, conn: ConnId, note: CloseNote) {
        self.0.close_connection_with(conn, note);
    }

    /// The number of events that were dropped because they were not taken in time.
    pub fn events_dropped(&self) -> u64 {
        self.0.events_dropped()
    }

    /// Stops listening, says goodbye to all peers and waits until they have received it, for
    /// [`CLOSE_LIMIT`](rtspan_core::limits::CLOSE_LIMIT) at most.
    ///
    /// A thread that waits in [`next`](Self::next) gets the last events and then `None`.
    pub fn close(&self) {
        block_on(self.0.close());
    }
}
