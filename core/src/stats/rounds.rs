use crate::Instant;

/// Rounds of sender reports that are kept: a report of the peer names one of them.
const ROUNDS_MAX: usize = 4;

/// The times at which rounds of sender reports were sent, each with the middle of the time that they carry; the newest
/// comes last.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Rounds([Option<(u32, Instant)>; ROUNDS_MAX]);

impl Rounds {
    /// Takes note that sender reports with this middle of their time are sent now.
    pub(crate) fn note(&mut self, now: Instant, middle: u32) {
        if self.0.last() != Some(&Some((middle, now))) {
            self.0.rotate_left(1);
            if let Some(last) = self.0.last_mut() {
                *last = Some((middle, now));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Instant)> + '_ {
        self.0.iter().copied().flatten()
    }
}
