use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use rtspan_core::Instant;

/// Lines that are kept of a trace.
const TAIL: usize = 200_000;

thread_local! {
    /// The tail of the last recorded trace whose world ended in a panic.
    static LEFT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The history of a world: a hash of everything, and the last lines if they are recorded.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    lines: Option<VecDeque<String>>,
}

impl Trace {
    pub(super) fn new(records: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: records.then(VecDeque::new) }
    }

    /// Takes note of what happens; the line is made only if lines are recorded.
    pub(super) fn note(&mut self, now: Instant, what: u64, line: impl FnOnce() -> String) {
        self.mix(now.as_nanos());
        self.mix(what);
        if let Some(lines) = &mut self.lines {
            if lines.len() == TAIL {
                lines.pop_front();
            }
            lines.push_back(format!("{now:?} {}", line()));
        }
    }

    /// Takes note of bytes that are sent.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let chunks = bytes.chunks_exact(8);
        let rest =
            chunks.remainder().iter().fold(bytes.len() as u64, |word, byte| word << 8 | u64::from(*byte));
        chunks.for_each(|chunk| self.mix(u64::from_le_bytes(chunk.try_into().expect("eight bytes"))));
        self.mix(rest);
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines that the last world of this thread left that ended in a panic.
    pub(super) fn take_left() -> Vec<String> {
        LEFT.take()
    }

    fn mix(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if let Some(lines) = self.lines.take().filter(|_| std::thread::panicking()) {
            LEFT.set(lines.into());
        }
    }
}

/// How often what was seen: that a world has gone everywhere is told by this.
#[derive(Clone, Debug, Default)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    pub(super) fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    /// How often `what` was seen.
    pub fn get(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds what was seen in another world.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| self.add(what, *times));
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(what, times)| writeln!(f, "{times:>12} {what}"))
    }
}
