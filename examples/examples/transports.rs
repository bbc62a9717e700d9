//! Plays over the transport that is named, for some seconds, and tells what came:
//! `cargo run --example transports rtsp://127.0.0.1:8554/demo udp 5`.
//!
//! With `auto`, the default of the library, media comes over UDP, and over TCP where UDP is refused or blocked.

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use rtspan_std::{Client, TimedOut, Transports};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let url = args.next().ok_or("usage: transports URL udp|tcp|multicast|any|auto [SECONDS]")?;
    let transports = match args.next().as_deref().unwrap_or("auto") {
        "udp" => Transports::Udp,
        "tcp" => Transports::Tcp,
        "multicast" => Transports::Multicast,
        "any" => Transports::Any,
        "auto" => Transports::UdpThenTcp,
        other => return Err(format!("{other} is no transport").into()),
    };
    let end = Instant::now() + Duration::from_secs(args.next().as_deref().unwrap_or("5").parse()?);
    let client = Client::builder(&url)?.transport(transports).connect()?;
    for media in 0..client.describe()?.medias.len() {
        println!("media {media}: {:?}", client.setup(media)?.transport);
    }
    client.play(None)?;
    let mut packets = client.packets();
    let (mut count, mut lost) = (0_u64, 0_u64);
    while Instant::now() < end {
        match packets.next_timeout(Duration::from_millis(500)) {
            Ok(Some(received)) => {
                count += 1;
                lost += u64::from(received?.lost);
            }
            Ok(None) => break,
            Err(TimedOut) => println!("nothing has come for half a second"),
        }
    }
    if let Some(reason) = client.switched() {
        println!("media went over to TCP: {reason:?}");
    }
    println!("{count} packets, {lost} lost");
    client.teardown()?;
    Ok(())
}
