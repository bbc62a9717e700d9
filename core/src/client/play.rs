//! PLAY, and whether anything comes.

use bytes::Bytes;

use super::command::{Command, Task, accepted};
use super::describe::is_redirect;
use super::table::Verb;
use super::track::Path;
use super::{Client, ClientCloseReason, Playing, Reply, State, SwitchReason, TrackStart, Transports};
use crate::Instant;
use crate::header::{Lower, RtpInfo, TimedRange};
use crate::limits::RECEIVER_REPORT_PERIOD;
use crate::udp::Port;
use crate::wire::{Method, Request, Response, name};

/// The whole of a stream, as FFmpeg and live555 write it.
const FROM_START: &str = "npt=0.000-";
/// Empty RTP and RTCP packets: they open the NATs and firewalls on the way to the server's ports.
const HOLE_PUNCHES: [(Port, &[u8]); 2] =
    [(Port::Rtp, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), (Port::Rtcp, &[0x80, 201, 0, 1, 0, 0, 0, 0])];

/// Whether the server shows life while it plays.
#[derive(Debug, Default)]
pub(super) struct Liveness {
    /// Since when it plays.
    playing: Option<Instant>,
    /// When it was heard last: over TCP any byte, over UDP any datagram of a track.
    heard: Option<Instant>,
}

impl Liveness {
    pub(super) fn handle_heard(&mut self, now: Instant) {
        self.heard = Some(now);
    }
}

impl Client {
    pub(super) fn start_play(&mut self, now: Instant, task: Task) {
        let Command::Play(range) = &task.command else { return };
        let mut request = Request::new(Method::Play, self.base().as_request_uri());
        match range {
            Some(range) => request.headers.set(name::RANGE, range),
            // Parrot refuses a PLAY without a range; after PAUSE, none means to go on from there.
            None if !self.has_played => request.headers.set(name::RANGE, FROM_START),
            None => {}
        }
        self.range.clone_from(range);
        self.liveness = Liveness::default();
        for track in &mut self.tracks {
            track.begin(&mut self.random);
            let Path::Udp { id, source, .. } = &track.path else { continue };
            for (port, packet) in HOLE_PUNCHES {
                if let Some(to) = source.destination(port) {
                    self.datagrams.push(*id, port, to, Bytes::from_static(packet));
                }
            }
        }
        self.run(now, task, request);
    }

    pub(super) fn play_answered(&mut self, now: Instant, task: Task, response: &Response) {
        if is_redirect(response) {
            return match self.redirect(response) {
                Ok(url) => {
                    let mut tasks = self.setups_again();
                    tasks.push(task);
                    self.restart(Some(url), tasks);
                }
                Err(error) => self.finish(now, task, Err(error)),
            };
        }
        if let Err(error) = accepted(response) {
            return self.finish(now, task, Err(error));
        }
        self.state = self.state.after(Verb::Play);
        self.has_played = true;
        self.redirects = 0;
        self.liveness.playing = Some(now);
        for track in &mut self.tracks {
            track.report_at = Some(now + RECEIVER_REPORT_PERIOD);
        }
        let playing = self.read_playing(response);
        self.finish(now, task, Ok(Reply::Playing(playing)));
    }

    /// When the server is silent for too long, or UDP for so long that TCP is asked for.
    pub(super) fn silence_deadline(&self) -> Option<Instant> {
        let playing = self.liveness.playing.filter(|_| self.state == State::Play && !self.is_leaving())?;
        if self.tracks.iter().all(|track| track.ended) {
            return None;
        }
        if self.hears_no_udp() {
            // What runs comes first; it has a deadline of its own.
            return self.running.is_none().then_some(playing + self.config.first_udp_packet);
        }
        let heard = self.liveness.heard.map_or(playing, |heard| heard.max(playing));
        Some(heard + self.config.silence)
    }

    pub(super) fn check_silence(&mut self, now: Instant) {
        if self.silence_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        if self.hears_no_udp() {
            self.play_over_tcp(SwitchReason::NothingHeard);
        } else {
            self.close(now, ClientCloseReason::Silence);
        }
    }

    /// Ends what goes on while media flows.
    pub(super) fn stop_media(&mut self) {
        self.liveness = Liveness::default();
        for track in &mut self.tracks {
            track.report_at = None;
        }
    }

    fn hears_no_udp(&self) -> bool {
        self.config.transports == Transports::UdpThenTcp
            && self.lower == Lower::Udp
            && self.liveness.heard.is_none()
    }

    /// What the server says of where it starts; it may say nothing, and what cannot be read is left out.
    fn read_playing(&mut self, response: &Response) -> Playing {
        let range =
            response.headers.get(name::RANGE).and_then(|value| self.tolerated(value, TimedRange::parse));
        let info =
            response.headers.get(name::RTP_INFO).and_then(|value| self.tolerated(value, RtpInfo::parse));
        let info = info.unwrap_or_default();
        let starts = self.tracks.iter().filter_map(|track| {
            let entry = match self.tracks.len() {
                // The URL drops the query, so that it fits no track (GW Security).
                1 => info.0.first(),
                _ => info.find(&track.url),
            }?;
            Some(TrackStart {
                media: track.media,
                sequence: entry.first_sequence(),
                timestamp: entry.rtptime,
            })
        });
        Playing { range: range.map(|range| range.range), tracks: starts.collect() }
    }
}
