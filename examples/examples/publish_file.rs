//! Publishes a file once, in real time: `cargo run --example publish_file movie.mp4 rtsp://127.0.0.1:8554/movie`.
//!
//! All medias of the file are sent that RTP has a form for: H.264, H.265, AV1, VP8, VP9, AAC, Opus, MPEG audio and more.

use std::env;
use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_examples::source::FileSource;
use rtspan_std::{Client, Transports};

/// For raw files, which tell no times.
const PICTURES_PER_SECOND: f64 = 25.0;

fn main() -> Result<(), Box<dyn Error>> {
    let (path, url) = env::args().nth(1).zip(env::args().nth(2)).ok_or("usage: publish_file FILE URL")?;
    let mut file = FileSource::open(Path::new(&path), PICTURES_PER_SECOND)?;
    for track in file.left_out() {
        println!("left out: {track}");
    }
    let builder = Client::builder(&url)?.transport(Transports::Tcp);
    let mut publisher = builder.publish_frames(file.description().clone())?;
    println!("publishing at {url}");
    let (start, mut first, mut count) = (Instant::now(), None, 0);
    while let Some(frame) = file.next()? {
        // Frames are sent in the order and at the time in which they are decoded.
        let since_first = frame.dts - *first.get_or_insert(frame.dts);
        let due = start + Duration::from_nanos(since_first.try_into().unwrap_or_default());
        thread::sleep(due.saturating_duration_since(Instant::now()));
        publisher.write(&frame)?;
        count += 1;
    }
    publisher.teardown()?;
    println!("{count} frames");
    Ok(())
}
