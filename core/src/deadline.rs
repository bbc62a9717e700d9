use std::time::Duration;

use crate::Instant;
use crate::limits::{DEADLINE_GRACE, DEADLINE_LATE_LOOKS_MAX};

/// Says whether a deadline that has passed may be believed.
///
/// A process that was stopped, or a machine that slept, finds its deadlines passed while what came in the meantime still
/// waits in its sockets. So a deadline is looked at twice: [`DEADLINE_GRACE`] before it passes, and then. It is believed
/// if the second look is not late, because the process has run in between and has read what came. After a late look the
/// next one follows a grace later; with a driver whose looks are always late, the one after
/// [`DEADLINE_LATE_LOOKS_MAX`] of them is believed.
///
/// Where less than a grace is waited in all, that is the grace: such a deadline is looked at when it is set, and when it passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    grace: Duration,
    looked: Option<Instant>,
    late: u8,
}

impl Default for Doubt {
    fn default() -> Self {
        Self::within(DEADLINE_GRACE)
    }
}

impl Doubt {
    /// Doubt in a deadline that is set so long before it passes.
    pub(crate) fn within(patience: Duration) -> Self {
        Self { grace: patience.min(DEADLINE_GRACE), looked: None, late: 0 }
    }

    /// When `deadline` is to be looked at next.
    pub(crate) fn look_at(&self, deadline: Instant) -> Instant {
        self.second_look(deadline).unwrap_or_else(|| self.first_look(deadline))
    }

    /// Takes a look that is due, and believes nothing: for a deadline that is set when it is near, or has passed.
    pub(crate) fn look(&mut self, now: Instant, deadline: Instant) {
        if self.look_at(deadline) <= now {
            (self.looked, self.late) = (Some(now), 0);
        }
    }

    /// Returns `true` if `deadline` has passed and is believed. May be called at any time.
    pub(crate) fn is_over(&mut self, now: Instant, deadline: Instant) -> bool {
        if now < self.look_at(deadline) {
            return false;
        }
        let Some(due) = self.second_look(deadline) else {
            (self.looked, self.late) = (Some(now), 0);
            return false;
        };
        if now < due + self.grace || self.late >= DEADLINE_LATE_LOOKS_MAX {
            return true;
        }
        (self.looked, self.late) = (Some(now), self.late.saturating_add(1));
        false
    }

    /// When a look is due that may be believed; `None` as long as there was no look that is near enough.
    fn second_look(&self, deadline: Instant) -> Option<Instant> {
        let looked = self.looked.filter(|looked| *looked >= self.first_look(deadline))?;
        Some(looked + self.grace)
    }

    fn first_look(&self, deadline: Instant) -> Instant {
        Instant::ZERO + (deadline - (Instant::ZERO + self.grace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_deadline_is_believed_when_it_passes_if_it_was_looked_at_before() {
        let mut doubt = Doubt::default();
        assert_eq!(doubt.look_at(at(60_000)), at(59_000));
        assert!(!doubt.is_over(at(58_999), at(60_000)));
        assert!(!doubt.is_over(at(59_000), at(60_000)));
        assert_eq!(doubt.look_at(at(60_000)), at(60_000));
        assert!(!doubt.is_over(at(59_999), at(60_000)));
        assert!(doubt.is_over(at(60_000), at(60_000)));
    }

    #[test]
    fn a_deadline_that_is_set_late_is_believed_a_grace_later() {
        for passed in [59_500, 70_000] {
            let mut doubt = Doubt::default();
            doubt.look(at(passed), at(60_000));
            assert_eq!(doubt.look_at(at(60_000)), at(passed + 1_000));
            assert!(!doubt.is_over(at(passed + 999), at(60_000)));
            assert!(doubt.is_over(at(passed + 1_000), at(60_000)));
        }
        let mut doubt = Doubt::default();
        doubt.look(at(58_999), at(60_000));
        assert_eq!(doubt.look_at(at(60_000)), at(59_000));
    }

    #[test]
    fn a_process_that_stood_still_has_a_grace_to_read_what_came() {
        // Stopped before the first look, and between the two.
        for looks_before in [0, 1] {
            let mut doubt = Doubt::default();
            (0..looks_before).for_each(|_| assert!(!doubt.is_over(at(59_000), at(60_000))));
            assert!(!doubt.is_over(at(90_000), at(60_000)), "{looks_before}");
            assert_eq!(doubt.look_at(at(60_000)), at(91_000));
            assert!(!doubt.is_over(at(90_999), at(60_000)));
            assert!(doubt.is_over(at(91_000), at(60_000)));
        }
    }

    #[test]
    fn a_deadline_that_moves_away_is_looked_at_anew() {
        let mut doubt = Doubt::default();
        assert!(!doubt.is_over(at(90_000), at(60_000)));
        // Something had come.
        assert_eq!(doubt.look_at(at(150_000)), at(149_000));
        assert!(!doubt.is_over(at(149_000), at(150_000)));
        assert!(doubt.is_over(at(150_000), at(150_000)));
    }

    #[test]
    fn a_deadline_that_is_shorter_than_a_grace_is_not_held_longer() {
        let mut doubt = Doubt::within(Duration::from_millis(300));
        assert_eq!(doubt.look_at(at(1_300)), at(1_000));
        assert!(!doubt.is_over(at(1_000), at(1_300)));
        assert!(!doubt.is_over(at(1_299), at(1_300)));
        assert!(doubt.is_over(at(1_300), at(1_300)));
        let mut stood_still = Doubt::within(Duration::from_millis(300));
        assert!(!stood_still.is_over(at(9_000), at(1_300)));
        assert!(!stood_still.is_over(at(9_299), at(1_300)));
        assert!(stood_still.is_over(at(9_300), at(1_300)));
    }

    #[test]
    fn a_driver_that_always_comes_late_is_believed_in_the_end() {
        let mut doubt = Doubt::default();
        let looks = (1..).take_while(|look| !doubt.is_over(at(60_000 + look * 5_000), at(60_000))).count();
        assert_eq!(looks, 1 + usize::from(DEADLINE_LATE_LOOKS_MAX));
    }
}
