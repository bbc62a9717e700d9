use bytes::BufMut;

use crate::payload::PayloadError;

/// The types of OBUs (AV1 bitstream specification, section 6.2.2).
pub(super) mod kind {
    pub(in crate::payload::av1) const SEQUENCE_HEADER: u8 = 1;
    pub(in crate::payload::av1) const TEMPORAL_DELIMITER: u8 = 2;
    pub(in crate::payload::av1) const FRAME_HEADER: u8 = 3;
    pub(in crate::payload::av1) const TILE_GROUP: u8 = 4;
    pub(in crate::payload::av1) const FRAME: u8 = 6;
    pub(in crate::payload::av1) const REDUNDANT_FRAME_HEADER: u8 = 7;
    pub(in crate::payload::av1) const TILE_LIST: u8 = 8;

    /// The type of the OBU that begins with `header`.
    pub(in crate::payload::av1) fn of(header: u8) -> u8 {
        header >> 3 & 0xf
    }
}

/// The bits of the header of an OBU.
const FORBIDDEN: u8 = 0x80;
const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;

/// An OBU: a header of one byte or two, and the payload; without its size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Obu<'a> {
    header: [u8; 2],
    header_bytes: usize,
    pub(super) payload: &'a [u8],
}

impl<'a> Obu<'a> {
    /// Takes the first OBU off the front; one without a size takes everything. `None` if it is cut off.
    pub(super) fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let [first, rest @ ..] = *bytes else { return None };
        if first & FORBIDDEN != 0 {
            return None;
        }
        let mut rest = rest;
        let mut header = [first & !HAS_SIZE, 0];
        let mut header_bytes = 1;
        if first & HAS_EXTENSION != 0 {
            let (extension, behind) = rest.split_first()?;
            header = [first & !HAS_SIZE, *extension];
            header_bytes = 2;
            rest = behind;
        }
        let length = if first & HAS_SIZE != 0 { take_leb128(&mut rest)? } else { rest.len() };
        let (payload, behind) = rest.split_at_checked(length)?;
        *bytes = behind;
        Some(Self { header, header_bytes, payload })
    }

    /// The OBUs of a part: one without a size, or several one behind the other, each with its own.
    pub(super) fn all(part: &'a [u8]) -> impl Iterator<Item = Result<Self, PayloadError>> {
        let mut rest = part;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let obu = Self::take(&mut rest);
            if obu.is_none() {
                rest = &[];
            }
            Some(obu.ok_or(PayloadError::Malformed("an OBU is cut off")))
        })
    }

    pub(super) fn header(&self) -> &[u8] {
        self.header.get(..self.header_bytes).unwrap_or_default()
    }

    pub(super) fn kind(&self) -> u8 {
        let [first, _] = self.header;
        kind::of(first)
    }

    /// Bytes with the header.
    pub(super) fn len(&self) -> usize {
        self.header_bytes.saturating_add(self.payload.len())
    }

    /// It is sent: temporal delimiters are told by timestamps, tile lists are of another use of AV1.
    pub(super) fn is_sent(&self) -> bool {
        !matches!(self.kind(), kind::TEMPORAL_DELIMITER | kind::TILE_LIST)
    }
}

/// Writes OBUs without sizes as the low-overhead format has them: each with its size (AV1 bitstream specification, section 5.2).
pub(crate) fn write_low_overhead<P: AsRef<[u8]>>(obus: impl IntoIterator<Item = P>, to: &mut impl BufMut) {
    for obu in obus {
        let mut rest = obu.as_ref();
        let Some(Obu { header: [first, second], header_bytes, payload }) = Obu::take(&mut rest) else {
            continue;
        };
        to.put_u8(first | HAS_SIZE);
        if header_bytes > 1 {
            to.put_u8(second);
        }
        let (size, size_bytes) = leb128(payload.len());
        to.put_slice(size.get(..size_bytes).unwrap_or_default());
        to.put_slice(payload);
    }
}

/// The elements of a payload behind its aggregation header: OBUs, or fragments of them.
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    /// Elements that are left, the last of them without a length; `None` if all have one.
    left: Option<u8>,
}

impl<'a> Elements<'a> {
    pub(super) fn new(aggregation_header: u8, rest: &'a [u8]) -> Self {
        let count = aggregation_header >> 4 & 3;
        Self { rest, left: (count > 0).then_some(count) }
    }

    /// Nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], PayloadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.left {
            Some(0) => return None,
            Some(left) => *left = left.saturating_sub(1),
            None if self.rest.is_empty() => return None,
            None => {}
        }
        if self.left == Some(0) {
            return Some(Ok(std::mem::take(&mut self.rest)));
        }
        let length = take_leb128(&mut self.rest);
        let rest = self.rest;
        let element = length.and_then(|length| rest.split_at_checked(length));
        let Some((element, behind)) = element else {
            self.rest = &[];
            self.left = Some(0);
            let needed = length.unwrap_or_else(|| rest.len().saturating_add(1));
            return Some(Err(PayloadError::Truncated { needed, length: rest.len() }));
        };
        self.rest = behind;
        Some(Ok(element))
    }
}

/// Takes a leb128 number of at most 32 bits off the front; leaves what cannot be read.
fn take_leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0_u64;
    let mut rest = *bytes;
    for place in 0..8_u32 {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        number |= u64::from(byte & 0x7f) << place.saturating_mul(7);
        if byte & 0x80 == 0 {
            *bytes = rest;
            return u32::try_from(number).ok().and_then(|number| number.try_into().ok());
        }
    }
    None
}

/// A number in leb128, and the bytes that it has.
pub(super) fn leb128(number: usize) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut rest = number;
    let mut count = 0_usize;
    for byte in &mut bytes {
        count = count.saturating_add(1);
        *byte = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_come_back() {
        for number in [0, 1, 127, 128, 16_383, 16_384, 2_097_152, u32::MAX as usize] {
            let (bytes, count) = leb128(number);
            let mut rest = &bytes[..count];
            assert_eq!((take_leb128(&mut rest), rest), (Some(number), &[][..]));
            let mut cut_off = &bytes[..count - 1];
            assert_eq!(take_leb128(&mut cut_off), None);
        }
        assert_eq!(take_leb128(&mut &[0x81, 0x80, 0x00][..]), Some(1), "longer than it needs to be");
        assert_eq!(take_leb128(&mut &[0xff; 9][..]), None);
        assert_eq!(take_leb128(&mut &[0xff, 0xff, 0xff, 0xff, 0x7f][..]), None, "above 32 bits");
    }

    #[test]
    fn sizes_are_taken_out_and_put_in() {
        let stream = [0x12, 0, 0x0a, 2, 7, 8, 0x36, 0x48, 1, 9];
        let obus: Vec<_> = Obu::all(&stream).map(|obu| obu.unwrap()).collect();
        let told: Vec<_> = obus.iter().map(|obu| (obu.kind(), obu.header(), obu.payload)).collect();
        let expected: [(u8, &[u8], &[u8]); 3] =
            [(2, &[0x10], &[]), (1, &[0x08], &[7, 8]), (6, &[0x34, 0x48], &[9])];
        assert_eq!(told, expected);
        let mut again = Vec::new();
        write_low_overhead(obus.iter().map(|obu| [obu.header(), obu.payload].concat()), &mut again);
        assert_eq!(again, stream);
        for broken in [&[0x0a, 3, 7, 8][..], &[0x0a], &[0x04], &[0x88, 1]] {
            assert!(Obu::all(broken).next().unwrap().is_err(), "{broken:02x?}");
        }
    }
}
