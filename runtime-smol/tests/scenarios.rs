//! Every scenario on smol.

#[path = "../../runtime-std/tests/shared/scenarios.rs"]
mod scenarios;

use rtspan_smol::Smol;

scenarios::scenarios!(Smol, async_io::block_on);
