//! From UDP to TCP where UDP does not work, and back where TCP does not either.

use super::command::{Command, Task};
use super::setup::Setup;
use super::{Client, ClientEvent, SwitchReason};
use crate::header::Lower;
use crate::wire::{Response, StatusCode};

/// The state of UDP at a server where TCP may take its place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Fallback {
    /// It is used, or TCP was to be had as soon as it was asked for.
    #[default]
    Open,
    /// Nothing came over it, so TCP is asked for.
    Asked,
    /// Nothing came over it and the server refuses TCP, so it stays.
    Refused(StatusCode),
}

impl Client {
    /// Returns `true` if the client may still go over to TCP by itself, before anything is set up.
    pub(super) fn may_switch(&self) -> bool {
        self.lower == Lower::Udp && self.may_leave_udp() && self.tracks.is_empty()
    }

    /// Returns `true` if TCP takes the place of UDP when nothing comes.
    pub(super) fn may_leave_udp(&self) -> bool {
        self.config.transports.fall_back_to_tcp() && !matches!(self.fallback, Fallback::Refused(_))
    }

    /// How the server refused TCP after nothing had come over UDP.
    pub(super) fn tcp_refused(&self) -> Option<StatusCode> {
        match self.fallback {
            Fallback::Refused(status) => Some(status),
            Fallback::Open | Fallback::Asked => None,
        }
    }

    /// Asks for TCP on the same connection, where nothing is set up yet.
    pub(super) fn switch_at_once(&mut self, reason: SwitchReason, task: Task) {
        self.tell_switched(reason);
        self.set_up_over(Lower::Tcp, task);
    }

    /// Sets a media up over TCP, on another connection and after another DESCRIBE, which some Hikvision cameras need.
    pub(super) fn switch_by_restart(&mut self, reason: SwitchReason, setup: Task) {
        let mut tasks = self.setups_again();
        tasks.push(setup);
        self.switch(reason, tasks);
    }

    /// Plays again over TCP, as it was played before over UDP, where nothing has come.
    pub(super) fn play_over_tcp(&mut self) {
        self.fallback = Fallback::Asked;
        let mut tasks = self.setups_again();
        tasks.push(Task::own(Command::Play(self.playback)));
        self.switch(SwitchReason::NothingHeard, tasks);
    }

    /// The status with which the server refuses TCP, if the client has left UDP for it and can go back.
    pub(super) fn refuses_tcp(&self, response: &Response) -> Option<StatusCode> {
        let has_left_udp = matches!(self.fallback, Fallback::Asked) && self.lower == Lower::Tcp;
        let is_refused = response.status == StatusCode::UNSUPPORTED_TRANSPORT;
        (has_left_udp && is_refused && self.tracks.is_empty()).then_some(response.status)
    }

    /// Sets up over UDP again, and for good.
    pub(super) fn return_to_udp(&mut self, status: StatusCode, task: Task) {
        self.fallback = Fallback::Refused(status);
        self.switched = None;
        self.event(ClientEvent::TcpRefused(status));
        self.set_up_over(Lower::Udp, task);
    }

    fn switch(&mut self, reason: SwitchReason, tasks: Vec<Task>) {
        self.lower = Lower::Tcp;
        self.tell_switched(reason);
        self.restart(None, tasks);
    }

    fn tell_switched(&mut self, reason: SwitchReason) {
        self.switched = Some(reason);
        self.event(ClientEvent::TransportSwitched(reason));
    }

    fn set_up_over(&mut self, lower: Lower, mut task: Task) {
        if let Command::Setup(setup) = &mut task.command {
            self.take_back(setup);
            *setup = Setup::new(setup.media);
        }
        self.lower = lower;
        self.queue.push_front(task);
    }
}
