use crate::IoError;

use super::http::{Base64Error, PairingError, RequestError, ResponseError};
use super::websocket::{FrameError, HandshakeError, UpgradeError};

/// Why a tunnel was not made, or has broken; the peer is at fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// The request of HTTP begins no tunnel.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The request of HTTP is no half of a tunnel.
    #[error(transparent)]
    Pairing(#[from] PairingError),
    /// The body of POST is no base64.
    #[error(transparent)]
    Base64(#[from] Base64Error),
    /// The WebSocket is not accepted.
    #[error(transparent)]
    Upgrade(#[from] UpgradeError),
    /// The server does not agree to a tunnel of HTTP.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The server does not agree to a WebSocket.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The connection has ended in the middle of a handshake.
    #[error("the connection was lost in the middle of a handshake")]
    Lost(#[source] IoError),
    /// The bytes that came over a WebSocket are none of its frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
}
