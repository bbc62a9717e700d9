//! The description of a stream: its medias, their formats and codecs.
//!
//! A description travels as SDP (RFC 8866) in the way that RTSP uses it (RFC 2326, appendix C). Reading is lenient, and
//! records deviations in [`Tolerances`]; writing is canonical.
//!
//! ```
//! use rtspan_core::{Codec, Description, Format, Media, MediaKind, Tolerances};
//!
//! let video = Media::new(MediaKind::Video, vec![Format::h264(96, &[0x67, 0x64, 0, 0x28, 0xac], &[0x68, 0xeb])]);
//! let audio = Media::new(MediaKind::Audio, vec![Format::pcma()]);
//! let sdp = Description::new(vec![video, audio]).with_track_controls().to_sdp();
//! assert!(sdp.contains("a=rtpmap:96 H264/90000\r\n"));
//!
//! let description = Description::parse(sdp.as_bytes(), &mut Tolerances::NONE)?;
//! let (index, format) = description.find("h264").expect("just written");
//! assert_eq!(description.medias[index].control.as_deref(), Some("trackID=0"));
//! assert!(matches!(format.codec(), Codec::H264(h264) if h264.parameter_sets().is_some()));
//! # Ok::<(), rtspan_core::description::DescriptionError>(())
//! ```

use std::fmt;

use crate::trace::body_without_secrets;
use crate::{Tolerances, limits, sdp};

mod amr;
mod audio_config;
mod codec;
mod data;
mod fmtp;
mod format;
mod grouping;
pub(crate) mod groups;
mod keys;
mod latm;
mod media;
mod mpeg4_audio;
mod mpeg4_video;
mod names;
mod opus;
mod read;
mod sound;
mod sprop;
mod static_types;
mod strays;
mod video;
mod vorbis;
mod web_video;
mod write;

#[cfg(test)]
mod tests;

pub use amr::{Amr, AmrPacking};
pub use audio_config::AudioConfig;
pub use codec::Codec;
pub use data::{MetadataCoding, Redundant, T140};
pub use format::Format;
pub use grouping::{GroupSemantics, MediaGroup};
pub use keys::Crypto;
pub use latm::{Latm, StreamMuxConfig};
pub use media::{Attribute, Bandwidth, Direction, Media, MediaKind};
pub use mpeg4_audio::{BadAudioConfig, Mpeg4Audio};
pub use mpeg4_video::Mpeg4Video;
pub use opus::{BadOpusStreams, Opus, OpusStreams};
pub use sound::{G711Law, G726, G726Order, IlbcMode, Pcm, Speech, Speex};
pub use video::{H264, H265, H266};
pub use vorbis::{BadVorbisHeaders, Vorbis, VorbisHeaders};
pub use web_video::{Av1, Vp8, Vp9};
pub(crate) use write::GroupLine;

/// A stream: its name, and the medias it consists of.
///
/// ```
/// use rtspan_core::{Description, Format, Media, MediaKind};
///
/// let video = Media::new(MediaKind::Video, vec![Format::h264(96, &[0x67, 0x64, 0, 0x28, 0xac], &[0x68, 0xeb])]);
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let description = Description::new(vec![video, sound]);
/// let (media, format) = description.find("PCMA").expect("it has G.711");
/// assert_eq!((media, format.payload_type, format.clock_rate()), (1, 8, 8_000));
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Description {
    /// The name of the stream, empty if it has none (`s=`).
    pub title: String,
    /// The URL that controls the stream as a whole, as it was written: absolute, relative or `*` (`a=control`).
    pub control: Option<String>,
    /// The range of time that the stream covers, as it was written, such as `npt=0-` (`a=range`).
    pub range: Option<String>,
    /// The program that made the description (`a=tool`).
    pub tool: Option<String>,
    /// Bandwidths of all medias together (`b=`).
    pub bandwidths: Vec<Bandwidth>,
    /// Medias that belong together (`a=group`).
    pub groups: Vec<MediaGroup>,
    /// Further attributes of the stream, in their order.
    pub attributes: Vec<Attribute>,
    /// The medias; where a media stands is its track number.
    pub medias: Vec<Media>,
}

debug_without_secrets!(Description { control; title, range, tool, bandwidths, groups, attributes, medias });

impl Description {
    /// A stream of `medias` without a title.
    pub fn new(medias: Vec<Media>) -> Self {
        Self { medias, ..Self::default() }
    }

    /// Reads SDP, as leniently as it takes.
    ///
    /// A line that makes no sense costs that line, never the description. Lines that are about addresses and times
    /// are not read, because RTSP negotiates both itself. A direction given for the whole stream is applied to the
    /// medias.
    ///
    /// # Errors
    ///
    /// The sender is at fault in all of them: too long, too many medias, none at all. The [line](DescriptionError::line) is told
    /// where it is one.
    pub fn parse(bytes: &[u8], tolerances: &mut Tolerances) -> Result<Self, DescriptionError> {
        let text = sdp::text(bytes, tolerances)?;
        let lines = sdp::parse(&text, limits::SDP_LINES_MAX, tolerances)?;
        Ok(read::description(lines, tolerances))
    }

    /// Reads a description that [`to_sdp`](Self::to_sdp) has written; it may be a little longer than one from a peer.
    pub(crate) fn parse_written(sdp: &[u8]) -> Option<Self> {
        let (text, mut tolerances) = (std::str::from_utf8(sdp).ok()?, Tolerances::NONE);
        let lines = sdp::parse(text, usize::MAX, &mut tolerances).ok()?;
        Some(read::description(lines, &mut tolerances))
    }

    /// Names the controls of all medias `trackID=0`, `trackID=1`, … in their order, and the stream's own `*`.
    ///
    /// This is what a server announces to its readers, whatever the publisher called them.
    #[must_use]
    pub fn with_track_controls(mut self) -> Self {
        self.control = Some("*".to_owned());
        for (index, media) in self.medias.iter_mut().enumerate() {
            media.control = Some(format!("trackID={index}"));
        }
        self
    }

    /// The description without what another server has said of its own groups.
    pub(crate) fn without_groups(mut self) -> Self {
        let is_foreign = |attribute: &Attribute| {
            ["source-filter", "rtcp-unicast"].iter().any(|name| attribute.name.eq_ignore_ascii_case(name))
        };
        self.attributes.retain(|attribute| !is_foreign(attribute));
        for media in &mut self.medias {
            media.attributes.retain(|attribute| !is_foreign(attribute));
        }
        self
    }

    /// Writes SDP.
    pub fn to_sdp(&self) -> String {
        write::sdp(self)
    }

    /// Writes SDP that also says where the medias are sent to, those that have a group.
    pub(crate) fn to_sdp_of_groups(&self, groups: &[Option<GroupLine>]) -> String {
        write::sdp_of_groups(self, groups)
    }

    /// The video medias with their track numbers.
    pub fn video(&self) -> impl Iterator<Item = (usize, &Media)> {
        self.of_kind(MediaKind::Video)
    }

    /// The audio medias with their track numbers, back channels included.
    pub fn audio(&self) -> impl Iterator<Item = (usize, &Media)> {
        self.of_kind(MediaKind::Audio)
    }

    /// The first format of this encoding name, in any case, with its track number.
    pub fn find(&self, encoding: &str) -> Option<(usize, &Format)> {
        self.medias.iter().enumerate().find_map(|(index, media)| {
            let format =
                media.formats.iter().find(|format| format.encoding.eq_ignore_ascii_case(encoding))?;
            Some((index, format))
        })
    }

    /// Returns `true` if a media goes from the client to the server (ONVIF Streaming Specification, section 5.3).
    ///
    /// Such a media is audio marked `sendonly`, unless all medias are: D-Link and IDS cameras mark what they send so.
    pub fn is_back_channel(&self, track: usize) -> bool {
        let sends = |media: &Media| media.direction == Some(Direction::SendOnly);
        self.medias.get(track).is_some_and(|media| media.kind == MediaKind::Audio && sends(media))
            && !self.medias.iter().all(sends)
    }

    /// Returns `true` if a reader of the one can read the other: medias and formats are the same, whatever else differs.
    pub(crate) fn has_same_medias(&self, other: &Self) -> bool {
        let is_same = |(own, other): (&Media, &Media)| {
            (&own.kind, own.profile, &own.formats) == (&other.kind, other.profile, &other.formats)
        };
        self.medias.len() == other.medias.len() && self.medias.iter().zip(&other.medias).all(is_same)
    }

    fn of_kind(&self, kind: MediaKind) -> impl Iterator<Item = (usize, &Media)> {
        self.medias.iter().enumerate().filter(move |(_, media)| media.kind == kind)
    }
}

/// A session description that cannot be used; its sender is at fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// The description is longer than [`limits::SDP_BYTES_MAX`].
    #[error("session description of {bytes} bytes, more than {}", limits::SDP_BYTES_MAX)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The description has more lines than [`limits::SDP_LINES_MAX`]: this is the first too many.
    #[error("session description with more than {max} lines: {0}", max = limits::SDP_LINES_MAX)]
    TooManyLines(DescriptionLine),
    /// The description has more medias than [`limits::MEDIAS_MAX`]: this is the first too many.
    #[error("session description with more than {max} medias: {0}", max = limits::MEDIAS_MAX)]
    TooManyMedias(DescriptionLine),
    /// The description has no media.
    #[error("session description without a media")]
    NoMedia,
    /// This is no session description: it has no media, and this line is none of a description.
    #[error("no session description: {0}")]
    Unreadable(DescriptionLine),
}

impl DescriptionError {
    /// The line that is at fault, if it is one.
    pub fn line(&self) -> Option<&DescriptionLine> {
        match self {
            Self::TooManyLines(line) | Self::TooManyMedias(line) | Self::Unreadable(line) => Some(line),
            Self::TooLong { .. } | Self::NoMedia => None,
        }
    }
}

/// A line of a session description that is at fault.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DescriptionLine {
    /// Its number, counted from one.
    pub number: usize,
    /// Its text without secrets, or the beginning of that: [`limits::SDP_LINE_TOLD_BYTES_MAX`] at most.
    pub text: Box<str>,
}

impl DescriptionLine {
    pub(crate) fn new(number: usize, text: &str) -> Self {
        let text = body_without_secrets(text);
        let mut end = text.len().min(limits::SDP_LINE_TOLD_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        Self { number, text: text.get(..end).unwrap_or_default().into() }
    }
}

impl fmt::Display for DescriptionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is {:?}", self.number, self.text)
    }
}
