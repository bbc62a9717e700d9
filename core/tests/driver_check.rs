//! A loop over wires in memory, which forgets one step after the other and is to be told of each.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::check::{DriverCheck, Forgotten, Neglect, Waits};
use rtspan_core::client::{Client, ClientConfig, ClientOutput, ClientSink, Transports};
use rtspan_core::conn::{CloseReason, ConnCommand, Inbound, ServerConn};
use rtspan_core::limits::NEGLECTS_MAX;
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::server::{Output, Server, ServerConfig};
use rtspan_core::stream::{StreamLog, Streams};
use rtspan_core::udp::{DatagramSink, Port, UdpMedia, UdpPorts, UdpSpec};
use rtspan_core::{Description, Format, Instant, Media, MediaKind, StreamId, UdpId, Url};

const PERIOD: Duration = Duration::from_millis(20);
const SERVER: [u8; 4] = [192, 0, 2, 2];
const CLIENT: [u8; 4] = [192, 0, 2, 1];

/// A step that the loop leaves out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    HandleTimeout,
    PollTimeout,
    PollOutput,
    Read,
    PollInput,
    PollReport,
    Pull,
    Write,
    Flush,
    FlushInput,
    ReadUdp,
    Close,
    ClientOutput,
    ClientPackets,
    ClientRead,
    ClientWrite,
    ClientFlush,
    ClientTimeout,
}

/// A server and a client, the wires between them, and a loop that drives both.
struct World {
    now: Instant,
    forgets: Option<Step>,
    check: DriverCheck,
    server: Server,
    stream: StreamId,
    logs: Logs,
    conn: Option<ServerConn>,
    udp: Option<UdpMedia>,
    client: Client,
    client_udp: Option<UdpId>,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// Datagrams on their way, by the place of their port.
    wire: Wire,
    received: usize,
}

#[derive(Default)]
struct Logs(BTreeMap<StreamId, StreamLog>);

impl Streams for Logs {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        self.0.get(&stream).map(f).is_some()
    }
}

#[derive(Default)]
struct Wire {
    to_server: Vec<(Port, Bytes)>,
    to_client: Vec<(Port, Bytes)>,
}

impl DatagramSink for Wire {
    fn send(&mut self, port: Port, _: Option<IpAddr>, _: SocketAddr, datagram: &Bytes) -> bool {
        self.to_client.push((port, datagram.clone()));
        true
    }
}

impl ClientSink for Wire {
    fn send(&mut self, _: UdpId, port: Port, _: SocketAddr, datagram: &Bytes) -> bool {
        self.to_server.push((port, datagram.clone()));
        true
    }
}

fn udp_addr(ip: [u8; 4], base: u16, port: Port) -> SocketAddr {
    (ip, base + u16::from(port == Port::Rtcp)).into()
}

impl World {
    fn new(transports: Transports, forgets: Option<Step>) -> Self {
        let now = Instant::ZERO;
        let config = ServerConfig::default().udp(Some(UdpSpec::new(SERVER.into(), UdpPorts::Any)));
        let mut server = Server::new(config, [1; 32]);
        let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        let (stream, log) = server.add_stream(now, "/cam", Description::new(vec![sound])).unwrap();
        let conn = server.open_conn(now, (CLIENT, 40_000).into()).unwrap();
        let config = ClientConfig::default().transports(transports);
        let mut client = Client::new(Url::parse("rtsp://server/cam").unwrap(), config, [2; 32]);
        client.describe(now).unwrap();
        client.setup(now, 0).unwrap();
        client.play(now, None).unwrap();
        client.handle_connected(now, Ok((SERVER, 554).into()));
        Self {
            now,
            forgets,
            check: DriverCheck::new(),
            server,
            stream,
            logs: Logs(BTreeMap::from([(stream, log)])),
            conn: Some(conn),
            udp: None,
            client,
            client_udp: None,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            wire: Wire::default(),
            received: 0,
        }
    }

    fn does(&self, step: Step) -> bool {
        self.forgets != Some(step)
    }

    /// Plays for eight seconds, then lets the stream end, and at last the server.
    fn run(mut self) -> Vec<Neglect> {
        for turn in 0..600 {
            self.now = Instant::ZERO + PERIOD * turn;
            match turn {
                ..400 => self.publish(turn as u16),
                450 => self.server.remove_stream(self.now, self.stream),
                500 => self.server.close(self.now),
                _ => {}
            }
            // Each side hears at once what the other says.
            for _ in 0..8 {
                self.drive_client();
                self.drive_server();
            }
            self.look();
        }
        assert!(self.forgets.is_some() || self.received > 390, "{} packets", self.received);
        self.check.found().to_vec()
    }

    fn publish(&mut self, number: u16) {
        let timestamp = u32::from(number) * 160;
        let header = RtpHeader { payload_type: 0, marker: false, sequence: number, timestamp, ssrc: 7 };
        if let Some(log) = self.logs.0.get_mut(&self.stream) {
            log.push(self.now, 0, RtpPacket::build(header, b"sound"));
        }
    }

    fn drive_server(&mut self) {
        if self.does(Step::HandleTimeout) {
            self.server.handle_timeout(self.now, &self.logs);
        }
        self.hand_out();
        self.drive_conn();
        self.drive_udp();
        self.hand_out();
    }

    fn drive_conn(&mut self) {
        let (now, forgets) = (self.now, self.forgets);
        let does = |step| forgets != Some(step);
        let Some(mut conn) = self.conn.take() else { return };
        let ServerConn { id, rx, tx, .. } = &mut conn;
        if does(Step::HandleTimeout) {
            rx.handle_timeout(now);
            if let Err(reason) = tx.handle_timeout(now) {
                return self.server.handle_conn_closed(now, *id, reason);
            }
        }
        while does(Step::Read) && rx.wants_read() && !self.to_server.is_empty() {
            let room = rx.read_buf();
            let count = self.to_server.len().min(room.len());
            room.iter_mut().zip(self.to_server.drain(..count)).for_each(|(place, byte)| *place = byte);
            rx.handle_read(now, count);
        }
        while let Some(inbound) = does(Step::PollInput).then(|| rx.poll_input(now).unwrap()).flatten() {
            match inbound {
                Inbound::Message(message) => self.server.handle_message(now, *id, message, &self.logs),
                Inbound::Report(report) => self.server.handle_report(now, report),
                other => panic!("nobody publishes here: {other:?}"),
            }
        }
        if does(Step::Pull) {
            tx.pull(now, &self.logs);
        }
        while let Some(report) = does(Step::PollReport).then(|| tx.poll_report()).flatten() {
            self.server.handle_report(now, report);
        }
        while does(Step::Write) && tx.wants_write() {
            let mut slices = [IoSlice::new(&[])];
            tx.io_slices(&mut slices);
            self.to_client.extend(&*slices[0]);
            let count = slices[0].len();
            tx.handle_written(now, count);
        }
        if does(Step::Close) && tx.is_finished() {
            return self.server.handle_conn_closed(now, *id, CloseReason::Application);
        }
        self.conn = Some(conn);
    }

    fn drive_udp(&mut self) {
        let (now, forgets) = (self.now, self.forgets);
        let does = |step| forgets != Some(step);
        let Some(media) = &mut self.udp else { return };
        for (port, datagram) in self.wire.to_server.drain(..) {
            media.handle_datagram(now, port, udp_addr(CLIENT, 5000, port), datagram);
        }
        if does(Step::HandleTimeout) {
            media.handle_timeout(now);
        }
        if does(Step::Flush) {
            media.flush(now, &self.logs, &mut self.wire);
        }
        while let Some(inbound) = does(Step::FlushInput).then(|| media.poll_input(now)).flatten() {
            match inbound {
                Inbound::Report(report) => self.server.handle_report(now, report),
                other => panic!("nobody publishes here: {other:?}"),
            }
        }
    }

    fn hand_out(&mut self) {
        while let Some(output) = self.does(Step::PollOutput).then(|| self.server.poll_output()).flatten() {
            match output {
                Output::Conn(_, command) => match (&mut self.conn, command) {
                    (Some(conn), ConnCommand::Rx(command)) => conn.rx.handle_command(self.now, command),
                    (Some(conn), ConnCommand::Tx(command)) => conn.tx.handle_command(self.now, command),
                    (None, _) => {}
                },
                Output::OpenUdp(media) => {
                    self.server.handle_udp_opened(self.now, media.id(), Ok((6000, 6001)), &self.logs);
                    self.udp.get_or_insert(*media);
                }
                Output::Udp(_, command) => {
                    self.udp.as_mut().unwrap().handle_command(self.now, command);
                }
                Output::RemoveStream(id) => drop(self.logs.0.remove(&id)),
                _ => {}
            }
        }
    }

    fn drive_client(&mut self) {
        let (now, forgets) = (self.now, self.forgets);
        let does = |step| forgets != Some(step);
        let client = &mut self.client;
        if does(Step::ClientTimeout) {
            client.handle_timeout(now);
        }
        for (port, datagram) in self.wire.to_client.drain(..) {
            if let Some(id) = self.client_udp {
                client.handle_datagram(now, id, port, udp_addr(SERVER, 6000, port), datagram);
            }
        }
        while does(Step::ClientRead) && client.wants_read() && !self.to_client.is_empty() {
            let room = client.read_buf();
            let count = self.to_client.len().min(room.len());
            room.iter_mut().zip(self.to_client.drain(..count)).for_each(|(place, byte)| *place = byte);
            client.handle_read(now, count);
        }
        while let Some(output) = does(Step::ClientOutput).then(|| client.poll_output()).flatten() {
            match output {
                ClientOutput::OpenUdp(id, _) => {
                    self.client_udp = Some(id);
                    client.handle_udp_opened(now, id, Ok((5000, 5001)));
                }
                ClientOutput::CloseUdp(_) => self.client_udp = None,
                _ => {}
            }
        }
        if does(Step::ClientFlush) {
            client.flush(now, &mut self.wire);
        }
        while does(Step::ClientWrite) && client.wants_write() {
            let mut slices = [IoSlice::new(&[])];
            client.io_slices(&mut slices);
            self.to_server.extend(&*slices[0]);
            let count = slices[0].len();
            client.handle_written(now, count);
        }
        while does(Step::ClientPackets) && client.poll_packet().is_some() {
            self.received += 1;
        }
    }

    /// Goes to sleep.
    fn look(&mut self) {
        let conn = self.conn.as_ref();
        let deadlines = [
            self.server.poll_timeout(),
            self.udp.as_ref().and_then(UdpMedia::poll_timeout),
            conn.and_then(|conn| conn.rx.poll_timeout()),
            conn.and_then(|conn| conn.tx.poll_timeout()),
            self.client.poll_timeout(),
        ];
        let until = deadlines.into_iter().flatten().min().filter(|_| self.does(Step::PollTimeout));
        let tcp = Waits { read: self.does(Step::Read), write: false };
        let udp = Waits { read: self.does(Step::ReadUdp), write: false };
        let client = Waits { read: self.does(Step::ClientRead), write: false };
        let mut look = self.check.look(self.now, until);
        look.server(&self.server).client(&self.client, client, client);
        if let Some(conn) = conn {
            look.conn(&conn.rx, &conn.tx, tcp, &self.logs);
        }
        if let Some(media) = &self.udp {
            look.udp(media, udp, &self.logs);
        }
    }
}

#[test]
fn a_loop_that_forgets_nothing_hears_nothing() {
    for transports in [Transports::Tcp, Transports::Udp] {
        assert_eq!(World::new(transports, None).run(), [], "{transports:?}");
    }
}

#[test]
fn a_loop_is_told_of_each_step_that_it_forgets() {
    let (server, client) = ("server", "client");
    let (conn, udp) = ("connection 0.0", "UDP pair 0.0");
    for (transports, step, of, told) in [
        (Transports::Udp, Step::HandleTimeout, udp, "handle_timeout"),
        (Transports::Tcp, Step::PollTimeout, server, "poll_timeout"),
        (Transports::Tcp, Step::PollOutput, server, "poll_output"),
        (Transports::Tcp, Step::Read, conn, "wants_read"),
        (Transports::Tcp, Step::PollInput, conn, "poll_input"),
        (Transports::Tcp, Step::PollReport, conn, "poll_report"),
        (Transports::Tcp, Step::Pull, conn, "pull"),
        (Transports::Tcp, Step::Write, conn, "wants_write"),
        (Transports::Tcp, Step::Close, conn, "is_finished"),
        (Transports::Udp, Step::Flush, udp, "flush"),
        (Transports::Udp, Step::FlushInput, udp, "poll_input"),
        (Transports::Udp, Step::ReadUdp, udp, "wants_read"),
        (Transports::Tcp, Step::ClientOutput, client, "poll_output"),
        (Transports::Tcp, Step::ClientPackets, client, "poll_packets"),
        (Transports::Tcp, Step::ClientRead, client, "wants_read"),
        (Transports::Tcp, Step::ClientWrite, client, "wants_write"),
        (Transports::Udp, Step::ClientFlush, client, "flush"),
        (Transports::Tcp, Step::ClientTimeout, client, "handle_timeout"),
    ] {
        let found = World::new(transports, Some(step)).run();
        let is_told = |neglect: &Neglect| {
            neglect.of.to_string() == of && neglect.forgotten.to_string().starts_with(told)
        };
        assert!(found.iter().any(is_told), "{step:?}: {found:?}");
    }
}

#[test]
fn what_is_forgotten_is_noted_once_and_boundedly() {
    let mut server = Server::new(ServerConfig::default(), [1; 32]);
    let logs = Logs::default();
    let mut check = DriverCheck::new();
    for port in 0..=NEGLECTS_MAX as u16 {
        let ServerConn { rx, tx, .. } =
            server.open_conn(Instant::ZERO, ([127, 0, 0, 1], 1000 + port).into()).unwrap();
        for _ in 0..2 {
            check.look(Instant::ZERO, None).conn(&rx, &tx, Waits::default(), &logs);
        }
    }
    assert_eq!(check.found().len(), NEGLECTS_MAX);
    assert!(check.found().iter().all(|neglect| neglect.forgotten == Forgotten::Read));
}
