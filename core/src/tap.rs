use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::conn::{Inbound, Report};
use crate::limits::RTCP_TOLD_MAX;
use crate::{Instant, SessionId};

/// Tells the application the RTCP of one media that a peer sends, if that is wanted: so much in a second at most.
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

    pub(crate) fn tell(
        &mut self,
        now: Instant,
        (session, media): (SessionId, u8),
        compound: &[u8],
        out: &mut VecDeque<Inbound>,
    ) {
        if !self.is_open {
            return;
        }
        if now >= self.next {
            (self.next, self.told) = (now + Duration::from_secs(1), 0);
        }
        if self.told < RTCP_TOLD_MAX {
            self.told = self.told.saturating_add(1);
            // It waits for the application, and shall not hold what came with it.
            let compound = Bytes::copy_from_slice(compound);
            out.push_back(Inbound::Report(Report::RtcpReceived { session, media, compound }));
        }
    }
}
