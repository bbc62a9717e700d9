//! Asks what a camera offers, and plays nothing: `cargo run --example describe rtsp://127.0.0.1:8554/demo`.

use std::env;
use std::error::Error;

use rtspan_std::{Client, Printable};

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: describe URL")?;
    let client = Client::connect(&url)?;
    println!("its methods: {}", client.options()?);
    let description = client.describe()?;
    for (number, media) in description.medias.iter().enumerate() {
        let direction = if description.is_back_channel(number) { "back channel, " } else { "" };
        for format in &media.formats {
            let (encoding, rate) = (Printable(format.encoding()), format.clock_rate());
            println!("media {number}: {direction}{} {encoding} at {rate} Hz", media.kind);
        }
    }
    // Where the camera leaves the standard, what it says is read all the same, and told.
    for tolerance in client.tolerances().iter() {
        println!("deviation: {tolerance}");
    }
    client.teardown()?;
    Ok(())
}
