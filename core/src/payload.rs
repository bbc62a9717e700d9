//! Payload formats: from media to RTP packets and back.
//!
//! A packetizer takes whole units and gives packets to a sink. A depacketizer takes packets in order,
//! as [`Receiver`](crate::rtp::Receiver) hands them out, and gives whole units. [`Packetizer`] and [`Depacketizer`] are
//! those of any format; each format has its own in a module of its name.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::{PacketizerConfig, h264};
//!
//! let mut packetizer = h264::Packetizer::new(PacketizerConfig::new(96, 7, 0));
//! let mut depacketizer = h264::Depacketizer::new();
//! let picture = vec![0x65; 4000];
//! packetizer.packetize([&picture[..]], 90_000, |packet| {
//!     depacketizer.push(&packet, 0).expect("nothing is lost");
//! })?;
//! let unit = depacketizer.poll().expect("the last packet carries the marker");
//! assert_eq!((unit.timestamp, unit.is_keyframe, &unit.parts[0][..]), (90_000, true, &picture[..]));
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

pub mod aac;
pub mod ac3;
mod access;
pub mod amr;
mod assembly;
pub mod av1;
pub(crate) mod bits;
pub mod blocks;
mod config;
mod decoding_times;
pub mod document;
mod error;
mod formats;
mod fragments;
pub mod g711;
pub mod h264;
pub mod h265;
pub mod h266;
pub mod jpeg;
pub mod latm;
pub mod mpeg4_video;
pub mod mpeg_audio;
pub mod mpeg_ts;
pub mod mpeg_video;
pub mod nal;
mod open_unit;
pub mod opus;
pub(crate) mod parameter_sets;
mod parameters;
mod picture;
mod pictures;
pub(crate) mod probe;
mod rbsp;
pub mod telephone_event;
pub mod text;
mod unit;
pub mod vorbis;
pub mod vp8;
pub mod vp9;
mod vpcc;
mod watch;
pub mod whole;

pub(crate) use access::Access;
pub use config::PacketizerConfig;
pub use decoding_times::DecodingTimes;
pub use error::{PacketizeError, PayloadError, UnsupportedFormat};
pub use formats::{Depacketizer, Packetizer};
pub use parameters::{AudioParameters, Parameters, VideoParameters};
pub use picture::{Colours, FrameRate, ParameterSetError};
pub use probe::AccessPoint;
pub use unit::{AccessUnit, Parts};
pub use watch::ParameterWatch;
