//! Frames: pictures and pieces of sound with their time, to and from packets.
//!
//! ```text
//! packets of a client ─ FrameReader::push ─▶ depacketizer of each track ─▶ FrameReader::poll ─▶ Frame
//! Frame ─ FrameWriter::write ─▶ packetizer of each track ─▶ packets to send
//! ```
//!
//! # Examples
//!
//! ```
//! use rtspan_core::client::Received;
//! use rtspan_core::frame::{Frame, FrameReader, FrameWriter};
//! use rtspan_core::timeline::Timeline;
//! use rtspan_core::{Description, Format, Instant, Media, MediaKind};
//!
//! let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
//! let description = Description::new(vec![sound]);
//! let mut writer = FrameWriter::new(&description, [7; 32])?;
//! let mut reader = FrameReader::new(&description);
//! let mut timeline = Timeline::new();
//! writer.write(&Frame::new(0, 0, vec![0xd5; 160]), |packet| {
//!     let time = timeline.time_of(Instant::ZERO, 0, &packet, 8_000);
//!     reader.push(&Received::new(0, packet, time)).expect("sound");
//! })?;
//! let frame = reader.poll().expect("a packet of sound is a frame");
//! assert_eq!((frame.time.pts, frame.data.total_bytes()), (0, 160));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::NtpTime;
use crate::payload::{Parameters, Parts};
use crate::timeline::MediaTime;

mod form;
mod reader;
mod times;
mod writer;

pub use form::{Form, ParameterSetsIn};
pub use reader::{FrameReader, FrameStats};
pub use writer::{FrameError, FrameWriter};

/// A picture or a piece of sound, with everything that a decoder or a file needs.
///
/// ```
/// use bytes::Bytes;
/// use rtspan_core::frame::Frame;
/// use rtspan_core::payload::Parts;
///
/// // 20 ms of G.711 for media 1, at 40 ms.
/// let sound = Frame::new(1, 40_000_000, vec![0xd5; 160]);
/// assert_eq!((sound.media, sound.time.pts, sound.data.total_bytes()), (1, 40_000_000, 160));
/// // A picture as an encoder of H.264 gives it: NAL units behind start codes.
/// let stream = Bytes::from_static(&[0, 0, 0, 1, 0x67, 0x64, 0, 0, 1, 0x65, 0x88]);
/// let picture = Frame::new(0, 0, Parts::from_annex_b(&stream));
/// assert_eq!(picture.data.len(), 2);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Frame {
    /// Index of the media in the description.
    pub media: usize,
    /// The payload type of its format; `None` stands for the first format of the media.
    pub payload_type: Option<u8>,
    /// The bytes, in the [`Form`] that was asked for.
    pub data: Parts,
    /// The presentation time (PTS) and the wall clock time.
    pub time: MediaTime,
    /// The decoding time (DTS) in nanoseconds, greater than that of the frame before. It is equal to the PTS if frames are
    /// presented in the order in which they are decoded. It is later than the PTS only if a picture comes later than the stream
    /// has told.
    pub dts: i64,
    /// Decoding can begin here; true for each piece of sound.
    pub is_keyframe: bool,
    /// A part of it is missing or may be missing: a packet was lost inside the frame or just before it.
    pub is_damaged: bool,
    /// Packets of the track that are missing since the frame before.
    pub lost: u32,
    /// The parameters of the track, with its first frame and wherever they have changed.
    pub new_parameters: Option<Box<Parameters>>,
}

impl Frame {
    /// A frame to send: a media of the description, the presentation time in nanoseconds, and the bytes.
    pub fn new(media: usize, pts: i64, data: impl Into<Parts>) -> Self {
        Self {
            media,
            payload_type: None,
            data: data.into(),
            time: MediaTime::at(pts),
            dts: pts,
            is_keyframe: false,
            is_damaged: false,
            lost: 0,
            new_parameters: None,
        }
    }

    /// Sets the wall clock time at which it was recorded, which sender reports then tell.
    #[must_use]
    pub fn with_ntp(mut self, ntp: NtpTime) -> Self {
        self.time = self.time.with_reported_ntp(ntp);
        self
    }

    /// Sets the format that it is in, where a media has several.
    #[must_use]
    pub fn with_payload_type(mut self, payload_type: u8) -> Self {
        self.payload_type = Some(payload_type);
        self
    }
}

#[cfg(test)]
mod tests;
