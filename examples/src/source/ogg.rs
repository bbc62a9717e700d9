//! Opus in Ogg (RFC 7845).

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::BufReader;

use ogg::reading::OggReadError;
use ogg::{Packet, PacketReader};
use rtspan_core::frame::Frame;
use rtspan_core::payload::opus::duration;
use rtspan_core::{Format, MediaKind};

use super::{Demuxer, Opened, SourceError, frame, media, nanos, payload_type};

/// Samples of a second, whatever the encoder has taken.
const RATE: u32 = 48_000;
/// Packets of a page, which has a table of 255 pieces of them.
const PAGE_PACKETS_MAX: usize = 255;
/// The headers, which come before sound.
const HEADERS: [&[u8]; 2] = [b"OpusHead", b"OpusTags"];

struct Ogg {
    reader: PacketReader<BufReader<File>>,
    serial: u32,
    /// The sample at which the next page begins, if it goes on from the one before.
    at: Option<i64>,
    ready: VecDeque<Frame>,
}

impl fmt::Debug for Ogg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ogg").field("serial", &self.serial).finish_non_exhaustive()
    }
}

pub(super) fn open(file: File) -> Result<Opened, SourceError> {
    let mut reader = PacketReader::new(BufReader::new(file));
    let first = reader.read_packet().map_err(malformed)?;
    let first = first.ok_or_else(|| SourceError::Nothing(Vec::new()))?;
    // Behind the magic are a version, the channels, and in the end how they are mapped.
    let channels = match (first.data.get(..8), first.data.get(9), first.data.get(18)) {
        (Some(magic), Some(channels @ 1..=2), Some(0)) if magic == HEADERS[0] => *channels,
        _ => return Err(SourceError::Nothing(vec!["sound that is not Opus of one or two channels".into()])),
    };
    let format = Format::opus(payload_type(0), channels == 2);
    Ok(Opened {
        medias: vec![media(MediaKind::Audio, format)],
        left_out: Vec::new(),
        demuxer: Box::new(Ogg { reader, serial: first.stream_serial(), at: Some(0), ready: VecDeque::new() }),
    })
}

fn malformed(error: OggReadError) -> SourceError {
    match error {
        OggReadError::ReadError(error) => SourceError::Read(error),
        error => SourceError::Malformed { kind: "Ogg", reason: error.to_string() },
    }
}

impl Ogg {
    /// Reads the packets up to the end of a page, which tells the sample that it ends at.
    fn read_page(&mut self) -> Result<(), SourceError> {
        let mut packets: Vec<Packet> = Vec::new();
        let mut samples = 0;
        while let Some(packet) = self.reader.read_packet().map_err(malformed)? {
            if packet.stream_serial() != self.serial
                || HEADERS.iter().any(|head| packet.data.starts_with(head))
            {
                continue;
            }
            let is_end = packet.last_in_page() || packets.len() >= PAGE_PACKETS_MAX;
            samples += i64::from(duration(&packet.data).unwrap_or(0));
            packets.push(packet);
            if is_end {
                break;
            }
        }
        let Some(last) = packets.last() else { return Ok(()) };
        let end = i64::try_from(last.absgp_page()).unwrap_or(i64::MAX);
        // The last page of all may end before its samples do.
        let mut at = self.at.map_or(end - samples, |at| at.max(end.saturating_sub(samples)));
        for packet in packets {
            let time = nanos(at, RATE);
            at += i64::from(duration(&packet.data).unwrap_or(0));
            self.ready.push_back(frame(0, (time, time), true, packet.data.into()));
        }
        self.at = Some(at);
        Ok(())
    }
}

impl Demuxer for Ogg {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        if self.ready.is_empty() {
            self.read_page()?;
        }
        Ok(self.ready.pop_front())
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        let sample = i128::from(to.max(0)) * i128::from(RATE) / super::NANOS;
        let sample = u64::try_from(sample).unwrap_or(u64::MAX);
        self.reader.seek_absgp(Some(self.serial), sample).map_err(malformed)?;
        self.ready.clear();
        self.at = (to <= 0).then_some(0);
        while let Some(first) = self.next()? {
            if first.time.pts >= to {
                self.ready.push_front(first);
                break;
            }
        }
        Ok(())
    }
}
