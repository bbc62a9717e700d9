//! The wall clock time of a camera's frames.

use rtspan_core::NtpTime;
use rtspan_core::frame::Frame;
use rtspan_core::timeline::WallSource;

use super::scan::since_1970;

/// By how many nanoseconds frames may come early or late, before their time of arrival is taken anew.
const ARRIVAL_TOLERANCE: u64 = 500_000_000;
/// By how many nanoseconds the times of a segment are moved at most, so that clocks that go differently stay together.
const STEP_MAX: i64 = 5_000_000;

/// Tells when frames were recorded: by the camera, or else by when they come, which is made even.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The wall clock time of presentation time zero, by arrival.
    zero: Option<i64>,
    /// The earliest since the segment has begun.
    earliest: Option<i64>,
}

impl Clock {
    /// The wall clock time of a frame, in nanoseconds since 1970.
    pub(super) fn of(&mut self, frame: &Frame, now: NtpTime) -> i64 {
        let told = frame.time.wall().filter(|wall| wall.ntp.to_unix().is_some());
        if let Some(wall) = told.filter(|wall| wall.source > WallSource::Arrival) {
            return since_1970(wall.ntp);
        }
        let came = since_1970(told.map_or(now, |wall| wall.ntp)).saturating_sub(frame.time.pts);
        let zero = match self.zero.filter(|zero| zero.abs_diff(came) <= ARRIVAL_TOLERANCE) {
            Some(zero) => zero,
            None => {
                self.earliest = None;
                *self.zero.insert(came)
            }
        };
        self.earliest = Some(self.earliest.map_or(came, |earliest| earliest.min(came)));
        zero.saturating_add(frame.time.pts)
    }

    /// A segment begins: what frames were early or late by is made up for, a little.
    pub(super) fn begin_segment(&mut self) {
        if let (Some(zero), Some(earliest)) = (&mut self.zero, self.earliest.take()) {
            *zero += (earliest - *zero).clamp(-STEP_MAX, STEP_MAX);
        }
    }

    /// Nothing has come for a while.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::scan::ntp_of;
    use super::*;

    const NOON: i64 = 1_796_000_000_000_000_000;

    #[test]
    fn times_of_arrival_are_even_and_follow_a_clock_that_goes_otherwise() {
        let mut clock = Clock::default();
        for minute in 0..180_i64 {
            for second in 0..60 {
                // The camera's timestamps are 50 millionths slow, and each frame comes a little late.
                let at = (minute * 60 + second) * 1_000_000_000;
                let (pts, late) = (at - at / 20_000, (second * 7 % 40) * 1_000_000);
                let wall = clock.of(&Frame::new(0, pts, vec![0]), ntp_of(NOON + at + late));
                assert!(
                    (-7_000_000..=6_000_000).contains(&(wall - NOON - at)),
                    "{minute} {second}: {}",
                    wall - NOON - at
                );
            }
            clock.begin_segment();
        }
    }

    #[test]
    fn the_camera_knows_better_and_a_jump_is_believed() {
        let mut clock = Clock::default();
        let told = ntp_of(NOON) + Duration::from_millis(7);
        assert_eq!(clock.of(&Frame::new(0, 0, vec![0]).with_ntp(told), ntp_of(NOON)), NOON + 7_000_000);
        assert_eq!(clock.of(&Frame::new(0, 0, vec![0]), ntp_of(NOON)), NOON);
        let back = NOON - 3600 * 1_000_000_000;
        assert_eq!(clock.of(&Frame::new(0, 1_000_000_000, vec![0]), ntp_of(back)), back);
    }
}
