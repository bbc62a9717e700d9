//! RTSP client and server for smol.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use rtspan_smol::{Client, Transports};
//!
//! let mut packets = Client::builder("rtsp://camera/main")?.transport(Transports::UdpThenTcp).play().await?;
//! while let Some(received) = packets.next().await {
//!     let received = received?;
//!     println!("media {}: {} bytes", received.media, received.packet.len());
//! }
//! # Ok(())
//! # }
//! ```

mod runtime;
mod timer;

pub use rtspan_std::client::Error;
pub use rtspan_std::server::{
    BindError, FrameStream, Holder, ServerStream, StreamPacket, StreamReader, WriteError,
};
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
