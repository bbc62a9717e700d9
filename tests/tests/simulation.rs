//! The simulated world, over seeds that are always the same and over new ones.
//!
//! A seed that fails is told with what happened last; `tests/simulate --seed SEED` shows all of it.

use std::time::{SystemTime, UNIX_EPOCH};

use rtspan_tests::sim::{Choices, Counts, FromBytes, Seeded, run, run_seed};

const FIXED: u64 = 4_000;
const FRESH: u64 = 500;
/// Lines of a trace that are shown.
const TAIL: usize = 60;

fn run_seeds(seeds: std::ops::Range<u64>) -> Counts {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let counts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|nth| {
                let own = seeds.clone().skip(nth as usize).step_by(threads as usize);
                scope.spawn(|| own.map(run_seed).collect::<Result<Vec<_>, _>>())
            })
            .collect();
        let results = workers.into_iter().map(|worker| worker.join().expect("violations are caught"));
        results.collect::<Result<Vec<_>, _>>()
    });
    let mut all = Counts::default();
    for summary in counts.unwrap_or_else(|failure| panic!("{}", failure.tail(TAIL))).iter().flatten() {
        all.merge(&summary.counts);
    }
    all
}

#[test]
fn fixed_seeds_go_everywhere_and_violate_nothing() {
    let counts = run_seeds(0..FIXED);
    println!("{counts}");
    for what in [
        "streams published",
        "streams removed by the application",
        "plays over TCP",
        "plays over UDP",
        "clients record",
        "clients switched to TCP",
        "clients that heard nothing",
        "packets received over TCP",
        "packets received over UDP",
        "packets received by hostile readers",
        "readers lagged",
        "readers checked at rest that had missed something",
        "readers checked at rest without a connection",
        "readers that kept up without a connection",
        "publishers checked at rest",
        "publishers checked at rest without a connection",
        "farewells checked",
        "questions answered",
        "answers too late",
        "private streams given to a reader",
        "private streams given to others in vain",
        "private streams that nobody came to read",
        "private streams played",
        "private streams sought in",
        "connections for one request",
        "connections refused",
        "connections broken",
        "connections closed by the peer",
        "connections closed for what cannot be read",
        "connections closed for a message that did not end",
        "connections closed for a stalled peer",
        "datagrams forged",
        "reports forged",
        "packets received with their wall clock time",
        "packets spoofed",
        "encoders restarted over TCP",
        "encoders restarted over UDP",
        "encoders restarted with a goodbye",
        "readers that kept up with sources that changed",
        "publishers that got through",
        "publishers that came back",
        "publishers that went on",
        "packets repeated",
        "publishers taken over",
        "publishers waited for",
        "clients that know a password play",
        "clients refused for their credentials",
        "connections closed for wrong credentials",
        "sessions closed by the application",
        "connections closed by the application",
        "servers drained",
        "servers drained to another",
        "sessions redirected",
        "clients redirected",
        "clients that play elsewhere",
        "clients that found nobody elsewhere",
        "clients that found nobody anywhere",
        "clients that could not begin again",
        "clients that reconnect",
        "clients that play again",
        "clients that record again",
        "clients that are connected again",
        "servers rebooted",
        "back channels opened",
        "words heard",
        "seeks answered",
        "seeks in private streams",
        "streams that came back",
        "publishers redirected",
        "publishers that record elsewhere",
        "hostile hosts redirected",
        "hosts vanished",
        "servers closed",
    ] {
        assert!(counts.get(what) > 0, "never: {what}\n{counts}");
    }
}

#[test]
fn fresh_seeds_violate_nothing() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let first = now.as_nanos() as u64;
    run_seeds(first..first + FRESH);
}

#[test]
fn one_seed_has_one_history() {
    for seed in 0..40 {
        let hash = || run(&mut Seeded::new(seed)).hash;
        assert_eq!(hash(), hash(), "seed {seed}");
    }
}

#[test]
fn any_bytes_make_a_history() {
    for length in [0, 1, 100, 5_000] {
        let mut choices = Seeded::new(length);
        let bytes: Vec<u8> = (0..length).map(|_| choices.below(256) as u8).collect();
        run(&mut FromBytes::new(&bytes));
    }
}
