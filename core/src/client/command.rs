//! Commands wait in a queue and run one at a time.

use std::time::Duration;

use bytes::Bytes;

use super::keys::Renewal;
use super::redirect::is_redirect;
use super::request::Asker;
use super::setup::Setup;
use super::table::{self, Verb};
use super::{
    Client, ClientCloseReason, ClientEvent, ClientOutput, CommandError, CommandId, CustomRequest, Farewell,
    Misuse, Playback, RedirectError, Reply, State,
};
use crate::deadline::Doubt;
use crate::description::Description;
use crate::header::Methods;
use crate::limits::COMMANDS_WAITING_MAX;
use crate::url::Url;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{Instant, Tolerance, UdpId};

/// A command, and whose it is.
#[derive(Debug)]
pub(super) struct Task {
    /// `None` if the client gave the command to itself.
    pub(super) id: Option<CommandId>,
    pub(super) command: Command,
    /// Its connection has ended once before it was answered.
    pub(super) retried: bool,
}

#[derive(Debug)]
pub(super) enum Command {
    /// OPTIONS before anything else; how it ends does not matter.
    Probe,
    Options,
    Describe,
    Announce(Box<Description>),
    Setup(Setup),
    Play(Playback),
    /// PAUSE where it plays, and then PLAY.
    Seek(Playback),
    Pause,
    Record,
    GetParameter(Bytes),
    SetParameter(Bytes),
    /// SET_PARAMETER with another key for a media.
    #[cfg_attr(not(feature = "srtp"), expect(dead_code, reason = "there are no keys"))]
    Renew(Box<Renewal>),
    /// A request of the application's own.
    Custom(Box<CustomRequest>),
    /// TEARDOWN and another connection, to begin again there or at another server.
    Restart(Option<Box<Url>>),
    /// TEARDOWN of the session that was lost before.
    Bury,
    /// TEARDOWN for good.
    Teardown,
}

/// The command that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) task: Task,
    deadline: Instant,
    doubt: Doubt,
    pub(super) wait: Wait,
}

impl Running {
    pub(super) fn new(task: Task, now: Instant, patience: Duration, wait: Wait) -> Self {
        Self { task, deadline: now + patience, doubt: Doubt::within(patience), wait }
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.doubt.look_at(self.deadline)
    }
}

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Wait {
    Response,
    Udp(UdpId),
    /// For the connection that its request is sent over.
    Connection,
    /// For the last answers to leave, before the connection is given up.
    Written,
}

impl Task {
    /// A command that the client gives to itself.
    pub(super) fn own(command: Command) -> Self {
        Self { id: None, command, retried: false }
    }
}

impl Command {
    fn verb(&self) -> Verb {
        match self {
            Self::Probe
            | Self::Options
            | Self::GetParameter(_)
            | Self::SetParameter(_)
            | Self::Renew(_)
            | Self::Custom(_)
            | Self::Bury => Verb::Ask,
            Self::Describe => Verb::Describe,
            Self::Announce(_) => Verb::Announce,
            Self::Setup(_) => Verb::Setup,
            Self::Play(_) => Verb::Play,
            Self::Seek(_) => Verb::Seek,
            Self::Pause => Verb::Pause,
            Self::Record => Verb::Record,
            Self::Restart(_) | Self::Teardown => Verb::Teardown,
        }
    }

    /// Returns `true` if it may run again, because it does the same each time.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(
            self,
            Self::Options
                | Self::Describe
                | Self::Announce(_)
                | Self::Setup(_)
                | Self::Play(_)
                | Self::Seek(_)
                | Self::Record
        )
    }

    /// Returns `true` if the command has to know what the server can do.
    fn needs_probe(&self) -> bool {
        !matches!(self, Self::Probe | Self::Options | Self::Restart(_) | Self::Bury | Self::Teardown)
    }
}

impl Client {
    /// Takes a command of the application.
    pub(super) fn command(&mut self, now: Instant, command: Command) -> Result<CommandId, Misuse> {
        if self.is_closing() {
            return Err(Misuse::Closed);
        }
        if self.queue.len().saturating_add(self.outputs.len()) >= COMMANDS_WAITING_MAX {
            return Err(Misuse::TooMany);
        }
        let state = self.planned().fold(self.state, |state, command| state.after(command.verb()));
        table::next(state, command.verb()).ok_or(Misuse::State(state))?;
        match &command {
            Command::Setup(setup) => self.check_setup(setup.media)?,
            Command::Record if self.tracks.is_empty() && self.planned_setups().next().is_none() => {
                return Err(Misuse::NothingSetUp);
            }
            Command::Play(playback) | Command::Seek(playback) if !playback.has_sound_rates() => {
                return Err(Misuse::Rate);
            }
            _ => {}
        }
        let id = self.next_command_id();
        self.queue.push_back(Task { id: Some(id), command, retried: false });
        self.advance(now);
        Ok(id)
    }

    pub(super) fn next_command_id(&mut self) -> CommandId {
        self.commands = self.commands.wrapping_add(1);
        CommandId(self.commands)
    }

    /// Runs what can run.
    pub(super) fn advance(&mut self, now: Instant) {
        self.check_reconnected(now);
        self.run_what_waits(now);
        // Commands that fail at once may have been the last.
        self.check_reconnected(now);
    }

    fn run_what_waits(&mut self, now: Instant) {
        while self.running.is_none() && !self.link.is_closed() {
            if self.queue.is_empty() {
                // The first datagram may have been waited for long enough while something else ran.
                self.check_silence(now);
            }
            let Some(task) = self.queue.pop_front() else { return };
            if !self.link.is_up() && !matches!(task.command, Command::Restart(_)) {
                self.queue.push_front(task);
                self.connect_if_due(now);
                return self.look_at_silence(now);
            }
            if task.command.needs_probe() && !self.probed {
                self.queue.push_front(task);
                self.start(now, Task::own(Command::Probe));
            } else if table::next(self.state, task.command.verb()).is_none() {
                self.finish(now, task, Err(CommandError::State(self.state)));
            } else {
                self.start(now, task);
            }
        }
    }

    fn start(&mut self, now: Instant, task: Task) {
        match &task.command {
            Command::Probe | Command::Options => {
                self.probed = true;
                let request = Request::new(Method::Options, self.url.as_request_uri());
                self.run(now, task, request);
            }
            Command::Describe => self.start_describe(now, task),
            Command::Announce(_) => self.start_announce(now, task),
            Command::Setup(_) => self.start_setup(now, task),
            Command::Play(_) => self.start_play(now, task),
            Command::Seek(_) => self.start_seek(now, task),
            Command::Pause => {
                let request = Request::new(Method::Pause, self.base().as_request_uri());
                self.run(now, task, request);
            }
            Command::Record => self.start_record(now, task),
            Command::GetParameter(body) => {
                let request =
                    with_parameters(Request::new(Method::GetParameter, self.base().as_request_uri()), body);
                self.run(now, task, request);
            }
            Command::SetParameter(body) => {
                let request =
                    with_parameters(Request::new(Method::SetParameter, self.base().as_request_uri()), body);
                self.run(now, task, request);
            }
            Command::Renew(_) => self.start_renewal(now, task),
            Command::Custom(custom) => {
                let custom = custom.clone();
                self.start_custom(now, task, &custom);
            }
            Command::Restart(_) => self.start_restart(now, task),
            Command::Bury => self.start_bury(now, task),
            Command::Teardown => self.start_teardown(now, task, Farewell::NoSession),
        }
    }

    /// Sends the request of a command, which waits for the response from here on.
    pub(super) fn run(&mut self, now: Instant, task: Task, mut request: Request) {
        self.require_back_channel(&task.command, &mut request);
        self.require_replay(&task.command, &mut request);
        let patience = match task.command {
            Command::Describe => self.config.describe_deadline,
            _ => self.config.response_deadline,
        };
        self.running = Some(Running::new(task, now, patience, Wait::Response));
        self.send_request(now, Asker::Command, request);
    }

    /// Takes the response to the command that runs.
    pub(super) fn command_answered(&mut self, now: Instant, response: Response) {
        let Some(Running { task, .. }) = self.running.take() else { return };
        let status = response.status;
        if self.gives_up_back_channel(&task.command, &response) {
            return self.start_again(now, task);
        }
        if !matches!(task.command, Command::Restart(_) | Command::Teardown)
            && is_redirect(&response, &mut self.tolerances)
        {
            self.follow(now, task, response.headers.get(name::LOCATION));
            return self.advance(now);
        }
        match &task.command {
            Command::Probe | Command::Options => {
                let is_refused = is_options_refused(response.status);
                if is_refused {
                    self.tolerances.record(Tolerance::OptionsRefused);
                }
                let accepted = if is_refused { Ok(()) } else { accepted(&response) };
                let result = accepted.map(|()| Reply::Options(self.read_methods(&response)));
                self.finish(now, task, result);
            }
            Command::Describe => self.describe_answered(now, task, &response),
            Command::Announce(_) => self.announce_answered(now, task, &response),
            Command::Setup(_) => self.setup_answered(now, task, &response),
            Command::Play(_) => self.play_answered(now, task, &response),
            Command::Seek(_) => self.seek_answered(now, task, &response),
            Command::Pause => {
                let result = accepted(&response).map(|()| Reply::Paused);
                if result.is_ok() {
                    self.enter_pause();
                }
                self.finish(now, task, result);
            }
            Command::Record => self.record_answered(now, task, &response),
            Command::GetParameter(_) | Command::SetParameter(_) => {
                let result = accepted(&response).map(|()| Reply::Body(response.body));
                self.finish(now, task, result);
            }
            Command::Renew(_) => self.renewal_answered(task, &response),
            Command::Custom(_) => self.finish(now, task, Ok(Reply::Response(response))),
            Command::Restart(_) => {
                self.forget_former();
                self.restart_answered(now, task);
            }
            Command::Bury => self.bury_answered(),
            Command::Teardown => self.teardown_answered(now, task, status),
        }
        let is_under_way = matches!(self.state, State::Play | State::Record) && !self.is_leaving();
        if is_under_way && status == StatusCode::SESSION_NOT_FOUND {
            self.session_denied(now, None);
        }
        self.advance(now);
    }

    /// Ends the command whose response has not come in time.
    pub(super) fn expire_command(&mut self, now: Instant) {
        let Some(running) = self.running.take_if(|running| running.doubt.is_over(now, running.deadline))
        else {
            return;
        };
        let task = self.abandon(running);
        match task.command {
            Command::Restart(_) => self.restart_answered(now, task),
            Command::Bury => {}
            Command::Teardown => self.teardown_done(now, task, Farewell::Unheard),
            _ if self.is_lost() => {
                self.put_back(task);
                self.go_back(now, RedirectError::Silent);
            }
            _ => match self.give_up_unanswered(task) {
                Ok(()) => {}
                Err(task) if self.may_reconnect() && task.command.is_repeatable() => {
                    self.put_back(task);
                    self.close(now, ClientCloseReason::Silence);
                }
                Err(task) => self.finish(now, task, Err(CommandError::Timeout)),
            },
        }
    }

    /// Tells how a command ended.
    pub(super) fn finish(&mut self, now: Instant, task: Task, result: Result<Reply, CommandError>) {
        let mut is_left_out = false;
        if let (Command::Setup(setup), Err(error)) = (&task.command, &result) {
            self.take_back(setup);
            self.leave_out(setup.media, error);
            is_left_out = !self.tracks.is_empty() || self.planned_setups().next().is_some();
        }
        if let (Command::Setup(setup), Ok(_)) = (&task.command, &result) {
            self.want(setup.media);
        }
        let result = match result {
            Err(CommandError::Unauthorized(demand)) => Err(self.refused(demand)),
            result => result,
        };
        match (task.id, result) {
            (Some(id), result) => {
                if result.is_ok() {
                    // Commands of the client's own count on, so that a server that always sends it elsewhere ends it.
                    self.redirects.settle();
                }
                self.event(ClientEvent::Done(id, result));
            }
            (None, Err(error))
                if !is_left_out && !matches!(task.command, Command::Probe | Command::Renew(_)) =>
            {
                if !matches!(task.command, Command::Setup(_)) {
                    // It tells where the client was about to come, should it reconnect.
                    self.put_back(task);
                }
                self.close(now, ClientCloseReason::RestartFailed(error));
            }
            (None, _) => {}
        }
    }

    /// Fails the command that runs and all that wait.
    pub(super) fn fail_all(&mut self, error: &CommandError) {
        let running = self.running.take().map(|running| self.abandon(running));
        for task in running.into_iter().chain(std::mem::take(&mut self.queue)) {
            if let Command::Setup(setup) = &task.command {
                self.take_back(setup);
            }
            if let Some(id) = task.id {
                self.event(ClientEvent::Done(id, Err(error.clone())));
            }
        }
    }

    /// Waits no longer for a command that runs, so that it may run again from its beginning.
    pub(super) fn unsent(&mut self, running: Running) -> Task {
        let task = self.abandon(running);
        self.begun_anew(task)
    }

    /// Takes back what a command has done so far.
    pub(super) fn begun_anew(&mut self, mut task: Task) -> Task {
        match &mut task.command {
            Command::Setup(setup) => {
                self.take_back(setup);
                *setup = Setup::new(setup.media);
            }
            Command::Play(playback) if self.state == State::Play => task.command = Command::Seek(*playback),
            _ => {}
        }
        task
    }

    /// Has a command run before those that wait; OPTIONS comes before it by itself.
    pub(super) fn put_back(&mut self, task: Task) {
        if !matches!(task.command, Command::Probe) {
            self.queue.push_front(task);
        }
    }

    /// Has commands run before those that wait.
    pub(super) fn put_in_front(&mut self, tasks: Vec<Task>) {
        for task in tasks.into_iter().rev() {
            self.queue.push_front(task);
        }
    }

    /// Waits no longer.
    pub(super) fn abandon(&mut self, running: Running) -> Task {
        match running.wait {
            Wait::Response | Wait::Connection | Wait::Written => self.requests.forget_command(),
            Wait::Udp(id) => self.outputs.push_back(ClientOutput::CloseUdp(id)),
        }
        running.task
    }

    pub(super) fn event(&mut self, event: ClientEvent) {
        self.outputs.push_back(ClientOutput::Event(event));
    }

    /// The commands that run and wait, in order.
    pub(super) fn planned(&self) -> impl Iterator<Item = &Command> {
        let running = self.running.iter().map(|running| &running.task);
        running.chain(&self.queue).map(|task| &task.command)
    }

    /// Returns `true` while a PAUSE is not answered, behind which servers leave out what they are sent.
    pub(super) fn is_pausing(&self) -> bool {
        let running = self.running.as_ref().map(|running| &running.task.command);
        matches!(running, Some(Command::Pause | Command::Seek(_)))
    }

    /// Returns `true` while the running command is a PLAY: packets may come before its response.
    pub(super) fn awaits_play(&self) -> bool {
        matches!(&self.running, Some(running) if matches!(running.task.command, Command::Play(_)))
    }

    fn read_methods(&mut self, response: &Response) -> Methods {
        let mut methods = Methods::default();
        for value in response.headers.get_all(name::PUBLIC) {
            methods.extend(Methods::parse(value, &mut self.tolerances));
        }
        self.methods = Some(methods.clone());
        methods
    }
}

fn with_parameters(request: Request, body: &Bytes) -> Request {
    if body.is_empty() { request } else { request.with_body("text/parameters", body.clone()) }
}

/// Returns `true` if a server may refuse only OPTIONS with this status. Other requests then show what it can do.
fn is_options_refused(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 404 | 405 | 451 | 454 | 455 | 501 | 551)
}

/// Returns an error unless the response is a success.
pub(super) fn accepted(response: &Response) -> Result<(), CommandError> {
    match response.status {
        status if status.is_success() => Ok(()),
        _ => Err(CommandError::of_response(response)),
    }
}
