//! VP8, VP9 and AV1: formats whose parameters tell the limits of a receiver, not the contents of the stream.

use super::Format;
use super::video::readable;
use crate::Tolerances;

/// The parameters of a VP8 track in its description (RFC 7741, section 6.1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Vp8 {
    /// Pictures a second at most.
    pub max_frame_rate: Option<u32>,
    /// The size of a picture at most, in macroblocks of 16 x 16.
    pub max_frame_size: Option<u32>,
}

impl Vp8 {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        Self {
            max_frame_rate: positive(format, "max-fr", tolerances),
            max_frame_size: positive(format, "max-fs", tolerances),
        }
    }
}

/// The parameters of a VP9 track in its description (RFC 9628, section 6).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Vp9 {
    /// Pictures a second at most.
    pub max_frame_rate: Option<u32>,
    /// The size of a picture at most, in macroblocks of 16 x 16.
    pub max_frame_size: Option<u32>,
    /// The profile, 0 to 3; zero if it is not said.
    pub profile: u8,
}

impl Vp9 {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let profile =
            readable(format.parameter("profile-id"), tolerances, |id| id.parse().ok().filter(|id| *id <= 3));
        Self {
            max_frame_rate: positive(format, "max-fr", tolerances),
            max_frame_size: positive(format, "max-fs", tolerances),
            profile: profile.unwrap_or(0),
        }
    }
}

/// The parameters of an AV1 track in its description (RTP Payload Format For AV1, section 7.2).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Av1 {
    /// The profile at most, 0 to 2; zero if it is not said.
    pub profile: u8,
    /// `seq_level_idx` at most; 5, which is level 3.1, if it is not said.
    pub level: u8,
    /// The level is of the high tier.
    pub is_high_tier: bool,
}

impl Av1 {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let mut number = |name, most: u8| {
            let read = |text: &str| text.parse().ok().filter(|number: &u8| *number <= most);
            readable(format.parameter(name), tolerances, read)
        };
        Self {
            profile: number("profile", 2).unwrap_or(0),
            level: number("level-idx", 31).unwrap_or(5),
            is_high_tier: number("tier", 1) == Some(1),
        }
    }
}

fn positive(format: &Format, name: &str, tolerances: &mut Tolerances) -> Option<u32> {
    readable(format.parameter(name), tolerances, |number| number.parse().ok().filter(|number| *number > 0))
}
