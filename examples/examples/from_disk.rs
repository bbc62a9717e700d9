//! A server that shows a file again and again, to all at the same time: `cargo run --example from_disk 127.0.0.1:8554 movie.mp4`,
//! then play `/movie`. With `vod` each reader has a time line of its own.

use std::env;
use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_examples::say;
use rtspan_examples::source::{FileSource, Looped};
use rtspan_std::Server;

/// For raw files, which tell no times.
const PICTURES_PER_SECOND: f64 = 25.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let path = args.next().ok_or("usage: from_disk ADDRESS FILE")?;
    let source = FileSource::open(Path::new(&path), PICTURES_PER_SECOND)?;
    let server = Server::builder().bind(addr)?;
    let mut stream = server.publish("/movie", source.description().clone())?.into_frames()?;
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    let mut file = Looped::new(source);
    let (start, mut first) = (Instant::now(), None);
    while let Some(frame) = file.next()? {
        let since_first = frame.dts - *first.get_or_insert(frame.dts);
        let due = start + Duration::from_nanos(since_first.try_into().unwrap_or_default());
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write(&frame)?;
    }
    Ok(())
}
