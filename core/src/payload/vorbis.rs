//! Vorbis (RFC 5215): several packets of the encoder in a payload, or one in fragments, and the headers that a decoder needs,
//! in the description or among the packets.
//!
//! # Time
//!
//! The timestamp of a payload is that of its first packet. A packet of Vorbis gives a quarter of its own block and a quarter
//! of the one before, so the times of those behind the first follow from the sizes of blocks, which the headers tell. Those are
//! exact. Only where the packet before is not known (the first of all, or the first behind a loss) its block is taken to be
//! as long as the next one.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::Format;
//! use rtspan_core::description::{Codec, VorbisHeaders};
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::vorbis::{Depacketizer, Packetizer};
//!
//! // As an encoder gives them: 44,100 Hz, blocks of 256 and of 2048 samples. Their number, 1, is in each payload.
//! let identification = b"\x01vorbis\0\0\0\0\x02\x44\xac\0\0\0\0\0\0\x80\xb5\x01\0\0\0\0\0\xb8\x01";
//! # const SETUP: &[u8] = b"\x05vorbis\x73\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\x21\x22\x23\x24\x01\0\x80\0\x02\0\0\0\0\x20\
//! #     \x80\0\x04\x04\x04\0\0\0\0\0\x02\0\0\0\x04\x04";
//! let headers = VorbisHeaders::new(1, &identification[..], &[][..], SETUP)?;
//! let format = Format::vorbis(96, &headers);
//! let Codec::Vorbis(vorbis) = format.codec() else { unreachable!() };
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 7, 0), vorbis).expect("headers");
//! let mut depacketizer = Depacketizer::new(vorbis);
//! // A short block and two long ones, which travel in one payload.
//! let blocks = [[0, 9], [2, 9], [2, 9]];
//! packetizer.packetize(blocks.iter().map(|block| &block[..]), 0, |packet| {
//!     depacketizer.push(&packet, 0).expect("nothing is lost");
//! })?;
//! let times: Vec<_> = std::iter::from_fn(|| depacketizer.poll()).map(|unit| unit.timestamp).collect();
//! assert_eq!(times, [0, 128, 704]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
