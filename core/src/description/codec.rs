use super::{Format, H264, H265, Mpeg4Audio};
use crate::Tolerances;

/// A codec that the library knows, with what its parameters say.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 (RFC 6184).
    H264(H264),
    /// H.265 (RFC 7798).
    H265(H265),
    /// MPEG-4 audio with AU headers: AAC (RFC 3640).
    Mpeg4Audio(Mpeg4Audio),
    /// Opus (RFC 7587).
    Opus(Opus),
    /// G.711 (RFC 3551, section 4.5.14).
    G711(G711Law),
    /// Any other; the format has its name and its parameters.
    Other,
}

/// The companding law of G.711.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum G711Law {
    /// µ-law: `PCMU`.
    Mu,
    /// A-law: `PCMA`.
    A,
}

/// What is known about an Opus track.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Opus {
    /// Channels that the sender is likely to use: two with `sprop-stereo=1`, else one (RFC 7587, section 6.1).
    pub channels: u8,
}

impl Codec {
    /// What a format means, from everything but its `codec`.
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let is = |name: &str| format.encoding.eq_ignore_ascii_case(name);
        if is("H264") {
            Self::H264(H264::read(format, tolerances))
        } else if is("H265") {
            Self::H265(H265::read(format, tolerances))
        } else if is("mpeg4-generic") {
            Mpeg4Audio::read(format, tolerances).map_or(Self::Other, Self::Mpeg4Audio)
        } else if is("opus") {
            let stereo = format.parameter("sprop-stereo") == Some("1");
            Self::Opus(Opus { channels: if stereo { 2 } else { 1 } })
        } else if is("PCMU") {
            Self::G711(G711Law::Mu)
        } else if is("PCMA") {
            Self::G711(G711Law::A)
        } else {
            Self::Other
        }
    }
}
