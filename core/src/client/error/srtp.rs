use crate::srtp::KeyingError;

/// The reason for which an encrypted media (SRTP) is not set up or announced.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SrtpError {
    /// Keys would travel in the clear.
    #[error("its keys would travel in the clear; use rtsps, or allow that (ClientSrtp::without_tls)")]
    NotOverTls,
    /// The server tells no keys, neither in the description nor in its answer to SETUP.
    #[error("the server tells no keys (MIKEY); have it do so, or offer the media without SRTP")]
    NoKeys,
    /// The server has its keys in `a=crypto` (RFC 4568) only, which needs an offer and an answer that RTSP does not have.
    #[error("its keys are in a=crypto, which RTSP does not use; have the server use MIKEY, or no SRTP")]
    OnlyCrypto,
    /// The keys of the server cannot be used.
    #[error("its keys cannot be used")]
    Keys(#[source] KeyingError),
}
