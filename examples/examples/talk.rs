//! Rings at a door station: plays it, and says a file of G.711 into its loudspeaker meanwhile (ONVIF back channel):
//! `cargo run --example talk rtsp://door/main hello.ulaw`.

use std::env;
use std::error::Error;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_std::payload::{PacketizerConfig, g711::Packetizer};
use rtspan_std::{Client, Transports};

/// 20 ms.
const SAMPLES: usize = 160;
const TIME: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let (url, file) = env::args().nth(1).zip(env::args().nth(2)).ok_or("usage: talk URL FILE")?;
    let speech = fs::read(file)?;
    let packets = Client::builder(&url)?.transport(Transports::UdpThenTcp).back_channel(true).play()?;
    let publisher = packets.client().publisher();
    let client = publisher.client();
    let loudspeaker = *client.back_channels().first().ok_or("there is no back channel")?;
    let formats = client.description().map(|door| door.medias[loudspeaker].formats.clone());
    let payload_type = formats.unwrap_or_default().first().ok_or("it takes nothing")?.payload_type;
    let watch = thread::spawn(move || packets.take_while(Result::is_ok).count());

    let mut packetizer = Packetizer::new(PacketizerConfig::new(payload_type, 0x5a1d, 0), 1);
    let start = Instant::now();
    for (number, samples) in (0..).zip(speech.chunks(SAMPLES)) {
        thread::sleep((start + TIME * number).saturating_duration_since(Instant::now()));
        let mut said = Vec::new();
        packetizer.packetize([samples], number * SAMPLES as u32, |packet| said.push(packet))?;
        publisher.write_frame(loudspeaker, &said)?;
    }
    client.teardown()?;
    let seen = watch.join().map_err(|_| "the thread has panicked")?;
    println!("said {} bytes, and received {seen} packets", speech.len());
    Ok(())
}
