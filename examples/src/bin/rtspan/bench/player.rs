use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rtspan_core::Url;
use rtspan_core::wire::Message;
use rtspan_examples::stamp;

use super::datagrams::Datagrams;
use super::dialogue::{Dialogue, Over, Stage};
use super::splitter::{Piece, Splitter};
use super::tally::{Sequence, Tally};
use super::trouble::Trouble;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tokens of one player: its connection, then its tracks.
const TOKENS: usize = 16;

/// One light reader.
#[derive(Debug)]
pub(super) struct Player {
    server: SocketAddr,
    socket: TcpStream,
    dialogue: Dialogue,
    splitter: Splitter,
    out: BytesMut,
    stage: Stage,
    /// When it was last said that it is there, or anything at all.
    said: Instant,
    sequences: Vec<Sequence>,
    datagrams: Vec<Datagrams>,
    life: Life,
}

/// Things that all players share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) registry: &'a Registry,
    pub(super) buffer: &'a mut [u8],
    pub(super) tally: &'a mut Tally,
    pub(super) now: Instant,
}

/// Returns the player that a token belongs to, and which of its sockets: `None` for the connection, or a track.
pub(super) fn decode(token: Token) -> (usize, Option<usize>) {
    (token.0 / TOKENS, (token.0 % TOKENS).checked_sub(1))
}

impl Player {
    /// Begins to connect.
    pub(super) fn open(
        place: usize,
        url: &Url,
        server: SocketAddr,
        over: Over,
        registry: &Registry,
    ) -> io::Result<Self> {
        let mut socket = TcpStream::connect(server)?;
        registry.register(&mut socket, Token(place * TOKENS), Interest::READABLE | Interest::WRITABLE)?;
        let mut out = BytesMut::new();
        Ok(Self {
            server,
            socket,
            dialogue: Dialogue::begin(url, over, &mut out),
            splitter: Splitter::default(),
            out,
            stage: Stage::Asking,
            said: Instant::now(),
            sequences: Vec::new(),
            datagrams: Vec::new(),
            life: Life { last: Instant::now(), is_silent: true },
        })
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// Begins to measure: earlier packets do not count.
    pub(super) fn restart(&mut self, now: Instant) {
        self.life = Life { last: now, is_silent: true };
    }

    /// Returns `true` if nothing has come since it began to measure.
    pub(super) fn is_silent(&self) -> bool {
        self.life.is_silent
    }

    /// How long nothing has come.
    pub(super) fn gap(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.life.last)
    }

    /// Takes what there is on the connection, and says what there is to say.
    pub(super) fn handle_connection(&mut self, place: usize, shared: &mut Shared<'_>) -> Result<(), Trouble> {
        let was_silent = self.dialogue.channels().is_empty() && !self.out.is_empty();
        let result = self.flush().and_then(|()| self.read(place, shared)).and_then(|()| self.flush());
        result.map_err(|trouble| match trouble {
            Trouble::Io(error) if was_silent => Trouble::connect(self.server, error),
            trouble => trouble,
        })
    }

    /// Takes the datagrams that there are of a track.
    pub(super) fn handle_datagrams(&mut self, track: usize, shared: &mut Shared<'_>) -> Result<(), Trouble> {
        let (Some(datagrams), Some(sequence)) = (self.datagrams.get(track), self.sequences.get_mut(track))
        else {
            return Ok(());
        };
        let Shared { buffer, tally, now, .. } = shared;
        let mut arrivals = Arrivals::new(&mut self.life, *now);
        let received = datagrams.receive(buffer, |packet| {
            if let [_, _, high, low, ..] = *packet {
                tally.take(sequence, u16::from_be_bytes([high, low]), packet.len());
                arrivals.take(packet, tally);
            }
        });
        received.map_err(Trouble::Udp)
    }

    /// Does what is due: gives up on a silent server, and keeps the session alive.
    pub(super) fn handle_time(&mut self, now: Instant) -> Result<(), Trouble> {
        let quiet = now.saturating_duration_since(self.said);
        match self.stage {
            Stage::Playing if quiet > self.dialogue.timeout() / 2 => self.keep_alive(),
            Stage::Asking if quiet > PATIENCE => Err(Trouble::Silent(PATIENCE.as_secs())),
            _ => Ok(()),
        }
    }

    /// Says that it is there.
    pub(super) fn keep_alive(&mut self) -> Result<(), Trouble> {
        self.dialogue.keep_alive(&mut self.out);
        self.flush()
    }

    /// Says goodbye.
    pub(super) fn tear_down(&mut self) -> Result<(), Trouble> {
        self.stage = Stage::Asking;
        self.dialogue.tear_down(&mut self.out);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(n) => drop(self.out.split_to(n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Trouble::Io(error)),
            }
            self.said = Instant::now();
        }
        Ok(())
    }

    fn read(&mut self, place: usize, shared: &mut Shared<'_>) -> Result<(), Trouble> {
        loop {
            let n = match self.socket.read(shared.buffer) {
                Ok(0) => return Err(Trouble::Closed),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(Trouble::Io(error)),
            };
            self.take(n, place, shared)?;
            // Less than there is room for is all that there was.
            if n < shared.buffer.len() {
                return Ok(());
            }
        }
    }

    /// Takes the first `n` bytes of the buffer.
    fn take(&mut self, n: usize, place: usize, shared: &mut Shared<'_>) -> Result<(), Trouble> {
        let Self { splitter, dialogue, out, sequences, datagrams, stage, socket, life, .. } = self;
        let Shared { registry, buffer, tally, now } = shared;
        let mut arrivals = Arrivals::new(life, *now);
        splitter.split(&buffer[..n], |piece| {
            match piece {
                Piece::Frame { channel, len, start } => {
                    let track = dialogue.channels().iter().position(|own| *own == Some(channel));
                    if let (Some(track), [_, _, high, low, ..]) = (track, start) {
                        tally.take(&mut sequences[track], u16::from_be_bytes([*high, *low]), len);
                        arrivals.take(start, tally);
                    }
                }
                Piece::Message(Message::Response(response)) => {
                    let open = || {
                        let token = Token(place * TOKENS + 1 + datagrams.len());
                        let opened = Datagrams::open(socket.local_addr()?.ip(), registry, token)?;
                        let ports = opened.ports();
                        datagrams.push(opened);
                        Ok(ports)
                    };
                    *stage = dialogue.handle_response(&response, open, out)?;
                    sequences.resize(dialogue.channels().len(), Sequence::default());
                    arrivals.life.last = *now;
                }
                Piece::Message(Message::Request(_)) => {}
            }
            Ok(())
        })
    }
}

/// When packets came.
#[derive(Debug)]
struct Life {
    /// When one came last, or playing began.
    last: Instant,
    is_silent: bool,
}

/// Packets that have come at once.
struct Arrivals<'a> {
    life: &'a mut Life,
    now: Instant,
    /// The clock of the stamps when the first of them was looked at.
    clock: Option<Duration>,
}

impl<'a> Arrivals<'a> {
    fn new(life: &'a mut Life, now: Instant) -> Self {
        Self { life, now, clock: None }
    }

    fn take(&mut self, packet: &[u8], tally: &mut Tally) {
        let clock = *self.clock.get_or_insert_with(|| {
            tally.longest_gap = tally.longest_gap.max(self.now.saturating_duration_since(self.life.last));
            *self.life = Life { last: self.now, is_silent: false };
            stamp::clock()
        });
        if let Some(age) = stamp::age(packet, clock) {
            tally.latency.take(age);
        }
    }
}
