//! A server with a reader who must not notice, and a peer who means harm.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rtspan_core::conn::CloseReason;
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::server::ServerConfig;
use rtspan_core::udp::{UdpPorts, UdpSpec};
use rtspan_core::wire::{Decoder, DecoderLimits, Item, Message, Response};
use rtspan_core::{ConnId, Description, Format, Media, MediaKind, StreamId};
use rtspan_tests::rig::Rig;

pub(super) const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
pub(super) const UDP: &str = "Transport: RTP/AVP;unicast;client_port=5000-5001";
pub(super) const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=control:streamid=0\r\na=rtpmap:96 H264/90000\r\n";

/// A server with a stream at `/cam`, and somebody who reads it over TCP.
pub(super) struct World {
    pub(super) rig: Rig,
    stream: StreamId,
    bystander: ConnId,
    sequence: u16,
}

/// The address of an attacker.
pub(super) fn attacker(port: u16) -> SocketAddr {
    ([203, 0, 113, 66], port).into()
}

pub(super) fn packet(payload_type: u8, sequence: u16, payload: &[u8]) -> RtpPacket {
    let timestamp = u32::from(sequence) * 3000;
    let header = RtpHeader { payload_type, marker: true, sequence, timestamp, ssrc: 0xabc };
    RtpPacket::build(header, payload)
}

pub(super) fn description() -> Description {
    let video = Media::new(MediaKind::Video, vec![Format::h264(96, &[0x67, 0x42, 0, 0x1e], &[0x68])]);
    Description::new(vec![video, Media::new(MediaKind::Audio, vec![Format::pcmu()])])
}

/// A request as text, its lines separated by `|`.
pub(super) fn request(text: &str, body: &str) -> Vec<u8> {
    let (line, headers) = text.split_once('|').unwrap_or((text, ""));
    let headers: String = headers
        .split('|')
        .filter(|header| !header.is_empty())
        .map(|header| format!("{header}\r\n"))
        .collect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{line} RTSP/1.0\r\nCSeq: 7\r\n{headers}{length}\r\n{body}").into_bytes()
}

/// The session id in a response.
pub(super) fn session_of(response: &Response) -> String {
    let header = response.headers.get("Session").expect("a response with a session");
    header.split(';').next().unwrap().to_owned()
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(ServerConfig::default())
    }

    pub(super) fn with(config: ServerConfig) -> Self {
        Self::with_udp_at([192, 0, 2, 100].into(), config)
    }

    /// Its UDP sockets are at this address.
    pub(super) fn with_udp_at(ip: IpAddr, config: ServerConfig) -> Self {
        let spec = UdpSpec::new(ip, UdpPorts::Any);
        let mut rig = Rig::new(config.udp(Some(spec)));
        let stream = rig.publish("/cam", description());
        let bystander = rig.connect(([192, 0, 2, 1], 40_000).into()).unwrap();
        let mut world = Self { rig, stream, bystander, sequence: 0 };
        let session = session_of(&world.ask(bystander, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}")));
        let played = world.ask(bystander, &format!("PLAY rtsp://h/cam|Session: {session}"));
        assert_eq!(played.status.as_u16(), 200);
        world
    }

    /// Another connection of the attacker.
    pub(super) fn attack(&mut self) -> ConnId {
        self.rig.connect(attacker(50_000)).expect("room for a connection")
    }

    /// Sends a request and takes its response, and whatever comes before it.
    pub(super) fn ask(&mut self, conn: ConnId, text: &str) -> Response {
        self.ask_with(conn, text, "")
    }

    pub(super) fn ask_with(&mut self, conn: ConnId, text: &str, body: &str) -> Response {
        self.rig.send(conn, &request(text, body));
        let mut responses = self.responses(conn);
        assert_eq!(responses.len(), 1, "{text}");
        responses.remove(0)
    }

    pub(super) fn status(&mut self, conn: ConnId, text: &str) -> u16 {
        self.ask(conn, text).status.as_u16()
    }

    /// Sends what may be no request at all; the statuses of what is answered.
    pub(super) fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Vec<u16> {
        self.rig.send(conn, bytes);
        self.responses(conn).iter().map(|response| response.status.as_u16()).collect()
    }

    pub(super) fn responses(&mut self, conn: ConnId) -> Vec<Response> {
        let items = self.items(conn).into_iter();
        items
            .filter_map(|item| match item {
                Item::Message(Message::Response(response)) => Some(response),
                _ => None,
            })
            .collect()
    }

    /// Payloads of the frames that came on a channel.
    pub(super) fn frames(&mut self, conn: ConnId, channel: u8) -> Vec<Vec<u8>> {
        let items = self.items(conn).into_iter();
        items
            .filter_map(|item| match item {
                Item::Frame(frame) if frame.channel == channel => Some(frame.payload.to_vec()),
                _ => None,
            })
            .collect()
    }

    fn items(&mut self, conn: ConnId) -> Vec<Item> {
        let mut decoder = Decoder::new(DecoderLimits::default());
        decoder.feed(&self.rig.received(conn));
        std::iter::from_fn(|| decoder.poll().unwrap()).collect()
    }

    pub(super) fn is_open(&self, conn: ConnId) -> bool {
        self.rig.closed(conn).is_none()
    }

    pub(super) fn closed(&self, conn: ConnId) -> Option<CloseReason> {
        self.rig.closed(conn)
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.rig.advance(Duration::from_secs(seconds));
    }

    /// Publishes a packet of the application's stream.
    pub(super) fn publish(&mut self, payload: &[u8]) -> RtpPacket {
        self.sequence = self.sequence.wrapping_add(1);
        let packet = packet(96, self.sequence, payload);
        assert!(self.rig.push(self.stream, 0, packet.clone()));
        packet
    }

    /// The reader who has nothing to do with it still gets what is published and is answered.
    pub(super) fn nobody_else_notices(&mut self) {
        let bystander = self.bystander;
        self.rig.received(bystander);
        let packet = self.publish(&[0x65, 1, 2, 3]);
        let got = self.frames(bystander, 0);
        assert!(got.iter().any(|frame| *frame == *packet.as_bytes()), "the bystander gets nothing");
        assert_eq!(self.status(bystander, "OPTIONS *"), 200);
    }
}
