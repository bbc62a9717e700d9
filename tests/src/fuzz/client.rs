//! The whole client: any answers of a server, datagrams, time, and commands in between.
//!
//! Each command is done once, a strict server can read all that is written, and after the end there is nothing.

use std::collections::{BTreeSet, VecDeque};
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::client::{
    Client, ClientConfig, ClientEvent, ClientOutput, ClientSink, ConnectError, Misuse, Playback,
    SourcePolicy, Transports,
};
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::udp::{Port, UdpOpenError};
use rtspan_core::{CommandId, Description, Format, Instant, Media, MediaKind, NtpTime, UdpId, Url};

use super::input::{number, steps};

const PASSWORD: &str = "geheimnis";

/// Takes the bytes for steps:
///
/// | step | what happens |
/// | --- | --- |
/// | `C` | at the beginning: `t` TCP, `u` UDP only, `p` from any port, `a` from any address, `s` TLS, `r` to record, `m` nothing by itself |
/// | `r` | bytes come from the server |
/// | `k`, `K` | the connection comes about, or not |
/// | `o`, `O` | UDP sockets are opened, or not |
/// | `e` | the connection ends |
/// | `t` number | so many milliseconds pass |
/// | `p`, `q` digit | a datagram comes from port 5000 and so many, to the sockets of RTP, of RTCP |
/// | `w` number | the server reads only so many bytes more |
/// | `Q`, `D`, `S` digit, `P`, `Z`, `A`, `R`, `G`, `H`, `T` | OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, ANNOUNCE, RECORD, GET_PARAMETER, SET_PARAMETER, TEARDOWN |
/// | `M` digit | a packet of this payload is sent |
pub fn run(data: &[u8]) {
    go(data);
}

/// How far a dialogue has got.
#[derive(Debug, Default)]
pub struct Reached {
    /// Commands that were done.
    pub done: usize,
    /// Packets that were received.
    pub packets: usize,
    /// Datagrams that were sent.
    pub datagrams: usize,
    /// Requests and frames that were sent.
    pub written: usize,
}

/// As [`run`], and says how far it got.
pub fn go(data: &[u8]) -> Reached {
    let mut steps = steps(data).peekable();
    let flags = steps.next_if(|(letter, _)| *letter == b'C').map_or(&[][..], |(_, flags)| flags);
    let mut world = World::new(flags);
    for (letter, rest) in steps.take(64) {
        world.step(letter, rest);
        world.drain();
    }
    world.end()
}

struct World {
    client: Client,
    now: Instant,
    /// Connections come about and sockets are opened without being told to.
    is_automatic: bool,
    connecting: bool,
    opening: VecDeque<UdpId>,
    open: BTreeSet<UdpId>,
    waiting: BTreeSet<CommandId>,
    is_closed: bool,
    written: Vec<u8>,
    reads: usize,
    sequence: u16,
    reached: Reached,
}

impl World {
    fn new(flags: &[u8]) -> Self {
        let has = |flag| flags.contains(&flag);
        let transports = match (has(b't'), has(b'u'), has(b'g')) {
            (true, true, _) => Transports::Any,
            (true, ..) => Transports::Tcp,
            (_, true, true) => Transports::Multicast,
            (_, true, _) => Transports::Udp,
            (_, _, true) => Transports::MulticastThenTcp,
            _ => Transports::UdpThenTcp,
        };
        let source = match (has(b'p'), has(b'a')) {
            (true, _) => SourcePolicy::AnyPort,
            (_, true) => SourcePolicy::AnyAddress,
            _ => SourcePolicy::Announced,
        };
        let config = ClientConfig::default().transports(transports).source(source).received_packets_max(16);
        let scheme = if has(b's') { "rtsps" } else { "rtsp" };
        let url = format!("{scheme}://user:{PASSWORD}@192.0.2.1/cam");
        let mut world = Self {
            client: Client::new(Url::parse(&url).expect("a URL"), config, [7; 32]),
            now: Instant::ZERO + Duration::from_secs(100),
            is_automatic: !has(b'm'),
            connecting: false,
            opening: VecDeque::new(),
            open: BTreeSet::new(),
            waiting: BTreeSet::new(),
            is_closed: false,
            written: Vec::new(),
            reads: usize::MAX,
            sequence: 0,
            reached: Reached::default(),
        };
        world.client.set_wall_clock(world.now, NtpTime::from_unix(Duration::from_secs(1_000_000)));
        let script: &[&[u8]] = match (world.is_automatic, has(b'r')) {
            (false, _) => &[],
            (true, true) => &[b"A", b"S0", b"R"],
            (true, false) => &[b"D", b"S0", b"S1", b"P"],
        };
        for step in script {
            world.step(step[0], &step[1..]);
        }
        world.drain();
        world
    }

    fn step(&mut self, letter: u8, rest: &[u8]) {
        let (digit, behind) = match rest.split_first() {
            Some((digit @ b'0'..=b'9', behind)) => (digit - b'0', behind),
            _ => (0, rest),
        };
        let now = self.now;
        let body = || Bytes::copy_from_slice(rest);
        match letter {
            b'r' => self.read(rest),
            b'k' => self.connect(Ok(SERVER.parse().expect("an address"))),
            b'K' => self.connect(Err(ConnectError::of(Vec::new()))),
            b'o' => self.open_udp(Ok((7000, 7001))),
            b'O' => self.open_udp(Err(UdpOpenError::NoFreePorts)),
            b'e' => self.client.handle_closed(now),
            b't' => self.advance(Duration::from_millis(number(rest).0.min(200_000).into())),
            b'p' | b'q' => {
                let port = if letter == b'p' { Port::Rtp } else { Port::Rtcp };
                let from = SocketAddr::from(([192, 0, 2, 1], 5000 + u16::from(digit)));
                for id in self.open.clone() {
                    self.client.handle_datagram(now, id, port, from, Bytes::copy_from_slice(behind));
                }
            }
            b'w' => self.reads = number(rest).0 as usize,
            b'Q' => self.command(|client| client.options(now)),
            b'D' => self.command(|client| client.describe(now)),
            b'S' => self.command(|client| client.setup(now, digit.into())),
            b'P' => self.command(|client| client.play(now, None)),
            b'L' => self.command(|client| client.seek(now, Playback::new().scale(f32::from(digit)))),
            b'Z' => self.command(|client| client.pause(now)),
            b'A' => self.command(|client| client.announce(now, description())),
            b'R' => self.command(|client| client.record(now)),
            b'G' => self.command(|client| client.get_parameter(now, body())),
            b'H' => self.command(|client| client.set_parameter(now, body())),
            b'T' => self.command(|client| client.teardown(now)),
            b'M' => {
                self.sequence = self.sequence.wrapping_add(1);
                let header =
                    RtpHeader { payload_type: 96, sequence: self.sequence, ssrc: 3, ..RtpHeader::default() };
                // Most of the time it does not record.
                let _ = self.client.send(now, digit.into(), &RtpPacket::build(header, behind));
            }
            _ => {}
        }
    }

    fn command(&mut self, give: impl FnOnce(&mut Client) -> Result<CommandId, Misuse>) {
        match give(&mut self.client) {
            Ok(command) => assert!(self.waiting.insert(command), "{command:?} is given twice"),
            Err(Misuse::Closed) => {}
            Err(_) => assert!(!self.is_closed),
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.client.wants_read() {
            let room = self.client.read_buf();
            let n = room.len().min(bytes.len());
            room[..n].copy_from_slice(&bytes[..n]);
            self.client.handle_read(self.now, n);
            bytes = &bytes[n..];
            self.drain();
        }
    }

    fn connect(&mut self, result: Result<SocketAddr, ConnectError>) {
        if std::mem::take(&mut self.connecting) {
            self.written.clear();
            self.client.handle_connected(self.now, result);
        }
    }

    fn open_udp(&mut self, result: Result<(u16, u16), UdpOpenError>) {
        if let Some(id) = self.opening.pop_front() {
            if result.is_ok() {
                self.open.insert(id);
            }
            self.client.handle_udp_opened(self.now, id, result);
        }
    }

    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        let mut rounds = 0;
        while let Some(next) = self.client.poll_timeout().filter(|next| *next <= until) {
            rounds = if next > self.now { 0 } else { rounds + 1 };
            assert!(rounds < 1000, "a deadline at {next:?} never passes");
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            assert!(!self.is_closed, "{output:?} after the end");
            self.take_output(output);
        }
        self.reached.packets += std::iter::from_fn(|| self.client.poll_packet()).count();
        let mut sent = Sent(0);
        assert!(!self.client.flush(self.now, &mut sent));
        self.reached.datagrams += sent.0;
        while self.client.wants_write() && self.reads > 0 {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = self.client.io_slices(&mut slices);
            let mut n = 0;
            for slice in slices.iter().take(filled) {
                let some = slice.len().min(self.reads);
                self.reads -= if self.reads == usize::MAX { 0 } else { some };
                self.written.extend_from_slice(&slice[..some]);
                n += some;
            }
            self.client.handle_written(self.now, n);
        }
        self.check_written();
    }

    fn take_output(&mut self, output: ClientOutput) {
        match output {
            ClientOutput::Connect { host, port, .. } => {
                assert!(!host.is_empty() && port != 0);
                self.connecting = true;
                if self.is_automatic {
                    self.step(b'k', b"");
                }
            }
            ClientOutput::Disconnect => {
                self.connecting = false;
                self.written.clear();
            }
            ClientOutput::OpenUdp(id, _) | ClientOutput::JoinGroup(id, _) => {
                self.opening.push_back(id);
                if self.is_automatic {
                    self.step(b'o', b"");
                }
            }
            ClientOutput::CloseUdp(id) => {
                let was_opening = self.opening.iter().any(|opening| *opening == id);
                self.opening.retain(|opening| *opening != id);
                assert!(self.open.remove(&id) || was_opening, "{id:?} is closed and was not opened");
            }
            ClientOutput::Event(ClientEvent::Done(command, result)) => {
                self.reached.done += usize::from(result.is_ok());
                assert!(self.waiting.remove(&command), "{command:?} is done twice");
            }
            ClientOutput::Event(ClientEvent::Closed(_)) => {
                assert!(self.waiting.is_empty(), "{:?} are never done", self.waiting);
                self.is_closed = true;
            }
            _ => {}
        }
    }

    /// Reads what the client has written as strictly as the standard allows.
    fn check_written(&mut self) {
        loop {
            if self.written.first() != Some(&b'$') {
                // The text of a server's URLs goes back as it is, and may be of any language.
                let end = self.written.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(0);
                let foreign = self.written[..end].iter_mut().filter(|byte| !byte.is_ascii());
                foreign.for_each(|byte| *byte = b'_');
            }
            match rtsp_types::Message::<Vec<u8>>::parse(&self.written) {
                Ok((_, length)) => {
                    let text = self.written.drain(..length).as_slice().escape_ascii().to_string();
                    assert!(!text.contains(PASSWORD), "{text}");
                    self.reached.written += 1;
                }
                Err(rtsp_types::ParseError::Incomplete(_)) => return,
                Err(error) => panic!("{error}: {}", self.written.escape_ascii()),
            }
        }
    }

    /// However it stands, TEARDOWN ends it, and leaves no socket open.
    fn end(mut self) -> Reached {
        self.step(b'T', b"");
        self.drain();
        self.advance(Duration::from_secs(300));
        assert!(self.waiting.is_empty() && self.is_closed, "{:?}", self.client);
        assert!(self.open.is_empty() && self.opening.is_empty());
        assert_eq!(self.client.poll_timeout(), None);
        self.reached
    }
}

const SERVER: &str = "192.0.2.1:554";

fn description() -> Description {
    Description::new(vec![Media::new(
        MediaKind::Video,
        vec![Format::h264(96, &[0x67, 0x42, 0, 0x1e], &[0x68])],
    )])
}

/// Takes all datagrams and counts them.
struct Sent(usize);

impl ClientSink for Sent {
    fn send(&mut self, _: UdpId, _: Port, _: SocketAddr, datagram: &Bytes) -> bool {
        assert!(!datagram.is_empty());
        self.0 += 1;
        true
    }
}
