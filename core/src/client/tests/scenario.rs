//! A scripted server: walk to a state, do one thing, look at one thing.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::client::*;
use crate::rtp::{RtpHeader, RtpPacket};
use crate::udp::{GroupSpec, Port, UdpOpenError};
use crate::url::Url;
use crate::wire::{Decoder, DecoderLimits, Frame, Item, StatusCode};
use crate::{Description, Format, Instant, Media, MediaKind, NtpTime, UdpId};

pub(super) const URL: &str = "rtsp://192.0.2.1/cam?q=1";
pub(super) const SERVER: &str = "192.0.2.1:554";
pub(super) const PUBLIC: &str = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER";
pub(super) const SDP: &str = "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=cam\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n";

/// The refusal of a server that says what the standard says for it.
pub(super) fn with_status(status: StatusCode) -> CommandError {
    CommandError::Status { status, reason: status.reason().into() }
}

/// A host whose name has no address.
pub(super) fn unresolved() -> ConnectError {
    ConnectError::of(Vec::new())
}

/// No connection within its deadline.
pub(super) fn no_answer() -> ConnectError {
    ConnectError::Timeout(Vec::new())
}

/// The server, the network and the clock of a client.
pub(super) struct Scenario {
    pub(super) client: Client,
    pub(super) now: Instant,
    /// All that the client did, in words.
    pub(super) log: Vec<String>,
    /// When keepalives were answered.
    pub(super) answered: Vec<Instant>,
    pub(super) frames: VecDeque<Frame>,
    pub(super) datagrams: VecDeque<(UdpId, Port, SocketAddr, Bytes)>,
    pub(super) udp: Vec<UdpId>,
    /// Bytes of what the server sends that come at once.
    chunk: usize,
    /// Bytes that the server has sent so far, and the place in them where those that come at once are cut in two.
    pub(super) received: usize,
    cut: usize,
    /// The server takes connections, and the system opens sockets.
    pub(super) connects: bool,
    pub(super) opens: bool,
    /// The sockets for datagrams have room.
    pub(super) takes_datagrams: bool,
    cseq: u32,
    sent: Decoder,
    requests: VecDeque<String>,
    events: VecDeque<ClientEvent>,
}

impl Scenario {
    pub(super) fn new(transports: Transports) -> Self {
        Self::with(URL, ClientConfig::default().transports(transports))
    }

    pub(super) fn with(url: &str, config: ClientConfig) -> Self {
        let mut client = Client::new(Url::parse(url).unwrap(), config.user_agent("test"), [7; 32]);
        client.set_wall_clock(Instant::ZERO, NtpTime::from_unix(Duration::from_secs(1_000_000_000)));
        Self {
            client,
            now: Instant::ZERO,
            log: Vec::new(),
            answered: Vec::new(),
            frames: VecDeque::new(),
            datagrams: VecDeque::new(),
            udp: Vec::new(),
            chunk: usize::MAX,
            received: 0,
            cut: 0,
            connects: true,
            opens: true,
            takes_datagrams: true,
            cseq: 0,
            sent: Decoder::new(DecoderLimits::default()),
            requests: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Lets what the server sends come in pieces.
    pub(super) fn in_chunks(mut self, chunk: usize) -> Self {
        self.chunk = chunk;
        self
    }

    /// Lets what the server sends be cut in two once, so many bytes after the beginning.
    pub(super) fn cut_at(mut self, cut: usize) -> Self {
        self.cut = cut;
        self
    }

    /// After OPTIONS and DESCRIBE.
    pub(super) fn described(transports: Transports) -> Self {
        Self::new(transports).describe()
    }

    pub(super) fn describe(self) -> Self {
        self.describe_as(SDP)
    }

    pub(super) fn describe_as(mut self, description: &str) -> Self {
        self.client.describe(self.now).unwrap();
        self.expect_method("OPTIONS");
        self.answer(&format!("200 OK | {PUBLIC}"));
        self.expect_method("DESCRIBE");
        self.answer(&sdp(description));
        assert!(matches!(self.done(), Reply::Described(_)));
        self
    }

    pub(super) fn playing_tcp() -> Self {
        Self::described(Transports::Tcp).play_tcp("1234;timeout=60")
    }

    pub(super) fn play_tcp(mut self, session: &str) -> Self {
        self.client.setup(self.now, 0).unwrap();
        self.expect_method("SETUP");
        self.answer(&format!("200 OK | Session: {session} | Transport: RTP/AVP/TCP;unicast;interleaved=0-1"));
        assert!(matches!(self.done(), Reply::Setup(_)));
        self.play()
    }

    /// Playing the first media over UDP.
    pub(super) fn playing_udp(config: ClientConfig) -> Self {
        let mut this = Self::with(URL, config).describe();
        this.client.setup(this.now, 0).unwrap();
        this.expect_method("SETUP");
        this.answer(
            "200 OK | Session: 1234 | Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001",
        );
        assert!(matches!(this.done(), Reply::Setup(_)));
        this.play()
    }

    fn play(mut self) -> Self {
        self.client.play(self.now, None).unwrap();
        self.expect_method("PLAY");
        self.answer("200 OK");
        assert!(matches!(self.done(), Reply::Playing(_)));
        self
    }

    pub(super) fn recording(transports: Transports) -> Self {
        Self::recording_with(ClientConfig::default().transports(transports))
    }

    pub(super) fn recording_with(config: ClientConfig) -> Self {
        let transports = config.transports;
        let mut this = Self::with(URL, config);
        this.client.announce(this.now, published()).unwrap();
        this.client.setup(this.now, 0).unwrap();
        this.client.record(this.now).unwrap();
        this.expect_method("OPTIONS");
        this.answer("200 OK | Public: ANNOUNCE, RECORD");
        this.expect_method("ANNOUNCE");
        this.answer("200 OK");
        this.expect_method("SETUP");
        this.answer(match transports {
            Transports::Tcp => {
                "200 OK | Session: 1234 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"
            }
            _ => {
                "200 OK | Session: 1234 | \
                 Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001;mode=record"
            }
        });
        this.expect_method("RECORD");
        this.answer("200 OK");
        for _ in 0..3 {
            this.done();
        }
        this
    }

    /// The next request, whole, with ` | ` for line ends and ` || ` before the body.
    #[track_caller]
    pub(super) fn expect(&mut self, request: &str) {
        assert_eq!(self.request(), request);
    }

    #[track_caller]
    pub(super) fn expect_method(&mut self, method: &str) {
        let request = self.request();
        assert_eq!(request.split(' ').next(), Some(method), "{request}");
    }

    #[track_caller]
    pub(super) fn request(&mut self) -> String {
        self.pump();
        self.requests.pop_front().expect("the client has sent a request")
    }

    pub(super) fn next_request(&mut self) -> Option<String> {
        self.pump();
        self.requests.pop_front()
    }

    #[track_caller]
    pub(super) fn expect_nothing_sent(&mut self) {
        self.pump();
        assert_eq!(self.requests.pop_front(), None);
        assert_eq!(self.frames.pop_front(), None);
    }

    /// Answers the last request in the notation of [`expect`](Self::expect); `CSeq` is added unless it is there.
    pub(super) fn answer(&mut self, response: &str) {
        let (head, body) = response.split_once(" || ").unwrap_or((response, ""));
        let mut text = format!("RTSP/1.0 {}\r\n", head.replace(" | ", "\r\n"));
        if !head.to_lowercase().contains("cseq:") {
            text += &format!("CSeq: {}\r\n", self.cseq);
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        self.receive(format!("{text}\r\n{body}").as_bytes());
    }

    /// Receives bytes of the connection.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.pump();
        let cut = self.cut.saturating_sub(self.received).min(bytes.len());
        self.received += bytes.len();
        let (first, second) = bytes.split_at(cut);
        for chunk in first.chunks(self.chunk).chain(second.chunks(self.chunk)) {
            let mut rest = chunk;
            while !rest.is_empty() {
                let buffer = self.client.read_buf();
                let n = rest.len().min(buffer.len());
                buffer[..n].copy_from_slice(&rest[..n]);
                self.client.handle_read(self.now, n);
                rest = &rest[n..];
            }
        }
        self.pump();
    }

    pub(super) fn frame(&mut self, channel: u8, payload: &[u8]) {
        let mut bytes = Frame::header(channel, payload.len() as u16).to_vec();
        bytes.extend_from_slice(payload);
        self.receive(&bytes);
    }

    pub(super) fn datagram(&mut self, port: Port, from: &str, data: impl Into<Bytes>) {
        self.pump();
        let id = *self.udp.last().expect("sockets were opened");
        self.client.handle_datagram(self.now, id, port, from.parse().unwrap(), data.into());
        self.pump();
    }

    pub(super) fn close(&mut self) {
        self.pump();
        self.client.handle_closed(self.now);
        self.pump();
    }

    /// Lets time pass, from deadline to deadline.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        self.pump();
        while let Some(deadline) = self.client.poll_timeout().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.client.handle_timeout(self.now);
            self.pump();
            let next = self.client.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a deadline that does not pass: {next:?}");
        }
        self.now = end;
    }

    #[track_caller]
    pub(super) fn event(&mut self) -> ClientEvent {
        self.pump();
        self.events.pop_front().expect("an event")
    }

    pub(super) fn next_event(&mut self) -> Option<ClientEvent> {
        self.pump();
        self.events.pop_front()
    }

    #[track_caller]
    pub(super) fn no_event(&mut self) {
        self.pump();
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// The result of the next command, which has succeeded.
    #[track_caller]
    pub(super) fn done(&mut self) -> Reply {
        match self.event() {
            ClientEvent::Done(_, Ok(reply)) => reply,
            event => panic!("{event:?}"),
        }
    }

    /// How the next command failed.
    #[track_caller]
    pub(super) fn failed(&mut self) -> CommandError {
        match self.event() {
            ClientEvent::Done(_, Err(error)) => error,
            event => panic!("{event:?}"),
        }
    }

    #[track_caller]
    pub(super) fn closed(&mut self) -> ClientCloseReason {
        match self.event() {
            ClientEvent::Closed(reason) => {
                self.no_event();
                reason
            }
            event => panic!("{event:?}"),
        }
    }

    #[track_caller]
    pub(super) fn switched(&mut self) -> SwitchReason {
        match self.event() {
            ClientEvent::TransportSwitched(reason) => reason,
            event => panic!("{event:?}"),
        }
    }

    /// Where the client goes on.
    #[track_caller]
    pub(super) fn redirected(&mut self) -> String {
        match self.event() {
            ClientEvent::Redirected(url) => url.to_string(),
            event => panic!("{event:?}"),
        }
    }

    /// Sequence number and loss of each packet that has come.
    pub(super) fn packets(&mut self) -> Vec<(usize, u16, u16)> {
        self.pump();
        let next = || {
            let received = self.client.poll_packet()?;
            Some((received.media, received.packet.sequence(), received.lost))
        };
        std::iter::from_fn(next).collect()
    }

    /// Does all that the client asks for.
    pub(super) fn pump(&mut self) {
        self.write();
        while self.client.has_outputs() {
            let output = self.client.poll_output().expect("it was just said to be there");
            match output {
                ClientOutput::Connect { host, port, secure, .. } => {
                    self.log.push(format!("connect {host}:{port} {secure}"));
                    self.sent = Decoder::new(DecoderLimits::default());
                    if self.connects {
                        self.client.handle_connected(self.now, Ok(SERVER.parse().unwrap()));
                    }
                }
                ClientOutput::Disconnect => {
                    self.log.push("disconnect".to_owned());
                    self.write();
                }
                ClientOutput::OpenUdp(id, spec) => {
                    let port = 7000 + 2 * self.udp.len() as u16;
                    self.log.push(format!("open {id:?} {}", spec.ip));
                    self.udp.push(id);
                    let result =
                        if self.opens { Ok((port, port + 1)) } else { Err(UdpOpenError::NoFreePorts) };
                    self.client.handle_udp_opened(self.now, id, result);
                }
                ClientOutput::JoinGroup(id, GroupSpec { group, ports: (rtp, rtcp), source, ttl }) => {
                    let of = source.map(|source| format!(" of {source}")).unwrap_or_default();
                    self.log.push(format!("join {group} {rtp}-{rtcp} ttl {ttl}{of}"));
                    self.udp.push(id);
                    let result = if self.opens { Ok((rtp, rtcp)) } else { Err(UdpOpenError::NoFreePorts) };
                    self.client.handle_udp_opened(self.now, id, result);
                }
                ClientOutput::CloseUdp(id) => self.log.push(format!("close {id:?}")),
                ClientOutput::Event(event) => {
                    self.log.push(format!("{event:?}"));
                    self.events.push_back(event);
                }
            }
            self.write();
        }
    }

    fn write(&mut self) {
        let is_blocked = self.client.flush(self.now, &mut Sink(&mut self.datagrams, self.takes_datagrams));
        assert!(!is_blocked || !self.takes_datagrams);
        loop {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = self.client.io_slices(&mut slices);
            if filled == 0 {
                break;
            }
            let written: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
            slices[..filled].iter().for_each(|slice| self.sent.feed(slice));
            self.client.handle_written(self.now, written);
        }
        while let Some(item) = self.sent.poll().unwrap() {
            match item {
                Item::Frame(frame) => self.frames.push_back(frame),
                Item::Message(message) => {
                    let text = String::from_utf8(message.to_bytes().to_vec()).unwrap();
                    let (head, body) = text.split_once("\r\n\r\n").unwrap();
                    let body = if body.is_empty() { String::new() } else { format!(" || {body}") };
                    let text = format!("{}{body}", head.replace("\r\n", " | ")).replace(" RTSP/1.0 |", " |");
                    if let Some(cseq) = message.headers().get("CSeq") {
                        self.cseq = cseq.parse().unwrap();
                    }
                    self.log.push(text.clone());
                    self.requests.push_back(text);
                }
            }
        }
    }
}

/// The datagrams that were sent, and `true` if the sockets take anything.
struct Sink<'a>(&'a mut VecDeque<(UdpId, Port, SocketAddr, Bytes)>, bool);

impl ClientSink for Sink<'_> {
    fn send(&mut self, id: UdpId, port: Port, to: SocketAddr, datagram: &Bytes) -> bool {
        if self.1 {
            self.0.push_back((id, port, to, datagram.clone()));
        }
        self.1
    }
}

pub(super) fn sdp(body: &str) -> String {
    format!("200 OK | Content-Type: application/sdp | Content-Base: rtsp://192.0.2.1/cam?q=1/ || {body}")
}

/// A packet of the first media.
pub(super) fn video(sequence: u16) -> RtpPacket {
    packet(96, sequence, 0xabcd)
}

pub(super) fn packet(payload_type: u8, sequence: u16, ssrc: u32) -> RtpPacket {
    let timestamp = u32::from(sequence) * 3000;
    RtpPacket::build(RtpHeader { payload_type, marker: true, sequence, timestamp, ssrc }, b"payload")
}

/// The description that a publisher announces.
pub(super) fn published() -> Description {
    Description::new(vec![
        Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]),
        Media::new(MediaKind::Audio, vec![Format::pcmu()]),
    ])
}
