use super::code;
use crate::payload::FrameRate;
use crate::payload::bits::BitReader;
use crate::payload::pictures::behind_start_code;

/// The header of a sequence, and its extension in MPEG-2 (ISO/IEC 11172-2, section 2.4.2.3; ISO/IEC 13818-2, sections 6.2.2.1
/// and 6.2.2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SequenceHeader {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Width and height of a pixel, if they are told.
    pub pixel_aspect: Option<(u16, u16)>,
    /// Pictures a second.
    pub frame_rate: Option<FrameRate>,
    /// Bits a second at most, if they are told.
    pub bit_rate: Option<u64>,
    /// Profile and level of MPEG-2; MPEG-1 has none.
    pub profile_level: Option<u8>,
    /// There are no B pictures.
    pub is_low_delay: bool,
}

const FRAME_RATES: [(u32, u32); 8] =
    [(24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (60, 1)];

/// Bits a second are told in units of 400; this number of them stands for a variable rate of MPEG-1.
const VARIABLE: u64 = 0x3_ffff;

impl SequenceHeader {
    /// Reads the first header of a sequence in what a keyframe begins with; `None` if there is none, or it is cut off.
    pub fn read(headers: &[u8]) -> Option<Self> {
        let sequence = behind_start_code(headers, |code| code == code::SEQUENCE)?;
        let mut bits = BitReader::new(sequence.iter().copied());
        let (width, height) = (bits.bits(12)?, bits.bits(12)?);
        let (aspect, rate, bit_rate) = (bits.bits(4)?, bits.bits(4)?, u64::from(bits.bits(18)?));
        let rate = (rate as usize).checked_sub(1).and_then(|at| FRAME_RATES.get(at));
        let header = Self {
            width,
            height,
            pixel_aspect: (aspect == 1).then_some((1, 1)),
            frame_rate: rate.and_then(|(pictures, seconds)| FrameRate::new(*pictures, *seconds)),
            bit_rate: (bit_rate != VARIABLE).then_some(bit_rate.saturating_mul(400)),
            profile_level: None,
            is_low_delay: false,
        };
        // The extension comes before everything else, or the sequence is of MPEG-1.
        let next =
            behind_start_code(sequence, |_| true).filter(|_| next_code(sequence) == Some(code::EXTENSION));
        let header =
            next.and_then(|extension| header.extended(extension, aspect, bit_rate)).unwrap_or(header);
        (header.width > 0 && header.height > 0).then_some(header)
    }

    fn extended(self, extension: &[u8], aspect: u32, bit_rate: u64) -> Option<Self> {
        const SEQUENCE_EXTENSION: u32 = 1;
        let mut bits = BitReader::new(extension.iter().copied());
        if bits.bits(4)? != SEQUENCE_EXTENSION {
            return None;
        }
        let profile_level = bits.bits(8)? as u8;
        bits.skip(3)?;
        let width = bits.bits(2)? << 12 | self.width;
        let height = bits.bits(2)? << 12 | self.height;
        let bit_rate = u64::from(bits.bits(12)?) << 18 | bit_rate;
        bits.skip(9)?;
        let is_low_delay = bits.bit()?;
        let (times, over) = (bits.bits(2)?.saturating_add(1), bits.bits(5)?.saturating_add(1));
        let frame_rate = self.frame_rate.and_then(|rate| {
            FrameRate::new(
                rate.pictures.get().saturating_mul(times),
                rate.per_seconds.get().saturating_mul(over),
            )
        });
        // That of the picture that is shown, but for the first.
        let shown = match aspect {
            2 => Some((4, 3)),
            3 => Some((16, 9)),
            4 => Some((221, 100)),
            _ => None,
        };
        let pixel_aspect = match shown {
            Some((x, y)) => fraction(height.saturating_mul(x), width.saturating_mul(y)),
            None => self.pixel_aspect,
        };
        Some(Self {
            width,
            height,
            pixel_aspect,
            frame_rate,
            bit_rate: Some(bit_rate.saturating_mul(400)),
            profile_level: Some(profile_level),
            is_low_delay,
        })
    }

    /// The number of the codec and its profile in MP4 files (ISO/IEC 14496-1, table 5).
    pub(super) fn object_type(&self) -> u8 {
        match self.profile_level {
            None => 0x6a,
            Some(0x80..) => 0x65,
            Some(profile_level) => match profile_level >> 4 {
                5 => 0x60,
                3 => 0x62,
                2 => 0x63,
                1 => 0x64,
                _ => 0x61,
            },
        }
    }
}

fn next_code(headers: &[u8]) -> Option<u8> {
    crate::payload::pictures::start_codes(headers).next().map(|(_, code)| code)
}

/// A fraction in its lowest terms.
fn fraction(x: u32, y: u32) -> Option<(u16, u16)> {
    let (mut greatest, mut rest) = (x, y);
    while rest > 0 {
        (greatest, rest) = (rest, greatest.checked_rem(rest)?);
    }
    Some((u16::try_from(x.checked_div(greatest)?).ok()?, u16::try_from(y.checked_div(greatest)?).ok()?))
}
