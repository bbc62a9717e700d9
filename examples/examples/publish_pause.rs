//! Publishes, pauses and goes on in the same session: `cargo run --example publish_pause rtsp://127.0.0.1:8554/live`.

use std::env;
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_examples::{Clip, Frame};
use rtspan_std::{Client, Error as ClientError, Publisher, Transports};

/// A second: 25 pictures and 50 blocks of sound.
const FRAMES: usize = 75;

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: publish_pause URL")?;
    let clip = Clip::demo();
    let publisher = Client::builder(&url)?.transport(Transports::Tcp).publish(clip.description())?;
    let mut frames = clip.frames();
    feed(&publisher, frames.by_ref().take(FRAMES))?;
    publisher.client().pause()?;
    println!("it pauses: {}", publisher.client().state());
    thread::sleep(Duration::from_secs(1));
    publisher.client().record()?;
    println!("it goes on: {}", publisher.client().state());
    feed(&publisher, frames.take(FRAMES))?;
    publisher.teardown()?;
    Ok(())
}

/// Writes these in real time, the first at once.
fn feed(publisher: &Publisher, frames: impl Iterator<Item = Frame>) -> Result<(), ClientError> {
    let mut start = None;
    for frame in frames {
        let (now, first) = *start.get_or_insert_with(|| (Instant::now(), frame.due));
        thread::sleep((now + (frame.due - first)).saturating_duration_since(Instant::now()));
        publisher.write_frame(frame.media, &frame.packets)?;
    }
    Ok(())
}
