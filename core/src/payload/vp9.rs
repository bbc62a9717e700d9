//! VP9 (RFC 9628): a picture, of one layer or of several, in packets behind descriptors.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::vp9::FrameHeader;
//!
//! // The size of a picture is told by its keyframes, not by the description.
//! let keyframe = [0x82, 0x49, 0x83, 0x42, 0x40, 0x27, 0xf0, 0x1d, 0xf0];
//! let header = FrameHeader::read(&keyframe).expect("a keyframe");
//! assert_eq!((header.width, header.height, header.bit_depth), (640, 480, 8));
//! assert_eq!(FrameHeader::read(&[0x86]), None, "a frame that needs the one before");
//! ```

mod descriptor;
mod frame;
mod packetizer;
mod superframe;

use super::assembly::{Assembly, Piece, Place};
use super::probe::{AccessPoint, Contents, Probe};
use super::watch::Told;
use super::{AccessUnit, Parts, PayloadError, VideoParameters, vpcc};
use crate::Tolerances;
use crate::rtp::RtpPacket;

pub use descriptor::{Descriptor, Layer, PictureGroupFrame, ScalabilityStructure};
pub use frame::FrameHeader;
pub use packetizer::Packetizer;

/// Puts pictures together.
///
/// A picture ends with the packet that carries the marker, or before a packet that begins another. Its layers, if it has
/// several, come out in one part, as a superframe. After a loss inside a picture, the part before the hole is kept, with the
/// layers that are whole behind it, and marked as damaged; a picture of which no layer begins is dropped.
#[derive(Debug, Default)]
pub struct Depacketizer(Assembly);

impl Depacketizer {
    /// A depacketizer that waits for the beginning of a picture.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet, before which `lost` packets are missing; a gap in the sequence numbers counts as a loss, too.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let piece = Descriptor::read(packet.payload()).map(|(descriptor, frame)| Piece {
            bytes: packet.payload_bytes().slice_ref(frame),
            place: match (descriptor.begins_frame, descriptor.is_lowest_layer()) {
                (true, true) => Place::BeginsUnit,
                (true, false) => Place::BeginsFrame,
                (false, _) => Place::Continues,
            },
            is_keyframe: begins_keyframe(&descriptor, frame),
        });
        self.0.push(packet, lost, piece)
    }

    /// The next picture, which has one part.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        let mut unit = self.0.poll()?;
        if unit.parts.len() > 1 {
            unit.parts = superframe::join(&unit.parts).into();
        }
        Some(unit)
    }

    /// Ends the picture that is being put together, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        self.0.flush();
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        self.0.take_tolerances()
    }
}

/// A packet begins the lowest layer of a keyframe.
fn begins_keyframe(descriptor: &Descriptor, frame: &[u8]) -> bool {
    descriptor.begins_frame && descriptor.is_lowest_layer() && FrameHeader::is_keyframe(frame)
}

/// How a log reads packets.
pub(super) const PROBE: Probe = Probe { contents, ..Probe::WITHOUT_SETS };

fn contents(payload: &[u8]) -> Contents {
    let is_keyframe =
        Descriptor::read(payload).is_ok_and(|(descriptor, frame)| begins_keyframe(&descriptor, frame));
    Contents { access_point: is_keyframe.then_some(AccessPoint::Refresh), has_parameter_sets: false }
}

/// Returns the parameters that a keyframe tells.
pub(super) fn told(frame: &Parts) -> Option<Told> {
    let header = FrameHeader::read(frame.first()?)?;
    let FrameHeader { width, height, .. } = header;
    let record = vpcc::Record {
        codec: "vp09",
        profile: header.profile,
        bit_depth: header.bit_depth,
        subsampling: match header.subsampling {
            (true, true) => 1,
            (true, false) => 2,
            _ => 3,
        },
        is_full_range: header.is_full_range,
        colours: header.colours(),
        ..vpcc::Record::of_size(width, height)
    };
    Some(Told {
        codec: record.codec().into(),
        configuration: Some(record.to_bytes()),
        video: VideoParameters { width, height, pixel_aspect: None, frame_rate: None, reordering: Some(0) },
    })
}

#[cfg(test)]
mod tests;
