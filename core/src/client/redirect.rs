//! Redirects: the answer to any request but TEARDOWN, or REDIRECT, which a server may send at any time (RFC 2326, section 10.10).
//!
//! Where nobody answers at the place that a redirect leads to, the client goes back to the first server, once.

use super::command::{Command, Running, Task};
use super::presence::Presence;
use super::{Client, ClientCloseReason, ClientEvent, CommandError, RedirectAttempt, RedirectError, State};
use crate::limits::REDIRECTS_MAX;
use crate::url::{Url, UrlScheme};
use crate::wire::Response;
use crate::{Instant, Tolerance, Tolerances};

/// Where servers have sent the client since it last had what it wanted.
#[derive(Debug)]
pub(super) struct Redirects {
    /// The URL that the application has given.
    first: Url,
    /// Redirects in a row.
    followed: usize,
    /// The server that a redirect has led to has answered nothing so far.
    is_unanswered: bool,
    /// Places of this row at which nobody has answered.
    failed: Vec<RedirectAttempt>,
}

impl Redirects {
    pub(super) fn new(first: Url) -> Self {
        Self { first, followed: 0, is_unanswered: false, failed: Vec::new() }
    }

    /// Goes back to the beginning, as if there had been no redirect.
    pub(super) fn begin_anew(&mut self) -> Url {
        *self = Self::new(self.first.clone());
        self.first.clone()
    }

    /// Ends the row: the client has what it wanted.
    pub(super) fn settle(&mut self) {
        self.followed = 0;
        self.failed.clear();
    }

    /// Takes note that the client goes where a redirect leads.
    pub(super) fn arrive(&mut self) {
        self.is_unanswered = true;
    }

    pub(super) fn handle_response(&mut self) {
        self.is_unanswered = false;
    }
}

impl Client {
    /// Gives a command at another place that was answered with a redirect, once all that was done here is done there.
    pub(super) fn follow(&mut self, now: Instant, task: Task, location: Option<&str>) {
        match self.redirect(location) {
            Err(error) => self.finish(now, task, Err(error)),
            Ok(there) if self.state == State::Record => {
                self.finish(now, task, Err(CommandError::Closed));
                self.close(now, ClientCloseReason::Redirected(Some(there)));
            }
            Ok(there) => {
                let task = self.begun_anew(task);
                let tasks = self.tasks_there(Some(task));
                self.restart(Some(there), tasks);
            }
        }
    }

    /// Takes a redirect, and says where it leads.
    fn redirect(&mut self, location: Option<&str>) -> Result<Url, CommandError> {
        self.count_redirect()?;
        self.resolve(location.ok_or(CommandError::BadLocation)?)
    }

    /// Takes a REDIRECT that has been answered, or the answer to a keepalive that says the same. Playing goes on there, or at
    /// the same URL without a location.
    pub(super) fn handle_redirect(&mut self, now: Instant, location: Option<&str>) {
        if self.is_closing() {
            return;
        }
        if matches!(self.state, State::PreRecord | State::Record) {
            // The readers there need the stream from its beginning, which only the application has.
            let there = location.and_then(|location| self.resolve(location).ok());
            return self.close(now, ClientCloseReason::Redirected(there));
        }
        let mut presences = self.tracks.iter().filter_map(|track| track.presence.as_ref());
        if presences.any(Presence::has_heard) {
            self.redirects.settle();
        }
        let there = self.count_redirect().and_then(|()| match location {
            Some(location) => self.resolve(location),
            None => Ok(self.url.clone()),
        });
        match there {
            Ok(url) => self.begin_again_at(now, url),
            Err(error) => self.close(now, ClientCloseReason::RestartFailed(error)),
        }
    }

    /// Does at another server what was done and is being done at this one.
    fn begin_again_at(&mut self, now: Instant, url: Url) {
        if let Some(Running { task: Task { command: Command::Restart(there), .. }, .. }) = &mut self.running {
            *there = Some(Box::new(url));
            return;
        }
        let running = self.running.take().map(|running| self.unsent(running));
        let tasks = self.tasks_there(running);
        self.restart(Some(url), tasks);
        self.advance(now);
    }

    /// The commands that were done here and are to be done there, and then the one that was not.
    fn tasks_there(&self, next: Option<Task>) -> Vec<Task> {
        let command = next.as_ref().map(|task| &task.command);
        let describes = matches!(command, Some(Command::Describe | Command::Announce(_)));
        let mut tasks =
            if self.presentation.is_some() && !describes { self.setups_again() } else { Vec::new() };
        if self.state == State::Play && !matches!(command, Some(Command::Play(_) | Command::Seek(_))) {
            tasks.push(Task::own(Command::Play(self.playback)));
        }
        tasks.extend(next.filter(|task| !matches!(task.command, Command::Probe)));
        tasks
    }

    /// Returns `true` if a redirect has led here, nothing was answered here, and there is something to be done about that.
    pub(super) fn is_lost(&self) -> bool {
        let redirects = &self.redirects;
        redirects.is_unanswered && (!redirects.failed.is_empty() || !self.url.same_origin(&redirects.first))
    }

    /// Goes back to the first server. If nobody answers there either, the client closes, and says what it has tried.
    ///
    /// Commands that are still to be done wait in the queue.
    pub(super) fn go_back(&mut self, now: Instant, error: RedirectError) {
        let is_first = self.redirects.failed.is_empty();
        let attempt = RedirectAttempt { url: self.url.clone(), error };
        self.redirects.failed.push(attempt.clone());
        if !is_first {
            let failed = std::mem::take(&mut self.redirects.failed);
            return self.close(now, ClientCloseReason::RedirectFailed(failed));
        }
        self.event(ClientEvent::RedirectFailed(attempt));
        self.url = self.redirects.first.clone();
        self.leave();
        self.connect(now);
    }

    fn count_redirect(&mut self) -> Result<(), CommandError> {
        self.redirects.followed = self.redirects.followed.saturating_add(1);
        if self.redirects.followed > REDIRECTS_MAX {
            return Err(CommandError::TooManyRedirects);
        }
        Ok(())
    }

    /// Credentials go along only to the same server; from TLS there is no way to a connection without.
    fn resolve(&mut self, location: &str) -> Result<Url, CommandError> {
        let url = self.url.join(location).map_err(|_| CommandError::BadLocation)?;
        if Url::parse(location).is_err() {
            self.tolerances.record(Tolerance::RelativeLocation);
        }
        if self.url.scheme() == UrlScheme::Rtsps && url.scheme() == UrlScheme::Rtsp {
            return Err(CommandError::Downgrade);
        }
        let keeps_credentials = url.credentials().is_none() && url.same_origin(&self.url);
        Ok(if keeps_credentials { url.with_authority_of(&self.url) } else { url })
    }
}

/// 304 and 300 name no other place; 307 and 308 are HTTP's, and servers send them.
pub(super) fn is_redirect(response: &Response, tolerances: &mut Tolerances) -> bool {
    let is_of_http = matches!(response.status.as_u16(), 307 | 308);
    if is_of_http {
        tolerances.record(Tolerance::HttpRedirect);
    }
    is_of_http || matches!(response.status.as_u16(), 301 | 302 | 303 | 305)
}
