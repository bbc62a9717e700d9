//! Simulated worlds: fixed seeds, and fresh ones.

use std::time::{SystemTime, UNIX_EPOCH};

use rtspan_tests::sim::run_seed;

fn all_hold(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Err(failure) = run_seed(seed) {
            panic!("{failure}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..20 {
        let [first, second] = [(); 2].map(|()| run_seed(seed).map(|summary| summary.hash));
        assert_eq!(first.expect("a world that holds"), second.expect("the same world"), "seed {seed}");
    }
}

#[test]
fn fixed_worlds_hold() {
    all_hold(0..200);
}

#[test]
fn fresh_worlds_hold() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let first = now.as_nanos() as u64;
    all_hold(first..first.saturating_add(50));
}
