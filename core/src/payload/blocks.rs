//! Sound in blocks (RFC 3551, section 4): payloads that hold whole blocks of a known length, and nothing else.
//!
//! G.711, G.722, G.723, G.726, G.728, G.729, GSM, iLBC, Speex, and linear samples of 8, 16, 20 or 24 bits differ only in
//! the [`Layout`] of their blocks.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::Format;
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::blocks::{Depacketizer, Layout, Packetizer};
//!
//! let stereo = Format::pcm(97, 16, 48_000, 2);
//! let layout = Layout::of(&stereo).expect("linear samples are blocks");
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(97, 7, 0), layout);
//! let mut depacketizer = Depacketizer::new(layout);
//! let milliseconds_5 = [0; 960];
//! packetizer.packetize([&milliseconds_5[..]], 0, |packet| {
//!     depacketizer.push(&packet, 0).expect("whole samples");
//! })?;
//! assert_eq!(depacketizer.poll().expect("a unit").parts.total_bytes(), 960);
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

mod depacketizer;
mod g726;
mod layout;
mod packetizer;

pub use depacketizer::Depacketizer;
pub use g726::reorder_g726;
pub use layout::Layout;
pub use packetizer::Packetizer;

#[cfg(test)]
mod tests;
