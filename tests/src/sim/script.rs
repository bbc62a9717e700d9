use rtspan_core::auth::{Authorization, Secret};
use rtspan_core::wire::{Method, Request, name};

use super::app::PATHS;
use super::choices::Chance;
use super::hostile::{Hostile, Raw};
use super::rights::password;
use super::source::Kind;
use super::world::World;

/// The goal of a connection of a hostile host, more or less.
#[derive(Debug)]
pub(super) struct Goal {
    path: &'static str,
    publishes: bool,
    over_udp: bool,
    /// The tracks that it announces.
    pub(super) kinds: Vec<Kind>,
}

/// A request that was sent.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) cseq: Option<u32>,
    pub(super) method: Method,
    /// The session that it named.
    pub(super) key: Option<String>,
    /// The track that it named.
    pub(super) track: Option<u8>,
}

impl Goal {
    pub(super) fn any(chance: &mut Chance<'_>) -> Self {
        Self {
            path: chance.pick(PATHS),
            publishes: chance.happens(450),
            over_udp: chance.happens(300),
            kinds: Kind::any(chance),
        }
    }

    /// The method that leads on, if nothing goes wrong.
    fn method(&self, raw: &Raw, chance: &mut Chance<'_>) -> Method {
        let known = raw.sessions.values().next_back();
        let tracks = known.map_or(0, |known| known.channels.len()) as u64;
        let done = known.is_some_and(|known| known.plays || known.records);
        match (self.publishes, known) {
            _ if done => chance.pick(&[
                Method::Pause,
                Method::Teardown,
                Method::GetParameter,
                Method::Options,
                Method::Play,
            ]),
            (true, None) => chance.pick(&[Method::Announce, Method::Announce, Method::Setup]),
            (false, None) => chance.pick(&[Method::Describe, Method::Setup, Method::Setup]),
            (true, Some(_)) if tracks < self.kinds.len() as u64 => Method::Setup,
            (true, Some(_)) => Method::Record,
            (false, Some(_)) => chance.pick(&[Method::Setup, Method::Play, Method::Play]),
        }
    }
}

impl World<'_> {
    pub(super) fn send_request(&mut self, hostile: &mut Hostile, raw: &mut Raw) {
        let any = [
            Method::Options,
            Method::Describe,
            Method::Announce,
            Method::Setup,
            Method::Play,
            Method::Pause,
            Method::Record,
            Method::Teardown,
            Method::GetParameter,
            Method::SetParameter,
            Method::from("PLAI"),
        ];
        let chance = &mut self.chance;
        let follows = chance.happens(800);
        let method = if follows { raw.goal.method(raw, chance) } else { chance.pick(&any) };
        let path = if chance.happens(900) { raw.goal.path } else { chance.pick(PATHS) };
        let track = (method == Method::Setup && !chance.happens(50)).then(|| chance.below(3) as u8);
        let uri = uri(path, track, chance);
        let track = track.filter(|_| uri.contains("trackID"));
        let mut request = Request::new(method.clone(), uri);
        raw.cseq += 1;
        let cseq = (!chance.happens(10)).then_some(raw.cseq);
        cseq.into_iter().for_each(|cseq| request.headers.push(name::CSEQ, cseq));
        let own = raw.sessions.keys().next_back().cloned();
        let key = match chance.below(100) {
            0..=74 => own,
            75..=84 => None,
            85..=94 => self.books.any_key(chance),
            _ => Some("0123456789abcdef".to_owned()),
        };
        key.iter().for_each(|key| request.headers.push(name::SESSION, key));
        if method == Method::Setup && !chance.happens(20) {
            let transport = transport(&raw.goal, hostile, chance);
            request.headers.push(name::TRANSPORT, transport);
        }
        if method == Method::Announce {
            let sdp = Kind::describe(&raw.goal.kinds).with_track_controls().to_sdp();
            let sdp = if chance.happens(50) { "v=0\r\nnonsense".to_owned() } else { sdp };
            let kind = if chance.happens(30) { "text/plain" } else { "application/sdp" };
            request = request.with_body(kind, sdp);
        }
        if matches!(method, Method::GetParameter | Method::SetParameter) && chance.happens(400) {
            request = request.with_body("text/parameters", "fps: 3\r\n");
        }
        if method == Method::Play && chance.happens(500) {
            let ranges =
                ["npt=0-", "npt=7.5-", "npt=20-10", "npt=now-", "smpte=0:10:00-", "furlongs=3-", "npt="];
            request.headers.push(name::RANGE, chance.pick(&ranges));
            request.headers.push(name::SCALE, chance.pick(&["1", "-1", "nan"]));
        }
        if chance.happens(10) {
            request.headers.push(name::REQUIRE, "wonders");
        }
        if self.plan.guard.is_some() {
            self.give_credentials(raw, &mut request);
        }
        self.trace
            .note(self.now, u64::from(raw.cseq), || format!("hostile {} asks {request:?}", hostile.index));
        raw.out.extend(request.to_bytes());
        raw.asked.push_back(Asked { cseq, method, key, track });
    }
}

impl World<'_> {
    /// Gives credentials: its own, wrong ones, those of somebody else, or none.
    fn give_credentials(&mut self, raw: &mut Raw, request: &mut Request) {
        let address = self.tcp.get(raw.link).map(|link| link.peer);
        let own = address.and_then(|address| self.rights.user_of(address.into()));
        let (user, password) = match self.chance.below(10) {
            0 | 1 => return,
            2 => {
                let overheard = self.rights.any_overheard(&mut self.chance);
                if let Some([method, uri, header]) = overheard {
                    // The same request once more.
                    if request.method.as_str() == method && method != "SETUP" {
                        request.uri = uri.into();
                    }
                    request.headers.push(name::AUTHORIZATION, header);
                }
                return;
            }
            3 => (own.unwrap_or("ada"), "guessed".to_owned()),
            _ => {
                let Some(own) = own else { return };
                (own, password(own))
            }
        };
        let is_counted = !self.chance.happens(50);
        let answer = match &mut raw.challenge {
            Some((challenge, count)) => {
                *count += u32::from(is_counted);
                let secret = Secret::password(password);
                let what = (request.method.as_str(), &*request.uri);
                Authorization::answer(challenge, user, &secret, what, (*count, "sim"))
            }
            None => Some(Authorization::basic(user, &password)),
        };
        answer.iter().for_each(|answer| request.headers.push(name::AUTHORIZATION, answer.to_header_value()));
    }
}

fn uri(path: &str, track: Option<u8>, chance: &mut Chance<'_>) -> String {
    let path = if path == "/" { "" } else { path };
    let query = chance.pick(&["", "", "", "", "?a=b", "/"]);
    match (track, chance.below(40)) {
        (_, 0) => "*".to_owned(),
        (_, 1) => "rtsp://".to_owned(),
        (_, 2) => format!("rtsp://10.0.0.1/nothing/here{query}"),
        (Some(track), 3) => format!("rtsp://10.0.0.1{path}/trackID={track}{query}"),
        (Some(track), 4) => format!("{path}/trackID={track}"),
        (Some(track), _) => format!("rtsp://10.0.0.1{path}/trackID={track}"),
        (None, _) => format!("rtsp://10.0.0.1{path}{query}"),
    }
}

fn transport(goal: &Goal, hostile: &mut Hostile, chance: &mut Chance<'_>) -> String {
    let mode = match (goal.publishes, chance.below(10)) {
        (_, 0) => "",
        (_, 1) => ";mode=play",
        (true, _) => ";mode=record",
        (false, _) => "",
    };
    let over_udp = if chance.happens(900) { goal.over_udp } else { !goal.over_udp };
    match chance.below(30) {
        0 => return "nonsense".to_owned(),
        1 => return "RTP/SAVP/TCP;unicast;interleaved=0-1".to_owned(),
        2 => return "RTP/AVP;multicast".to_owned(),
        3 => return format!("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=7-7{mode}"),
        _ => {}
    }
    if over_udp {
        // Sometimes the same as before, or somebody else's.
        let port =
            if chance.happens(800) { hostile.port() } else { chance.pick(&[20_002, 20_004, 40_002, 0]) };
        let destination = if chance.happens(50) { ";destination=10.9.9.9" } else { "" };
        return format!("RTP/AVP;unicast;client_port={port}-{}{destination}{mode}", port + 1);
    }
    let channel = 2 * chance.below(5);
    match chance.below(8) {
        0 => format!("RTP/AVP/TCP;unicast{mode}"),
        1 => format!("RTP/AVP/TCP;unicast;interleaved={channel}{mode}"),
        _ => format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}{mode}", channel + 1),
    }
}
