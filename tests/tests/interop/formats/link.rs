//! A link that loses packets and delivers others too late, the same for the same seed.

/// Of so many packets one is lost; of fewer, if there are no more.
const LOST_ONE_OF: usize = 50;
/// Of so many packets one comes later than it should.
const LATE_ONE_OF: usize = 10;
/// By how many packets at most.
const LATE_BY_MAX: usize = 4;

/// The packets that arrive, in the order in which they do. The first one is not lost: it says where the stream begins.
pub(super) fn pass<T>(packets: Vec<T>, seed: u64) -> Vec<T> {
    let mut chance = Chance(seed);
    let mut arriving = Vec::new();
    let (mut lost, mut late) = (0, 0);
    let run = LOST_ONE_OF.min(packets.len());
    for (at, packet) in packets.into_iter().enumerate() {
        if at % run == 0 {
            lost = at + 1 + chance.below(run - 1);
        }
        if at % LATE_ONE_OF == 0 {
            late = at + chance.below(LATE_ONE_OF);
        }
        let delay = if at == late { 1 + chance.below(LATE_BY_MAX) } else { 0 };
        if at != lost {
            // Behind the packets that come before the one which it is as late as.
            arriving.push((2 * (at + delay) + usize::from(delay > 0), packet));
        }
    }
    arriving.sort_by_key(|(place, _)| *place);
    arriving.into_iter().map(|(_, packet)| packet).collect()
}

/// Decisions from a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

#[test]
fn one_of_fifty_is_lost_and_others_change_places() {
    for seed in 0..100 {
        let arrived = pass((0..1000).collect(), seed);
        assert_eq!(arrived.len(), 980, "{seed}");
        let late = arrived.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((70..=100).contains(&late), "{seed}: {late}");
        assert!(arrived.contains(&0));
        assert_eq!(arrived, pass((0..1000).collect(), seed), "{seed}");
    }
    assert_ne!(pass((0..1000).collect(), 1), pass((0..1000).collect::<Vec<usize>>(), 2));
}
