use crate::Instant;
use crate::limits::UDP_BURST_PERIOD;

/// How many packets of a stream, or of a publisher, leave together.
///
/// A keyframe is published in one go, but a reader has no room for all of it: that of a socket that nobody has
/// configured is for some 90 packets, and that of a switch in between is for less.
#[derive(Debug)]
pub(crate) struct Pace {
    burst: usize,
    left: usize,
    /// When as many may leave again.
    renewed: Instant,
}

impl Pace {
    /// Lets a burst of packets leave at once, one packet at least.
    pub(crate) fn new(burst: usize) -> Self {
        Self { burst: burst.max(1), left: 0, renewed: Instant::ZERO }
    }

    /// Packets that may leave at `now`.
    pub(crate) fn left(&mut self, now: Instant) -> usize {
        if now >= self.renewed {
            self.left = self.burst;
            self.renewed = now + UDP_BURST_PERIOD;
        }
        self.left
    }

    /// Takes note of packets that have left.
    pub(crate) fn spend(&mut self, packets: usize) {
        self.left = self.left.saturating_sub(packets);
    }

    /// When more may leave, if none may now.
    pub(crate) fn resumes_at(&self) -> Option<Instant> {
        (self.left == 0).then_some(self.renewed)
    }
}
