//! Publishes a clip in a loop: `cargo run --example publish rtsp://127.0.0.1:8554/live`.

use std::env;
use std::error::Error;
use std::thread;
use std::time::Instant;

use rtspan_examples::Clip;
use rtspan_std::{Client, Transports};

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: publish URL")?;
    let clip = Clip::demo();
    let publisher = Client::builder(&url)?.transport(Transports::Tcp).publish(clip.description())?;
    println!("publishing at {url}");
    let start = Instant::now();
    for frame in clip.frames() {
        thread::sleep((start + frame.due).saturating_duration_since(Instant::now()));
        publisher.write_frame(frame.media, &frame.packets)?;
    }
    Ok(())
}
