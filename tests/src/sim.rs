//! A server, its clients, hostile hosts and a bad network in one deterministic world.
//!
//! The objects are the real ones: `Server`, `ConnRx`, `ConnTx`, `UdpMedia`, `Client`. Only the things that they never see
//! are simulated: sockets, time, applications. Every decision that a world takes comes from [`Choices`], so that a seed
//! tells a whole history, and a fuzzer's bytes tell another.
//!
//! A world goes through ages: a storm, in which anything may break; a calm, after which each client that still plays must
//! have got everything but what it was told to have missed; and at last everybody leaves, and the server has to be empty.
//! Promises are checked where they have to hold, and a violation is a panic.

mod app;
mod books;
pub(crate) mod choices;
mod comeback;
mod conn;
mod door;
mod elsewhere;
mod fate;
mod films;
mod hostile;
mod ledger;
mod logs;
mod news;
mod one_request;
mod pair;
mod plan;
mod player;
mod privates;
mod reboot;
mod rights;
mod role;
mod script;
mod seeks;
mod source;
mod spoofs;
mod talk;
mod tcp;
mod times;
mod trace;
mod truth;
mod udp;
mod watch;
mod world;

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::Duration;

pub use choices::{Choices, FromBytes, Seeded};
use rtspan_core::Instant;
pub use trace::Counts;

use choices::Chance;
use trace::Trace;
use world::World;

/// The outcome of a world.
#[derive(Clone, Debug)]
pub struct Summary {
    /// A hash of all that happened: the same choices give the same.
    pub hash: u64,
    /// Runs of tasks.
    pub steps: u64,
    /// How much time has passed there.
    pub simulated: Duration,
    /// Counts of what was seen.
    pub counts: Counts,
}

/// A violation in a world.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that it grew from.
    pub seed: u64,
    /// The promise that was violated.
    pub message: String,
    /// The last that happened before.
    pub trace: Vec<String>,
}

impl Failure {
    /// The last lines of the trace, and what was violated.
    pub fn tail(&self, lines: usize) -> String {
        let skipped = self.trace.len().saturating_sub(lines);
        let mut text = self.trace[skipped..].join("\n");
        text += &format!("\nseed {}: {}", self.seed, self.message);
        text
    }
}

/// Lets a world happen.
///
/// # Panics
///
/// If anything is violated that must hold.
pub fn run(choices: &mut dyn Choices) -> Summary {
    history(choices, false)
}

/// Lets the world of a seed happen.
///
/// # Errors
///
/// The violation, with the tail of the trace.
pub fn run_seed(seed: u64) -> Result<Summary, Failure> {
    attempt(seed, false).map_err(|_| {
        // The same again, with what happened written down.
        let message = attempt(seed, true).err().unwrap_or_else(|| "it fails only sometimes".to_owned());
        Failure { seed, message, trace: Trace::take_left() }
    })
}

fn history(choices: &mut dyn Choices, records: bool) -> Summary {
    let mut world = World::new(Chance::new(choices), records);
    world.run();
    Summary {
        hash: world.trace.hash(),
        steps: world.steps,
        simulated: world.now - Instant::ZERO,
        counts: std::mem::take(&mut world.counts),
    }
}

thread_local! {
    /// Where a panic of this thread is told while a world happens here.
    static TOLD: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn attempt(seed: u64, records: bool) -> Result<Summary, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_told =
                TOLD.with_borrow_mut(|told| told.as_mut().map(|told| *told = info.to_string()).is_some());
            if !is_told {
                others(info);
            }
        }));
    });
    TOLD.set(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(|| history(&mut Seeded::new(seed), records)));
    let told = TOLD.take().unwrap_or_default();
    result.map_err(|_| told)
}
