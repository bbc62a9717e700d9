use bytes::Bytes;

use super::assembly::{Assembly, Piece, Place};
use super::nal::find_start_code;
use super::{AccessUnit, PayloadError};
use crate::Tolerances;
use crate::rtp::RtpPacket;

/// Puts pictures of MPEG-1, MPEG-2 and MPEG-4 together, whose packets begin with a start code where a picture begins.
///
/// Losses are dealt with as [`Assembly`] does. A picture whose headers may have been lost in a packet of their own, since
/// earlier ones came in such packets, is marked as damaged.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    assembly: Assembly,
    /// Headers have come in packets without a picture.
    has_headers_apart: bool,
}

/// The contents of a packet.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) bytes: Bytes,
    /// The part of a picture that it begins with; `None` if it continues one.
    pub(super) beginning: Option<Beginning>,
    /// A picture begins in it.
    pub(super) has_picture: bool,
    pub(super) is_keyframe: bool,
}

/// The first part of a picture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Beginning {
    /// The headers of a sequence, or of a group of pictures.
    Headers,
    /// Its own header.
    Picture,
}

impl Pictures {
    pub(super) fn push(
        &mut self,
        packet: &RtpPacket,
        lost: u16,
        look: Result<Look, PayloadError>,
    ) -> Result<(), PayloadError> {
        self.assembly.check_room()?;
        let piece = look.map(|look| {
            self.has_headers_apart |= look.beginning.is_some() && !look.has_picture && !packet.marker();
            Piece { place: self.place_of(packet, &look), bytes: look.bytes, is_keyframe: look.is_keyframe }
        });
        self.assembly.push(packet, lost, piece)
    }

    pub(super) fn poll(&mut self) -> Option<AccessUnit> {
        self.assembly.poll()
    }

    pub(super) fn flush(&mut self) {
        self.assembly.flush();
    }

    pub(super) fn take_tolerances(&mut self) -> Tolerances {
        self.assembly.take_tolerances()
    }

    fn place_of(&self, packet: &RtpPacket, look: &Look) -> Place {
        match look.beginning {
            // The picture behind its headers, or the other field of a frame.
            _ if self.assembly.is_of_open_unit(packet) => Place::Continues,
            None => Place::Continues,
            Some(Beginning::Picture) if look.is_keyframe && self.has_headers_apart => Place::BeginsFrame,
            Some(_) => Place::BeginsUnit,
        }
    }
}

/// The places of the start codes of an elementary stream, each with its last byte.
pub(super) fn start_codes(stream: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let mut from = 0_usize;
    std::iter::from_fn(move || {
        let at = from.saturating_add(find_start_code(stream.get(from..)?)?);
        from = at.saturating_add(3);
        Some((at, *stream.get(from)?))
    })
}

/// The last byte of the start code that bytes begin with.
pub(super) fn first_start_code(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [0, 0, 1, code, ..] => Some(*code),
        _ => None,
    }
}

/// The bytes behind the first start code of this kind.
pub(super) fn behind_start_code(stream: &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<&[u8]> {
    let (at, _) = start_codes(stream).find(|(_, code)| is_wanted(*code))?;
    stream.get(at.saturating_add(4)..)
}
