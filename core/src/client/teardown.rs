//! TEARDOWN, and every other way in which a client ends.

use super::command::{Command, Running, Task, Wait};
use super::request::Asker;
use super::{
    Client, ClientCloseReason, ClientEvent, ClientOutput, CommandError, CommandId, Misuse, RedirectError,
    Reply, State,
};
use crate::Instant;
use crate::limits::TEARDOWN_DEADLINE;

impl Client {
    /// Ends the session and closes the connection.
    ///
    /// It does not wait for its turn: commands that are not done fail. The answer of the server is waited for
    /// [`TEARDOWN_DEADLINE`] at most.
    ///
    /// # Errors
    ///
    /// If the client is closed, or being closed.
    pub fn teardown(&mut self, now: Instant) -> Result<CommandId, Misuse> {
        if self.is_closing() {
            return Err(Misuse::Closed);
        }
        self.fail_all(&CommandError::TornDown);
        let id = self.next_command_id();
        self.is_torn_down = true;
        self.start_teardown(now, Task { id: Some(id), command: Command::Teardown, retried: false });
        Ok(id)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.link.is_closed() || self.is_torn_down
    }

    pub(super) fn start_teardown(&mut self, now: Instant, task: Task) {
        self.say_goodbye(now);
        self.state = State::Initial;
        if self.link.is_up() && self.session.exists() {
            self.request_teardown(now, task);
        } else if self.session.exists() && self.outlives_connection() {
            let deadline = now + TEARDOWN_DEADLINE.min(self.config.response_deadline);
            self.running = Some(Running::new(task, deadline, Wait::Connection));
            self.connect_if_due(now);
        } else {
            self.teardown_answered(now, task);
        }
    }

    pub(super) fn teardown_answered(&mut self, now: Instant, task: Task) {
        self.session = super::request::Session::default();
        self.finish(now, task, Ok(Reply::TornDown));
        self.close(now, ClientCloseReason::TornDown);
    }

    /// Takes the news that the connection has ended, by either side or by an error.
    pub fn handle_closed(&mut self, now: Instant) {
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
                self.teardown_answered(now, running.task);
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
            self.close(now, ClientCloseReason::ConnectionLost);
        }
    }

    /// Ends what goes on: for good, unless the client is to reconnect.
    pub(super) fn close(&mut self, now: Instant, reason: ClientCloseReason) {
        if self.is_finished || self.begin_to_reconnect(now, &reason) {
            return;
        }
        self.is_finished = true;
        let was_connected = self.link.is_up();
        if was_connected && self.session.exists() && reason != ClientCloseReason::ConnectionLost {
            // A server that is not told keeps sending, some even into the next connection (live555 before 2017).
            self.say_goodbye(now);
            let request = self.teardown_request();
            self.send_request(now, Asker::Nobody, request);
        }
        self.datagrams.hurry();
        self.held = None;
        self.fail_all(&CommandError::Closed);
        self.release();
        if (was_connected && reason != ClientCloseReason::ConnectionLost) || self.link.is_connecting() {
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
