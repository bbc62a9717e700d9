use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;

use atomic_waker::AtomicWaker;

use crate::runtime::Direction;

/// The state of a registered socket.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    read: Side,
    write: Side,
}

/// It is ready if the system has said so since it was last found to block.
///
/// The task that uses the socket may be on another thread than the reactor, which may say so between an operation that blocks and
/// the note of that. So the note names what had been said before the operation.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// How often the system has said that it is ready.
    told: AtomicUsize,
    /// How often it had done so before it was last found to block.
    blocked: AtomicUsize,
    /// Nothing more will come of it, which the system tells once.
    closed: AtomicBool,
    waker: AtomicWaker,
}

/// The readiness that the system had told of a side of a socket before an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told(usize);

impl Readiness {
    pub(super) fn raise(&self, event: &mio::event::Event) {
        let is_read_closed = event.is_read_closed() || event.is_error();
        if event.is_readable() || is_read_closed {
            self.read.raise(is_read_closed);
        }
        let is_write_closed = event.is_write_closed() || event.is_error();
        if event.is_writable() || is_write_closed {
            self.write.raise(is_write_closed);
        }
    }

    pub(super) fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }
}

impl Side {
    /// Has the task woken when the system says that it is ready; to be called before asking whether it is.
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    fn raise(&self, is_closed: bool) {
        self.closed.fetch_or(is_closed, Ordering::Release);
        self.told.fetch_add(1, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn told(&self) -> Told {
        Told(self.told.load(Ordering::Acquire))
    }

    /// An operation has blocked before which the system had told this.
    pub(super) fn clear(&self, Told(before): Told) {
        self.blocked.store(before, Ordering::Release);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.told.load(Ordering::Acquire) != self.blocked.load(Ordering::Acquire)
            || self.closed.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_that_is_told_while_an_operation_blocks_is_not_forgotten() {
        let side = Side::default();
        assert!(!side.is_ready());
        side.raise(false);
        let before = side.told();
        side.raise(false);
        side.clear(before);
        assert!(side.is_ready(), "it was told behind the operation");
        side.clear(side.told());
        assert!(!side.is_ready());
        side.raise(true);
        side.clear(side.told());
        assert!(side.is_ready(), "an end is told once");
    }
}
