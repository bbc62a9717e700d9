//! The records for subscribers of `tracing`, if that is built in: the one place that sees all events and messages.
//!
//! The core knows nothing of it: it tells events and, if asked, messages without their secrets. A server or client asks for
//! messages if a subscriber wants them when it is built; those that its application has not asked for end here. Where the
//! feature is off, all of this is nothing.

#[cfg(feature = "tracing")]
mod client;
#[cfg(feature = "tracing")]
mod kernel;
#[cfg(feature = "tracing")]
mod message;
#[cfg(not(feature = "tracing"))]
mod off;
#[cfg(feature = "tracing")]
mod server;

#[cfg(feature = "tracing")]
pub(crate) use client::ClientTrace;
#[cfg(feature = "tracing")]
pub(crate) use kernel::{accept_failed, moved, receive_buffer};
#[cfg(not(feature = "tracing"))]
pub(crate) use off::{ClientTrace, ServerTrace, accept_failed, moved, receive_buffer};
#[cfg(feature = "tracing")]
pub(crate) use server::ServerTrace;
