//! A server that writes what clients publish to MP4 files: `cargo run --example to_disk 127.0.0.1:8554 recordings`, then publish
//! at any path: `cargo run --example publish rtsp://127.0.0.1:8554/live` makes `recordings/live.mp4`.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::thread;

use rtspan_core::frame::FrameReader;
use rtspan_examples::recorder::{FileKind, Recorder};
use rtspan_examples::say;
use rtspan_std::{Description, Event, Received, Server, StartAt, StreamReader};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let folder = args.next().unwrap_or_else(|| ".".to_owned());
    fs::create_dir_all(&folder)?;
    let server = Server::builder().bind(addr)?;
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    while let Some(event) = server.next() {
        let Event::Published { stream, path, .. } = event else { continue };
        // It reads as any reader does: it holds up nobody, and is told what it was too slow for.
        let reader = server.read(stream, StartAt::Oldest);
        let Some((reader, description)) = reader.zip(server.description(stream)) else { continue };
        let name = path.trim_matches('/').replace(|c: char| !c.is_alphanumeric(), "_");
        let file = Path::new(&folder).join(name).with_extension("mp4");
        thread::spawn(move || match record(reader, &description, &file) {
            Ok(frames) => say(format_args!("{}: {frames} frames", file.display())),
            Err(error) => say(format_args!("{}: {error}", file.display())),
        });
    }
    Ok(())
}

/// Writes a stream until it ends; returns how many frames there were.
fn record(reader: StreamReader, description: &Description, file: &PathBuf) -> Result<u64, Box<dyn Error>> {
    let kind = FileKind::Mp4;
    let mut frames = FrameReader::new(description);
    frames.set_form(kind.form());
    let file = BufWriter::new(File::create(file)?);
    let mut recorder = Recorder::new(kind, file, kind.medias(description));
    for read in reader {
        let lost = u16::try_from(read.missed).unwrap_or(u16::MAX);
        // A packet that cannot be read costs one frame.
        let _ = frames.push(&Received::new(read.media, read.packet, read.time).with_lost(lost));
        while let Some(frame) = frames.poll() {
            recorder.write(frame)?;
        }
    }
    Ok(recorder.finish()?)
}
