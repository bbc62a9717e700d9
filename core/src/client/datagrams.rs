use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::ClientSink;
use crate::limits::{SEND_BYTES_MAX, SEND_PACKETS_MAX};
use crate::udp::{Pace, Port};
use crate::{Instant, UdpId};

/// Datagrams that wait to be sent, and how fast they go.
#[derive(Debug)]
pub(super) struct Datagrams {
    queue: VecDeque<Datagram>,
    bytes: usize,
    /// How many have left.
    sent: u64,
    pace: Pace,
    /// When those that wait may go on.
    resumes_at: Option<Instant>,
}

/// A hold on writing, until the datagrams that belong before it have left.
#[derive(Debug)]
pub(super) struct Held {
    /// How many are to leave first, of all that there ever were.
    pub(super) behind: u64,
    /// When it is waited for them no longer.
    pub(super) until: Instant,
}

#[derive(Debug)]
struct Datagram {
    id: UdpId,
    port: Port,
    to: SocketAddr,
    data: Bytes,
}

impl Datagrams {
    /// A queue from which a burst of packets leaves at once.
    pub(super) fn new(burst: usize) -> Self {
        Self { queue: VecDeque::new(), bytes: 0, sent: 0, pace: Pace::new(burst), resumes_at: None }
    }

    /// Appends a datagram; `false` if it was not taken because too many wait.
    pub(super) fn push(&mut self, id: UdpId, port: Port, to: SocketAddr, data: Bytes) -> bool {
        let has_room = self.has_room(data.len());
        if has_room {
            self.bytes = self.bytes.saturating_add(data.len());
            self.queue.push_back(Datagram { id, port, to, data });
        }
        has_room
    }

    /// Returns `true` if a datagram of so many bytes is taken.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.queue.len() < SEND_PACKETS_MAX && self.bytes.saturating_add(bytes) <= SEND_BYTES_MAX
    }

    /// Hands out what waits as fast as it may go, until the sink takes no more; `true` if that is why some is left.
    pub(super) fn flush(&mut self, now: Instant, sink: &mut dyn ClientSink) -> bool {
        self.resumes_at = None;
        while let Some(Datagram { id, port, to, data }) = self.queue.front() {
            if self.pace.left(now) == 0 {
                self.resumes_at = self.pace.resumes_at();
                return false;
            }
            if !sink.send(*id, *port, *to, data) {
                return true;
            }
            self.pace.spend(1);
            self.sent = self.sent.saturating_add(1);
            self.bytes = self.bytes.saturating_sub(data.len());
            self.queue.pop_front();
        }
        false
    }

    /// How many have left, of all that there ever were.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// How many there ever were.
    pub(super) fn pushed(&self) -> u64 {
        self.sent.saturating_add(self.queue.len() as u64)
    }

    /// Returns `true` if [`flush`](Self::flush) is to be called, also if nothing has happened.
    pub(super) fn wants_flush(&self) -> bool {
        !self.queue.is_empty() && self.resumes_at.is_none()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.resumes_at
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.resumes_at.take_if(|at| *at <= now);
    }

    /// Lets all waiting datagrams leave at once: there is no later chance.
    pub(super) fn hurry(&mut self) {
        self.pace = Pace::new(usize::MAX);
        self.resumes_at = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
