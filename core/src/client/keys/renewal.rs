//! Keys that take the place of others while packets flow: the server's, and the client's before they are used up.

use super::super::Client;
use super::super::command::{Command, Task};
use super::super::track::Track;
use super::{Guard, identified, limited};
use crate::Instant;
use crate::keying::{Opener, OwnKey, PeerKeys};
use crate::random::Random;
use crate::wire::{Method, Request, Response, StatusCode, name};

/// Another key of the client's for the media of this index.
#[derive(Debug)]
pub(in crate::client) struct Renewal {
    media: usize,
    /// The key, once the server was told.
    next: Option<OwnKey>,
}

impl Guard {
    /// Returns `true` once a key of the client's has little of its life left.
    fn is_expiring(&self) -> bool {
        let shared = self.opener.as_ref().filter(|_| self.own.is_shared);
        self.sealer.is_expiring() || shared.is_some_and(Opener::is_expiring)
    }

    /// Another key of the client's. One that the server uses as well is used by it as soon as it is told.
    fn next_key(&mut self, packets: Option<u64>, random: &mut Random) -> OwnKey {
        let mut next = self.own.key.clone();
        next.renew(random);
        next = limited(next, packets);
        if self.own.is_shared {
            next = identified(&next, random);
            self.opener.iter_mut().for_each(|opener| opener.rekey(&next.key().clone().into()));
        }
        next
    }

    /// The sources that the client has sent, or is going to send, with their rollover counters.
    fn sources(&self) -> Vec<(u32, u32)> {
        let mut sources: Vec<_> = self.sealer.rocs().collect();
        let is_known = |sources: &[(u32, u32)], ssrc| sources.iter().any(|(own, _)| *own == ssrc);
        for ssrc in &self.own.ssrcs {
            if !is_known(&sources, *ssrc) {
                sources.push((*ssrc, 0));
            }
        }
        sources
    }
}

/// The client's keys.
impl Client {
    /// Has the server be told another key for each media whose key is used up soon. It is tried once for each key.
    pub(in crate::client) fn renew_keys(&mut self, now: Instant) {
        let waiting = self.queue.len();
        for track in &mut self.tracks {
            let Some(guard) = track.guard.as_mut().filter(|guard| !guard.is_renewing) else { continue };
            if guard.is_expiring() {
                guard.is_renewing = true;
                let renewal = Renewal { media: track.media, next: None };
                self.queue.push_back(Task::own(Command::Renew(Box::new(renewal))));
            }
        }
        if self.queue.len() > waiting {
            self.advance(now);
        }
    }

    /// Tells the server another key, by the parameter that GStreamer's server and Axis read.
    pub(in crate::client) fn start_renewal(&mut self, now: Instant, mut task: Task) {
        let Command::Renew(renewal) = &mut task.command else { return };
        let (wall, key_packets) = (self.own_wall_clock(now), self.config.srtp.key_packets);
        let tracks = self.tracks.iter_mut();
        let Some((track, guard)) = guarded(tracks, renewal.media) else { return };
        let next = guard.next_key(key_packets, &mut self.random);
        let message = next.tell(&mut self.random, wall, guard.sources()).with_uri(track);
        renewal.next = Some(next);
        let request = Request::new(Method::SetParameter, self.base().as_request_uri())
            .with_body("text/parameters", format!("{}: {message}\r\n", name::KEY_MGMT));
        self.run(now, task, request);
    }

    /// Goes on with the other key, unless the server has refused it. Then the former one serves until it is used up.
    pub(in crate::client) fn renewal_answered(&mut self, task: Task, response: &Response) {
        let Command::Renew(renewal) = task.command else { return };
        let Some(next) = renewal.next.filter(|_| response.status.is_success()) else { return };
        let Some((_, guard)) = guarded(self.tracks.iter_mut(), renewal.media) else { return };
        guard.sealer.rekey(&next);
        guard.own.key = next;
        guard.is_renewing = false;
    }
}

/// The server's keys.
impl Client {
    /// Takes the keys that a request of the server's tells in the place of others, and returns the status of the answer;
    /// `None` if it is about something else.
    pub(in crate::client) fn replace_keys(&mut self, request: &Request) -> Option<StatusCode> {
        let guards = || self.tracks.iter().filter_map(|track| track.guard.as_ref());
        let former = guards()
            .next()
            .map(|guard| guard.peer.as_ref().map_or_else(|| guard.own.key.suite(), PeerKeys::suite));
        let tolerances = &mut self.tolerances;
        let told = match PeerKeys::of_headers(&request.headers, former, tolerances) {
            Ok(None) => PeerKeys::of_parameters(&request.body, former, tolerances),
            told => told,
        };
        let keys = match told {
            Ok(Some(keys)) => keys,
            Ok(None) => return None,
            Err(_) => return Some(StatusCode::KEY_MANAGEMENT_FAILURE),
        };
        let ciphers = self.config.srtp.chosen_ciphers();
        let mut is_used = false;
        for index in self.meant(&keys, request) {
            let Some(guard) = self.tracks.get_mut(index).and_then(|track| track.guard.as_mut()) else {
                continue;
            };
            match &mut guard.opener {
                Some(opener) => opener.rekey(&keys),
                None => guard.opener = Opener::new(&keys, ciphers),
            }
            guard.peer = Some(keys.clone());
            is_used = true;
        }
        Some(if is_used { StatusCode::OK } else { StatusCode::KEY_MANAGEMENT_FAILURE })
    }

    /// The tracks that keys are for: those that the message names, or whose keys have the same number, or that the request
    /// names; or the only one.
    fn meant(&self, keys: &PeerKeys, request: &Request) -> Vec<usize> {
        let of = |is_meant: &dyn Fn(&Track, &Guard) -> bool| -> Vec<usize> {
            let tracks = self.tracks.iter().enumerate();
            let guarded = tracks.filter_map(|(index, track)| Some((index, track, track.guard.as_ref()?)));
            guarded.filter(|(_, track, guard)| is_meant(track, guard)).map(|(index, ..)| index).collect()
        };
        let named = |url: &str| of(&|track, _| track.url.as_request_uri() == url);
        let has_number =
            |guard: &Guard| guard.peer.as_ref().is_some_and(|peer| peer.csb_id() == keys.csb_id());
        let all = of(&|_, _| true);
        let only = if all.len() == 1 { all } else { Vec::new() };
        let choices = [
            keys.uri().map(named).unwrap_or_default(),
            of(&|_, guard| has_number(guard)),
            named(&request.uri),
            only,
        ];
        choices.into_iter().find(|choice| !choice.is_empty()).unwrap_or_default()
    }
}

/// The URL of the track of a media, and what protects it.
fn guarded<'a>(
    mut tracks: impl Iterator<Item = &'a mut Track>,
    media: usize,
) -> Option<(&'a str, &'a mut Guard)> {
    let track = tracks.find(|track| track.media == media)?;
    Some((track.url.as_request_uri(), track.guard.as_deref_mut()?))
}
