//! RTSP client and server for tokio.

mod runtime;

pub use rtspan_std::server::{BindError, Stream, WriteError};
pub use rtspan_std::types::*;
pub use runtime::{Tcp, Tokio, TokioListener, TokioTimer, Udp};

/// An RTSP server on tokio.
pub type Server = rtspan_std::server::Server<Tokio>;
/// How a server on tokio is set up.
pub type ServerBuilder = rtspan_std::server::ServerBuilder<Tokio>;
