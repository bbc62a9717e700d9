//! A server and a player in one program, on tokio.

use std::error::Error;
use std::time::Instant;

use rtspan_examples::Clip;
use rtspan_tokio::{Client, Server, Transports};
use tokio::runtime::Builder;
use tokio::time::sleep_until;

/// Two seconds: 50 pictures and 100 blocks of sound.
const FRAMES: usize = 150;

fn main() -> Result<(), Box<dyn Error>> {
    Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().bind("127.0.0.1:0").await?;
    let clip = Clip::demo();
    let stream = server.publish("/clip", clip.description())?;
    let url = format!("rtsp://{}/clip", server.local_addr());
    let mut packets = Client::builder(&url)?.transport(Transports::Tcp).play().await?;

    // Writing never waits, whether anybody reads or not.
    let start = Instant::now();
    for frame in clip.frames().take(FRAMES) {
        sleep_until((start + frame.due).into()).await;
        stream.write_frame(frame.media, &frame.packets)?;
    }
    drop(stream);

    // The packets that are left still come, and then the end.
    let mut counts = [0, 0];
    while let Some(received) = packets.next().await {
        counts[received?.media] += 1;
    }
    println!("{} packets of video and {} of audio", counts[0], counts[1]);
    server.close().await;
    Ok(())
}
