use std::time::Duration;

use super::AccessPoint;
use crate::Instant;
use crate::limits::ACCESS_POINT_WAIT;

/// Where decoding may begin in a sequence of packets of one media.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Access {
    /// The newest access point that was told from its packets: number and timestamp of the first of them.
    told: Option<(u64, u32)>,
    /// The number of those that were told, the time at which the newest came, and the time between it and the one before.
    count: u64,
    came: Option<Instant>,
    interval: Option<Duration>,
    /// Until when an I picture is not good enough, since there are refreshes.
    refreshes_until: Option<Instant>,
    /// Until when no other picture is good enough; from the first packet on.
    told_until: Option<Instant>,
}

impl Access {
    /// Takes note of a packet of a format whose packets tell where decoding can begin; returns `true` if a reader may begin
    /// there.
    #[inline]
    pub(crate) fn take(
        &mut self,
        now: Instant,
        told: Option<AccessPoint>,
        (number, timestamp): (u64, u32),
        starts_picture: bool,
    ) -> bool {
        match told {
            None if !starts_picture => false,
            None => now >= *self.told_until.get_or_insert(now + ACCESS_POINT_WAIT),
            Some(told) => self.take_told(now, told, (number, timestamp)),
        }
    }

    fn take_told(&mut self, now: Instant, told: AccessPoint, place: (u64, u32)) -> bool {
        match told {
            AccessPoint::Refresh => self.refreshes_until = Some(now + ACCESS_POINT_WAIT),
            AccessPoint::Intra if self.refreshes_until.is_some_and(|until| now < until) => return false,
            AccessPoint::Intra => {}
        }
        self.told_until = Some(now + ACCESS_POINT_WAIT);
        // Parameter sets and the picture behind them are one place to begin at: the first of them.
        if self.told.is_none_or(|(_, timestamp)| timestamp != place.1) {
            self.told = Some(place);
            self.count = self.count.saturating_add(1);
            self.interval = self.came.map(|before| now.since(before));
            self.came = Some(now);
        }
        true
    }

    /// Waits anew, from the next picture on, before any picture is good enough.
    pub(crate) fn begin_waiting(&mut self) {
        self.told_until = None;
    }

    /// The number of access points that were told, and the time between the last two.
    pub(crate) fn counted(&self) -> (u64, Option<Duration>) {
        (self.count, self.interval)
    }

    /// The number of the first packet of the newest access point that was told.
    pub(crate) fn told(&self) -> Option<u64> {
        self.told.map(|(number, _)| number)
    }
}
