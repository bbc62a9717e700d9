use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Duration;

use bytes::Bytes;

use super::{CloseReason, Outbox, Report, Room};
use crate::deadline::Doubt;
use crate::limits::{
    MEDIAS_MAX, OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, OUTBOX_HELD, WRITE_BYTES_MIN, WRITE_STALL,
};
use crate::stream::{StreamLog, Streams};
use crate::subscription::{STREAM_ENDED, Subscription};
use crate::wire::Frame;
use crate::{Instant, SessionId, StreamId};

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
}

/// A reader of a stream over interleaved frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    pub(crate) subscription: Subscription,
    /// Per track: the channels of its packets and of its reports. Not a list, which every burst would have to look for.
    pub(crate) channels: [Option<(u8, u8)>; MEDIAS_MAX],
}

/// The half of a connection that writes.
#[derive(Debug)]
pub struct ConnTx {
    stall: Duration,
    outbox: Outbox,
    readers: Vec<FrameReader>,
    /// Which reader is pulled first, so that none starves another.
    turn: usize,
    reports: VecDeque<Report>,
    has_more: bool,
    /// When the socket had last taken enough, and how much it has since.
    progress: Instant,
    taken: usize,
    /// Whether the end of that is believed.
    doubt: Doubt,
    /// Packets wait in their logs until the socket takes what is held.
    has_let_go: bool,
    closing: bool,
}

impl Default for ConnTx {
    fn default() -> Self {
        Self::new(WRITE_STALL)
    }
}

impl ConnTx {
    /// A half whose socket may stall for so long.
    pub(crate) fn new(stall: Duration) -> Self {
        Self {
            stall,
            outbox: Outbox::default(),
            readers: Vec::new(),
            turn: 0,
            reports: VecDeque::new(),
            has_more: false,
            progress: Instant::ZERO,
            taken: 0,
            doubt: Doubt::default(),
            has_let_go: false,
            closing: false,
        }
    }

    /// Takes an order of the control plane.
    pub fn handle_command(&mut self, now: Instant, command: TxCommand) {
        match command.0 {
            TxOrder::Send(message) => {
                self.touch(now);
                self.outbox.push_message(message);
            }
            // Nothing begins on a connection that is being closed.
            TxOrder::Attach(_) if self.closing => {}
            TxOrder::Attach(reader) => {
                // Frames of a session before it on the same channels are not the new one's.
                self.outbox.keep_frames();
                // Mostly it stays the only one.
                self.readers.reserve_exact(1);
                self.readers.push(*reader);
            }
            TxOrder::Detach(session) => {
                self.readers.retain(|reader| reader.subscription.session() != session)
            }
            TxOrder::DropTrack(session, track) => {
                let own = self.readers.iter_mut().find(|reader| reader.subscription.session() == session);
                if let Some(reader) = own {
                    reader.subscription.drop_track(track);
                    reader.channels.iter_mut().skip(track.into()).take(1).for_each(|place| *place = None);
                }
            }
            TxOrder::End(session) => {
                let own = self.readers.iter_mut().find(|reader| reader.subscription.session() == session);
                match own {
                    Some(reader) => reader.subscription.end(),
                    None => self.reports.push_back(Report::Ended(session)),
                }
            }
            TxOrder::Dismiss(session, reason) => {
                let own = |reader: &FrameReader| reader.subscription.session() == session;
                if let Some(place) = self.readers.iter().position(own) {
                    self.touch(now);
                    self.readers.remove(place).send_goodbyes(&mut self.outbox, &reason);
                }
            }
            TxOrder::Close => {
                self.readers.clear();
                self.closing = true;
            }
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
            return;
        }
        self.has_let_go = false;
        if self.readers.is_empty() {
            return;
        }
        self.turn = self.turn.wrapping_add(1).checked_rem(self.readers.len()).unwrap_or(0);
        let (outbox, reports) = (&mut self.outbox, &mut self.reports);
        let (before, from) = self.readers.split_at_mut(self.turn);
        for reader in from.iter_mut().chain(before) {
            let stream = reader.subscription.stream();
            let known =
                streams.read(stream, &mut |log| self.has_more |= reader.pull(now, log, outbox, reports));
            if !known {
                reader.subscription.end();
            }
            if reader.subscription.is_at_end(now, known) {
                reader.say_goodbye(outbox, reports);
            }
        }
        self.readers.retain(|reader| !reader.subscription.is_finished());
    }

    /// Uses memory that was taken from another connection, instead of its own, if nothing waits in that.
    pub fn lend(&mut self, room: Room) {
        self.outbox.lend(room);
    }

    /// Gives back the memory that was lent, except what something waits in.
    ///
    /// So few connections at a time need any, whatever their number; and those that write the same packets one behind
    /// the other hold on to them once.
    pub fn take_room(&mut self) -> Option<Room> {
        self.outbox.take_room()
    }

    /// Whether the last [`pull`](Self::pull) was stopped by the bound: pull again after writing.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// How far the only stream that is read may get before [`pull`](Self::pull) has something to do, as of the last one:
    /// a log whose [`head`](StreamLog::head) is below need not have it called, unless
    /// [`poll_timeout`](Self::poll_timeout) is due. 0 if it is to be called for every packet.
    pub fn patience(&self) -> u64 {
        match &*self.readers {
            [only] => only.subscription.gathers_to(),
            _ => 0,
        }
    }

    /// The streams that are read over this connection.
    pub fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.readers.iter().map(|reader| reader.subscription.stream())
    }

    /// Whether anything is to be written.
    pub fn wants_write(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Fills `slices` with what is to be written, and says how many it filled.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.outbox.io_slices(slices)
    }

    /// Takes note that `n` bytes were written.
    pub fn handle_written(&mut self, now: Instant, n: usize) {
        self.outbox.handle_written(n);
        self.taken = self.taken.saturating_add(n);
        // A peer that takes a byte now and then holds on to as much as one that takes nothing.
        if self.outbox.is_empty() {
            self.restart(now);
        } else if self.taken >= WRITE_BYTES_MIN {
            (self.progress, self.taken) = (now, 0);
        }
    }

    /// Whether the connection is to be shut down: all is written that was to be.
    pub fn is_finished(&self) -> bool {
        self.closing && self.outbox.is_empty()
    }

    /// What the control plane is to be told.
    #[must_use]
    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, after a [`pull`](Self::pull).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stall = (!self.outbox.is_empty()).then(|| self.doubt.look_at(self.progress + self.stall));
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
        if !self.outbox.is_empty() && self.doubt.is_over(now, self.progress + self.stall) {
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
    }
}

impl FrameReader {
    /// Pulls up to the bound; whether the bound stopped it.
    fn pull(
        &mut self,
        now: Instant,
        log: &StreamLog,
        outbox: &mut Outbox,
        reports: &mut VecDeque<Report>,
    ) -> bool {
        if self.subscription.gathers(now, log) {
            return false;
        }
        let channels = &self.channels;
        let channel_of = |track: u8| channels.get(usize::from(track)).copied().flatten();
        let subscription = &mut self.subscription;
        if let Some(report) = subscription.catch_up(now, log) {
            reports.push_back(report);
            if subscription.is_finished() {
                return false;
            }
        }
        let mut is_full = false;
        loop {
            let until = subscription.take_rtcp(log, |track, compound| {
                is_full = outbox.frames() >= OUTBOX_FRAMES_MAX;
                let channel = channel_of(track).filter(|_| !is_full);
                channel.into_iter().for_each(|(_, rtcp)| _ = outbox.push_frame(rtcp, compound.clone()));
                !is_full
            });
            for packet in log.between(subscription.next(), until) {
                is_full = outbox.frames() >= OUTBOX_FRAMES_MAX;
                if is_full {
                    break;
                }
                if let (true, Some((rtp, _))) = (subscription.take(packet), channel_of(packet.track)) {
                    outbox.push_packet(rtp, packet.rtp.as_bytes());
                }
            }
            if is_full || until == u64::MAX {
                break;
            }
        }
        subscription.reports_due(now, log, |track, report| {
            if let Some((_, rtcp)) = channel_of(track) {
                outbox.push_frame(rtcp, report);
            }
        });
        if !is_full {
            subscription.mark_drained(now);
        }
        is_full
    }

    /// Takes back the packets and reports behind what is in front.
    fn let_go(&mut self, log: &StreamLog, outbox: &mut Outbox) {
        let channels = &self.channels;
        let tracks = (0..).zip(channels).filter(|(_, place)| place.is_some()).map(|(track, _)| track);
        let Some(mut retreat) = self.subscription.retreat(tracks) else { return };
        let mut has_reports = false;
        outbox.drop_frames(|channel, payload| {
            let place = channels.iter().flatten().find(|(rtp, rtcp)| [*rtp, *rtcp].contains(&channel));
            match place {
                Some((rtp, _)) if *rtp == channel => retreat.over_packet(log, payload),
                Some(_) => has_reports |= !retreat.over_rtcp(log, payload),
                None => {}
            }
            place.is_some()
        });
        self.subscription.put_back(log, &retreat, has_reports);
    }

    fn say_goodbye(&mut self, outbox: &mut Outbox, reports: &mut VecDeque<Report>) {
        self.send_goodbyes(outbox, STREAM_ENDED);
        reports.push_back(Report::Ended(self.subscription.session()));
    }

    fn send_goodbyes(&mut self, outbox: &mut Outbox, reason: &str) {
        for (track, goodbye) in self.subscription.goodbyes(reason) {
            if let Some((_, rtcp)) = self.channels.get(usize::from(track)).copied().flatten() {
                outbox.push_frame(rtcp, goodbye);
            }
        }
    }
}
