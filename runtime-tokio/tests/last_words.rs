//! A program that ends while it plays has the server hear of it.
#![allow(clippy::unwrap_used)]

#[path = "../../runtime-std/tests/shared/last_words.rs"]
mod last_words;

use rtspan_tokio::{Client, Packets, Transports};
use tokio::runtime::{Builder, Runtime};

async fn play(url: &str) -> Packets {
    let transport = if url.ends_with("tcp") { Transports::Tcp } else { Transports::Udp };
    Client::builder(url).unwrap().transport(transport).play().await.unwrap()
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn several_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// As `#[tokio::main]` ends.
fn within_block_on(runtime: &Runtime, url: &str) {
    runtime.block_on(async { drop(play(url).await) });
}

/// The handle is dropped where no task runs.
fn behind_block_on(runtime: &Runtime, url: &str) {
    drop(runtime.block_on(play(url)));
}

/// The runtime is shut down while the client plays.
fn behind_the_runtime(runtime: Runtime, url: &str) {
    let packets = runtime.block_on(play(url));
    drop(runtime);
    drop(packets);
}

fn main() {
    last_words::main(&[
        ("within-block_on-on-one-thread", |url| within_block_on(&one_thread(), url)),
        ("within-block_on-on-several-threads", |url| within_block_on(&several_threads(), url)),
        ("behind-block_on-on-one-thread", |url| behind_block_on(&one_thread(), url)),
        ("behind-block_on-on-several-threads", |url| behind_block_on(&several_threads(), url)),
        ("behind-the-runtime-on-one-thread", |url| behind_the_runtime(one_thread(), url)),
        ("behind-the-runtime-on-several-threads", |url| behind_the_runtime(several_threads(), url)),
    ]);
}
