//! RTSP client and server with the whole media path, without sockets, clock, threads, locks or entropy.
//!
//! Bytes and time go in; bytes, deadlines and events come out. Any runtime, simulation or event loop can drive it.
//! `rtspan-std`, `rtspan-smol` and `rtspan-tokio` do: for a program with sockets, take one of those.
//!
//! # The parts
//!
//! * [`client::Client`] is a client: one session, its commands and its media.
//! * [`server::Server`] is the control plane of a server: messages, sessions, timers. Packets go by it: from
//!   [`conn::ConnRx`] or [`udp::UdpMedia`] into a [`stream::StreamLog`], and from there through one
//!   [`stream::Cursor`] per reader to [`conn::ConnTx`] or [`udp::UdpMedia`].
//! * [`frame`] and [`payload`] turn packets into pictures and sound and back. [`description`] has the formats, [`rtp`] the
//!   packets and reports, [`timeline`] their time.
//! * [`auth`] has users with their permissions, and the ways in which peers prove who they are.
//! * [`tunnel`] carries a client or a server through HTTP and WebSockets.
//! * [`wire`], [`header`] and [`url`] read and write the messages of RTSP.
//! * [`check::DriverCheck`] tells in tests what an event loop has forgotten to call.
//!
//! # The ideas
//!
//! * **Five families of methods.** `handle_*` takes what comes from the network or from time. Verbs are commands of the
//!   application. `poll_*` returns what is to be done. `wants_*` tells whether a socket is to be read or written. The rest
//!   are getters. Any of them may follow any other; a call that comes late costs time and nothing else.
//! * **Time and randomness are arguments.** Each call is told the time ([`Instant`]), and a client or a server begins with a seed.
//!   The same seed and the same inputs give the same bytes.
//! * **Two planes.** [`server::Server`] sees a few messages a second and has one owner. Packets never pass it: the media plane is
//!   made of small values that live with the sockets. Only [commands](server::Output) and [reports](conn::Report) pass between them.
//! * **A log, and a cursor for each reader.** A packet is stored once for each stream. A reader is a number; a slow one lags and
//!   holds up nobody ([`stream::LagPolicy`]).
//! * **Everything is bounded.** The defaults of all bounds and deadlines stand in [`limits`].
//! * **Lenient on read, strict on write.** A device's deviation from the standard is accepted, and recorded as a [`Tolerance`].
//!
//! # Features
//!
//! | feature | adds | default |
//! | --- | --- | --- |
//! | `srtp` | SRTP, and MIKEY for its keys (modules `srtp` and `mikey`) | no |
//! | `gzip` | metadata of ONVIF that travels compressed | no |
//!
//! # A client and a server in one loop
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::io::IoSlice;
//!
//! use rtspan_core::client::Transports;
//! use rtspan_core::conn::{ConnCommand, Inbound};
//! use rtspan_core::rtp::{RtpHeader, RtpPacket};
//! use rtspan_core::stream::{StreamLog, Streams};
//! use rtspan_core::{Client, ClientConfig, Server, ServerConfig, ServerOutput};
//! use rtspan_core::{Description, Format, Instant, Media, MediaKind, StreamId, Url};
//!
//! /// A runtime keeps each log behind a lock; here there is nobody to share it with.
//! struct Logs(BTreeMap<StreamId, StreamLog>);
//!
//! impl Streams for Logs {
//!     fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
//!         self.0.get(&stream).map(f).is_some()
//!     }
//! }
//!
//! let now = Instant::ZERO; // a runtime reads its clock before every call
//! let mut server = Server::new(ServerConfig::default(), [1; 32]);
//! let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
//! let (stream, log) = server.add_stream(now, "/cam", Description::new(vec![sound]))?;
//! let mut logs = Logs(BTreeMap::from([(stream, log)]));
//! let mut conn = server.open_conn(now, "192.0.2.1:40000".parse()?)?;
//!
//! let config = ClientConfig::default().transports(Transports::Tcp);
//! let mut client = Client::new(Url::parse("rtsp://server/cam")?, config, [2; 32]);
//! client.describe(now)?;
//! client.setup(now, 0)?;
//! client.play(now, None)?;
//! client.handle_connected(now, Ok("192.0.2.2:554".parse()?));
//!
//! let header = RtpHeader { payload_type: 0, marker: true, sequence: 1, timestamp: 160, ssrc: 7 };
//! let received = loop {
//!     // What the client writes, the server reads.
//!     while client.wants_write() {
//!         let mut slices = [IoSlice::new(&[])]; // a runtime takes 64 at a time, for writev
//!         client.io_slices(&mut slices);
//!         let bytes = slices[0].to_vec();
//!         conn.rx.read_buf()[..bytes.len()].copy_from_slice(&bytes);
//!         conn.rx.handle_read(now, bytes.len());
//!         client.handle_written(now, bytes.len());
//!     }
//!     while let Some(inbound) = conn.rx.poll_input(now)? {
//!         match inbound {
//!             Inbound::Message(message) => server.handle_message(now, conn.id, message, &logs),
//!             Inbound::Report(report) => server.handle_report(now, report),
//!             other => unreachable!("nobody publishes here: {other:?}"),
//!         }
//!     }
//!     // What the server decides, the connection does; then packets are pulled, and the client reads.
//!     while let Some(output) = server.poll_output() {
//!         match output {
//!             ServerOutput::Conn(_, ConnCommand::Rx(command)) => conn.rx.handle_command(now, command),
//!             ServerOutput::Conn(_, ConnCommand::Tx(command)) => conn.tx.handle_command(now, command),
//!             event => println!("{event:?}"),
//!         }
//!     }
//!     conn.tx.pull(now, &logs);
//!     while conn.tx.wants_write() {
//!         let mut slices = [IoSlice::new(&[])];
//!         conn.tx.io_slices(&mut slices);
//!         let bytes = slices[0].to_vec();
//!         client.read_buf()[..bytes.len()].copy_from_slice(&bytes);
//!         client.handle_read(now, bytes.len());
//!         conn.tx.handle_written(now, bytes.len());
//!     }
//!     while let Some(output) = client.poll_output() {
//!         println!("{output:?}");
//!     }
//!     // The application publishes, and the other application receives.
//!     logs.0.get_mut(&stream).unwrap().push(now, 0, RtpPacket::build(header, b"sound"));
//!     if let Some(received) = client.poll_packet() {
//!         break received;
//!     }
//! };
//! assert_eq!((received.media, received.packet.payload()), (0, &b"sound"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to go on
//!
//! * [Event loops](https://github.com/rtspan/rtspan/blob/main/docs/event-loop.md) shows a whole server on `mio`, `poll` and `io_uring`.
//! * [The architecture](https://github.com/rtspan/rtspan/blob/main/ARCHITECTURE.md) says how the parts fit, and why.
//! * [Formats](https://github.com/rtspan/rtspan/blob/main/docs/formats.md) and [time](https://github.com/rtspan/rtspan/blob/main/docs/time.md) tell what frames hold.

#![cfg_attr(docsrs, feature(doc_cfg))]
// Without SRTP some of what carries keys along has nothing to carry.
#![cfg_attr(not(feature = "srtp"), allow(dead_code, clippy::needless_pass_by_ref_mut))]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic,
        clippy::disallowed_types,
        clippy::disallowed_methods
    )
)]

#[macro_use]
mod trace;

// The tests of all crates read errors by the name of this one.
#[cfg(all(test, feature = "srtp"))]
extern crate self as rtspan_core;
#[cfg(all(test, feature = "srtp"))]
#[macro_use]
#[path = "../../tests/told.rs"]
mod told;

pub mod auth;
mod base64;
mod causes;
pub mod check;
pub mod client;
pub mod conn;
mod deadline;
mod demux;
pub mod description;
#[cfg(test)]
#[cfg(feature = "srtp")]
mod errors;
mod few;
pub mod frame;
pub mod header;
mod heard;
mod id;
mod ingest;
mod io_error;
mod keying;
pub mod limits;
#[cfg(feature = "srtp")]
pub mod mikey;
pub mod payload;
mod prefix;
mod printable;
mod profile;
mod random;
pub mod rtp;
mod sdp;
pub mod server;
mod silence;
#[cfg(feature = "srtp")]
pub mod srtp;
pub mod stats;
pub mod stream;
mod subscription;
mod tap;
mod thrift;
mod time;
pub mod timeline;
pub mod tls;
mod tolerance;
mod trouble;
pub mod tunnel;
pub mod udp;
pub mod url;
pub mod wire;

pub use causes::WithCauses;
pub use client::{Client, ClientConfig, ClientEvent, ClientOutput, CommandId};
pub use description::{Codec, Description, Direction, Format, Media, MediaKind};
pub use id::{ConnId, SessionId, StreamId, UdpId};
pub use io_error::IoError;
pub use prefix::{IpPrefix, IpPrefixError};
pub use printable::{Printable, is_printable};
pub use profile::Profile;
pub use server::{Event as ServerEvent, Output as ServerOutput, Server, ServerConfig};
pub use time::{Instant, NtpTime};
pub use tolerance::{Tolerance, Tolerances};
pub use trace::{TracedMessage, without_secrets};
pub use url::{Credentials, Url, UrlError, UrlScheme};

/// The README, whose programs are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
const README: () = ();
