//! The faults of nodes, of the registry and of publishers.

use std::time::Duration;

use super::{Host, Publisher, World};

/// Decisions from a seed (splitmix64).
pub(super) struct Choices(pub(super) u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next() % (to - from))
    }

    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }
}

impl World {
    /// Something happens to somebody, and is over when the calm begins.
    pub(super) fn trouble(&mut self, calm_at: Duration) {
        let left = (calm_at - self.now).as_millis() as u64 + 1;
        if !self.choices.once_in(1 + 4000 / (10 * self.plan.nodes as u64)) {
            return;
        }
        let until = self.now + self.choices.millis(1, 20_000.min(left) + 1);
        let number = self.choices.below(self.plan.nodes);
        match self.choices.below(40) {
            0 => self.away = until,
            1..=8 => {
                let path = self.choices.below(self.plan.paths);
                self.leave(path);
            }
            9..=16 => self.crash(number, until),
            17..=28 => self.hosts[number].frozen = until,
            _ => self.hosts[number].cut = until,
        }
    }

    pub(super) fn crash(&mut self, number: usize, until: Duration) {
        self.crashes += 1;
        self.lives += 1;
        let reads = std::mem::take(&mut self.hosts[number].reads);
        let host = Host::new(number, self.lives, self.now, &mut self.choices, self.plan);
        self.hosts[number] = Host { down: until, reads, ..host };
        for path in 0..self.plan.paths {
            if self.publishers[path].at == Some(number) {
                self.leave(path);
            }
        }
    }

    /// A publisher leaves its node, and comes to another one soon.
    pub(super) fn leave(&mut self, path: usize) {
        self.moves += 1;
        let until = self.now + self.choices.millis(50, 1500);
        let at = std::mem::replace(&mut self.publishers[path], Publisher { at: None, until }).at;
        if let Some(host) = at {
            self.hosts[host].node.unwant(&self.names[path]);
            self.hosts[host].due = Duration::ZERO;
        }
    }
}
