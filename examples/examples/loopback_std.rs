//! A server and a player in one program, on blocking threads.

use std::error::Error;
use std::thread;
use std::time::Instant;

use rtspan_examples::Clip;
use rtspan_std::{Client, Server, Transports};

/// Two seconds: 50 pictures and 100 blocks of sound.
const FRAMES: usize = 150;

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().bind("127.0.0.1:0")?;
    let clip = Clip::demo();
    let stream = server.publish("/clip", clip.description())?;
    let url = format!("rtsp://{}/clip", server.local_addr());
    let packets = Client::builder(&url)?.transport(Transports::Tcp).play()?;

    // Writing never waits, whether anybody reads or not.
    let start = Instant::now();
    for frame in clip.frames().take(FRAMES) {
        thread::sleep((start + frame.due).saturating_duration_since(Instant::now()));
        stream.write_frame(frame.media, &frame.packets)?;
    }
    drop(stream);

    // The packets that are left still come, and then the end.
    let mut counts = [0, 0];
    for received in packets {
        counts[received?.media] += 1;
    }
    println!("{} packets of video and {} of audio", counts[0], counts[1]);
    server.close();
    Ok(())
}
