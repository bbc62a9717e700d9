use super::drift::Drift;
use super::segment::Segments;
use super::{Latest, WallSource, is_within, nanos_between};
use crate::limits::{
    TIMELINE_AGREEMENT, TIMELINE_BACK_MAX, TIMELINE_ERROR_MIN, TIMELINE_GAP_MAX, TIMELINE_REPORT_AGE_MAX,
};
use crate::rtp::units_to_nanos;
use crate::{Instant, NtpTime};

/// One SSRC of a track on a time line.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) ssrc: u32,
    /// When it was told of last by a report; at first, when it was added.
    told: Instant,
    /// Its last sender report.
    reference: Option<Reference>,
    /// Its packets say when they were recorded, and its reports when they are sent.
    has_own_time: bool,
    drift: Option<Drift>,
    /// The last report, which tells nothing new when it comes again.
    reported: Option<(NtpTime, u32)>,
    /// The sender's wall clock time of PTS zero, by the reports; the same for all tracks that are synchronised.
    pub(super) zero: Option<NtpTime>,
    /// Nanoseconds of the error that its last report told and that were not corrected.
    left: i64,
    run: Option<Run>,
}

/// The wall clock time of a timestamp.
#[derive(Clone, Copy, Debug)]
struct Reference {
    came: Instant,
    ntp: NtpTime,
    /// Without its wrap, once the source runs.
    rtp: i64,
}

/// The packets since the source began.
#[derive(Clone, Debug)]
struct Run {
    clock_rate: u32,
    /// The highest timestamp, without its wrap, and when it came.
    highest: i64,
    came: Instant,
    /// Nanoseconds from the highest timestamp before to it.
    step: i64,
    segments: Segments,
}

/// The evidence of how much time has passed between two packets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// They are sent as they are played: their arrivals, and the place where the session is.
    Senders(Latest),
    /// They are sent as they are read: what the packet says of when it was recorded.
    Readers(Option<NtpTime>),
}

impl Source {
    pub(super) fn new(now: Instant, ssrc: u32) -> Self {
        Self {
            ssrc,
            told: now,
            reference: None,
            reported: None,
            has_own_time: false,
            drift: None,
            zero: None,
            left: 0,
            run: None,
        }
    }

    /// Forgets how its timestamps stand to the time line and to its clock. Reports from before it runs are kept.
    pub(super) fn end_run(&mut self) {
        if self.run.is_some() {
            *self = Self {
                reported: self.reported,
                has_own_time: self.has_own_time,
                ..Self::new(self.heard(), self.ssrc)
            };
        }
    }

    /// Begins with a timestamp and its PTS; `false` if what its report said is too far from that to be of use.
    pub(super) fn begin(&mut self, now: Instant, timestamp: i64, pts: i64, clock_rate: u32) -> bool {
        let segments = Segments::new(timestamp, pts);
        self.run = Some(Run { clock_rate, highest: timestamp, came: now, step: 0, segments });
        let Some(Reference { came, ntp, rtp }) = self.reference.take() else { return true };
        let ahead = i64::from((rtp as u32).wrapping_sub(timestamp as u32) as i32);
        let is_near = is_near(came, now, units_to_nanos(ahead, clock_rate));
        self.reference = is_near.then_some(Reference { came, ntp, rtp: timestamp.wrapping_add(ahead) });
        is_near
    }

    /// Returns true if a report tells nothing new: it repeats the last one, or the source's packets tell their time.
    pub(super) fn knows_better(&self, ntp: NtpTime, rtp: u32) -> bool {
        self.has_own_time || self.reported == Some((ntp, rtp))
    }

    /// Takes what a packet says of its own time.
    pub(super) fn set_own_time(&mut self, now: Instant, ntp: NtpTime, rtp: u32) {
        self.has_own_time = true;
        self.set_reference(now, ntp, rtp);
    }

    /// Takes what a sender report says; `false` if its timestamp is too far from those of the packets to be of use.
    pub(super) fn set_reference(&mut self, now: Instant, ntp: NtpTime, rtp: u32) -> bool {
        (self.told, self.reported) = (now, Some((ntp, rtp)));
        let Some(run) = &self.run else {
            self.reference = Some(Reference { came: now, ntp, rtp: rtp.into() });
            return true;
        };
        let ahead = run.ahead(rtp);
        let is_near = is_near(now, run.came, units_to_nanos(ahead, run.clock_rate));
        if is_near {
            if !self.has_own_time {
                let clock = units_to_nanos(run.highest.wrapping_add(ahead), run.clock_rate);
                self.drift.get_or_insert_with(|| Drift::new(now, ntp, clock)).add(now, ntp, clock);
            }
            self.reference = Some(Reference { came: now, ntp, rtp: run.highest.wrapping_add(ahead) });
        }
        is_near
    }

    /// Goes on to a timestamp. Returns it without its wrap, its PTS, and `true` if it is the highest; `None` if the source
    /// begins anew with it.
    ///
    /// It goes on if as much time has passed, or if that leads to about where the session is; at the reader's pace, if that is a small
    /// step or as much time lies between the recordings.
    #[inline]
    pub(super) fn advance(
        &mut self,
        now: Instant,
        rtp: u32,
        clock_rate: u32,
        pace: Pace,
    ) -> Option<(i64, i64, bool)> {
        let reference = self.reference;
        let run = self.run.as_mut().filter(|run| run.clock_rate == clock_rate)?;
        let ahead = run.ahead(rtp);
        let timestamp = run.highest.wrapping_add(ahead);
        let passed = units_to_nanos(ahead, clock_rate);
        if ahead <= 0 {
            let pts = run.segments.pts_of(timestamp, clock_rate);
            return is_within(passed, TIMELINE_BACK_MAX).then_some((timestamp, pts, false));
        }
        let is_plausible = match pace {
            Pace::Senders(latest) => {
                is_within(passed.saturating_sub(nanos_between(run.came, now)), TIMELINE_GAP_MAX)
                    || is_within(run.pts_ahead(ahead).saturating_sub(latest.pts_at(now)), TIMELINE_GAP_MAX)
            }
            Pace::Readers(own) => {
                let recorded = reference.map(|reference| run.wall_of(run.highest, reference));
                let between = own.zip(recorded).map(|(own, before)| own.nanos_since(before));
                is_within(passed, TIMELINE_GAP_MAX)
                    || between.is_some_and(|own| is_within(passed.saturating_sub(own), TIMELINE_GAP_MAX))
            }
        };
        if !is_plausible && clock_rate != 0 {
            return None;
        }
        run.segments.advance(run.highest, clock_rate);
        (run.highest, run.came, run.step) = (timestamp, now, passed);
        Some((timestamp, run.segments.pts_of(timestamp, clock_rate), true))
    }

    /// When the frame of the highest timestamp was recorded.
    fn recorded(&self) -> Option<NtpTime> {
        let run = self.run.as_ref()?;
        Some(run.wall_of(run.highest, self.reference?))
    }

    /// Nanoseconds of PTS from the highest timestamp to a frame that was recorded at `own` and begins anew: as much as lies between
    /// the recordings, or as much as between two frames where it was recorded before, since then it is played backwards.
    pub(super) fn step_to(&self, own: Option<NtpTime>) -> i64 {
        let Some(run) = &self.run else { return 0 };
        match own.zip(self.recorded()).map(|(own, before)| own.nanos_since(before)) {
            Some(between) if between > 0 => between,
            Some(between) if run.step == 0 => between.saturating_neg(),
            _ => run.step,
        }
    }

    /// The highest timestamp and its PTS.
    pub(super) fn reached(&self) -> Option<(i64, i64)> {
        let run = self.run.as_ref()?;
        Some((run.highest, run.segments.pts_of(run.highest, run.clock_rate)))
    }

    /// When a packet or a report of it came last.
    pub(super) fn heard(&self) -> Instant {
        self.run.as_ref().map_or(self.told, |run| self.told.max(run.came))
    }

    /// The wall clock time of a timestamp by the sender reports.
    #[inline]
    pub(super) fn wall_of(&self, timestamp: i64) -> Option<(NtpTime, WallSource)> {
        let (reference, run) = (self.reference?, self.run.as_ref()?);
        let source = if self.has_own_time { WallSource::OnvifExtension } else { WallSource::SenderReport };
        Some((run.wall_of(timestamp, reference), source))
    }

    /// How far its wall clock is ahead of another one, by its last report.
    pub(super) fn ahead_of(&self, (at, wall): (Instant, NtpTime)) -> Option<i64> {
        // The time of a recording is that of no clock.
        let Reference { came, ntp, .. } = self.reference.filter(|_| !self.has_own_time)?;
        let passed = nanos_between(at, came).saturating_sub(nanos_between(came, at));
        Some(ntp.nanos_since(wall.plus_nanos(passed)))
    }

    pub(super) fn drift(&self) -> Option<&Drift> {
        self.drift.as_ref()
    }

    /// The wall clock time by its report of the timestamp that it is about to begin with.
    pub(super) fn first_wall_of(&self, timestamp: u32, clock_rate: u32) -> Option<NtpTime> {
        let reference = self.reference.as_ref()?;
        let ahead = timestamp.wrapping_sub(reference.rtp as u32) as i32;
        Some(reference.ntp.plus_nanos(units_to_nanos(ahead.into(), clock_rate)))
    }

    /// The sender's wall clock time of PTS zero, by its last report.
    pub(super) fn measured_zero(&self) -> Option<NtpTime> {
        let (reference, run) = (self.reference.as_ref()?, self.run.as_ref()?);
        let pts = run.segments.settled_pts_of(reference.rtp, run.clock_rate);
        Some(reference.ntp.plus_nanos(pts.saturating_neg()))
    }

    /// The PTS of a timestamp once all corrections are made, and the nanoseconds from there to the highest timestamp.
    pub(super) fn settled_pts_of(&self, timestamp: u32) -> Option<(i64, i64)> {
        let run = self.run.as_ref()?;
        let ahead = run.ahead(timestamp);
        let pts = run.segments.settled_pts_of(run.highest.wrapping_add(ahead), run.clock_rate);
        Some((pts, units_to_nanos(ahead.saturating_neg(), run.clock_rate)))
    }

    /// Moves what is behind the highest timestamp on the time line.
    pub(super) fn correct(&mut self, nanos: i64) {
        if let Some(run) = &mut self.run {
            run.segments.correct(nanos);
        }
    }

    /// How much of an error is to be corrected: half, or all of it if the report before has left as much.
    pub(super) fn believe(&mut self, error: i64) -> i64 {
        let is_told_again = !is_within(self.left, TIMELINE_ERROR_MIN)
            && is_within(error.saturating_sub(self.left), TIMELINE_AGREEMENT);
        let believed = if is_told_again { error } else { error / 2 };
        self.left = error.saturating_sub(believed);
        believed
    }

    pub(super) fn is_running(&self) -> bool {
        self.run.is_some()
    }
}

impl Run {
    #[inline]
    fn ahead(&self, timestamp: u32) -> i64 {
        i64::from(timestamp.wrapping_sub(self.highest as u32) as i32)
    }

    /// The wall clock time of a timestamp, by that of another one.
    #[inline]
    fn wall_of(&self, timestamp: i64, reference: Reference) -> NtpTime {
        let passed = units_to_nanos(timestamp.wrapping_sub(reference.rtp), self.clock_rate);
        reference.ntp.plus_nanos(passed)
    }

    fn pts_ahead(&self, ahead: i64) -> i64 {
        self.segments.settled_pts_of(self.highest.wrapping_add(ahead), self.clock_rate)
    }
}

/// Returns true if a report that came at `came` can be of the same timestamps as a packet that came at `heard`, which is `ahead`
/// nanoseconds before it.
fn is_near(came: Instant, heard: Instant, ahead: i64) -> bool {
    let later = nanos_between(heard, came).saturating_sub(nanos_between(came, heard));
    let early = ahead.saturating_sub(later);
    if early > 0 { is_within(early, TIMELINE_GAP_MAX) } else { is_within(early, TIMELINE_REPORT_AGE_MAX) }
}
