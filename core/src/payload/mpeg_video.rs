//! MPEG-1 and MPEG-2 video (RFC 2250, section 3): pictures that packets split between slices where they can.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::mpeg_video::{Header, Packetizer, SequenceHeader};
//!
//! // The header of a sequence of MPEG-1, then an I picture of three slices.
//! let sequence = *b"\0\0\x01\xb3\x04\0\x30\x13\xff\xff\xe0\x18";
//! let header = SequenceHeader::read(&sequence).expect("a sequence");
//! assert_eq!((header.width, header.height), (64, 48));
//!
//! let slices = [1, 2, 3].map(|row| [&[0, 0, 1, row][..], &[0x55; 600]].concat()).concat();
//! let picture = [&sequence[..], b"\0\0\x01\0\0\x0f\xff\xf8", &slices].concat();
//! let mut packets = Vec::new();
//! Packetizer::new(PacketizerConfig::new(32, 7, 0)).packetize([&picture[..]], 9_000, |packet| packets.push(packet))?;
//! // A loss costs whole slices: the header of each payload tells where they begin and end.
//! for packet in &packets {
//!     let (header, _) = Header::read(packet.payload())?;
//!     assert!(header.picture_type == 1 && header.begins_slice && header.ends_slice);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod depacketizer;
mod header;
mod packetizer;
mod sequence;

use super::pictures::first_start_code;
use super::probe::{AccessPoint, Contents, Probe};
use super::watch::Told;
use super::{Parts, VideoParameters};

pub use depacketizer::Depacketizer;
pub use header::Header;
pub use packetizer::Packetizer;
pub use sequence::SequenceHeader;

/// The last bytes of start codes (ISO/IEC 13818-2, table 6-1).
mod code {
    pub(super) const PICTURE: u8 = 0x00;
    pub(super) const SLICES: std::ops::RangeInclusive<u8> = 0x01..=0xaf;
    pub(super) const SEQUENCE: u8 = 0xb3;
    pub(super) const EXTENSION: u8 = 0xb5;
    pub(super) const GROUP: u8 = 0xb8;
}

/// The type of pictures that refer to no other.
const INTRA: u8 = 1;

/// How a log reads packets.
pub(super) const PROBE: Probe = Probe { contents, ..Probe::WITHOUT_SETS };

/// The header of a sequence is a place to begin at; an I picture without one is the next best.
fn contents(payload: &[u8]) -> Contents {
    let read = Header::read(payload).ok();
    let beginning = read.and_then(|(header, bytes)| Some((header, bytes, first_start_code(bytes)?)));
    let access_point = match beginning {
        Some((_, _, code::SEQUENCE)) => Some(AccessPoint::Refresh),
        Some((header, bytes, code::GROUP | code::PICTURE)) => {
            let picture = Header::of_picture(bytes).unwrap_or(header);
            (picture.picture_type == INTRA).then_some(AccessPoint::Intra)
        }
        _ => None,
    };
    Contents { access_point, has_parameter_sets: false }
}

/// Returns the parameters that the sequence header of a keyframe tells.
pub(super) fn told(unit: &Parts) -> Option<Told> {
    let sequence = SequenceHeader::read(unit.first()?)?;
    let SequenceHeader { width, height, pixel_aspect, frame_rate, .. } = sequence;
    let reordering = Some(u8::from(!sequence.is_low_delay));
    Some(Told {
        codec: format!("mp4v.{:02X}", sequence.object_type()).into(),
        configuration: None,
        video: VideoParameters { width, height, pixel_aspect, frame_rate, reordering },
    })
}

#[cfg(test)]
mod tests;
