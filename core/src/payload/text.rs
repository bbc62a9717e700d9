//! Text as it is typed (T.140 over RTP; RFC 4103), with and without the repetition of RFC 2198.
//!
//! A unit is a block of text in UTF-8: the text typed since the one before. Characters of control are as T.140 has them, such
//! as backspace. Anything else that travels with repetition, block for block, is read alike.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::Format;
//! use rtspan_core::description::Codec;
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::text::{Depacketizer, Packetizer};
//!
//! // Each packet repeats the two blocks before it.
//! let format = Format::redundant_text(100, 98, 2);
//! let Codec::Redundant(redundant) = format.codec() else { unreachable!() };
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(100, 7, 0), Some(redundant));
//! let mut packets = Vec::new();
//! for (typed, at) in [("He", 0), ("ll", 300), ("o", 600)] {
//!     packetizer.packetize([typed.as_bytes()], at, |packet| packets.push(packet))?;
//! }
//! let mut depacketizer = Depacketizer::new(true);
//! depacketizer.push(&packets[0], 0)?;
//! depacketizer.push(&packets[2], 1)?; // the second packet is lost, and comes back from the third
//! let text: Vec<u8> = std::iter::from_fn(|| depacketizer.poll()).flat_map(|unit| unit.parts.to_bytes()).collect();
//! assert_eq!(text, b"Hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod depacketizer;
mod packetizer;

pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

/// Bytes of the header of a block that is repeated: a flag, the payload type, how long ago it was, and its bytes.
const REPEATED_BYTES: usize = 4;
const AGE_MAX: u32 = 0x3fff;
const BLOCK_BYTES_MAX: usize = 0x3ff;

#[cfg(test)]
mod tests;
