//! Servers that mean harm: clients are attacked too.

use std::collections::BTreeSet;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::client::{
    Client, ClientCloseReason, ClientConfig, ClientEvent, ClientOutput, ClientSink, CommandError, Reply,
    Transports,
};
use rtspan_core::limits::{
    BODY_BYTES_MAX, DESCRIBE_DEADLINE, HEAD_BYTES_MAX, RECEIVED_BYTES_MAX, SDP_LINES_MAX,
};
use rtspan_core::udp::Port;
use rtspan_core::{Description, Instant, UdpId, Url};

use super::memory::held;
use super::world::packet;

const URL: &str = "rtsp://user:geheimnis@192.0.2.1/cam";
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=cam\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n";
const CHANNELS: &str = "Session: 1234\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";

/// A client, and what a server can do to it.
pub(super) struct Victim {
    pub(super) client: Client,
    now: Instant,
    cseq: u32,
    written: Vec<u8>,
    pub(super) events: Vec<ClientEvent>,
    connects: Vec<String>,
    datagrams: Destinations,
}

/// Where datagrams went.
#[derive(Default)]
struct Destinations(BTreeSet<IpAddr>);

impl ClientSink for Destinations {
    fn send(&mut self, _: UdpId, _: Port, to: SocketAddr, _: &Bytes) -> bool {
        self.0.insert(to.ip());
        true
    }
}

impl Victim {
    /// A client that has asked for a description and will set up and play the first media.
    pub(super) fn new(transports: Transports) -> Self {
        let config = ClientConfig::default().transports(transports);
        let mut client = Client::new(Url::parse(URL).unwrap(), config, [7; 32]);
        let now = Instant::ZERO;
        client.describe(now).unwrap();
        client.setup(now, 0).unwrap();
        client.play(now, None).unwrap();
        let mut victim = Self {
            client,
            now,
            cseq: 0,
            written: Vec::new(),
            events: Vec::new(),
            connects: Vec::new(),
            datagrams: Destinations::default(),
        };
        victim.drain();
        victim.answer("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", "");
        victim
    }

    fn playing() -> Self {
        let mut victim = Self::new(Transports::Tcp);
        victim.describe(SDP);
        victim.answer("200 OK", CHANNELS, "");
        victim.answer("200 OK", "", "");
        assert!(
            victim.events.iter().any(|event| matches!(event, ClientEvent::Done(_, Ok(Reply::Playing(_)))))
        );
        victim
    }

    pub(super) fn describe(&mut self, sdp: &str) {
        self.answer("200 OK", "Content-Type: application/sdp\r\n", sdp);
    }

    pub(super) fn answer(&mut self, status: &str, headers: &str, body: &str) {
        self.cseq += 1;
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let text = format!("RTSP/1.0 {status}\r\nCSeq: {}\r\n{headers}{length}\r\n{body}", self.cseq);
        self.send(text.as_bytes());
    }

    pub(super) fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.client.wants_read() {
            let room = self.client.read_buf();
            let n = room.len().min(bytes.len());
            room[..n].copy_from_slice(&bytes[..n]);
            self.client.handle_read(self.now, n);
            bytes = &bytes[n..];
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Connect { host, .. } => {
                    self.connects.push(host);
                    self.cseq = 0;
                    self.client.handle_connected(self.now, Ok("192.0.2.1:554".parse().unwrap()));
                }
                ClientOutput::OpenUdp(id, _) => self.client.handle_udp_opened(self.now, id, Ok((7000, 7001))),
                ClientOutput::JoinGroup(id, spec) => {
                    self.client.handle_udp_opened(self.now, id, Ok(spec.ports));
                }
                ClientOutput::Event(event) => self.events.push(event),
                _ => {}
            }
        }
        self.client.flush(self.now, &mut self.datagrams);
        while self.client.wants_write() {
            let mut slices = [IoSlice::new(&[])];
            self.client.io_slices(&mut slices);
            self.written.extend_from_slice(&slices[0]);
            let n = slices[0].len();
            self.client.handle_written(self.now, n);
        }
    }

    fn wait(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(next) = self.client.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn closed(&self) -> Option<&ClientCloseReason> {
        self.events.iter().find_map(|event| match event {
            ClientEvent::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    fn failure(&self) -> Option<&CommandError> {
        self.events.iter().find_map(|event| match event {
            ClientEvent::Done(_, Err(error)) => Some(error),
            _ => None,
        })
    }

    fn wrote(&self, text: &str) -> bool {
        self.written.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

#[test]
fn answers_without_end_close_the_client_and_hold_little() {
    for (name, start, piece, limit) in [
        ("garbage", "", "\u{ff}", HEAD_BYTES_MAX),
        ("a status line", "RTSP/1.0 200 ", "x", HEAD_BYTES_MAX),
        ("a header", "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: ", "s;", HEAD_BYTES_MAX),
        ("headers", "RTSP/1.0 200 OK\r\n", "X: 1\r\n", HEAD_BYTES_MAX),
        ("folded lines", "RTSP/1.0 200 OK\r\nX: 1", "\r\n y", HEAD_BYTES_MAX),
    ] {
        let mut victim = Victim::new(Transports::Tcp);
        let piece = piece.repeat(1000);
        let mut sent = 0;
        let held = held(|| {
            victim.send(start.as_bytes());
            while victim.closed().is_none() {
                victim.send(piece.as_bytes());
                sent += piece.len();
                assert!(sent < 4 * limit, "{name} goes on for ever");
            }
        });
        assert!(matches!(victim.closed(), Some(ClientCloseReason::Wire(_))), "{name}: {:?}", victim.closed());
        assert!(held.peak < 400 << 10, "{name}: {held:?}");
    }
}

#[test]
fn a_body_beyond_the_limit_closes_the_client_at_once() {
    let mut victim = Victim::new(Transports::Tcp);
    let head = |bytes: usize| format!("RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: {bytes}\r\n\r\n");
    let held = held(|| victim.send(head(BODY_BYTES_MAX).as_bytes()));
    assert!(victim.closed().is_none() && held.peak < 16 << 10, "{held:?}");
    victim.wait(DESCRIBE_DEADLINE);
    assert_eq!(victim.failure(), Some(&CommandError::Timeout), "what does not come is not waited for");
    let mut victim = Victim::new(Transports::Tcp);
    victim.send(head(BODY_BYTES_MAX + 1).as_bytes());
    assert!(matches!(victim.closed(), Some(ClientCloseReason::Wire(_))));
}

#[test]
fn a_description_beyond_the_limits_fails_the_command_and_not_the_client() {
    let start = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\n";
    for (name, sdp) in [
        ("ten thousand medias", format!("v=0\r\n{}", "m=video 0 RTP/AVP 96\r\n".repeat(10_000))),
        ("too many bytes", format!("{start}a=x:{}\r\n", "y".repeat(900_000))),
        ("no media", "v=0\r\ns=x\r\n".to_owned()),
        ("a page", "<html><body>404</body></html>".to_owned()),
    ] {
        let mut victim = Victim::new(Transports::Tcp);
        let bytes = sdp.len() as isize;
        let held = held(|| victim.describe(&sdp));
        assert!(
            matches!(victim.failure(), Some(CommandError::Description(_))),
            "{name}: {:?}",
            victim.failure()
        );
        assert!(held.peak < 8 * bytes + 100_000, "{name}: {held:?}");
        assert!(victim.closed().is_none(), "{name}");
    }
}

#[test]
fn a_description_as_large_as_may_be_is_read_in_memory_in_proportion() {
    let start = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    for (name, line) in [
        ("attributes", "a=x\r\n"),
        ("fmtp", "a=fmtp:96 a=b\r\n"),
        ("rtpmap", "a=rtpmap:96 H264/90000\r\n"),
        ("times", "t=0 0\r\n"),
        ("repetitions", "r=7d 1h 0 25h\r\n"),
        ("bandwidths", "b=AS:1\r\n"),
        ("bytes of no language", "a=\u{fffd}\r\n"),
    ] {
        let mut sdp = start.to_owned();
        let lines = if ["t", "r"].contains(&&line[..1]) { usize::MAX } else { SDP_LINES_MAX - 3 };
        sdp.extend(std::iter::repeat_n(line, lines.min((200 << 10) / line.len())));
        let mut victim = Victim::new(Transports::Tcp);
        let held = held(|| victim.describe(&sdp));
        assert!(victim.failure().is_none(), "{name}");
        assert!(held.peak < 2 << 20, "{name}: {held:?}");
    }
}

#[test]
fn no_answer_leads_a_client_or_its_credentials_to_another_host() {
    let controls = [
        "rtsp://203.0.113.66/evil",
        "rtsp://user:geheimnis@203.0.113.66/evil",
        "//203.0.113.66/evil",
        "@203.0.113.66/evil",
        "203.0.113.66:554/evil",
        "?@203.0.113.66/",
        "..//203.0.113.66",
        "http://203.0.113.66/",
    ];
    for evil in controls {
        let sdp =
            SDP.replace("trackID=0", evil).replace("s=cam\r\n", &format!("s=cam\r\na=control:{evil}\r\n"));
        let mut victim = Victim::new(Transports::Tcp);
        victim.answer("200 OK", &format!("Content-Type: application/sdp\r\nContent-Base: {evil}\r\n"), &sdp);
        victim.answer("200 OK", CHANNELS, "");
        victim.answer("200 OK", &format!("RTP-Info: url={evil};seq=9\r\n"), "");
        assert_eq!(victim.connects, ["192.0.2.1"], "{evil}");
        for line in String::from_utf8_lossy(&victim.written).lines().filter(|line| line.ends_with("RTSP/1.0"))
        {
            let uri = line.split(' ').nth(1).unwrap();
            assert!(uri == "*" || Url::parse(uri).unwrap().host() == "192.0.2.1", "{evil}: {line}");
        }
        assert!(!victim.wrote("geheimnis"), "{evil}");
    }
}

#[test]
fn a_redirect_takes_no_credentials_to_another_host() {
    let mut victim = Victim::new(Transports::Tcp);
    victim.answer("302 Found", "Location: rtsp://203.0.113.66/cam\r\n", "");
    assert_eq!(victim.connects, ["192.0.2.1", "203.0.113.66"]);
    assert_eq!(victim.client.url().credentials(), None);
    assert!(!victim.wrote("geheimnis") && !format!("{:?}", victim.client).contains("geheimnis"));
}

#[test]
fn redirects_in_a_circle_end() {
    let mut victim = Victim::new(Transports::Tcp);
    for _ in 0..100 {
        victim.answer("302 Found", "Location: rtsp://192.0.2.1/cam\r\n", "");
        victim.answer("200 OK", "", "");
    }
    assert_eq!(victim.failure(), Some(&CommandError::TooManyRedirects));
    assert!(victim.connects.len() < 10);
}

#[test]
fn sessions_and_transports_of_a_server_may_be_anything() {
    for headers in [
        format!("Session: {}\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n", "s;".repeat(20_000)),
        "Session: x;timeout=0\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n".to_owned(),
        "Session: x;timeout=4294967295\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n".to_owned(),
        "Session: x;timeout=-1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n".to_owned(),
        "Session: \u{1}\u{7f}\r\nTransport: RTP/AVP/TCP;interleaved=255-256\r\n".to_owned(),
        "Transport: RTP/AVP/TCP;interleaved=0-0\r\n".to_owned(),
        "Transport: RTP/AVP;client_port=7000-7001;server_port=0-0\r\n".to_owned(),
        "Transport: RTP/AVP;client_port=1-1;server_port=0-1;source=127.0.0.1\r\n".to_owned(),
        "Transport: RTP/AVP;multicast;destination=239.1.1.1;port=65535\r\n".to_owned(),
        "Transport: RTP/AVP;multicast;destination=239.1.1.1;port=65535-0;ttl=256\r\n".to_owned(),
        "Transport: RTP/AVP;multicast;destination=255.255.255.255;port=5000-5001\r\n".to_owned(),
        "Session: 1\r\nTransport: RTP/AVP;multicast;destination=239.1.1.1;port=5000-5000;ttl=0\r\n"
            .to_owned(),
        format!("Transport: {}\r\n", "RTP/AVP,".repeat(5000)),
        format!("Transport: RTP/AVP/TCP;{}\r\n", "x=y;".repeat(5000)),
    ] {
        for transports in [
            Transports::Tcp,
            Transports::Udp,
            Transports::UdpThenTcp,
            Transports::Multicast,
            Transports::MulticastThenTcp,
            Transports::Any,
        ] {
            let mut victim = Victim::new(transports);
            victim.describe(SDP);
            victim.answer("200 OK", &headers, "");
            victim.answer("200 OK", &headers, "");
            // However it went, it ends, and meanwhile asks no more than once a second.
            let before = victim.written.len();
            victim.wait(Duration::from_secs(20));
            assert!(victim.written.len() - before < 21 * 50_000, "{headers:.60}");
            let _ = victim.client.teardown(victim.now);
            victim.drain();
            victim.wait(Duration::from_secs(20));
            assert!(victim.closed().is_some(), "{headers:.60}");
        }
    }
}

#[test]
fn no_datagram_is_sent_to_whom_a_server_merely_names_as_everybody() {
    for source in ["255.255.255.255", "224.0.0.1", "0.0.0.0", "127.0.0.1", "victim.example"] {
        let mut victim = Victim::new(Transports::Udp);
        victim.describe(SDP);
        let transport =
            format!("RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001;source={source}");
        victim.answer("200 OK", &format!("Session: 1\r\nTransport: {transport}\r\n"), "");
        victim.answer("200 OK", "", "");
        victim.wait(Duration::from_secs(6));
        let server = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(victim.datagrams.0, [server].into(), "{source}");
    }
}

#[test]
fn packets_that_nobody_takes_hold_no_more_than_the_bound() {
    let mut victim = Victim::playing();
    let junk = [&[b'$', 9, 0xff, 0xff][..], &[0; 65_535]].concat();
    let held = held(|| {
        for sequence in 0..20_000 {
            let packet = packet(96, sequence, &[0x41; 1000]).into_bytes();
            let [high, low] = u16::try_from(packet.len()).unwrap().to_be_bytes();
            victim.send(&[&[b'$', 0, high, low], &packet[..]].concat());
            if sequence % 5 == 0 {
                victim.send(&junk);
            }
        }
    });
    assert!(held.left < 4 * RECEIVED_BYTES_MAX as isize, "{held:?}");
    assert!(victim.client.media_stats(victim.now, 0).unwrap().dropped > 0);
}

#[test]
fn requests_of_a_server_are_answered_or_refused_and_change_nothing() {
    let mut victim = Victim::playing();
    for (method, session) in [
        ("OPTIONS", "1234"),
        ("ANNOUNCE", "1234"),
        ("SETUP", "1234"),
        ("TEARDOWN", "another"),
        ("PLAY", "1234"),
        ("SET_PARAMETER", "1234"),
        ("FOO", "1234"),
    ] {
        let text =
            format!("{method} rtsp://192.0.2.1/cam RTSP/1.0\r\nCSeq: 900\r\nSession: {session}\r\n\r\n");
        (0..50).for_each(|_| victim.send(text.as_bytes()));
    }
    let answered = String::from_utf8_lossy(&victim.written).matches("CSeq: 900").count();
    assert_eq!(answered, 7 * 50);
    assert!(victim.closed().is_none());
}

#[test]
fn a_session_that_a_server_tears_down_again_and_again_ends_once() {
    let mut victim = Victim::playing();
    let text = "TEARDOWN rtsp://192.0.2.1/cam RTSP/1.0\r\nCSeq: 900\r\nSession: 1234\r\n\r\n";
    victim.send(text.repeat(50).as_bytes());
    assert!(matches!(victim.closed(), Some(ClientCloseReason::TornDownByServer)));
    assert_eq!(String::from_utf8_lossy(&victim.written).matches("CSeq: 900").count(), 1);
}

#[test]
fn a_server_that_answers_a_byte_at_a_time_fails_its_commands_in_time() {
    let mut victim = Victim::new(Transports::Tcp);
    victim.send(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nX: ");
    for _ in 0..4 {
        victim.send(b"x");
        victim.wait(DESCRIBE_DEADLINE / 3);
    }
    assert_eq!(victim.failure(), Some(&CommandError::Timeout));
}

#[test]
fn what_a_description_says_is_told_as_it_is_and_no_more() {
    let mut victim = Victim::new(Transports::Tcp);
    victim.describe("v=0\r\ns=\x1b[31m\r\nm=video 0 RTP/AVP 96\r\na=control:\x1b]0;x\x07\r\n");
    let described: Option<&Description> = victim.client.description();
    assert!(described.is_some());
    let shown = format!("{:?} {:?}", victim.client, victim.events);
    assert!(!shown.contains('\x1b') && !shown.contains('\x07'), "control characters are escaped in logs");
}
