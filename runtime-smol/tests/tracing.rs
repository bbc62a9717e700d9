//! Events are told to subscribers of `tracing`.
#![allow(clippy::unwrap_used)]

#[path = "../../runtime-std/tests/shared/tracing.rs"]
mod shared;

#[test]
fn what_happens_is_told_without_secrets() {
    async_io::block_on(shared::what_happens_is_told_without_secrets::<rtspan_smol::Smol>());
}
