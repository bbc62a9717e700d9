use super::nal;
use crate::payload::bits::BitReader;
use crate::payload::picture::{Colours, cropped, off};
use crate::payload::{FrameRate, ParameterSetError, rbsp};

/// A sequence parameter set: the size and the order of pictures (H.264, section 7.3.2.1.1 and annex E).
///
/// # Examples
///
/// ```
/// use rtspan_core::payload::h264::Sps;
///
/// let nal = [
///     0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00,
///     0x00, 0x03, 0x03, 0xc8, 0xf1, 0x83, 0x19, 0x60,
/// ];
/// let sps = Sps::read(&nal)?;
/// assert_eq!((sps.width, sps.height, sps.reordering), (1280, 720, Some(2)));
/// assert_eq!(sps.frame_rate.map(|rate| rate.as_f64()), Some(30.0));
/// # Ok::<(), rtspan_core::payload::ParameterSetError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sps {
    /// `profile_idc`: 66 is Baseline, 77 Main, 100 High.
    pub profile: u8,
    /// The constraint flags, the first of which is the most significant bit.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// `seq_parameter_set_id`, by which picture parameter sets refer to it.
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
    /// True if pictures may be coded as fields or in pairs of lines.
    pub may_be_interlaced: bool,
    /// Frames a second, if they are told; cameras often tell a rate that they do not keep.
    pub frame_rate: Option<FrameRate>,
    /// Frames at most that are decoded before one that is presented before them; `None` if it is not told.
    pub reordering: Option<u8>,
}

/// Frames that a decoder holds at most (H.264, section A.3.1).
const FRAMES_HELD_MAX: u32 = 16;

/// `pixel_aspect` by `aspect_ratio_idc`, from 1 on (H.264, table E-1).
pub(in crate::payload) const PIXEL_ASPECTS: [(u16, u16); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

impl Sps {
    /// Reads a NAL unit without a start code.
    ///
    /// Usability information that is cut off counts as absent, since cameras leave out a part of it.
    ///
    /// # Errors
    ///
    /// When the NAL unit is of another type, is cut off, or has a number out of its range.
    pub fn read(nal: &[u8]) -> Result<Self, ParameterSetError> {
        let (header, body) = nal.split_first().ok_or(ParameterSetError::Malformed)?;
        match nal::type_of(*header) {
            nal::SPS => read(body).ok_or(ParameterSetError::Malformed),
            other => Err(ParameterSetError::OtherNal(other)),
        }
    }
}

fn read(body: &[u8]) -> Option<Sps> {
    let mut bits = BitReader::new(rbsp::unescaped(body));
    let [profile, constraints, level] = [byte(&mut bits)?, byte(&mut bits)?, byte(&mut bits)?];
    let id = u8::try_from(bits.ue()?).ok().filter(|id| *id < 32)?;
    let (chroma, [luma_depth, chroma_depth]) =
        if has_chroma_format(profile) { read_chroma_format(&mut bits)? } else { (Chroma::Of420, [8, 8]) };
    bits.ue().filter(|log2_max_frame_num| *log2_max_frame_num <= 12)?;
    let order_type = read_order_type(&mut bits)?;
    bits.ue().filter(|reference_frames| *reference_frames <= FRAMES_HELD_MAX)?;
    bits.skip(1)?;
    let width = macroblocks(bits.ue()?)?;
    let rows = macroblocks(bits.ue()?)?;
    let is_of_frames = bits.bit()?;
    let fields = if is_of_frames { 1 } else { 2 };
    if !is_of_frames {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let (mut off_width, mut off_height) = (0, 0);
    if bits.bit()? {
        let (unit_width, unit_height) = chroma.subsampling();
        off_width = off(bits.ue()?, bits.ue()?, unit_width);
        off_height = off(bits.ue()?, bits.ue()?, unit_height.saturating_mul(fields));
    }
    let (width, height) = cropped(width, rows.checked_mul(fields)?, off_width, off_height)?;
    let usability =
        if bits.bit()? { read_usability(&mut bits).unwrap_or_default() } else { Usability::default() };
    // Where it is not told, those follow from the profile (H.264, section E.2.1, max_num_reorder_frames).
    let is_intra =
        profile == 44 || (matches!(profile, 86 | 100 | 110 | 122 | 244) && constraints & 0x10 != 0);
    let is_in_order = order_type == 2 || profile == 66 || is_intra;
    Some(Sps {
        profile,
        constraints,
        level,
        id,
        chroma_format: chroma.format(),
        luma_depth,
        chroma_depth,
        width,
        height,
        pixel_aspect: usability.pixel_aspect,
        colours: usability.colours,
        may_be_interlaced: !is_of_frames,
        frame_rate: usability.frame_rate,
        reordering: usability.reordering.or(if is_in_order { Some(0) } else { None }),
    })
}

fn byte(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<u8> {
    bits.bits(8).and_then(|byte| byte.try_into().ok())
}

/// A number of macroblocks, told as one less, in pixels; bounded by what the greatest level allows in a row.
fn macroblocks(less_one: u32) -> Option<u32> {
    (less_one < 4096).then(|| less_one.saturating_add(1).saturating_mul(16))
}

/// `chroma_format_idc`, and planes that are coded by themselves.
#[derive(Clone, Copy)]
enum Chroma {
    Monochrome,
    Of420,
    Of422,
    Of444,
    Separate,
}

impl Chroma {
    /// `chroma_format_idc`.
    fn format(self) -> u8 {
        match self {
            Self::Monochrome => 0,
            Self::Of420 => 1,
            Self::Of422 => 2,
            Self::Of444 | Self::Separate => 3,
        }
    }

    /// Pixels of a unit of cropping.
    fn subsampling(self) -> (u32, u32) {
        match self {
            Self::Of420 => (2, 2),
            Self::Of422 => (2, 1),
            Self::Monochrome | Self::Of444 | Self::Separate => (1, 1),
        }
    }
}

fn has_chroma_format(profile: u8) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 134 | 135 | 138 | 139)
}

/// The colour format and the depths of brightness and colour, and behind them the scaling lists.
fn read_chroma_format(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<(Chroma, [u8; 2])> {
    let chroma = match bits.ue()? {
        0 => Chroma::Monochrome,
        1 => Chroma::Of420,
        2 => Chroma::Of422,
        3 if bits.bit()? => Chroma::Separate,
        3 => Chroma::Of444,
        _ => return None,
    };
    let depths = [depth(bits)?, depth(bits)?];
    bits.skip(1)?;
    if bits.bit()? {
        let lists = if matches!(chroma, Chroma::Of444 | Chroma::Separate) { 12 } else { 8 };
        for list in 0..lists {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some((chroma, depths))
}

/// Bits of a sample, told as so many above 8.
fn depth(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<u8> {
    u8::try_from(bits.ue()?).ok().filter(|above| *above <= 6)?.checked_add(8)
}

/// A list ends early where the next scale is told to be zero.
fn skip_scaling_list(bits: &mut BitReader<impl Iterator<Item = u8>>, size: u32) -> Option<()> {
    let mut scale = 8_i32;
    for _ in 0..size {
        scale = scale.saturating_add(bits.se()?).rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

/// `pic_order_cnt_type`: pictures of type 2 are presented in the order in which they are decoded.
fn read_order_type(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<u32> {
    let order_type = bits.ue()?;
    match order_type {
        0 => bits.skip_numbers(1)?,
        1 => {
            bits.skip(1)?;
            bits.skip_numbers(2)?;
            let in_cycle = bits.ue().filter(|frames| *frames <= 255)?;
            bits.skip_numbers(in_cycle)?;
        }
        2 => {}
        _ => return None,
    }
    Some(order_type)
}

/// The part of the usability information that is read.
#[derive(Clone, Copy, Default)]
struct Usability {
    pixel_aspect: Option<(u16, u16)>,
    colours: Option<Colours>,
    frame_rate: Option<FrameRate>,
    reordering: Option<u8>,
}

fn read_usability(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<Usability> {
    let pixel_aspect = read_pixel_aspect(bits)?;
    let colours = read_appearance(bits)?;
    let mut frame_rate = None;
    if bits.bit()? {
        let (ticks, a_second) = (bits.bits(32)?, bits.bits(32)?);
        // A tick is the time of a field.
        frame_rate = FrameRate::new(a_second, ticks.saturating_mul(2));
        bits.skip(1)?;
    }
    let mut usability = Usability { pixel_aspect, colours, frame_rate, reordering: None };
    usability.reordering = read_reordering(bits).flatten();
    Some(usability)
}

/// The shape of a pixel, which H.265 tells in the same way.
pub(in crate::payload) fn read_pixel_aspect(
    bits: &mut BitReader<impl Iterator<Item = u8>>,
) -> Option<Option<(u16, u16)>> {
    if !bits.bit()? {
        return Some(None);
    }
    let aspect = match usize::from(byte(bits)?) {
        255 => Some((u16::try_from(bits.bits(16)?).ok()?, u16::try_from(bits.bits(16)?).ok()?)),
        0 => None,
        known => PIXEL_ASPECTS.get(known.saturating_sub(1)).copied(),
    };
    Some(aspect.filter(|(width, height)| *width > 0 && *height > 0))
}

/// Overscan, colours and the places of colour samples, of which the colours are told; H.265 has them in the same way.
pub(in crate::payload) fn read_appearance(
    bits: &mut BitReader<impl Iterator<Item = u8>>,
) -> Option<Option<Colours>> {
    if bits.bit()? {
        bits.skip(1)?;
    }
    let mut colours = None;
    if bits.bit()? {
        bits.skip(3)?;
        let mut told = Colours { is_full_range: bits.bit()?, ..Colours::default() };
        if bits.bit()? {
            // The number 2 stands for "unspecified".
            let mut number = || byte(bits).map(|number| Some(number).filter(|number| *number != 2));
            (told.primaries, told.transfer, told.matrix) = (number()?, number()?, number()?);
        }
        colours = Some(told);
    }
    if bits.bit()? {
        bits.skip_numbers(2)?;
    }
    Some(colours)
}

/// `max_num_reorder_frames`, behind the parameters of the reference decoder.
fn read_reordering(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<Option<u8>> {
    let mut has_decoder = false;
    for _ in 0..2 {
        if bits.bit()? {
            has_decoder = true;
            skip_reference_decoder(bits)?;
        }
    }
    bits.skip(if has_decoder { 2 } else { 1 })?;
    if !bits.bit()? {
        return Some(None);
    }
    bits.skip(1)?;
    bits.skip_numbers(4)?;
    let reordering = bits.ue().filter(|frames| *frames <= FRAMES_HELD_MAX)?;
    Some(reordering.try_into().ok())
}

fn skip_reference_decoder(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<()> {
    let buffers = bits.ue().filter(|less_one| *less_one < 32)?.saturating_add(1);
    bits.skip(8)?;
    for _ in 0..buffers {
        bits.skip_numbers(2)?;
        bits.skip(1)?;
    }
    bits.skip(20)
}
