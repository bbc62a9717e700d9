//! Runs simulated worlds over fresh seeds, for as long as asked.
//!
//! `sim [SECONDS] [FIRST SEED]`; without seconds until something fails. `sim --seed SEED` runs one, and shows its trace
//! if it fails.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtspan_tests::sim::{Counts, run_seed};

/// Lines of a trace that are shown when one of many fails.
const TAIL: usize = 40;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == "--seed").is_some() {
        return one(arguments.next().and_then(|seed| seed.parse().ok()).unwrap_or_default());
    }
    let mut number = || arguments.next().and_then(|number| number.parse::<u64>().ok());
    let end = number().map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let first = number().unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_nanos() as u64
    });
    many(first, end)
}

fn one(seed: u64) -> ExitCode {
    match run_seed(seed) {
        Ok(summary) => {
            println!("{}{} steps in {:?}", summary.counts, summary.steps, summary.simulated);
            println!("hash {:016x}", summary.hash);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{}", failure.tail(usize::MAX));
            ExitCode::FAILURE
        }
    }
}

fn many(first: u64, end: Option<Instant>) -> ExitCode {
    let begin = Instant::now();
    let mut told = begin;
    let mut counts = Counts::default();
    let mut simulated = Duration::ZERO;
    println!("from seed {first}");
    for done in 0.. {
        if end.is_some_and(|end| Instant::now() >= end) {
            println!("{counts}{done} seeds in {:?}, {simulated:?} simulated", begin.elapsed());
            return ExitCode::SUCCESS;
        }
        match run_seed(first.wrapping_add(done)) {
            Ok(summary) => {
                counts.merge(&summary.counts);
                simulated += summary.simulated;
            }
            Err(failure) => {
                println!("{}", failure.tail(TAIL));
                println!("after {done} seeds; again: tests/simulate --seed {}", failure.seed);
                return ExitCode::FAILURE;
            }
        }
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            let rate = done as f64 / begin.elapsed().as_secs_f64();
            println!("{done} seeds, {rate:.0} a second, up to {}", first.wrapping_add(done));
        }
    }
    ExitCode::SUCCESS
}
