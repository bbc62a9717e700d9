//! A server that sends each packet once for all readers of its network: `cargo run --example multicast 0.0.0.0:8554 239.255.0.0/24`,
//! then play `/clip`: `cargo run --example transports rtsp://HOST:8554/clip multicast`.
//!
//! With a third argument, the address of an interface, packets leave there.

use std::env;
use std::error::Error;
use std::thread;
use std::time::Instant;

use rtspan_examples::{Clip, say};
use rtspan_std::{Interface, Multicast, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "0.0.0.0:8554".to_owned());
    let groups = args.next().unwrap_or_else(|| "239.255.0.0/24".to_owned());
    let interface = args.next().map(|address| address.parse().map(Interface::Address)).transpose()?;
    // Each media that is read by multicast gets a group of the range, and readers over UDP and TCP are served as ever.
    let multicast = Multicast::new(groups.parse()?)?;
    let server = Server::builder().multicast(multicast, interface).bind(addr)?;
    let clip = Clip::demo();
    let stream = server.publish("/clip", clip.description())?;
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    let start = Instant::now();
    for frame in clip.frames() {
        thread::sleep((start + frame.due).saturating_duration_since(Instant::now()));
        stream.write_frame(frame.media, &frame.packets)?;
    }
    Ok(())
}
