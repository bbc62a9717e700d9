//! Back channels: medias that the client sends while it plays (ONVIF Streaming Specification, section 5.3).

use super::command::{Command, Running, Task, Wait};
use super::{Client, ClientEvent, CommandError, State};
use crate::header::BACK_CHANNEL;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{Instant, Tolerance};

/// The state of asking the server for back channels.
#[derive(Debug, Default)]
pub(super) enum BackChannel {
    /// The server is asked, if the application wants them.
    #[default]
    Open,
    /// The server has refused, in this way; the application is told once the request has succeeded without.
    GivenUp(CommandError),
    /// The server has refused, and the application knows.
    Told,
}

impl Client {
    /// The medias that are set up unless others are named: all that the server sends, and its back channels if they are
    /// [wanted](super::ClientConfig::back_channel).
    pub fn default_medias(&self) -> impl Iterator<Item = usize> + '_ {
        let is_wanted = |description: &crate::Description, media: usize| {
            self.config.back_channel || !description.is_back_channel(media)
        };
        let description = self.description().into_iter();
        description.flat_map(move |description| {
            (0..description.medias.len()).filter(move |media| is_wanted(description, *media))
        })
    }

    /// The medias of the description that the client sends while it plays, if back channels are
    /// [wanted](super::ClientConfig::back_channel).
    pub fn back_channels(&self) -> impl Iterator<Item = usize> + '_ {
        self.default_medias().filter(|media| self.is_back_channel(*media))
    }

    pub(super) fn is_back_channel(&self, media: usize) -> bool {
        let description = self.description().filter(|_| self.config.back_channel);
        description.is_some_and(|description| description.is_back_channel(media))
    }

    /// Returns `true` for a media that the client sends, if it is set up now.
    pub(super) fn is_to_be_sent(&self, media: usize) -> bool {
        self.state == State::PreRecord || self.is_back_channel(media)
    }

    /// Adds the feature tag to a request that is about back channels.
    pub(super) fn require_back_channel(&self, command: &Command, request: &mut Request) {
        if self.requires_back_channel(command) {
            request.headers.set(name::REQUIRE, BACK_CHANNEL);
        }
    }

    /// A TEARDOWN, which names the tag if what it ends has a back channel.
    pub(super) fn teardown_request(&self) -> Request {
        let mut request = Request::new(Method::Teardown, self.base().as_request_uri());
        self.require_back_channel(&Command::Teardown, &mut request);
        request
    }

    fn requires_back_channel(&self, command: &Command) -> bool {
        self.config.back_channel
            && matches!(self.back_channel, BackChannel::Open)
            && match command {
                Command::Describe => true,
                Command::Setup(setup) => self.is_back_channel(setup.media),
                Command::Play(_) | Command::Seek(_) | Command::Teardown | Command::Restart(_) => {
                    self.tracks.iter().any(|track| self.is_back_channel(track.media))
                }
                _ => false,
            }
    }

    /// Takes note that a request with the tag is refused. Returns `true` if it is to be sent again without.
    ///
    /// The status for that is 551, but of those that do not know the tag some answer DESCRIBE with another.
    pub(super) fn gives_up_back_channel(&mut self, command: &Command, response: &Response) -> bool {
        let status = response.status;
        let is_refused = match command {
            _ if status == StatusCode::OPTION_NOT_SUPPORTED => true,
            Command::Describe => status.as_u16() >= 400 && status != StatusCode::UNAUTHORIZED,
            _ => false,
        };
        let gives_up = is_refused && self.requires_back_channel(command);
        if gives_up {
            self.back_channel = BackChannel::GivenUp(CommandError::of_response(response));
        }
        gives_up
    }

    /// The same for a DESCRIBE that was not answered in time; the task goes on over another connection.
    pub(super) fn give_up_unanswered(&mut self, task: Task) -> Result<(), Task> {
        if !self.requires_back_channel(&task.command) || !matches!(task.command, Command::Describe) {
            return Err(task);
        }
        self.back_channel = BackChannel::GivenUp(CommandError::Timeout);
        self.restart(None, vec![task]);
        Ok(())
    }

    /// The same for a DESCRIBE whose connection has ended under it, twice or as the first request on it: other servers
    /// have a connection for each request.
    pub(super) fn give_up_disconnected(&mut self) -> Option<Task> {
        let is_refusal = |running: &mut Running| {
            running.wait == Wait::Response
                && matches!(running.task.command, Command::Describe)
                && (running.task.retried || !self.link.has_answered())
        };
        if !self.requires_back_channel(&Command::Describe) {
            return None;
        }
        let running = self.running.take_if(is_refusal)?;
        self.back_channel = BackChannel::GivenUp(CommandError::ConnectionLost);
        let mut task = self.unsent(running);
        task.retried = false;
        Some(task)
    }

    /// Takes back that they were given up, where that may have been for another reason.
    pub(super) fn ask_for_back_channel_again(&mut self) {
        if matches!(self.back_channel, BackChannel::GivenUp(_)) {
            self.back_channel = BackChannel::Open;
        }
    }

    /// Tells that the server has refused back channels, once a request has succeeded without.
    pub(super) fn tell_back_channel_refused(&mut self) {
        if let BackChannel::GivenUp(error) = &mut self.back_channel {
            let error = std::mem::replace(error, CommandError::Closed);
            self.back_channel = BackChannel::Told;
            if error.status() != Some(StatusCode::OPTION_NOT_SUPPORTED) {
                self.tolerances.record(Tolerance::RequireMisunderstood);
            }
            self.event(ClientEvent::BackChannelRefused(error));
        }
    }

    /// Sends the request of a command again, from its beginning.
    pub(super) fn start_again(&mut self, now: Instant, task: Task) {
        let task = self.begun_anew(task);
        self.put_back(task);
        self.advance(now);
    }
}
