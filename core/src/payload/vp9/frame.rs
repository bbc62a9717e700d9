use crate::payload::bits::BitReader;

/// The beginning of a keyframe (VP9 bitstream specification, section 6.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// The profile, 0 to 3.
    pub profile: u8,
    /// Bits of a sample: 8, 10 or 12.
    pub bit_depth: u8,
    /// `color_space`: 0 is not told, 2 is BT.709, 7 is RGB.
    pub colour_space: u8,
    /// Samples take the full range of their bits.
    pub is_full_range: bool,
    /// There are half as many samples of colour in a row, and in a column.
    pub subsampling: (bool, bool),
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

const FRAME_MARKER: u32 = 2;
const SYNC_CODE: u32 = 0x49_83_42;
const RGB: u8 = 7;

impl FrameHeader {
    /// Reads the header of a keyframe; `None` if the frame is none, or its header is cut off.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let mut bits = BitReader::new(frame.iter().copied());
        let profile = read_to_key(&mut bits)?;
        bits.skip(2)?;
        bits.bits(24).filter(|code| *code == SYNC_CODE)?;
        let bit_depth = match (profile >= 2, profile >= 2 && bits.bit()?) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        let colour_space = u8::try_from(bits.bits(3)?).ok()?;
        let is_rgb = colour_space == RGB;
        let is_full_range = is_rgb || bits.bit()?;
        let subsampling = match (profile & 1 == 1, is_rgb) {
            (true, false) => (bits.bit()?, bits.bit()?),
            (true, true) => (false, false),
            (false, false) => (true, true),
            (false, true) => return None,
        };
        if profile & 1 == 1 {
            bits.skip(1)?;
        }
        let [width, height] = [bits.bits(16)?, bits.bits(16)?].map(|less_one| less_one.saturating_add(1));
        Some(Self { profile, bit_depth, colour_space, is_full_range, subsampling, width, height })
    }

    /// The frame begins as a keyframe does.
    pub(super) fn is_keyframe(frame: &[u8]) -> bool {
        read_to_key(&mut BitReader::new(frame.iter().copied())).is_some()
    }

    /// Primaries, transfer and matrix of ISO/IEC 23001-8.
    pub(super) fn colours(&self) -> [u8; 3] {
        match self.colour_space {
            1 => [5, 6, 5],
            2 => [1; 3],
            3 => [6; 3],
            4 => [7; 3],
            5 => [9, 14, 9],
            RGB => [1, 13, 0],
            _ => [2; 3],
        }
    }
}

/// Reads the profile, and that the frame is a keyframe.
fn read_to_key(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<u8> {
    bits.bits(2).filter(|marker| *marker == FRAME_MARKER)?;
    let profile = u8::from(bits.bit()?) | u8::from(bits.bit()?) << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    let shows_existing = bits.bit()?;
    let is_inter = bits.bit()?;
    (!shows_existing && !is_inter).then_some(profile)
}
