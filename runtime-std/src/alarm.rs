use std::task::{Context, Poll, Waker};

use rtspan_core::Instant;

use crate::clock::Clock;
use crate::runtime::Timer;

/// The timer of a task, touched only when its deadline comes nearer or has passed.
///
/// A deadline that moves away with every packet costs nothing: the timer fires at the old one and is set anew.
#[derive(Debug)]
pub(crate) struct Alarm<T> {
    timer: T,
    armed: Option<Instant>,
    /// The task that the timer wakes when it fires.
    waker: Option<Waker>,
}

impl<T: Timer> Alarm<T> {
    pub(crate) fn new(timer: T) -> Self {
        Self { timer, armed: None, waker: None }
    }

    /// Returns `true` if `deadline` is past; if not, the task is woken when it is.
    pub(crate) fn is_due(&mut self, cx: &mut Context<'_>, clock: &Clock, deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else { return false };
        let now = clock.now();
        if deadline <= now {
            return true;
        }
        let is_known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_known && self.armed.is_some_and(|armed| now < armed && armed <= deadline) {
            return false;
        }
        if !is_known {
            self.waker = Some(cx.waker().clone());
        }
        loop {
            if self.armed.is_none_or(|armed| deadline < armed) {
                self.armed = Some(deadline);
                self.timer.reset(Some(deadline));
            }
            match self.timer.poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) => self.armed = None,
            }
            if deadline <= clock.now() {
                return true;
            }
        }
    }
}
