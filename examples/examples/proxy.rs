//! A server in front of cameras, which it plays all the time: `cargo run --example proxy 127.0.0.1:8554 gate=rtsp://gate/main`, then
//! play `/gate`. A camera has one reader, whatever the number of ours; `on_demand` plays it only while somebody reads.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rtspan_examples::say;
use rtspan_smol::{Client, ReconnectPolicy, Server, Smol};
use smol::Timer;

/// How long to wait before a camera that has refused us is asked again.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().ok_or("usage: proxy ADDRESS NAME=URL...")?;
    smol::block_on(async {
        let server = Arc::new(Server::builder().runtime(Smol::global()).bind(addr).await?);
        say(format_args!("listening on rtsp://{}", server.local_addr()));
        for camera in args {
            let (name, url) = camera.split_once('=').ok_or("a camera is NAME=URL")?;
            let (server, path, url) = (Arc::clone(&server), format!("/{name}"), url.to_owned());
            smol::spawn(async move {
                loop {
                    if let Err(error) = pull(&server, &path, &url).await {
                        say(format_args!("{path}: {error}"));
                    }
                    Timer::after(PATIENCE).await;
                }
            })
            .detach();
        }
        while server.next().await.is_some() {}
        Ok(())
    })
}

/// Plays a camera into a stream of the server. It comes back by itself when it was cut off; meanwhile readers wait.
async fn pull(server: &Server, path: &str, url: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let camera = Client::builder(url)?.runtime(Smol::global()).reconnect(ReconnectPolicy::default());
    let mut packets = camera.play().await?;
    let stream = server.publish(path, packets.description())?;
    say(format_args!("{path} is there"));
    while let Some(received) = packets.next().await {
        let received = received?;
        // The clock of the camera is passed on.
        let ntp = received.time.reported_ntp().unwrap_or_default();
        stream.write_with_ntp(received.media, received.packet, ntp)?;
    }
    Ok(())
}
