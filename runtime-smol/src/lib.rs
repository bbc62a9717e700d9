//! RTSP client and server for smol.

mod runtime;

pub use rtspan_std::server::{BindError, Stream, WriteError};
pub use rtspan_std::types::*;
pub use runtime::{Smol, SmolListener, SmolTimer, Tcp, Udp};

/// An RTSP server on smol.
pub type Server = rtspan_std::server::Server<Smol>;
/// How a server on smol is set up.
pub type ServerBuilder = rtspan_std::server::ServerBuilder<Smol>;
