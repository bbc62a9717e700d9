//! RTSP client and server on blocking threads, and the code that every runtime shares.
//!
//! [`Client`], [`Server`] and their parts block the thread that calls them. Behind them a thread for each core runs
//! the same tasks that the asynchronous runtimes run: those stand in [`client`] and [`server`], generic over a
//! [`Runtime`](runtime::Runtime).
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use rtspan_std::{Client, Transports};
//!
//! let packets = Client::builder("rtsp://camera/main")?.transport(Transports::UdpThenTcp).play()?;
//! for received in packets {
//!     let received = received?;
//!     println!("media {}: {} bytes", received.media, received.packet.len());
//! }
//! # Ok(())
//! # }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alarm;
mod blocking;
#[cfg(feature = "srtp")]
mod ciphers;
pub mod client;
mod clock;
pub mod conformance;
mod link;
mod mailbox;
mod net;
mod pool;
pub mod runtime;
pub mod server;
#[cfg(feature = "sim")]
pub mod sim;
pub mod threads;
#[cfg(feature = "rustls-layer")]
pub mod tls;
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
