//! From where and how fast is played, and going elsewhere while it plays.

use std::time::Duration;

use super::command::{Command, Task, accepted};
use super::{Client, State};
use crate::Instant;
use crate::header::{NptTime, ONVIF_REPLAY, Range, Replay, is_scale, is_speed};
use crate::wire::{Method, Request, Response, StatusCode, name};

/// The range to be played, and how fast (RFC 2326, sections 10.5 and 12.29).
///
/// Without a range it is the whole stream, or the rest of what was paused.
///
/// ```
/// use std::time::Duration;
///
/// use rtspan_core::client::Playback;
/// use rtspan_core::header::Range;
///
/// let minute = Duration::from_secs(60);
/// let twice_as_fast = Playback::new().range(Range::from_npt(minute)).scale(2.0);
/// assert_eq!(Playback::from(Range::from_npt(minute)).scale(2.0), twice_as_fast);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Playback {
    pub(super) range: Option<Range>,
    scale: Option<f32>,
    speed: Option<f32>,
    replay: Option<Replay>,
}

impl Playback {
    /// All of it, as fast as it was recorded.
    pub const fn new() -> Self {
        Self { range: None, scale: None, speed: None, replay: None }
    }

    /// From where to where: in normal play time, which may begin [`Now`](crate::header::NptTime::Now), by the wall clock or
    /// by SMPTE time codes.
    #[must_use]
    pub const fn range(mut self, range: Range) -> Self {
        self.range = Some(range);
        self
    }

    /// How many times as fast as it was recorded (RFC 2326, section 12.34): 2 is twice as fast, 0.5 half as fast, -1 is
    /// backwards. The server may leave out frames for it, so that the rate of bits stays about the same.
    #[must_use]
    pub const fn scale(mut self, scale: f32) -> Self {
        self.scale = Some(scale);
        self
    }

    /// How many times as fast the server sends what it would send anyway (RFC 2326, section 12.35): 2 is twice as fast, with
    /// twice the rate of bits.
    #[must_use]
    pub const fn speed(mut self, speed: f32) -> Self {
        self.speed = Some(speed);
        self
    }

    /// Plays a recording as ONVIF has it: which frames, and at whose pace. The server has to know of that
    /// ([`ClientConfig::onvif_replay`](super::ClientConfig::onvif_replay)).
    #[must_use]
    pub const fn replay(mut self, replay: Replay) -> Self {
        self.replay = Some(replay);
        self
    }

    /// Returns true if the server gives up what it plays by itself, and needs no PAUSE.
    fn is_immediate(&self) -> bool {
        self.replay.is_some_and(|replay| replay.is_immediate)
    }

    /// Returns true if the server sends as fast as the client reads.
    pub(super) fn is_unpaced(&self) -> bool {
        self.replay.is_some_and(|replay| !replay.is_rate_controlled)
    }

    fn is_backwards(&self) -> bool {
        self.scale.is_some_and(|scale| scale < 0.0)
    }

    /// A range that is open and goes backwards ends at the beginning. GStreamer's server sends nothing unless that is said.
    fn with_its_end(&self, range: Range) -> Range {
        match range {
            Range::Npt { start: start @ Some(NptTime::At(_)), end: None } if self.is_backwards() => {
                Range::Npt { start, end: Some(NptTime::At(Duration::ZERO)) }
            }
            range => range,
        }
    }

    /// The scale of a replay: recorders need not tell that they keep to it.
    pub(super) fn replayed_scale(&self) -> Option<f32> {
        self.scale.filter(|_| self.replay.is_some())
    }

    /// Returns true if scale and speed are numbers that may be asked for.
    pub(super) fn has_sound_rates(&self) -> bool {
        self.scale.is_none_or(is_scale) && self.speed.is_none_or(is_speed)
    }

    /// Says it in the headers of PLAY; without a range of its own it says `unsaid`.
    pub(super) fn write(&self, request: &mut Request, unsaid: Option<&str>) {
        match (&self.range, unsaid) {
            (Some(range), _) => request.headers.set(name::RANGE, self.with_its_end(*range)),
            (None, Some(unsaid)) if !self.is_backwards() => request.headers.set(name::RANGE, unsaid),
            (None, _) => {}
        }
        for (header, rate) in [(name::SCALE, self.scale), (name::SPEED, self.speed)] {
            match rate {
                // ONVIF has 1.0 and -1.0, and devices may know nothing else.
                Some(rate) if self.replay.is_some() => request.headers.set(header, format_args!("{rate:?}")),
                Some(rate) => request.headers.set(header, rate),
                None => {}
            }
        }
        self.replay.iter().for_each(|replay| replay.write_to(&mut request.headers));
    }
}

impl From<Range> for Playback {
    fn from(range: Range) -> Self {
        Self::new().range(range)
    }
}

impl From<Option<Range>> for Playback {
    fn from(range: Option<Range>) -> Self {
        Self { range, ..Self::new() }
    }
}

impl Client {
    /// Adds the feature tag to a request of a replay (ONVIF Streaming Specification, section 6.2).
    pub(super) fn require_replay(&self, command: &Command, request: &mut Request) {
        let is_of_replay = matches!(command, Command::Setup(_) | Command::Play(_));
        if self.config.onvif_replay && is_of_replay {
            request.headers.push(name::REQUIRE, ONVIF_REPLAY);
        }
    }

    /// Sends PAUSE first where it plays: many cameras do not take a PLAY then, and others queue it (RFC 2326, section 10.5).
    pub(super) fn start_seek(&mut self, now: Instant, task: Task) {
        let is_immediate = matches!(&task.command, Command::Seek(playback) if playback.is_immediate());
        if self.state == State::Play && !is_immediate {
            let request = Request::new(Method::Pause, self.base().as_request_uri());
            self.run(now, task, request);
        } else {
            self.play_sought(now, task);
        }
    }

    /// Takes the answer to the PAUSE of a seek; a server that has no PAUSE is sent PLAY all the same.
    pub(super) fn seek_answered(&mut self, now: Instant, task: Task, response: &Response) {
        match accepted(response) {
            Ok(()) => self.enter_pause(),
            Err(_) if is_pause_unknown(response.status) => {}
            Err(error) => return self.finish(now, task, Err(error)),
        }
        self.play_sought(now, task);
    }

    fn play_sought(&mut self, now: Instant, mut task: Task) {
        if let Command::Seek(playback) = task.command {
            task.command = Command::Play(playback);
        }
        self.start_play(now, task);
    }
}

/// The answers of servers that do not know PAUSE, or not here: live sources cannot be paused, and may yet be sought.
fn is_pause_unknown(status: StatusCode) -> bool {
    matches!(status.as_u16(), 405 | 455 | 501)
}
