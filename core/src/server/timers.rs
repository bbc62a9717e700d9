use std::collections::{BTreeMap, BTreeSet};

use crate::{ConnId, Instant, SessionId, StreamId};

/// What may be due.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Timer {
    /// A connection without a session may have been silent for too long.
    Conn(ConnId),
    /// A session may have been silent for too long.
    Session(SessionId),
    /// The question of a connection may not have been answered.
    Ticket(ConnId),
    /// The readers of a stream that has ended may not have taken the rest of it.
    Stream(StreamId),
}

/// What is due when: at most one time for each.
///
/// Signs of life move no timer: one that is due looks at the time of the last sign, and is armed again.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Instant, Timer)>,
    armed: BTreeMap<Timer, Instant>,
}

impl Timers {
    pub(super) fn arm(&mut self, at: Instant, timer: Timer) {
        self.disarm(timer);
        self.armed.insert(timer, at);
        self.due.insert((at, timer));
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        if let Some(at) = self.armed.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.disarm(timer);
        Some(timer)
    }
}
