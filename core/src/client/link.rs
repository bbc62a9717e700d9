use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::Instant;
use crate::conn::Outbox;
use crate::deadline::Doubt;
use crate::limits::{OUTBOX_BYTES_MAX, SEND_BYTES_MAX, SEND_PACKETS_MAX};
use crate::wire::{Decoder, DecoderLimits, FRAME_HEADER_BYTES, StatusCode};

/// The TCP connection, with what was read of it and what waits to be written.
#[derive(Debug)]
pub(super) struct Link {
    phase: Phase,
    /// The address of this host that it goes from, if that is known.
    pub(super) local: Option<IpAddr>,
    pub(super) decoder: Decoder,
    outbox: Outbox,
    /// Bytes that wait in the outbox.
    waiting: usize,
    /// Since when the socket has taken none of them.
    stuck: Option<Instant>,
    /// A response has come over it.
    has_answered: bool,
    /// Requests that were answered over it with anything but a challenge.
    answers: u32,
    /// How long the socket may take nothing.
    write_stall: Duration,
    doubt: Doubt,
}

#[derive(Debug)]
enum Phase {
    Idle,
    Connecting { deadline: Instant },
    Up { peer: SocketAddr },
    Closed,
}

impl Link {
    pub(super) fn new(write_stall: Duration) -> Self {
        Self {
            phase: Phase::Idle,
            local: None,
            decoder: Decoder::new(DecoderLimits::default()),
            outbox: Outbox::default(),
            waiting: 0,
            stuck: None,
            has_answered: false,
            answers: 0,
            write_stall,
            doubt: Doubt::within(write_stall),
        }
    }

    /// Begins anew, without what was left of the connection before.
    pub(super) fn connect(&mut self, now: Instant, patience: Duration) {
        let phase = Phase::Connecting { deadline: now + patience };
        *self = Self { phase, doubt: Doubt::within(patience), ..Self::new(self.write_stall) };
    }

    pub(super) fn handle_connected(&mut self, peer: SocketAddr) {
        self.phase = Phase::Up { peer };
        self.doubt = Doubt::within(self.write_stall);
    }

    /// Forgets the connection; another may follow.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.write_stall);
    }

    /// Ends for good; waiting bytes may still be written.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
        self.stuck = None;
    }

    /// Drops what waits, which nobody can read.
    pub(super) fn clear(&mut self) {
        self.outbox = Outbox::default();
        self.waiting = 0;
    }

    /// Appends a message; `false` if the server has left too many unread.
    pub(super) fn push_message(&mut self, now: Instant, message: Bytes) -> bool {
        self.count(now, message.len());
        self.outbox.push_message(message);
        self.outbox.message_bytes() <= OUTBOX_BYTES_MAX
    }

    /// Appends a frame; `false` if it was not taken because too much waits.
    pub(super) fn push_frame(&mut self, now: Instant, channel: u8, payload: Bytes) -> bool {
        let len = payload.len();
        let pushed = self.has_room(len) && self.outbox.push_frame(channel, payload);
        if pushed {
            self.count(now, len.saturating_add(FRAME_HEADER_BYTES));
        }
        pushed
    }

    /// Returns `true` if a frame with so many bytes is taken.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let waiting = self.waiting.saturating_add(bytes).saturating_add(FRAME_HEADER_BYTES);
        self.outbox.frames() < SEND_PACKETS_MAX && waiting <= SEND_BYTES_MAX
    }

    pub(super) fn handle_written(&mut self, now: Instant, n: usize) {
        self.outbox.handle_written(n);
        self.waiting = self.waiting.saturating_sub(n);
        self.stuck = (!self.outbox.is_empty()).then_some(now);
    }

    pub(super) fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.outbox.io_slices(slices)
    }

    /// Bytes that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn wants_write(&self) -> bool {
        !self.outbox.is_empty()
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. })
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up { .. })
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    pub(super) fn peer(&self) -> Option<SocketAddr> {
        match self.phase {
            Phase::Up { peer } => Some(peer),
            _ => None,
        }
    }

    pub(super) fn handle_response(&mut self, status: StatusCode) {
        self.has_answered = true;
        self.answers = self.answers.saturating_add((status != StatusCode::UNAUTHORIZED).into());
    }

    /// How many requests were answered over it; a challenge is no answer.
    pub(super) fn answers(&self) -> u32 {
        self.answers
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().map(|deadline| self.doubt.look_at(deadline))
    }

    /// Returns `true` if the connection is to be given up, because it does not come about, or takes nothing.
    pub(super) fn is_over(&mut self, now: Instant) -> bool {
        let deadline = self.deadline();
        deadline.is_some_and(|deadline| self.doubt.is_over(now, deadline))
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connecting { deadline } => Some(deadline),
            Phase::Up { .. } => self.stuck.map(|since| since + self.write_stall),
            Phase::Idle | Phase::Closed => None,
        }
    }

    fn count(&mut self, now: Instant, bytes: usize) {
        self.waiting = self.waiting.saturating_add(bytes);
        self.stuck.get_or_insert(now);
    }
}
