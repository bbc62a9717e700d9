//! Opus in Ogg (RFC 7845).

use std::fmt;
use std::io::Write;

use ogg::PacketWriter;
use ogg::writing::PacketWriteEndInfo;
use rtspan_core::frame::Frame;
use rtspan_core::payload::opus::duration;

use super::RecordError;

/// The only stream of the file.
const SERIAL: u32 = 1;
/// Samples of a second, whatever the encoder has taken.
const RATE: i128 = 48_000;
/// Samples after which a page ends, so that no more is lost with it.
const PAGE_SAMPLES: u64 = 48_000;
const VENDOR: &[u8] = b"rtspan";

/// Writes Opus. The frames have to be in [`Form::Parts`](rtspan_core::frame::Form::Parts).
pub struct OggWriter<W: Write> {
    out: Option<PacketWriter<'static, W>>,
    head: Option<Head>,
    /// The packet that waits to be written, since the last of all has to say that it is.
    last: Option<(Vec<u8>, u64)>,
    page_began: u64,
    frames: u64,
}

/// How the stream begins.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Head {
    packet: Vec<u8>,
    skip: u64,
    origin: i64,
}

impl<W: Write> fmt::Debug for OggWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OggWriter")
            .field("head", &self.head)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl<W: Write> OggWriter<W> {
    /// An empty file.
    pub fn new(out: W) -> Self {
        Self { out: Some(PacketWriter::new(out)), head: None, last: None, page_began: 0, frames: 0 }
    }

    /// Takes a frame, which may hold several packets.
    ///
    /// # Errors
    ///
    /// The output fails, or the sound goes on with other parameters.
    pub fn write(&mut self, frame: &Frame) -> Result<(), RecordError> {
        if let Some(configuration) =
            frame.new_parameters.as_ref().and_then(|parameters| parameters.configuration.as_ref())
        {
            self.begin(frame, configuration)?;
        }
        let Some(head) = self.head.clone() else { return Ok(()) };
        let mut at = samples(frame.time.pts - head.origin).saturating_add(head.skip);
        for packet in &frame.data {
            let Some(lasts) = duration(packet) else { continue };
            at = at.saturating_add(lasts.into());
            // A page tells where its last packet ends: gaps are told by that.
            self.write_packet(packet.to_vec(), at)?;
        }
        self.frames += 1;
        Ok(())
    }

    /// Frames that the file holds.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Ends the file, and gives back the number of its frames.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn finish(mut self) -> Result<u64, RecordError> {
        let Some(mut out) = self.out.take() else { return Ok(self.frames) };
        if let Some((packet, end)) = self.last.take() {
            out.write_packet(packet, SERIAL, PacketWriteEndInfo::EndStream, end)?;
        }
        out.into_inner().flush()?;
        Ok(self.frames)
    }

    fn write_packet(&mut self, packet: Vec<u8>, end: u64) -> Result<(), RecordError> {
        let before = self.last.replace((packet, end));
        let (Some(out), Some((packet, end))) = (&mut self.out, before) else { return Ok(()) };
        let is_page = end.saturating_sub(self.page_began) >= PAGE_SAMPLES;
        let info = if is_page { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
        if is_page {
            self.page_began = end;
        }
        Ok(out.write_packet(packet, SERIAL, info, end)?)
    }

    /// Writes both headers (RFC 7845, section 5).
    fn begin(&mut self, frame: &Frame, configuration: &[u8]) -> Result<(), RecordError> {
        let Some((packet, skip)) = head(configuration) else { return Ok(()) };
        if let Some(head) = &self.head {
            return if head.packet == packet {
                Ok(())
            } else {
                Err(RecordError::ParametersChanged(frame.media))
            };
        }
        let mut tags = b"OpusTags".to_vec();
        tags.extend_from_slice(&(VENDOR.len() as u32).to_le_bytes());
        tags.extend_from_slice(VENDOR);
        tags.extend_from_slice(&0_u32.to_le_bytes());
        if let Some(out) = &mut self.out {
            for header in [packet.clone(), tags] {
                out.write_packet(header, SERIAL, PacketWriteEndInfo::EndPage, 0)?;
            }
        }
        self.head = Some(Head { packet, skip, origin: frame.time.pts });
        Ok(())
    }
}

/// The identification header, from what MP4 keeps (`dOps`), and the samples that a decoder drops at the beginning.
fn head(configuration: &[u8]) -> Option<(Vec<u8>, u64)> {
    let [_, channels, skip @ ..] = configuration else { return None };
    let (skip, rest) = skip.split_first_chunk::<2>()?;
    let (rate, rest) = rest.split_first_chunk::<4>()?;
    let (gain, rest) = rest.split_first_chunk::<2>()?;
    let skip = u16::from_be_bytes(*skip);
    let mut head = b"OpusHead\x01".to_vec();
    head.push(*channels);
    head.extend_from_slice(&skip.to_le_bytes());
    head.extend_from_slice(&u32::from_be_bytes(*rate).to_le_bytes());
    head.extend_from_slice(&i16::from_be_bytes(*gain).to_le_bytes());
    head.extend_from_slice(rest);
    Some((head, skip.into()))
}

/// Nanoseconds in samples, to the nearest.
fn samples(nanos: i64) -> u64 {
    u64::try_from((i128::from(nanos) * RATE + 500_000_000) / 1_000_000_000).unwrap_or_default()
}
