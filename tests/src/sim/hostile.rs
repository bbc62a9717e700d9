use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use rtspan_core::Instant;
use rtspan_core::auth::Challenge;
use rtspan_core::rtp::{RtpPacket, rtcp};
use rtspan_core::wire::{Decoder, DecoderLimits, Frame, Item, Message, Method, Response, name};

use super::app::host;
use super::script::{Asked, Goal};
use super::source::Source;
use super::tcp::{Io, LinkId, Side};
use super::udp::Datagram;
use super::world::{PAIRS_MAX, SERVER, SERVER_PORTS, Task, World};

/// A host that keeps to no rule: it asks for anything in any order over several connections, and sends garbage.
#[derive(Debug)]
pub(super) struct Hostile {
    pub(super) index: usize,
    pub(super) host: IpAddr,
    pub(super) raws: Vec<Raw>,
    ports: u16,
    next: Instant,
    /// Datagrams that came to it.
    pub(super) datagrams: u64,
}

/// One of its connections.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) link: LinkId,
    /// Bytes that wait to be sent.
    pub(super) out: Vec<u8>,
    decoder: Decoder,
    pub(super) cseq: u32,
    /// Requests that were not answered yet.
    pub(super) asked: VecDeque<Asked>,
    /// The bytes that were sent may be read in more than one way.
    pub(super) is_dirty: bool,
    reads: bool,
    /// It has said that it sends no more.
    is_shut: bool,
    pub(super) sessions: BTreeMap<String, Known>,
    pub(super) goal: Goal,
    last_cseq: Option<u32>,
    /// How often it was asked to go elsewhere.
    pub(super) redirects: u32,
    /// The challenge that it got last, and how often it has answered that.
    pub(super) challenge: Option<(Challenge, u32)>,
}

/// Facts that it knows of a session.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) plays: bool,
    pub(super) records: bool,
    /// Channels of packets and reports, with the track that they carry.
    pub(super) channels: Vec<(u8, u8, Option<u8>)>,
    pub(super) source: Option<Source>,
    /// The newest packet that came since it plays.
    last: Option<u64>,
}

impl Hostile {
    pub(super) fn new(world: &mut World<'_>, index: usize) -> Self {
        let host = host(2, index / 2).into();
        // Those on one host use other ports.
        let ports = ports_of(index);
        world.rights.introduce(SocketAddr::new(host, ports).into(), &mut world.chance);
        Self { index, host, raws: Vec::new(), ports, next: world.now, datagrams: 0 }
    }

    pub(super) fn owns(&self, to: SocketAddr) -> bool {
        let ports = ports_of(self.index);
        to.ip() == self.host && (ports..ports + 20_000).contains(&to.port())
    }

    pub(super) fn port(&mut self) -> u16 {
        self.ports += 2;
        self.ports
    }
}

/// The first ports of the first on a host, and of the second.
const FIRST_PORTS: u16 = 20_000;
pub(super) const SECOND_PORTS: u16 = 40_000;

fn ports_of(index: usize) -> u16 {
    if index % 2 == 0 { FIRST_PORTS } else { SECOND_PORTS }
}

impl World<'_> {
    pub(super) fn run_hostile(&mut self, index: usize) {
        let Some(mut hostile) = self.hostiles[index].take() else { return };
        let mut raws = std::mem::take(&mut hostile.raws);
        raws.retain_mut(|raw| self.raw_reads(raw) && self.raw_writes(raw));
        hostile.raws = raws;
        if hostile.next <= self.now && self.is_stormy() {
            self.misbehave(&mut hostile);
            let pause = self.chance.pick(&[3, 300, 3_000]);
            hostile.next = self.now + self.chance.millis(1, pause);
        }
        let mut wake = self.is_stormy().then_some(hostile.next);
        for raw in &hostile.raws {
            let Some(link) = self.tcp.get(raw.link) else { continue };
            let readable = link.readable(Side::Client).filter(|_| raw.reads);
            let writable = link.writable(Side::Client).filter(|_| !raw.out.is_empty() && !raw.is_shut);
            wake = wake.into_iter().chain(readable).chain(writable).min();
        }
        self.wake_by(Task::Hostile(index), wake.map(|at| at.max(self.now)));
        self.hostiles[index] = Some(hostile);
    }

    fn misbehave(&mut self, hostile: &mut Hostile) {
        if hostile.raws.is_empty() || (hostile.raws.len() < 3 && self.chance.happens(40)) {
            let peer = SocketAddr::new(hostile.host, hostile.port());
            let link = self.connect(Task::Hostile(hostile.index), peer);
            let goal = Goal::any(&mut self.chance);
            return hostile.raws.push(Raw::new(link, goal));
        }
        let at = self.chance.index(hostile.raws.len());
        let mut raw = hostile.raws.swap_remove(at);
        match self.chance.below(1000) {
            990.. => {
                self.close_link(raw.link, Side::Client);
                return;
            }
            985..990 => {
                self.tcp.get_mut(raw.link).into_iter().for_each(|link| link.shut(Side::Client, self.now));
                raw.is_shut = true;
                let conn = self.tcp.get(raw.link).and_then(|link| link.conn);
                conn.into_iter().for_each(|conn| self.wake(Task::Conn(conn), self.now));
            }
            975..985 => raw.reads = !raw.reads,
            955..975 => self.send_garbage(&mut raw),
            850..955 => self.send_frames(&mut raw),
            800..850 => self.send_datagrams(hostile),
            _ => {
                for _ in 0..self.chance.pick(&[1, 1, 1, 1, 2, 4, 30]) {
                    self.send_request(hostile, &mut raw);
                }
            }
        }
        if self.raw_writes(&mut raw) {
            hostile.raws.push(raw);
        }
    }

    fn send_garbage(&mut self, raw: &mut Raw) {
        raw.is_dirty = true;
        let bytes: Vec<u8> = match self.chance.below(5) {
            0 => (0..self.chance.between(1, 200)).map(|_| self.chance.below(256) as u8).collect(),
            1 => b"PLAY rtsp://10.0.0.1/cam0 RTSP/1.0\r\nCSeq: 99".to_vec(),
            2 => b"ANNOUNCE rtsp://10.0.0.1/cam0 RTSP/1.0\r\nCSeq: 7\r\nContent-Length: 9000\r\n\r\nv=0"
                .to_vec(),
            3 => b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999\r\n\r\n".to_vec(),
            _ => vec![b'x'; self.chance.between(1, 3_000) as usize],
        };
        raw.out.extend(bytes);
    }

    fn send_frames(&mut self, raw: &mut Raw) {
        let now = self.now;
        let chance = &mut self.chance;
        for known in raw.sessions.values_mut().filter(|known| known.records) {
            let Some(source) = &mut known.source else { continue };
            source.next = now;
            for (track, packet) in source.make(now, chance) {
                let channels = known.channels.iter().find(|(.., own)| *own == Some(track));
                let Some((rtp, ..)) = channels else { continue };
                raw.out.extend(Frame::header(*rtp, packet.len() as u16));
                raw.out.extend_from_slice(packet.as_bytes());
            }
        }
        if chance.happens(400) {
            // Encoders that restart: all tracks say goodbye, and go on.
            for known in raw.sessions.values_mut().filter(|known| known.records) {
                let Some(source) = &mut known.source else { continue };
                for (_, channel, track) in &known.channels {
                    let former = track.map(|track| source.restart(track, chance)).unwrap_or_default();
                    for ssrc in former {
                        let goodbye = rtcp::goodbye_compound(ssrc, "sim", "restart");
                        raw.out.extend(Frame::header(*channel, goodbye.len() as u16));
                        raw.out.extend_from_slice(&goodbye);
                        self.counts.add("encoders restarted with a goodbye", 1);
                    }
                }
            }
        }
        if chance.happens(150) {
            // A report, or nonsense, on any channel.
            let report: &[u8] = &[0x80, 201, 0, 1, 0, 0, 0, 7];
            let channel = chance.below(9) as u8;
            let rtp: &[u8] = b"\x80\x7fnonsense that is long enough";
            let payload = chance.pick(&[report, rtp, b"", b"\xff"]);
            raw.out.extend(Frame::header(channel, payload.len() as u16));
            raw.out.extend_from_slice(payload);
        }
    }

    fn send_datagrams(&mut self, hostile: &mut Hostile) {
        let port = hostile.ports - 2 * self.chance.below(4) as u16;
        let report = Bytes::from_static(&[0x80, 201, 0, 1, 0, 0, 0, 7]);
        let further = 2 * self.chance.below(PAIRS_MAX) as u16;
        for (own, to) in [(port, SERVER_PORTS.0 + further), (port + 1, SERVER_PORTS.1 + further)] {
            let from = SocketAddr::new(hostile.host, own);
            self.send_datagram(Datagram { from, to: (SERVER, to).into(), data: report.clone() });
        }
    }

    /// Returns `true` if the connection is still there.
    pub(super) fn raw_writes(&mut self, raw: &mut Raw) -> bool {
        while !raw.out.is_empty() && !raw.is_shut {
            let Some(link) = self.tcp.get_mut(raw.link) else { return false };
            match link.write(Side::Client, self.now, &[IoSlice::new(&raw.out)], &mut self.chance) {
                Io::Done(n) => {
                    self.trace.bytes(&raw.out[..n]);
                    raw.out.drain(..n);
                    let (server, at) = (link.task(Side::Server), link.readable(Side::Server));
                    server.into_iter().for_each(|server| self.wake_by(server, at.map(|at| at.max(self.now))));
                }
                Io::Blocked => {
                    // A peer that neither reads nor stops to ask is not modelled beyond this.
                    raw.out.truncate(1 << 18);
                    raw.is_dirty |= raw.out.len() == 1 << 18;
                    return true;
                }
                Io::Closed | Io::Reset => {
                    self.close_link(raw.link, Side::Client);
                    return false;
                }
            }
        }
        true
    }

    fn raw_reads(&mut self, raw: &mut Raw) -> bool {
        while raw.reads {
            let Some(link) = self.tcp.get_mut(raw.link) else { return false };
            let read = |into: &mut _| link.read(Side::Client, self.now, into, &mut self.chance);
            match raw.decoder.read_with(read) {
                Io::Done(_) => {
                    let server = link.task(Side::Server);
                    server.into_iter().for_each(|server| self.wake(server, self.now));
                }
                Io::Blocked => break,
                Io::Closed | Io::Reset => {
                    self.close_link(raw.link, Side::Client);
                    return false;
                }
            }
            while let Some(item) = raw.decoder.poll().expect("the server writes what can be read") {
                match item {
                    Item::Frame(frame) => self.raw_frame(raw, frame),
                    Item::Message(Message::Response(response)) => self.raw_response(raw, &response),
                    Item::Message(Message::Request(request)) => self.raw_request(raw, &request),
                }
            }
            assert!(raw.decoder.take_tolerances().is_empty(), "the server writes what has to be tolerated");
        }
        true
    }

    fn raw_response(&mut self, raw: &mut Raw, response: &Response) {
        self.note(u64::from(response.status.as_u16()), || format!("answer {response:?}"));
        self.counts.add(response.status.reason(), 1);
        self.check_found(response);
        let asked = if raw.is_dirty {
            let Some(cseq) = response.cseq() else { return };
            assert!(
                raw.last_cseq.is_none_or(|last| last < cseq) || cseq == 99 || cseq <= 7,
                "answered again: {response:?}"
            );
            let Some(at) = raw.asked.iter().position(|asked| asked.cseq == Some(cseq)) else { return };
            raw.asked.drain(..at);
            raw.asked.pop_front()
        } else {
            let asked = raw.asked.pop_front();
            let cseq = asked.as_ref().map(|asked| asked.cseq);
            assert_eq!(cseq, Some(response.cseq()), "an answer out of its turn: {response:?}");
            asked
        };
        let Some(asked) = asked else { return };
        raw.last_cseq = asked.cseq.or(raw.last_cseq);
        if let Some(value) = response.headers.get(name::WWW_AUTHENTICATE) {
            let challenges = Challenge::parse_all(value, &mut Default::default());
            raw.challenge = challenges.into_iter().next().map(|challenge| (challenge, 0));
        }
        if response.status.is_success() {
            if matches!(asked.method, Method::Play | Method::Pause) {
                let peer = self.tcp.get(raw.link).map(|link| link.peer);
                peer.into_iter().for_each(|peer| self.check_told(peer, asked.cseq, response));
            }
            self.raw_learns(raw, &asked, response);
        }
    }

    fn raw_learns(&mut self, raw: &mut Raw, asked: &Asked, response: &Response) {
        let named = response.headers.get(name::SESSION);
        let key = named.map(|value| value.split(';').next().unwrap_or_default().to_owned());
        match asked.method {
            Method::Setup => {
                let key = key.expect("the answer to SETUP names the session");
                self.books.learn(&key);
                let transport =
                    response.headers.get(name::TRANSPORT).expect("the answer to SETUP has a transport");
                let read = rtspan_core::header::Transport::parse(transport, &mut Default::default());
                let interleaved = read.expect("a transport that can be read").interleaved;
                // A session that had the channels before has ended.
                let taken = |rtp: u8| interleaved.is_some_and(|(own, _)| own == rtp);
                raw.sessions.values_mut().for_each(|known| known.channels.retain(|(rtp, ..)| !taken(*rtp)));
                let known = raw.sessions.entry(key).or_default();
                known.channels.extend(interleaved.map(|(rtp, rtcp)| (rtp, rtcp, asked.track)));
            }
            Method::Play => {
                let known =
                    raw.sessions.entry(key.expect("the answer to PLAY names the session")).or_default();
                if !known.plays {
                    known.last = None;
                }
                known.plays = true;
            }
            Method::Record => {
                let known =
                    raw.sessions.entry(key.expect("the answer to RECORD names the session")).or_default();
                known.records = true;
                if known.source.is_none() {
                    let origin = self.truth.origin();
                    let peer = self.tcp.get(raw.link).map(|link| link.peer);
                    peer.into_iter().for_each(|peer| self.rights.makes(origin, peer.into()));
                    known.source = Some(Source::new(self.now, origin, &raw.goal.kinds, &mut self.chance));
                }
            }
            Method::Pause => {
                let known =
                    raw.sessions.entry(key.expect("the answer to PAUSE names the session")).or_default();
                (known.plays, known.records) = (false, false);
            }
            Method::Teardown => match (&asked.key, raw.sessions.len()) {
                (Some(key), _) => drop(raw.sessions.remove(key)),
                (None, 1) => raw.sessions.clear(),
                // The session that it meant cannot be told.
                (None, _) => raw.is_dirty = true,
            },
            _ => {}
        }
    }

    fn raw_frame(&mut self, raw: &mut Raw, frame: Frame) {
        if raw.is_dirty {
            return;
        }
        let Frame { channel, payload } = frame;
        let carries = |known: &&mut Known| {
            known.channels.iter().any(|(rtp, rtcp, _)| {
                (*rtp == channel && known.plays) || (*rtcp == channel && (known.plays || known.records))
            })
        };
        let Some(known) = raw.sessions.values_mut().find(carries) else {
            panic!("a frame on channel {channel} of no session that plays: {:?}", raw.sessions);
        };
        let Some((.., track)) = known.channels.iter().find(|(rtp, ..)| *rtp == channel) else { return };
        let packet = RtpPacket::parse(payload).expect("the server sends RTP");
        let Some((stream, number)) = self.truth.place(&packet) else { return };
        let peer = self.tcp.get(raw.link).map(|link| link.peer);
        peer.into_iter().for_each(|peer| {
            self.rights.check_reader(peer.into(), stream);
            self.books.privates.check_conn(stream, peer);
        });
        let entry = self.truth.entries(stream)[number as usize];
        assert!(track.is_none_or(|track| track == entry.track), "a packet of another track");
        assert!(known.last.is_none_or(|last| last < number), "packet {number} behind {:?}", known.last);
        known.last = Some(number);
        self.counts.add("packets received by hostile readers", 1);
    }
}

impl Raw {
    fn new(link: LinkId, goal: Goal) -> Self {
        Self {
            link,
            out: Vec::new(),
            decoder: Decoder::new(DecoderLimits::default()),
            cseq: 100,
            asked: VecDeque::new(),
            is_dirty: false,
            reads: true,
            is_shut: false,
            sessions: BTreeMap::new(),
            goal,
            last_cseq: None,
            redirects: 0,
            challenge: None,
        }
    }
}
