//! The session that was lost, which may still live at the server and hold one of its few places.

use super::super::command::{Command, Running, Task, Wait};
use super::super::request::{Asker, Session};
use super::super::{Client, ClientCloseReason};
use crate::Instant;
use crate::url::Url;
use crate::wire::{Method, Request, name};

/// A session that the server was not told the end of.
#[derive(Debug)]
pub(super) struct Former {
    id: Box<str>,
    base: Url,
    /// The server has forgotten it by then. Later its id may be that of somebody else's session.
    until: Instant,
}

impl Client {
    /// Keeps the id of a session that is lost, if the server may still have it.
    pub(super) fn remember_session(&mut self, now: Instant, cause: &ClientCloseReason) {
        let Some(id) = self.session.id().filter(|_| self.session.exists()) else { return };
        if *cause == ClientCloseReason::SessionLost {
            return;
        }
        let until = self.keepalive.answered().unwrap_or(now) + self.session.timeout();
        self.reconnect.former = Some(Former { id: id.into(), base: self.base().clone(), until });
    }

    /// Takes note that the server has heard of the end of the session.
    pub(in super::super) fn forget_former(&mut self) {
        self.reconnect.former = None;
    }

    /// Tears the former session down over a new connection to its server, if it may still live. The answer does not matter.
    pub(in super::super) fn start_bury(&mut self, now: Instant, task: Task) {
        let lives = |former: &Former| now < former.until && former.base.same_origin(&self.url);
        let Some(former) = self.reconnect.former.take().filter(lives) else { return };
        let request = Request::new(Method::Teardown, former.base.as_request_uri())
            .with_header(name::SESSION, former.id);
        self.running = Some(Running::new(task, now, self.teardown_patience(), Wait::Response));
        self.send_request(now, Asker::Command, request);
    }

    /// The answer may name the former session, which is none of the next one.
    pub(in super::super) fn bury_answered(&mut self) {
        self.session = Session::default();
    }

    /// Returns `true` if the server may have a session of the client's that it was not told the end of, and that cannot be named
    /// any more: a former one, or one that a SETUP is about to make.
    pub(in super::super) fn owes_teardown(&self) -> bool {
        let sets_up = |running: &Running| {
            running.wait == Wait::Response && matches!(running.task.command, Command::Setup(_))
        };
        self.reconnect.former.is_some() || self.is_burying() || self.running.as_ref().is_some_and(sets_up)
    }

    /// Returns `true` while a former session is being torn down, behind which servers may close the connection.
    pub(in super::super) fn is_burying(&self) -> bool {
        matches!(&self.running, Some(running) if matches!(running.task.command, Command::Bury))
    }
}
