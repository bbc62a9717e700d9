//! The orders and news of a player to its page.

use std::time::Duration;

use bytes::Bytes;
use rtspan_core::description::{Codec, G711Law};
use rtspan_core::frame::Frame;
use rtspan_core::payload::Parameters;
use rtspan_core::{Format, MediaKind};

/// An order to the page, or something to show.
#[derive(Debug)]
pub enum Output {
    /// Open a WebSocket at this URL.
    Connect(String),
    /// Close the WebSocket.
    Disconnect,
    /// Send these bytes as a binary message.
    Send(Bytes),
    /// The decoder of a media is to be made, or made anew: before its first frame, and where its parameters change.
    Track(Box<Track>),
    /// The next frame of a media.
    Frame(Box<Frame>),
    /// The stream plays, for the first time or again.
    Playing,
    /// There is no stream at the moment, and the player tries again after a wait.
    Reconnecting(String, Duration),
    /// It is over, for this reason. The status is that of RTSP, or zero.
    Closed(String, u16),
}

/// The parameters of a media, as WebCodecs wants them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Track {
    /// Index of the media in the description.
    pub media: usize,
    /// Pictures, or else sound.
    pub is_video: bool,
    /// The string of the codec (WebCodecs Codec Registry).
    pub codec: String,
    /// The `description` of the decoder's configuration; empty for codecs that have none.
    pub configuration: Bytes,
    /// Width and height of the picture in pixels, or samples a second and channels; zero if they are not told.
    pub size: (u32, u32),
}

impl Track {
    /// The track with these parameters; `None` as long as a decoder cannot be made of them.
    pub(crate) fn new(media: usize, kind: &MediaKind, parameters: &Parameters) -> Option<Self> {
        let codec = match (parameters.format.codec(), &parameters.codec) {
            (Codec::G711(G711Law::Mu), _) => "ulaw",
            (Codec::G711(G711Law::A), _) => "alaw",
            // Playlists name the profile too, and WebCodecs do not.
            (Codec::Vp8(_), Some(_)) => "vp8",
            (_, Some(codec)) => codec,
            (_, None) => return None,
        };
        let configuration = match parameters.format.codec() {
            Codec::H264(_) | Codec::H265(_) | Codec::Mpeg4Audio(_) | Codec::Latm(_) => {
                parameters.configuration.clone()?
            }
            _ => Bytes::new(),
        };
        let video = parameters.video.map(|video| (video.width, video.height));
        let audio = parameters.audio.map(|audio| (audio.sample_rate, audio.channels.into()));
        Some(Self {
            media,
            is_video: *kind == MediaKind::Video,
            codec: codec.to_owned(),
            configuration,
            size: video.or(audio).unwrap_or_default(),
        })
    }
}

/// Returns `true` if browsers decode frames of this format. Which of them one has, it only says itself.
pub(crate) fn is_for_browsers(format: &Format) -> bool {
    matches!(
        format.codec(),
        Codec::H264(_)
            | Codec::H265(_)
            | Codec::Av1(_)
            | Codec::Vp8(_)
            | Codec::Vp9(_)
            | Codec::Mpeg4Audio(_)
            | Codec::Latm(_)
            | Codec::Opus(_)
            | Codec::MpegAudio
            | Codec::G711(_)
    )
}
