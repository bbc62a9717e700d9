use crate::timeline::MediaTime;

/// Timestamps that are remembered: units come out a few packets later than their packets.
const KEPT: usize = 16;

/// The times of the packets of a track that came last, by their timestamps.
#[derive(Debug, Default)]
pub(super) struct Times {
    kept: [Option<(u32, MediaTime)>; KEPT],
    next: usize,
}

impl Times {
    /// Remembers the time of a packet.
    pub(super) fn insert(&mut self, timestamp: u32, time: MediaTime) {
        let newest = self.kept.get_mut(self.next.wrapping_sub(1) % KEPT);
        if newest.is_some_and(|newest| newest.is_some_and(|(known, _)| known == timestamp)) {
            return;
        }
        if let Some(place) = self.kept.get_mut(self.next % KEPT) {
            *place = Some((timestamp, time));
        }
        self.next = self.next.wrapping_add(1);
    }

    /// The time of a unit: that of the packet with its timestamp, or the nearest one and the time between the two.
    pub(super) fn of(&self, timestamp: u32) -> MediaTime {
        let apart = |known: u32| timestamp.wrapping_sub(known) as i32;
        let known = self.kept.iter().flatten();
        let nearest = known.min_by_key(|(known, _)| apart(*known).unsigned_abs());
        nearest.map_or_else(MediaTime::default, |(known, time)| time.shifted(apart(*known).into()))
    }
}
