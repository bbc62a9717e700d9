use super::Frame;
use crate::description::{Description, Format};
use crate::limits::{PACKET_BYTES_MAX, PROTECTION_BYTES};
use crate::payload::{PacketizeError, Packetizer, PacketizerConfig, UnsupportedFormat};
use crate::random::Random;
use crate::rtp::RtpPacket;

/// Makes packets of the frames of all tracks, with their SSRCs, sequence numbers and timestamps.
#[derive(Debug)]
pub struct FrameWriter {
    tracks: Vec<Track>,
}

#[derive(Debug)]
struct Track {
    media: usize,
    payload_type: u8,
    clock_rate: u32,
    ssrc: u32,
    /// The timestamp of PTS zero.
    origin: u32,
    packetizer: Packetizer,
}

/// Why a frame was not written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The description has no such media, or the media has no such format.
    #[error("the description has no media {media}{}", .payload_type.map(|of| format!(" with payload type {of}")).unwrap_or_default())]
    NoSuchFormat {
        /// The media of the frame.
        media: usize,
        /// Its payload type.
        payload_type: Option<u8>,
    },
    /// A part of the frame cannot be sent.
    #[error("a frame of media {media} cannot be sent")]
    Packetize {
        /// The media of the frame.
        media: usize,
        /// The reason.
        #[source]
        source: PacketizeError,
    },
}

impl FrameWriter {
    /// A writer for the medias of a description.
    ///
    /// SSRCs, and the first sequence numbers and timestamps, are drawn from `seed` (RFC 3550, section 5.1). Packets fit an
    /// Ethernet frame over IPv6, also once they are protected where the profile says so.
    ///
    /// # Errors
    ///
    /// A format is used in a way that is not supported.
    pub fn new(description: &Description, seed: [u8; 32]) -> Result<Self, UnsupportedFormat> {
        Self::with_room(description, seed, 0)
    }

    /// The same with room in each packet for so many bytes more, such as those of a header extension
    /// ([`OnvifExtension::BYTES`](crate::rtp::OnvifExtension::BYTES)).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_room(
        description: &Description,
        seed: [u8; 32],
        room: usize,
    ) -> Result<Self, UnsupportedFormat> {
        let mut random = Random::new(seed);
        let mut tracks = Vec::new();
        for (index, media) in description.medias.iter().enumerate() {
            let protection_bytes = if media.profile.is_secure() { PROTECTION_BYTES } else { 0 };
            let packet_bytes_max = PACKET_BYTES_MAX.saturating_sub(protection_bytes).saturating_sub(room);
            for format in &media.formats {
                tracks.push(Track::new(index, format, packet_bytes_max, &mut random)?);
            }
        }
        Ok(Self { tracks })
    }

    /// The SSRCs of each media, that of its first format first.
    pub fn ssrcs(&self) -> impl Iterator<Item = (usize, u32)> {
        self.tracks.iter().map(|track| (track.media, track.ssrc))
    }

    /// Gives the packets of a frame to `sink`.
    ///
    /// # Errors
    ///
    /// There is no such format, or a part of the frame cannot be sent; the other parts are sent all the same.
    pub fn write(&mut self, frame: &Frame, sink: impl FnMut(RtpPacket)) -> Result<(), FrameError> {
        let Frame { media, payload_type, .. } = *frame;
        let is_its = |track: &&mut Track| {
            track.media == media && payload_type.is_none_or(|payload_type| payload_type == track.payload_type)
        };
        let track = self.tracks.iter_mut().find(is_its);
        let track = track.ok_or(FrameError::NoSuchFormat { media, payload_type })?;
        let timestamp = track.timestamp(frame.time.pts);
        let sent = track.packetizer.packetize(frame.data.slices(), timestamp, sink);
        sent.map_err(|source| FrameError::Packetize { media, source })
    }
}

impl Track {
    fn new(
        media: usize,
        format: &Format,
        packet_bytes_max: usize,
        random: &mut Random,
    ) -> Result<Self, UnsupportedFormat> {
        let ssrc = random.next_u32();
        let config = PacketizerConfig {
            packet_bytes_max,
            ..PacketizerConfig::new(format.payload_type, ssrc, random.next_u32() as u16)
        };
        Ok(Self {
            media,
            payload_type: format.payload_type,
            clock_rate: format.clock_rate,
            ssrc,
            origin: random.next_u32(),
            packetizer: Packetizer::new(format, config)?,
        })
    }

    /// The timestamp of a PTS in nanoseconds, to the nearest unit.
    fn timestamp(&self, pts: i64) -> u32 {
        let units = i128::from(pts).saturating_mul(self.clock_rate.into()).saturating_add(500_000_000);
        self.origin.wrapping_add(units.div_euclid(1_000_000_000) as u32)
    }
}
