use std::time::Duration;

/// Counts of all readers together.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) lost: u64,
    /// The longest that any reader has waited for a packet.
    pub(super) longest_gap: Duration,
    /// From the publisher's writing to the reader's reading, where the publisher tells.
    pub(super) latency: Times,
}

/// The sequence numbers of one track.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence(Option<u16>);

impl Sequence {
    /// How many packets were lost before this one, or -1 for one that was taken for lost.
    pub(super) fn take(&mut self, sequence: u16) -> i64 {
        let ahead = self.0.map_or(0, |next| sequence.wrapping_sub(next));
        if ahead >= 1 << 15 {
            return -1;
        }
        self.0 = Some(sequence.wrapping_add(1));
        i64::from(ahead)
    }
}

impl Tally {
    /// Takes a packet of `bytes` bytes.
    pub(super) fn take(&mut self, track: &mut Sequence, sequence: u16, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
        self.lost = self.lost.saturating_add_signed(track.take(sequence));
    }
}

/// Times that are longer, some twelve days, count as this.
const LONGEST: u64 = 1 << 40;
/// Steps between two powers of two: a time is told at most so much too large, a sixteenth.
const STEPS: usize = 16;

/// How often which time was measured.
#[derive(Debug)]
pub(super) struct Times {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { counts: vec![0; 64 * STEPS], total: 0 }
    }
}

impl Times {
    pub(super) fn take(&mut self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(LONGEST);
        self.counts[step(microseconds)] += 1;
        self.total += 1;
    }

    /// The time that `share` of all, from 0 to 1, do not exceed; none if nothing was measured.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        if self.total == 0 {
            return None;
        }
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map(|step| Duration::from_micros(end_of(step)))
    }
}

fn step(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(STEPS.ilog2() + 1);
    shift as usize * STEPS + (value >> shift) as usize
}

/// The largest value of a step.
fn end_of(step: usize) -> u64 {
    let shift = (step / STEPS).saturating_sub(1);
    let value = (step - shift * STEPS) as u64;
    ((value + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_gaps_in_the_sequence_also_where_it_wraps() {
        for (sequences, packets, lost) in [
            (&[7, 8, 9][..], 3, 0),
            (&[65_534, 65_535, 0, 1], 4, 0),
            (&[65_534, 2], 2, 3),
            (&[5, 7, 6, 8], 4, 0),
        ] {
            let (mut tally, mut track) = (Tally::default(), Sequence::default());
            sequences.iter().for_each(|sequence| tally.take(&mut track, *sequence, 10));
            assert_eq!((tally.packets, tally.lost), (packets, lost), "{sequences:?}");
        }
    }

    #[test]
    fn a_quantile_is_at_most_a_sixteenth_too_large() {
        for exact in [0, 1, 15, 16, 17, 31, 32, 100, 1000, 123_456, u64::from(u32::MAX)] {
            let mut times = Times::default();
            times.take(Duration::from_micros(exact));
            let told = u64::try_from(times.quantile(0.5).unwrap().as_micros()).unwrap();
            assert!((exact..=exact + exact / 16).contains(&told), "{exact}: {told}");
        }
    }

    #[test]
    fn half_of_all_and_nearly_all() {
        let mut times = Times::default();
        assert_eq!(times.quantile(0.5), None);
        (1..=10).for_each(|n| times.take(Duration::from_micros(n)));
        let quantile = |share| times.quantile(share).unwrap().as_micros();
        assert_eq!((quantile(0.5), quantile(0.99), quantile(0.0)), (5, 10, 1));
    }
}
