//! Plays until Ctrl-C with deadlines of its own, and takes leave of the server:
//! `cargo run --example patience rtsp://127.0.0.1:8554/demo`.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rtspan_std::{Client, ClientConfig, TimedOut};

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: patience URL")?;
    let stopped = Arc::new(AtomicBool::new(false));
    ctrlc::set_handler({
        let stopped = Arc::clone(&stopped);
        move || stopped.store(true, Ordering::Relaxed)
    })?;
    let config = ClientConfig::default()
        .connect_deadline(Duration::from_secs(3))
        .response_deadline(Duration::from_secs(3))
        .silence(Duration::from_secs(8)); // of a server that plays and sends nothing at all
    let mut packets = Client::builder(&url)?.config(config).play()?;
    let mut count = 0_u64;
    while !stopped.load(Ordering::Relaxed) {
        match packets.next_timeout(Duration::from_millis(200)) {
            Ok(Some(received)) => {
                // The last one is an error: it says why the client is closed.
                received?;
                if count == 0 {
                    println!("it plays");
                }
                count += 1;
            }
            Ok(None) => break,
            Err(TimedOut) => println!("still waiting"),
        }
    }
    let heard = packets.teardown()?.is_over();
    println!("{count} packets; the server has heard that this is the end: {heard}");
    Ok(())
}
