use crate::limits::TIMELINE_BACK_MAX;
use crate::rtp::units_to_nanos;

/// A track that is ahead of the others goes slower by one part of so many until they have caught up.
const SLOWER_BY: i64 = 8;

/// The PTS of each timestamp of a source, since it began.
///
/// A correction begins behind the highest timestamp and is a segment of its own. The one before is kept for timestamps
/// that go back into it; a third does not begin before the second is longer than timestamps may go back.
#[derive(Clone, Debug)]
pub(super) struct Segments {
    current: Segment,
    former: Option<Segment>,
    /// Nanoseconds by which a next segment is to be moved.
    pending: i64,
}

/// Timestamps behind `start`, of which the PTS is known.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: i64,
    pts: i64,
    /// Nanoseconds by which all behind the start is moved: at once if ahead, and little by little if back.
    shift: i64,
}

impl Segment {
    #[inline]
    fn pts_of(self, timestamp: i64, clock_rate: u32) -> i64 {
        let passed = units_to_nanos(timestamp.wrapping_sub(self.start), clock_rate);
        let shift = match self.shift {
            0 => 0,
            _ if passed <= 0 => 0,
            shift => shift.max((passed / SLOWER_BY).saturating_neg()),
        };
        self.pts.saturating_add(passed).saturating_add(shift)
    }

    /// The PTS once all is moved.
    fn settled_pts_of(self, timestamp: i64, clock_rate: u32) -> i64 {
        let passed = units_to_nanos(timestamp.wrapping_sub(self.start), clock_rate);
        self.pts.saturating_add(passed).saturating_add(self.shift)
    }
}

impl Segments {
    pub(super) fn new(start: i64, pts: i64) -> Self {
        Self { current: Segment { start, pts, shift: 0 }, former: None, pending: 0 }
    }

    #[inline]
    pub(super) fn pts_of(&self, timestamp: i64, clock_rate: u32) -> i64 {
        let segment = match self.former {
            Some(former) if timestamp <= self.current.start => former,
            _ => self.current,
        };
        segment.pts_of(timestamp, clock_rate)
    }

    /// The PTS that a timestamp would have if all corrections were made.
    pub(super) fn settled_pts_of(&self, timestamp: i64, clock_rate: u32) -> i64 {
        self.current.settled_pts_of(timestamp, clock_rate).saturating_add(self.pending)
    }

    /// Moves what is behind the highest timestamp by so many nanoseconds.
    pub(super) fn correct(&mut self, nanos: i64) {
        self.pending = self.pending.saturating_add(nanos);
    }

    /// Begins a segment behind the `highest` timestamp if one is due.
    #[inline]
    pub(super) fn advance(&mut self, highest: i64, clock_rate: u32) {
        if self.pending != 0 {
            self.begin(highest, clock_rate);
        }
    }

    #[cold]
    fn begin(&mut self, highest: i64, clock_rate: u32) {
        let length = units_to_nanos(highest.wrapping_sub(self.current.start), clock_rate);
        if self.former.is_some() && i128::from(length) < TIMELINE_BACK_MAX.as_nanos() as i128 {
            return;
        }
        let pts = self.pts_of(highest, clock_rate);
        // It may not have been moved back all the way yet.
        let shift = self.settled_pts_of(highest, clock_rate).saturating_sub(pts);
        self.former = Some(self.current);
        self.current = Segment { start: highest, pts, shift };
        self.pending = 0;
    }
}
