use std::task::{Context, Poll};

use rtspan_core::Instant;

use crate::clock;
use crate::runtime::Timer;

/// The timer of a task, touched only when its deadline comes nearer.
///
/// A deadline that moves away with every packet costs nothing: the timer fires at the old one and is set anew.
#[derive(Debug)]
pub(crate) struct Alarm<T> {
    timer: T,
    armed: Option<Instant>,
}

impl<T: Timer> Alarm<T> {
    pub(crate) fn new(timer: T) -> Self {
        Self { timer, armed: None }
    }

    /// Whether `deadline` is past; if not, the task is woken when it is.
    pub(crate) fn is_due(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> bool {
        loop {
            let Some(deadline) = deadline else { return false };
            if deadline <= clock::now() {
                return true;
            }
            if self.armed.is_none_or(|armed| deadline < armed) {
                self.armed = Some(deadline);
                self.timer.reset(clock::to_std(deadline));
            }
            match self.timer.poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) => self.armed = None,
            }
        }
    }
}
