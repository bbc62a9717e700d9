//! The handles of [`server`](crate::server) for threads that may block.

mod server;

pub use server::{Server, ServerBuilder};
