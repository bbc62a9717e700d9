use super::SIDE_MAX;
use crate::payload::PayloadError;
use crate::rtp::RtpPacket;

/// Bytes of the header without those that only some packets have.
pub(super) const MAIN_BYTES: usize = 8;

/// Bytes of all headers of the first packet of an image, at most.
pub(super) const FIRST_BYTES: usize = MAIN_BYTES + 4 + 4 + 2 * 128;

/// The bit of types whose scans have restart markers.
const RESTARTS: u8 = 64;

/// The header in front of the bytes of a scan in each packet (RFC 2435, sections 3.1 and 3.1.7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// How the image was scanned: 0 progressively, 1 an odd field, 2 an even one, 3 a field whose lines are to be doubled.
    pub type_specific: u8,
    /// Where in the scan the bytes of the packet belong.
    pub offset: u32,
    /// The chrominance has half the rows of the luminance, too: 4:2:0, not 4:2:2.
    pub has_half_rows: bool,
    /// The quality: 1 to 99 for tables that are computed, 128 to 255 for tables that are sent along.
    pub quality: u8,
    /// Pixels in a row, a multiple of 8; zero if they are told elsewhere.
    pub width: u16,
    /// Rows, a multiple of 8; zero if they are told elsewhere.
    pub height: u16,
    /// Blocks between two restart markers, in images that have some.
    pub restart_interval: Option<u16>,
}

impl Header {
    /// Reads the header, and gives what stands behind it.
    ///
    /// # Errors
    ///
    /// The payload ends before its header does, or is of a type that is not read.
    pub fn read(payload: &[u8]) -> Result<(Self, &[u8]), PayloadError> {
        let cut_off = |needed| match payload.len() {
            0 => PayloadError::Empty,
            length => PayloadError::Truncated { needed, length },
        };
        let (main, rest) = payload.split_first_chunk::<MAIN_BYTES>().ok_or_else(|| cut_off(MAIN_BYTES))?;
        let [type_specific, o2, o1, o0, kind, quality, width, height] = *main;
        let sampling = kind & !RESTARTS;
        if sampling > 1 {
            return Err(PayloadError::Unsupported(kind));
        }
        let (restart_interval, rest) = if kind & RESTARTS == 0 {
            (None, rest)
        } else {
            const RESTART_BYTES: usize = 4;
            let needed = MAIN_BYTES.saturating_add(RESTART_BYTES);
            let ([i1, i0, _, _], rest) =
                rest.split_first_chunk::<RESTART_BYTES>().ok_or_else(|| cut_off(needed))?;
            (Some(u16::from_be_bytes([*i1, *i0])), rest)
        };
        let header = Self {
            type_specific,
            offset: u32::from_be_bytes([0, o2, o1, o0]),
            has_half_rows: sampling == 1,
            quality,
            width: u16::from(width).saturating_mul(8),
            height: u16::from(height).saturating_mul(8),
            restart_interval,
        };
        Ok((header, rest))
    }

    /// The first 8 bytes. Sides beyond what they can tell are zero.
    pub(super) fn main_bytes(&self) -> [u8; MAIN_BYTES] {
        let [_, o2, o1, o0] = self.offset.to_be_bytes();
        let kind = u8::from(self.has_half_rows) | if self.restart_interval.is_some() { RESTARTS } else { 0 };
        let is_told = self.width <= SIDE_MAX && self.height <= SIDE_MAX;
        let [width, height] =
            [self.width, self.height].map(|side| if is_told { side.div_ceil(8) as u8 } else { 0 });
        [self.type_specific, o2, o1, o0, kind, self.quality, width, height]
    }

    /// The four bytes behind them, of images with restart markers: fragments do not begin and end with intervals (F, L).
    pub(super) fn restart_bytes(&self) -> Option<[u8; 4]> {
        let [i1, i0] = self.restart_interval?.to_be_bytes();
        Some([i1, i0, 0xff, 0xff])
    }
}

/// A table with the byte that names it in a file.
pub(super) type Named<'a> = (u8, &'a [u8]);

/// Quantization tables that are sent along (RFC 2435, section 3.1.8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct SentTables<'a> {
    /// A bit for each table, the lowest for the first: its numbers have two bytes.
    pub(super) precision: u8,
    /// Empty if they were sent before.
    pub(super) bytes: &'a [u8],
}

impl<'a> SentTables<'a> {
    /// Reads them, and gives what stands behind them.
    pub(super) fn read(rest: &'a [u8]) -> Result<(Self, &'a [u8]), PayloadError> {
        const BYTES: usize = 4;
        let cut_off = |needed| PayloadError::Truncated { needed, length: rest.len() };
        let ([_, precision, l1, l0], behind) =
            rest.split_first_chunk::<BYTES>().ok_or_else(|| cut_off(BYTES))?;
        let length = usize::from(u16::from_be_bytes([*l1, *l0]));
        let tables = behind.split_at_checked(length);
        let (bytes, behind) = tables.ok_or_else(|| cut_off(length.saturating_add(BYTES)))?;
        Ok((Self { precision: *precision, bytes }, behind))
    }

    /// The tables of luminance and chrominance, each with the byte that names it in a file, and the bytes of both. One alone
    /// is for both.
    pub(super) fn both(&self) -> Result<(&'a [u8], [Named<'a>; 2]), PayloadError> {
        let table_bytes = |name: u8| if self.precision >> name & 1 == 0 { 64 } else { 128 };
        let name = |name: u8| (self.precision >> name & 1) << 4 | name;
        let cut_off = PayloadError::Malformed("a quantization table is cut off");
        let (first, rest) = self.bytes.split_at_checked(table_bytes(0)).ok_or(cut_off)?;
        match rest.get(..table_bytes(1)) {
            Some(second) => {
                let used = first.len().saturating_add(second.len());
                Ok((self.bytes.get(..used).unwrap_or_default(), [(name(0), first), (name(1), second)]))
            }
            None => Ok((first, [(name(0), first), (name(0) | 1, first)])),
        }
    }
}

/// The identifiers of header extensions (ONVIF Streaming Specification, section 5.1.4): that of the first packet of an image,
/// and that of a replay, behind which the first may stand.
const EXTENSION: [u8; 2] = [0xff, 0xd8];
const REPLAY: [u8; 2] = [0xab, 0xac];
/// Bytes that a replay tells.
const REPLAY_BYTES: usize = 12;

/// The segments of the header extension of the first packet of an image, if it has them.
pub(super) fn extension_of(packet: &RtpPacket) -> Option<&[u8]> {
    let (profile, bytes) = packet.extension()?;
    match profile {
        EXTENSION => Some(bytes),
        REPLAY => {
            let (profile, rest) = bytes.get(REPLAY_BYTES..)?.split_first_chunk::<2>()?;
            let (words, rest) = rest.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*words)).saturating_mul(4);
            if *profile == EXTENSION { rest.get(..length) } else { None }
        }
        _ => None,
    }
}

/// A header extension of segments, which are filled up to whole words in front.
pub(super) fn extension(segments: &[u8]) -> Vec<u8> {
    let words = segments.len().div_ceil(4);
    let filling = words.saturating_mul(4).saturating_sub(segments.len());
    let [w1, w0] = u16::try_from(words).unwrap_or(u16::MAX).to_be_bytes();
    let mut extension = vec![EXTENSION[0], EXTENSION[1], w1, w0];
    extension.resize(extension.len().saturating_add(filling), 0xff);
    extension.extend_from_slice(segments);
    extension
}
