use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::conn::{CloseReason, ConnCommand, Inbound, ServerConn};
use crate::description::{Description, Format, Media, MediaKind};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{Event, Output, Refused, Server, ServerConfig};
use crate::stream::{StreamLog, Streams};
use crate::udp::{DatagramSink, Port, UdpCommand, UdpMedia, UdpOpenError, UdpPorts, UdpSpec};
use crate::wire::{Decoder, DecoderLimits, Item, Message, Response};
use crate::{ConnId, Instant, NtpTime, StreamId, UdpId};

pub(super) const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=control:streamid=0\r\na=rtpmap:96 H264/90000\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:streamid=1\r\na=rtpmap:0 PCMU/8000\r\n";

/// A server with its media plane, in memory: bytes go in, and what comes out is looked at.
pub(super) struct Scenario {
    pub(super) server: Server,
    pub(super) now: Instant,
    pub(super) logs: Logs,
    pub(super) events: Vec<Event>,
    pub(super) sent: Vec<(StreamId, u64)>,
    pub(super) udps: BTreeMap<UdpId, UdpMedia>,
    pub(super) datagrams: Datagrams,
    /// Ports that the system does not give.
    pub(super) refused_ports: Vec<u16>,
    /// Why it does not.
    pub(super) refusal: UdpOpenError,
    /// Pairs that the driver has not come to open.
    pub(super) late_to_open: Option<Vec<UdpMedia>>,
    conns: BTreeMap<ConnId, Line>,
    /// Commands that the driver of the UDP pair has not come to.
    late_for_udp: Option<Vec<(UdpId, UdpCommand)>>,
    /// Commands that the driver of a connection has not come to.
    late_for_conn: Option<(ConnId, Vec<ConnCommand>)>,
}

/// One connection as its client sees it.
struct Line {
    conn: ServerConn,
    /// Bytes that the client has sent and the server has not read yet.
    unread: VecDeque<u8>,
    received: Decoder,
    transcript: BytesMut,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Logs(pub(super) RefCell<BTreeMap<StreamId, StreamLog>>);

impl Streams for Logs {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        self.0.borrow().get(&stream).map(f).is_some()
    }
}

/// Datagrams that were sent; once `room` is used up the socket would block.
pub(super) struct Datagrams {
    pub(super) sent: Vec<(Port, SocketAddr, Bytes)>,
    /// The pair that is sending, and the pair that has sent each datagram.
    pair: usize,
    pub(super) pairs: Vec<usize>,
    /// The address of the server's that each datagram leaves from.
    pub(super) sources: Vec<Option<IpAddr>>,
    pub(super) room: usize,
}

impl DatagramSink for Datagrams {
    fn send(&mut self, port: Port, from: Option<IpAddr>, to: SocketAddr, datagram: &Bytes) -> bool {
        if self.sent.len() >= self.room {
            return false;
        }
        self.sent.push((port, to, datagram.clone()));
        self.pairs.push(self.pair);
        self.sources.push(from);
        true
    }
}

pub(super) fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

pub(super) fn video(sequence: u16, payload: &[u8]) -> RtpPacket {
    let timestamp = u32::from(sequence) * 3000;
    RtpPacket::build(RtpHeader { payload_type: 96, marker: true, sequence, timestamp, ssrc: 0xabc }, payload)
}

pub(super) fn description() -> Description {
    let medias = vec![
        Media::new(MediaKind::Video, vec![Format::h264(96, &[0x67, 0x42, 0, 0x1e], &[0x68])]),
        Media::new(MediaKind::Audio, vec![Format::pcmu()]),
    ];
    Description::new(medias)
}

impl Scenario {
    pub(super) fn new(config: ServerConfig) -> Self {
        let mut scenario = Self {
            server: Server::new(config, [1; 32]),
            now: Instant::ZERO + Duration::from_secs(100),
            logs: Logs::default(),
            events: Vec::new(),
            sent: Vec::new(),
            udps: BTreeMap::new(),
            datagrams: Datagrams {
                sent: Vec::new(),
                pair: 0,
                pairs: Vec::new(),
                sources: Vec::new(),
                room: usize::MAX,
            },
            refused_ports: Vec::new(),
            refusal: UdpOpenError::NoFreePorts,
            late_to_open: None,
            conns: BTreeMap::new(),
            late_for_udp: None,
            late_for_conn: None,
        };
        scenario.server.set_wall_clock(scenario.now, NtpTime::from_unix(Duration::from_secs(1_000_000)));
        scenario.drain();
        scenario
    }

    pub(super) fn with_udp() -> Self {
        Self::with_udp_and(|config| config)
    }

    pub(super) fn with_udp_and(configure: impl FnOnce(ServerConfig) -> ServerConfig) -> Self {
        let spec = UdpSpec { ip: [192, 0, 2, 100].into(), ports: UdpPorts::Fixed(8000, 8001) };
        // Pushed packets are sent at once, as long as the test is not about the pace.
        Self::new(configure(ServerConfig::default().udp(Some(spec)).udp_burst(usize::MAX)))
    }

    /// A server with a stream at `/cam`, and one connection to it.
    pub(super) fn with_stream(config: ServerConfig) -> (Self, ConnId, StreamId) {
        let mut scenario = Self::new(config);
        let stream = scenario.publish("/cam");
        let conn = scenario.connect();
        (scenario, conn, stream)
    }

    pub(super) fn publish(&mut self, path: &str) -> StreamId {
        let (stream, log) = self.server.add_stream(self.now, path, description()).unwrap();
        self.logs.0.borrow_mut().insert(stream, log);
        stream
    }

    pub(super) fn connect(&mut self) -> ConnId {
        self.connect_from(peer(40_000))
    }

    pub(super) fn connect_from(&mut self, peer: SocketAddr) -> ConnId {
        self.try_connect_from(peer).unwrap()
    }

    pub(super) fn try_connect_from(&mut self, peer: SocketAddr) -> Result<ConnId, Refused> {
        let conn = self.server.open_conn(self.now, peer)?;
        let id = conn.id;
        let received = Decoder::new(DecoderLimits::default());
        self.conns.insert(
            id,
            Line { conn, unread: VecDeque::new(), received, transcript: BytesMut::new(), closed: false },
        );
        Ok(id)
    }

    /// Sends bytes, and lets everything that follows from it happen.
    pub(super) fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.conns.get_mut(&conn).unwrap().unread.extend(bytes);
        self.drain();
    }

    /// Sends a request, its lines separated by `|`, and takes its response.
    pub(super) fn request(&mut self, conn: ConnId, request: &str) -> Response {
        self.post(conn, request, "");
        self.response(conn)
    }

    pub(super) fn post(&mut self, conn: ConnId, request: &str, body: &str) {
        let (line, headers) = request.split_once('|').unwrap_or((request, ""));
        let headers: String =
            headers.split('|').filter(|header| !header.is_empty()).map(|h| format!("{h}\r\n")).collect();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.send(conn, format!("{line} RTSP/1.0\r\nCSeq: 7\r\n{headers}{length}\r\n{body}").as_bytes());
    }

    pub(super) fn response(&mut self, conn: ConnId) -> Response {
        match self.received(conn) {
            Some(Item::Message(Message::Response(response))) => response,
            other => panic!("no response but {other:?}"),
        }
    }

    /// The next message or frame that the client of this connection gets.
    pub(super) fn received(&mut self, conn: ConnId) -> Option<Item> {
        self.drain();
        self.conns.get_mut(&conn).unwrap().received.poll().unwrap()
    }

    /// Channels and payloads of the frames that the client gets up to the next message.
    pub(super) fn frames(&mut self, conn: ConnId) -> Vec<(u8, Bytes)> {
        self.drain();
        let line = self.conns.get_mut(&conn).unwrap();
        line.received.set_pause_messages(true);
        let frames = std::iter::from_fn(|| match line.received.poll().unwrap() {
            Some(Item::Frame(frame)) => Some((frame.channel, frame.payload)),
            other => other.map(|_| panic!("a message")),
        });
        let frames = frames.collect();
        line.received.set_pause_messages(false);
        frames
    }

    /// Everything that the client of this connection was sent.
    pub(super) fn transcript(&self, conn: ConnId) -> Bytes {
        self.conns[&conn].transcript.clone().freeze()
    }

    pub(super) fn is_closed(&mut self, conn: ConnId) -> bool {
        self.drain();
        self.conns[&conn].closed
    }

    /// The client hangs up.
    pub(super) fn hang_up(&mut self, conn: ConnId) {
        self.lose(conn, CloseReason::PeerClosed);
        self.drain();
    }

    /// A connection is over, and tells what was counted first.
    fn lose(&mut self, conn: ConnId, reason: CloseReason) {
        let line = self.conns.get_mut(&conn).unwrap();
        line.closed = true;
        for report in line.conn.last_stats(self.now, &self.logs) {
            self.server.handle_report(self.now, report);
        }
        self.server.handle_conn_closed(self.now, conn, reason);
    }

    pub(super) fn push(&mut self, stream: StreamId, track: u8, packet: RtpPacket) {
        assert!(self.logs.0.borrow_mut().get_mut(&stream).unwrap().push(self.now, track, packet));
        self.drain();
    }

    pub(super) fn datagram(&mut self, port: Port, from: SocketAddr, data: Bytes) {
        self.datagram_to(0, port, from, data);
    }

    pub(super) fn datagram_to(&mut self, pair: usize, port: Port, from: SocketAddr, data: Bytes) {
        self.udps.values_mut().nth(pair).unwrap().handle_datagram(self.now, port, from, data);
        self.drain();
    }

    /// Acts while the driver of the UDP pair does not come to its commands.
    pub(super) fn while_udp_is_late(&mut self, act: impl FnOnce(&mut Self)) {
        self.late_for_udp = Some(Vec::new());
        act(self);
        for (id, command) in self.late_for_udp.take().unwrap() {
            self.udps.get_mut(&id).unwrap().handle_command(self.now, command);
        }
        self.drain();
    }

    /// Acts while the driver of a connection does not come to its commands.
    pub(super) fn while_conn_is_late(&mut self, conn: ConnId, act: impl FnOnce(&mut Self)) {
        self.late_for_conn = Some((conn, Vec::new()));
        act(self);
        for command in self.late_for_conn.take().unwrap().1 {
            self.command(conn, command);
        }
        self.drain();
    }

    fn open_udp(&mut self, media: UdpMedia) {
        let ports = match media.spec().ports {
            UdpPorts::Fixed(rtp, rtcp) => (rtp, rtcp),
            ports => panic!("no scenario asks for {ports:?}"),
        };
        let is_refused = self.refused_ports.contains(&ports.0);
        let opened = if is_refused { Err(self.refusal.clone()) } else { Ok(ports) };
        let id = media.id();
        if opened.is_ok() {
            self.udps.insert(id, media);
        }
        self.server.handle_udp_opened(self.now, id, opened, &self.logs);
    }

    /// The driver comes to open the pairs that it was asked for.
    pub(super) fn open_late(&mut self) {
        for media in self.late_to_open.take().unwrap() {
            self.open_udp(media);
        }
        self.drain();
    }

    fn command(&mut self, conn: ConnId, command: ConnCommand) {
        let Some(line) = self.conns.get_mut(&conn) else { return };
        match command {
            ConnCommand::Rx(command) => line.conn.rx.handle_command(self.now, command),
            ConnCommand::Tx(command) => line.conn.tx.handle_command(self.now, command),
        }
    }

    /// Time passes, deadline after deadline.
    pub(super) fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        loop {
            self.drain();
            let deadlines =
                self.conns.values().filter(|line| !line.closed).flat_map(|line| {
                    line.conn.rx.poll_timeout().into_iter().chain(line.conn.tx.poll_timeout())
                });
            let udp = self.udps.values().filter_map(UdpMedia::poll_timeout);
            let next = deadlines.chain(udp).chain(self.server.poll_timeout()).min();
            match next.filter(|next| *next <= until) {
                Some(next) => self.now = self.now.max(next),
                None => break,
            }
            self.server.handle_timeout(self.now, &self.logs);
            self.udps.values_mut().for_each(|udp| udp.handle_timeout(self.now));
            let now = self.now;
            let mut lost = Vec::new();
            for (id, line) in self.conns.iter_mut().filter(|(_, line)| !line.closed) {
                line.conn.rx.handle_timeout(now);
                lost.extend(line.conn.tx.handle_timeout(now).err().map(|reason| (*id, reason)));
            }
            lost.into_iter().for_each(|(id, reason)| self.lose(id, reason));
        }
        self.now = until;
        self.drain();
    }

    /// The process stands still for so long, and then all its timers fire before any socket is read.
    pub(super) fn stand_still(&mut self, time: Duration) {
        self.drain();
        self.now = self.now + time;
        self.server.handle_timeout(self.now, &self.logs);
        self.udps.values_mut().for_each(|udp| udp.handle_timeout(self.now));
        for line in self.conns.values_mut().filter(|line| !line.closed) {
            line.conn.rx.handle_timeout(self.now);
            assert_eq!(line.conn.tx.handle_timeout(self.now), Ok(()));
        }
    }

    /// Does the work of every driver, until nothing is left to do.
    pub(super) fn drain(&mut self) {
        while self.read() | self.take_outputs() | self.write() | self.flush() | self.feed_server() {}
    }

    fn read(&mut self) -> bool {
        let mut any = false;
        for line in self.conns.values_mut().filter(|line| !line.closed && !line.unread.is_empty()) {
            if line.conn.rx.wants_read() {
                any = true;
                let room = line.conn.rx.read_buf();
                let n = room.len().min(line.unread.len());
                room.iter_mut().zip(line.unread.drain(..n)).for_each(|(room, byte)| *room = byte);
                line.conn.rx.handle_read(self.now, n);
            }
        }
        any
    }

    fn take_outputs(&mut self) -> bool {
        let mut any = false;
        while let Some(output) = self.server.poll_output() {
            any = true;
            match output {
                Output::Conn(id, command) => match &mut self.late_for_conn {
                    Some((late, commands)) if *late == id => commands.push(command),
                    _ => self.command(id, command),
                },
                Output::AddStream(stream, log) => {
                    assert!(self.logs.0.borrow_mut().insert(stream, log).is_none())
                }
                Output::LimitLog(stream, limits) => {
                    if let Some(log) = self.logs.0.borrow_mut().get_mut(&stream) {
                        log.set_limits(limits);
                    }
                }
                Output::SecureLog(stream, order) => {
                    if let Some(log) = self.logs.0.borrow_mut().get_mut(&stream) {
                        log.handle_secure(order);
                    }
                }
                Output::Sent(stream, number) => self.sent.push((stream, number)),
                Output::RemoveStream(stream) => assert!(self.logs.0.borrow_mut().remove(&stream).is_some()),
                Output::OpenUdp(media) => match &mut self.late_to_open {
                    Some(late) => late.push(*media),
                    None => self.open_udp(*media),
                },
                Output::Udp(id, command) => match &mut self.late_for_udp {
                    Some(late) => late.push((id, command)),
                    None => {
                        if let Some(udp) = self.udps.get_mut(&id) {
                            udp.handle_command(self.now, command);
                        }
                    }
                },
                Output::Event(event) => self.events.push(event),
            }
        }
        any
    }

    fn feed_server(&mut self) -> bool {
        let ids: Vec<ConnId> = self.conns.keys().copied().collect();
        let mut any = false;
        for id in ids {
            let line = self.conns.get_mut(&id).unwrap();
            if line.closed {
                continue;
            }
            let input = line.conn.rx.poll_input(self.now);
            any |= matches!(input, Ok(Some(_)));
            match input {
                Ok(None) => {}
                Ok(Some(inbound)) => self.handle_inbound(Some(id), inbound),
                Err(reason) => self.server.handle_conn_error(self.now, id, &reason, &self.logs),
            }
        }
        while let Some(inbound) = self.udps.values_mut().find_map(|udp| udp.poll_input(self.now)) {
            any = true;
            self.handle_inbound(None, inbound);
        }
        any
    }

    fn handle_inbound(&mut self, conn: Option<ConnId>, inbound: Inbound) {
        match inbound {
            Inbound::Message(message) => {
                self.server.handle_message(self.now, conn.unwrap(), message, &self.logs)
            }
            Inbound::Media(stream, media) => {
                let mut logs = self.logs.0.borrow_mut();
                logs.get_mut(&stream).unwrap().handle_media(self.now, media);
            }
            Inbound::Reply(frame) => {
                self.conns.get_mut(&conn.unwrap()).unwrap().conn.tx.handle_reply(self.now, frame);
            }
            Inbound::Report(report) => self.server.handle_report(self.now, report),
        }
    }

    fn write(&mut self) -> bool {
        let (mut any, mut finished) = (false, Vec::new());
        for (id, line) in self.conns.iter_mut().filter(|(_, line)| !line.closed) {
            let tx = &mut line.conn.tx;
            tx.pull(self.now, &self.logs);
            while tx.wants_write() {
                any = true;
                let mut slices = [IoSlice::new(&[]); 8];
                let filled = tx.io_slices(&mut slices);
                let bytes: Vec<u8> =
                    slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
                line.received.feed(&bytes);
                line.transcript.extend_from_slice(&bytes);
                tx.handle_written(self.now, bytes.len());
            }
            any |= tx.has_more();
            while let Some(report) = tx.poll_report() {
                any = true;
                self.server.handle_report(self.now, report);
            }
            if tx.is_finished() {
                any = true;
                finished.push(*id);
            }
        }
        finished.into_iter().for_each(|id| self.lose(id, CloseReason::Application));
        any
    }

    fn flush(&mut self) -> bool {
        let before = self.datagrams.sent.len();
        for (id, udp) in &mut self.udps {
            self.datagrams.pair = id.index();
            udp.flush(self.now, &self.logs, &mut self.datagrams);
        }
        self.udps.retain(|_, udp| !udp.is_over());
        self.datagrams.sent.len() > before
    }
}

/// The session id in a response.
pub(super) fn session_of(response: &Response) -> String {
    let header = response.headers.get("Session").expect("a response with a session");
    header.split(';').next().unwrap().to_owned()
}

pub(super) fn status(response: &Response) -> u16 {
    response.status.as_u16()
}
