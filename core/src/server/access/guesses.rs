//! Wrong credentials, by the address that they come from: guessing is slow, and loud.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::Instant;
use crate::limits::{
    AUTH_FAILURE_FORGIVEN, AUTH_FAILURES_OF_ADDRESS_FREE, AUTH_SLOWED_ADDRESSES_MAX, AUTH_TURN,
    AUTH_TURN_WAIT_MAX,
};
use crate::prefix::Origin;

/// The addresses that have sent wrong credentials of late.
#[derive(Debug, Default)]
pub(in crate::server) struct Guesses {
    addresses: BTreeMap<Origin, Guesser>,
    untold: u64,
    tell_at: Option<Instant>,
}

#[derive(Debug)]
struct Guesser {
    /// Wrong credentials that are not forgiven yet, as of `since`.
    failures: u32,
    since: Instant,
    /// When the next credentials from there are looked at.
    next: Instant,
}

/// Too many peers wait already, so this one is refused at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) struct TooMany;

/// Time between two events that tell of wrong credentials.
const TELL_PERIOD: Duration = Duration::from_secs(1);

impl Guesser {
    fn forgive(&mut self, now: Instant) {
        let periods =
            now.since(self.since).as_nanos().checked_div(AUTH_FAILURE_FORGIVEN.as_nanos()).unwrap_or(0);
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_sub(periods);
        self.since =
            if self.failures == 0 { now } else { self.since + AUTH_FAILURE_FORGIVEN.saturating_mul(periods) };
    }
}

impl Guesses {
    /// Takes note of wrong credentials.
    pub(in crate::server) fn failed(&mut self, now: Instant, ip: IpAddr) {
        let origin = Origin::from(ip);
        if !self.addresses.contains_key(&origin) && self.addresses.len() >= AUTH_SLOWED_ADDRESSES_MAX {
            self.make_room(now);
        }
        let fresh = Guesser { failures: 0, since: now, next: now };
        let guesser = self.addresses.entry(origin).or_insert(fresh);
        guesser.forgive(now);
        guesser.failures = guesser.failures.saturating_add(1);
    }

    /// When credentials from an address are looked at; `None` if at once.
    ///
    /// However many connections it has, they take turns.
    pub(in crate::server) fn turn(&mut self, now: Instant, ip: IpAddr) -> Result<Option<Instant>, TooMany> {
        let Some(guesser) = self.addresses.get_mut(&Origin::from(ip)) else { return Ok(None) };
        guesser.forgive(now);
        if guesser.failures < AUTH_FAILURES_OF_ADDRESS_FREE {
            return Ok(None);
        }
        let at = guesser.next.max(now) + AUTH_TURN;
        if at.since(now) > AUTH_TURN_WAIT_MAX {
            return Err(TooMany);
        }
        guesser.next = at;
        Ok(Some(at))
    }

    /// How many failures an event is to tell of now, if any.
    pub(in crate::server) fn tell(&mut self, now: Instant) -> Option<u64> {
        self.untold = self.untold.saturating_add(1);
        if self.tell_at.is_some_and(|at| now < at) {
            return None;
        }
        self.tell_at = Some(now + TELL_PERIOD);
        Some(std::mem::take(&mut self.untold))
    }

    #[cfg(test)]
    pub(in crate::server) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Forgets those that are forgiven, and if there are none those that have failed least.
    fn make_room(&mut self, now: Instant) {
        self.addresses.values_mut().for_each(|guesser| guesser.forgive(now));
        let least = self.addresses.values().map(|guesser| guesser.failures).min().unwrap_or(0);
        self.addresses.retain(|_, guesser| guesser.failures > least);
    }
}
