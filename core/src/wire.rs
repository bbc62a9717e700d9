//! The wire: messages (RFC 2326, 4 to 7) and interleaved frames (10.12) to and from bytes.
//!
//! [`Decoder`] takes bytes as they come and gives whole [`Item`]s. It reads leniently, within [`DecoderLimits`]. Messages are
//! written in canonical form, and nothing put into one can split it.

mod block;
mod decoder;
mod error;
mod foreign;
mod head;
mod headers;
mod limits;
mod message;
mod method;
pub mod name;
pub(crate) mod scan;
pub(crate) mod start;
mod status;

use bytes::Bytes;

pub use decoder::Decoder;
pub use error::{Expected, MessageKind, WireError};
pub use foreign::Protocol;
pub use headers::Headers;
pub(crate) use headers::is_token;
pub use limits::DecoderLimits;
pub use message::{Message, Request, Response};
pub use method::Method;
pub use status::StatusCode;

/// An interleaved frame (RFC 2326, 10.12).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// The channel that SETUP agreed on.
    pub channel: u8,
    /// An RTP or RTCP packet.
    pub payload: Bytes,
}

/// Bytes in front of the payload of an interleaved frame (RFC 2326, section 10.12).
pub(crate) const FRAME_HEADER_BYTES: usize = 4;

impl Frame {
    /// The four bytes in front of a payload of `len` bytes.
    pub const fn header(channel: u8, len: u16) -> [u8; 4] {
        let [high, low] = len.to_be_bytes();
        [b'$', channel, high, low]
    }
}

/// An item that a connection carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Item {
    /// A request or a response.
    Message(Message),
    /// An interleaved frame.
    Frame(Frame),
}
