//! The handles of [`client`](crate::client) and [`server`](crate::server) for threads that may block.

mod client;
mod client_builder;
mod frames;
mod server;

pub use client::{Client, Packets, Publisher};
pub use client_builder::ClientBuilder;
pub use frames::{FramePublisher, Frames};
pub use server::{Server, ServerBuilder, StreamReader, TimedOut};
