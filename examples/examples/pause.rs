//! Pauses a stream, and goes on, with a number of seconds from that place: `cargo run --example pause rtsp://127.0.0.1:8554/demo`,
//! or `cargo run --example pause rtsp://127.0.0.1:8554/film.mp4 60` where `cargo run --example vod` serves films.

use std::env;
use std::error::Error;
use std::thread;
use std::time::Duration;

use rtspan_std::{Client, Range};

const WHILE: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let url = args.next().ok_or("usage: pause URL [SECONDS]")?;
    let place = args.next().map(|seconds| seconds.parse().map(Duration::from_secs)).transpose()?;
    let packets = Client::builder(&url)?.play()?;
    // Any clone is a handle to the same client; packets are taken elsewhere meanwhile.
    let client = packets.client();
    let taken = thread::spawn(move || packets.take_while(Result::is_ok).count());

    thread::sleep(WHILE);
    client.pause()?;
    println!("it pauses: {}", client.state());
    thread::sleep(WHILE);
    let playing = match place {
        Some(place) => client.seek(Range::from_npt(place))?, // also while it plays
        None => client.play(None)?,                          // where it has paused
    };
    match playing.range {
        Some(range) => println!("it goes on: {range}"),
        None => println!("it goes on"),
    }
    thread::sleep(WHILE);
    client.teardown()?;
    println!("{} packets", taken.join().map_err(|_| "the thread has panicked")?);
    Ok(())
}
