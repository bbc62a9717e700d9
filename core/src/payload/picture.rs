use std::num::NonZeroU32;
use std::time::Duration;

/// Pictures a second, as a fraction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameRate {
    /// Pictures in `per_seconds`.
    pub pictures: NonZeroU32,
    /// Seconds in which `pictures` are shown.
    pub per_seconds: NonZeroU32,
}

impl FrameRate {
    /// A fraction; `None` if a part of it is zero.
    pub fn new(pictures: u32, per_seconds: u32) -> Option<Self> {
        Some(Self { pictures: NonZeroU32::new(pictures)?, per_seconds: NonZeroU32::new(per_seconds)? })
    }

    /// The time for which one picture is shown.
    pub fn frame_duration(self) -> Duration {
        let nanoseconds = u64::from(self.per_seconds.get()).saturating_mul(1_000_000_000);
        Duration::from_nanos(nanoseconds.checked_div(self.pictures.get().into()).unwrap_or_default())
    }

    /// The fraction as a number.
    pub fn as_f64(self) -> f64 {
        f64::from(self.pictures.get()) / f64::from(self.per_seconds.get())
    }
}

/// How samples stand for colours (H.264, section E.2.1; the numbers are those of ISO/IEC 23091-2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Colours {
    /// True if samples take the full range, from 0 to 255 for instance; false if brightness goes from 16 to 235.
    pub is_full_range: bool,
    /// `colour_primaries`; `None` if they are not told.
    pub primaries: Option<u8>,
    /// `transfer_characteristics`; `None` if they are not told.
    pub transfer: Option<u8>,
    /// `matrix_coefficients`: 1 is BT.709, 5 and 6 are BT.601; `None` if they are not told.
    pub matrix: Option<u8>,
}

/// Why a parameter set could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterSetError {
    /// The NAL unit is of another type.
    #[error("a NAL unit of type {0} is not a sequence parameter set")]
    OtherNal(u8),
    /// The NAL unit ends too early, or a number in it is out of its range.
    #[error("the sequence parameter set is cut off, or a number in it is out of its range")]
    Malformed,
}

/// Sides of a picture without what is cropped off them; `None` if nothing is left.
pub(super) fn cropped(width: u32, height: u32, off_width: u32, off_height: u32) -> Option<(u32, u32)> {
    Some((
        width.checked_sub(off_width).filter(|width| *width > 0)?,
        height.checked_sub(off_height).filter(|height| *height > 0)?,
    ))
}

/// Pixels that are cropped off two sides, in units of so many pixels.
pub(super) fn off(one: u32, other: u32, unit: u32) -> u32 {
    one.saturating_add(other).saturating_mul(unit)
}
