//! Benchmarks of the steps that are done for every message, packet and reader.
//!
//! ```sh
//! cargo bench -p rtspan-core --all-features --bench core    # time; and behind `--`:
//!     --instructions   # instructions, against instructions.txt; needs valgrind
//!     --limits         # packetizers against a bare copy, depacketizers against a time
//! ```
//!
//! Instructions are the same on a busy machine and on an idle one, so they show a step that has become dearer. They do not
//! show the cost of waiting for memory; time does.
#![allow(clippy::unwrap_used)]

mod client;
mod description;
mod fan_out;
mod instructions;
mod payload;
mod rtp;
mod server;
#[cfg(feature = "srtp")]
mod srtp;
mod step;
mod tunnel;
mod wire;

fn main() -> std::process::ExitCode {
    let is_given = |flag: &str| std::env::args().any(|argument| argument == flag);
    if is_given(instructions::RUN_STEPS) {
        for count in [
            wire::count,
            description::count,
            rtp::count,
            payload::count,
            fan_out::count,
            client::count,
            server::count,
            #[cfg(feature = "srtp")]
            srtp::count,
            tunnel::count,
        ] {
            count();
        }
    } else if is_given("--instructions") {
        return instructions::compare(is_given("--write"));
    } else if is_given("--limits") {
        keep_memory();
        return payload::limits::compare();
    } else {
        keep_memory();
        divan::main();
    }
    std::process::ExitCode::SUCCESS
}

/// Has the allocator keep freed memory, as in a program that has run for a while. Before something larger was freed, glibc
/// returns free memory beyond 128 KB to the system, and page faults would be most of the measured time.
fn keep_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(16 << 20)));
}
