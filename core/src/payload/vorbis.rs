//! Vorbis (RFC 5215): several packets of the encoder in a payload, or one in fragments, and the headers that a decoder needs,
//! in the description or among the packets.
//!
//! # Time
//!
//! The timestamp of a payload is that of its first packet. A packet of Vorbis gives a quarter of its own block and a quarter
//! of the one before, so the times of those behind the first follow from the sizes of blocks, which the headers tell. Those are
//! exact. Only where the packet before is not known (the first of all, or the first behind a loss) its block is taken to be
//! as long as the next one.

mod depacketizer;
mod durations;
mod packetizer;

use bytes::Bytes;

pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

use super::{AudioParameters, Parameters};
use crate::description::VorbisHeaders;

/// The kinds of payload.
const RAW: u8 = 0;
const HEADERS: u8 = 1;
/// Bytes in front of the packets, and in front of each.
const HEADER_BYTES: usize = 4;
const LENGTH_BYTES: usize = 2;

/// Adds the parameters that headers tell; they are in the form that a unit has.
pub(super) fn told(private: &Bytes, parameters: &mut Parameters) {
    let Ok(headers) = VorbisHeaders::from_private(0, private) else { return };
    parameters.codec = Some("vorbis".into());
    parameters.audio = Some(AudioParameters::new(headers.sample_rate(), headers.channels()));
    parameters.configuration = Some(private.clone());
}

#[cfg(test)]
mod tests;
