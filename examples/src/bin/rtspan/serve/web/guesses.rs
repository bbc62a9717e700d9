//! Wrong credentials, by where they come from: guessing is as slow here as it is over RTSP.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rtspan_core::limits::{
    AUTH_FAILURE_FORGIVEN, AUTH_FAILURES_OF_ADDRESS_FREE, AUTH_SLOWED_ADDRESSES_MAX, AUTH_TURN,
    AUTH_TURN_WAIT_MAX,
};
use rtspan_examples::http::Origin;

/// Where wrong credentials have come from of late.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<BTreeMap<Origin, Guesser>>);

#[derive(Debug)]
struct Guesser {
    /// Wrong credentials that are not forgiven yet, as of `since`.
    failures: u32,
    since: Instant,
    /// When the last turn is that was given.
    last: Instant,
}

/// Too many wait already, so that this one is refused at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooMany;

impl Guesser {
    fn forgive(&mut self, now: Instant) {
        while self.failures > 0 && now.saturating_duration_since(self.since) >= AUTH_FAILURE_FORGIVEN {
            self.failures -= 1;
            self.since += AUTH_FAILURE_FORGIVEN;
        }
        if self.failures == 0 {
            self.since = now;
        }
    }
}

impl Guesses {
    /// Takes note of wrong credentials.
    pub(super) fn failed(&self, now: Instant, origin: Origin) {
        let mut guessers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !guessers.contains_key(&origin) && guessers.len() >= AUTH_SLOWED_ADDRESSES_MAX {
            // Those that are forgiven are forgotten, and if there are none those that have failed least.
            guessers.values_mut().for_each(|guesser| guesser.forgive(now));
            let least = guessers.values().map(|guesser| guesser.failures).min().unwrap_or(0);
            guessers.retain(|_, guesser| guesser.failures > least);
        }
        let fresh = Guesser { failures: 0, since: now, last: now };
        let guesser = guessers.entry(origin).or_insert(fresh);
        guesser.forgive(now);
        guesser.failures = guesser.failures.saturating_add(1);
    }

    /// When credentials are looked at, right ones too; `None` if at once. However many come from one place, they take turns.
    pub(super) fn turn(&self, now: Instant, origin: Origin) -> Result<Option<Instant>, TooMany> {
        let mut guessers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(guesser) = guessers.get_mut(&origin) else { return Ok(None) };
        guesser.forgive(now);
        if guesser.failures < AUTH_FAILURES_OF_ADDRESS_FREE {
            return Ok(None);
        }
        let at = guesser.last.max(now) + AUTH_TURN;
        if at > now + AUTH_TURN_WAIT_MAX {
            return Err(TooMany);
        }
        guesser.last = at;
        Ok(Some(at))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn from(address: u32) -> Origin {
        IpAddr::from(Ipv4Addr::from(address)).into()
    }

    #[test]
    fn credentials_take_turns_where_too_many_were_wrong_and_nowhere_else() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..AUTH_FAILURES_OF_ADDRESS_FREE {
            assert_eq!(guesses.turn(now, from(1)), Ok(None));
            guesses.failed(now, from(1));
        }
        let turns = AUTH_TURN_WAIT_MAX.as_nanos() / AUTH_TURN.as_nanos();
        for turn in 1..=u32::try_from(turns).unwrap() {
            assert_eq!(guesses.turn(now, from(1)), Ok(Some(now + AUTH_TURN * turn)));
        }
        assert_eq!(guesses.turn(now, from(1)), Err(TooMany));
        assert_eq!(guesses.turn(now, from(2)), Ok(None));
        assert!(guesses.turn(now + AUTH_TURN, from(1)).unwrap().is_some());
        assert_eq!(guesses.turn(now + AUTH_FAILURE_FORGIVEN, from(1)), Ok(None), "one is forgiven");
    }

    #[test]
    fn so_many_are_remembered_and_the_loudest_among_them() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..AUTH_FAILURES_OF_ADDRESS_FREE {
            guesses.failed(now, from(0));
        }
        for address in 1..=3 * u32::try_from(AUTH_SLOWED_ADDRESSES_MAX).unwrap() {
            guesses.failed(now, from(address));
            assert!(guesses.0.lock().unwrap().len() <= AUTH_SLOWED_ADDRESSES_MAX);
        }
        assert!(guesses.turn(now, from(0)).unwrap().is_some());
    }
}
