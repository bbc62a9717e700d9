use bytes::Bytes;

use super::FrameRate;
use crate::description::Format;

/// The parameters of a stream that a decoder, or a file, needs: told by its description, and by the stream itself.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Parameters {
    /// The format, with the parameters as they are now: the description to give to those who come later.
    pub format: Format,
    /// The codec as web browsers and playlists name it, such as `avc1.64001F` (RFC 6381).
    pub codec: Option<Box<str>>,
    /// The configuration that a container keeps for the decoder: `avcC`, `hvcC`, `av1C`, `vpcC`, `dOps`,
    /// `dac3`, `dec3`, the AudioSpecificConfig of AAC; `None` if the format has none, or not all of it is known yet. That of
    /// Enhanced AC-3 is told of frames of six blocks without further substreams.
    pub configuration: Option<Bytes>,
    /// The parameters of a picture; `None` for other media, or as long as they are not known.
    pub video: Option<VideoParameters>,
    /// The parameters of sound; `None` for other media, or as long as they are not known.
    pub audio: Option<AudioParameters>,
}

impl Parameters {
    /// The parameters of a format, told by its description alone.
    pub(crate) fn of(format: Format) -> Self {
        Self { format, codec: None, configuration: None, video: None, audio: None }
    }
}

/// The parameters of pictures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct VideoParameters {
    /// Pixels in a row of the picture that is shown.
    pub width: u32,
    /// Rows of the picture that is shown.
    pub height: u32,
    /// Width and height of a pixel, in the same unit; `None` if it is not told.
    pub pixel_aspect: Option<(u16, u16)>,
    /// Pictures a second, if they are told; cameras often tell a rate that they do not keep.
    pub frame_rate: Option<FrameRate>,
    /// Pictures at most that are decoded before one that is presented before them; `None` if it is not told.
    pub reordering: Option<u8>,
}

/// The parameters of sound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AudioParameters {
    /// Samples a second that come out of the decoder.
    pub sample_rate: u32,
    /// Channels that come out of the decoder; zero if only the packets say.
    pub channels: u8,
}

impl AudioParameters {
    pub(crate) fn new(sample_rate: u32, channels: u8) -> Self {
        Self { sample_rate, channels }
    }
}
