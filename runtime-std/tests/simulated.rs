//! Every scenario in simulated worlds, over several seeds, and what only such a world shows.
#![cfg(feature = "sim")]

#[allow(unused, reason = "its macro is for runtimes that run each scenario once")]
#[path = "shared/scenarios.rs"]
mod scenarios;

#[path = "simulated/apart.rs"]
mod apart;
#[path = "simulated/cancelled.rs"]
mod cancelled;
#[path = "simulated/clients.rs"]
mod clients;
#[path = "simulated/drivers.rs"]
mod drivers;
#[path = "simulated/hour.rs"]
mod hour;
#[path = "simulated/killed.rs"]
mod killed;
#[path = "simulated/world.rs"]
mod world;

use std::env;
use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use apart::Apart;
use rtspan_std::sim::{Link, Sim, SimRuntime};

/// The seeds that are tried: fresh ones, unless the environment names others.
fn seeds() -> Range<u64> {
    let number = |name, otherwise| env::var(name).map_or(otherwise, |text| text.parse().expect(name));
    let first = number("RTSPAN_SEED", u64::from(std::process::id()) << 20);
    first..first + number("RTSPAN_SEEDS", 3)
}

/// Runs a scenario once for each seed, on a host where what is sent is there at once, or takes its time.
fn over_seeds<F: Future<Output = ()>>(link: Option<Link>, scenario: impl Fn() -> F) {
    for seed in seeds() {
        let sim = Sim::new(seed);
        let host = sim.host("10.0.0.1");
        let host = link.map_or_else(|| host.clone(), |link| host.clone().link_to("10.0.0.1", link));
        if let Err(error) = sim.run(&host, Duration::from_secs(3600), scenario()) {
            panic!("{error} (RTSPAN_SEED={seed} RTSPAN_SEEDS=1)");
        }
    }
}

macro_rules! simulated {
    ($runtime:ty, $link:expr, [$($name:ident),* $(,)?]) => {$(
        #[test]
        fn $name() {
            let link = if COUNTS_ON_LOOPBACK == stringify!($name) { None } else { $link };
            over_seeds(link, || scenarios::within::<$runtime, _>(scenarios::$name::<$runtime>()));
        }
    )*};
}

/// It counts on the last datagram before a TEARDOWN, which TCP overtakes where what is sent takes its time.
const COUNTS_ON_LOOPBACK: &str = "an_application_reads_what_a_client_publishes";

/// Everything arrives at once, as within one host.
mod at_once {
    use super::*;

    scenarios::all!(simulated, SimRuntime, None::<Link>);
}

/// Everything takes its time, and TCP overtakes UDP.
mod over_a_cable {
    use super::*;

    scenarios::all!(simulated, SimRuntime, Some(Link::new()));
}

/// Those who wait for the packets of a client leave the sockets to its driver.
mod where_drivers_read {
    use super::*;

    scenarios::all!(simulated, Apart, Some(Link::new()));
}
