//! Weeks of a client that reconnects: a camera that is cut off, restarts with other sources, describes itself otherwise,
//! refuses, sets its clock and drifts. The time line never goes back, its gaps are as long as what was lost, and the client
//! needs no more memory in the end than after a day.

#[path = "weeks/camera.rs"]
mod camera;
#[path = "weeks/chance.rs"]
mod chance;
#[path = "weeks/ledger.rs"]
mod ledger;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::client::{
    Client, ClientConfig, ClientEvent, ClientOutput, ClientSink, ConnectError, ReconnectPolicy, Reply, State,
    Transports,
};
use rtspan_core::udp::Port;
use rtspan_core::wire::Frame;
use rtspan_core::{Instant, NtpTime, UdpId, Url};

use camera::{Camera, WALL, Way};
use chance::Chance;
use ledger::Ledger;

/// Counts the bytes that the current thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on as it is; counting touches no memory that is allocated.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get() + layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.set(HELD.get() + size as i64 - layout.size() as i64);
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as i64);
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PEER: &str = "192.0.2.1:554";
const DAY: Duration = Duration::from_secs(86_400);
const PACKET_PERIOD: Duration = Duration::from_secs(4);
const REPORT_PERIOD: Duration = Duration::from_secs(32);
/// How long it takes at most until packets come again once nothing is in the way: a wait, and a look at each deadline.
const BACK_WITHIN: Duration = Duration::from_secs(240);
/// Bytes that a client may hold more than after a day.
const GROWTH_MAX: i64 = 256 << 10;

/// The trouble that is in the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trouble {
    Nothing,
    /// Nothing that is sent arrives.
    Partition,
    /// The camera is off.
    Off,
}

struct World {
    chance: Chance,
    now: Instant,
    client: Client,
    camera: Camera,
    ledger: Ledger,
    /// There is a connection, as the client sees it.
    is_connected: bool,
    /// Something that was sent over it did not arrive.
    is_stale: bool,
    connects_at: Option<Instant>,
    sockets: Vec<(u16, UdpId)>,
    ports: u16,
    sent: Vec<u8>,
    trouble: Trouble,
    trouble_at: Instant,
    /// Since when nothing is in the way.
    free_since: Instant,
    /// The application takes no packets until then.
    reads_at: Instant,
    paused: bool,
    wall_offset: Duration,
    reconnects: u64,
    changes: u64,
    /// The camera announces another description at this moment.
    is_announcing: bool,
    /// Answers to that, and changes that the application was told of by it.
    answers: u64,
    announcements: u64,
}

impl World {
    fn new(seed: u64, transports: Transports) -> Self {
        let mut chance = Chance(seed);
        let policy = ReconnectPolicy::default();
        let config = ClientConfig::default()
            .transports(transports)
            .reconnect(Some(policy.denied_max(1_000).missing_max(1_000)))
            .received_packets_max(64);
        let client = Client::new(Url::parse("rtsp://camera/main").unwrap(), config, chance.seed());
        let camera = Camera::new(&mut chance);
        let now = Instant::ZERO + Duration::from_secs(1);
        Self {
            camera,
            client,
            chance,
            now,
            ledger: Ledger::default(),
            is_connected: false,
            is_stale: false,
            connects_at: None,
            sockets: Vec::new(),
            ports: 20_000,
            sent: Vec::new(),
            trouble: Trouble::Nothing,
            trouble_at: now + Duration::from_secs(600),
            free_since: now,
            reads_at: now,
            paused: false,
            wall_offset: Duration::ZERO,
            reconnects: 0,
            changes: 0,
            is_announcing: false,
            answers: 0,
            announcements: 0,
        }
    }

    fn run(&mut self, days: u32) {
        self.client.describe(self.now).unwrap();
        self.pump();
        let (mut packet_at, mut report_at) = (self.now, self.now);
        let (mut day, mut held) = (0, i64::MAX);
        while day < days {
            let deadlines = [self.client.poll_timeout(), self.connects_at];
            let own = [packet_at, report_at, self.trouble_at];
            let next = deadlines.into_iter().flatten().chain(own).min().expect("packets are always to come");
            assert!(next >= self.now, "a deadline does not pass");
            self.now = next;
            if self.connects_at.take_if(|at| *at <= next).is_some() {
                self.come_to_a_connection();
            }
            if self.client.poll_timeout().is_some_and(|at| at <= next) {
                let wall = WALL + self.wall_offset + (next - Instant::ZERO);
                self.client.set_wall_clock(next, NtpTime::from_unix(wall));
                self.client.handle_timeout(next);
            }
            if packet_at <= next {
                packet_at = next + PACKET_PERIOD;
                (0..2).for_each(|media| self.send_packet(media));
            }
            if report_at <= next {
                report_at = next + REPORT_PERIOD;
                (0..2).for_each(|media| self.send_report(media));
                self.camera.expire(next);
            }
            if self.trouble_at <= next {
                self.change();
            }
            self.pump();
            self.read();
            self.check();
            if next >= Instant::ZERO + DAY * (day + 1) {
                day += 1;
                if day == 1 {
                    held = HELD.get();
                }
                assert!(
                    HELD.get() <= held.saturating_add(GROWTH_MAX),
                    "{} bytes, and {held} before",
                    HELD.get()
                );
            }
        }
    }

    fn send_packet(&mut self, media: usize) {
        let (way, packet) = self.camera.make(self.now, media);
        self.deliver(way, media, Port::Rtp, packet.into_bytes());
    }

    fn send_report(&mut self, media: usize) {
        let (way, report) = self.camera.report(self.now, media);
        self.deliver(way, media, Port::Rtcp, report);
    }

    fn deliver(&mut self, way: Option<Way>, media: usize, port: Port, data: Bytes) {
        let is_rtcp = u16::from(port == Port::Rtcp);
        match way {
            Some(Way::Tcp(channel)) => {
                let mut frame = Frame::header(channel + is_rtcp as u8, data.len() as u16).to_vec();
                frame.extend_from_slice(&data);
                self.send(&frame);
            }
            Some(Way::Udp(to)) if self.trouble == Trouble::Nothing && !self.chance.happens(2) => {
                let Some((_, id)) = self.sockets.iter().find(|(own, _)| *own == to) else { return };
                let from = SocketAddr::from(([192, 0, 2, 1], 5_000 + 2 * media as u16 + is_rtcp));
                self.client.handle_datagram(self.now, *id, port, from, data);
            }
            _ => {}
        }
    }

    /// Sends bytes of the camera over the connection.
    fn send(&mut self, bytes: &[u8]) {
        if !self.is_connected {
            return;
        }
        if self.trouble != Trouble::Nothing || self.is_stale {
            self.is_stale = true;
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let buffer = self.client.read_buf();
            let n = rest.len().min(buffer.len());
            buffer[..n].copy_from_slice(&rest[..n]);
            self.client.handle_read(self.now, n);
            rest = &rest[n..];
        }
    }

    fn come_to_a_connection(&mut self) {
        match self.trouble {
            Trouble::Nothing => {
                (self.is_connected, self.is_stale) = (true, false);
                self.sent.clear();
                self.client.handle_connected(self.now, Ok(PEER.parse().unwrap()));
            }
            // Nobody answers.
            Trouble::Partition => {}
            Trouble::Off => {
                self.client.handle_connected(self.now, Err(ConnectError::Unreachable(Vec::new())));
            }
        }
    }

    fn cut(&mut self) {
        self.camera.lose_connection();
        if std::mem::take(&mut self.is_connected) {
            self.client.handle_closed(self.now);
        }
    }

    /// Something goes wrong, or is over.
    fn change(&mut self) {
        self.changes += 1;
        let minutes = |chance: &mut Chance, most: u64| Duration::from_millis(chance.below(most * 60_000) + 1);
        if self.trouble != Trouble::Nothing {
            if self.trouble == Trouble::Off {
                self.camera.boot(self.now, &mut self.chance);
            }
            self.trouble = Trouble::Nothing;
            if self.is_stale {
                self.cut();
            }
            self.free_since = self.now;
            self.trouble_at = self.now + minutes(&mut self.chance, 300);
            return;
        }
        let mut lasts = minutes(&mut self.chance, 200);
        match self.chance.below(14) {
            0 | 1 => self.cut(),
            2 | 3 => {
                self.trouble = Trouble::Off;
                // It may go without a word.
                self.is_stale = self.chance.happens(500);
                if !self.is_stale {
                    self.cut();
                }
                lasts = minutes(&mut self.chance, 20);
            }
            4 | 5 => {
                self.trouble = Trouble::Partition;
                let most = self.chance.pick(&[1, 3, 90]);
                lasts = minutes(&mut self.chance, most);
            }
            6 => self.camera.set_clock(&mut self.chance),
            7 => self.camera.restart_encoder(self.now, &mut self.chance),
            8 => {
                let variant = self.chance.below(4);
                self.camera.describe_as(variant);
                self.cut();
            }
            11 | 12 => self.announce(),
            9 => self.wall_offset = Duration::from_secs(self.chance.below(100_000)),
            10 => self.reads_at = self.now + minutes(&mut self.chance, 20),
            _ if self.client.state() == State::Play => {
                self.client.pause(self.now).unwrap();
                self.paused = true;
                lasts = minutes(&mut self.chance, 10);
            }
            _ => {}
        }
        if self.paused && self.client.state() == State::PrePlay && !self.client.is_reconnecting() {
            self.client.play(self.now, None).unwrap();
            self.paused = false;
        }
        self.free_since = self.now;
        self.trouble_at = self.now + lasts;
    }

    /// The camera describes itself otherwise; the medias that play go on as they were.
    fn announce(&mut self) {
        let variant = self.chance.below(4);
        let Some(request) = self.camera.announce(variant).filter(|_| self.is_connected && !self.is_stale)
        else {
            return;
        };
        let before = self.answers;
        self.is_announcing = true;
        self.send(request.as_bytes());
        self.pump();
        self.is_announcing = false;
        assert_eq!(self.answers, before + 1, "it is answered once");
    }

    fn pump(&mut self) {
        loop {
            self.client.flush(self.now, &mut Nowhere);
            self.write();
            let Some(output) = self.client.poll_output() else { return };
            match output {
                ClientOutput::Connect { .. } => self.connects_at = Some(self.now + Duration::from_millis(20)),
                ClientOutput::Disconnect => {
                    self.write();
                    self.connects_at = None;
                    if std::mem::take(&mut self.is_connected) && self.trouble == Trouble::Nothing {
                        self.camera.lose_connection();
                    }
                }
                ClientOutput::OpenUdp(id, _) => {
                    self.ports = if self.ports > 60_000 { 20_000 } else { self.ports + 2 };
                    self.sockets.push((self.ports, id));
                    self.client.handle_udp_opened(self.now, id, Ok((self.ports, self.ports + 1)));
                }
                ClientOutput::CloseUdp(id) => self.sockets.retain(|(_, own)| *own != id),
                ClientOutput::Event(event) => self.handle_event(event),
                other => panic!("{other:?}"),
            }
        }
    }

    fn handle_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Done(_, result) => {
                let reply = result.unwrap_or_else(|error| panic!("{error} at {:?}", self.now));
                match reply {
                    Reply::Described(description) => {
                        for media in 0..description.medias.len() {
                            self.client.setup(self.now, media).unwrap();
                        }
                        self.client.play(self.now, None).unwrap();
                    }
                    Reply::Playing(_) => self.ledger.begin(self.now >= self.reads_at),
                    _ => {}
                }
            }
            ClientEvent::Reconnected { .. } => {
                self.reconnects += 1;
                self.free_since = self.free_since.max(self.now);
                self.ledger.begin(self.now >= self.reads_at);
            }
            // It has not come to the packets that would have been told as those of another beginning.
            ClientEvent::Reconnecting { .. } | ClientEvent::TransportSwitched(_) => self.ledger.end(),
            ClientEvent::DescriptionChanged(_) if self.is_announcing => self.announcements += 1,
            ClientEvent::Closed(reason) => panic!("{reason} at {:?}", self.now),
            _ => {}
        }
    }

    /// Has the camera read what the client writes, and answer.
    fn write(&mut self) {
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.client.io_slices(&mut slices);
            let written: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
            if written == 0 || !self.is_connected {
                return;
            }
            let arrives = self.trouble == Trouble::Nothing && !self.is_stale;
            if arrives {
                slices[..filled].iter().for_each(|slice| self.sent.extend_from_slice(slice));
            }
            self.is_stale |= !arrives;
            self.client.handle_written(self.now, written);
            while let Some(request) = self.next_request() {
                if let Some(answer) = request.strip_prefix("RTSP/1.0 ") {
                    assert!(answer.starts_with("200") && self.is_announcing, "{answer}");
                    self.answers += 1;
                    continue;
                }
                let answer = self.camera.answer(self.now, &request, &mut self.chance);
                self.send(answer.as_bytes());
            }
        }
    }

    /// The next message that the client has sent; its reports are passed over.
    fn next_request(&mut self) -> Option<String> {
        loop {
            let is_frame = self.sent.first() == Some(&b'$');
            let len = if is_frame {
                4 + usize::from(u16::from_be_bytes([*self.sent.get(2)?, *self.sent.get(3)?]))
            } else {
                self.sent.windows(4).position(|window| window == b"\r\n\r\n")? + 4
            };
            if self.sent.len() < len {
                return None;
            }
            let message: Vec<u8> = self.sent.drain(..len).collect();
            if !is_frame {
                return Some(String::from_utf8(message).unwrap());
            }
        }
    }

    fn read(&mut self) {
        if self.now < self.reads_at {
            return;
        }
        while let Some(received) = self.client.poll_packet() {
            self.ledger.take(self.now, &received);
        }
    }

    /// Packets come when nothing is in the way.
    fn check(&self) {
        let is_free = self.trouble == Trouble::Nothing && !self.paused && self.now >= self.reads_at;
        let since = self.free_since.max(self.reads_at).max(self.ledger.came);
        assert!(
            !is_free || self.now < since + BACK_WITHIN,
            "nothing is in the way since {:?}, and nothing has come since {:?} at {:?}: {:?} {:?}",
            self.free_since,
            self.ledger.came,
            self.now,
            self.client.state(),
            self.camera.session,
        );
    }
}

struct Nowhere;

impl ClientSink for Nowhere {
    fn send(&mut self, _: UdpId, _: Port, _: SocketAddr, _: &Bytes) -> bool {
        true
    }
}

#[test]
fn a_client_stays_connected_for_weeks_on_one_time_line() {
    for (seed, transports) in [(1, Transports::Tcp), (2, Transports::UdpThenTcp)] {
        let mut world = World::new(seed, transports);
        world.run(21);
        println!(
            "{transports:?}: {} changes, {} reconnects, {} announced, {} packets, {} gaps, {} lost, tracks {} µs apart at most",
            world.changes,
            world.reconnects,
            world.announcements,
            world.ledger.packets,
            world.ledger.gaps,
            world.ledger.lost,
            world.ledger.apart / 1000,
        );
        assert!(world.announcements > 5, "{transports:?}: {}", world.announcements);
        assert!(world.reconnects > 50 && world.ledger.gaps > 50, "{transports:?}: {}", world.reconnects);
        assert!(world.ledger.packets > 400_000, "{transports:?}: {}", world.ledger.packets);
    }
}
