use super::{BitReader, behind_start_code, code};
use crate::payload::FrameRate;

/// The kind of layers that have no B pictures.
const SIMPLE: u8 = 1;

/// The header of a layer (ISO/IEC 14496-2, section 6.2.3). Most videos have a single layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct VideoObjectLayer {
    /// The kind of layer: 1 is simple, 17 advanced simple.
    pub object_type: u8,
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Width and height of a pixel, if they are told.
    pub pixel_aspect: Option<(u16, u16)>,
    /// Ticks a second in which the times of pictures are told.
    pub time_resolution: u16,
    /// Pictures a second, if their rate is fixed.
    pub frame_rate: Option<FrameRate>,
    /// There are no B pictures, or there are some, if that is told.
    pub is_low_delay: Option<bool>,
}

impl VideoObjectLayer {
    /// Reads the first header of a layer among those of a picture, or in a configuration; `None` if there is none, it is cut
    /// off, or the picture is no rectangle.
    pub fn read(headers: &[u8]) -> Option<Self> {
        let layer = behind_start_code(headers, |code| code::VOL.contains(&code))?;
        let mut bits = BitReader::new(layer.iter().copied());
        bits.skip(1)?;
        let object_type = bits.bits(8)? as u8;
        if bits.bit()? {
            bits.skip(7)?;
        }
        let pixel_aspect = match bits.bits(4)? {
            1 => Some((1, 1)),
            2 => Some((12, 11)),
            3 => Some((10, 11)),
            4 => Some((16, 11)),
            5 => Some((40, 33)),
            15 => Some((bits.bits(8)? as u16, bits.bits(8)? as u16)).filter(|(x, y)| *x > 0 && *y > 0),
            _ => None,
        };
        let mut is_low_delay = None;
        if bits.bit()? {
            bits.skip(2)?;
            is_low_delay = Some(bits.bit()?);
            if bits.bit()? {
                bits.skip(79)?;
            }
        }
        // The shape is a rectangle. A marker follows it, and each number after it.
        if bits.bits(2)? != 0 {
            return None;
        }
        bits.skip(1)?;
        let time_resolution = bits.bits(16)? as u16;
        bits.skip(1)?;
        let mut frame_rate = None;
        if bits.bit()? {
            let increment_bits = u16::BITS.saturating_sub(time_resolution.saturating_sub(1).leading_zeros());
            let increment = bits.bits(increment_bits.max(1) as u8)?;
            frame_rate = FrameRate::new(time_resolution.into(), increment);
        }
        bits.skip(1)?;
        let width = bits.bits(13)? as u16;
        bits.skip(1)?;
        let height = bits.bits(13)? as u16;
        let layer =
            Self { object_type, width, height, pixel_aspect, time_resolution, frame_rate, is_low_delay };
        (width > 0 && height > 0).then_some(layer)
    }

    /// Pictures that are decoded before one that is presented before them; simple layers have none.
    pub(super) fn reordering(&self) -> Option<u8> {
        match self.is_low_delay {
            Some(is_low_delay) => Some(u8::from(!is_low_delay)),
            None => (self.object_type == SIMPLE).then_some(0),
        }
    }
}
