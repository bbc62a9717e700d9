use crate::ingest::ALIVE_PERIOD;
use crate::{ConnId, Instant, SessionId};

/// Packets over UDP that were too big for the path to a reader, and did not leave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PacketsTooBig {
    /// The reader's session.
    pub session: SessionId,
    /// The connection that the session was used over last; one over UDP may have outlived it.
    pub conn: ConnId,
    /// The number of missing packets since the last such event.
    pub packets: u64,
    /// Bytes of the largest of them, without the headers of UDP and IP.
    pub bytes: usize,
}

/// Counts what was too big for a path: told once a second at most.
#[derive(Debug, Default)]
pub(crate) struct TooBig {
    packets: u64,
    bytes: usize,
    /// The time from which on it is told again.
    next: Instant,
}

impl TooBig {
    /// Takes note of a packet of so many bytes. Returns how many there were and the bytes of the largest, if it is time to tell.
    pub(crate) fn handle(&mut self, now: Instant, bytes: usize) -> Option<(u64, usize)> {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.max(bytes);
        if now < self.next {
            return None;
        }
        let told = (self.packets, self.bytes);
        *self = Self { next: now + ALIVE_PERIOD, ..Self::default() };
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_those_behind_it_together_a_second_later() {
        let mut too_big = TooBig::default();
        let mut told = |millis, bytes| too_big.handle(Instant::ZERO + Duration::from_millis(millis), bytes);
        assert_eq!(told(10, 1400), Some((1, 1400)));
        assert_eq!(told(20, 1450), None);
        assert_eq!(told(1009, 1300), None);
        assert_eq!(told(1010, 1200), Some((3, 1450)));
        assert_eq!(told(9000, 1250), Some((1, 1250)));
    }
}
