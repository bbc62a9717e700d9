//! AMR and AMR-WB (RFC 4867), packed by bytes or by bits, of one or several channels. Interleaved frames, checksums and
//! robust sorting are refused.
//!
//! A unit is a frame-block: the frames of all channels for the same 20 ms. It has the bytes that files have (RFC 4867,
//! section 5.3): for each channel a byte that names the frame's type and quality, and the frame.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::Format;
//! use rtspan_core::description::{AmrPacking, Codec};
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::amr::{Depacketizer, Packetizer};
//!
//! let format = Format::amr(97, AmrPacking::OctetAligned);
//! let Codec::Amr(amr) = *format.codec() else { unreachable!() };
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(97, 7, 0), &amr);
//! packetizer.set_mode_request(Some(0)); // the peer is asked for 4.75 kbit/s
//! let mut packets = Vec::new();
//! // A frame of 12.2 kbit/s, as an .amr file has it: type 7 of good quality, and 244 bits.
//! let frame = [&[7 << 3 | 4][..], &[0; 31]].concat();
//! packetizer.packetize([&frame[..]], 0, |packet| packets.push(packet))?;
//!
//! let mut depacketizer = Depacketizer::new(&amr);
//! depacketizer.push(&packets[0], 0)?;
//! assert_eq!(depacketizer.mode_request(), Some(0));
//! assert_eq!(depacketizer.poll().expect("a frame-block").parts.to_bytes(), frame);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
