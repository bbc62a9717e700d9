use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rtspan_core::limits::TCP_UNACKNOWLEDGED_MAX;
use rtspan_core::{ConnId, Instant};

use super::choices::Chance;
use super::world::Task;

/// One TCP connection between a client and the server.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct LinkId(u64);

/// The window of a connection that takes whatever a stream has.
const WIDE_WINDOW: usize = 65_536;

/// All TCP connections.
#[derive(Debug, Default)]
pub(super) struct Tcp {
    links: BTreeMap<LinkId, Link>,
    next: u64,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Client,
    Server,
}

/// The outcome of a call to a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Io {
    Done(usize),
    Blocked,
    /// The other end says no more, or takes no more.
    Closed,
    /// The connection is broken.
    Reset,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Task,
    pub(super) conn: Option<ConnId>,
    pub(super) peer: SocketAddr,
    /// From the client to the server, and back.
    pipes: [Pipe; 2],
    latency: Duration,
    /// Nothing but time has happened to it.
    pub(super) is_clean: bool,
    is_reset: bool,
    /// Until when one of its ends has taken nothing.
    disturbed: Instant,
    /// The client's host has gone without a word; at this time the server's system finds out.
    frozen: Option<Instant>,
}

#[derive(Debug)]
struct Pipe {
    chunks: VecDeque<(Instant, Bytes)>,
    /// Bytes that were written and not read.
    bytes: usize,
    window: usize,
    /// When the last that was written arrives.
    arrival: Instant,
    /// When the reader sees the end.
    end: Option<Instant>,
    /// Until then it takes nothing.
    stalled: Instant,
    /// The reader is gone.
    is_deaf: bool,
}

impl Side {
    fn out(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl Tcp {
    pub(super) fn open(&mut self, client: Task, peer: SocketAddr, chance: &mut Chance<'_>) -> LinkId {
        let window = chance.pick(&[65_536, 65_536, 16_384, 4_096, 262_144, 700]);
        let pipe = |window| Pipe {
            chunks: VecDeque::new(),
            bytes: 0,
            window,
            arrival: Instant::ZERO,
            end: None,
            stalled: Instant::ZERO,
            is_deaf: false,
        };
        let latency = chance.micros(50, 30_000);
        let id = LinkId(self.next);
        self.next += 1;
        let pipes = [pipe(65_536), pipe(window)];
        self.links.insert(
            id,
            Link {
                client,
                conn: None,
                peer,
                pipes,
                latency,
                is_clean: true,
                is_reset: false,
                disturbed: Instant::ZERO,
                frozen: None,
            },
        );
        id
    }

    pub(super) fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    pub(super) fn ids(&self) -> Vec<LinkId> {
        self.links.keys().copied().collect()
    }

    /// The end of `side` is closed: bytes that it has written still arrive.
    pub(super) fn close(&mut self, id: LinkId, side: Side, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.shut(side, now);
        link.pipes[side.other().out()].is_deaf = true;
        if link.pipes.iter().all(|pipe| pipe.is_deaf) {
            self.links.remove(&id);
        }
    }
}

impl Link {
    /// Returns `true` if both sides may still say more.
    pub(super) fn is_open(&self) -> bool {
        !self.is_reset && self.pipes.iter().all(|pipe| pipe.end.is_none())
    }

    /// Returns `true` if it takes much, and has done so since then.
    pub(super) fn is_steady(&self, since: Instant) -> bool {
        let is_wide = self.pipes.iter().all(|pipe| pipe.window >= WIDE_WINDOW);
        self.is_open() && self.frozen.is_none() && is_wide && self.disturbed <= since
    }

    /// The task at one end.
    pub(super) fn task(&self, side: Side) -> Option<Task> {
        match side {
            Side::Client => Some(self.client),
            Side::Server => self.conn.map(Task::Conn),
        }
    }

    /// Says that no more comes from this end, which still reads.
    pub(super) fn shut(&mut self, side: Side, now: Instant) {
        let latency = self.latency;
        let pipe = &mut self.pipes[side.out()];
        pipe.end.get_or_insert(pipe.arrival.max(now + latency));
    }

    pub(super) fn reset(&mut self) {
        self.is_reset = true;
        self.is_clean = false;
        self.pipes.iter_mut().for_each(|pipe| pipe.chunks.clear());
    }

    /// The client's host is gone, and nobody says so; when the server's system finds out.
    pub(super) fn freeze(&mut self, now: Instant) -> Instant {
        self.is_clean = false;
        *self.frozen.get_or_insert(now + TCP_UNACKNOWLEDGED_MAX)
    }

    fn is_given_up(&self, now: Instant) -> bool {
        self.frozen.is_some_and(|at| now >= at)
    }

    /// Takes nothing from this end until then.
    pub(super) fn stall(&mut self, side: Side, until: Instant) {
        self.is_clean = false;
        self.pipes[side.out()].stalled = until;
        self.disturbed = self.disturbed.max(until);
    }

    pub(super) fn heal(&mut self) {
        self.pipes.iter_mut().for_each(|pipe| pipe.stalled = Instant::ZERO);
    }

    pub(super) fn write(
        &mut self,
        side: Side,
        now: Instant,
        slices: &[IoSlice<'_>],
        chance: &mut Chance<'_>,
    ) -> Io {
        if self.frozen.is_some() && side == Side::Client {
            return Io::Blocked;
        }
        let latency = self.latency + chance.micros(1, 500);
        let is_over = self.is_reset || self.is_given_up(now);
        let pipe = &mut self.pipes[side.out()];
        if is_over || pipe.is_deaf || pipe.end.is_some() {
            return Io::Reset;
        }
        let room = pipe.window.saturating_sub(pipe.bytes);
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        if room == 0 || now < pipe.stalled || total == 0 {
            return Io::Blocked;
        }
        let most = total.min(room);
        let n = if chance.happens(200) { 1 + chance.index(most) } else { most };
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(n).collect();
        pipe.bytes += n;
        pipe.arrival = pipe.arrival.max(now + latency);
        pipe.chunks.push_back((pipe.arrival, all.into()));
        Io::Done(n)
    }

    /// Reads as much as `into` has capacity for, or less.
    pub(super) fn read(
        &mut self,
        side: Side,
        now: Instant,
        into: &mut BytesMut,
        chance: &mut Chance<'_>,
    ) -> Io {
        if self.frozen.is_some() && side == Side::Client {
            return Io::Blocked;
        }
        if self.is_reset || self.is_given_up(now) {
            return Io::Reset;
        }
        let pipe = &mut self.pipes[side.other().out()];
        let room = into.capacity() - into.len();
        assert!(room > 0, "no room to read into");
        let most = if chance.happens(200) { 1 + chance.index(room) } else { room };
        let mut n = 0;
        while let Some((_, chunk)) = pipe.chunks.front_mut().filter(|(at, _)| n < most && *at <= now) {
            let taken = chunk.split_to(chunk.len().min(most - n));
            into.extend_from_slice(&taken);
            n += taken.len();
            if chunk.is_empty() {
                pipe.chunks.pop_front();
            }
        }
        pipe.bytes -= n;
        match n {
            0 if pipe.chunks.is_empty() && pipe.end.is_some_and(|end| end <= now) => Io::Closed,
            0 => Io::Blocked,
            n => Io::Done(n),
        }
    }

    /// When there is something to read at this end.
    pub(super) fn readable(&self, side: Side) -> Option<Instant> {
        if self.frozen.is_some() && side == Side::Client {
            return None;
        }
        let pipe = &self.pipes[side.other().out()];
        match pipe.chunks.front() {
            _ if self.is_reset => Some(Instant::ZERO),
            Some((at, _)) => Some(*at),
            None => pipe.end.into_iter().chain(self.frozen).min(),
        }
    }

    /// When this end may write.
    pub(super) fn writable(&self, side: Side) -> Option<Instant> {
        if self.frozen.is_some() && side == Side::Client {
            return None;
        }
        let pipe = &self.pipes[side.out()];
        if self.is_reset || pipe.is_deaf || pipe.end.is_some() {
            return Some(Instant::ZERO);
        }
        (pipe.bytes < pipe.window).then_some(pipe.stalled)
    }
}
