//! A program that ends while it plays has the server hear of it.
#![allow(clippy::unwrap_used)]

#[path = "../../runtime-std/tests/shared/last_words.rs"]
mod last_words;

use std::sync::Arc;

use rtspan_smol::{Client, Packets, Smol, Transports};
use smol::Executor;

async fn play(url: &str, runtime: Smol) -> Packets {
    let transport = if url.ends_with("tcp") { Transports::Tcp } else { Transports::Udp };
    Client::builder(url).unwrap().runtime(runtime).transport(transport).play().await.unwrap()
}

fn main() {
    last_words::main(&[
        ("within-block_on", |url| smol::block_on(async { drop(play(url, Smol::default()).await) })),
        ("behind-block_on", |url| drop(smol::block_on(play(url, Smol::default())))),
        ("the-global-executor", |url| drop(smol::block_on(play(url, Smol::global())))),
        ("an-executor-that-is-dropped-first", |url| {
            let executor = Arc::new(Executor::new());
            let packets = smol::block_on(executor.run(play(url, Smol::on(Arc::clone(&executor)))));
            drop(executor);
            drop(packets);
        }),
    ]);
}
