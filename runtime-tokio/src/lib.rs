//! RTSP client and server for tokio.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use rtspan_tokio::{Client, Transports};
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

pub use rtspan_std::client::Error;
pub use rtspan_std::server::{
    BindError, FrameStream, Holder, ServerStream, StreamPacket, StreamReader, WriteError,
};
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
pub use rtspan_std::tls;
pub use rtspan_std::types::*;
pub use runtime::{Tcp, Tokio, TokioListener, TokioTimer, Udp};

/// An RTSP client on tokio.
pub type Client = rtspan_std::client::Client<Tokio>;
/// How a client on tokio is set up.
pub type ClientBuilder = rtspan_std::client::ClientBuilder<Tokio>;
/// The packets that a client on tokio receives.
pub type Packets = rtspan_std::client::Packets<Tokio>;
/// Sends the packets of a client on tokio that publishes.
pub type Publisher = rtspan_std::client::Publisher<Tokio>;
/// The frames that a client on tokio receives.
pub type Frames = rtspan_std::client::Frames<Tokio>;
/// Sends the frames of a client on tokio that publishes.
pub type FramePublisher = rtspan_std::client::FramePublisher<Tokio>;
/// An RTSP server on tokio.
pub type Server = rtspan_std::server::Server<Tokio>;
/// How a server on tokio is set up.
pub type ServerBuilder = rtspan_std::server::ServerBuilder<Tokio>;

/// The README, whose programs are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
const README: () = ();
