//! TEARDOWN, and every other way in which a client ends.

use std::time::Duration;

use super::command::{Command, Running, Task, Wait};
use super::request::Asker;
use super::{
    Client, ClientCloseReason, ClientEvent, ClientOutput, CommandError, CommandId, ConnectError, Farewell,
    Misuse, RedirectError, Reply, State,
};
use crate::limits::TEARDOWN_DEADLINE;
use crate::tls::TlsError;
use crate::wire::StatusCode;
use crate::{Instant, IoError};

impl Client {
    /// Ends the session and closes the connection.
    ///
    /// It does not wait for its turn: commands that are not done fail. The answer of the server is waited for
    /// [`TEARDOWN_DEADLINE`] at most. It always succeeds, and [`Reply::TornDown`] tells whether the server has heard it.
    ///
    /// # Errors
    ///
    /// If the client is closed, or being closed.
    pub fn teardown(&mut self, now: Instant) -> Result<CommandId, Misuse> {
        if self.is_closing() {
            return Err(Misuse::Closed);
        }
        let otherwise = if self.owes_teardown() { Farewell::Unheard } else { Farewell::NoSession };
        self.fail_all(&CommandError::TornDown);
        let id = self.next_command_id();
        self.is_torn_down = true;
        self.start_teardown(
            now,
            Task { id: Some(id), command: Command::Teardown, retried: false },
            otherwise,
        );
        Ok(id)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.link.is_closed() || self.is_torn_down
    }

    /// Sends TEARDOWN; it is done at once, and comes to `otherwise`, if there is no session that could be named.
    pub(super) fn start_teardown(&mut self, now: Instant, task: Task, otherwise: Farewell) {
        self.say_goodbye(now);
        self.state = State::Initial;
        if self.link.is_up() && self.session.exists() {
            self.request_teardown(now, task);
        } else if self.session.exists() && self.outlives_connection() {
            self.running = Some(Running::new(task, now, self.teardown_patience(), Wait::Connection));
            self.connect_if_due(now);
        } else {
            let farewell = if self.session.exists() { Farewell::Unheard } else { otherwise };
            self.teardown_done(now, task, farewell);
        }
    }

    /// How long the answer to a TEARDOWN is waited for.
    pub(super) fn teardown_patience(&self) -> Duration {
        TEARDOWN_DEADLINE.min(self.config.response_deadline)
    }

    pub(super) fn teardown_answered(&mut self, now: Instant, task: Task, status: StatusCode) {
        let is_over = status.is_success() || status == StatusCode::SESSION_NOT_FOUND;
        self.teardown_done(now, task, if is_over { Farewell::Heard } else { Farewell::Refused(status) });
    }

    pub(super) fn teardown_done(&mut self, now: Instant, task: Task, farewell: Farewell) {
        self.session = super::request::Session::default();
        self.finish(now, task, Ok(Reply::TornDown(farewell)));
        self.close(now, ClientCloseReason::TornDown);
    }

    /// Takes the news that TLS has ended the connection: that is why there is none, if nothing was answered over it.
    ///
    /// A server that refuses the client's certificate mostly says so when its own handshake is done (RFC 8446, section 4.4.2.4).
    pub fn handle_tls_failed(&mut self, now: Instant, error: TlsError) {
        let is_last = self
            .running
            .as_ref()
            .is_some_and(|running| matches!(running.task.command, Command::Restart(_) | Command::Teardown));
        if !self.link.is_up() || self.link.has_answered() || is_last {
            return self.handle_closed(now);
        }
        if let Some(running) = self.running.take() {
            let task = self.unsent(running);
            self.put_back(task);
        }
        self.link.reset();
        self.connection_failed(now, ConnectError::Tls(error));
    }

    /// Takes the news that the connection has ended by an error of the system's.
    pub fn handle_io_failed(&mut self, now: Instant, error: IoError) {
        self.broken = Some(error);
        self.handle_closed(now);
        self.broken = None;
    }

    /// Takes the news that the connection has ended, by either side.
    pub fn handle_closed(&mut self, now: Instant) {
        let is_unsent = self.held.is_some() || self.link.wants_write();
        if self.link.is_closed() || self.link.is_up() {
            self.link.clear();
        }
        if !self.link.is_up() {
            return;
        }
        match self
            .running
            .take_if(|running| matches!(running.task.command, Command::Restart(_) | Command::Teardown))
        {
            // Servers may close as soon as they have read a TEARDOWN.
            Some(running) if matches!(running.task.command, Command::Teardown) => {
                self.link.close();
                let farewell = if is_unsent { Farewell::Unheard } else { Farewell::Closed };
                self.teardown_done(now, running.task, farewell);
            }
            Some(running) => {
                self.link.reset();
                self.forget_former();
                self.restart_answered(now, running.task);
            }
            None if self.is_burying() => {
                self.link.reset();
                self.running = None;
                self.advance(now);
            }
            None if self.is_lost() => {
                self.link.reset();
                if let Some(running) = self.running.take() {
                    let task = self.unsent(running);
                    self.put_back(task);
                }
                self.go_back(now, RedirectError::Closed);
            }
            None => self.connection_lost(now),
        }
    }

    fn connection_lost(&mut self, now: Instant) {
        if let Some(task) = self.give_up_disconnected() {
            self.put_back(task);
            self.lose_connection(now);
        } else if self.outlives_connection() {
            self.lose_connection(now);
        } else {
            self.end_tracks_that_were_left();
            let error = self.broken.take();
            self.close(now, ClientCloseReason::ConnectionLost(error));
        }
    }

    /// Ends what goes on: for good, unless the client is to reconnect.
    pub(super) fn close(&mut self, now: Instant, reason: ClientCloseReason) {
        if self.is_finished || self.begin_to_reconnect(now, &reason) {
            return;
        }
        self.is_finished = true;
        let is_connected = self.link.is_up() && !matches!(reason, ClientCloseReason::ConnectionLost(_));
        if is_connected && self.session.exists() {
            // A server that is not told keeps sending, some even into the next connection (live555 before 2017).
            self.say_goodbye(now);
            let request = self.teardown_request();
            self.send_request(now, Asker::Nobody, request);
        }
        self.datagrams.hurry();
        self.held = None;
        self.fail_all(&CommandError::Closed);
        self.release();
        if is_connected || self.link.is_connecting() {
            self.outputs.push_back(ClientOutput::Disconnect);
        }
        self.link.close();
        self.event(ClientEvent::Closed(reason));
    }

    /// Says that what was sent ends here (RTCP BYE).
    pub(super) fn say_goodbye(&mut self, now: Instant) {
        if !matches!(self.state, State::Play | State::Record) {
            return;
        }
        for track in &mut self.tracks {
            let goodbyes: Vec<_> = track.goodbyes(&self.cname).collect();
            for goodbye in goodbyes {
                track.send_rtcp(now, &mut self.link, &mut self.datagrams, goodbye);
            }
        }
    }
}
