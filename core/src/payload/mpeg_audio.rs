//! MPEG audio, layers I to III, such as MP3 (RFC 2250, section 3.5).
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::mpeg_audio::FrameHeader;
//!
//! // The first frame of an MP3 file, behind its ID3: 128 kbit/s, stereo.
//! let header = FrameHeader::read(&[0xff, 0xfb, 0x90, 0x00]).expect("a frame");
//! assert_eq!((header.layer, header.sample_rate, header.channels, header.samples), (3, 44_100, 2, 1152));
//! assert_eq!(header.bytes, Some(417), "the next frame begins there");
//! ```

use super::{AudioParameters, Parameters};

mod depacketizer;
mod header;
mod packetizer;

pub use depacketizer::Depacketizer;
pub use header::FrameHeader;
pub use packetizer::Packetizer;

/// The least rate of MPEG-1; MPEG-2 has those below.
const MPEG1_SAMPLE_RATE_MIN: u32 = 32_000;

/// Adds the parameters that a frame tells. All layers have one name (ISO/IEC 14496-1, table 5).
pub(super) fn told(frame: &[u8], parameters: &mut Parameters) {
    let Some(header) = FrameHeader::read(frame) else { return };
    let codec = if header.sample_rate < MPEG1_SAMPLE_RATE_MIN { "mp4a.69" } else { "mp4a.6B" };
    parameters.codec = Some(codec.into());
    parameters.audio = Some(AudioParameters::new(header.sample_rate, header.channels));
}

#[cfg(test)]
mod tests;
