use bytes::Bytes;

use super::{ONVIF_PROTOCOL, accept_of};
use crate::base64;
use crate::tunnel::http::{ResponseError, parse_response, request_line};
use crate::{Tolerance, Tolerances};

/// The handshake of a client (RFC 6455, section 4.1).
///
/// ```
/// use rtspan_core::tunnel::websocket::Handshake;
///
/// let seed = [7; 32]; // of chance
/// let handshake = Handshake::new("camera", "/rtsp-over-websocket", seed);
/// assert!(handshake.request().starts_with(b"GET /rtsp-over-websocket HTTP/1.1\r\nHost: camera\r\n"));
/// assert_eq!(handshake.check(b"HTTP/1.1 101 Switching Pro"), Ok(None));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Handshake {
    request: Bytes,
    accept: String,
}

/// A handshake that the server has agreed to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Confirmed {
    /// Bytes of the answer; behind it a [`WebSocket`](super::WebSocket) begins.
    pub len: usize,
    /// How the answer deviates from RFC 6455.
    pub tolerances: Tolerances,
}

/// Why the server's answer makes no WebSocket; the server is at fault, or does not want one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The answer is another than 101.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The server has changed to another protocol.
    #[error("the server has not changed to the protocol of websockets")]
    Upgrade,
    /// The server has not read the key: the answer is that of a cache, or of no WebSocket.
    #[error("the Sec-WebSocket-Accept does not fit the key")]
    Accept,
    /// The server has chosen a subprotocol that was not on offer.
    #[error("the server has chosen another subprotocol than rtsp.onvif.org")]
    Protocol,
    /// The server uses an extension that was not on offer.
    #[error("the server uses an extension that was not on offer")]
    Extension,
}

impl Handshake {
    /// A handshake for RTSP, `rtsp.onvif.org`.
    ///
    /// `host` is as in a URL, with its port if that is not the default. `target` is the path and query of the stream, or
    /// those that the server has for WebSockets, such as Axis's `/rtsp-over-websocket`. The seed has to be of chance.
    pub fn new(host: &str, target: &str, seed: [u8; 32]) -> Self {
        let key = base64::encode(seed.first_chunk::<16>().map_or(&[], |key| key));
        let line = request_line("GET", target, "HTTP/1.1", host);
        let request = format!(
            "{line}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {ONVIF_PROTOCOL}\r\n\r\n"
        );
        Self { request: request.into(), accept: accept_of(&key) }
    }

    /// The bytes to be written.
    pub fn request(&self) -> Bytes {
        self.request.clone()
    }

    /// Reads the answer in front of `bytes`; `None` before all of it has come.
    ///
    /// # Errors
    ///
    /// When no WebSocket can come of it.
    pub fn check(&self, bytes: &[u8]) -> Result<Option<Confirmed>, HandshakeError> {
        let read = parse_response(bytes, 101, |head| {
            if !head.has_element("Upgrade", "websocket") || !head.has_element("Connection", "Upgrade") {
                return Err(HandshakeError::Upgrade);
            }
            if head.get("Sec-WebSocket-Accept") != Some(&self.accept[..]) {
                return Err(HandshakeError::Accept);
            }
            if head.elements("Sec-WebSocket-Extensions").next().is_some() {
                return Err(HandshakeError::Extension);
            }
            let mut tolerances = Tolerances::NONE;
            match head.get("Sec-WebSocket-Protocol") {
                Some(protocol) if protocol.eq_ignore_ascii_case(ONVIF_PROTOCOL) => {}
                Some(_) => return Err(HandshakeError::Protocol),
                None => tolerances.record(Tolerance::SubprotocolNotEchoed),
            }
            Ok(tolerances)
        })?;
        Ok(read.map(|(tolerances, len)| Confirmed { len, tolerances }))
    }
}

#[cfg(test)]
mod tests;
