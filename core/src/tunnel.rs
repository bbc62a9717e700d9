//! RTSP through what lets only the web pass: the tunnel of two HTTP requests that QuickTime made, and WebSockets.
//!
//! Both carry the bytes of an RTSP connection, messages and interleaved frames, and where they cut these means nothing. So a
//! tunnel is a layer below [`ConnRx`](crate::conn::ConnRx) and [`Client`](crate::Client), as TLS is, and may itself stand on
//! top of TLS. What is read is decoded in place, in the buffer of the parser above, since it never grows. What a server
//! writes goes out as it is, behind a header of its own at most.
//!
//! * [`Greeting`] tells by the first bytes of a connection which of them a peer speaks, so that one port takes all.
//! * [`http`] reads the requests with which either begins, pairs the two of a tunnel, and has their base64.
//! * [`websocket`] has the handshake and the frames of RFC 6455.

mod error;
mod greeting;
pub mod http;
pub mod websocket;

pub use error::TunnelError;
pub use greeting::Greeting;

/// The carrier of the RTSP of a client, besides TCP and TLS.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Tunnel {
    /// Nothing.
    #[default]
    None,
    /// Two requests of [`http`].
    Http,
    /// A [`websocket`].
    WebSocket,
}

/// The outcome of bytes that a layer has decoded in place.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Decoded<E> {
    /// The first so many bytes are those of RTSP; those behind are used up.
    pub len: usize,
    /// The peer has said its last, behind these bytes.
    pub end: Option<E>,
}
