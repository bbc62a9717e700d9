//! The handles of [`client`](crate::client) and [`server`](crate::server) for threads that may block.

mod client;
mod server;

pub use client::{Client, ClientBuilder, Packets, Publisher};
pub use server::{Server, ServerBuilder, StreamReader, TimedOut};
