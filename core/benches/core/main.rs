//! How long the steps take that are done for every message, packet and reader.
//!
//! ```sh
//! cargo bench -p rtspan-core
//! ```
#![allow(clippy::unwrap_used)]

mod client;
mod description;
mod fan_out;
mod payload;
mod rtp;
mod wire;

fn main() {
    divan::main();
}
