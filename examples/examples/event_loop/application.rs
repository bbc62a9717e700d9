//! The server and what it serves: all that is the same, whatever waits for the sockets.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, IoSlice};
use std::iter::Peekable;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Instant as StdInstant, SystemTime};

use rtspan_core::check::{DriverCheck, Waits};
use rtspan_core::conn::ConnCommand;
use rtspan_core::stream::{StreamLog, Streams};
use rtspan_core::udp::{DatagramSink, Port, UdpMedia, UdpPorts, UdpSpec};
use rtspan_core::{ConnId, Instant, NtpTime, Server, ServerConfig, ServerOutput, StreamId};
use rtspan_examples::{Clip, Frame, say};

use crate::conn::Connection;

/// The operations of a loop on its sockets. Nothing here waits: an operation that would have to fails with `WouldBlock`, and
/// the loop comes again once it would not.
pub(crate) trait Sockets: DatagramSink {
    /// Reads what has come over a connection.
    fn read(&mut self, id: ConnId, into: &mut [u8]) -> io::Result<usize>;

    /// Writes what there is room for.
    fn write(&mut self, id: ConnId, from: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Closes a connection.
    fn close(&mut self, id: ConnId);

    /// Takes the two UDP sockets, which do not block.
    fn take_udp(&mut self, sockets: [UdpSocket; 2]) -> io::Result<()>;

    /// Receives a datagram.
    fn receive_from(&mut self, port: Port, into: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Returns the directions that a connection is waited for in.
    fn waits(&self, id: ConnId) -> Waits;

    /// Returns the directions that both UDP sockets are waited for in.
    fn udp_waits(&self) -> Waits;
}

pub(crate) struct Application<'a> {
    start: StdInstant,
    pub(crate) server: Server,
    pub(crate) logs: Logs,
    clip: StreamId,
    frames: Peekable<Box<dyn Iterator<Item = Frame> + 'a>>,
    pub(crate) conns: BTreeMap<ConnId, Connection>,
    pub(crate) udp: Option<UdpMedia>,
    /// A pair that the server wants opened.
    pub(crate) to_open: Option<UdpMedia>,
    /// The server has decided something in this round, which others may have to act on.
    decided: bool,
    check: Option<DriverCheck>,
    /// Findings that were said.
    said: usize,
}

/// The packets of all streams, where those who write to sockets find them.
#[derive(Default)]
pub(crate) struct Logs(pub(crate) BTreeMap<StreamId, StreamLog>);

impl Streams for Logs {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        self.0.get(&stream).map(f).is_some()
    }
}

impl<'a> Application<'a> {
    pub(crate) fn new(ip: IpAddr, clip: &'a Clip, is_checked: bool) -> Result<Self, Box<dyn Error>> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let config = ServerConfig::default().udp(Some(UdpSpec::new(ip, UdpPorts::Any)));
        let mut server = Server::new(config, seed);
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        server.set_wall_clock(Instant::ZERO, NtpTime::from_unix(unix));
        let (id, log) = server.add_stream(Instant::ZERO, "/clip", clip.description())?;
        let frames: Box<dyn Iterator<Item = Frame>> = Box::new(clip.frames());
        Ok(Self {
            start: StdInstant::now(),
            server,
            logs: Logs(BTreeMap::from([(id, log)])),
            clip: id,
            frames: frames.peekable(),
            conns: BTreeMap::new(),
            udp: None,
            to_open: None,
            decided: false,
            check: is_checked.then(DriverCheck::new),
            said: 0,
        })
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    /// When the loop is to come again, whatever the sockets do.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        let due = self.frames.peek().map(|frame| Instant::ZERO + frame.due);
        let conns = self.conns.values().flat_map(|conn| [conn.rx.poll_timeout(), conn.tx.poll_timeout()]);
        let udp = self.udp.as_ref().and_then(UdpMedia::poll_timeout);
        conns.chain([udp, self.server.poll_timeout(), due]).flatten().min()
    }

    /// A connection that was accepted; `None` if the server has no room for it.
    pub(crate) fn open(&mut self, peer: SocketAddr) -> Option<ConnId> {
        let conn = self.server.open_conn(self.now(), peer).ok()?;
        self.conns.insert(conn.id, Connection::new(conn.rx, conn.tx));
        Some(conn.id)
    }

    /// Does all there is to do, after each wait.
    pub(crate) fn handle(&mut self, sockets: &mut impl Sockets) -> io::Result<()> {
        let now = self.now();
        self.publish(now);
        self.round(now, sockets)?;
        while std::mem::take(&mut self.decided) {
            self.round(now, sockets)?;
        }
        self.look(now, sockets);
        Ok(())
    }

    /// Does what is due, takes what has come in, and sends what goes out.
    fn round(&mut self, now: Instant, sockets: &mut impl Sockets) -> io::Result<()> {
        self.server.handle_timeout(now, &self.logs);
        self.hand_out(now);
        self.open_udp(now, sockets)?;
        // A server of many connections would look only at those that are ready, ordered, or due.
        let ids: Vec<ConnId> = self.conns.keys().copied().collect();
        for &id in &ids {
            self.receive(now, id, sockets);
        }
        self.receive_datagrams(now, sockets);
        for &id in &ids {
            self.send(now, id, sockets);
        }
        self.send_datagrams(now, sockets);
        Ok(())
    }

    /// Carries out what the server has decided.
    pub(crate) fn hand_out(&mut self, now: Instant) {
        while let Some(output) = self.server.poll_output() {
            self.decided = true;
            match output {
                ServerOutput::Conn(id, command) => {
                    let Some(conn) = self.conns.get_mut(&id) else { continue };
                    match command {
                        ConnCommand::Rx(command) => conn.rx.handle_command(now, command),
                        ConnCommand::Tx(command) => conn.tx.handle_command(now, command),
                    }
                }
                ServerOutput::AddStream(id, log) => drop(self.logs.0.insert(id, log)),
                ServerOutput::LimitLog(id, limits) => {
                    if let Some(log) = self.logs.0.get_mut(&id) {
                        log.set_limits(limits);
                    }
                }
                ServerOutput::SecureLog(id, order) => {
                    if let Some(log) = self.logs.0.get_mut(&id) {
                        log.handle_secure(order);
                    }
                }
                ServerOutput::RemoveStream(id) => drop(self.logs.0.remove(&id)),
                ServerOutput::OpenUdp(media) => self.to_open = Some(*media),
                ServerOutput::Udp(_, command) => {
                    if let Some(media) = &mut self.udp {
                        media.handle_command(now, command);
                    }
                }
                // A reader that does not read it holds nothing up.
                ServerOutput::Event(event) => say(format_args!("{event:?}")),
                _ => {}
            }
        }
    }

    /// The application's own part: packets go into the log of a stream, and nowhere else.
    fn publish(&mut self, now: Instant) {
        let Some(log) = self.logs.0.get_mut(&self.clip) else { return };
        while let Some(frame) = self.frames.next_if(|frame| Instant::ZERO + frame.due <= now) {
            for packet in frame.packets {
                log.push(now, frame.media as u8, packet);
            }
        }
    }

    /// Says what the loop has forgotten before it waits.
    fn look(&mut self, now: Instant, sockets: &impl Sockets) {
        let until = self.poll_timeout();
        let Some(check) = &mut self.check else { return };
        let mut look = check.look(now, until);
        look.server(&self.server);
        for (id, conn) in &self.conns {
            look.conn(&conn.rx, &conn.tx, sockets.waits(*id), &self.logs);
        }
        if let Some(media) = &self.udp {
            look.udp(media, sockets.udp_waits(), &self.logs);
        }
        for neglect in check.found().iter().skip(self.said) {
            say(format_args!("forgotten {neglect}"));
        }
        self.said = check.found().len();
    }
}
