use bytes::Bytes;

use crate::description::{Codec, Format, Media, MediaKind};
use crate::payload::{h264, h265};
use crate::rtp::{ClockRates, RtpPacket, Senders};
use crate::{Instant, NtpTime};

/// A set of tracks of one stream, by their index.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TrackSet(u32);

impl TrackSet {
    /// No track.
    pub const NONE: Self = Self(0);
    /// Every track.
    pub const ALL: Self = Self(u32::MAX);

    /// Whether `track` is in the set.
    pub fn contains(self, track: u8) -> bool {
        1_u32.checked_shl(u32::from(track)).is_some_and(|bit| self.0 & bit != 0)
    }

    /// Adds `track`; one beyond the 32 that a stream may have is left out.
    pub fn insert(&mut self, track: u8) {
        self.0 |= 1_u32.checked_shl(u32::from(track)).unwrap_or_default();
    }
}

impl FromIterator<u8> for TrackSet {
    fn from_iter<I: IntoIterator<Item = u8>>(tracks: I) -> Self {
        let mut set = Self::NONE;
        tracks.into_iter().for_each(|track| set.insert(track));
        set
    }
}

/// Whether a packet with this payload starts a keyframe.
type Detector = fn(&[u8]) -> bool;

/// What a log knows of one of its tracks.
#[derive(Debug)]
pub(super) struct Track {
    is_video: bool,
    /// How packets at which a decoder can start are told, per payload type.
    keyframes: Vec<(u8, Detector)>,
    senders: Senders,
    newest: Option<Newest>,
}

/// The newest packet of a track.
#[derive(Clone, Copy, Debug)]
struct Newest {
    sequence: u16,
    timestamp: u32,
    /// Timestamp units between the last two access units.
    step: u32,
    /// Number in the log of the first packet with this timestamp.
    access_unit: u64,
}

impl Track {
    pub(super) fn new(media: &Media) -> Self {
        let detector = |format: &Format| -> Option<(u8, Detector)> {
            match format.codec {
                Codec::H264(_) => Some((format.payload_type, h264::is_keyframe_packet)),
                Codec::H265(_) => Some((format.payload_type, h265::is_keyframe_packet)),
                _ => None,
            }
        };
        Self {
            is_video: media.kind == MediaKind::Video,
            keyframes: media.formats.iter().filter_map(detector).collect(),
            senders: Senders::new(ClockRates::new(&media.formats)),
            newest: None,
        }
    }

    pub(super) fn is_video(&self) -> bool {
        self.is_video
    }

    pub(super) fn tells_keyframes(&self) -> bool {
        !self.keyframes.is_empty()
    }

    /// Takes note of the packet that gets `number`; whether a decoder can start at it.
    pub(super) fn push(&mut self, now: Instant, number: u64, packet: &RtpPacket) -> bool {
        let (sequence, timestamp) = (packet.sequence(), packet.timestamp());
        let starts_unit = self.newest.is_none_or(|newest| newest.timestamp != timestamp);
        self.newest = Some(match self.newest {
            Some(newest) if !starts_unit => Newest { sequence, ..newest },
            newest => {
                let step = newest.map_or(0, |newest| timestamp.wrapping_sub(newest.timestamp));
                Newest { sequence, timestamp, step, access_unit: number }
            }
        });
        self.senders.handle_sent(now, packet);
        let payload_type = packet.payload_type();
        self.keyframes.iter().any(|(own, is_keyframe)| *own == payload_type && is_keyframe(packet.payload()))
    }

    /// Tells which wall clock time a timestamp of `ssrc` is; `false` if no packet has it.
    pub(super) fn set_reference(&mut self, ssrc: u32, ntp: NtpTime, rtp: u32) -> bool {
        self.senders.set_reference(ssrc, ntp, rtp)
    }

    pub(super) fn report(&self, ssrc: u32, now: Instant, wall: NtpTime, cname: &str) -> Option<Bytes> {
        self.senders.report(ssrc, now, wall, cname)
    }

    pub(super) fn ssrc(&self) -> Option<u32> {
        self.senders.newest()
    }

    /// Number in the log of the first packet of the newest access unit.
    pub(super) fn access_unit(&self) -> Option<u64> {
        self.newest.map(|newest| newest.access_unit)
    }

    /// Sequence number and timestamp of the packet that comes next, if the track goes on as it did.
    pub(super) fn next(&self) -> Option<(u16, u32)> {
        self.newest
            .map(|newest| (newest.sequence.wrapping_add(1), newest.timestamp.wrapping_add(newest.step)))
    }
}
