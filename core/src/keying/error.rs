use crate::header::HeaderError;
use crate::mikey::MikeyError;
use crate::srtp::Suite;

/// Why the keys that a peer has told cannot be used; the peer is at fault, or uses what is not supported.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyingError {
    /// The header KeyMgmt, or a parameter of that name, cannot be read.
    #[error("the header KeyMgmt cannot be read")]
    Header(#[source] HeaderError),
    /// Keys are told by another protocol than MIKEY.
    #[error("keys are told by {0:?}; only MIKEY is supported")]
    Protocol(Box<str>),
    /// The message of MIKEY cannot be read, or is none of those that RTSP uses.
    #[error("the message of MIKEY cannot be used")]
    Mikey(#[source] MikeyError),
    /// The keys are of a suite that is not allowed here.
    #[error("the keys are of {0}, which is not allowed here; allow it, or have the peer use another suite")]
    Suite(Suite),
}
