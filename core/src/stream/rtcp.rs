use std::collections::VecDeque;

use bytes::Bytes;

use crate::limits::RTCP_WAITING_MAX;

/// A compound that the application has written to a stream.
#[derive(Clone, Debug)]
pub(crate) struct Compound {
    /// Number of the packet that it goes out before.
    pub(crate) before: u64,
    /// The index of its media in the description.
    pub(crate) track: u8,
    pub(crate) bytes: Bytes,
}

/// The newest compounds of a stream, numbered from zero without a gap.
#[derive(Clone, Debug, Default)]
pub(super) struct Compounds {
    kept: VecDeque<Compound>,
    tail: u64,
}

impl Compounds {
    /// Appends a compound; beyond [`RTCP_WAITING_MAX`] the oldest leaves.
    pub(super) fn push(&mut self, compound: Compound) {
        if self.kept.len() >= RTCP_WAITING_MAX {
            self.kept.pop_front();
            self.tail = self.tail.saturating_add(1);
        }
        self.kept.push_back(compound);
    }

    /// The number that the next compound gets.
    #[inline]
    pub(super) fn head(&self) -> u64 {
        self.tail.saturating_add(self.kept.len() as u64)
    }

    /// The number of the first compound that a reader gets who begins with the packet `packet`.
    pub(super) fn first_behind(&self, packet: u64) -> u64 {
        let earlier = self.kept.iter().take_while(|compound| compound.before <= packet).count();
        self.tail.saturating_add(earlier as u64)
    }

    /// The compound with this number, or the oldest that is kept, and its number.
    pub(super) fn get(&self, number: u64) -> Option<(u64, &Compound)> {
        let number = number.max(self.tail);
        let place = usize::try_from(number.saturating_sub(self.tail)).ok()?;
        Some((number, self.kept.get(place)?))
    }
}
