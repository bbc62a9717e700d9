use std::time::Duration;

use crate::limits::{RECONNECT_DENIED_MAX, RECONNECT_MISSING_MAX, RECONNECT_WAIT_LEAST, RECONNECT_WAIT_MOST};
use crate::random::Random;

/// How a client that has lost its session tries to have it again ([`ClientConfig::reconnect`]).
///
/// The wait before an attempt doubles from one to the next, between a least and a most. A part of it is chance, so that
/// a thousand clients of a server that restarts do not come at once.
///
/// ```
/// use std::time::Duration;
/// use rtspan_core::client::{ClientConfig, ReconnectPolicy};
///
/// let policy = ReconnectPolicy::default().wait(Duration::from_secs(2), Duration::from_secs(60));
/// let config = ClientConfig::default().reconnect(Some(policy));
/// ```
///
/// [`ClientConfig::reconnect`]: super::ClientConfig::reconnect
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct ReconnectPolicy {
    least: Duration,
    most: Duration,
    pub(super) attempts_max: Option<u32>,
    pub(super) denied_max: u32,
    pub(super) missing_max: u32,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            least: RECONNECT_WAIT_LEAST,
            most: RECONNECT_WAIT_MOST,
            attempts_max: None,
            denied_max: RECONNECT_DENIED_MAX,
            missing_max: RECONNECT_MISSING_MAX,
        }
    }
}

impl ReconnectPolicy {
    /// The least and the most wait before an attempt ([`RECONNECT_WAIT_LEAST`], [`RECONNECT_WAIT_MOST`]).
    pub fn wait(mut self, least: Duration, most: Duration) -> Self {
        (self.least, self.most) = (least, most.max(least));
        self
    }

    /// Attempts in a row after which the client closes; `None`, the default, means that it never gives up.
    ///
    /// A row ends once media has flowed.
    pub fn attempts_max(mut self, attempts_max: Option<u32>) -> Self {
        self.attempts_max = attempts_max;
        self
    }

    /// Attempts in a row that the server refuses with 401 or 403 before that is believed ([`RECONNECT_DENIED_MAX`]).
    ///
    /// Cameras refuse good passwords while they start, and lock users out who come with wrong ones too often.
    pub fn denied_max(mut self, denied_max: u32) -> Self {
        self.denied_max = denied_max;
        self
    }

    /// Attempts in a row that the server refuses with 404, or with anything else that only a person can mend, before that is
    /// believed ([`RECONNECT_MISSING_MAX`]).
    ///
    /// The streams of a relay are missing as long as their source is away.
    pub fn missing_max(mut self, missing_max: u32) -> Self {
        self.missing_max = missing_max;
        self
    }

    /// How long is waited before the attempt of this number, which counts from one.
    pub(super) fn delay(&self, attempt: u32, random: &mut Random) -> Duration {
        let doubled = 2_u32.checked_pow(attempt).and_then(|factor| self.least.checked_mul(factor));
        let longest = doubled.unwrap_or(self.most).min(self.most);
        let shortest = longest.checked_div(2).unwrap_or_default().max(self.least).min(longest);
        let span = u64::try_from(longest.saturating_sub(shortest).as_nanos()).unwrap_or(u64::MAX);
        let part = u128::from(span).saturating_mul(random.next_u32().into()) >> 32;
        shortest.saturating_add(Duration::from_nanos(u64::try_from(part).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_between_its_bounds_and_a_part_of_it_is_chance() {
        let policy = ReconnectPolicy::default().wait(Duration::from_secs(1), Duration::from_secs(30));
        let mut random = Random::new([3; 32]);
        for (attempt, from, to) in [(1, 1, 2), (2, 2, 4), (3, 4, 8), (4, 8, 16), (5, 15, 30), (1000, 15, 30)]
        {
            let waits: Vec<_> = (0..100).map(|_| policy.delay(attempt, &mut random)).collect();
            let bounds = Duration::from_secs(from)..Duration::from_secs(to);
            assert!(waits.iter().all(|wait| bounds.contains(wait)), "{attempt}: {waits:?}");
            assert!(
                waits.iter().max().unwrap().abs_diff(*waits.iter().min().unwrap())
                    > (bounds.end - bounds.start) / 2
            );
        }
        let fixed = ReconnectPolicy::default().wait(Duration::from_secs(5), Duration::ZERO);
        assert_eq!(fixed.delay(1, &mut random), Duration::from_secs(5));
        let at_once = ReconnectPolicy::default().wait(Duration::ZERO, Duration::ZERO);
        assert_eq!(at_once.delay(9, &mut random), Duration::ZERO);
        let longest = ReconnectPolicy::default().wait(Duration::MAX, Duration::MAX);
        assert_eq!(longest.delay(u32::MAX, &mut random), Duration::MAX);
    }
}
