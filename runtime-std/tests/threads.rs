//! Every scenario on blocking threads.

#[path = "shared/scenarios.rs"]
mod scenarios;

use rtspan_std::threads::{Threads, block_on};

scenarios::scenarios!(Threads, block_on);
