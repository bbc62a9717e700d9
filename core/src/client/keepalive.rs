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
    /// Answered that there is no such session, while media came all the same.
    doubted: Option<Method>,
    /// When the first was sent since the last that was answered.
    sent: Option<Instant>,
    /// The server plays on and answers none.
    is_mute: bool,
    /// When the server has answered a request.
    answered: Option<Instant>,
}

impl Keepalive {
    /// Starts the period again: any request keeps the session alive.
    pub(super) fn put_off(&mut self, now: Instant, session_timeout: Duration) {
        self.due = Some(now + period(session_timeout));
    }

    /// Ends the period sooner if the session would not live as long.
    pub(super) fn bring_forward(&mut self, now: Instant, session_timeout: Duration) {
        self.due = self.due.map(|due| due.min(now + period(session_timeout)));
    }

    /// Has one leave as soon as there is a connection.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = Some(now);
    }

    pub(super) fn handle_answer(&mut self, now: Instant) {
        self.answered = Some(now);
    }

    /// When the server has answered a request.
    pub(super) fn answered(&self) -> Option<Instant> {
        self.answered
    }

    /// Returns `true` if the server answers no keepalive, though it is there.
    pub(super) fn is_mute(&self) -> bool {
        self.is_mute
    }

    /// No answer to the last one comes any more.
    pub(super) fn forget(&mut self) {
        self.sent = None;
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
            && !self.link.is_connecting()
            && !self.is_leaving()
            && self.config.keepalive != KeepalivePolicy::Never;
        let due = self.keepalive.due.filter(|_| is_on)?;
        Some(self.reconnect_at.map_or(due, |at| due.max(at)))
    }

    /// Asks the server at once whether it is there.
    pub(super) fn keepalive_now(&mut self, now: Instant) {
        self.keepalive.due = Some(now);
        self.send_keepalive(now);
    }

    pub(super) fn send_keepalive(&mut self, now: Instant) {
        if self.keepalive_deadline().is_none_or(|due| due > now) {
            return;
        }
        if !self.link.is_up() {
            return self.connect_if_due(now);
        }
        let method = self.keepalive_method(now);
        // Cameras that never answer one must not make the wait for the others longer.
        self.requests.forget_keepalives();
        let was_ignored = |sent: Instant| now >= sent + self.config.response_deadline;
        if self.keepalive.sent.is_some_and(|sent| was_ignored(sent) && self.liveness.has_heard_since(sent)) {
            self.keepalive.is_mute = true;
            self.tolerances.record(Tolerance::KeepaliveUnanswered);
        }
        if !self.is_holding_up() {
            self.keepalive.sent.get_or_insert(now);
        }
        let request = Request::new(method.clone(), self.base().as_request_uri());
        self.send_request(now, Asker::Keepalive(method), request);
    }

    pub(super) fn keepalive_answered(&mut self, now: Instant, method: Method, status: StatusCode) {
        (self.keepalive.sent, self.keepalive.is_mute) = (None, false);
        if status.is_success() {
            // The next one is due a period after this one was sent: the server has heard it before it has answered.
            return;
        }
        if status == StatusCode::SESSION_NOT_FOUND {
            self.session_denied(now, Some(method));
        } else {
            self.keepalive_refused(now, method);
        }
    }

    /// Takes note that the server has denied the session that it plays on.
    pub(super) fn keepalive_denied(&mut self, now: Instant, method: Method) {
        self.keepalive.doubted = Some(method.clone());
        self.keepalive_refused(now, method);
    }

    fn keepalive_refused(&mut self, now: Instant, method: Method) {
        self.tolerances.record(Tolerance::KeepaliveRefused);
        if self.keepalive.refused.contains(&method) {
            return;
        }
        self.keepalive.refused.push(method);
        if !self.keepalive.refused.contains(&self.keepalive_method(now)) {
            // The session may not live until the next one is due.
            self.keepalive.due = Some(now);
            self.send_keepalive(now);
        }
    }

    fn keepalive_method(&self, now: Instant) -> Method {
        // Servers answer OPTIONS whether they know the session or not.
        if let Some(doubted) = self.keepalive.doubted.clone().filter(|_| !self.hears_media(now)) {
            return doubted;
        }
        let lists = |method: &Method| self.methods.as_ref().is_some_and(|methods| methods.contains(method));
        let preferred = if lists(&Method::GetParameter) {
            [Method::GetParameter, Method::Options]
        } else {
            [Method::Options, Method::GetParameter]
        };
        let own = match &self.config.keepalive {
            KeepalivePolicy::Method(method) => Some(method.clone()),
            KeepalivePolicy::Automatic | KeepalivePolicy::Never => None,
        };
        let mut methods = own.clone().into_iter().chain(preferred);
        let accepted = methods.find(|method| !self.keepalive.refused.contains(method));
        accepted.or(own).unwrap_or(Method::Options)
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
