//! A server and a player in one program, on a runtime of one's own: the threads of `futures`, and sockets and timers of
//! `polling`.
//!
//! `cargo run --example own_runtime`. `docs/runtime.md` explains the runtime; its code is `runtime`, `sockets` and
//! `reactor`.

mod reactor;
mod runtime;
mod sockets;

use std::error::Error;
use std::net::Ipv4Addr;

use futures_executor::block_on;
use rtspan_examples::Clip;
use rtspan_std::client::Client;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{ServerConfig, Transports, UdpPorts, UdpSpec};
use runtime::Own;

/// Two seconds: 50 pictures and 100 blocks of sound.
const FRAMES: usize = 150;

fn main() -> Result<(), Box<dyn Error>> {
    block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let udp = UdpSpec::new(Ipv4Addr::LOCALHOST.into(), UdpPorts::Any);
    let config = ServerConfig::default().udp(Some(udp));
    let server = Server::<Own>::builder().config(config).bind("127.0.0.1:0").await?;
    let clip = Clip::demo();
    let stream = server.publish("/clip", clip.description())?;
    let url = format!("rtsp://{}/clip", server.local_addr());
    let mut packets = Client::<Own>::builder(&url)?.transport(Transports::Udp).play().await?;

    let start = Own.clock().now();
    for frame in clip.frames().take(FRAMES) {
        Own.sleep_until(start + frame.due).await;
        stream.write_frame(frame.media, &frame.packets)?;
    }
    drop(stream);

    let mut counts = [0, 0];
    while let Some(received) = packets.next().await {
        counts[received?.media] += 1;
    }
    println!("{} packets of video and {} of audio", counts[0], counts[1]);
    server.close().await;
    Ok(())
}
