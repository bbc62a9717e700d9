use super::{HEADER_BYTES, SPS, Syntax};
use crate::payload::bits::BitReader;
use crate::payload::nal::type_of;
use crate::payload::picture::{cropped, off};
use crate::payload::{ParameterSetError, rbsp};

/// A sequence parameter set: profile, level and size (H.266, sections 7.3.2.4 and 7.3.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sps {
    /// `general_profile_idc`: 1 is Main 10.
    pub profile: u8,
    /// `general_tier_flag`: the level is of the high tier.
    pub is_high_tier: bool,
    /// `general_level_idc`: sixteen times the level, and three for each tenth.
    pub level: u8,
    /// `sps_seq_parameter_set_id`, by which picture parameter sets refer to it.
    pub id: u8,
    /// `sps_chroma_format_idc`: 0 is without colour, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Pixels in a row of the picture that is shown.
    pub width: u32,
    /// Rows of the picture that is shown.
    pub height: u32,
}

/// Bits of the flags of general constraints, before the number of further ones.
const CONSTRAINT_BITS: u32 = 71;

/// Pixels in a row or rows at most (H.266, table A.2: level 6.2 has 16,888).
const SIDE_MAX: u32 = 1 << 15;

impl Sps {
    /// Reads a NAL unit without a start code.
    ///
    /// # Errors
    ///
    /// When the NAL unit is of another type, is cut off, has a number out of its range, or leaves its profile to a VPS, as
    /// only layers above the first do.
    pub fn read(nal: &[u8]) -> Result<Self, ParameterSetError> {
        match type_of::<Syntax>(nal).ok_or(ParameterSetError::Malformed)? {
            SPS => read(nal.get(HEADER_BYTES..).unwrap_or_default()).ok_or(ParameterSetError::Malformed),
            other => Err(ParameterSetError::OtherNal(other)),
        }
    }
}

fn read(body: &[u8]) -> Option<Sps> {
    let mut bits = BitReader::new(rbsp::unescaped(body));
    let id = u8::try_from(bits.bits(4)?).ok()?;
    bits.skip(4)?;
    let sub_layers = bits.bits(3).filter(|less_one| *less_one < 7)?;
    let chroma_format = u8::try_from(bits.bits(2)?).ok()?;
    bits.skip(2)?;
    if !bits.bit()? {
        return None;
    }
    let profile = u8::try_from(bits.bits(7)?).ok()?;
    let is_high_tier = bits.bit()?;
    let level = u8::try_from(bits.bits(8)?).ok()?;
    skip_rest_of_profile(&mut bits, sub_layers)?;
    bits.skip(1)?;
    if bits.bit()? {
        bits.skip(1)?;
    }
    let (width, height) = (side(bits.ue()?)?, side(bits.ue()?)?);
    let (unit_width, unit_height) = match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let (mut off_width, mut off_height) = (0, 0);
    if bits.bit()? {
        off_width = off(bits.ue()?, bits.ue()?, unit_width);
        off_height = off(bits.ue()?, bits.ue()?, unit_height);
    }
    let (width, height) = cropped(width, height, off_width, off_height)?;
    Some(Sps { profile, is_high_tier, level, id, chroma_format, width, height })
}

/// A side of a picture within its bounds.
fn side(pixels: u32) -> Option<u32> {
    (1..=SIDE_MAX).contains(&pixels).then_some(pixels)
}

/// Skips the part between the level and the SPS proper: constraints, and the levels of the sub-layers.
fn skip_rest_of_profile(bits: &mut BitReader<impl Iterator<Item = u8>>, sub_layers: u32) -> Option<()> {
    bits.skip(2)?;
    if bits.bit()? {
        bits.skip(CONSTRAINT_BITS)?;
        let further = bits.bits(8)?;
        bits.skip(further)?;
    }
    bits.align();
    let mut levels = 0_u32;
    for _ in 0..sub_layers {
        levels = levels.saturating_add(bits.bit()?.into());
    }
    bits.align();
    bits.skip(levels.saturating_mul(8))?;
    let sub_profiles = bits.bits(8)?;
    bits.skip(sub_profiles.saturating_mul(32))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An SPS out of numbers and their bits, ue(v) where there are none.
    fn sps(fields: &[(u32, u32)]) -> Vec<u8> {
        let mut bits = String::new();
        for (number, width) in fields {
            let text = format!("{:b}", if *width == 0 { number + 1 } else { *number });
            let width = if *width == 0 { 2 * text.len() - 1 } else { *width as usize };
            bits.push_str(&format!("{text:0>width$}"));
        }
        bits.push('1');
        let bytes = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |all, (at, bit)| all | (bit - b'0') << (7 - at)));
        [0, SPS << 3 | 1].into_iter().chain(bytes).collect()
    }

    const HEAD: [(u32, u32); 6] = [(3, 4), (0, 4), (0, 3), (1, 2), (2, 2), (1, 1)];

    #[test]
    fn profile_level_and_size_are_read() {
        let plain = [(1, 7), (0, 1), (67, 8), (1, 1), (0, 1), (0, 6), (0, 8), (0, 1), (0, 1)];
        let size = [(1920, 0), (1088, 0), (1, 1), (0, 0), (0, 0), (0, 0), (4, 0)];
        let nal = sps(&[&HEAD[..], &plain, &size].concat());
        let read = Sps::read(&nal).unwrap();
        assert_eq!((read.profile, read.is_high_tier, read.level, read.id), (1, false, 67, 3));
        assert_eq!((read.width, read.height, read.chroma_format), (1920, 1080, 1));
        for length in 0..nal.len() - 2 {
            assert_eq!(Sps::read(&nal[..length]), Err(ParameterSetError::Malformed), "{length} bytes");
        }
        assert_eq!(Sps::read(&[0, 0x81, 1]), Err(ParameterSetError::OtherNal(16)));
    }

    #[test]
    fn constraints_sub_layers_and_sub_profiles_are_passed_over() {
        // Three sub-layers, of which one has a level; 71 constraints, eight more; two sub-profiles.
        let head = [(0, 4), (1, 4), (2, 3), (3, 2), (2, 2), (1, 1), (33, 7), (1, 1), (102, 8), (0, 2)];
        let constraints =
            [(1, 1), (0x5a5a_5a5a, 32), (0x5a5a_5a5a, 32), (0x55, 7), (8, 8), (0xff, 8), (0, 6)];
        let rest = [(0b10, 2), (0, 6), (51, 8), (2, 8), (7, 32), (9, 32), (1, 1), (1, 1), (1, 1)];
        let nal = sps(&[&head[..], &constraints, &rest, &[(640, 0), (362, 0), (0, 1)]].concat());
        let read = Sps::read(&nal).unwrap();
        assert_eq!((read.profile, read.is_high_tier, read.level), (33, true, 102));
        assert_eq!((read.width, read.height, read.chroma_format), (640, 362, 3));
    }

    #[test]
    fn no_bit_that_is_changed_gives_a_picture_without_size() {
        let plain = [(1, 7), (0, 1), (67, 8), (1, 1), (0, 1), (0, 6), (0, 8), (0, 1), (0, 1)];
        let nal = sps(&[&HEAD[..], &plain, &[(64, 0), (64, 0), (0, 1)]].concat());
        for at in 0..nal.len() * 8 {
            let mut changed = nal.clone();
            changed[at / 8] ^= 1 << (at % 8);
            if let Ok(read) = Sps::read(&changed) {
                assert!(read.width > 0 && read.height > 0);
            }
        }
    }
}
