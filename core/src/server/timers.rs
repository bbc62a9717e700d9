use std::collections::BTreeSet;

use crate::deadline::Doubt;
use crate::{ConnId, Instant, SessionId, StreamId};

/// A deadline that may be due.
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
    /// Those that are still there of a server that drains may not have gone.
    Drain,
    /// Statistics that were asked for may not have been told.
    Stats,
}

/// The armed deadlines: at most one for each timer.
///
/// Signs of life move no timer: one that is due looks at the time of the last sign, and is armed again.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// When which deadline is to be looked at.
    looks: BTreeSet<(Instant, Timer)>,
    /// By kind, and then by the index of what may be due.
    armed: [Vec<Option<Armed>>; 6],
}

#[derive(Clone, Copy, Debug)]
struct Armed {
    timer: Timer,
    deadline: Instant,
    doubt: Doubt,
}

impl Timer {
    /// Returns true for a deadline that no sign of life puts off: it holds, however late it is looked at.
    fn is_certain(self) -> bool {
        self == Self::Drain
    }

    fn place(self) -> (usize, usize) {
        match self {
            Self::Conn(id) => (0, id.index()),
            Self::Session(id) => (1, id.index()),
            Self::Ticket(id) => (2, id.index()),
            Self::Stream(id) => (3, id.index()),
            Self::Drain => (4, 0),
            Self::Stats => (5, 0),
        }
    }
}

impl Armed {
    fn look(&self) -> (Instant, Timer) {
        let at = if self.timer.is_certain() { self.deadline } else { self.doubt.look_at(self.deadline) };
        (at, self.timer)
    }

    /// Returns true if what is looked at is due, and is believed to be.
    fn is_over(&mut self, now: Instant) -> bool {
        self.timer.is_certain() || self.doubt.is_over(now, self.deadline)
    }
}

impl Timers {
    /// Sets the deadline of a timer. It passes a [grace](crate::limits::DEADLINE_GRACE) from now at the earliest, except that
    /// of a drain.
    pub(super) fn arm(&mut self, deadline: Instant, timer: Timer) {
        self.put(Armed { timer, deadline, doubt: Doubt::default() });
    }

    fn put(&mut self, new: Armed) {
        let (kind, index) = new.timer.place();
        let Some(armed) = self.armed.get_mut(kind) else { return };
        if armed.len() <= index {
            armed.resize(index.saturating_add(1), None);
        }
        let before = armed.get_mut(index).and_then(|armed| armed.replace(new)).map(|before| before.look());
        if before != Some(new.look()) {
            before.map(|before| self.looks.remove(&before));
            self.looks.insert(new.look());
        }
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        self.take(timer);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.looks.first().map(|(at, _)| *at)
    }

    /// Takes a timer that is due, and believed to be.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        loop {
            let (_, timer) = *self.looks.first().filter(|(at, _)| *at <= now)?;
            let mut armed = self.take(timer)?;
            if armed.is_over(now) {
                return Some(timer);
            }
            self.put(armed);
        }
    }

    fn take(&mut self, timer: Timer) -> Option<Armed> {
        let (kind, index) = timer.place();
        let taken = self.armed.get_mut(kind)?.get_mut(index)?.take_if(|armed| armed.timer == timer)?;
        self.looks.remove(&taken.look());
        Some(taken)
    }
}
