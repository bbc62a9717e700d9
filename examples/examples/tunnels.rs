//! RTSP through what lets only the web pass: two requests of HTTP, and a WebSocket: `cargo run --example tunnels`.
//!
//! The same port of the server takes all of them. With TLS the schemes are `rtsp+https` and `rtsp+wss`.

use std::error::Error;

use rtspan_examples::Clip;
use rtspan_std::{Client, Server};

/// Two seconds: 50 pictures and 100 blocks of sound.
const FRAMES: usize = 150;

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().bind("127.0.0.1:0")?;
    let clip = Clip::demo();
    for scheme in ["rtsp", "rtsp+http", "rtsp+ws"] {
        let stream = server.publish("/clip", clip.description())?;
        let packets = Client::builder(&format!("{scheme}://{}/clip", server.local_addr()))?.play()?;
        for frame in clip.frames().take(FRAMES) {
            stream.write_frame(frame.media, &frame.packets)?;
        }
        drop(stream);
        let received = packets.map(|received| received.map(|_| ())).collect::<Result<Vec<_>, _>>()?;
        println!("{scheme}: {} packets", received.len());
    }
    Ok(())
}
