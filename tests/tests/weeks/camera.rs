//! A camera that goes wrong in the ways in which cameras do.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::rtp::rtcp::{SenderReport, sender_report_compound};
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::{Instant, NtpTime};

use super::chance::Chance;

/// The wall clock time of time zero, since 1970.
pub(super) const WALL: Duration = Duration::from_secs(1_700_000_000);
/// How long a session lives without a request.
const SESSION_TIMEOUT: Duration = Duration::from_secs(60);
const MEDIAS: [(u8, u32); 2] = [(96, 90_000), (0, 8_000)];

/// How a media of a session travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// The interleaved channel of RTP.
    Tcp(u8),
    /// The client's port for RTP.
    Udp(u16),
}

#[derive(Debug)]
pub(super) struct Session {
    id: String,
    pub(super) ways: BTreeMap<usize, Way>,
    pub(super) plays: bool,
    heard: Instant,
}

/// Where the packets of a media come from.
#[derive(Debug)]
struct Source {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// When its timestamps began to count.
    since: Instant,
}

#[derive(Debug)]
pub(super) struct Camera {
    pub(super) session: Option<Session>,
    sources: Vec<Source>,
    /// How many packets of each media there were.
    numbers: [u64; 2],
    /// By how many millionths its clocks are fast.
    drift: i64,
    /// By how much its wall clock is set wrong.
    offset: Duration,
    knows_time: bool,
    /// The number of the description that it gives.
    variant: u64,
    /// How many requests it refuses, and with which status.
    refusals: (u64, &'static str),
}

impl Camera {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let mut camera = Self {
            session: None,
            sources: Vec::new(),
            numbers: [0; 2],
            drift: 0,
            offset: Duration::ZERO,
            knows_time: true,
            variant: 0,
            refusals: (0, ""),
        };
        camera.boot(Instant::ZERO, chance);
        // A command of the application is told of a refusal.
        camera.refusals.0 = 0;
        camera
    }

    /// Begins with other sources; the session before is forgotten.
    pub(super) fn boot(&mut self, now: Instant, chance: &mut Chance) {
        self.session = None;
        self.drift = chance.below(201) as i64 - 100;
        self.sources.clear();
        for _ in MEDIAS {
            self.sources.push(Source::new(now, chance));
        }
        self.knows_time = chance.happens(800);
        let status = chance.pick(&["404 Not Found", "401 Unauthorized", "503 Service Unavailable"]);
        self.refusals = (chance.pick(&[0, 0, 1, 3]), status);
    }

    /// An encoder begins anew under a session.
    pub(super) fn restart_encoder(&mut self, now: Instant, chance: &mut Chance) {
        self.sources[chance.below(2) as usize] = Source::new(now, chance);
    }

    pub(super) fn set_clock(&mut self, chance: &mut Chance) {
        self.offset = Duration::from_millis(chance.below(100_000_000));
    }

    pub(super) fn describe_as(&mut self, variant: u64) {
        self.variant = variant;
    }

    /// Describes itself otherwise under a session, and says so to the client that plays.
    pub(super) fn announce(&mut self, variant: u64) -> Option<String> {
        let session = self.session.as_ref().filter(|session| session.plays)?.id.clone();
        self.variant = variant;
        let body = self.description();
        Some(format!(
            "ANNOUNCE rtsp://camera/main RTSP/1.0\r\nCSeq: 1\r\nSession: {session}\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// The end of a connection, with which a session over TCP ends.
    pub(super) fn lose_connection(&mut self) {
        let is_tcp = |session: &Session| session.ways.values().any(|way| matches!(way, Way::Tcp(_)));
        self.session.take_if(|session| is_tcp(session));
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.session.take_if(|session| now >= session.heard + SESSION_TIMEOUT);
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, now: Instant, request: &str, chance: &mut Chance) -> String {
        let header = |name: &str| {
            let mut lines = request.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
        };
        let (method, _) = request.split_once(' ').expect("a request");
        let mut known = self.session.take_if(|session| session.id == header("Session"));
        known.iter_mut().for_each(|session| session.heard = now);
        let mut body = String::new();
        let head = match (method, &mut known) {
            ("OPTIONS", _) => {
                "200 OK\r\nPublic: DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER".to_owned()
            }
            ("DESCRIBE", _) if self.refusals.0 > 0 => {
                self.refusals.0 -= 1;
                self.refusals.1.to_owned()
            }
            ("DESCRIBE", _) => {
                body = self.description();
                "200 OK\r\nContent-Type: application/sdp".to_owned()
            }
            // It has one place, and that is taken.
            ("SETUP", None) if self.session.is_some() => "453 Not Enough Bandwidth".to_owned(),
            ("SETUP", known) => {
                let (media, way, transport) = set_up(request, header("Transport"));
                let session = known.get_or_insert_with(|| Session {
                    id: chance.below(1 << 40).to_string(),
                    ways: BTreeMap::new(),
                    plays: false,
                    heard: now,
                });
                session.ways.insert(media, way);
                format!("200 OK\r\nSession: {};timeout=60\r\nTransport: {transport}", session.id)
            }
            ("TEARDOWN", Some(_)) => {
                known = None;
                "200 OK".to_owned()
            }
            ("PLAY" | "PAUSE", Some(session)) => {
                session.plays = method == "PLAY";
                "200 OK".to_owned()
            }
            (_, Some(_)) => "200 OK".to_owned(),
            (_, None) => "454 Session Not Found".to_owned(),
        };
        self.session = known.or(self.session.take());
        let cseq = header("CSeq");
        format!("RTSP/1.0 {head}\r\nCSeq: {cseq}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    /// One of four: with other sound, without any, or with other parameters of the picture.
    fn description(&self) -> String {
        let parameters = if self.variant == 3 { "a=fmtp:96 packetization-mode=1\r\n" } else { "" };
        let sound = "m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n";
        let sound = match self.variant {
            1 => sound.replace("AVP 0", "AVP 98\r\na=rtpmap:98 OPUS/48000/2"),
            2 => String::new(),
            _ => sound.to_owned(),
        };
        format!(
            "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=camera\r\nt=0 0\r\n\
             m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n{parameters}a=control:trackID=0\r\n{sound}"
        )
    }

    /// The next packet of a media, and where it goes if somebody is to get it. It says its number and when it was made.
    pub(super) fn make(&mut self, now: Instant, media: usize) -> (Option<Way>, RtpPacket) {
        let timestamp = self.timestamp(now, media);
        let (source, number) = (&mut self.sources[media], &mut self.numbers[media]);
        source.sequence = source.sequence.wrapping_add(1);
        *number += 1;
        let payload = [number.to_be_bytes(), now.as_nanos().to_be_bytes()].concat();
        let header = RtpHeader {
            payload_type: MEDIAS[media].0,
            marker: true,
            sequence: source.sequence,
            timestamp,
            ssrc: source.ssrc,
        };
        (self.way(media), RtpPacket::build(header, &payload))
    }

    /// A sender report of a media.
    pub(super) fn report(&self, now: Instant, media: usize) -> (Option<Way>, Bytes) {
        let passed = (now - Instant::ZERO).as_nanos() as i128;
        let drifted = passed + passed * i128::from(self.drift) / 1_000_000;
        let wall = WALL + self.offset + Duration::from_nanos(drifted as u64);
        let ntp = if self.knows_time { NtpTime::from_unix(wall) } else { NtpTime::default() };
        let report = SenderReport {
            ssrc: self.sources[media].ssrc,
            ntp,
            rtp: self.timestamp(now, media),
            ..SenderReport::default()
        };
        (self.way(media), sender_report_compound(&report, "camera"))
    }

    fn way(&self, media: usize) -> Option<Way> {
        self.session.as_ref().filter(|session| session.plays)?.ways.get(&media).copied()
    }

    fn timestamp(&self, now: Instant, media: usize) -> u32 {
        let source = &self.sources[media];
        let passed = (now - source.since).as_nanos() as i128;
        let drifted = passed + passed * i128::from(self.drift) / 1_000_000;
        let units = drifted * i128::from(MEDIAS[media].1) / 1_000_000_000;
        source.timestamp.wrapping_add(units as u32)
    }
}

impl Source {
    fn new(since: Instant, chance: &mut Chance) -> Self {
        let mut word = || chance.below(1 << 32) as u32;
        Self { ssrc: word(), sequence: word() as u16, timestamp: word(), since }
    }
}

/// The media that a SETUP is about, how it is to travel, and the Transport of the answer.
fn set_up(request: &str, transport: &str) -> (usize, Way, String) {
    let media = usize::from(request.lines().next().unwrap_or_default().contains("trackID=1"));
    let number = |key: &str| {
        let (_, rest) = transport.split_once(key)?;
        rest.split(['-', ';']).next()?.parse().ok()
    };
    match (number("interleaved="), number("client_port=")) {
        (Some(channel), _) => (media, Way::Tcp(channel as u8), transport.to_owned()),
        (None, Some(port)) => {
            let server = 5_000 + 2 * media;
            (media, Way::Udp(port), format!("{transport};server_port={server}-{}", server + 1))
        }
        (None, None) => panic!("{transport:?} asks for nothing"),
    }
}
