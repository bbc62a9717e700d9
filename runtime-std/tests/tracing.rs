//! Events are told to subscribers of `tracing`.
#![allow(clippy::unwrap_used)]

#[path = "shared/tracing.rs"]
mod shared;

#[test]
fn what_happens_is_told_without_secrets() {
    rtspan_std::threads::block_on(
        shared::what_happens_is_told_without_secrets::<rtspan_std::threads::Threads>(),
    );
}
