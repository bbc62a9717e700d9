//! PLAY, and what the server says of where it starts.

use super::command::{Command, Task, accepted};
use super::presence::Presence;
use super::table::Verb;
use super::{Client, ClientEvent, Playing, Reply, State, TrackStart};
use crate::header::{NptTime, Range, RtpInfo, TimedRange, UtcTime, is_speed, parse_rate};
use crate::limits::RECEIVER_REPORT_PERIOD;
use crate::wire::{Method, Request, Response, name};
use crate::{Instant, NtpTime, Tolerance, Tolerances};

/// The whole of a stream, as FFmpeg and live555 write it.
const FROM_START: &str = "npt=0.000-";
/// The range from now on.
const FROM_NOW: &str = "npt=now-";

impl Client {
    pub(super) fn start_play(&mut self, now: Instant, task: Task) {
        let Command::Play(playback) = &task.command else { return };
        let mut request = Request::new(Method::Play, self.base().as_request_uri());
        playback.write(&mut request, self.unsaid_range());
        if task.id.is_some() {
            self.forget_counts();
        }
        if self.state != State::Play {
            self.begin_media(now);
        }
        self.run(now, task, request);
    }

    /// The range of a PLAY for which the application names none.
    ///
    /// Parrot refuses a first one without a range. GStreamer's ONVIF server refuses one from the start (503) if its source is
    /// live, which its description says. After PAUSE, no range means to go on from there.
    fn unsaid_range(&self) -> Option<&'static str> {
        if self.has_played {
            return None;
        }
        let described = self.description().and_then(|description| description.range.as_deref());
        let range = described.and_then(|range| Range::parse(range, &mut Tolerances::default()).ok());
        let begins_now = matches!(range, Some(Range::Npt { start: Some(NptTime::Now), .. }));
        Some(if begins_now { FROM_NOW } else { FROM_START })
    }

    /// Has all that comes from here on be the beginning of what is asked for.
    fn begin_media(&mut self, now: Instant) {
        self.liveness.forget_media();
        self.inbox.timeline.begin_anew();
        let medias = self.presentation.as_ref().map_or(&[][..], |known| &known.description.medias);
        for track in self.tracks.iter_mut().filter(|track| !track.is_sent) {
            let media = medias.get(track.media);
            media.into_iter().for_each(|media| self.inbox.describe(track.media, media));
            let presence = media.map(|media| Presence::new(now, media, self.config.media_silence));
            track.begin(now, presence, &mut self.random);
            track.open_way(&mut self.datagrams);
        }
    }

    pub(super) fn play_answered(&mut self, now: Instant, task: Task, response: &Response) {
        if let Err(error) = accepted(response) {
            return self.finish(now, task, Err(error));
        }
        if let Command::Play(playback) = &task.command {
            self.playback = *playback;
        }
        if self.state == State::Play {
            // The media that has played until here was not paused.
            self.begin_media(now);
        }
        self.state = self.state.after(Verb::Play);
        self.has_played = true;
        self.inbox.set_patient(self.has_pace());
        self.liveness.begin(now);
        for track in self.tracks.iter_mut().filter(|track| !track.is_sent) {
            track.report_at = Some(now + RECEIVER_REPORT_PERIOD);
            track.presence.iter_mut().for_each(|presence| presence.begin(now));
        }
        let playing = self.read_playing(response);
        let scale = playing.scale.or_else(|| self.playback.replayed_scale()).unwrap_or(1.0);
        self.inbox.timeline.set_rates(scale, playing.speed.unwrap_or(1.0));
        self.inbox.timeline.set_rate_control(!self.playback.is_unpaced());
        let rtptimes = playing.tracks.iter().filter_map(|track| Some((track.media, track.timestamp?)));
        self.inbox.timeline.set_start(playing.range.and_then(wall_of), rtptimes);
        for track in &mut self.tracks {
            let start = playing.tracks.iter().find(|start| start.media == track.media);
            track.begin_at(now, start.and_then(|start| start.sequence), &mut self.inbox);
        }
        if playing.range.as_ref().is_some_and(Range::has_end) {
            self.tracks.iter_mut().filter_map(|track| track.presence.as_mut()).for_each(Presence::set_finite);
        }
        self.tell_back_channel_refused();
        self.finish(now, task, Ok(Reply::Playing(playing)));
        self.tell_refused();
    }

    /// Tells which medias are left out.
    pub(super) fn tell_refused(&mut self) {
        for (media, error) in std::mem::take(&mut self.refused) {
            self.event(ClientEvent::MediaRefused(media, error));
        }
    }

    /// Takes note that the server has paused.
    pub(super) fn enter_pause(&mut self) {
        self.state = self.state.after(Verb::Pause);
        self.stop_media();
    }

    /// Ends what goes on while media flows.
    pub(super) fn stop_media(&mut self) {
        self.liveness.forget_media();
        for track in &mut self.tracks {
            track.report_at = None;
        }
    }

    /// Reads where the server says that it starts. It may say nothing, and parts that cannot be read are left out.
    fn read_playing(&mut self, response: &Response) -> Playing {
        let range =
            response.headers.get(name::RANGE).and_then(|value| self.tolerated(value, TimedRange::parse));
        let info =
            response.headers.get(name::RTP_INFO).and_then(|value| self.tolerated(value, RtpInfo::parse));
        let info = info.unwrap_or_default();
        if let ([track], false) = (&*self.tracks, info.0.is_empty()) {
            if info.find(&track.url, &mut self.tolerances).is_none() {
                self.tolerances.record(Tolerance::ForeignRtpInfoUrl);
            }
        }
        if info.0.iter().any(|entry| entry.seq.is_some() && entry.first_sequence().is_none()) {
            self.tolerances.record(Tolerance::UnbelievableSequence);
        }
        // The URL drops the query, so that it fits no track (GW Security); the first entry is meant where there is one.
        let only = info.0.first().filter(|_| self.tracks.len() == 1);
        let starts = self.tracks.iter().filter_map(|track| {
            let entry = info.find(&track.url, &mut self.tolerances).or(only)?;
            Some(TrackStart {
                media: track.media,
                sequence: entry.first_sequence(),
                timestamp: entry.rtptime,
            })
        });
        let tracks = starts.collect();
        let (scale, speed) = self.read_rates(response);
        let cseq = response.cseq().unwrap_or_default();
        Playing { range: range.map(|range| range.range), scale, speed, tracks, cseq }
    }

    /// Scale and Speed. A speed below zero says that it is played backwards, which is for the scale to say.
    fn read_rates(&mut self, response: &Response) -> (Option<f32>, Option<f32>) {
        let scale = self.read_rate(response, name::SCALE);
        match self.read_rate(response, name::SPEED) {
            Some(speed) if !is_speed(speed) => {
                self.tolerances.record(Tolerance::NegativeSpeed);
                (Some(-scale.unwrap_or(1.0).abs()), Some(-speed))
            }
            speed => (scale, speed),
        }
    }

    fn read_rate(&mut self, response: &Response, header: &'static str) -> Option<f32> {
        let value = response.headers.get(header)?;
        self.tolerated(value, |value, _| parse_rate(header, value))
    }
}

/// The wall clock time at which a range starts.
fn wall_of(range: Range) -> Option<NtpTime> {
    let Range::Clock { start, .. } = range else { return None };
    // A range that starts at zero is one without a wall clock.
    let start = start.map(UtcTime::to_unix).filter(|start| !start.is_zero())?;
    Some(NtpTime::from_unix(start))
}
