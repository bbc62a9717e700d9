//! Connections: written bytes are sent in segments, arrive in order, and are acknowledged.

mod opening;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rtspan_core::Instant;
use rtspan_core::limits::{TCP_PROBE_IDLE, TCP_UNACKNOWLEDGED_MAX};

use super::world::{Happening, Readiness, Segment, World};

/// Bytes that a socket takes before they are acknowledged.
const SEND_BYTES: usize = 128 << 10;
/// Bytes that a socket holds until they are read.
const RECEIVE_BYTES: usize = 128 << 10;
/// Bytes of a segment at most.
const SEGMENT_BYTES: usize = 16 << 10;
/// How often a connection is asked for that gets no answer, and a segment sent that finds no way.
const RETRY: Duration = Duration::from_secs(1);

/// An end of a connection: that of the host that has asked for it, or the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Asking,
    Accepting,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Asking => Self::Accepting,
            Self::Accepting => Self::Asking,
        }
    }
}

/// A connection, or the attempt at one.
#[derive(Debug)]
pub(super) struct Tcp {
    asking: End,
    accepting: End,
    /// How the attempt has ended.
    outcome: Option<Result<(), ErrorKind>>,
    waiting: Option<Waker>,
    begun: Instant,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) host: usize,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    /// The application has the socket.
    is_held: bool,
    /// The application has closed it; written bytes are still sent.
    is_closed: bool,
    /// There is no such end, or not any more: segments for it are answered with a reset.
    is_gone: bool,
    /// Written, and not sent.
    queue: VecDeque<u8>,
    /// Sent, and not acknowledged.
    unacknowledged: usize,
    /// Sent, and not arrived.
    on_the_way: usize,
    /// The end was told, or is to be behind the queue.
    ends: bool,
    end_is_sent: bool,
    /// The next segment arrives no earlier.
    last_arrival: Instant,
    /// A segment is to be sent at a later time.
    pumps: bool,
    received: VecDeque<u8>,
    at_end: bool,
    error: Option<ErrorKind>,
    /// The peer cannot be reached since then.
    silent_since: Option<Instant>,
    read: Readiness,
    write: Readiness,
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listening {
    host: usize,
    pub(super) local: SocketAddr,
    waiting: VecDeque<u64>,
    pub(super) ready: Readiness,
}

impl End {
    fn new(host: usize, local: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            host,
            local,
            peer,
            is_held: false,
            is_closed: false,
            is_gone: false,
            queue: VecDeque::new(),
            unacknowledged: 0,
            on_the_way: 0,
            ends: false,
            end_is_sent: false,
            last_arrival: Instant::ZERO,
            pumps: false,
            received: VecDeque::new(),
            at_end: false,
            error: None,
            silent_since: None,
            read: Readiness::default(),
            write: Readiness { is_ready: true, waker: None },
        }
    }

    fn room(&self) -> usize {
        SEND_BYTES.saturating_sub(self.queue.len() + self.unacknowledged)
    }

    fn fail(&mut self, error: ErrorKind, to_wake: &mut Vec<Waker>) {
        self.error.get_or_insert(error);
        self.queue.clear();
        self.read.raise(to_wake);
        self.write.raise(to_wake);
    }
}

impl Tcp {
    pub(super) fn end(&self, side: Side) -> &End {
        match side {
            Side::Asking => &self.asking,
            Side::Accepting => &self.accepting,
        }
    }

    fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Asking => &mut self.asking,
            Side::Accepting => &mut self.accepting,
        }
    }
}

impl World {
    /// Sends what may be sent.
    pub(super) fn pump(&mut self, id: u64, side: Side) {
        let now = self.now;
        loop {
            let Some(tcp) = self.tcp.get_mut(&id) else { return };
            let (from, to) = (tcp.end(side).host, tcp.end(side.other()).host);
            let window = RECEIVE_BYTES.saturating_sub(tcp.end(side.other()).received.len());
            let end = tcp.end_mut(side);
            end.pumps = false;
            if end.is_gone || end.error.is_some() || end.end_is_sent {
                return;
            }
            let room = window.saturating_sub(end.on_the_way).min(SEGMENT_BYTES).min(end.queue.len());
            let is_end = end.queue.is_empty() && end.ends;
            if room == 0 && !is_end {
                return;
            }
            let room = if self.is_rough && room > 1 && self.chance.one_in(4) {
                1 + self.chance.below(room)
            } else {
                room
            };
            let (path, chance) = self.path_and_chance(from, to);
            let Some(at) = path.segment(now, room + 64, chance) else {
                return self.find_no_way(id, side);
            };
            let is_heard = self.hosts[to].has_power;
            let Some(tcp) = self.tcp.get_mut(&id) else { return };
            let end = tcp.end_mut(side);
            if is_heard {
                end.silent_since = None;
            }
            let at = at.max(end.last_arrival);
            end.last_arrival = at;
            let segment = if room == 0 {
                end.end_is_sent = true;
                Segment::End
            } else {
                end.unacknowledged += room;
                end.on_the_way += room;
                Segment::Data(end.queue.drain(..room).collect())
            };
            self.trace.note(now, 4, room as u64);
            self.schedule(at, Happening::Arrives(id, side.other(), segment));
        }
    }

    /// Waits for a way, and gives the connection up after a while.
    fn find_no_way(&mut self, id: u64, side: Side) {
        let now = self.now;
        let Some(tcp) = self.tcp.get_mut(&id) else { return };
        let end = tcp.end_mut(side);
        if now.since(*end.silent_since.get_or_insert(now)) > TCP_UNACKNOWLEDGED_MAX {
            end.fail(ErrorKind::TimedOut, &mut self.to_wake);
            return self.forget_if_over(id);
        }
        if !std::mem::replace(&mut end.pumps, true) {
            self.schedule(now + RETRY, Happening::Pump(id, side));
        }
    }

    pub(super) fn segment_arrives(&mut self, id: u64, side: Side, segment: Segment) {
        let now = self.now;
        let Some(tcp) = self.tcp.get_mut(&id) else { return };
        let (host, from) = (tcp.end(side).host, tcp.end(side.other()).host);
        if !self.hosts[host].has_power {
            return;
        }
        if let Segment::Data(data) = &segment {
            tcp.end_mut(side.other()).on_the_way -= data.len();
        }
        let end = tcp.end_mut(side);
        if end.is_gone || end.is_closed {
            // Nobody has the socket any more: data for it is answered so.
            if matches!(segment, Segment::Data(_)) {
                self.send_reset(id, side);
            }
            return;
        }
        match segment {
            Segment::Data(data) => {
                self.trace.note(now, 5, data.len() as u64);
                let count = data.len();
                end.received.extend(data);
                end.read.raise(&mut self.to_wake);
                let (path, chance) = self.path_and_chance(host, from);
                let at = path.segment(now, 64, chance).unwrap_or(now + RETRY);
                self.schedule(at, Happening::Acknowledged(id, side.other(), count));
            }
            Segment::End => {
                end.at_end = true;
                end.read.raise(&mut self.to_wake);
            }
            Segment::Reset => end.fail(ErrorKind::ConnectionReset, &mut self.to_wake),
        }
        self.forget_if_over(id);
    }

    pub(super) fn acknowledged(&mut self, id: u64, side: Side, bytes: usize) {
        let Some(tcp) = self.tcp.get_mut(&id) else { return };
        let end = tcp.end_mut(side);
        end.unacknowledged = end.unacknowledged.saturating_sub(bytes);
        if end.room() >= SEND_BYTES / 3 && !end.write.is_ready {
            end.write.raise(&mut self.to_wake);
        }
        self.pump(id, side);
    }

    /// Finds out from time to time whether the peer is there.
    pub(super) fn probe(&mut self, id: u64, side: Side) {
        let now = self.now;
        let Some(tcp) = self.tcp.get(&id) else { return };
        let (end, peer) = (tcp.end(side), tcp.end(side.other()));
        if end.is_gone || end.error.is_some() {
            return;
        }
        let (host, to) = (end.host, peer.host);
        let (is_gone, has_power) = (peer.is_gone, self.hosts[to].has_power);
        let is_cut = self.path(host, to).is_cut || self.path(to, host).is_cut;
        let Some(tcp) = self.tcp.get_mut(&id) else { return };
        let end = tcp.end_mut(side);
        if is_cut || !has_power {
            if now.since(*end.silent_since.get_or_insert(now)) >= TCP_UNACKNOWLEDGED_MAX {
                end.fail(ErrorKind::TimedOut, &mut self.to_wake);
                return;
            }
        } else if is_gone {
            end.fail(ErrorKind::ConnectionReset, &mut self.to_wake);
            return;
        } else {
            end.silent_since = None;
        }
        self.schedule(now + TCP_PROBE_IDLE, Happening::Probe(id, side));
    }

    pub(super) fn read_tcp(&mut self, id: u64, side: Side, into: &mut [u8]) -> io::Result<usize> {
        let is_short = self.is_rough && self.chance.one_in(16);
        let short = if is_short { 1 + self.chance.below(into.len()) } else { into.len() };
        let Some(tcp) = self.tcp.get_mut(&id) else { return Err(ErrorKind::NotConnected.into()) };
        let end = tcp.end_mut(side);
        let was_full = end.received.len() >= RECEIVE_BYTES / 2;
        let count = end.received.len().min(into.len()).min(short);
        let (first, second) = end.received.as_slices();
        let of_first = count.min(first.len());
        into[..of_first].copy_from_slice(&first[..of_first]);
        into[of_first..count].copy_from_slice(&second[..count - of_first]);
        end.received.drain(..count);
        if count > 0 {
            // One that reads less than it has room for has found all there was.
            if end.received.is_empty() && count < into.len() && !end.at_end && end.error.is_none() {
                end.read.is_ready = false;
            }
            if was_full {
                self.schedule(self.now, Happening::Pump(id, side.other()));
            }
            return Ok(count);
        }
        if into.is_empty() || (end.at_end && end.error.is_none()) {
            return Ok(0);
        }
        if let Some(error) = end.error {
            return Err(error.into());
        }
        end.read.is_ready = false;
        Err(ErrorKind::WouldBlock.into())
    }

    pub(super) fn write_tcp(&mut self, id: u64, side: Side, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let is_short = self.is_rough && self.chance.one_in(16);
        let offered: usize = from.iter().map(|slice| slice.len()).sum();
        let short = if is_short { 1 + self.chance.below(offered) } else { offered };
        let Some(tcp) = self.tcp.get_mut(&id) else { return Err(ErrorKind::NotConnected.into()) };
        let end = tcp.end_mut(side);
        if let Some(error) = end.error {
            return Err(error.into());
        }
        if end.ends {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut room = end.room().min(short);
        if room == 0 && offered > 0 {
            end.write.is_ready = false;
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        for slice in from {
            let part = slice.len().min(room);
            end.queue.extend(&slice[..part]);
            (room, taken) = (room - part, taken + part);
        }
        if taken < offered && !is_short {
            end.write.is_ready = false;
        }
        self.pump(id, side);
        Ok(taken)
    }

    pub(super) fn poll_tcp(&mut self, id: u64, side: Side, cx: &Context<'_>, reads: bool) -> Poll<()> {
        let Some(tcp) = self.tcp.get_mut(&id) else { return Poll::Ready(()) };
        let end = tcp.end_mut(side);
        let readiness = if reads { &mut end.read } else { &mut end.write };
        if readiness.is_ready || end.error.is_some() {
            return Poll::Ready(());
        }
        Self::register(&mut readiness.waker, &mut self.to_drop, cx);
        if self.is_rough && self.chance.one_in(256) {
            readiness.is_ready = true;
            return Poll::Ready(());
        }
        Poll::Pending
    }

    pub(super) fn shut_down(&mut self, id: u64, side: Side) -> io::Result<()> {
        let Some(tcp) = self.tcp.get_mut(&id) else { return Err(ErrorKind::NotConnected.into()) };
        let end = tcp.end_mut(side);
        if end.error.is_some() {
            return Err(ErrorKind::NotConnected.into());
        }
        end.ends = true;
        self.pump(id, side);
        Ok(())
    }

    /// Closes the socket of one end. If there are received bytes that nobody has read, that is a reset.
    pub(super) fn close_tcp(&mut self, id: u64, side: Side) {
        let Some(tcp) = self.tcp.get_mut(&id) else { return };
        let end = tcp.end_mut(side);
        if !std::mem::replace(&mut end.is_held, false) {
            return;
        }
        let host = end.host;
        self.to_drop.extend([end.read.waker.take(), end.write.waker.take()].into_iter().flatten());
        let is_unread = !end.received.is_empty();
        (end.ends, end.is_closed) = (true, true);
        if side == Side::Asking && tcp.outcome.is_none() {
            tcp.outcome = Some(Err(ErrorKind::ConnectionAborted));
        }
        self.close_socket(host);
        if is_unread {
            return self.reset(id, side);
        }
        self.pump(id, side);
        self.forget_if_over(id);
    }

    /// Ends a connection at once.
    pub(super) fn reset(&mut self, id: u64, side: Side) {
        let Some(tcp) = self.tcp.get_mut(&id) else { return };
        let end = tcp.end_mut(side);
        if end.error.is_none() && !end.is_gone {
            end.fail(ErrorKind::ConnectionReset, &mut self.to_wake);
            self.send_reset(id, side);
        }
        if let Some(tcp) = self.tcp.get_mut(&id) {
            tcp.end_mut(side).is_gone = true;
        }
        self.forget_if_over(id);
    }

    fn send_reset(&mut self, id: u64, side: Side) {
        let now = self.now;
        let Some(tcp) = self.tcp.get(&id) else { return };
        let (from, to) = (tcp.end(side).host, tcp.end(side.other()).host);
        let (path, chance) = self.path_and_chance(from, to);
        if let Some(at) = path.segment(now, 64, chance) {
            self.schedule(at, Happening::Arrives(id, side.other(), Segment::Reset));
        }
    }

    /// Has every connection of a host vanish without a word, as when its power goes.
    pub(super) fn lose_connections(&mut self, host: usize) {
        for tcp in self.tcp.values_mut() {
            for side in [Side::Asking, Side::Accepting] {
                let end = tcp.end_mut(side);
                if end.host == host {
                    end.is_gone = true;
                    end.queue.clear();
                }
            }
        }
    }

    fn forget_if_over(&mut self, id: u64) {
        let is_over = self.tcp.get(&id).is_some_and(|tcp| {
            [Side::Asking, Side::Accepting].into_iter().all(|side| {
                let end = tcp.end(side);
                let has_said_all = end.is_closed && (end.end_is_sent || end.error.is_some());
                !end.is_held && (end.is_gone || has_said_all)
            })
        });
        if is_over {
            self.tcp.remove(&id);
        }
    }
}
