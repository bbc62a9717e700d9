//! RTSP client and server for smol.
//!
//! A smol program that plays:
//!
//! ```no_run
//! use rtspan_smol::{Client, Smol, Transports};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! smol::block_on(async {
//!     let client = Client::builder("rtsp://camera/main")?.runtime(Smol::global());
//!     let mut packets = client.transport(Transports::UdpThenTcp).play().await?;
//!     while let Some(received) = packets.next().await {
//!         let received = received?;
//!         println!("media {}: {} bytes", received.media, received.packet.len());
//!     }
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Where tasks run
//!
//! A client and a server have tasks of their own, and [`Smol`] says where those run:
//!
//! * [`Smol::global`]: on smol's global executor, where `smol::spawn` puts tasks as well. It has one thread, or as many as the
//!   environment variable `SMOL_THREADS` says.
//! * [`Smol::on`]: on an executor of the application, for as long as the application runs it.
//! * [`Smol::default`], if nothing is said: on threads of the library, one for each core at most. Tasks stay on their threads
//!   there, and waking one costs a place in a list: a client was measured to cost a third less than on an executor whose tasks
//!   move between threads. It works in any program, whatever executor that has, or none.
//!
//! Sockets and timers are async-io's in each case, so handles can be awaited wherever smol's own types can.

mod runtime;
mod timer;

pub use rtspan_std::client::Error;
pub use rtspan_std::server::{
    BindError, FrameStream, Holder, ServerStream, StreamPacket, StreamReader, WriteError,
};
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
pub use rtspan_std::tls;
pub use rtspan_std::types::*;
pub use runtime::{Smol, SmolListener, Tcp, Udp};
pub use timer::SmolTimer;

/// An RTSP client on smol.
pub type Client = rtspan_std::client::Client<Smol>;
/// How a client on smol is set up.
pub type ClientBuilder = rtspan_std::client::ClientBuilder<Smol>;
/// The packets that a client on smol receives.
pub type Packets = rtspan_std::client::Packets<Smol>;
/// Sends the packets of a client on smol that publishes.
pub type Publisher = rtspan_std::client::Publisher<Smol>;
/// The frames that a client on smol receives.
pub type Frames = rtspan_std::client::Frames<Smol>;
/// Sends the frames of a client on smol that publishes.
pub type FramePublisher = rtspan_std::client::FramePublisher<Smol>;
/// An RTSP server on smol.
pub type Server = rtspan_std::server::Server<Smol>;
/// How a server on smol is set up.
pub type ServerBuilder = rtspan_std::server::ServerBuilder<Smol>;

/// The README, whose programs are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
const README: () = ();
