//! AC-3 (RFC 4184) and Enhanced AC-3 (RFC 4598).
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::ac3::FrameHeader;
//!
//! // Each frame says what follows: here 5.1 channels of 384 kbit/s.
//! let header = FrameHeader::read(&[0x0b, 0x77, 0, 0, 0x1c, 0x40, 0xe1]).expect("a frame");
//! assert_eq!((header.sample_rate, header.channels, header.samples, header.bytes), (48_000, 6, 1536, 1536));
//! ```

use super::{AudioParameters, Parameters};

mod configuration;
mod depacketizer;
mod header;
mod packetizer;

pub use depacketizer::Depacketizer;
pub use header::FrameHeader;
pub use packetizer::Packetizer;

/// Adds the parameters that a frame tells. The configuration is that of the first frame: its bitrate may change with any other.
pub(super) fn told(frame: &[u8], parameters: &mut Parameters) {
    let Some(header) = FrameHeader::read(frame) else { return };
    let audio = Some(AudioParameters::new(header.sample_rate, header.channels));
    if parameters.audio != audio {
        parameters.audio = audio;
        parameters.configuration = configuration::configuration(frame);
    }
}

#[cfg(test)]
mod tests;

/// Bytes in front of each payload: its kind, and the number of frames or fragments.
const HEADER_BYTES: usize = 2;

/// The kinds of payload (RFC 4184, section 4.1.1): whole frames, the first fragment of a frame with at least or less than 5/8
/// of it, or another fragment. Enhanced AC-3 only tells whole frames and fragments.
const WHOLE: u8 = 0;
const LARGE_FIRST: u8 = 1;
const SMALL_FIRST: u8 = 2;
const FURTHER: u8 = 3;
