use std::fmt;

use super::Format;
use super::keys::is_of_keys;
use crate::{Printable, Profile, without_secrets};

/// One media of a stream: an `m=` section, which becomes a track when it is set up.
///
/// ```
/// use rtspan_core::{Direction, Format, Media, MediaKind};
///
/// let mut loudspeaker = Media::new(MediaKind::Audio, vec![Format::pcmu(), Format::pcma()]);
/// loudspeaker.direction = Some(Direction::SendOnly); // a back channel, as ONVIF writes it
/// assert!(loudspeaker.format(8).is_some_and(|format| format.encoding() == "PCMA"));
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Media {
    /// The kind of media.
    pub kind: MediaKind,
    /// The RTP profile that it is sent in.
    pub profile: Profile,
    /// The direction of the media, as far as the description says.
    ///
    /// Cameras use it both ways round; [`super::Description::is_back_channel`] allows for that.
    pub direction: Option<Direction>,
    /// The URL that controls the media, as it was written: absolute or relative (`a=control`).
    pub control: Option<String>,
    /// The identification of the media (`a=mid`, RFC 5888).
    pub mid: Option<String>,
    /// The track of a recording that it is (`a=x-onvif-track`, ONVIF Streaming Specification, section 6.2).
    pub onvif_track: Option<String>,
    /// The profile of a camera that it belongs to (`a=x-onvif-profile`, ONVIF Streaming Specification, section 5.4.3).
    pub onvif_profile: Option<String>,
    /// Bandwidths (`b=`).
    pub bandwidths: Vec<Bandwidth>,
    /// The formats that its packets may have, the preferred one first.
    pub formats: Vec<Format>,
    /// Further attributes, in their order.
    pub attributes: Vec<Attribute>,
}

debug_without_secrets!(Media {
    control;
    kind, profile, direction, mid, onvif_track, onvif_profile, bandwidths, formats, attributes,
});

impl Media {
    /// A media in plain RTP.
    pub fn new(kind: MediaKind, formats: Vec<Format>) -> Self {
        Self {
            kind,
            profile: Profile::Avp,
            direction: None,
            control: None,
            mid: None,
            onvif_track: None,
            onvif_profile: None,
            bandwidths: Vec::new(),
            formats,
            attributes: Vec::new(),
        }
    }

    /// The format of packets with this payload type.
    pub fn format(&self, payload_type: u8) -> Option<&Format> {
        self.formats.iter().find(|format| format.payload_type == payload_type)
    }
}

/// The kind of a media.
///
/// ```
/// use rtspan_core::client::MediaChoice;
/// use rtspan_core::MediaKind;
///
/// let pictures_and_sound = MediaChoice::from([MediaKind::Video, MediaKind::Audio]);
/// assert_eq!(MediaKind::from("application").to_string(), "application");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MediaKind {
    /// `video`.
    Video,
    /// `audio`.
    Audio,
    /// `application`: metadata, for the most part.
    Application,
    /// Anything else, such as `text`, `metadata` or `application/TP-LINK`.
    Other(Box<str>),
}

impl MediaKind {
    /// The name as the `m=` line has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Application => "application",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for MediaKind {
    fn from(name: &str) -> Self {
        [Self::Video, Self::Audio, Self::Application]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| Self::Other(name.into()))
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(self.as_str()).fmt(f)
    }
}

/// The direction of a media, seen from the author of the description (RFC 8866, section 6.7).
///
/// ```
/// use rtspan_core::Direction;
///
/// assert_eq!(Direction::RecvOnly.as_str(), "recvonly");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Direction {
    /// `sendrecv`.
    SendRecv,
    /// `sendonly`.
    SendOnly,
    /// `recvonly`.
    RecvOnly,
    /// `inactive`.
    Inactive,
}

impl Direction {
    const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// The name of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An attribute that is carried without being understood (`a=name:value`).
///
/// [`Debug`] does not show the value of one that holds keys.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Attribute {
    /// The part before the first colon.
    pub name: String,
    /// The part behind it, unchanged.
    pub value: Option<String>,
}

impl Attribute {
    /// An attribute with a value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: Some(value.into()) }
    }

    /// An attribute without a value.
    pub fn flag(name: impl Into<String>) -> Self {
        Self { name: name.into(), value: None }
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value| if is_of_keys(self) { "***".into() } else { without_secrets(value) };
        let shown = self.value.as_deref().map(shown);
        f.debug_struct("Attribute").field("name", &self.name).field("value", &shown).finish()
    }
}

/// A bandwidth (`b=AS:500`).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Bandwidth {
    /// The kind of bandwidth: `AS`, `CT`, `TIAS`, `RR`, `RS`, …
    pub kind: String,
    /// Kilobits per second, or bits per second for `TIAS`, `RR` and `RS`.
    pub value: u64,
}

impl Bandwidth {
    /// A bandwidth of this kind.
    pub fn new(kind: impl Into<String>, value: u64) -> Self {
        Self { kind: kind.into(), value }
    }
}
