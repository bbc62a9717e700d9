//! Back channels: sends a file into that of a camera, and writes into files what others say.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rtspan_std::client::Client;
use rtspan_std::payload::{PacketizerConfig, g711::Packetizer};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::StreamReader;
use rtspan_std::{Description, Direction, Error, Format, Media, MediaKind};

use crate::Failure;
use crate::args::Target;
use crate::output::notice;
use crate::stop::sleep_until;

/// Bytes of a packet: 20 ms of G.711, as cameras send it themselves.
const PACKET_BYTES: usize = 160;
const PACKET_TIME: Duration = Duration::from_millis(20);
const SSRC: u32 = u32::from_be_bytes(*b"said");

/// A recording of G.711 without a header that is to be spoken into a back channel.
pub(crate) struct Voice {
    samples: Vec<u8>,
    /// The name of the law that the file is in, if its name tells.
    law: Option<&'static str>,
}

impl Voice {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let samples = fs::read(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?;
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let law = match extension.as_deref() {
            Some("al" | "alaw" | "pcma") => Some("PCMA"),
            Some("ul" | "ulaw" | "pcmu") => Some("PCMU"),
            _ => None,
        };
        Ok(Self { samples, law })
    }

    /// Says all of it in real time, and then waits for ever.
    pub(crate) async fn say<R: Runtime>(&self, url: &Target, client: &Client<R>) -> Result<(), Failure> {
        let description = client.description().unwrap_or_default();
        let refused = client.refused();
        let channels = client.back_channels().into_iter();
        let mut taken = channels.filter(|media| refused.iter().all(|(refused, _)| refused != media));
        let find = |media: usize| Some((media, self.format_in(description.medias.get(media)?)?));
        let Some((media, payload_type)) = taken.find_map(find) else {
            return Err(Failure::NoBackChannel { url: url.clone(), law: self.law });
        };
        let publisher = client.publisher();
        let failed = |error: Error| Failure::Play { url: url.clone(), error: Box::new(error) };
        let mut packetizer = Packetizer::new(PacketizerConfig::new(payload_type, SSRC, 0), 1);
        let start = Instant::now();
        for (number, samples) in (0..).zip(self.samples.chunks(PACKET_BYTES)) {
            sleep_until::<R>(start + PACKET_TIME * number).await;
            let mut packets = Vec::new();
            let timestamp = number.wrapping_mul(PACKET_BYTES as u32);
            let sent = packetizer.packetize([samples], timestamp, |packet| packets.push(packet));
            sent.expect("samples of one channel");
            match publisher.write_frame(media, &packets).await {
                // Nobody hears it until there is a session again.
                Err(Error::Send(_)) if client.is_reconnecting() => {}
                written => written.map_err(failed)?,
            }
        }
        notice("all has been said");
        std::future::pending().await
    }

    /// The payload type that the file is sent with into a back channel that takes it.
    fn format_in(&self, media: &Media) -> Option<u8> {
        let is_taken = |format: &&Format| {
            let name = format.encoding().to_uppercase();
            (name == "PCMU" || name == "PCMA") && self.law.is_none_or(|law| law == name)
        };
        media.formats.iter().find(is_taken).map(|format| format.payload_type)
    }
}

/// The same with a loudspeaker beside it.
pub(crate) fn with_loudspeaker(mut description: Description) -> Description {
    let mut speaker = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
    speaker.direction = Some(Direction::SendOnly);
    description.medias.push(speaker);
    description
}

/// Writes what a session says into a file of its own, to its end.
pub(crate) fn record<R: Runtime>(dir: &Path, session: &str, mut said: StreamReader) -> io::Result<PathBuf> {
    let path = dir.join(format!("{session}.ulaw"));
    let mut file = File::create(&path)?;
    let name = path.clone();
    R::default().spawn(async move {
        while let Some(packet) = said.next().await {
            if let Err(error) = file.write_all(packet.packet.payload()) {
                return notice(format_args!("cannot write {}: {error}", name.display()));
            }
        }
    })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_sent_in_its_own_law_or_in_the_first_that_is_taken() {
        let media = Media::new(
            MediaKind::Audio,
            vec![Format::new(97, "opus", 48_000), Format::pcma(), Format::pcmu()],
        );
        let format = |law| Voice { samples: Vec::new(), law }.format_in(&media);
        assert_eq!((format(None), format(Some("PCMA")), format(Some("PCMU"))), (Some(8), Some(8), Some(0)));
        let opus = Media::new(MediaKind::Audio, vec![Format::new(97, "opus", 48_000)]);
        assert_eq!(Voice { samples: Vec::new(), law: None }.format_in(&opus), None);
    }
}
