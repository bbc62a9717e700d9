//! RTSP client and server for tokio.
//!
//! It plays from cameras, recorders and media servers, publishes to them, and is a server itself: over interleaved TCP, UDP and
//! multicast, through TLS, HTTP and WebSockets, with SRTP, back channels and Digest authentication.
//!
//! Build everything inside a tokio runtime whose I/O and time drivers are enabled. The client and the server have tasks of their own
//! there. Outside of a runtime they do not begin ([`Error::Start`], [`BindError`]).
//!
//! # A client
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use rtspan_tokio::{Client, Form, MediaKind};
//!
//! let camera = Client::builder("rtsp://user:password@camera/main")?.medias([MediaKind::Video]);
//! let mut frames = camera.play_frames().await?.form(Form::ByteStream);
//! while let Some(frame) = frames.next().await {
//!     let frame = frame?;
//!     println!("{} ns: {} bytes, keyframe: {}", frame.time.pts, frame.data.total_bytes(), frame.is_keyframe);
//! }
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! [`Packets`] and [`Frames`] are also a `Stream`, for `select!` and the adapters of `futures`.
//!
//! # A server
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use rtspan_tokio::{Client, Description, Format, Frame, Media, MediaKind, Server};
//!
//! let server = Server::builder().bind("127.0.0.1:0").await?; // a free port
//! let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
//! let mut hall = server.publish("/hall", Description::new(vec![sound]))?.into_frames()?;
//!
//! let url = format!("rtsp://{}/hall", server.local_addr());
//! let mut frames = Client::builder(&url)?.play_frames().await?;
//! hall.write(&Frame::new(0, 0, vec![0xd5; 160]))?; // 20 ms of silence; writing never waits
//! let frame = frames.next().await.ok_or("the stream has ended")??;
//! assert_eq!(frame.data.total_bytes(), 160);
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! A program that serves others waits for [`Server::next`], which yields an [`Event`] for all that happens.
//!
//! # The ideas
//!
//! * **A client is one session.** [`Client`] has the commands of RTSP, such as [`describe`](Client::describe),
//!   [`setup`](Client::setup) and [`play`](Client::play). [`ClientBuilder::play`] and [`ClientBuilder::publish`] give them in
//!   their order. [`State`] has the states of RFC 2326; a command that does not fit the state is an error ([`Misuse`]), and
//!   nothing is sent. What happens by itself, such as a reconnect, is a [`ClientEvent`].
//! * **Packets or frames.** [`Packets`] yields RTP packets in order, each with its time and what was lost before it. [`Frames`]
//!   yields whole pictures and pieces of sound ([`Frame`]). [`Publisher`] and [`FramePublisher`] are the way back, and
//!   [`ServerStream`] and [`FrameStream`] are those of a server.
//! * **A server is a relay.** A client that announces a path publishes it, and a client that asks for the path reads it. Each
//!   [`Event`] tells what happened. A server asks the application only what [`ServerConfig::asks`] names: such an event
//!   carries a [`Question`], and [`Server::answer`] may come later, from any task.
//! * **A log, and a cursor for each reader.** A packet is stored once for each stream. A reader is a place in that log
//!   ([`StartAt`]). A slow reader holds up nobody; when the log has moved on without it, it goes on at a keyframe ([`LagPolicy`]).
//! * **Two planes.** Requests go through one state machine, which sees a few of them a second. Packets never do: the task
//!   that reads a socket appends them to the log, and the tasks of the readers write them from there.
//! * **Lenient on read, strict on write.** A device's deviation from the standard is accepted, and recorded as a [`Tolerance`].
//! * **Errors** say who is at fault. [`Error::Misuse`] is the program's, and nothing was sent. After [`Error::Command`] the session goes
//!   on. [`Error::Closed`] is the end of the client.
//!
//! # Features
//!
//! | feature | adds | default |
//! | --- | --- | --- |
//! | `tls` | `rtsps` URLs and servers with a certificate: rustls with the cryptography of ring | yes |
//! | `tls-aws-lc-rs` | the same with the cryptography of aws-lc-rs, which is taken where both are there | no |
//! | `srtp` | media that is encrypted (SRTP, with keys by MIKEY) | yes |
//! | `tracing` | [logs](https://github.com/rtspan/rtspan/blob/main/docs/logging.md) for subscribers of the crate `tracing` | no |
//!
//! # Where to go on
//!
//! * [Examples by task](https://github.com/rtspan/rtspan/blob/main/examples/README.md): record a camera, publish, relay on demand, users, TLS, back channels.
//! * Guides: [time](https://github.com/rtspan/rtspan/blob/main/docs/time.md), [reconnecting](https://github.com/rtspan/rtspan/blob/main/docs/reconnect.md), [TLS, SRTP and tunnels](https://github.com/rtspan/rtspan/blob/main/docs/encryption.md),
//!   [networks](https://github.com/rtspan/rtspan/blob/main/docs/networks.md), [formats](https://github.com/rtspan/rtspan/blob/main/docs/formats.md).
//! * For those who come from [gortsplib](https://github.com/rtspan/rtspan/blob/main/docs/gortsplib.md) or [retina](https://github.com/rtspan/rtspan/blob/main/docs/retina.md).

#![cfg_attr(docsrs, feature(doc_cfg))]

mod runtime;

pub use rtspan_std::client::Error;
pub use rtspan_std::server::{
    BindError, FrameStream, Holder, ServerStream, StreamPacket, StreamReader, WriteError,
};
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
pub use rtspan_std::tls;
pub use rtspan_std::types::*;
pub use runtime::{Tcp, Tokio, TokioListener, TokioTimer, Udp};

/// An RTSP client on tokio. Its methods are those of [`rtspan_std::client::Client`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use rtspan_tokio::{Client, Description, Format, Frame, Media, MediaKind, Server, State};
///
/// let server = Server::builder().bind("127.0.0.1:0").await?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let mut hall = server.publish("/hall", Description::new(vec![sound]))?.into_frames()?;
///
/// // Step by step; `Client::builder(url)?.play().await?` does all of it.
/// let client = Client::connect(&format!("rtsp://{}/hall", server.local_addr())).await?;
/// for (media, about) in client.describe().await?.medias.iter().enumerate() {
///     println!("{}: {:?}", about.kind, about.formats);
///     client.setup(media).await?;
/// }
/// client.play(None).await?;
/// assert_eq!(client.state(), State::Play);
/// hall.write(&Frame::new(0, 0, vec![0xd5; 160]))?;
/// let received = client.packets().next().await.ok_or("the stream has ended")??;
/// assert_eq!(received.packet.payload().len(), 160);
/// assert!(client.teardown().await?.is_over());
/// # Ok(())
/// # })
/// # }
/// ```
pub type Client = rtspan_std::client::Client<Tokio>;
/// How a client on tokio is set up. Its methods are those of [`rtspan_std::client::ClientBuilder`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use rtspan_tokio::{Client, MediaKind, ReconnectPolicy, Secret, Transports};
///
/// let camera = Client::builder("rtsp://camera/main")?
///     .credentials("viewer", Secret::password("s3cret"))
///     .medias([MediaKind::Video, MediaKind::Audio])
///     .transport(Transports::Tcp)
///     .reconnect(ReconnectPolicy::default());
/// let client = camera.build()?; // `play` connects and plays
/// assert_eq!(client.url().host(), "camera");
/// # Ok(())
/// # })
/// # }
/// ```
pub type ClientBuilder = rtspan_std::client::ClientBuilder<Tokio>;
/// The packets that a client on tokio receives. Its methods are those of [`rtspan_std::client::Packets`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use rtspan_tokio::{Client, Description, Format, Media, MediaKind, RtpHeader, RtpPacket, Server, Transports};
///
/// let server = Server::builder().bind("127.0.0.1:0").await?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
/// let hall = server.publish("/hall", Description::new(vec![sound]))?;
///
/// let url = format!("rtsp://{}/hall", server.local_addr());
/// let mut packets = Client::builder(&url)?.transport(Transports::Tcp).play().await?;
/// for sequence in 0..3 {
///     let timestamp = u32::from(sequence) * 160;
///     let header = RtpHeader { payload_type: 0, marker: false, sequence, timestamp, ssrc: 7 };
///     hall.write(0, RtpPacket::build(header, b"sound"))?;
/// }
/// drop(hall); // the end of the stream, and of the loop
/// let mut count = 0;
/// while let Some(received) = packets.next().await {
///     let received = received?;
///     println!("media {} at {} ns, {} lost before", received.media, received.time.pts, received.lost);
///     count += 1;
/// }
/// assert_eq!(count, 3);
/// # Ok(())
/// # })
/// # }
/// ```
pub type Packets = rtspan_std::client::Packets<Tokio>;
/// Sends the packets of a client on tokio that publishes. Its methods are those of [`rtspan_std::client::Publisher`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use rtspan_tokio::{Client, Description, Format, Media, MediaKind, RtpHeader, RtpPacket, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0").await?; // it takes whoever publishes
/// let url = format!("rtsp://{}/live", server.local_addr());
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
/// let publisher = Client::builder(&url)?.publish(Description::new(vec![sound])).await?;
/// let header = RtpHeader { payload_type: 0, marker: false, sequence: 1, timestamp: 0, ssrc: 7 };
/// publisher.write(0, RtpPacket::build(header, b"sound")).await?; // waits while there is no room
/// assert!(publisher.teardown().await?.is_over());
/// # Ok(())
/// # })
/// # }
/// ```
pub type Publisher = rtspan_std::client::Publisher<Tokio>;
/// The frames that a client on tokio receives. Its methods are those of [`rtspan_std::client::Frames`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use rtspan_tokio::{Client, Description, Form, Format, Frame, Media, MediaKind, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0").await?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let mut hall = server.publish("/hall", Description::new(vec![sound]))?.into_frames()?;
///
/// let url = format!("rtsp://{}/hall", server.local_addr());
/// let mut frames = Client::builder(&url)?.play_frames().await?.form(Form::ByteStream);
/// hall.write(&Frame::new(0, 0, vec![0xd5; 160]))?;
/// let frame = frames.next().await.ok_or("the stream has ended")??;
/// assert_eq!((frame.media, frame.data.total_bytes(), frame.lost), (0, 160, 0));
/// # Ok(())
/// # })
/// # }
/// ```
pub type Frames = rtspan_std::client::Frames<Tokio>;
/// Sends the frames of a client on tokio that publishes. Its methods are those of [`rtspan_std::client::FramePublisher`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use rtspan_tokio::{Client, Description, Format, Frame, Media, MediaKind, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0").await?;
/// let url = format!("rtsp://{}/live", server.local_addr());
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let mut live = Client::builder(&url)?.publish_frames(Description::new(vec![sound])).await?;
/// live.write(&Frame::new(0, 0, vec![0xd5; 160])).await?;
/// live.write(&Frame::new(0, 20_000_000, vec![0xd5; 160])).await?; // 20 ms later
/// assert!(live.teardown().await?.is_over());
/// # Ok(())
/// # })
/// # }
/// ```
pub type FramePublisher = rtspan_std::client::FramePublisher<Tokio>;
/// An RTSP server on tokio. Its methods are those of [`rtspan_std::server::Server`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use rtspan_tokio::{Asks, Client, Event, Server, ServerConfig, StatusCode, WithCauses};
///
/// // It asks who may know what is at a path, and answers everything else by itself.
/// let config = ServerConfig::default().asks(Asks::DESCRIBE);
/// let server = Server::builder().config(config).bind("127.0.0.1:0").await?;
/// let url = format!("rtsp://{}/vault", server.local_addr());
/// let visitor = tokio::spawn(async move { Client::connect(&url).await?.describe().await });
/// while let Some(event) = server.next().await {
///     match event {
///         Event::Describe(question) => {
///             let knows_the_key = question.query.as_deref() == Some("key=secret");
///             let reply = if knows_the_key { Ok(()) } else { Err(StatusCode::FORBIDDEN.into()) };
///             server.answer(question.ticket, reply)?;
///         }
///         Event::ConnClosed { peer, reason, .. } => {
///             println!("{peer} has gone: {reason}");
///             break; // a server goes on here
///         }
///         _ => {}
///     }
/// }
/// let refused = visitor.await?.expect_err("it has no key");
/// assert!(WithCauses(&refused).to_string().ends_with("server answered 403 Forbidden"));
/// # Ok(())
/// # })
/// # }
/// ```
pub type Server = rtspan_std::server::Server<Tokio>;
/// How a server on tokio is set up. Its methods are those of [`rtspan_std::server::ServerBuilder`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use rtspan_tokio::{Action, LagPolicy, Secret, Server, ServerConfig, User, Users};
///
/// let users = Users::default()
///     .with(User::new("studio", Secret::password("staple")).may(Action::Publish, "/live/*"))
///     .anyone_may(Action::Read, "*");
/// let server = Server::builder()
///     .config(ServerConfig::default().users(users).lag(LagPolicy::Disconnect))
///     .also_listen("127.0.0.1:0") // a second port
///     .bind("127.0.0.1:0")
///     .await?;
/// assert_eq!(server.local_addrs().len(), 2);
/// # Ok(())
/// # })
/// # }
/// ```
pub type ServerBuilder = rtspan_std::server::ServerBuilder<Tokio>;

/// The README, whose programs are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
const README: () = ();
