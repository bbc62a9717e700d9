//! RTSP in two requests of HTTP, the tunnel that QuickTime made, and the requests with which tunnels and WebSockets begin.
//!
//! A client sends GET and POST over a connection each, with the same `x-sessioncookie`. The server's words follow the answer
//! to GET as they are; the client's follow POST in base64.
//!
//! ```text
//! server: Request::parse ─┬─ Get ───▶ Pairing::get, ANSWER_TO_GET ──▶ RTSP is written
//!                         ├─ Post ──▶ Pairing::post ──▶ Base64Decoder::decode: RTSP is read
//!                         └─ WebSocket ──▶ see `websocket`
//! client: Handshake::get ──▶ Handshake::check ──▶ Handshake::post ──▶ encode_base64
//! ```

mod base64;
mod client;
mod handshake;
mod pairing;
mod refusal;
mod request;
mod response;

use std::io::IoSlice;

use bytes::BytesMut;

pub use base64::{Base64Decoder, Base64Error};
pub(in crate::tunnel) use client::request_line;
pub use handshake::Handshake;
pub use pairing::{Half, Pairing, PairingError, Refused};
pub(crate) use refusal::refusal;
pub(in crate::tunnel) use request::Head;
pub use request::{Request, RequestError, RequestKind, SessionCookie};
pub use response::ResponseError;
pub(in crate::tunnel) use response::parse as parse_response;

/// The answer of a server to GET, behind which RTSP follows. It is written at once, since clients wait for it before they send
/// POST, which is never answered.
///
/// Its version is HTTP/1.0: so nothing in between divides what follows into chunks, and there are clients that insist on it.
pub const ANSWER_TO_GET: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\
    Cache-Control: no-cache\r\nPragma: no-cache\r\nConnection: close\r\n\r\n";

/// Appends what a client writes, in as many slices as it is in, to what goes out behind POST: as one text in base64.
pub fn encode_base64(slices: &[IoSlice<'_>], text: &mut BytesMut) {
    crate::base64::encode_to(slices.iter().map(|slice| &**slice), text);
}
