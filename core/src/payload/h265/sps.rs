use super::{HEADER_BYTES, SPS, Syntax};
use crate::payload::bits::BitReader;
use crate::payload::h264::{read_appearance, read_pixel_aspect};
use crate::payload::nal::type_of;
use crate::payload::picture::{Colours, cropped, off};
use crate::payload::{FrameRate, ParameterSetError, rbsp};

/// A sequence parameter set: the size and the order of pictures (H.265, section 7.3.2.2 and annex E).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sps {
    /// `general_profile_idc`: 1 is Main, 2 Main 10.
    pub profile: u8,
    /// `general_tier_flag`: the level is of the high tier.
    pub is_high_tier: bool,
    /// `general_level_idc`: thirty times the level.
    pub level: u8,
    /// `sps_seq_parameter_set_id`, by which picture parameter sets refer to it.
    pub id: u8,
    /// `chroma_format_idc`: 0 is without colour, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Bits of a sample of brightness.
    pub luma_depth: u8,
    /// Bits of a sample of colour.
    pub chroma_depth: u8,
    /// Pixels in a row of the picture that is shown.
    pub width: u32,
    /// Rows of the picture that is shown.
    pub height: u32,
    /// Width and height of a pixel, in the same unit; `None` if it is not told.
    pub pixel_aspect: Option<(u16, u16)>,
    /// How samples stand for colours; `None` if it is not told.
    pub colours: Option<Colours>,
    /// Pictures a second, if they are told; cameras often tell a rate that they do not keep.
    pub frame_rate: Option<FrameRate>,
    /// Pictures at most that are decoded before one that is presented before them.
    pub reordering: u8,
}

/// Pictures that a decoder holds at most (H.265, section A.4.2).
const PICTURES_HELD_MAX: u32 = 16;

impl Sps {
    /// Reads a NAL unit without a start code.
    ///
    /// Usability information that is cut off counts as absent.
    ///
    /// # Errors
    ///
    /// When the NAL unit is of another type, is cut off, or has a number out of its range.
    pub fn read(nal: &[u8]) -> Result<Self, ParameterSetError> {
        match type_of::<Syntax>(nal).ok_or(ParameterSetError::Malformed)? {
            SPS => read(nal.get(HEADER_BYTES..).unwrap_or_default()).ok_or(ParameterSetError::Malformed),
            other => Err(ParameterSetError::OtherNal(other)),
        }
    }
}

fn read(body: &[u8]) -> Option<Sps> {
    let mut bits = BitReader::new(rbsp::unescaped(body));
    bits.skip(4)?;
    let sub_layers = bits.bits(3).filter(|less_one| *less_one < 7)?;
    bits.skip(1)?;
    let (profile, is_high_tier, level) = read_profile(&mut bits, sub_layers)?;
    let id = u8::try_from(bits.ue()?).ok().filter(|id| *id < 16)?;
    let chroma_format = u8::try_from(bits.ue()?).ok()?;
    let (unit_width, unit_height) = match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        3 => {
            bits.skip(1)?;
            (1, 1)
        }
        0 => (1, 1),
        _ => return None,
    };
    let (width, height) = (side(bits.ue()?)?, side(bits.ue()?)?);
    let (mut off_width, mut off_height) = (0, 0);
    if bits.bit()? {
        off_width = off(bits.ue()?, bits.ue()?, unit_width);
        off_height = off(bits.ue()?, bits.ue()?, unit_height);
    }
    let (width, height) = cropped(width, height, off_width, off_height)?;
    let [luma_depth, chroma_depth] = [depth(bits.ue()?)?, depth(bits.ue()?)?];
    let order_bits = bits.ue().filter(|less_four| *less_four <= 12)?.saturating_add(4);
    let tells_each = bits.bit()?;
    let mut reordering = 0;
    for _ in if tells_each { 0 } else { sub_layers }..=sub_layers {
        bits.skip_numbers(1)?;
        reordering = bits.ue().filter(|pictures| *pictures <= PICTURES_HELD_MAX)?;
        bits.skip_numbers(1)?;
    }
    let usability = read_usability(&mut bits, order_bits).unwrap_or_default();
    Some(Sps {
        profile,
        is_high_tier,
        level,
        id,
        chroma_format,
        luma_depth,
        chroma_depth,
        width,
        height,
        pixel_aspect: usability.pixel_aspect,
        colours: usability.colours,
        frame_rate: usability.frame_rate,
        reordering: reordering.try_into().ok()?,
    })
}

/// Bits of a sample, of which there are 16 at most.
fn depth(above_8: u32) -> Option<u8> {
    u8::try_from(above_8).ok().filter(|above| *above <= 8)?.checked_add(8)
}

/// A side of a picture, bounded by what the greatest level allows in a row.
fn side(pixels: u32) -> Option<u32> {
    (1..=1 << 16).contains(&pixels).then_some(pixels)
}

/// Profile, tier and level, behind them those of the sub-layers (H.265, section 7.3.3).
fn read_profile(bits: &mut BitReader<impl Iterator<Item = u8>>, sub_layers: u32) -> Option<(u8, bool, u8)> {
    bits.skip(2)?;
    let is_high_tier = bits.bit()?;
    let profile = u8::try_from(bits.bits(5)?).ok()?;
    bits.skip(32 + 48)?;
    let level = u8::try_from(bits.bits(8)?).ok()?;
    let mut bits_of_layers = 0_u32;
    for _ in 0..sub_layers {
        let (has_profile, has_level) = (bits.bit()?, bits.bit()?);
        bits_of_layers = bits_of_layers
            .saturating_add(if has_profile { 88 } else { 0 })
            .saturating_add(if has_level { 8 } else { 0 });
    }
    if sub_layers > 0 {
        bits.skip(8_u32.saturating_sub(sub_layers).saturating_mul(2))?;
    }
    bits.skip(bits_of_layers)?;
    Some((profile, is_high_tier, level))
}

/// The part of the usability information that is read.
#[derive(Clone, Copy, Default)]
struct Usability {
    pixel_aspect: Option<(u16, u16)>,
    colours: Option<Colours>,
    frame_rate: Option<FrameRate>,
}

/// Everything between the order of pictures and the rate.
fn read_usability(bits: &mut BitReader<impl Iterator<Item = u8>>, order_bits: u32) -> Option<Usability> {
    bits.skip_numbers(6)?;
    if bits.bit()? && bits.bit()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.bit()? {
        bits.skip(8)?;
        bits.skip_numbers(2)?;
        bits.skip(1)?;
    }
    skip_short_term_sets(bits)?;
    if bits.bit()? {
        let long_term = bits.ue().filter(|pictures| *pictures <= 32)?;
        bits.skip(order_bits.saturating_add(1).saturating_mul(long_term))?;
    }
    bits.skip(2)?;
    if !bits.bit()? {
        return None;
    }
    let pixel_aspect = read_pixel_aspect(bits)?;
    let mut usability = Usability { pixel_aspect, ..Usability::default() };
    if let Some(colours) = read_appearance(bits) {
        usability.colours = colours;
        usability.frame_rate = read_frame_rate(bits).flatten();
    }
    Some(usability)
}

fn read_frame_rate(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<Option<FrameRate>> {
    bits.skip(3)?;
    if bits.bit()? {
        bits.skip_numbers(4)?;
    }
    if !bits.bit()? {
        return Some(None);
    }
    let (ticks, a_second) = (bits.bits(32)?, bits.bits(32)?);
    Some(FrameRate::new(a_second, ticks))
}

/// H.265, section 7.3.4: four sizes of lists; those of 16 by 16 on begin with a mean.
fn skip_scaling_lists(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<()> {
    for (lists, numbers) in [(6, 16), (6, 64), (6, 65), (2, 65)] {
        for _ in 0..lists {
            if bits.bit()? {
                bits.skip_numbers(numbers)?;
            } else {
                bits.skip_numbers(1)?;
            }
        }
    }
    Some(())
}

/// H.265, section 7.3.7: a set may be told by its difference to the one before.
fn skip_short_term_sets(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<()> {
    let sets = bits.ue().filter(|sets| *sets <= 64)?;
    let mut pictures = 0_u32;
    for set in 0..sets {
        if set > 0 && bits.bit()? {
            bits.skip(1)?;
            bits.skip_numbers(1)?;
            let before = pictures;
            pictures = 0;
            for _ in 0..=before {
                if bits.bit()? || bits.bit()? {
                    pictures = pictures.saturating_add(1);
                }
            }
        } else {
            let (before, behind) = (bits.ue()?, bits.ue()?);
            pictures = before.checked_add(behind).filter(|all| *all <= PICTURES_HELD_MAX)?;
            for _ in 0..pictures {
                bits.skip_numbers(1)?;
                bits.skip(1)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
#[path = "sps_tests.rs"]
mod tests;
