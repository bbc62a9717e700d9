//! The time of packets and frames: one time line for all tracks of a session.
//!
//! ```text
//! packets as they are handed out ─ Timeline::time_of ─▶ MediaTime { timestamp, pts, wall }
//! sender reports ─ Timeline::set_reference ─▶  which wall clock time a timestamp is, for each SSRC
//! PLAY ─ Timeline::begin_anew ─▶               the next packets begin where time has come to
//! its answer ─ Timeline::set_starts ─▶         which timestamps name the same instant (RTP-Info)
//! ```
//!
//! The first packet of a session has a presentation time (PTS) of zero. Another track begins by the best that is known
//! then: by sender reports of both, else by RTP-Info, else by the time that lies between the arrivals of their packets.
//!
//! Reports that come later move tracks, and never back: by the first sender reports of two tracks the one that is behind
//! jumps ahead; later reports correct small errors, by a jump ahead or by going slower for a while. A correction begins
//! behind the highest timestamp of a track. So the packets of a frame have one PTS, and within a track the order
//! of PTS is that of timestamps. A wall clock of the sender that is set to another time moves no PTS.
//!
//! A source begins anew after PLAY, with another SSRC, and where its timestamp and the time that has passed differ by more
//! than [`TIMELINE_GAP_MAX`]. Its time line goes on by arrival then, and its first packet is marked
//! ([`MediaTime::begins_anew`]).
//!
//! # Examples
//!
//! ```
//! use rtspan_core::Instant;
//! use rtspan_core::rtp::{RtpHeader, RtpPacket};
//! use rtspan_core::timeline::Timeline;
//!
//! let packet = |ssrc, timestamp| {
//!     RtpPacket::build(RtpHeader { ssrc, timestamp, ..RtpHeader::default() }, b"payload")
//! };
//! let seconds = |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000);
//! let mut timeline = Timeline::new();
//! let (picture, sound) = (packet(1, 22_500), packet(2, 7));
//! assert_eq!(timeline.time_of(seconds(0), 0, &picture, 90_000).pts, 0);
//! assert_eq!(timeline.time_of(seconds(5), 1, &sound, 48_000).pts_in_units(), 240_000);
//! ```

use std::time::Duration;

use crate::limits::{MEDIAS_MAX, TIMELINE_BURST_MAX, TIMELINE_GAP_MAX, TIMELINE_RTPTIME_DISTANCE_MAX};
use crate::rtp::{OnvifExtension, RtpPacket, units_to_nanos};
use crate::{Instant, NtpTime, Tolerance, Tolerances};

mod drift;
mod media_time;
mod replay;
mod segment;
mod source;
mod sync;
mod track;

use drift::Drift;
pub use media_time::{MediaTime, WallSource, WallTime};
use replay::Marks;
use source::{Pace, Source};
use track::Track;

/// How far the PTS of a source is at least above all of its track before, where it begins: a millisecond.
const STEP_MIN: i64 = 1_000_000;

/// The time line of a session: gives each packet its [`MediaTime`], in the order in which packets are handed out.
///
/// It holds no clock; the time is given to it. It keeps at most [`MEDIAS_MAX`] tracks with
/// [`SOURCES_MAX`](crate::limits::SOURCES_MAX) sources each.
///
/// ```
/// use std::time::Duration;
///
/// use rtspan_core::rtp::{RtpHeader, RtpPacket};
/// use rtspan_core::timeline::Timeline;
/// use rtspan_core::Instant;
///
/// let mut timeline = Timeline::new();
/// let packet = |sequence, timestamp| {
///     RtpPacket::build(RtpHeader { payload_type: 96, marker: true, sequence, timestamp, ssrc: 7 }, &[])
/// };
/// let later = Instant::ZERO + Duration::from_millis(40);
/// assert_eq!(timeline.time_of(Instant::ZERO, 0, &packet(1, 3_000), 90_000).pts, 0);
/// assert_eq!(timeline.time_of(later, 0, &packet(2, 6_600), 90_000).pts, 40_000_000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    tracks: Vec<Track>,
    latest: Latest,
    burst: Burst,
    /// The receiver's wall clock, and when it showed that.
    wall: Option<(Instant, NtpTime)>,
    start: Start,
    tolerances: Tolerances,
    stats: TimelineStats,
}

/// The PTS that was reached last, and when; zero before the first packet.
#[derive(Clone, Copy, Debug, Default)]
struct Latest(Option<(Instant, i64)>);

/// How far the time line has run ahead of the time that passed since PLAY. Media that comes at once was not made at once, so that the
/// arrival of a track's first packet tells its time with that error.
#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    /// The first packet since PLAY: when it came, and its PTS.
    began: Option<(Instant, i64)>,
    ahead: i64,
}

/// The start of the media that plays, by the answer to PLAY: the instant that each `rtptime` names.
#[derive(Clone, Copy, Debug, Default)]
struct Start {
    pts: Option<i64>,
    wall: Option<NtpTime>,
    /// Seconds of the recording in a second of the time line, unless it is one.
    scale: Option<f32>,
    /// Seconds of the time line in a second in which it is sent, unless it is one.
    speed: Option<f32>,
    /// Packets come as fast as they are read, and their arrivals tell nothing.
    is_unpaced: bool,
}

/// Counts of a [`Timeline`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TimelineStats {
    /// How often a source began anew.
    pub restarts: u64,
    /// How often a track was moved on the time line, because sender reports or RTP-Info told more.
    pub corrections: u64,
    /// How often the sender's wall clock was found to be set to another time.
    pub clock_jumps: u64,
    /// Sender reports with a time of zero, as those have that know no wall clock.
    pub reports_without_time: u64,
    /// Sender reports left out, because their timestamp is far from those of the packets.
    pub reports_astray: u64,
}

/// How the clocks of a sender go, by those of the receiver.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClockStats {
    /// By how many billionths the clock of the RTP timestamps is faster; `None` before two minutes of sender reports.
    pub rtp_drift_ppb: Option<i64>,
    /// By how many billionths the wall clock is faster; `None` before two minutes of sender reports.
    pub wall_drift_ppb: Option<i64>,
    /// By how many nanoseconds the wall clock is ahead, less what the network takes; `None` before a sender report.
    pub wall_ahead: Option<i64>,
}

impl Timeline {
    /// A time line that begins with the next packet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what the receiver's wall clock shows at `now`, for packets of which nothing else tells the time.
    pub fn set_wall_clock(&mut self, now: Instant, wall: NtpTime) {
        self.wall = Some((now, wall));
    }

    /// Has all sources begin anew with their next packet, as they may after PLAY and over another connection.
    ///
    /// The time line goes on by the time that passes.
    pub fn begin_anew(&mut self) {
        self.tracks.iter_mut().for_each(Track::begin_anew);
        (self.start, self.burst) = (Start::default(), Burst::default());
    }

    /// Goes by the answer to PLAY: by the wall clock time at which its range starts, and by the timestamp that each track
    /// has there (RFC 2326, section 12.33).
    ///
    /// A timestamp is not believed that is further than [`TIMELINE_RTPTIME_DISTANCE_MAX`] from the first packet.
    pub fn set_start(&mut self, wall: Option<NtpTime>, rtptimes: impl IntoIterator<Item = (usize, u32)>) {
        self.start.wall = wall;
        for (index, rtptime) in rtptimes {
            let Some(track) = self.track(index) else { continue };
            match track.newest_place() {
                Some(place) => self.meet_at_start((index, place), rtptime),
                None => track.rtptime = Some(rtptime),
            }
        }
    }

    /// Goes by what the answer to PLAY says of how fast it is played (RFC 2326, sections 12.34 and 12.35), until all begins anew.
    ///
    /// At another scale than 1 a second of PTS is as many seconds by the wall clock of the range, and times that packets carry
    /// themselves move no track. At another speed than 1 sender reports are left out: their clock is that of the sending.
    pub fn set_rates(&mut self, scale: f32, speed: f32) {
        let other_than_one = |rate: f32| (rate != 1.0).then_some(rate);
        (self.start.scale, self.start.speed) = (other_than_one(scale), other_than_one(speed));
    }

    /// Goes by the times that the packets of a replay carry, and not by when they come, until all begins anew: it is played without
    /// rate control (ONVIF Streaming Specification, section 6.5.2), as fast or as slowly as its reader reads.
    pub fn set_rate_control(&mut self, is_rate_controlled: bool) {
        self.start.is_unpaced = !is_rate_controlled;
    }

    /// Goes by a sender report of `ssrc` that came at `now`: `rtp` is the timestamp at the wall clock time `ntp`.
    ///
    /// A source may be told of before its first packet. A time of zero is counted, and left out; a reference that was told
    /// before tells nothing new.
    pub fn set_reference(&mut self, now: Instant, track: usize, ssrc: u32, ntp: NtpTime, rtp: u32) {
        if ntp == NtpTime::default() {
            self.stats.reports_without_time = self.stats.reports_without_time.saturating_add(1);
            return;
        }
        if self.start.speed.is_some() {
            return;
        }
        let Some(known) = self.track(track) else { return };
        let place = known.place_of(now, ssrc);
        let Some(source) = known.sources.get_mut(place) else { return };
        if source.knows_better(ntp, rtp) {
            return;
        }
        if !source.set_reference(now, ntp, rtp) {
            self.stats.reports_astray = self.stats.reports_astray.saturating_add(1);
        } else if let Some(zero) = source.measured_zero() {
            self.synchronise((track, place), zero);
        }
    }

    /// The time of a packet that is handed out at `now`. Without a clock rate its PTS is that of its arrival.
    ///
    /// `track` is the index of the media in the description; one beyond [`MEDIAS_MAX`] has no time.
    #[inline]
    pub fn time_of(&mut self, now: Instant, track: usize, packet: &RtpPacket, clock_rate: u32) -> MediaTime {
        // Most packets are of the frame that the one before was of.
        if let Some(Track { newest: Some((ssrc, time)), .. }) = self.tracks.get(track) {
            if *ssrc == packet.ssrc() && time.timestamp as u32 == packet.timestamp() {
                return *time;
            }
        }
        self.next_time(now, track, packet, clock_rate).unwrap_or_default()
    }

    /// Counts since the time line began.
    pub fn stats(&self) -> TimelineStats {
        self.stats
    }

    /// How the clocks of a track go: of the source of which a packet was handed out last.
    pub fn clock(&self, track: usize) -> ClockStats {
        let Some(track) = self.tracks.get(track) else { return ClockStats::default() };
        let source = track.newest_place().and_then(|place| track.sources.get(place));
        let drift = source.and_then(Source::drift);
        ClockStats {
            rtp_drift_ppb: drift.and_then(Drift::rtp_ppb),
            wall_drift_ppb: drift.and_then(Drift::wall_ppb),
            wall_ahead: source.zip(self.wall).and_then(|(source, wall)| source.ahead_of(wall)),
        }
    }

    /// Deviations of RTP-Info: the parts of it that are not believed.
    pub fn tolerances(&self) -> Tolerances {
        self.tolerances
    }

    /// The time of the first packet of a frame.
    fn next_time(
        &mut self,
        now: Instant,
        index: usize,
        packet: &RtpPacket,
        clock_rate: u32,
    ) -> Option<MediaTime> {
        let (ssrc, rtp) = (packet.ssrc(), packet.timestamp());
        let (latest, is_scaled, is_unpaced) =
            (self.latest, self.start.scale.is_some(), self.start.is_unpaced);
        let extension = OnvifExtension::of(packet);
        let own_time = own_time_of(extension.as_ref());
        // As each group of pictures does that is played backwards by the timestamps of the recording.
        let may_leap_back = extension.is_some_and(|own| own.is_discontinuous);
        let track = self.track(index)?;
        let place = track.place_of(now, ssrc);
        let source = track.sources.get_mut(place)?;
        let pace = if is_unpaced { Pace::Readers(own_time) } else { Pace::Senders(latest) };
        let goes_on = source.advance(now, rtp, clock_rate, pace);
        let goes_on = goes_on.filter(|(.., is_highest)| *is_highest || !may_leap_back);
        let Some((timestamp, pts, is_highest)) = goes_on else {
            return self.begin(now, (index, place), (rtp, extension.as_ref()), clock_rate);
        };
        let mut zero = None;
        if let Some(ntp) = own_time {
            source.set_own_time(now, ntp, rtp);
            zero = source.measured_zero().filter(|_| !is_scaled);
        }
        let by_report = source.wall_of(timestamp);
        let pts = if clock_rate == 0 { latest.pts_at(now) } else { pts };
        if is_highest {
            self.reach(now, pts);
        }
        let by_report = own_time.map(|ntp| (ntp, WallSource::OnvifExtension)).or(by_report);
        let (ntp, wall_source) = self.wall_of(now, by_report, pts);
        let marks = Marks::of(extension.as_ref());
        let time = MediaTime { timestamp, pts, ntp, clock_rate, wall_source, marks, begins_anew: false };
        self.keep((index, place), (ssrc, time), zero);
        Some(time)
    }

    /// Begins a source with the packet of this timestamp.
    #[cold]
    fn begin(
        &mut self,
        now: Instant,
        (index, place): (usize, usize),
        (rtp, extension): (u32, Option<&OnvifExtension>),
        clock_rate: u32,
    ) -> Option<MediaTime> {
        let own_time = own_time_of(extension);
        let track = self.tracks.get_mut(index)?;
        let step = track.sources.get(place).map_or(0, |source| source.step_to(own_time));
        track.end_run(place);
        if let (Some(ntp), Some(source)) = (own_time, track.sources.get_mut(place)) {
            source.set_own_time(now, ntp, rtp);
        }
        let by_arrival = match self.start.is_unpaced {
            true => self.latest.pts().saturating_add(step),
            false => self.latest.pts_at(now),
        };
        let by_report = self.pts_by_report((index, place), rtp, clock_rate, by_arrival);
        let track = self.tracks.get_mut(index)?;
        let since_start = track.rtptime.take().map(|rtptime| {
            let ahead = rtp.wrapping_sub(rtptime) as i32;
            units_to_nanos(ahead.into(), clock_rate)
        });
        let start = self.start.pts;
        let is_near = |since: &i64| {
            let by_start = start.map(|start| start.saturating_add(*since).saturating_sub(by_arrival));
            [Some(*since), by_start]
                .into_iter()
                .flatten()
                .any(|distance| is_within(distance, TIMELINE_RTPTIME_DISTANCE_MAX))
        };
        if since_start.is_some_and(|since| !is_near(&since)) {
            self.tolerances.record(Tolerance::UnbelievableRtptime);
        }
        let since_start = since_start.filter(is_near);
        let by_start = since_start.zip(self.start.pts).map(|(since, start)| start.saturating_add(since));
        let wanted = by_report.or(by_start).unwrap_or(by_arrival);
        let reached = track.reached();
        let pts = match reached {
            Some((_, reached)) => wanted.max(reached.saturating_add(STEP_MIN)),
            None => wanted,
        };
        if let (Some(since), None) = (since_start, self.start.pts) {
            self.start.pts = Some(pts.saturating_sub(since));
        }
        let timestamp = track.unwrap_first(rtp);
        let source = track.sources.get_mut(place)?;
        if !source.begin(now, timestamp, pts, clock_rate) {
            self.stats.reports_astray = self.stats.reports_astray.saturating_add(1);
        }
        let is_timed = !(own_time.is_some() && self.start.scale.is_some());
        let zero = source.measured_zero().filter(|_| is_timed);
        let (ssrc, by_report) = (source.ssrc, source.wall_of(timestamp));
        self.reach(now, pts);
        let by_report = own_time.map(|ntp| (ntp, WallSource::OnvifExtension)).or(by_report);
        let (ntp, wall_source) = self.wall_of(now, by_report, pts);
        let marks = Marks::of(extension);
        let time = MediaTime { timestamp, pts, ntp, clock_rate, wall_source, marks, begins_anew: false };
        self.keep((index, place), (ssrc, time), zero);
        let begins_anew = reached.is_some();
        self.stats.restarts = self.stats.restarts.saturating_add(begins_anew.into());
        Some(MediaTime { begins_anew, ..time })
    }

    /// Keeps the time of a frame for its other packets, and goes by the time of PTS zero that its source now tells.
    #[inline]
    fn keep(&mut self, place: (usize, usize), newest: (u32, MediaTime), zero: Option<NtpTime>) {
        if let Some(track) = self.tracks.get_mut(place.0) {
            track.newest = Some(newest);
        }
        if let Some(zero) = zero {
            self.synchronise(place, zero);
        }
    }

    /// The time line goes on to `pts` at `now`.
    #[inline]
    fn reach(&mut self, now: Instant, pts: i64) {
        self.latest = Latest(Some((now, pts)));
        let (came, first) = *self.burst.began.get_or_insert((now, pts));
        let ahead = pts.saturating_sub(first).saturating_sub(nanos_between(came, now));
        self.burst.ahead = self.burst.ahead.max(ahead);
    }

    /// How far sources may be apart that are brought together by their reports.
    fn gap_max(&self) -> Duration {
        let burst = Duration::from_nanos(self.burst.ahead.unsigned_abs());
        TIMELINE_GAP_MAX.saturating_add(burst.min(TIMELINE_BURST_MAX))
    }

    /// The PTS of a source's first packet by a report that came before it, if that is believable.
    fn pts_by_report(
        &self,
        place: (usize, usize),
        rtp: u32,
        clock_rate: u32,
        by_arrival: i64,
    ) -> Option<i64> {
        let ntp = self.source(place)?.first_wall_of(rtp, clock_rate)?;
        let zero = self.zero_near(place, ntp.plus_nanos(by_arrival.saturating_neg()))?;
        let pts = ntp.nanos_since(zero);
        is_within(pts.saturating_sub(by_arrival), self.gap_max()).then_some(pts)
    }

    /// The best wall clock time of a frame that there is: by a report, by the answer to PLAY, by its arrival.
    #[inline]
    fn wall_of(
        &self,
        now: Instant,
        by_report: Option<(NtpTime, WallSource)>,
        pts: i64,
    ) -> (NtpTime, Option<WallSource>) {
        if let Some((ntp, source)) = by_report {
            return (ntp, Some(source));
        }
        if let (Some(start), Some(wall)) = (self.start.pts, self.start.wall) {
            let since = self.start.scaled(pts.saturating_sub(start));
            return (wall.plus_nanos(since), Some(WallSource::RtpInfo));
        }
        match self.wall {
            Some((at, wall)) => (wall.plus_nanos(nanos_between(at, now)), Some(WallSource::Arrival)),
            None => (NtpTime::default(), None),
        }
    }

    fn track(&mut self, index: usize) -> Option<&mut Track> {
        if index >= self.tracks.len() && index < MEDIAS_MAX {
            self.tracks.resize_with(index.saturating_add(1), Track::default);
        }
        self.tracks.get_mut(index)
    }
}

impl Start {
    /// Nanoseconds of the recording in so many nanoseconds of the time line.
    fn scaled(&self, nanos: i64) -> i64 {
        match self.scale {
            Some(scale) => stretched(nanos, scale),
            None => nanos,
        }
    }
}

#[cold]
fn stretched(nanos: i64, scale: f32) -> i64 {
    (nanos as f64 * f64::from(scale)) as i64
}

/// The time at which a frame was recorded, if its recorder knows it.
#[inline]
fn own_time_of(extension: Option<&OnvifExtension>) -> Option<NtpTime> {
    extension.map(|extension| extension.ntp).filter(|ntp| *ntp != NtpTime::default())
}

impl Latest {
    /// The last PTS.
    fn pts(self) -> i64 {
        self.0.map_or(0, |(_, pts)| pts)
    }

    /// The PTS of a moment: the last PTS, and the time since then.
    #[inline]
    fn pts_at(self, now: Instant) -> i64 {
        self.0.map_or(0, |(at, pts)| pts.saturating_add(nanos_between(at, now)))
    }
}

/// Returns true if a number of nanoseconds, ahead or behind, is at most `bound`.
#[inline]
fn is_within(nanos: i64, bound: Duration) -> bool {
    nanos.unsigned_abs() <= bound.as_nanos() as u64
}

/// Nanoseconds from one moment to a later one; none if it is earlier.
#[inline]
fn nanos_between(earlier: Instant, later: Instant) -> i64 {
    // 2^63 nanoseconds are 292 years.
    later.as_nanos().saturating_sub(earlier.as_nanos()) as i64
}

#[cfg(test)]
mod tests;
