//! Plays a camera and publishes it at another server, for as long as both are there:
//! `cargo run --features tokio --example relay rtsp://camera/main rtsp://127.0.0.1:8554/copy`.

use std::env;
use std::error::Error;

use rtspan_tokio::{Client, ReconnectPolicy, Transports};
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let (from, to) = env::args().nth(1).zip(env::args().nth(2)).ok_or("usage: relay FROM TO")?;
    Builder::new_multi_thread().enable_all().build()?.block_on(relay(&from, &to))
}

async fn relay(from: &str, to: &str) -> Result<(), Box<dyn Error>> {
    // Both come back by themselves when they were cut off.
    let camera = Client::builder(from)?.reconnect(ReconnectPolicy::default());
    let mut packets = camera.play().await?;
    let server = Client::builder(to)?.reconnect(ReconnectPolicy::default()).transport(Transports::Tcp);
    let publisher = server.publish(packets.description()).await?;
    println!("publishing at {to}");
    while let Some(received) = packets.next().await {
        let received = received?;
        // The clock of the camera is passed on, so that its recorders need not take ours.
        let sent = match received.time.reported_ntp() {
            Some(ntp) => publisher.write_with_ntp(received.media, received.packet, ntp).await,
            None => publisher.write(received.media, received.packet).await,
        };
        match sent {
            Ok(()) => {}
            // While the server is away, live media is of no use later.
            Err(rtspan_tokio::Error::Send(error)) => println!("left out: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
    publisher.teardown().await?;
    Ok(())
}
