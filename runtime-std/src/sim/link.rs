use std::time::Duration;

use rtspan_core::Instant;

use super::chance::Chance;

/// The way between two hosts, in each direction.
///
/// ```
/// use std::time::Duration;
/// use rtspan_std::sim::Link;
///
/// let radio = Link::lossy(0.02).latency(Duration::from_millis(30)).bandwidth(10_000_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    latency: Duration,
    jitter: Duration,
    loss: f64,
    reordering: f64,
    duplicates: f64,
    bytes_per_second: Option<u64>,
    queue_bytes: usize,
    routers: u8,
}

/// Bytes that wait where a link begins, before datagrams are lost there.
const QUEUE_BYTES: usize = 256 << 10;

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl Link {
    /// A cable: 200 µs, nothing is lost, and there is room for everything.
    pub const fn new() -> Self {
        Self {
            latency: Duration::from_micros(200),
            jitter: Duration::from_micros(50),
            loss: 0.0,
            reordering: 0.0,
            duplicates: 0.0,
            bytes_per_second: None,
            queue_bytes: QUEUE_BYTES,
            routers: 0,
        }
    }

    /// A link that loses packets with these odds, from 0 to 1. TCP sends them again, which takes its time.
    pub const fn lossy(odds: f64) -> Self {
        Self { loss: odds, ..Self::new() }
    }

    /// The time that a packet takes at least, one way.
    pub const fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// The time that a packet takes longer at most.
    pub const fn jitter(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// The odds of a datagram to be overtaken.
    pub const fn reordering(self, odds: f64) -> Self {
        Self { reordering: odds, ..self }
    }

    /// The odds of a datagram to come twice.
    pub const fn duplicates(self, odds: f64) -> Self {
        Self { duplicates: odds, ..self }
    }

    /// Bits in a second.
    pub const fn bandwidth(self, bits_per_second: u64) -> Self {
        Self { bytes_per_second: Some(bits_per_second / 8), ..self }
    }

    /// Bytes that may wait for the link; more of them are lost. 256 KiB by default.
    pub const fn queue(self, bytes: usize) -> Self {
        Self { queue_bytes: bytes, ..self }
    }

    /// Routers on the way, which what is sent to a multicast group passes only with a larger time to live; none by default.
    pub const fn routers(self, routers: u8) -> Self {
        Self { routers, ..self }
    }

    /// Returns `true` if what is sent to a group with this time to live comes to the other end.
    pub(super) fn is_passed_by(&self, ttl: u8) -> bool {
        ttl > self.routers
    }
}

/// One direction between two hosts, as it is now.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    pub(super) link: Link,
    pub(super) is_cut: bool,
    /// The time at which all that waits has been sent.
    free_at: Instant,
    /// The arrival of the last datagram that none has overtaken.
    last_arrival: Instant,
}

/// The time that TCP takes to find out that a segment is lost.
const RETRANSMISSION: Duration = Duration::from_millis(200);

impl Path {
    /// The inside of a host: everything that is sent arrives at once.
    pub(super) fn loopback() -> Self {
        let link = Link { latency: Duration::ZERO, jitter: Duration::ZERO, ..Link::new() };
        Self { link, ..Self::default() }
    }

    /// The times at which a datagram arrives, two at most.
    pub(super) fn datagram(
        &mut self,
        now: Instant,
        bytes: usize,
        chance: &mut Chance,
    ) -> [Option<Instant>; 2] {
        if self.is_cut || self.backlog(now) > self.link.queue_bytes || chance.happens(self.link.loss) {
            return [None; 2];
        }
        let mut arrives = self.send(now, bytes, chance).max(self.last_arrival);
        self.last_arrival = arrives;
        if chance.happens(self.link.reordering) {
            arrives = arrives + Duration::from_millis(1) + chance.up_to(self.link.latency * 4);
        }
        let again = chance.happens(self.link.duplicates).then(|| arrives + chance.up_to(self.link.latency));
        [Some(arrives), again]
    }

    /// The time at which a segment of TCP arrives, which is sent until it does; `None` while there is no way.
    pub(super) fn segment(&mut self, now: Instant, bytes: usize, chance: &mut Chance) -> Option<Instant> {
        if self.is_cut {
            return None;
        }
        let mut arrives = self.send(now, bytes, chance);
        let mut wait = RETRANSMISSION;
        while wait < RETRANSMISSION * 32 && chance.happens(self.link.loss) {
            arrives = arrives + wait;
            wait *= 2;
        }
        Some(arrives)
    }

    /// Bytes that wait for the link.
    pub(super) fn backlog(&self, now: Instant) -> usize {
        let Some(rate) = self.link.bytes_per_second else { return 0 };
        let waits = self.free_at.since(now).as_nanos();
        usize::try_from(waits * u128::from(rate) / 1_000_000_000).unwrap_or(usize::MAX)
    }

    /// The time until so much less waits for the link.
    pub(super) fn time_for(&self, bytes: usize) -> Duration {
        let rate = self.link.bytes_per_second.unwrap_or(u64::MAX).max(1);
        Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / rate)
    }

    fn send(&mut self, now: Instant, bytes: usize, chance: &mut Chance) -> Instant {
        self.free_at = self.free_at.max(now) + self.time_for(bytes);
        self.free_at + self.link.latency + chance.up_to(self.link.jitter)
    }
}
