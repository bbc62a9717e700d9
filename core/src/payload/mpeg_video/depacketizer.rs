use super::{Header, INTRA, code};
use crate::payload::pictures::{Beginning, Look, Pictures, first_start_code};
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;
use crate::{Tolerance, Tolerances};

/// Puts pictures together, with the headers in front of them.
///
/// A picture ends with the packet that carries the marker, or before a packet that begins another; the two fields of a frame
/// are one picture if they have one timestamp. A keyframe has the header of a sequence, without which no decoder begins.
/// After a loss inside a picture, the part before the hole is kept and marked as damaged; a picture whose beginning is lost
/// is dropped.
#[derive(Debug, Default)]
pub struct Depacketizer {
    pictures: Pictures,
    tolerances: Tolerances,
}

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
        let look = Header::read(packet.payload()).map(|(header, bytes)| {
            let beginning = match first_start_code(bytes) {
                Some(code::SEQUENCE | code::GROUP) => Some(Beginning::Headers),
                Some(code::PICTURE) => Some(Beginning::Picture),
                _ => None,
            };
            let picture = beginning.and_then(|_| Header::of_picture(bytes));
            let picture_type = picture.map_or(header.picture_type, |picture| picture.picture_type);
            let has_sequence = first_start_code(bytes) == Some(code::SEQUENCE);
            if picture_type != header.picture_type || has_sequence && !header.has_sequence {
                self.tolerances.record(Tolerance::MpegVideoHeader);
            }
            Look {
                beginning,
                has_picture: picture.is_some(),
                is_keyframe: has_sequence && picture_type == INTRA,
                bytes: packet.payload_bytes().slice_ref(bytes),
            }
        });
        self.pictures.push(packet, lost, look)
    }

    /// The next picture, which has one part.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.pictures.poll()
    }

    /// Ends the picture that is being put together, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        self.pictures.flush();
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        let mut tolerances = std::mem::take(&mut self.tolerances);
        tolerances.merge(self.pictures.take_tolerances());
        tolerances
    }
}
