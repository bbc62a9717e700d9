//! A sans-IO RTSP client and server with the whole media path.
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

mod base64;
pub mod client;
pub mod conn;
pub mod description;
pub mod header;
mod id;
mod ingest;
pub mod limits;
pub mod payload;
mod profile;
mod random;
pub mod rtp;
mod sdp;
pub mod server;
pub mod stream;
mod subscription;
mod time;
mod tolerance;
pub mod udp;
pub mod url;
pub mod wire;

pub use client::{Client, ClientConfig, ClientEvent, ClientOutput, CommandId};
pub use description::{Codec, Description, Direction, Format, Media, MediaKind};
pub use id::{ConnId, SessionId, StreamId, UdpId};
pub use profile::Profile;
pub use time::{Instant, NtpTime};
pub use tolerance::{Tolerance, Tolerances};
pub use url::{Credentials, Scheme, Url, UrlError};
