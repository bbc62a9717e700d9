use std::time::Duration;

use super::ALIVE_PERIOD;
use crate::Instant;
use crate::deadline::Doubt;

const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// Notices when no packet of a media comes any more.
#[derive(Debug)]
pub(super) struct Silence {
    /// How long is too long; `None` for a media that is quiet by nature.
    limit: Option<Duration>,
    /// Packets had come at this time, and may have for an [`ALIVE_PERIOD`] since.
    heard: Instant,
    next: Instant,
    is_told: bool,
    doubt: Doubt,
}

impl Silence {
    pub(super) fn new(now: Instant, limit: Option<Duration>) -> Self {
        let mut silence = Self { limit, heard: now, next: NEVER, is_told: false, doubt: Doubt::default() };
        silence.hear(now);
        silence
    }

    /// Takes note that a packet has come; whether that ends a silence that was told of.
    pub(super) fn hear(&mut self, now: Instant) -> bool {
        self.heard = now;
        self.next = self.deadline().map_or(NEVER, |deadline| self.doubt.look_at(deadline));
        std::mem::take(&mut self.is_told)
    }

    /// When [`begins`](Self::begins) is to be asked.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// Whether a silence is to be told of.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        let Some(deadline) = self.deadline().filter(|_| now >= self.next) else { return false };
        self.is_told = self.doubt.is_over(now, deadline);
        self.next = if self.is_told { NEVER } else { self.doubt.look_at(deadline) };
        self.is_told
    }

    fn deadline(&self) -> Option<Instant> {
        self.limit.map(|limit| self.heard + ALIVE_PERIOD + limit)
    }
}
