use std::collections::VecDeque;

use crate::conn::{Inbound, Report};
use crate::ingest::ALIVE_PERIOD;
use crate::{Instant, SessionId};

/// Packets of a publisher's media that are missing, or that could not be read: told once in a while, with their number.
#[derive(Debug)]
pub(crate) struct Trouble {
    session: SessionId,
    media: u8,
    /// Packets lost that were told.
    lost: u64,
    /// Packets that are still to be told of.
    malformed: u64,
    unannounced: u64,
    unauthentic: u64,
    next: Instant,
}

impl Trouble {
    pub(crate) fn new(now: Instant, session: SessionId, media: u8) -> Self {
        Self { session, media, lost: 0, malformed: 0, unannounced: 0, unauthentic: 0, next: now }
    }

    /// Something came that is no RTP packet.
    pub(crate) fn malformed(&mut self) {
        self.malformed = self.malformed.saturating_add(1);
    }

    /// A packet came of a format that was not announced.
    pub(crate) fn unannounced(&mut self) {
        self.unannounced = self.unannounced.saturating_add(1);
    }

    /// Something came that is not protected by the publisher's keys.
    pub(crate) fn unauthentic(&mut self) {
        self.unauthentic = self.unauthentic.saturating_add(1);
    }

    /// Tells of the packets, if it is time; `lost` are the packets lost since the beginning.
    pub(crate) fn tell(&mut self, now: Instant, lost: u64, out: &mut VecDeque<Inbound>) {
        let more = lost.saturating_sub(self.lost);
        let is_readable = self.malformed == 0 && self.unannounced == 0 && self.unauthentic == 0;
        if now < self.next || (more == 0 && is_readable) {
            return;
        }
        self.next = now + ALIVE_PERIOD;
        self.lost = lost;
        let Self { session, media, malformed, unannounced, unauthentic, .. } = *self;
        (self.malformed, self.unannounced, self.unauthentic) = (0, 0, 0);
        if more > 0 {
            out.push_back(Inbound::Report(Report::PacketsLost { session, media, lost: more }));
        }
        if !is_readable {
            let report = Report::PacketsUnreadable { session, media, malformed, unannounced, unauthentic };
            out.push_back(Inbound::Report(report));
        }
    }
}
