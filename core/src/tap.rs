use std::time::Duration;

use bytes::Bytes;

use crate::Instant;
use crate::limits::RTCP_TOLD_MAX;

/// Picks the RTCP of one media that the application is told of, if that is wanted: so much in a second at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tap {
    is_open: bool,
    /// The end of the second that is counted, and the number that was told in it.
    next: Instant,
    told: usize,
}

impl Tap {
    pub(crate) fn new(is_open: bool) -> Self {
        Self { is_open, ..Self::default() }
    }

    /// A copy of a compound that has come, if the application is to be told of it.
    ///
    /// A copy, because it waits for the application, and shall not hold what came with it.
    pub(crate) fn take(&mut self, now: Instant, compound: &[u8]) -> Option<Bytes> {
        if !self.is_open {
            return None;
        }
        if now >= self.next {
            (self.next, self.told) = (now + Duration::from_secs(1), 0);
        }
        let is_told = self.told < RTCP_TOLD_MAX;
        self.told = self.told.saturating_add(is_told.into());
        is_told.then(|| Bytes::copy_from_slice(compound))
    }
}
