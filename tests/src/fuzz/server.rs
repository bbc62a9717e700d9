//! The whole server: several connections, datagrams, time, an application that answers or does not.
//!
//! A strict client can read all that it writes, and when everybody has left nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rtsp_types::headers;
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::server::{Asks, Event, Refusal, ServerConfig};
use rtspan_core::udp::{Port, UdpPorts, UdpSpec};
use rtspan_core::wire::{Protocol, StatusCode};
use rtspan_core::{ConnId, Description, Format, Media, MediaKind, SessionId, StreamId};

use super::input::{number, steps};
use crate::rig::Rig;

/// Takes the bytes for steps:
///
/// | step | what happens |
/// | --- | --- |
/// | `C` | at the beginning: `a` the application is asked, `n` no UDP, `p` no publishers, `r` proxies in front of 0 and 4 |
/// | `0` to `7` | bytes over a connection, which is opened for it; `SID` and a digit stand for a session's id |
/// | `x` 0 to 7 | a connection is closed |
/// | `t` number | so many milliseconds pass |
/// | `p`, `q` digit | a datagram from port 5000 and so many to the socket of RTP, of RTCP |
/// | `m` digit | the application publishes a packet of this payload on a track |
/// | `w` digit number | the client of a connection reads only so many bytes more |
/// | `y`, `n`, `d` | the application says yes or no to a question, or drops it |
/// | `s` | the application ends its stream, or begins it |
/// | `l` | the application leaves its stream to a publisher |
/// | `k`, `z` | the application closes the session that played last, or the server |
pub fn run(data: &[u8]) {
    go(data);
}

/// How far a dialogue has got.
#[derive(Debug, Default)]
pub struct Reached {
    /// Responses by their status.
    pub responses: BTreeMap<u16, usize>,
    /// Interleaved frames that were sent to clients.
    pub frames: usize,
    /// Datagrams that were sent to clients.
    pub datagrams: usize,
}

/// As [`run`], and says how far it got.
pub fn go(data: &[u8]) -> Reached {
    let mut steps = steps(data).peekable();
    let flags = steps.next_if(|(letter, _)| *letter == b'C').map_or(&[][..], |(_, flags)| flags);
    let mut world = World::new(flags);
    for (letter, rest) in steps.take(64) {
        world.step(letter, rest);
        world.check();
    }
    world.end()
}

struct World {
    rig: Rig,
    conns: [Option<Conn>; 8],
    sessions: Vec<String>,
    stream: Option<StreamId>,
    questions: Vec<Event>,
    playing: Vec<SessionId>,
    sequence: u16,
    reached: Reached,
}

/// A connection as a strict client sees it.
struct Conn {
    id: ConnId,
    unparsed: Vec<u8>,
    channels: BTreeSet<u8>,
}

fn description() -> Description {
    Description::new(vec![
        Media::new(MediaKind::Video, vec![Format::h264(96, &[0x67, 0x42, 0, 0x1e], &[0x68])]),
        Media::new(MediaKind::Audio, vec![Format::pcmu()]),
    ])
}

fn peer(number: u8) -> SocketAddr {
    // Two connections of each address, so that sessions can be taken up and stolen.
    SocketAddr::from(([192, 0, 2, 1 + number % 4], 40_000 + u16::from(number)))
}

impl World {
    fn new(flags: &[u8]) -> Self {
        let mut config = ServerConfig::default().publishers(!flags.contains(&b'p'));
        if flags.contains(&b'a') {
            let reads = Asks::DESCRIBE | Asks::SETUP | Asks::PLAY | Asks::PAUSE | Asks::GET_PARAMETER;
            config = config.asks(reads | Asks::ANNOUNCE | Asks::RECORD | Asks::SET_PARAMETER);
        }
        if !flags.contains(&b'n') {
            config = config.udp(Some(UdpSpec::new([192, 0, 2, 100].into(), UdpPorts::Any)));
        }
        if flags.contains(&b'r') {
            config = config.trusted_proxies([peer(0).ip().into()]);
        }
        let mut rig = Rig::new(config);
        let stream = Some(rig.publish("/cam", description()));
        Self {
            rig,
            conns: Default::default(),
            sessions: Vec::new(),
            stream,
            questions: Vec::new(),
            playing: Vec::new(),
            sequence: 0,
            reached: Reached::default(),
        }
    }

    fn step(&mut self, letter: u8, rest: &[u8]) {
        let (digit, behind) = match rest.split_first() {
            Some((digit @ b'0'..=b'9', behind)) => (digit - b'0', behind),
            _ => (0, rest),
        };
        match letter {
            b'0'..=b'7' => self.send(letter - b'0', rest),
            b'x' => {
                if let Some(conn) = self.conns.get_mut(usize::from(digit)).and_then(Option::take) {
                    self.rig.hang_up(conn.id);
                }
            }
            b't' => self.rig.advance(Duration::from_millis(number(rest).0.min(200_000).into())),
            b'p' | b'q' => {
                let port = if letter == b'p' { Port::Rtp } else { Port::Rtcp };
                let from = SocketAddr::new(peer(0).ip(), 5000 + u16::from(digit));
                self.rig.datagram(port, from, Bytes::copy_from_slice(behind));
            }
            b'm' => self.publish(digit, behind),
            b'w' => {
                if let Some(Some(conn)) = self.conns.get(usize::from(digit)) {
                    self.rig.set_reads(conn.id, number(behind).0 as usize);
                }
            }
            b'y' | b'n' | b'd' => self.answer(letter),
            b's' => {
                self.stream = match self.stream.take() {
                    Some(stream) => {
                        self.rig.server.remove_stream(self.rig.now, stream);
                        None
                    }
                    None => {
                        let added = self.rig.server.add_stream(self.rig.now, "/cam", description());
                        added.ok().map(|(stream, log)| {
                            self.rig.logs.insert(stream, log);
                            stream
                        })
                    }
                }
            }
            b'l' => {
                if let Some(stream) = self.stream.take() {
                    self.rig.server.leave_stream(self.rig.now, stream, Duration::from_secs(5));
                }
            }
            b'k' => {
                if let Some(session) = self.playing.pop() {
                    self.rig.server.close_session(self.rig.now, session);
                }
            }
            b'z' => self.rig.server.close(self.rig.now),
            _ => {}
        }
        self.rig.drain();
    }

    fn send(&mut self, number: u8, bytes: &[u8]) {
        let Some(slot) = self.conns.get_mut(usize::from(number)) else { return };
        if slot.as_ref().is_none_or(|conn| self.rig.closed(conn.id).is_some()) {
            let Some(id) = self.rig.connect(peer(number)) else { return };
            *slot = Some(Conn { id, unparsed: Vec::new(), channels: BTreeSet::new() });
        }
        let Some(conn) = slot else { return };
        let id = conn.id;
        let bytes = self.name_sessions(bytes);
        self.rig.send(id, &bytes);
    }

    /// Puts the ids of sessions where the input has their numbers.
    fn name_sessions(&self, bytes: &[u8]) -> Vec<u8> {
        let mut named = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some((first, behind)) = rest.split_first() {
            let session = match rest {
                [b'S', b'I', b'D', digit @ b'0'..=b'9', ..] => self.sessions.get(usize::from(digit - b'0')),
                _ => None,
            };
            rest = match session {
                Some(session) => {
                    named.extend_from_slice(session.as_bytes());
                    &rest[4..]
                }
                None => {
                    named.push(*first);
                    behind
                }
            };
        }
        named
    }

    fn publish(&mut self, track: u8, payload: &[u8]) {
        let Some(stream) = self.stream else { return };
        self.sequence = self.sequence.wrapping_add(1);
        let header = RtpHeader {
            payload_type: if track == 0 { 96 } else { 0 },
            marker: true,
            sequence: self.sequence,
            timestamp: u32::from(self.sequence) * 3000,
            ssrc: 5,
        };
        self.rig.push(stream, track, RtpPacket::build(header, payload));
    }

    fn answer(&mut self, letter: u8) {
        macro_rules! answer {
            ($question:expr, $yes:expr) => {{
                let reply = if letter == b'y' { Ok($yes) } else { Err(Refusal::new(StatusCode::FORBIDDEN)) };
                let _ = self.rig.server.answer(self.rig.now, $question.ticket, reply, &self.rig.logs);
            }};
        }
        let Some(event) = self.questions.pop().filter(|_| letter != b'd') else { return };
        match event {
            Event::Describe(question) => answer!(question, ()),
            Event::Announce(question) => answer!(question, ()),
            Event::Setup(question) => answer!(question, ()),
            Event::Speak(question) => answer!(question, ()),
            Event::Play(question) => answer!(question, ()),
            Event::Pause(question) => answer!(question, ()),
            Event::Record(question) => answer!(question, ()),
            Event::GetParameter(question) => answer!(question, Bytes::from_static(b"a: b\r\n")),
            Event::SetParameter(question) => answer!(question, ()),
            other => panic!("{other:?} is no question"),
        }
    }

    fn check(&mut self) {
        for event in std::mem::take(&mut self.rig.events) {
            match event {
                Event::Playing { session, .. } => self.playing.push(session),
                Event::Describe(_)
                | Event::Announce(_)
                | Event::Setup(_)
                | Event::Speak(_)
                | Event::Play(_)
                | Event::Pause(_)
                | Event::Record(_)
                | Event::GetParameter(_)
                | Event::SetParameter(_) => self.questions.push(event),
                _ => {}
            }
        }
        for conn in self.conns.iter_mut().flatten() {
            conn.unparsed.extend(self.rig.received(conn.id));
            conn.parse(&mut self.sessions, &mut self.reached);
        }
        self.reached.datagrams += self.rig.datagrams.drain(..).count();
    }

    /// Everybody leaves, and then nothing is left.
    fn end(mut self) -> Reached {
        for conn in self.conns.iter().flatten() {
            self.rig.hang_up(conn.id);
        }
        self.rig.server.close(self.rig.now);
        self.rig.advance(Duration::from_secs(300));
        assert!(self.rig.server.is_empty(), "{:?}", self.rig.server);
        assert!(self.rig.logs.is_empty() && !self.rig.has_udp_readers());
        self.reached
    }
}

impl Conn {
    /// Reads what the server has written as strictly as the standard allows.
    fn parse(&mut self, sessions: &mut Vec<String>, reached: &mut Reached) {
        // A peer that speaks another protocol is refused in it, behind all else.
        let refusals = [Protocol::Http, Protocol::Tls].into_iter().filter_map(Protocol::refusal);
        if let Some(refusal) = { refusals }.find(|refusal| self.unparsed.ends_with(refusal)) {
            self.unparsed.truncate(self.unparsed.len() - refusal.len());
        }
        loop {
            let parsed = rtsp_types::Message::<Vec<u8>>::parse(&self.unparsed);
            let (message, length) = match parsed {
                Ok(parsed) => parsed,
                Err(rtsp_types::ParseError::Incomplete(_)) => return,
                Err(error) => panic!("{error}: {}", self.unparsed.escape_ascii()),
            };
            self.unparsed.drain(..length);
            match message {
                rtsp_types::Message::Response(response) => {
                    *reached.responses.entry(response.status().into()).or_default() += 1;
                    self.take_response(&response, sessions);
                }
                rtsp_types::Message::Data(data) => {
                    reached.frames += 1;
                    assert!(self.channels.contains(&data.channel_id()), "channel {}", data.channel_id());
                }
                rtsp_types::Message::Request(request) => panic!("no server asks {request:?}"),
            }
        }
    }

    fn take_response(&mut self, response: &rtsp_types::Response<Vec<u8>>, sessions: &mut Vec<String>) {
        let header =
            |name: headers::HeaderName| response.header(&name).map(|value| value.as_str().to_owned());
        assert!(header(headers::SERVER).is_some());
        if let Some(session) = header(headers::SESSION) {
            let id = session.split(';').next().unwrap_or_default().to_owned();
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
            if !sessions.contains(&id) {
                sessions.push(id);
            }
        }
        let transport = header(headers::TRANSPORT).unwrap_or_default();
        if let Some((_, channels)) = transport.split_once("interleaved=") {
            let pair = channels.split(';').next().and_then(|pair| pair.split_once('-'));
            let (rtp, rtcp) = pair.expect("a pair of channels");
            self.channels.extend([rtp, rtcp].map(|channel| channel.parse::<u8>().expect("a channel")));
        }
    }
}
