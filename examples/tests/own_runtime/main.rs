//! The runtime of the example `own_runtime`, held against what every runtime has to keep.
#![allow(clippy::unwrap_used)]

#[path = "../../examples/own_runtime/reactor.rs"]
mod reactor;
#[path = "../../examples/own_runtime/runtime.rs"]
mod runtime;
#[path = "../../../runtime-std/tests/shared/scenarios.rs"]
mod scenarios;
#[path = "../../examples/own_runtime/sockets.rs"]
mod sockets;

use std::fs;
use std::path::Path;

use futures_executor::block_on;
use rtspan_std::conformance;
use runtime::Own;

const CODE: [&str; 5] = [
    "examples/own_runtime/main.rs",
    "examples/own_runtime/reactor.rs",
    "examples/own_runtime/runtime.rs",
    "examples/own_runtime/sockets.rs",
    "tests/own_runtime/main.rs",
];

scenarios::scenarios!(Own, block_on);

#[test]
fn a_runtime_of_ones_own_keeps_its_promises() {
    block_on(conformance::check(&Own)).unwrap();
}

#[test]
fn the_page_about_runtimes_shows_the_code_of_this_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shown = fs::read_to_string(folder.join("../docs/runtime.md")).unwrap();
    let code: String = CODE.iter().map(|file| fs::read_to_string(folder.join(file)).unwrap()).collect();
    let blocks: Vec<_> =
        shown.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 5, "{} blocks of code", blocks.len());
    for block in blocks {
        assert!(code.contains(block), "not the code any more:\n{block}");
    }
}
