use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use bytes::Bytes;

use super::{CloseReason, Outbox, Report, Room};
use crate::deadline::Doubt;
use crate::limits::{OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, OUTBOX_HELD, WRITE_BYTES_MIN};
use crate::stream::Streams;
use crate::wire::Frame;
use crate::{ConnId, Instant, SessionId, StreamId};

mod reader;
mod sent;
mod stats;

pub(crate) use reader::FrameReader;
use sent::Asked;
use stats::Leaving;

/// An order of the control plane to the half of a connection that writes.
#[derive(Debug)]
pub struct TxCommand(pub(crate) TxOrder);

#[derive(Debug)]
pub(crate) enum TxOrder {
    /// An encoded message, in its turn.
    Send(Bytes),
    /// Packets of a stream follow what stands in the outbox.
    Attach(Box<FrameReader>),
    /// No further packet of the session is pulled.
    Detach(SessionId),
    /// No further packet of this track of the session is pulled.
    DropTrack(SessionId, u8),
    /// The session's stream has ended: the rest of it, then BYE, then [`Report::Ended`].
    End(SessionId),
    /// The server closes the session: BYE with this reason, and no further packet.
    Dismiss(SessionId, Box<str>),
    /// The connection is closed when all is written.
    Close,
    /// RTCP of the application's for the reader of this session and track.
    Rtcp(SessionId, u8, Bytes),
    /// Have it told when a session has been sent all packets of its stream before this one.
    TellSent(SessionId, u64),
    /// Have the counts told.
    TellStats,
}

/// A reader as a connection has it.
#[derive(Debug)]
struct Reading {
    reader: FrameReader,
    /// The number of bytes that had been put into the outbox when it came.
    since: u64,
}

impl Deref for Reading {
    type Target = FrameReader;

    fn deref(&self) -> &FrameReader {
        &self.reader
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut FrameReader {
        &mut self.reader
    }
}

/// The half of a connection that writes.
#[derive(Debug)]
pub struct ConnTx {
    id: ConnId,
    stall: Duration,
    /// The same, for one that has the pace.
    patience: Duration,
    outbox: Outbox,
    readers: Vec<Reading>,
    /// Those that nothing more is pulled for, until what was is written and they are told of.
    leaving: VecDeque<Leaving>,
    /// Those that are to be told of when they have been sent what there was.
    asked: Vec<Asked>,
    /// Bytes written in all.
    written: u64,
    /// Something of the statistics is to be told.
    has_stats: bool,
    is_asked: bool,
    /// The reader that is pulled first, so that none starves another.
    turn: usize,
    reports: VecDeque<Report>,
    has_more: bool,
    /// When the socket had last taken enough, and how much it has since.
    progress: Instant,
    taken: usize,
    /// The doubt about the end of that.
    doubt: Doubt,
    /// A reader has the pace, and may stop reading.
    is_patient: bool,
    /// Packets wait in their logs until the socket takes what is held.
    has_let_go: bool,
    closing: bool,
}

impl ConnTx {
    /// A half whose socket may stall for so long.
    pub(crate) fn new(id: ConnId, stall: Duration) -> Self {
        Self {
            id,
            stall,
            patience: stall,
            outbox: Outbox::default(),
            readers: Vec::new(),
            leaving: VecDeque::new(),
            asked: Vec::new(),
            written: 0,
            has_stats: false,
            is_asked: false,
            turn: 0,
            reports: VecDeque::new(),
            has_more: false,
            progress: Instant::ZERO,
            taken: 0,
            doubt: Doubt::default(),
            is_patient: false,
            has_let_go: false,
            closing: false,
        }
    }

    /// Has a socket whose peer has the pace of what it is sent stall for so long, since it last asked something.
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { patience: patience.max(self.stall), ..self }
    }

    /// Takes an order of the control plane.
    pub fn handle_command(&mut self, now: Instant, command: TxCommand) {
        match command.0 {
            TxOrder::Send(message) => {
                // A peer that asks is there.
                if self.is_patient {
                    self.restart(now)
                } else {
                    self.touch(now)
                }
                self.outbox.push_message(message);
            }
            // Nothing begins on a connection that is being closed.
            TxOrder::Attach(reader) => {
                // Frames of a session before it on the same channels are not the new one's.
                self.outbox.keep_frames();
                // Mostly it stays the only one.
                self.readers.reserve_exact(1);
                self.readers.push(Reading { reader: *reader, since: self.queued() });
                if self.closing {
                    self.retire(|_| true);
                }
            }
            TxOrder::Detach(session) => self.retire(|reader| reader.subscription.session() == session),
            TxOrder::DropTrack(session, track) => {
                let own = self.readers.iter_mut().find(|reader| reader.subscription.session() == session);
                if let Some(reader) = own {
                    reader.subscription.drop_track(track);
                    reader.channels.iter_mut().skip(track.into()).take(1).for_each(|place| *place = None);
                }
            }
            TxOrder::Rtcp(session, track, compound) => {
                let own = self.readers.iter_mut().find(|reader| reader.subscription.session() == session);
                let Some(reader) = own else { return };
                let channel = reader.channels.get(usize::from(track)).copied().flatten();
                let Some((_, channel)) = channel.filter(|_| self.outbox.frames() < OUTBOX_FRAMES_MAX) else {
                    return;
                };
                if let Some(compound) = reader.subscription.seal(track, compound) {
                    reader.subscription.count_rtcp(track, compound.len());
                    self.touch(now);
                    self.outbox.push_frame(channel, compound);
                }
            }
            TxOrder::End(session) => {
                let own = self.readers.iter_mut().find(|reader| reader.subscription.session() == session);
                match own {
                    Some(reader) => reader.subscription.end(),
                    // It ends with the connection, and is told nothing of its stream.
                    None if self.closing => {}
                    None => self.reports.push_back(Report::Ended(session)),
                }
            }
            TxOrder::Dismiss(session, reason) => {
                self.touch(now);
                let own = |reader: &Reading| reader.subscription.session() == session;
                self.readers.iter_mut().filter(|reader| own(reader)).for_each(|reader| {
                    reader.send_goodbyes(&mut self.outbox, &reason);
                });
                self.retire(own);
            }
            TxOrder::Close => {
                self.retire(|_| true);
                self.closing = true;
            }
            TxOrder::TellSent(session, number) => self.ask_if_sent(session, number),
            TxOrder::TellStats => (self.is_asked, self.has_stats) = (true, true),
        }
    }

    /// Takes a report that the other half of the connection made for the peer.
    pub fn handle_reply(&mut self, now: Instant, reply: Frame) {
        if self.outbox.frames() < OUTBOX_FRAMES_MAX {
            self.touch(now);
            self.outbox.push_frame(reply.channel, reply.payload);
        }
    }

    /// Moves packets from the logs into the outbox, up to its bound.
    pub fn pull(&mut self, now: Instant, streams: &dyn Streams) {
        self.has_more = false;
        if self.outbox.is_empty() {
            self.restart(now);
        } else if now >= self.lets_go_at() {
            self.has_more = true;
            self.let_go(streams);
            if self.has_stats {
                self.tell_stats(now, streams);
            }
            return;
        }
        (self.has_let_go, self.is_patient) = (false, false);
        if !self.readers.is_empty() {
            self.pull_all(now, streams);
        }
        if !self.asked.is_empty() {
            self.tell_sent();
        }
        if self.has_stats {
            self.tell_stats(now, streams);
        }
    }

    fn pull_all(&mut self, now: Instant, streams: &dyn Streams) {
        self.turn = self.turn.wrapping_add(1).checked_rem(self.readers.len()).unwrap_or(0);
        let (outbox, reports) = (&mut self.outbox, &mut self.reports);
        let (before, from) = self.readers.split_at_mut(self.turn);
        for reader in from.iter_mut().chain(before) {
            let stream = reader.subscription.stream();
            let known = streams.read(stream, &mut |log| {
                self.is_patient |= !log.is_rate_controlled();
                self.has_more |= reader.pull(now, log, outbox, reports);
            });
            if !known {
                reader.subscription.end();
            }
            if reader.subscription.is_at_end(now, known) {
                reader.say_goodbye(outbox, reports);
            }
        }
        if self.readers.iter().any(|reader| reader.subscription.is_finished()) {
            self.retire(|reader| reader.subscription.is_finished());
        }
    }

    /// Uses memory that was taken from another connection, instead of its own, if nothing waits in that.
    pub fn lend(&mut self, room: Room) {
        self.outbox.lend(room);
    }

    /// Gives back the memory that was lent, except what something waits in.
    ///
    /// With it, only a few connections need such memory at a time, and connections that write the same packets one after the
    /// other share references to them.
    pub fn take_room(&mut self) -> Option<Room> {
        self.outbox.take_room()
    }

    /// Returns `true` if the bound stopped the last [`pull`](Self::pull): pull again after writing.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// How far the only stream that is read may get before [`pull`](Self::pull) has something to do, as of the last one:
    /// a log whose [`head`](crate::stream::StreamLog::head) is below need not have it called, unless
    /// [`poll_timeout`](Self::poll_timeout) is due. 0 if it is to be called for every packet.
    pub fn patience(&self) -> u64 {
        match &*self.readers {
            [only] if self.leaving.is_empty() => only.subscription.gathers_to(),
            _ => 0,
        }
    }

    /// The streams that are read over this connection, and those that something is still to be told of.
    pub fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        let leaving = self.leaving.iter().map(|leaving| leaving.reading.subscription.stream());
        self.readers.iter().map(|reader| reader.subscription.stream()).chain(leaving)
    }

    /// Returns `true` if packets that nobody has pulled wait in a log, and nothing else is written.
    pub(crate) fn is_behind(&self, now: Instant, streams: &dyn Streams) -> bool {
        let mut is_behind = false;
        for reader in self.readers.iter().filter(|_| self.outbox.is_empty()) {
            let subscription = &reader.subscription;
            streams.read(subscription.stream(), &mut |log| is_behind |= subscription.is_behind(now, log));
        }
        is_behind
    }

    /// Returns `true` if [`poll_report`](Self::poll_report) has something.
    pub(crate) fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Returns `true` if anything is to be written.
    pub fn wants_write(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Fills `slices` with what is to be written, and says how many it filled.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.outbox.io_slices(slices)
    }

    /// Takes note that `n` bytes were written.
    pub fn handle_written(&mut self, now: Instant, n: usize) {
        self.written = self.written.saturating_add(n.min(self.outbox.rest()) as u64);
        if !self.leaving.is_empty() {
            self.look_at_leaving();
        }
        if !self.asked.is_empty() {
            self.look_at_asked();
        }
        self.outbox.handle_written(n);
        self.taken = self.taken.saturating_add(n);
        // A peer that takes a byte now and then holds on to as much as one that takes nothing.
        if self.outbox.is_empty() {
            self.restart(now);
        } else if self.taken >= WRITE_BYTES_MIN {
            (self.progress, self.taken) = (now, 0);
        }
    }

    /// Returns `true` if the connection is to be shut down: all that was to be written is written.
    pub fn is_finished(&self) -> bool {
        self.closing && self.outbox.is_empty()
    }

    /// Returns the next report for the control plane.
    #[must_use]
    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, after a [`pull`](Self::pull).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stall = (!self.outbox.is_empty()).then(|| self.doubt.look_at(self.stalls_at()));
        if self.has_let_go {
            // Readers were not looked at, and are with the next pull.
            return stall.or_else(|| Some(self.lets_go_at()));
        }
        let lets_go = stall.map(|_| self.lets_go_at());
        let reports = self.readers.iter().filter_map(|reader| reader.subscription.poll_timeout());
        reports.chain(stall).chain(lets_go).min()
    }

    /// Checks that the peer reads what it is sent; may be called at any time.
    ///
    /// # Errors
    ///
    /// The socket took nothing for too long, or too many answers wait; the connection is to be closed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), CloseReason> {
        if self.outbox.message_bytes() > OUTBOX_BYTES_MAX {
            return Err(CloseReason::OutboxFull);
        }
        if !self.outbox.is_empty() && self.doubt.is_over(now, self.stalls_at()) {
            return Err(CloseReason::WriteStalled);
        }
        Ok(())
    }

    /// The clock of a stalled socket starts when there is something to write.
    fn touch(&mut self, now: Instant) {
        if self.outbox.is_empty() {
            self.restart(now);
        }
    }

    fn restart(&mut self, now: Instant) {
        self.progress = now;
        self.taken = 0;
    }

    /// When the peer has taken nothing for too long.
    fn stalls_at(&self) -> Instant {
        self.progress + if self.is_patient { self.patience } else { self.stall }
    }

    /// When packets are no longer held for a peer that does not read.
    fn lets_go_at(&self) -> Instant {
        self.progress + OUTBOX_HELD
    }

    /// Leaves packets to their logs, whose readers go on there, and holds no blocks for the rest.
    fn let_go(&mut self, streams: &dyn Streams) {
        if std::mem::replace(&mut self.has_let_go, true) {
            return;
        }
        for reader in &mut self.readers {
            let stream = reader.subscription.stream();
            streams.read(stream, &mut |log| reader.let_go(log, &mut self.outbox));
        }
        self.outbox.keep_frames();
        self.forget_dropped();
        self.asked.iter_mut().for_each(|asked| asked.until = None);
    }
}
