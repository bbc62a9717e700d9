//! A program that ends while it plays has the server hear of it.
#![allow(clippy::unwrap_used)]

#[path = "shared/last_words.rs"]
mod last_words;

use rtspan_std::{Client, Packets, Transports};

fn play(url: &str) -> Packets {
    let transport = if url.ends_with("tcp") { Transports::Tcp } else { Transports::Udp };
    Client::builder(url).unwrap().transport(transport).play().unwrap()
}

fn main() {
    last_words::main(&[("the-end-of-main", |url| drop(play(url)))]);
}
