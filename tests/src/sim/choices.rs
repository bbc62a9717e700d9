use std::time::Duration;

/// Where a simulated world takes its decisions from: a seed, or the bytes of a fuzzer.
pub trait Choices {
    /// A number below `bound`, which is at least one. Zero is the quiet choice: nothing goes wrong.
    fn below(&mut self, bound: u64) -> u64;

    /// Returns `true` if there are no more decisions, so that the world is to come to its end.
    fn is_over(&self) -> bool {
        false
    }
}

/// Decisions from a seed (splitmix64): the same seed gives the same world.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The decisions that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Choices for Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((u128::from(z) * u128::from(bound)) >> 64) as u64
    }
}

/// Decisions from bytes, until there are none left.
#[derive(Clone, Debug)]
pub struct FromBytes<'a>(&'a [u8]);

impl<'a> FromBytes<'a> {
    /// The decisions that `bytes` make.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl Choices for FromBytes<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        let width = match bound {
            0..=1 => return 0,
            2..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        let (taken, rest) = self.0.split_at(width.min(self.0.len()));
        self.0 = rest;
        taken.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) % bound
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Choices, with what is asked of them again and again.
pub(crate) struct Chance<'a>(&'a mut dyn Choices);

impl<'a> Chance<'a> {
    pub(crate) fn new(choices: &'a mut dyn Choices) -> Self {
        Self(choices)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over()
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.0.below(len as u64) as usize
    }

    /// Both ends are included.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.below(to - from + 1)
    }

    /// Returns `true` if an event that happens `per_mille` times in a thousand happens now.
    pub(crate) fn happens(&mut self, per_mille: u64) -> bool {
        self.0.below(1000) >= 1000 - per_mille
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())].clone()
    }

    pub(crate) fn micros(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(self.between(from, to))
    }

    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(from, to))
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.0.below(256) as u8)
    }
}

impl std::fmt::Debug for Chance<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chance(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide_until_they_are_used_up_and_then_all_is_quiet() {
        let mut choices = FromBytes::new(&[7, 1, 2, 9]);
        assert_eq!(choices.below(1), 0);
        assert_eq!(choices.below(4), 3);
        assert_eq!(choices.below(1000), 0x102);
        assert!(!choices.is_over());
        assert_eq!(choices.below(256), 9);
        assert!(choices.is_over());
        let mut chance = Chance::new(&mut choices);
        assert!(!chance.happens(999) && chance.happens(1000));
    }

    #[test]
    fn what_happens_so_often_in_a_thousand_does() {
        let mut seeded = Seeded::new(1);
        let mut chance = Chance::new(&mut seeded);
        let happened = (0..10_000).filter(|_| chance.happens(250)).count();
        assert!((2_300..2_700).contains(&happened), "{happened}");
    }
}
