//! The handles of [`client`](crate::client) and [`server`](crate::server) for threads that may block.

mod client;
mod client_builder;
mod frames;
mod publisher;
mod server;
mod server_builder;

pub use client::{Client, Packets};
pub use client_builder::ClientBuilder;
pub use frames::{FramePublisher, Frames};
pub use publisher::Publisher;
pub use server::{Server, StreamReader, TimedOut};
pub use server_builder::ServerBuilder;
