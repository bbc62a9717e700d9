//! Writes a stream to a file of the kind that its name tells: `cargo run --example save rtsp://camera/main camera.ts 60`.
//!
//! The ends of names are mp4, ts, h264, h265, aac, mp3, wav, ogg, jpg, mjpeg and xml. What such a file cannot hold is not
//! asked for.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::{Duration, Instant};

use rtspan_examples::recorder::{FileKind, Recorder};
use rtspan_std::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (url, path) = args.next().zip(args.next()).ok_or("usage: save URL FILE [SECONDS]")?;
    let end = Instant::now() + Duration::from_secs(args.next().as_deref().unwrap_or("60").parse()?);
    let kind =
        FileKind::of(Path::new(&path)).filter(|kind| kind.is_written()).ok_or("no such kind of file")?;

    let client = Client::connect(&url)?;
    let medias = kind.medias(&client.describe()?);
    if medias.is_empty() {
        return Err("the stream has nothing that such a file holds".into());
    }
    for media in medias {
        client.setup(media)?;
    }
    client.play(None)?;
    let frames = client.packets().frames().form(kind.form());
    let mut recorder = Recorder::new(kind, BufWriter::new(File::create(&path)?), frames.medias());
    for frame in frames {
        recorder.write(frame?)?;
        if Instant::now() > end {
            break;
        }
    }
    println!("{} frames in {path}", recorder.finish()?);
    Ok(())
}
