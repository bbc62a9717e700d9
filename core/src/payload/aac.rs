//! AAC, and any MPEG-4 audio with AU headers (RFC 3640, `mpeg4-generic`): modes AAC-hbr and AAC-lbr, and headers of any
//! other lengths. Interleaved units are refused.
//!
//! ```
//! use rtspan_core::payload::{PacketizerConfig, aac};
//! use rtspan_core::{Codec, Format};
//!
//! let format = Format::mpeg4_audio(97, &[0x12, 0x10])?; // the AudioSpecificConfig: AAC-LC, 44.1 kHz, stereo
//! let Codec::Mpeg4Audio(audio) = format.codec() else { panic!("it was made just now") };
//! let mut packetizer = aac::Packetizer::new(PacketizerConfig::new(97, 7, 0), audio, format.clock_rate());
//! let mut depacketizer = aac::Depacketizer::new(audio, format.clock_rate());
//! let unit = [0x21, 0x10, 0x04, 0x60];
//! packetizer.packetize([&unit[..]], 1_024, |packet| depacketizer.push(&packet, 0).expect("nothing is lost"))?;
//! assert_eq!(depacketizer.poll().expect("it is whole").parts.to_bytes()[..], unit[..]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adts;
mod depacketizer;
mod header;
mod packetizer;

pub use adts::adts_header;
pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

#[cfg(test)]
mod tests;
