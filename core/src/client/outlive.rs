//! Sessions that go on without their connection: a session over UDP, and the set-up of one with servers that keep a connection
//! for each request. The next request connects again.

use super::command::{Running, Wait};
use super::{
    Client, ClientCloseReason, ClientEvent, ClientOutput, CommandError, ConnectError, Farewell,
    RedirectError, State,
};
use crate::header::Lower;
use crate::limits::{COMMANDS_WAITING_MAX, RECONNECT_PERIOD};
use crate::{Instant, Tolerance};

impl Client {
    /// Returns `true` if the end of the connection does not end the session, or ends nothing at all.
    pub(super) fn outlives_connection(&self) -> bool {
        if self.session.exists() {
            return self.lower == Lower::Udp && !self.tracks.is_empty() && !self.was_left();
        }
        // A session over TCP begins and ends with its connection; one that has answered nothing would not do so the next
        // time either.
        let is_bound = self.lower == Lower::Tcp && self.planned_setups().next().is_some();
        self.link.has_answered() && !is_bound && (self.state == State::Initial || self.lower == Lower::Udp)
    }

    pub(super) fn lose_connection(&mut self, now: Instant) {
        let answers = self.link.answers();
        self.link.reset();
        self.held = None;
        self.requests.forget_all();
        self.keepalive.forget();
        if answers > 0 {
            self.liveness.handle_heard(now);
        }
        if !matches!(self.state, State::Play | State::Record) {
            self.tolerances.record(Tolerance::ConnectionPerRequest);
        } else if self.session.exists() {
            self.ask_for_session(now, answers);
        }
        if self.session.exists() {
            self.event(ClientEvent::Disconnected);
        }
        if let Some(running) = self.running.take() {
            self.retry(now, running);
        }
        self.advance(now);
        self.look_at_silence(now);
    }

    /// Asks over another connection if there is still a session, because a server that restarts closes its connections.
    ///
    /// Some servers close each connection behind its one answer. They are asked when a keepalive is due, or the media is
    /// silent.
    fn ask_for_session(&mut self, now: Instant, answers: u32) {
        if answers == 1 {
            return;
        }
        if answers == 0 {
            // It takes connections, and answers nothing.
            self.reconnect_at = Some(now + RECONNECT_PERIOD);
        }
        self.keepalive.hurry(now);
        self.send_keepalive(now);
    }

    /// Gives the session up, because there is neither a connection nor media.
    pub(super) fn lose_session(&mut self, now: Instant) {
        if self.link.is_connecting() {
            self.outputs.push_back(ClientOutput::Disconnect);
        }
        self.link.reset();
        let error = self.broken.take();
        self.close(now, ClientCloseReason::ConnectionLost(error));
    }

    /// Has the command that ran run once more: the server may not have read its request.
    fn retry(&mut self, now: Instant, running: Running) {
        let mut task = self.unsent(running);
        if !std::mem::replace(&mut task.retried, true) {
            self.queue.push_front(task);
        } else if self.may_reconnect() && task.command.is_repeatable() {
            self.queue.push_front(task);
            let error = self.broken.take();
            self.close(now, ClientCloseReason::ConnectionLost(error));
        } else {
            self.finish(now, task, Err(CommandError::ConnectionLost));
        }
    }

    /// Takes note that there is no connection; a session over UDP tries again as long as the server keeps it.
    pub(super) fn connection_failed(&mut self, now: Instant, error: ConnectError) {
        if let Some(running) = self.running.take_if(|running| running.wait == Wait::Connection) {
            return self.teardown_done(now, running.task, Farewell::Unheard);
        }
        let next = now + RECONNECT_PERIOD;
        let is_kept = self.keepalive.answered().is_some_and(|at| next < at + self.session.timeout());
        if self.session.exists() && self.outlives_connection() && is_kept {
            self.link.reset();
            self.reconnect_at = Some(next);
        } else if self.is_lost() {
            self.link.reset();
            self.go_back(now, RedirectError::Connect(error));
        } else {
            self.close(now, ClientCloseReason::Connect(error));
        }
    }

    /// Connects, unless that has just failed.
    pub(super) fn connect_if_due(&mut self, now: Instant) {
        if !self.link.is_idle() || self.reconnect_at.is_some_and(|at| at > now) {
            return;
        }
        if self.outputs.len() >= COMMANDS_WAITING_MAX {
            // Nobody does what is asked for.
            self.reconnect_at = Some(now + RECONNECT_PERIOD);
            return;
        }
        self.reconnect_at = None;
        self.connect(now);
    }

    /// When a connection is tried again that something waits for.
    pub(super) fn reconnect_deadline(&self) -> Option<Instant> {
        self.reconnect_at.filter(|_| self.link.is_idle() && !self.queue.is_empty())
    }
}
