use bytes::{Bytes, BytesMut};

use super::header::{Header, SentTables, extension_of};
use super::rebuild::Rebuild;
use super::{END, marker};
use crate::Tolerances;
use crate::payload::assembly::{Assembly, Piece, Place};
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;

/// Puts images together, with their headers, as JFIF files have them.
///
/// An image ends with the packet that carries the marker, or before a packet that begins another; a field of interlaced video
/// is an image of its own. After a loss inside an image, the part before the hole is kept and marked as damaged; an image
/// whose beginning is lost is dropped.
///
/// ONVIF's header extension (Streaming Specification, section 5.1.4) is read off the first packet of an image.
#[derive(Debug, Default)]
pub struct Depacketizer {
    assembly: Assembly,
    rebuild: Rebuild,
    /// Where the next fragment belongs, if that is known.
    next_offset: Option<u32>,
    /// The scan so far ends in 0xff.
    ends_in_ff: bool,
    tolerances: Tolerances,
}

impl Depacketizer {
    /// A depacketizer that waits for the beginning of an image.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet, before which `lost` packets are missing; a gap in the sequence numbers counts as a loss, too.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        self.assembly.check_room()?;
        let piece = self.read(packet, lost);
        self.assembly.push(packet, lost, piece)
    }

    /// The next image, which has one part.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        let mut unit = self.assembly.poll()?;
        let ends = unit.parts.first().is_some_and(|image| image.ends_with(&END));
        if !ends {
            // Its last packet did not come, or did not say that it is the last.
            unit.parts = with_end(&unit.parts.to_bytes()).into();
        }
        Some(unit)
    }

    /// Ends the image that is being put together, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        self.assembly.flush();
        self.next_offset = None;
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        let mut tolerances = std::mem::take(&mut self.tolerances);
        tolerances.merge(self.assembly.take_tolerances());
        tolerances
    }

    fn read(&mut self, packet: &RtpPacket, lost: u16) -> Result<Piece, PayloadError> {
        let expected = self.next_offset.take();
        let (header, rest) = Header::read(packet.payload())?;
        let begins = header.offset == 0;
        let (sent, scan) = if begins && header.quality >= 128 {
            let (sent, scan) = SentTables::read(rest)?;
            (Some(sent), scan)
        } else {
            (None, rest)
        };
        let is_elsewhere = expected.is_some_and(|expected| expected != header.offset);
        if !begins && is_elsewhere && self.assembly.is_intact(packet, lost) {
            return Err(PayloadError::Malformed("a fragment is not where the one before ends"));
        }
        let scan_bytes = u32::try_from(scan.len()).unwrap_or(u32::MAX);
        self.next_offset = Some(header.offset.saturating_add(scan_bytes));
        let bytes = if begins {
            if scan.is_empty() {
                return Err(PayloadError::Malformed("the first packet of an image has nothing of its scan"));
            }
            let extension = extension_of(packet);
            let mut image = self.rebuild.headers(&header, sent, extension, &mut self.tolerances)?;
            image.extend_from_slice(scan);
            if packet.marker() && !scan.ends_with(&END) {
                image.extend_from_slice(&END);
            }
            image.freeze()
        } else if packet.marker() && !self.ends_with(scan) {
            with_end(scan)
        } else {
            packet.payload_bytes().slice_ref(scan)
        };
        self.ends_in_ff = scan.last() == Some(&0xff);
        let place = if begins { Place::BeginsUnit } else { Place::Continues };
        Ok(Piece { bytes, place, is_keyframe: begins })
    }

    /// The scan ends with the marker that ends images, of which the last fragment may have the second byte only.
    fn ends_with(&self, scan: &[u8]) -> bool {
        scan.ends_with(&END) || self.ends_in_ff && scan == [marker::EOI]
    }
}

fn with_end(scan: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(scan.len().saturating_add(END.len()));
    bytes.extend_from_slice(scan);
    bytes.extend_from_slice(&END);
    bytes.freeze()
}
