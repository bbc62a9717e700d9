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
    keep_memory();
    divan::main();
}

/// Has the allocator keep what is freed, as that of a program does which has run for a while: glibc returns free memory
/// beyond 128 KB to the system, until something larger was freed. The faults would be most of what is measured.
fn keep_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(16 << 20)));
}
