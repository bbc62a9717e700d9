//! Every scenario in simulated worlds, over several seeds, and what only such a world shows.
#![cfg(feature = "sim")]

#[allow(unused, reason = "its macro is for runtimes that run each scenario once")]
#[path = "shared/scenarios.rs"]
mod scenarios;

#[path = "simulated/drivers.rs"]
mod drivers;

use std::env;
use std::future::Future;
use std::time::Duration;

use rtspan_std::sim::{Link, Sim, SimRuntime};

/// Runs a scenario once for each seed, on a host where what is sent is there at once, or takes its time.
fn over_seeds<F: Future<Output = ()>>(link: Option<Link>, scenario: impl Fn() -> F) {
    let number = |name, otherwise| env::var(name).map_or(otherwise, |text| text.parse().expect(name));
    let first = number("RTSPAN_SEED", u64::from(std::process::id()) << 20);
    for seed in first..first + number("RTSPAN_SEEDS", 3) {
        let sim = Sim::new(seed);
        let host = sim.host("10.0.0.1");
        let host = link.map_or_else(|| host.clone(), |link| host.clone().link_to("10.0.0.1", link));
        if let Err(error) = sim.run(&host, Duration::from_secs(3600), scenario()) {
            panic!("{error} (RTSPAN_SEED={seed} RTSPAN_SEEDS=1)");
        }
    }
}

macro_rules! simulated {
    ($link:expr, [$($name:ident),* $(,)?]) => {$(
        #[test]
        fn $name() {
            let link = if COUNTS_ON_LOOPBACK == stringify!($name) { None } else { $link };
            over_seeds(link, || scenarios::within::<SimRuntime, _>(scenarios::$name::<SimRuntime>()));
        }
    )*};
}

/// It counts on the last datagram before a TEARDOWN, which TCP overtakes where what is sent takes its time.
const COUNTS_ON_LOOPBACK: &str = "an_application_reads_what_a_client_publishes";

/// What is sent is there, as within one host.
mod at_once {
    use super::*;

    scenarios::all!(simulated, None::<Link>);
}

/// What is sent takes its time, and TCP overtakes UDP.
mod over_a_cable {
    use super::*;

    scenarios::all!(simulated, Some(Link::new()));
}
