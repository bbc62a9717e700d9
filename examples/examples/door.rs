//! A door station: whoever watches it may speak into its loudspeaker (ONVIF back channel), and what is said goes to a file:
//! `cargo run --example door 127.0.0.1:8554 said.ulaw`, then `cargo run --example talk rtsp://127.0.0.1:8554/door hello.ulaw`.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::thread;

use rtspan_examples::{Clip, say};
use rtspan_std::{Direction, Event, Format, Media, MediaKind, Server, StartAt};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let path = args.next().unwrap_or_else(|| "said.ulaw".to_owned());
    let server = Server::builder().bind(addr)?;
    let clip = Clip::demo();
    let mut description = clip.description();
    let mut loudspeaker = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
    loudspeaker.direction = Some(Direction::SendOnly);
    description.medias.push(loudspeaker);
    let stream = server.publish("/door", description)?;
    thread::spawn(move || clip.feed(&stream));
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    while let Some(event) = server.next() {
        let Event::BackChannelOpened { stream, .. } = event else { continue };
        // Each speaker has a stream of its own, which ends with the session.
        let Some(said) = server.read(stream, StartAt::Oldest) else { continue };
        let mut file = BufWriter::new(File::create(&path)?);
        let mut bytes = 0;
        for packet in said {
            file.write_all(packet.packet.payload())?;
            bytes += packet.packet.payload().len();
        }
        file.flush()?;
        say(format_args!("somebody has said {bytes} bytes"));
    }
    Ok(())
}
