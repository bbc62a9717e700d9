//! Asks a camera for a keyframe when packets are lost (RTCP PLI, RFC 4585, section 6.3.1), and shows the RTCP that comes:
//! `cargo run --example keyframe rtsp://camera/main`.

use std::env;
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_std::{Client, ClientConfig, ClientEvent, MediaKind};

/// The least time from one request to the next.
const APART: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: keyframe URL")?;
    let config = ClientConfig::default().rtcp_events(true);
    let packets = Client::builder(&url)?.config(config).medias([MediaKind::Video]).play()?;
    let client = packets.client();
    let events = client.clone();
    thread::spawn(move || {
        while let Some(event) = events.next_event() {
            if let ClientEvent::RtcpReceived { media, compound } = event {
                println!("media {media}: {} bytes of RTCP have come", compound.len());
            }
        }
    });
    let mut asked_at = None::<Instant>;
    for received in packets {
        let received = received?;
        // One is asked for at the beginning as well, since some cameras send them seldom.
        let is_wanted = received.lost > 0 || asked_at.is_none();
        if is_wanted && asked_at.is_none_or(|at| at.elapsed() > APART) {
            client.write_rtcp(received.media, picture_loss(received.packet.ssrc()).into())?;
            println!("a keyframe is asked for");
            asked_at = Some(Instant::now());
        }
    }
    Ok(())
}

/// An empty receiver report, with which a compound begins, and the Picture Loss Indication for a source.
fn picture_loss(source: u32) -> Vec<u8> {
    const OWN: [u8; 4] = [0, 0, 0, 1];
    let report = [[0x80, 201, 0, 1], OWN].concat();
    let loss = [[0x81, 206, 0, 2], OWN, source.to_be_bytes()].concat();
    [report, loss].concat()
}
