//! Runtimes that keep their promises, and some that break one.
#![allow(clippy::unwrap_used)]

use rtspan_std::conformance;
use rtspan_std::threads::{Threads, block_on};

#[test]
fn threads_keep_their_promises() {
    block_on(conformance::check(&Threads)).unwrap();
}

#[cfg(feature = "sim")]
#[path = "conformance/broken.rs"]
mod broken;

#[cfg(feature = "sim")]
mod simulated {
    use std::time::Duration;

    use rtspan_std::conformance;
    use rtspan_std::sim::{Sim, SimError, SimRuntime};

    use crate::broken::{Broken, Promise};

    const LIMIT: Duration = Duration::from_secs(600);

    #[test]
    fn the_simulated_runtime_keeps_its_promises() {
        for seed in 0..50 {
            let sim = Sim::new(seed);
            let host = sim.host("10.0.0.1");
            sim.run(&host, LIMIT, async { conformance::check(&SimRuntime::default()).await })
                .unwrap()
                .unwrap();
        }
    }

    #[test]
    fn each_promise_that_is_broken_is_found() {
        for (promise, told) in [
            (Promise::ClockGoesOn, "the clock does not go back"),
            (Promise::TimersAreNotEarly, "a timer is not early"),
            (Promise::TimersCanBeSetAnew, "a timer that is set anew"),
            (Promise::TimersCanBeStopped, "a timer that is set to nothing"),
            (Promise::TasksRun, "a task that is spawned"),
            (Promise::SeedsDiffer, "no two seeds"),
            (Promise::AddressesAreThemselves, "an address is found"),
            (Promise::PeersAreNamed, "both ends"),
            (Promise::EmptySocketsWait, "a socket tells when there is something to read"),
            (Promise::ReadersAreWoken, "a socket tells when there is something to read"),
            (Promise::ListenersAreWoken, "datagrams arrive whole"),
            (Promise::WritersAreWoken, "a full socket"),
            (Promise::WritersAreKept, "a socket is waited for in both"),
            (Promise::ReadersAreKept, "a socket is waited for in both"),
            (Promise::BytesAreAllRead, "bytes arrive"),
            (Promise::HalfCloses, "an end that says no more"),
            (Promise::DatagramsAreWhole, "datagrams arrive whole"),
        ] {
            let sim = Sim::new(7);
            // Tasks that are woken for nothing would hide those that are not woken.
            sim.set_rough(false);
            let host = sim.host("10.0.0.1");
            let checked = sim.run(&host, LIMIT, async {
                conformance::check(&Broken { runtime: SimRuntime::default(), promise }).await
            });
            match checked {
                Ok(Err(breach)) => assert!(breach.promise.starts_with(told), "{promise:?}: {breach}"),
                other => panic!("{promise:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn timers_that_never_wake_keep_the_check_from_its_end() {
        let sim = Sim::new(8);
        let host = sim.host("10.0.0.1");
        let broken = async {
            conformance::check(&Broken { runtime: SimRuntime::default(), promise: Promise::TimersWake }).await
        };
        assert!(matches!(sim.run(&host, LIMIT, broken), Err(SimError::TimedOut { .. })));
    }
}
