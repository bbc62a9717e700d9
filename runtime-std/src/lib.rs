//! RTSP client and server on blocking threads, and the code that every runtime shares.
//!
//! It plays from cameras, recorders and media servers, publishes to them, and is a server itself: over interleaved TCP, UDP and
//! multicast, through TLS, HTTP and WebSockets, with SRTP, back channels and Digest authentication.
//!
//! Calls block the thread that makes them. The work is done behind them by a thread for each core, so that sessions stay alive also
//! while nobody calls. With `async` the same names are in `rtspan-tokio` and `rtspan-smol`; a runtime of your own implements
//! [`Runtime`](runtime::Runtime).
//!
//! # A client
//!
//! ```no_run
//! use rtspan_std::{Client, Form, MediaKind};
//!
//! let camera = Client::builder("rtsp://user:password@camera/main")?.medias([MediaKind::Video]);
//! for frame in camera.play_frames()?.form(Form::ByteStream) {
//!     let frame = frame?;
//!     println!("{} ns: {} bytes, keyframe: {}", frame.time.pts, frame.data.total_bytes(), frame.is_keyframe);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A server
//!
//! ```
//! use rtspan_std::{Client, Description, Format, Frame, Media, MediaKind, Server};
//!
//! let server = Server::builder().bind("127.0.0.1:0")?; // a free port
//! let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
//! let mut hall = server.publish("/hall", Description::new(vec![sound]))?.into_frames()?;
//!
//! let url = format!("rtsp://{}/hall", server.local_addr());
//! let mut frames = Client::builder(&url)?.play_frames()?;
//! hall.write(&Frame::new(0, 0, vec![0xd5; 160]))?; // 20 ms of silence; writing never waits
//! let frame = frames.next().ok_or("the stream has ended")??;
//! assert_eq!(frame.data.total_bytes(), 160);
//! # Ok::<(), Box<dyn std::error::Error>>(())
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
//! | `sim` | a simulated network with virtual time, for tests ([`sim`]) | no |
//!
//! # Where to go on
//!
//! * [Examples by task](https://github.com/rtspan/rtspan/blob/main/examples/README.md): record a camera, publish, relay on demand, users, TLS, back channels.
//! * Guides: [time](https://github.com/rtspan/rtspan/blob/main/docs/time.md), [reconnecting](https://github.com/rtspan/rtspan/blob/main/docs/reconnect.md), [TLS, SRTP and tunnels](https://github.com/rtspan/rtspan/blob/main/docs/encryption.md),
//!   [networks](https://github.com/rtspan/rtspan/blob/main/docs/networks.md), [formats](https://github.com/rtspan/rtspan/blob/main/docs/formats.md).
//! * For those who come from [gortsplib](https://github.com/rtspan/rtspan/blob/main/docs/gortsplib.md) or [retina](https://github.com/rtspan/rtspan/blob/main/docs/retina.md).
//! * [A runtime of your own](https://github.com/rtspan/rtspan/blob/main/docs/runtime.md), and [simulated worlds for your tests](https://github.com/rtspan/rtspan/blob/main/docs/simulation.md).

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(test)]
#[macro_use]
#[path = "../../tests/told.rs"]
mod told;

mod alarm;
mod blocking;
#[cfg(feature = "srtp")]
mod ciphers;
pub mod client;
mod clock;
pub mod conformance;
#[cfg(test)]
mod errors;
mod link;
mod mailbox;
mod net;
mod pool;
pub mod runtime;
pub mod server;
#[cfg(feature = "sim")]
pub mod sim;
pub mod threads;
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
pub mod tls;
mod trace;
pub mod types;
mod wake;

pub use blocking::{
    Client, ClientBuilder, FramePublisher, Frames, Packets, Publisher, Server, ServerBuilder, StreamReader,
    TimedOut,
};
pub use client::Error;
pub use clock::{now, to_std, wall};
pub use net::{
    Datagrams, Dscp, Membership, NotADscp, SocketRef, accept, bind_udp, listen, read_buf, set_dscp,
    set_keepalive, shutdown,
};
pub use server::{BindError, FrameStream, Holder, ServerStream, StreamPacket, WriteError};
pub use types::*;

/// The README, whose programs are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
const README: () = ();
