//! Keeps the session alive with requests that nobody waits for.

use std::time::Duration;

use super::request::Asker;
use super::{Client, KeepalivePolicy, State};
use crate::limits::{KEEPALIVE_MARGIN, KEEPALIVE_PERIOD_MIN};
use crate::wire::{Method, Request, StatusCode};
use crate::{Instant, Tolerance};

/// When the next keepalive is due, and which methods the server refuses.
#[derive(Debug, Default)]
pub(super) struct Keepalive {
    due: Option<Instant>,
    refused: Vec<Method>,
}

impl Keepalive {
    /// Starts the period again: any request keeps the session alive.
    pub(super) fn put_off(&mut self, now: Instant, session_timeout: Duration) {
        self.due = Some(now + period(session_timeout));
    }
}

/// Half of the session timeout, or five seconds before it if that is sooner, because cameras are strict to the second.
fn period(session_timeout: Duration) -> Duration {
    let early = session_timeout.saturating_sub(KEEPALIVE_MARGIN);
    early.min(session_timeout.checked_div(2).unwrap_or_default()).max(KEEPALIVE_PERIOD_MIN)
}

impl Client {
    pub(super) fn keepalive_deadline(&self) -> Option<Instant> {
        let is_on = self.state != State::Initial
            && self.link.is_up()
            && !self.is_leaving()
            && self.config.keepalive != KeepalivePolicy::Never;
        self.keepalive.due.filter(|_| is_on)
    }

    pub(super) fn send_keepalive(&mut self, now: Instant) {
        if self.keepalive_deadline().is_none_or(|due| due > now) {
            return;
        }
        let method = self.keepalive_method();
        // Cameras that never answer one must not make the wait for the others longer.
        self.requests.forget_keepalives();
        let request = Request::new(method.clone(), self.base().as_request_uri());
        self.send_request(now, Asker::Keepalive(method), request);
    }

    pub(super) fn keepalive_answered(&mut self, now: Instant, method: Method, status: StatusCode) {
        if status.is_success() {
            // The answer may have told another timeout.
            return self.keepalive.put_off(now, self.session.timeout());
        }
        self.tolerances.record(Tolerance::KeepaliveRefused);
        if self.keepalive.refused.contains(&method) {
            return;
        }
        self.keepalive.refused.push(method);
        if !self.keepalive.refused.contains(&self.keepalive_method()) {
            // The session may not live until the next one is due.
            self.keepalive.due = Some(now);
            self.send_keepalive(now);
        }
    }

    fn keepalive_method(&self) -> Method {
        if let KeepalivePolicy::Method(method) = &self.config.keepalive {
            return method.clone();
        }
        let lists = |method: &Method| self.methods.as_ref().is_some_and(|methods| methods.contains(method));
        let preferred = if lists(&Method::GetParameter) {
            [Method::GetParameter, Method::Options]
        } else {
            [Method::Options, Method::GetParameter]
        };
        let accepted = preferred.into_iter().find(|method| !self.keepalive.refused.contains(method));
        accepted.unwrap_or(Method::Options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_is_half_the_timeout_or_five_seconds_before_it_and_a_second_at_least() {
        let table =
            [(120, 60_000), (60, 30_000), (15, 7_500), (10, 5_000), (8, 3_000), (6, 1_000), (0, 1_000)];
        for (seconds, expected) in table {
            assert_eq!(period(Duration::from_secs(seconds)), Duration::from_millis(expected), "{seconds}");
        }
        assert_eq!(period(Duration::MAX), Duration::MAX / 2);
    }
}
