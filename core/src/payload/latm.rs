//! MPEG-4 audio in LATM (RFC 6416, `MP4A-LATM`), mostly AAC, with its configuration in the description or in the stream.
//! Of several programs or layers nothing is read.
//!
//! Units are as those of [`aac`](super::aac): raw, without any header.

mod depacketizer;
mod element;
mod packetizer;

use bytes::Bytes;

pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

use super::{AudioParameters, Parameters};
use crate::description::AudioConfig;

/// Bytes of a unit that is read: more than 48 channels of AAC can have.
const UNIT_BYTES_MAX: usize = 64 << 10;

/// Adds the parameters that an AudioSpecificConfig tells.
pub(super) fn told(config: &Bytes, parameters: &mut Parameters) {
    let Some(audio) = AudioConfig::read(config) else { return };
    parameters.codec = Some(format!("mp4a.40.{}", audio.object_type).into());
    parameters.audio = Some(AudioParameters::new(audio.sample_rate, audio.channels));
    parameters.configuration = Some(config.clone());
}

#[cfg(test)]
mod tests;
