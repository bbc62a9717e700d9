//! RTSP in a WebSocket (RFC 6455): the stream of bytes of a connection, in binary messages of any size.
//!
//! ```text
//! server: http::Request::parse ──▶ Upgrade::accept ──▶ 101 ──┐
//! client: Handshake::request ──▶ Handshake::check ───────────┴──▶ WebSocket::decode … End
//! ```
//!
//! A [`WebSocket`] reads. What a server writes goes out behind a [`FrameHeader`] as it is, whatever number of slices it is in;
//! what a client writes has to be masked, and so is copied by [`WebSocket::frame`]. Pongs, and the frame that closes, come out by
//! [`WebSocket::poll_control`], to be written between two frames.

mod accept;
mod close;
mod error;
mod frame;
mod handshake;
mod mask;
mod socket;

pub use accept::{Accepted, Origins, Upgrade, UpgradeError};
pub use close::{Close, CloseCode};
pub use error::FrameError;
pub use frame::FrameHeader;
pub use handshake::{Confirmed, Handshake, HandshakeError};
pub use socket::{End, WebSocket};

use sha1::{Digest, Sha1};

/// The subprotocol of ONVIF (Streaming Specification, 5.1.1.5).
pub const ONVIF_PROTOCOL: &str = "rtsp.onvif.org";

/// Subprotocols whose messages are the bytes of an RTSP connection. Browsers' libraries ask for `binary`.
const PROTOCOLS: [&str; 2] = [ONVIF_PROTOCOL, "binary"];

/// The `Sec-WebSocket-Accept` that proves that a key was read (RFC 6455, section 4.2.2).
fn accept_of(key: &str) -> String {
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    crate::base64::encode(&hash)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_key_of_rfc_6455_is_accepted_as_there() {
        assert_eq!(super::accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
