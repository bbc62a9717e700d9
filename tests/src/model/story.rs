use std::collections::BTreeMap;
use std::fmt::Write as _;

use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::wire::{Method, Request, name};

use super::ask::{Ask, Named, Offer, VERBS, Verb};
use super::bench::{Bench, describe};
use super::{Model, State};
use crate::sim::Choices;
use crate::sim::choices::Chance;

/// Where streams are, and may be: the first two are the application's.
const PATHS: [&str; 5] = ["/cam", "/mic", "/a", "/b", "/none"];
const MEDIAS: [usize; 2] = [2, 1];
const HOSTS: usize = 2;
const CONNS_AT_ONCE: usize = 4;

/// How often which request was answered with which status.
pub type Told = BTreeMap<(&'static str, u16), u64>;

/// Sends so many random requests, and compares every answer, every connection and every receiver with the model.
///
/// # Panics
///
/// If they differ; the panic tells the whole story.
pub fn tell(choices: &mut dyn Choices, requests: usize) -> Told {
    let mut story = Story {
        chance: Chance::new(choices),
        bench: Bench::new(),
        model: Model::default(),
        keys: BTreeMap::new(),
        sequences: BTreeMap::new(),
        packets: 0,
        cseq: 0,
        text: String::new(),
        told: Told::new(),
    };
    for (path, medias) in PATHS.into_iter().zip(MEDIAS) {
        story.bench.publish(path, medias);
        story.model.publish(path, medias, None);
    }
    for _ in 0..requests {
        story.go_on();
    }
    story.told
}

struct Story<'a> {
    chance: Chance<'a>,
    bench: Bench,
    model: Model,
    /// The server's names for the sessions.
    keys: BTreeMap<usize, String>,
    /// Sequence numbers of publishers' tracks.
    sequences: BTreeMap<(usize, usize), u16>,
    packets: u32,
    cseq: u32,
    text: String,
    told: Told,
}

impl Story<'_> {
    fn go_on(&mut self) {
        let open: Vec<usize> =
            (0..self.model.conns.len()).filter(|conn| self.model.conns[*conn].is_open).collect();
        if open.is_empty() || (open.len() < CONNS_AT_ONCE && self.chance.happens(80)) {
            let host = self.chance.index(HOSTS);
            let conn = self.model.open(host);
            self.bench.connect(host);
            let _ = writeln!(self.text, "connection {conn} from host {host}");
            return;
        }
        let conn = self.chance.pick(&open);
        if self.chance.happens(15) {
            let _ = writeln!(self.text, "connection {conn} is closed");
            self.model.close(conn);
            self.bench.hang_up(conn);
        } else {
            self.ask(conn);
        }
        self.bench.settle();
        self.compare_conns();
        self.compare_receivers();
    }

    fn ask(&mut self, conn: usize) {
        let ask = self.any_ask(conn);
        let begun = self.model.begun;
        let expected = self.model.answer(&ask);
        let request = self.request(&ask);
        let _ = writeln!(self.text, "{ask:?}\n    {expected} expected");
        let response = self.bench.request(conn, &request);
        let status = response.as_ref().map(|response| response.status.as_u16());
        assert_eq!(status, Some(expected), "{}", self.text);
        *self.told.entry((ask.verb.method(), expected)).or_default() += 1;
        let key = response.as_ref().and_then(|response| response.headers.get(name::SESSION));
        let key = key.map(|key| key.split(';').next().unwrap_or_default().to_owned());
        if let (Verb::Setup, Some(key)) = (ask.verb, key) {
            // The session that it began, or that it belongs to.
            let known = self.keys.iter().find(|(_, own)| **own == key).map(|(id, _)| *id);
            let id = match known {
                Some(id) => id,
                None if self.model.begun > begun => begun,
                None => *self.model.conns[conn].sessions.last().expect("it has a session"),
            };
            self.keys.insert(id, key);
        }
    }

    fn any_ask(&mut self, conn: usize) -> Ask {
        let own: Vec<usize> = self.model.conns[conn].sessions.iter().copied().collect();
        let known: Vec<usize> = self.keys.keys().copied().collect();
        let mut session = None;
        let begins_another = self.chance.happens(60);
        if begins_another {
            // As if it had none.
        } else if !own.is_empty() && self.chance.happens(700) {
            session = Some(self.chance.pick(&own)).filter(|id| self.keys.contains_key(id));
        } else if !known.is_empty() && self.chance.happens(300) {
            // Somebody else's, or one that has ended.
            session = Some(self.chance.pick(&known));
        }
        let about = session
            .or_else(|| own.first().copied().filter(|_| !begins_another))
            .and_then(|id| self.model.sessions.get(&id));
        let state = about.map_or(State::Initial, |session| session.state);
        let path = about.map(|session| session.path).filter(|_| self.chance.happens(850));
        let path = path.unwrap_or_else(|| self.chance.pick(&PATHS));
        let verb =
            if self.chance.happens(600) { self.sensible(state, path) } else { self.chance.pick(&VERBS) };
        let names_track = match verb {
            Verb::Setup => 900,
            // These are about whole streams: a path that ends like a track is another path.
            Verb::Describe | Verb::Announce => 0,
            _ => 80,
        };
        let named = match self.chance.happens(30) {
            true => Some(Named::Nonsense),
            false => session.map(Named::Session),
        };
        Ask {
            conn,
            verb,
            path,
            track: self.chance.happens(names_track).then(|| self.chance.pick(&[0, 0, 1, 1, 2])),
            session: named,
            offer: self.offer(conn),
            records: if self.chance.happens(900) {
                (state == State::PreRecord).then_some(true)
            } else {
                self.chance.pick(&[None, Some(false), Some(true)])
            },
            medias: if verb == Verb::Announce { self.chance.pick(&[0, 1, 1, 2, 2]) } else { 0 },
            has_body: self.chance.happens(200),
            requires: self.chance.happens(10),
        }
    }

    fn sensible(&mut self, state: State, path: &str) -> Verb {
        let next: &[Verb] = match state {
            State::Initial if path.len() == 2 => &[Verb::Announce, Verb::Setup],
            State::Initial => &[Verb::Describe, Verb::Setup, Verb::Setup],
            State::PrePlay => &[Verb::Setup, Verb::Play, Verb::Play],
            State::PreRecord => &[Verb::Setup, Verb::Setup, Verb::Record],
            State::Play | State::Record => &[Verb::Pause, Verb::GetParameter, Verb::Options],
        };
        self.chance.pick(next)
    }

    fn offer(&mut self, conn: usize) -> Offer {
        match self.chance.below(20) {
            0 => Offer::Missing,
            1 => Offer::Broken,
            2 => Offer::Multicast,
            3..=5 => Offer::Tcp(None),
            6..=13 => Offer::Tcp(Some(self.chance.pick(&[0, 2, 4]))),
            // Hosts have few ports, and connections of one host take the same.
            _ => Offer::Udp(6000 + 100 * (conn as u16 % 2) + self.chance.pick(&[0, 2, 4, 6])),
        }
    }

    fn request(&mut self, ask: &Ask) -> Request {
        self.cseq += 1;
        let track = ask.track.map_or(String::new(), |track| format!("/trackID={track}"));
        let uri = format!("rtsp://10.0.0.1{}{track}", ask.path);
        let mut request =
            Request::new(Method::from(ask.verb.method()), uri).with_header(name::CSEQ, self.cseq);
        match ask.session {
            Some(Named::Session(id)) => request.headers.push(name::SESSION, &self.keys[&id]),
            Some(Named::Nonsense) => request.headers.push(name::SESSION, "4711"),
            None => {}
        }
        let mode = ask.records.map_or("", |records| if records { ";mode=record" } else { ";mode=play" });
        let transport = match ask.offer {
            Offer::Missing => None,
            Offer::Broken => Some("nonsense".to_owned()),
            Offer::Multicast => Some("RTP/AVP;multicast".to_owned()),
            Offer::Tcp(None) => Some(format!("RTP/AVP/TCP;unicast{mode}")),
            Offer::Tcp(Some(channel)) => {
                Some(format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}{mode}", channel + 1))
            }
            Offer::Udp(port) => Some(format!("RTP/AVP;unicast;client_port={port}-{}{mode}", port + 1)),
        };
        if let (Verb::Setup, Some(transport)) = (ask.verb, transport) {
            request.headers.push(name::TRANSPORT, transport);
        }
        if ask.requires {
            request.headers.push(name::REQUIRE, "wonders");
        }
        match ask.verb {
            Verb::Announce => {
                let sdp = if ask.medias == 0 { "nonsense".to_owned() } else { describe(ask.medias).to_sdp() };
                request.with_body("application/sdp", sdp)
            }
            Verb::GetParameter | Verb::SetParameter if ask.has_body => {
                request.with_body("text/parameters", "fps\r\n")
            }
            _ => request,
        }
    }

    fn compare_conns(&self) {
        for (conn, modelled) in self.model.conns.iter().enumerate() {
            let is_open = self.bench.is_open(conn);
            assert_eq!(is_open, modelled.is_open, "connection {conn} is open; {}", self.text);
        }
    }

    /// A packet of each track of each stream goes to whom it should, and to nobody else.
    fn compare_receivers(&mut self) {
        let live = (0..self.model.streams.len()).filter(|stream| self.model.streams[*stream].is_live);
        for stream in live.collect::<Vec<_>>() {
            let track = self.chance.index(self.model.streams[stream].medias);
            let expected = self.model.receivers(stream, track);
            let Some(publisher) = self.model.streams[stream].publisher else {
                let packet = self.packet(self.packets as u16);
                let got = self.bench.push(self.model.streams[stream].path, track as u8, &packet);
                assert_eq!(got, expected, "{}", self.text);
                continue;
            };
            let session = &self.model.sessions[&publisher];
            let records = session.state == State::Record;
            let Some(over) = session.tracks.iter().find(|(own, ..)| *own == track).map(|(_, over, _)| *over)
            else {
                continue;
            };
            let sequence = self.sequences.entry((publisher, track)).or_default();
            *sequence += u16::from(records);
            let sequence = *sequence;
            let packet = self.packet(sequence);
            let got = self.bench.send_packet(over, &packet);
            let expected = if records { expected } else { Default::default() };
            assert_eq!(got, expected, "{}", self.text);
        }
    }

    /// One that is like no other.
    fn packet(&mut self, sequence: u16) -> RtpPacket {
        self.packets += 1;
        let header = RtpHeader { sequence, timestamp: self.packets, ssrc: 7, ..RtpHeader::default() };
        RtpPacket::build(header, &self.packets.to_be_bytes())
    }
}
