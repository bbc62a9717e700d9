//! RTSP server on blocking threads, and what every runtime shares.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alarm;
mod blocking;
mod clock;
mod mailbox;
mod net;
pub mod runtime;
pub mod server;
pub mod threads;
pub mod types;
mod wake;

pub use blocking::{Server, ServerBuilder};
pub use clock::{now, wall};
pub use net::{SocketRef, shutdown};
pub use server::{BindError, Stream, WriteError};
pub use types::*;
