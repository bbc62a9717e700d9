use crate::limits::MIKEY_BYTES_MAX;
use crate::srtp::KeyError;

/// Why a message of MIKEY cannot be used; its sender is at fault, or uses a part of MIKEY that RTSP has no use for.
///
/// `offset` is that of the byte in the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MikeyError {
    /// The text is not base64.
    #[error("the message is not in base64")]
    NotBase64,
    /// The message is too long.
    #[error("a message of {length} bytes is longer than {MIKEY_BYTES_MAX}")]
    TooLong {
        /// Bytes of the message.
        length: usize,
    },
    /// The message ends within a field.
    #[error("the message ends within the {field} at byte {offset}")]
    Truncated {
        /// The field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// Bytes follow the last payload.
    #[error("{count} bytes follow the last payload, at byte {offset}")]
    TrailingBytes {
        /// Where they begin.
        offset: usize,
        /// Bytes that there are.
        count: usize,
    },
    /// A field has a value that is not known, or that is not for keys that travel in the clear.
    #[error("the {field} at byte {offset} is {value}, which is not supported")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// Where it stands.
        offset: usize,
        /// Its value.
        value: u8,
    },
    /// The peer answers that it has failed (RFC 3830, section 6.12).
    #[error("the peer could not use the keys that it was sent: error {code} of MIKEY")]
    Failed {
        /// The error that it tells.
        code: u8,
    },
    /// A parameter of the security policy is not of a suite that is known.
    #[error("parameter {parameter} of the security policy is {value}, which is of no suite that is known")]
    Policy {
        /// The parameter (RFC 3830, section 6.10.1).
        parameter: u8,
        /// Its value, the last 64 bits of it.
        value: u64,
    },
    /// The message has no key.
    #[error("the message has no key")]
    NoKey,
    /// The key or its salt is not one of the suite.
    #[error("the key in the message is none of its suite")]
    Key(#[source] KeyError),
}
