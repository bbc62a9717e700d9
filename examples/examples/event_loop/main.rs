//! Drives the server of the core from an event loop of one's own, without any of the runtimes: one thread on mio.
//!
//! `cargo run --example event_loop 127.0.0.1:8554`, then play `/clip`, or publish elsewhere.
//!
//! Each round of the loop does the same: readiness is noted, time passes, what came in is handled, what the server
//! decided is handed out, and what is to be written is written. Everything but the sockets and the clock is the core.

mod tcp;
mod udp;

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::time::{Duration, Instant as StdInstant, SystemTime};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use rtspan_core::conn::ConnCommand;
use rtspan_core::server::{Output, Server, ServerConfig};
use rtspan_core::stream::{StreamLog, Streams};
use rtspan_core::udp::{UdpPorts, UdpSpec};
use rtspan_core::{ConnId, Instant, NtpTime, StreamId};
use rtspan_examples::{Clip, say};

use tcp::Connection;
use udp::Pair;

const LISTENER: Token = Token(usize::MAX);

struct EventLoop {
    start: StdInstant,
    poll: Poll,
    listener: TcpListener,
    server: Server,
    logs: Logs,
    conns: BTreeMap<ConnId, Connection>,
    udp: Option<Pair>,
    /// The server has decided something in this round, which others may have to act on.
    decided: bool,
}

/// The packets of all streams, where those who write to sockets find them.
#[derive(Default)]
struct Logs(BTreeMap<StreamId, StreamLog>);

impl Streams for Logs {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        self.0.get(&stream).map(f).is_some()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8554".to_owned()).parse()?;
    let mut listener = TcpListener::bind(addr)?;
    say(format_args!("listening on rtsp://{}", listener.local_addr()?));
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let config = ServerConfig::default().udp(Some(UdpSpec { ip: addr.ip(), ports: UdpPorts::Any }));
    let mut this = EventLoop {
        start: StdInstant::now(),
        poll,
        listener,
        server: Server::new(config, seed),
        logs: Logs::default(),
        conns: BTreeMap::new(),
        udp: None,
        decided: false,
    };
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    this.server.set_wall_clock(this.now(), NtpTime::from_unix(unix));
    this.run()
}

impl EventLoop {
    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        let clip = Clip::demo();
        let (clip_id, log) = self.server.add_stream(self.now(), "/clip", clip.description())?;
        self.logs.0.insert(clip_id, log);
        let mut frames = clip.frames().peekable();
        let mut events = Events::with_capacity(256);
        loop {
            let due = frames.peek().map(|frame| Instant::ZERO + frame.due);
            let deadline = due.into_iter().chain(self.poll_timeout()).min();
            match self.poll.poll(&mut events, deadline.map(|at| self.until(at))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                self.note_readiness(event)?;
            }
            let now = self.now();
            if let Some(log) = self.logs.0.get_mut(&clip_id) {
                while let Some(frame) = frames.next_if(|frame| Instant::ZERO + frame.due <= now) {
                    for packet in frame.packets {
                        log.push(now, frame.media as u8, packet);
                    }
                }
            }
            self.round(now)?;
            while std::mem::take(&mut self.decided) {
                self.round(now)?;
            }
        }
    }

    /// What is due, what has come in, and then what goes out.
    fn round(&mut self, now: Instant) -> io::Result<()> {
        self.server.handle_timeout(now, &self.logs);
        self.hand_out(now)?;
        // A server of many connections would look only at those that are ready, ordered, or due.
        let ids: Vec<ConnId> = self.conns.keys().copied().collect();
        for &id in &ids {
            self.receive(now, id)?;
        }
        self.receive_datagrams(now)?;
        for &id in &ids {
            self.send(now, id)?;
        }
        self.send_datagrams(now)
    }

    /// Carries out what the server has decided.
    fn hand_out(&mut self, now: Instant) -> io::Result<()> {
        while let Some(output) = self.server.poll_output() {
            self.decided = true;
            match output {
                Output::Conn(id, command) => {
                    let Some(conn) = self.conns.get_mut(&id) else { continue };
                    match command {
                        ConnCommand::Rx(command) => conn.rx.handle_command(now, command),
                        ConnCommand::Tx(command) => conn.tx.handle_command(now, command),
                    }
                }
                Output::AddStream(id, log) => drop(self.logs.0.insert(id, log)),
                Output::LimitLog(id, limits) => {
                    if let Some(log) = self.logs.0.get_mut(&id) {
                        log.set_limits(limits);
                    }
                }
                Output::RemoveStream(id) => drop(self.logs.0.remove(&id)),
                Output::OpenUdp(media) => self.open_udp(now, *media)?,
                Output::Udp(_, command) => {
                    if let Some(pair) = &mut self.udp {
                        pair.media.handle_command(now, command);
                    }
                }
                // Whoever does not read it holds nothing up.
                Output::Event(event) => say(format_args!("{event:?}")),
                _ => {}
            }
        }
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let conns = self.conns.values().flat_map(|conn| [conn.rx.poll_timeout(), conn.tx.poll_timeout()]);
        let udp = self.udp.as_ref().and_then(|pair| pair.media.poll_timeout());
        conns.chain([udp, self.server.poll_timeout()]).flatten().min()
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    fn until(&self, at: Instant) -> Duration {
        at - self.now()
    }
}
