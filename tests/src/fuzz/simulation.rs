//! A server, its clients and a bad network, whose decisions are the bytes.

use crate::sim::{self, FromBytes};

/// The fuzz target.
///
/// # Panics
///
/// If anything is violated that must hold in a simulated world.
pub fn run(data: &[u8]) {
    sim::run(&mut FromBytes::new(data));
}
