//! A server with its media plane in memory, driven as a runtime drives it, by the public API alone.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::conn::{CloseReason, ConnCommand, Inbound, ServerConn};
use rtspan_core::rtp::RtpPacket;
use rtspan_core::server::{Event, Output, Server, ServerConfig};
use rtspan_core::stream::{StreamLog, Streams};
use rtspan_core::udp::{DatagramSink, Port, UdpMedia};
use rtspan_core::{ConnId, Description, Instant, NtpTime, StreamId};

/// The ports of the server's UDP pair.
pub const UDP_PORTS: (u16, u16) = (8000, 8001);
/// Rounds of work, and timeouts at one moment, after which what goes on will never end.
const ROUNDS_MAX: usize = 100_000;

/// A server, its streams, its sockets and its clock.
#[derive(Debug)]
pub struct Rig {
    /// The control plane.
    pub server: Server,
    /// The time on the clock.
    pub now: Instant,
    /// Events that the application was told and has not looked at.
    pub events: Vec<Event>,
    /// Datagrams that were sent.
    pub datagrams: Vec<(Port, SocketAddr, Bytes)>,
    /// The logs of the streams.
    pub logs: Logs,
    udp: Option<UdpMedia>,
    conns: BTreeMap<ConnId, Line>,
}

/// One connection, seen from its client.
#[derive(Debug)]
struct Line {
    conn: ServerConn,
    /// Bytes that the client has sent and the server has not read.
    unread: VecDeque<u8>,
    received: Vec<u8>,
    /// Bytes that the client still reads.
    reads: usize,
    has_failed: bool,
    closed: Option<CloseReason>,
}

/// Where a runtime would keep each log behind a lock.
#[derive(Debug, Default)]
pub struct Logs(RefCell<BTreeMap<StreamId, StreamLog>>);

impl Streams for Logs {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        self.0.borrow().get(&stream).map(f).is_some()
    }
}

impl Logs {
    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Keeps the log of a stream.
    pub fn insert(&self, stream: StreamId, log: StreamLog) {
        self.0.borrow_mut().insert(stream, log);
    }

    /// Returns `true` if there is no stream.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Rig {
    /// A server that nobody is connected to.
    pub fn new(config: ServerConfig) -> Self {
        let mut rig = Self {
            server: Server::new(config, [1; 32]),
            now: Instant::ZERO + Duration::from_secs(100),
            events: Vec::new(),
            datagrams: Vec::new(),
            logs: Logs::default(),
            udp: None,
            conns: BTreeMap::new(),
        };
        rig.server.set_wall_clock(rig.now, NtpTime::from_unix(Duration::from_secs(1_000_000)));
        rig.drain();
        rig
    }

    /// Publishes a stream of the application.
    pub fn publish(&mut self, path: &str, description: Description) -> StreamId {
        let (stream, log) = self.server.add_stream(self.now, path, description).expect("a free path");
        self.logs.insert(stream, log);
        self.drain();
        stream
    }

    /// Appends a packet to a stream; `false` if it has ended.
    pub fn push(&mut self, stream: StreamId, track: u8, packet: RtpPacket) -> bool {
        let pushed =
            self.logs.0.borrow_mut().get_mut(&stream).is_some_and(|log| log.push(self.now, track, packet));
        self.drain();
        pushed
    }

    /// Connects; `None` if the server takes on no further connection.
    pub fn connect(&mut self, peer: SocketAddr) -> Option<ConnId> {
        let conn = self.server.open_conn(self.now, peer).ok()?;
        let id = conn.id;
        let line = Line {
            conn,
            unread: VecDeque::new(),
            received: Vec::new(),
            reads: usize::MAX,
            has_failed: false,
            closed: None,
        };
        self.conns.insert(id, line);
        self.drain();
        Some(id)
    }

    /// Sends bytes, and lets everything that follows from them happen.
    pub fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some(line) = self.conns.get_mut(&conn).filter(|line| line.closed.is_none()) {
            line.unread.extend(bytes);
            self.drain();
        }
        // The bytes that the rig holds are not taken for those of the server.
        self.conns.get_mut(&conn).into_iter().for_each(|line| line.unread.shrink_to_fit());
    }

    /// Sends a datagram to the server.
    pub fn datagram(&mut self, port: Port, from: SocketAddr, data: Bytes) {
        if let Some(udp) = &mut self.udp {
            udp.handle_datagram(self.now, port, from, data);
            self.drain();
        }
    }

    /// Sets how many bytes more the client of a connection reads.
    pub fn set_reads(&mut self, conn: ConnId, bytes: usize) {
        if let Some(line) = self.conns.get_mut(&conn) {
            line.reads = bytes;
            self.drain();
        }
    }

    /// Takes what the client of a connection has received.
    pub fn received(&mut self, conn: ConnId) -> Vec<u8> {
        self.conns.get_mut(&conn).map(|line| std::mem::take(&mut line.received)).unwrap_or_default()
    }

    /// Bytes that wait to be written to a connection.
    pub fn waiting(&self, conn: ConnId) -> usize {
        let Some(line) = self.conns.get(&conn) else { return 0 };
        let mut slices = [IoSlice::new(&[]); 1024];
        let filled = line.conn.tx.io_slices(&mut slices);
        slices.iter().take(filled).map(|slice| slice.len()).sum()
    }

    /// Bytes that a client has sent and the server does not read.
    pub fn unread(&self, conn: ConnId) -> usize {
        self.conns.get(&conn).map_or(0, |line| line.unread.len())
    }

    /// Why a connection is closed, if it is.
    pub fn closed(&self, conn: ConnId) -> Option<CloseReason> {
        self.conns.get(&conn)?.closed.clone()
    }

    /// The client hangs up.
    pub fn hang_up(&mut self, conn: ConnId) {
        if let Some(line) = self.conns.get_mut(&conn).filter(|line| line.closed.is_none()) {
            line.closed = Some(CloseReason::PeerClosed);
            for report in line.conn.last_stats(self.now, &self.logs) {
                self.server.handle_report(self.now, report);
            }
            self.server.handle_conn_closed(self.now, conn, CloseReason::PeerClosed);
            self.drain();
        }
    }

    /// Forgets a connection that is closed.
    pub fn forget(&mut self, conn: ConnId) {
        if self.closed(conn).is_some() {
            self.conns.remove(&conn);
        }
    }

    /// Returns `true` if anything is sent over UDP to anybody.
    pub fn has_udp_readers(&self) -> bool {
        self.udp.as_ref().is_some_and(|udp| udp.streams().next().is_some())
    }

    /// Lets time pass, deadline after deadline.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        let mut rounds = 0;
        while let Some(next) = self.next_deadline().filter(|next| *next <= until) {
            rounds = if next > self.now { 0 } else { rounds + 1 };
            assert!(rounds < ROUNDS_MAX, "a deadline at {next:?} never passes");
            self.now = self.now.max(next);
            self.expire();
            self.drain();
        }
        self.now = until;
        self.drain();
    }

    /// Does what every driver does, until nothing is left to do.
    pub fn drain(&mut self) {
        for _ in 0..ROUNDS_MAX {
            if !(self.read() | self.take_outputs() | self.flush() | self.take_inputs() | self.write()) {
                return;
            }
        }
        panic!("there is always something left to do");
    }

    fn next_deadline(&self) -> Option<Instant> {
        let open = self.conns.values().filter(|line| line.closed.is_none());
        let conns =
            open.flat_map(|line| line.conn.rx.poll_timeout().into_iter().chain(line.conn.tx.poll_timeout()));
        let udp = self.udp.as_ref().and_then(UdpMedia::poll_timeout);
        conns.chain(udp).chain(self.server.poll_timeout()).min()
    }

    fn expire(&mut self) {
        self.server.handle_timeout(self.now, &self.logs);
        if let Some(udp) = &mut self.udp {
            udp.handle_timeout(self.now);
        }
        for (id, line) in self.conns.iter_mut().filter(|(_, line)| line.closed.is_none()) {
            line.conn.rx.handle_timeout(self.now);
            if let Err(reason) = line.conn.tx.handle_timeout(self.now) {
                line.closed = Some(reason.clone());
                for report in line.conn.last_stats(self.now, &self.logs) {
                    self.server.handle_report(self.now, report);
                }
                self.server.handle_conn_closed(self.now, *id, reason);
            }
        }
    }

    fn read(&mut self) -> bool {
        let mut any = false;
        for line in self.conns.values_mut().filter(|line| line.closed.is_none()) {
            let rx = &mut line.conn.rx;
            if !line.unread.is_empty() && rx.wants_read() {
                any = true;
                let room = rx.read_buf();
                let n = room.len().min(line.unread.len());
                room.iter_mut().zip(line.unread.drain(..n)).for_each(|(room, byte)| *room = byte);
                rx.handle_read(self.now, n);
            }
        }
        any
    }

    /// One at a time, and then what comes of it: an answer that is ordered behind the end of its connection is lost.
    fn take_outputs(&mut self) -> bool {
        let output = self.server.poll_output();
        let any = output.is_some();
        if let Some(output) = output {
            match output {
                Output::Conn(id, command) => {
                    let Some(line) = self.conns.get_mut(&id) else { return true };
                    match command {
                        ConnCommand::Rx(command) => line.conn.rx.handle_command(self.now, command),
                        ConnCommand::Tx(command) => line.conn.tx.handle_command(self.now, command),
                    }
                }
                Output::AddStream(stream, log) => {
                    assert!(self.logs.0.borrow_mut().insert(stream, log).is_none(), "a stream is added once");
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
                Output::RemoveStream(stream) => {
                    assert!(self.logs.0.borrow_mut().remove(&stream).is_some(), "a stream is removed once");
                }
                Output::OpenUdp(media) => {
                    self.server.handle_udp_opened(self.now, media.id(), Ok(UDP_PORTS), &self.logs);
                    self.udp = Some(*media);
                }
                Output::Udp(_, command) => {
                    self.udp.as_mut().expect("a pair that was opened").handle_command(self.now, command);
                }
                Output::Event(event) => self.events.push(event),
                other => panic!("what is to be done with {other:?}?"),
            }
        }
        any
    }

    fn take_inputs(&mut self) -> bool {
        let mut any = false;
        let ids: Vec<ConnId> = self.conns.keys().copied().collect();
        for id in ids {
            while let Some(line) = self.conns.get_mut(&id).filter(|line| line.closed.is_none()) {
                match line.conn.rx.poll_input(self.now) {
                    Ok(None) => break,
                    Ok(Some(inbound)) => {
                        any = true;
                        self.take_input(Some(id), inbound);
                    }
                    Err(reason) => {
                        if !std::mem::replace(&mut line.has_failed, true) {
                            any = true;
                            self.server.handle_conn_error(self.now, id, &reason, &self.logs);
                        }
                        break;
                    }
                }
            }
        }
        while let Some(inbound) = self.udp.as_mut().and_then(|udp| udp.poll_input(self.now)) {
            any = true;
            self.take_input(None, inbound);
        }
        any
    }

    fn take_input(&mut self, conn: Option<ConnId>, inbound: Inbound) {
        match (inbound, conn) {
            (Inbound::Message(message), Some(conn)) => {
                self.server.handle_message(self.now, conn, message, &self.logs);
            }
            (Inbound::Reply(frame), Some(conn)) => {
                if let Some(line) = self.conns.get_mut(&conn) {
                    line.conn.tx.handle_reply(self.now, frame);
                }
            }
            (Inbound::Media(stream, media), _) => {
                // Media that a publisher sent before its stream ended may come out after it.
                if let Some(log) = self.logs.0.borrow_mut().get_mut(&stream) {
                    log.handle_media(self.now, media);
                }
            }
            (Inbound::Report(report), _) => self.server.handle_report(self.now, report),
            (other, _) => panic!("what is to be done with {other:?}?"),
        }
        // Decisions take effect before anything else is read.
        self.take_outputs();
    }

    fn write(&mut self) -> bool {
        let mut any = false;
        for (id, line) in self.conns.iter_mut().filter(|(_, line)| line.closed.is_none()) {
            let tx = &mut line.conn.tx;
            tx.pull(self.now, &self.logs);
            while tx.wants_write() && line.reads > 0 {
                any = true;
                let mut slices = [IoSlice::new(&[]); 8];
                let filled = tx.io_slices(&mut slices);
                let before = line.received.len();
                for slice in slices.iter().take(filled) {
                    let n = slice.len().min(line.reads);
                    line.reads -= if line.reads == usize::MAX { 0 } else { n };
                    line.received.extend_from_slice(&slice[..n]);
                }
                tx.handle_written(self.now, line.received.len() - before);
            }
            any |= tx.has_more() && line.reads > 0;
            while let Some(report) = tx.poll_report() {
                any = true;
                self.server.handle_report(self.now, report);
            }
            let reason = match tx.handle_timeout(self.now) {
                Ok(()) if tx.is_finished() => CloseReason::Application,
                Ok(()) => continue,
                Err(reason) => reason,
            };
            any = true;
            line.closed = Some(reason.clone());
            for report in line.conn.last_stats(self.now, &self.logs) {
                self.server.handle_report(self.now, report);
            }
            self.server.handle_conn_closed(self.now, *id, reason);
        }
        any
    }

    fn flush(&mut self) -> bool {
        let before = self.datagrams.len();
        if let Some(udp) = &mut self.udp {
            udp.flush(self.now, &self.logs, &mut Sent(&mut self.datagrams));
        }
        self.datagrams.len() > before
    }
}

struct Sent<'a>(&'a mut Vec<(Port, SocketAddr, Bytes)>);

impl DatagramSink for Sent<'_> {
    fn send(&mut self, port: Port, _: Option<IpAddr>, to: SocketAddr, datagram: &Bytes) -> bool {
        self.0.push((port, to, datagram.clone()));
        true
    }
}
