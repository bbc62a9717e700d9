use std::time::Duration;

use crate::Instant;
use crate::deadline::Doubt;
use crate::description::{Media, MediaKind};
use crate::ingest::ALIVE_PERIOD;

const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// Returns `true` if a media may send no packet for long: it is neither audio nor video.
pub(crate) fn is_quiet(media: &Media) -> bool {
    !matches!(media.kind, MediaKind::Audio | MediaKind::Video)
}

/// Notices when no packet of a media comes any more.
#[derive(Debug)]
pub(crate) struct Silence {
    /// How long is too long; `None` for a media that is quiet by nature.
    limit: Option<Duration>,
    /// Packets had come at this time, and may have for an [`ALIVE_PERIOD`] since.
    heard: Instant,
    next: Instant,
    is_told: bool,
    doubt: Doubt,
}

impl Silence {
    /// A media that has just begun, and is silent after `limit`; one that is neither audio nor video is quiet by nature.
    pub(crate) fn new(now: Instant, media: &Media, limit: Duration) -> Self {
        Self::of(now, is_quiet(media), limit)
    }

    pub(crate) fn of(now: Instant, is_quiet: bool, limit: Duration) -> Self {
        let limit = (!is_quiet).then_some(limit);
        let mut silence = Self { limit, heard: now, next: NEVER, is_told: false, doubt: Doubt::default() };
        silence.hear(now);
        silence
    }

    /// Takes note that a packet has come; returns `true` if that ends a silence that was told of.
    pub(crate) fn hear(&mut self, now: Instant) -> bool {
        self.heard = now;
        self.next = self.deadline().map_or(NEVER, |deadline| self.doubt.look_at(deadline));
        std::mem::take(&mut self.is_told)
    }

    /// When [`begins`](Self::begins) is to be asked.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// Returns `true` if a silence is to be told of.
    pub(crate) fn begins(&mut self, now: Instant) -> bool {
        let Some(deadline) = self.deadline().filter(|_| now >= self.next) else { return false };
        self.is_told = self.doubt.is_over(now, deadline);
        self.next = if self.is_told { NEVER } else { self.doubt.look_at(deadline) };
        self.is_told
    }

    fn deadline(&self) -> Option<Instant> {
        self.limit.map(|limit| self.heard + ALIVE_PERIOD + limit)
    }
}
