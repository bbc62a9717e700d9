//! Plays a stream for a moment, and tells what the library does by `tracing`:
//! `cargo run --example tracing -- rtsp://camera/main debug`
//!
//! The crate of the runtime needs its feature `tracing`. docs/logging.md lists what is told.

use std::env;
use std::error::Error;
use std::io;

use rtspan_std::Client;
use tracing::{Level, info, info_span};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let url = args.next().ok_or("usage: tracing URL [LEVEL]")?;
    let level = args.next().as_deref().unwrap_or("debug").parse::<Level>()?;
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).init();
    // A client that is built within a span of the application's stands in it.
    let _room = info_span!("room", name = "hall").entered();
    let mut packets = Client::builder(&url)?.play()?;
    let mut bytes = 0;
    for received in packets.by_ref().take(100) {
        bytes += received?.packet.payload().len();
    }
    info!(bytes, "enough");
    Ok(())
}
