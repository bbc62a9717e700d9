//! Requests of several clients, chosen by the bytes, against the reference model of sessions.

use crate::model;
use crate::sim::FromBytes;

/// Requests at most: some dozens suffice for all that several sessions can come to.
const REQUESTS: usize = 300;

/// The fuzz target.
///
/// # Panics
///
/// If the server does anything that the model does not say.
pub fn run(data: &[u8]) {
    model::tell(&mut FromBytes::new(data), REQUESTS);
}
