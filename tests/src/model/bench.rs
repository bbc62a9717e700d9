use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rtspan_core::limits::{GOODBYE_DELAY, GOODBYE_WAIT};
use rtspan_core::rtp::RtpPacket;
use rtspan_core::server::{ServerConfig, TakeoverPolicy};
use rtspan_core::udp::{Port, UdpPorts, UdpSpec};
use rtspan_core::wire::{Decoder, DecoderLimits, Frame, Item, Message, Request, Response};
use rtspan_core::{ConnId, Description, Format, MediaKind};

use super::{Carrier, SESSIONS_MAX};
use crate::rig::{Rig, UDP_PORTS};

/// The server, and what is left of its connections at the end of their clients.
pub(super) struct Bench {
    rig: Rig,
    lines: Vec<Line>,
}

struct Line {
    id: ConnId,
    decoder: Decoder,
    responses: VecDeque<Response>,
    frames: Vec<Frame>,
}

/// The description of a stream of so many medias.
pub(super) fn describe(medias: usize) -> Description {
    let media = || rtspan_core::Media::new(MediaKind::Audio, vec![Format::pcmu()]);
    Description::new((0..medias).map(|_| media()).collect()).with_track_controls()
}

fn address(host: usize, port: u16) -> SocketAddr {
    ([10, 1, 0, host as u8], port).into()
}

impl Bench {
    pub(super) fn new() -> Self {
        let long = Duration::from_secs(1_000_000);
        let spec = UdpSpec::new([10, 0, 0, 1].into(), UdpPorts::Fixed(UDP_PORTS.0, UDP_PORTS.1));
        let config = ServerConfig::default()
            .udp(Some(spec))
            .sessions_per_conn_max(SESSIONS_MAX)
            .session_timeout(long)
            .unattended_session_timeout(long)
            .setup_timeout(long)
            // The model knows no time.
            .takeover(TakeoverPolicy::Never)
            .conn_idle(long);
        Self { rig: Rig::new(config), lines: Vec::new() }
    }

    pub(super) fn publish(&mut self, path: &str, medias: usize) {
        self.rig.publish(path, describe(medias));
    }

    pub(super) fn connect(&mut self, host: usize) {
        let peer = address(host, 40_000 + self.lines.len() as u16);
        let id = self.rig.connect(peer).expect("there are not too many");
        let decoder = Decoder::new(DecoderLimits::default());
        self.lines.push(Line { id, decoder, responses: VecDeque::new(), frames: Vec::new() });
    }

    pub(super) fn hang_up(&mut self, conn: usize) {
        self.rig.hang_up(self.lines[conn].id);
    }

    pub(super) fn is_open(&self, conn: usize) -> bool {
        self.rig.closed(self.lines[conn].id).is_none()
    }

    /// Waits until readers over UDP, who are told of the end and given a while, are closed as well.
    pub(super) fn settle(&mut self) {
        self.rig.advance(GOODBYE_WAIT + GOODBYE_DELAY);
    }

    /// Sends a request; its answer, if one comes before the connection is closed.
    pub(super) fn request(&mut self, conn: usize, request: &Request) -> Option<Response> {
        self.rig.now = self.rig.now + Duration::from_millis(10);
        self.rig.send(self.lines[conn].id, &request.to_bytes());
        self.receive();
        let response = self.lines[conn].responses.pop_front();
        assert!(self.lines.iter().all(|line| line.responses.is_empty()), "an answer that nobody asked for");
        response
    }

    /// A packet of the application's own stream.
    pub(super) fn push(&mut self, path: &str, track: u8, packet: &RtpPacket) -> BTreeSet<Carrier> {
        let stream = self.rig.server.stream_at(path).expect("it is published");
        assert!(self.rig.push(stream, track, packet.clone()));
        self.received(packet)
    }

    /// A publisher sends a packet.
    pub(super) fn send_packet(&mut self, over: Carrier, packet: &RtpPacket) -> BTreeSet<Carrier> {
        match over {
            Carrier::Frames(conn, channel) => {
                let header = Frame::header(channel, packet.len() as u16);
                self.rig.send(self.lines[conn].id, &[&header, &packet.as_bytes()[..]].concat());
            }
            Carrier::Datagrams(host, port) => {
                self.rig.datagram(Port::Rtp, address(host, port), packet.as_bytes().clone());
            }
        }
        self.received(packet)
    }

    /// The carriers that have received a packet; everything else that was received is forgotten.
    fn received(&mut self, packet: &RtpPacket) -> BTreeSet<Carrier> {
        self.receive();
        let mut carriers = BTreeSet::new();
        for (conn, line) in self.lines.iter_mut().enumerate() {
            for frame in line.frames.drain(..).filter(|frame| frame.payload == packet.as_bytes()) {
                assert!(carriers.insert(Carrier::Frames(conn, frame.channel)), "a packet came twice");
            }
        }
        for (_, to, _) in self.rig.datagrams.drain(..).filter(|(.., data)| data == packet.as_bytes()) {
            let SocketAddr::V4(v4) = to else { panic!("{to} is not of this network") };
            let carrier = Carrier::Datagrams(usize::from(v4.ip().octets()[3]), to.port());
            assert!(carriers.insert(carrier), "a packet was sent twice");
        }
        carriers
    }

    fn receive(&mut self) {
        for line in &mut self.lines {
            line.decoder.feed(&self.rig.received(line.id));
            while let Some(item) = line.decoder.poll().expect("the server writes what can be read") {
                match item {
                    Item::Frame(frame) => line.frames.push(frame),
                    Item::Message(Message::Response(response)) => line.responses.push_back(response),
                    Item::Message(other) => panic!("the server asks for something: {other:?}"),
                }
            }
        }
    }
}
