use bytes::Bytes;

use super::Format;
use super::mpeg4_audio::from_hex;
use super::video::readable;
use crate::Tolerances;
use crate::payload::mpeg4_video::profile_level;

/// The profile and level that a description without one means: simple, level 1 (RFC 6416, section 7.1).
const DEFAULT_PROFILE_LEVEL: u8 = 1;

/// The parameters of an MPEG-4 Part 2 video track, as known before its first packet (RFC 6416, section 7.1).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mpeg4Video {
    /// Profile and level; 1, which is level 1 of the simple profile, if it is not said.
    pub profile_level: u8,
    /// The headers in front of all pictures; empty if they only come along with those.
    pub config: Bytes,
}

impl Mpeg4Video {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let config = readable(format.parameter("config"), tolerances, from_hex).unwrap_or_default();
        let profile_level = readable(format.parameter("profile-level-id"), tolerances, |id| id.parse().ok());
        Self {
            profile_level: profile_level
                .or_else(|| self::profile_level(&config))
                .unwrap_or(DEFAULT_PROFILE_LEVEL),
            config: config.into(),
        }
    }
}

/// The parameters of a description for these headers.
pub(super) fn fmtp(config: &[u8]) -> String {
    let profile_level = profile_level(config).unwrap_or(DEFAULT_PROFILE_LEVEL);
    let config: String = config.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("profile-level-id={profile_level}; config={config}")
}
