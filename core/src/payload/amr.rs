//! AMR and AMR-WB (RFC 4867), packed by bytes or by bits, of one or several channels. Interleaved frames, checksums and
//! robust sorting are refused.
//!
//! A unit is a frame-block: the frames of all channels for the same 20 ms. It has the bytes that files have (RFC 4867,
//! section 5.3): for each channel a byte that names the frame's type and quality, and the frame.

mod depacketizer;
mod packetizer;
mod shape;

pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

use super::{AudioParameters, Parameters};
use crate::description::Amr;

/// Adds the parameters that a description tells.
pub(super) fn parameters(amr: &Amr, parameters: &mut Parameters) {
    let (codec, sample_rate) = if amr.is_wideband { ("sawb", 16_000) } else { ("samr", 8_000) };
    parameters.codec = Some(codec.into());
    parameters.audio = Some(AudioParameters::new(sample_rate, amr.channels));
}

#[cfg(test)]
mod tests;
