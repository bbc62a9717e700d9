use std::fmt;

use super::{Protocol, StatusCode};

/// The kind of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessageKind {
    /// A request.
    Request,
    /// A response.
    Response,
}

/// The part that a start line lacks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Expected {
    /// A request URI without control characters.
    Uri,
    /// `RTSP/1.0` at the end of a request line.
    Version,
    /// A status code of 100 to 599.
    StatusCode,
}

/// The peer broke the framing: nothing that follows can be read.
///
/// `offset` is that of the item's first byte in everything that the peer has sent; `cseq` is the
/// number of the message as far as it could be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// No item begins for too long.
    #[error("more than {limit} bytes at offset {offset} are neither message nor frame")]
    Garbage {
        /// Where it begins.
        offset: u64,
        /// The bytes allowed.
        limit: usize,
    },
    /// The start line alone takes up the whole head.
    #[error("start line of the {kind} at offset {offset} is longer than {limit} bytes")]
    StartLineTooLong {
        /// Request or response.
        kind: MessageKind,
        /// Where the message begins.
        offset: u64,
        /// The bytes allowed.
        limit: usize,
    },
    /// The head does not end in time.
    #[error("head of the {kind} at offset {offset} is longer than {limit} bytes")]
    HeadTooLong {
        /// Request or response.
        kind: MessageKind,
        /// Where the message begins.
        offset: u64,
        /// The bytes allowed.
        limit: usize,
        /// The number of the message.
        cseq: Option<u32>,
    },
    /// The head has too many headers.
    #[error("{kind} at offset {offset} has more than {limit} headers")]
    TooManyHeaders {
        /// Request or response.
        kind: MessageKind,
        /// Where the message begins.
        offset: u64,
        /// The headers allowed.
        limit: usize,
        /// The number of the message.
        cseq: Option<u32>,
    },
    /// The start line is malformed.
    #[error("start line of the {kind} at offset {offset} has no valid {expected}")]
    BadStartLine {
        /// Request or response.
        kind: MessageKind,
        /// Where the message begins.
        offset: u64,
        /// The missing part.
        expected: Expected,
    },
    /// The message is of a version other than RTSP/1.0.
    #[error("{kind} at offset {offset} is not of version RTSP/1.0")]
    Version {
        /// Request or response.
        kind: MessageKind,
        /// Where the message begins.
        offset: u64,
        /// The number of the message.
        cseq: Option<u32>,
    },
    /// `Content-Length` is no number, or is two.
    #[error("content length of the {kind} at offset {offset} is not one number")]
    BadContentLength {
        /// Request or response.
        kind: MessageKind,
        /// Where the message begins.
        offset: u64,
        /// The number of the message.
        cseq: Option<u32>,
    },
    /// The body that `Content-Length` announces is too long.
    #[error("body of the {kind} at offset {offset} is announced as {length} bytes, more than {limit}")]
    BodyTooLong {
        /// Request or response.
        kind: MessageKind,
        /// Where the message begins.
        offset: u64,
        /// The bytes announced; `u64::MAX` for all beyond it.
        length: u64,
        /// The bytes allowed.
        limit: usize,
        /// The number of the message.
        cseq: Option<u32>,
    },
    /// The peer speaks another protocol.
    #[error("the peer speaks {protocol}, not RTSP, at offset {offset}")]
    Foreign {
        /// The other protocol.
        protocol: Protocol,
        /// Where it begins.
        offset: u64,
    },
}

impl WireError {
    /// The status that a server answers before it closes; none where an answer in RTSP makes no sense.
    ///
    /// A peer that speaks another protocol may have a [refusal](Protocol::refusal) in its own.
    pub fn status(&self) -> Option<StatusCode> {
        let (kind, status) = match self {
            Self::Garbage { .. } => return None,
            Self::Foreign { protocol, .. } => {
                return protocol.refusal().is_none().then_some(StatusCode::BAD_REQUEST);
            }
            Self::StartLineTooLong { kind, .. } => (kind, StatusCode::REQUEST_URI_TOO_LARGE),
            Self::HeadTooLong { kind, .. } | Self::TooManyHeaders { kind, .. } => {
                (kind, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            }
            Self::BadStartLine { kind, .. } | Self::BadContentLength { kind, .. } => {
                (kind, StatusCode::BAD_REQUEST)
            }
            Self::Version { kind, .. } => (kind, StatusCode::RTSP_VERSION_NOT_SUPPORTED),
            Self::BodyTooLong { kind, .. } => (kind, StatusCode::REQUEST_ENTITY_TOO_LARGE),
        };
        (*kind == MessageKind::Request).then_some(status)
    }

    /// The number of the message at fault, as far as it could be read.
    pub fn cseq(&self) -> Option<u32> {
        match self {
            Self::Garbage { .. }
            | Self::StartLineTooLong { .. }
            | Self::BadStartLine { .. }
            | Self::Foreign { .. } => None,
            Self::HeadTooLong { cseq, .. }
            | Self::TooManyHeaders { cseq, .. }
            | Self::Version { cseq, .. }
            | Self::BadContentLength { cseq, .. }
            | Self::BodyTooLong { cseq, .. } => *cseq,
        }
    }

    /// Where the item at fault begins in everything that the peer has sent.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Garbage { offset, .. }
            | Self::StartLineTooLong { offset, .. }
            | Self::HeadTooLong { offset, .. }
            | Self::TooManyHeaders { offset, .. }
            | Self::BadStartLine { offset, .. }
            | Self::Version { offset, .. }
            | Self::BadContentLength { offset, .. }
            | Self::BodyTooLong { offset, .. }
            | Self::Foreign { offset, .. } => *offset,
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uri => "uri",
            Self::Version => "version",
            Self::StatusCode => "status code",
        })
    }
}
