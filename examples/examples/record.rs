//! Records a camera to MP4, picture and sound: `cargo run --example record -- rtsp://camera/main camera.mp4 60`

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::time::{Duration, Instant};

use rtspan_examples::mp4::Mp4Writer;
use rtspan_std::{Client, Form, MediaKind};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(url), Some(path)) = (args.next(), args.next()) else {
        return Err("usage: record URL FILE.mp4 [SECONDS]".into());
    };
    let end = Instant::now() + Duration::from_secs(args.next().as_deref().unwrap_or("60").parse()?);
    let camera = Client::builder(&url)?.medias([MediaKind::Video, MediaKind::Audio]);
    let frames = camera.play_frames()?.form(Form::Container);
    let mut file = Mp4Writer::new(BufWriter::new(File::create(path)?), frames.medias());
    for frame in frames {
        file.write(frame?)?;
        if Instant::now() > end {
            break;
        }
    }
    println!("{} frames", file.frames());
    file.finish()?;
    Ok(())
}
