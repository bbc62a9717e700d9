use std::collections::BTreeSet;

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
    /// By kind, and then by the index of what may be due.
    armed: [Vec<Option<(Instant, Timer)>>; 4],
}

impl Timer {
    fn place(self) -> (usize, usize) {
        match self {
            Self::Conn(id) => (0, id.index()),
            Self::Session(id) => (1, id.index()),
            Self::Ticket(id) => (2, id.index()),
            Self::Stream(id) => (3, id.index()),
        }
    }
}

impl Timers {
    pub(super) fn arm(&mut self, at: Instant, timer: Timer) {
        let (kind, index) = timer.place();
        let Some(armed) = self.armed.get_mut(kind) else { return };
        if armed.len() <= index {
            armed.resize(index.saturating_add(1), None);
        }
        let before = armed.get_mut(index).and_then(|armed| armed.replace((at, timer)));
        if before != Some((at, timer)) {
            before.map(|before| self.due.remove(&before));
            self.due.insert((at, timer));
        }
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        let (kind, index) = timer.place();
        let armed = self.armed.get_mut(kind).and_then(|armed| armed.get_mut(index));
        if let Some(before) = armed.and_then(|armed| armed.take_if(|(_, own)| *own == timer)) {
            self.due.remove(&before);
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
