//! How fast a sender's clocks go by ours.

use super::{is_within, nanos_between};
use crate::limits::{CLOCK_JUMP_MAX, TIMELINE_DRIFT_WINDOW};
use crate::{Instant, NtpTime};

/// The clocks of a source by its sender reports, and by when they come.
#[derive(Clone, Debug)]
pub(super) struct Drift {
    /// The first report: when it came, its wall clock time, and its timestamp in nanoseconds.
    first: (Instant, NtpTime, i64),
    rtp: Slope,
    wall: Slope,
}

impl Drift {
    pub(super) fn new(now: Instant, ntp: NtpTime, rtp: i64) -> Self {
        Self { first: (now, ntp, rtp), rtp: Slope::new(now, 0), wall: Slope::new(now, 0) }
    }

    pub(super) fn add(&mut self, now: Instant, ntp: NtpTime, rtp: i64) {
        let (at, first_ntp, first_rtp) = self.first;
        let passed = nanos_between(at, now);
        self.rtp.add(now, rtp.saturating_sub(first_rtp).saturating_sub(passed));
        self.wall.add(now, ntp.nanos_since(first_ntp).saturating_sub(passed));
    }

    /// By how many billionths the clock of its timestamps is faster than ours.
    pub(super) fn rtp_ppb(&self) -> Option<i64> {
        self.rtp.ppb()
    }

    /// By how many billionths its wall clock is faster than ours.
    pub(super) fn wall_ppb(&self) -> Option<i64> {
        self.wall.ppb()
    }
}

/// By how much a clock gets ahead of ours.
///
/// A report is late by what the network takes, which varies. The least late one of each window counts.
#[derive(Clone, Copy, Debug)]
struct Slope {
    first: Window,
    last: Window,
    current: Window,
}

/// The least late report of a span: how far ahead of ours the clock was.
#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    at: Instant,
    ahead: i64,
}

impl Slope {
    fn new(now: Instant, ahead: i64) -> Self {
        let window = Window { began: now, at: now, ahead };
        Self { first: window, last: window, current: window }
    }

    fn add(&mut self, now: Instant, ahead: i64) {
        if !is_within(ahead.saturating_sub(self.current.ahead), CLOCK_JUMP_MAX) {
            // The clock was set.
            *self = Self::new(now, ahead);
        } else if now.since(self.current.began) >= TIMELINE_DRIFT_WINDOW {
            if self.first.began == self.current.began {
                self.first = self.current;
            }
            self.last = self.current;
            self.current = Window { began: now, at: now, ahead };
        } else if ahead > self.current.ahead {
            (self.current.at, self.current.ahead) = (now, ahead);
        }
    }

    /// Once there are two whole windows.
    fn ppb(&self) -> Option<i64> {
        let passed = nanos_between(self.first.at, self.last.at);
        let gained = i128::from(self.last.ahead.saturating_sub(self.first.ahead));
        let ppb = gained.saturating_mul(1_000_000_000).checked_div(passed.into())?;
        i64::try_from(ppb).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_measured_to_a_few_millionths_through_a_network_that_delays() {
        const MINUTE: u64 = 60_000_000_000;
        let noon = NtpTime::from_bits(0xd515_0000_0000_0000);
        // From none to 49 ms, by no order that repeats within a minute.
        let delay = |report: u64| report * report * 7 % 50 * 1_000_000;
        let mut drift = Drift::new(Instant::from_nanos(delay(0)), noon, 0);
        for report in 1..=20 * 12_u64 {
            let sent = report * MINUTE / 12;
            // Timestamps are 80 millionths fast, and the wall clock is 20 slow.
            let rtp = (sent + sent / 1_000_000 * 80) as i64;
            let ntp = noon.plus_nanos((sent - sent / 1_000_000 * 20) as i64);
            drift.add(Instant::from_nanos(sent + delay(report)), ntp, rtp);
            if sent < 2 * MINUTE {
                assert_eq!((drift.rtp_ppb(), drift.wall_ppb()), (None, None), "too little is known yet");
            }
        }
        let (rtp, wall) = (drift.rtp_ppb().unwrap(), drift.wall_ppb().unwrap());
        assert!(rtp.abs_diff(80_000) < 2000 && wall.abs_diff(-20_000) < 2000, "{rtp}, {wall}");
        // A clock that is set begins anew, and the other goes on.
        let sent = 21 * MINUTE;
        let set = noon.plus_nanos((sent + 3600 * 1_000_000_000) as i64);
        drift.add(Instant::from_nanos(sent), set, (sent + sent / 1_000_000 * 80) as i64);
        assert!(drift.wall_ppb().is_none() && drift.rtp_ppb().is_some());
    }
}
