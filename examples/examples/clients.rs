//! Stays connected to many cameras, and tells every ten seconds how they are: `cargo run --example clients URL...`.

use std::env;
use std::error::Error;
use std::time::Duration;

use rtspan_smol::{Client, ClientEvent, ReconnectPolicy, Url, WithCauses};
use smol::Timer;

/// The time from the start of one camera to that of the next, so that they do not all ask at once.
const APART: Duration = Duration::from_millis(20);
const REPORTS: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let urls: Vec<String> = env::args().skip(1).collect();
    if urls.is_empty() {
        return Err("usage: clients URL...".into());
    }
    smol::block_on(async {
        let cameras: Vec<_> =
            (0..).zip(urls).map(|(number, url)| smol::spawn(camera(url, APART * number))).collect();
        for camera in cameras {
            camera.await?;
        }
        Ok(())
    })
}

/// Takes the packets of one camera, for as long as it can be reached at all.
async fn camera(url: String, start: Duration) -> Result<(), rtspan_smol::Error> {
    Timer::after(start).await;
    let builder = Client::builder(&url)?.reconnect(ReconnectPolicy::default());
    let mut packets = builder.play().await?;
    let name = packets.client().url();
    // Both end with the client.
    smol::spawn(tell(name.clone(), packets.client().clone())).detach();
    let _reports = smol::spawn(report(name.clone(), packets.client().clone()));
    while let Some(received) = packets.next().await {
        match received {
            // Here a recorder would write it to where it keeps them, with `received.time`.
            Ok(_received) => {}
            Err(error) => println!("{name}: {}", WithCauses(&error)),
        }
    }
    Ok(())
}

/// Tells of a camera's losses and returns.
async fn tell(name: Url, client: Client) {
    while let Some(event) = client.next_event().await {
        match event {
            ClientEvent::Reconnecting { cause, attempt, wait } => {
                println!("{name}: {}; attempt {attempt} in {wait:.1?}", WithCauses(&cause));
            }
            ClientEvent::Reconnected { away, .. } => println!("{name}: back after {away:.1?}"),
            ClientEvent::MediaSilent(media) => println!("{name}: media {media} sends nothing"),
            _ => {}
        }
    }
}

/// Tells how a camera is.
async fn report(name: Url, client: Client) {
    loop {
        Timer::after(REPORTS).await;
        let stats = client.stats();
        let (rtp, lost) = (stats.session.received().rtp, stats.session.receiver().lost);
        match stats.tracks.iter().filter_map(|track| track.idle).min() {
            Some(idle) => println!("{name}: {} packets, {lost} lost, the last {idle:.1?} ago", rtp.packets),
            None => println!("{name}: nothing has come in this session"),
        }
    }
}
