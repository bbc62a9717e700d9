//! MPEG-4 audio in LATM (RFC 6416, `MP4A-LATM`), mostly AAC, with its configuration in the description or in the stream.
//! Streams of several programs or layers are not read.
//!
//! Units are as those of [`aac`](super::aac): raw, without any header.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::Format;
//! use rtspan_core::description::Codec;
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::latm::{Depacketizer, Packetizer};
//!
//! // AAC-LC, 48 kHz, stereo. With `cpresent=1` each packet tells the configuration, and a description need not.
//! let format = Format::new(96, "MP4A-LATM", 48_000);
//! let described = format.clone().with_fmtp("cpresent=1; config=400023203fc0");
//! let (Codec::Latm(latm), Codec::Latm(undescribed)) = (described.codec(), format.codec()) else { unreachable!() };
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 7, 0), latm, 48_000).expect("a configuration");
//! let mut depacketizer = Depacketizer::new(undescribed, 48_000);
//! packetizer.packetize([&[1, 2, 3][..]], 0, |packet| depacketizer.push(&packet, 0).expect("it is whole"))?;
//! let unit = depacketizer.poll().expect("a unit of 1024 samples");
//! assert_eq!(unit.parts.to_bytes(), [1, 2, 3][..]);
//! assert_eq!(unit.configuration.as_deref(), Some(&[0x11, 0x90][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
