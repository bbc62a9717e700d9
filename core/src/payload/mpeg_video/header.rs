use super::code;
use crate::payload::PayloadError;
use crate::payload::bits::BitReader;
use crate::payload::pictures::behind_start_code;

/// Bytes of the header without the extension of MPEG-2.
pub(super) const BYTES: usize = 4;

/// The header in front of each payload (RFC 2250, section 3.4).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// When the picture is presented within its group (TR).
    pub temporal_reference: u16,
    /// The payload has the header of a sequence (S).
    pub has_sequence: bool,
    /// A slice begins at the beginning of the payload, or behind headers (B).
    pub begins_slice: bool,
    /// A slice ends with the payload (E).
    pub ends_slice: bool,
    /// The type of the picture: 1 for I, 2 for P, 3 for B, 4 for D (P).
    pub picture_type: u8,
    /// How motion is told, as the header of the picture has it: backward (FBV, BFC), then forward (FFV, FFC).
    pub motion: u8,
}

impl Header {
    /// Reads the header, and gives what stands behind it, and behind the extension of MPEG-2.
    ///
    /// # Errors
    ///
    /// The payload ends before its header does, or with it.
    pub fn read(payload: &[u8]) -> Result<(Self, &[u8]), PayloadError> {
        let cut_off = || match payload.len() {
            0 => PayloadError::Empty,
            length => PayloadError::Truncated { needed: length.saturating_add(1), length },
        };
        let (&[first, low, flags, motion], rest) =
            payload.split_first_chunk::<BYTES>().ok_or_else(cut_off)?;
        let header = Self {
            temporal_reference: u16::from_be_bytes([first & 0x03, low]),
            has_sequence: flags & 0x20 != 0,
            begins_slice: flags & 0x10 != 0,
            ends_slice: flags & 0x08 != 0,
            picture_type: flags & 0x07,
            motion,
        };
        let has_extension = first & 0x04 != 0;
        let rest = if has_extension { behind_extension(rest) } else { Some(rest) };
        let rest = rest.filter(|rest| !rest.is_empty()).ok_or_else(cut_off)?;
        Ok((header, rest))
    }

    pub(super) fn to_bytes(self) -> [u8; BYTES] {
        let [high, low] = self.temporal_reference.to_be_bytes();
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let flags =
            flag(self.has_sequence, 0x20) | flag(self.begins_slice, 0x10) | flag(self.ends_slice, 0x08);
        [high & 0x03, low, flags | self.picture_type & 0x07, self.motion]
    }

    /// Takes on what the header of a picture tells; everything stays as it is without one.
    pub(super) fn learn(&mut self, headers: &[u8]) {
        if let Some(picture) = Self::of_picture(headers) {
            *self = picture;
        }
    }

    /// Makes a header out of the first header of a picture.
    pub(super) fn of_picture(headers: &[u8]) -> Option<Self> {
        let picture = behind_start_code(headers, |code| code == code::PICTURE)?;
        let mut bits = BitReader::new(picture.iter().copied());
        let temporal_reference = bits.bits(10)? as u16;
        let picture_type = bits.bits(3)? as u8;
        bits.skip(16)?;
        let forward = if matches!(picture_type, 2 | 3) { bits.bits(4)? } else { 0 };
        let backward = if picture_type == 3 { bits.bits(4)? } else { 0 };
        let motion = (backward << 4 | forward) as u8;
        Some(Self { temporal_reference, picture_type, motion, ..Self::default() })
    }
}

/// The bytes behind the extension of MPEG-2, and behind the further extensions that it announces (section 3.4.1).
fn behind_extension(rest: &[u8]) -> Option<&[u8]> {
    let (&[first, _, _, last], rest) = rest.split_first_chunk::<4>()?;
    let has_display = last & 0x01 != 0;
    let rest = if has_display { rest.get(4..)? } else { rest };
    let has_extensions = first & 0x40 != 0;
    if !has_extensions {
        return Some(rest);
    }
    let words = usize::from(*rest.first()?);
    rest.get(words.saturating_mul(4)..)
}
