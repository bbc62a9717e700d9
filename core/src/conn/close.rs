use std::io;

use crate::wire::WireError;

/// Why a connection or a session ended.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The system reported an error of the socket.
    #[error("the connection failed: {0}")]
    Io(io::ErrorKind),
    /// The peer sent what cannot be read.
    #[error("the peer sent what cannot be read: {0}")]
    Wire(#[from] WireError),
    /// A trusted proxy did not say where the connection comes from.
    #[error("a trusted proxy sent no header of the PROXY protocol")]
    NoProxyHeader,
    /// A message began and did not end in time.
    #[error("the peer began a message and did not complete it in time")]
    MessageTimeout,
    /// The socket took nothing, or next to nothing, for too long.
    #[error("the peer takes hardly anything of what is sent")]
    WriteStalled,
    /// Too many answers wait for the peer to read them.
    #[error("the peer does not read its answers")]
    OutboxFull,
    /// The peer has sent wrong credentials too often.
    #[error("the peer has sent wrong credentials too often")]
    AuthFailed,
    /// Nothing came for too long.
    #[error("nothing came from the peer for too long")]
    Idle,
    /// The session was set up and never played or recorded.
    #[error("the session was set up and never played or recorded")]
    NeverBegan,
    /// The peer tore the session down.
    #[error("the peer tore the session down")]
    Teardown,
    /// The connection that the session was bound to is gone.
    #[error("the connection of the session is gone")]
    ConnectionLost,
    /// Another publisher has taken the place of the session.
    #[error("another publisher has taken its place")]
    TakenOver,
    /// The stream that the session read has ended.
    #[error("the stream has ended")]
    StreamEnded,
    /// The reader was too slow for the stream.
    #[error("the reader is too slow for the stream")]
    ReaderTooSlow,
    /// The application closed it.
    #[error("closed by the application")]
    Application,
    /// A proxy has passed it on from an address that has as many connections as it may.
    #[error("the peer's address has as many connections as it may")]
    AddressFull,
    /// The server was closed.
    #[error("the server was closed")]
    ServerClosed,
}
