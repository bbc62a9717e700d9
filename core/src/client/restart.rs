//! Beginning again: over another transport, or at the server that a redirect names.

use std::collections::BTreeSet;

use super::back_channel::BackChannel;
use super::command::{Command, Running, Task, Wait};
use super::keepalive::Keepalive;
use super::request::{Asker, Requests, Session};
use super::setup::Setup;
use super::switch::Fallback;
use super::{Client, ClientEvent, ClientOutput, State};
use crate::url::Url;
use crate::{Instant, UdpId};

impl Client {
    /// Leaves the session and the connection, goes to `url`, and runs `tasks` there before all that waits.
    pub(super) fn restart(&mut self, url: Option<Url>, tasks: Vec<Task>) {
        self.put_in_front(tasks);
        self.reconnect_at = None;
        self.queue.push_front(Task::own(Command::Restart(url.map(Box::new))));
    }

    /// DESCRIBE, or ANNOUNCE, and the SETUP of all that is set up.
    pub(super) fn setups_again(&self) -> Vec<Task> {
        let announced = self.presentation.as_ref().filter(|_| self.state == State::PreRecord);
        let before = match announced {
            Some(presentation) => Command::Announce(Box::new(presentation.description.clone())),
            None => Command::Describe,
        };
        let setups = self.tracks.iter().map(|track| Command::Setup(Setup::new(track.media)));
        std::iter::once(before).chain(setups).map(Task::own).collect()
    }

    /// Returns `true` while the client ends its session, to begin anew or for good.
    pub(super) fn is_leaving(&self) -> bool {
        let running = self.running.as_ref().map(|running| &running.task.command);
        matches!(running, Some(Command::Restart(_) | Command::Teardown))
    }

    pub(super) fn start_restart(&mut self, now: Instant, task: Task) {
        if self.link.is_up() && self.session.exists() {
            self.request_teardown(now, task);
        } else if self.link.wants_write() {
            self.running = Some(Running::new(task, now, self.teardown_patience(), Wait::Written));
        } else {
            self.restart_answered(now, task);
        }
    }

    /// Sends TEARDOWN. Its answer is waited for only so long, and how it reads does not matter.
    pub(super) fn request_teardown(&mut self, now: Instant, task: Task) {
        let request = self.teardown_request();
        self.running = Some(Running::new(task, now, self.teardown_patience(), Wait::Response));
        self.send_request(now, Asker::Command, request);
    }

    pub(super) fn restart_answered(&mut self, now: Instant, task: Task) {
        let Command::Restart(url) = task.command else { return };
        if let Some(url) = url {
            self.event(ClientEvent::Redirected((*url).clone()));
            self.redirects.arrive();
            self.fallback = Fallback::default();
            self.back_channel = BackChannel::default();
            self.url = *url;
        }
        self.leave();
        self.connect_if_due(now);
    }

    /// Gives up the connection, and all that was agreed on it.
    pub(super) fn leave(&mut self) {
        if self.link.is_up() || self.link.is_connecting() {
            self.outputs.push_back(ClientOutput::Disconnect);
        }
        self.release();
        self.keep_counts();
        self.tracks.clear();
        self.link.reset();
    }

    /// Closes the sockets and forgets the session.
    pub(super) fn release(&mut self) {
        let sockets: BTreeSet<UdpId> = self.tracks.iter().filter_map(|track| track.path.udp_id()).collect();
        for id in sockets {
            self.outputs.push_back(ClientOutput::CloseUdp(id));
        }
        self.stop_media();
        self.session = Session::default();
        self.requests = Requests::new(self.config.cseq);
        self.keepalive = Keepalive::default();
        self.state = State::Initial;
        self.probed = false;
        self.has_played = false;
    }

    pub(super) fn connect(&mut self, now: Instant) {
        let deadline = now + self.config.connect_deadline;
        self.link.connect(now, self.config.connect_deadline);
        self.outputs.push_back(ClientOutput::Connect {
            host: self.url.host().to_owned(),
            port: self.url.port(),
            secure: self.url.is_secure(),
            tunnel: self.url.tunnel(),
            target: self.url.target(),
            deadline,
        });
    }
}
