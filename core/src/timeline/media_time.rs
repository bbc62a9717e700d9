use super::replay::Marks;
use crate::NtpTime;
use crate::rtp::units_to_nanos;

/// The time of a packet or of a frame.
///
/// ```
/// use rtspan_core::Instant;
/// use rtspan_core::rtp::{RtpHeader, RtpPacket};
/// use rtspan_core::timeline::Timeline;
///
/// let mut timeline = Timeline::new();
/// let mut time_of = |sequence, timestamp| {
///     let header = RtpHeader { payload_type: 0, marker: false, sequence, timestamp, ssrc: 7 };
///     timeline.time_of(Instant::ZERO, 0, &RtpPacket::build(header, &[]), 8_000)
/// };
/// time_of(1, u32::MAX - 79); // the first packet is at zero
/// let time = time_of(2, 80); // 20 ms later, also where the timestamp wraps
/// assert_eq!((time.pts, time.pts_in_units()), (20_000_000, 160));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct MediaTime {
    /// The RTP timestamp without its wrap: the low 32 bits are those of the packet, in units of the clock rate.
    ///
    /// If a source begins anew, the timestamps continue above all earlier ones. The size of that step has no meaning.
    pub timestamp: i64,
    /// The presentation time (PTS) on the time line of the session, in nanoseconds.
    ///
    /// Zero is the first packet of the session. Frames that are presented before it have a negative PTS, such as B-frames that
    /// follow the first keyframe.
    pub pts: i64,
    pub(super) ntp: NtpTime,
    pub(super) clock_rate: u32,
    pub(super) wall_source: Option<WallSource>,
    pub(super) marks: Marks,
    /// There is a gap before this packet: it is the first one of its track after PLAY, or of another SSRC, or follows a jump of
    /// the timestamp. The arrivals of the packets, or the sender's clock, give the length of the gap.
    pub begins_anew: bool,
}

impl MediaTime {
    /// The PTS in units of the clock rate of the format; zero if that is not known.
    pub fn pts_in_units(&self) -> i64 {
        let units = i128::from(self.pts).saturating_mul(self.clock_rate.into());
        let half = if units < 0 { -500_000_000 } else { 500_000_000 };
        i64::try_from(units.saturating_add(half) / 1_000_000_000).unwrap_or_default()
    }

    /// The clock rate of the format in Hz; zero if it is not known.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// The wall clock time and its source; `None` if it is not known.
    pub fn wall(&self) -> Option<WallTime> {
        Some(WallTime { ntp: self.ntp, source: self.wall_source? })
    }

    /// A presentation time alone.
    pub(crate) fn at(pts: i64) -> Self {
        Self { pts, ..Self::default() }
    }

    /// The time so many units of the clock later.
    pub(crate) fn shifted(self, units: i64) -> Self {
        if units == 0 {
            return self;
        }
        let nanos = units_to_nanos(units, self.clock_rate);
        Self {
            timestamp: self.timestamp.saturating_add(units),
            pts: self.pts.saturating_add(nanos),
            ntp: self.ntp.plus_nanos(nanos),
            begins_anew: false,
            marks: self.marks.of_next(),
            ..self
        }
    }

    /// The same, with a wall clock time of the sender.
    pub(crate) fn with_reported_ntp(self, ntp: NtpTime) -> Self {
        Self { ntp, wall_source: Some(WallSource::SenderReport), ..self }
    }

    /// The wall clock time, if it is by the sender reports of the source or better.
    pub fn reported_ntp(&self) -> Option<NtpTime> {
        self.wall().filter(|wall| wall.source >= WallSource::SenderReport).map(|wall| wall.ntp)
    }
}

/// A wall clock time of a packet.
///
/// ```
/// use rtspan_core::timeline::{MediaTime, WallSource};
///
/// /// The time at which it was recorded, by the clock of the camera; `None` as long as only its arrival is known.
/// fn recorded(time: &MediaTime) -> Option<u64> {
///     let wall = time.wall().filter(|wall| wall.source > WallSource::Arrival)?;
///     Some(wall.ntp.to_unix()?.as_secs())
/// }
///
/// assert_eq!(recorded(&MediaTime::default()), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WallTime {
    /// The time.
    pub ntp: NtpTime,
    /// The source of the time.
    pub source: WallSource,
}

/// The source of a wall clock time. A greater value is more reliable.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum WallSource {
    /// The receiver's clock when the packet was received: late by the delay of the encoder and the network.
    Arrival,
    /// The answer to PLAY, by its `Range: clock=` and the `rtptime` of RTP-Info: the sender's clock, told once.
    RtpInfo,
    /// The sender reports of the source: the sender's clock, told every few seconds.
    SenderReport,
    /// The packets themselves, which say when each frame was recorded ([`OnvifExtension`](crate::rtp::OnvifExtension)).
    OnvifExtension,
}
