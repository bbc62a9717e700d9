//! Plays a stream and shows its pictures: `cargo run --example play rtsp://127.0.0.1:8554/demo`.

use std::env;
use std::error::Error;

use rtspan_std::payload::h264::Depacketizer;
use rtspan_std::{Client, Transports};

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: play URL")?;
    let packets = Client::builder(&url)?.transport(Transports::UdpThenTcp).play()?;
    let video = packets.description().find("H264").map(|(media, _)| media).ok_or("there is no H264")?;
    let mut pictures = Depacketizer::new();
    for received in packets {
        let received = received?;
        if received.media != video {
            continue;
        }
        // A packet that cannot be read costs one picture, not the stream.
        if let Err(error) = pictures.push(&received.packet, received.lost) {
            eprintln!("{error}");
        }
        while let Some(picture) = pictures.poll() {
            let bytes: usize = picture.parts.total_bytes();
            let kind = if picture.is_keyframe { "keyframe" } else { "picture" };
            println!("{kind} at {}: {bytes} bytes", picture.timestamp);
        }
    }
    Ok(())
}
