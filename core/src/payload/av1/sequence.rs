use super::obu::{Obu, kind};
use crate::payload::FrameRate;
use crate::payload::bits::BitReader;

/// The beginning of a coded video sequence: profile, size and colours (AV1 bitstream specification, section 5.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SequenceHeader {
    /// `seq_profile`: 0 is Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point: 8 is level 4.0.
    pub level: u8,
    /// `seq_tier` of the first operating point: the level is of the high tier.
    pub is_high_tier: bool,
    /// The stream is of one picture.
    pub is_still_picture: bool,
    /// The header, and those of frames, are shortened as still pictures have them.
    pub is_reduced: bool,
    /// Pixels in a row at most.
    pub width: u32,
    /// Rows at most.
    pub height: u32,
    /// Pictures a second, if each is shown for the same time.
    pub frame_rate: Option<FrameRate>,
    /// Bits of a sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// There is no colour.
    pub is_monochrome: bool,
    /// There are half as many samples of colour in a row, and in a column.
    pub subsampling: (bool, bool),
    /// `chroma_sample_position`: 0 is not told, 1 between two rows, 2 in a corner.
    pub sample_position: u8,
}

/// The timing information that decides about further fields.
#[derive(Clone, Copy, Default)]
struct Timing {
    frame_rate: Option<FrameRate>,
    /// Bits of a delay, if there is a model of the decoder.
    delay_bits: Option<u8>,
}

impl SequenceHeader {
    /// Reads an OBU, with or without its size; `None` if it is another, is cut off, or is reserved.
    pub fn read(obu: &[u8]) -> Option<Self> {
        let obu = Obu::take(&mut &*obu).filter(|obu| obu.kind() == kind::SEQUENCE_HEADER)?;
        let mut bits = BitReader::new(obu.payload.iter().copied());
        let profile = byte(bits.bits(3)?).filter(|profile| *profile <= 2)?;
        let is_still_picture = bits.bit()?;
        let is_reduced = bits.bit()?;
        let (timing, level, is_high_tier) = if is_reduced {
            (Timing::default(), byte(bits.bits(5)?)?, false)
        } else {
            read_operating_points(&mut bits)?
        };
        let width_bits = byte(bits.bits(4)?)?.saturating_add(1);
        let height_bits = byte(bits.bits(4)?)?.saturating_add(1);
        let width = bits.bits(width_bits)?.saturating_add(1);
        let height = bits.bits(height_bits)?.saturating_add(1);
        skip_tools(&mut bits, is_reduced)?;
        let colours = Colours::read(&mut bits, profile)?;
        Some(Self {
            profile,
            level,
            is_high_tier,
            is_still_picture,
            is_reduced,
            width,
            height,
            frame_rate: timing.frame_rate,
            bit_depth: colours.bit_depth,
            is_monochrome: colours.is_monochrome,
            subsampling: colours.subsampling,
            sample_position: colours.sample_position,
        })
    }

    /// The name of the codec, such as `av01.0.04M.08`.
    pub(super) fn codec(&self) -> String {
        let tier = if self.is_high_tier { 'H' } else { 'M' };
        format!("av01.{}.{:02}{tier}.{:02}", self.profile, self.level, self.bit_depth)
    }
}

fn byte(number: u32) -> Option<u8> {
    u8::try_from(number).ok()
}

/// Timing, then the operating points: level and tier of the first.
fn read_operating_points(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<(Timing, u8, bool)> {
    let timing = if bits.bit()? { read_timing(bits)? } else { Timing::default() };
    let tells_delays = bits.bit()?;
    let points = bits.bits(5)?;
    let mut first = None;
    for _ in 0..=points {
        bits.skip(12)?;
        let level = byte(bits.bits(5)?)?;
        let is_high_tier = level > 7 && bits.bit()?;
        first.get_or_insert((level, is_high_tier));
        if let Some(delay_bits) = timing.delay_bits {
            if bits.bit()? {
                bits.skip(u32::from(delay_bits).saturating_mul(2).saturating_add(1))?;
            }
        }
        if tells_delays && bits.bit()? {
            bits.skip(4)?;
        }
    }
    let (level, is_high_tier) = first?;
    Some((timing, level, is_high_tier))
}

fn read_timing(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<Timing> {
    let (ticks, a_second) = (bits.bits(32)?, bits.bits(32)?);
    let mut timing = Timing::default();
    if bits.bit()? {
        timing.frame_rate = FrameRate::new(a_second, ticks.saturating_mul(bits.ue()?.saturating_add(1)));
    }
    if bits.bit()? {
        timing.delay_bits = Some(byte(bits.bits(5)?)?.saturating_add(1));
        bits.skip(32 + 5 + 5)?;
    }
    Some(timing)
}

/// Everything between the size and the colours.
fn skip_tools(bits: &mut BitReader<impl Iterator<Item = u8>>, is_reduced: bool) -> Option<()> {
    if is_reduced {
        return bits.skip(6);
    }
    if bits.bit()? {
        bits.skip(7)?;
    }
    bits.skip(7)?;
    let has_order = bits.bit()?;
    if has_order {
        bits.skip(2)?;
    }
    let may_force_screen_content = if bits.bit()? { true } else { bits.bit()? };
    if may_force_screen_content && !bits.bit()? {
        bits.skip(1)?;
    }
    if has_order {
        bits.skip(3)?;
    }
    bits.skip(3)
}

/// How samples stand for colours (section 5.5.2).
#[derive(Clone, Copy)]
struct Colours {
    bit_depth: u8,
    is_monochrome: bool,
    subsampling: (bool, bool),
    sample_position: u8,
}

/// Primaries of BT.709, the transfer of sRGB, and no matrix: RGB.
const RGB: (u32, u32, u32) = (1, 13, 0);

impl Colours {
    fn read(bits: &mut BitReader<impl Iterator<Item = u8>>, profile: u8) -> Option<Self> {
        let is_deep = bits.bit()?;
        let bit_depth = match (is_deep, is_deep && profile == 2 && bits.bit()?) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        let is_monochrome = profile != 1 && bits.bit()?;
        let told = if bits.bit()? { (bits.bits(8)?, bits.bits(8)?, bits.bits(8)?) } else { (2, 2, 2) };
        let mut colours = Self { bit_depth, is_monochrome, subsampling: (true, true), sample_position: 0 };
        if is_monochrome {
            bits.skip(1)?;
            return Some(colours);
        }
        if told == RGB {
            colours.subsampling = (false, false);
            return Some(colours);
        }
        bits.skip(1)?;
        colours.subsampling = match (profile, bit_depth) {
            (0, _) => (true, true),
            (1, _) => (false, false),
            (_, 12) => {
                let in_a_row = bits.bit()?;
                (in_a_row, in_a_row && bits.bit()?)
            }
            _ => (true, false),
        };
        if colours.subsampling == (true, true) {
            colours.sample_position = byte(bits.bits(2)?)?;
        }
        Some(colours)
    }
}
