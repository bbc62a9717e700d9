use super::clock;
use super::rtcp::SenderReport;
use crate::limits::{CLOCK_JUMP_MAX, SENDER_REPORT_PERIOD};
use crate::{Instant, NtpTime};
use std::time::Duration;

/// Tells the wall clock time of a source's timestamps, by those of its sender reports that are believed.
///
/// A report that contradicts the one before by more than [`CLOCK_JUMP_MAX`] is left out, be it forged or mistaken. A source
/// whose clock was set goes on to contradict: once no report has agreed with the old clock for one and a half periods, the
/// next one that agrees with the one left out is believed.
#[derive(Debug, Default)]
pub(super) struct WallClock {
    believed: Option<Reading>,
    doubted: Option<Reading>,
    /// Between the last two reports that agreed.
    period: Duration,
    refused: u64,
}

/// The times of a report, and when it came.
#[derive(Clone, Copy, Debug)]
struct Reading {
    came: Instant,
    ntp: NtpTime,
    rtp: u32,
}

impl WallClock {
    /// Takes a report that came at `now`; returns `true` if it is believed.
    pub(super) fn handle_report(&mut self, now: Instant, report: &SenderReport, clock_rate: u32) -> bool {
        let reading = Reading { came: now, ntp: report.ntp, rtp: report.rtp };
        let agrees = |other: Reading| reading.agrees_with(other, clock_rate);
        // A time of zero is that of a sender without a wall clock.
        let Some(believed) = self.believed.filter(|believed| believed.ntp != NtpTime::default()) else {
            self.believed = Some(reading);
            return true;
        };
        let silent = now.since(believed.came);
        if agrees(believed) {
            self.period = silent;
        } else {
            let patience = self.period.max(SENDER_REPORT_PERIOD).saturating_mul(3).checked_div(2);
            let persists = self.doubted.is_some_and(agrees) && patience.is_some_and(|it| silent >= it);
            if !persists {
                self.doubted = Some(reading);
                self.refused = self.refused.saturating_add(1);
                return false;
            }
        }
        (self.believed, self.doubted) = (Some(reading), None);
        true
    }

    /// The wall clock time of a timestamp, which is taken to be within 2^31 units of the last report.
    pub(super) fn ntp_of(&self, timestamp: u32, clock_rate: u32) -> Option<NtpTime> {
        let believed = self.believed.filter(|believed| believed.ntp != NtpTime::default())?;
        clock::time_of(timestamp, (believed.ntp, believed.rtp), clock_rate)
    }

    /// Reports that were left out.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Forgets what the reports said: the timestamps have begun anew.
    pub(super) fn reset(&mut self) {
        *self = Self { refused: self.refused, ..Self::default() };
    }
}

impl Reading {
    /// Returns `true` if as much time has passed between two readings by the wall clock as by the timestamps.
    fn agrees_with(self, other: Self, clock_rate: u32) -> bool {
        let by_wall = self.ntp.to_bits().wrapping_sub(other.ntp.to_bits()) as i64;
        let units = i128::from(by_wall).wrapping_mul(clock_rate.into()) >> 32;
        // Both wrap: the difference of their ends counts.
        let apart = self.rtp.wrapping_sub(other.rtp).wrapping_sub(units as u32) as i32;
        let bound = clock::to_units(CLOCK_JUMP_MAX, clock_rate);
        u64::from(apart.unsigned_abs()) <= bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_left_out_that_is_a_unit_further_from_the_one_before_than_may_be() {
        const RATE: u32 = 90_000;
        let bound = u32::try_from(clock::to_units(CLOCK_JUMP_MAX, RATE)).unwrap();
        let report = |ntp: u64, rtp: u32| SenderReport {
            ssrc: 1,
            ntp: NtpTime::from_bits(ntp << 32),
            rtp,
            packets: 0,
            octets: 0,
            reports: Vec::new(),
        };
        for (apart, is_believed) in [(bound, true), (bound + 1, false)] {
            for rtp in [5 * RATE + apart, 5 * RATE - apart] {
                let mut wall = WallClock::default();
                assert!(wall.handle_report(Instant::ZERO, &report(100, 0), RATE));
                let later = Instant::ZERO + SENDER_REPORT_PERIOD;
                assert_eq!(wall.handle_report(later, &report(105, rtp), RATE), is_believed, "{rtp}");
                assert_eq!(wall.refused(), u64::from(!is_believed));
            }
        }
    }
}
