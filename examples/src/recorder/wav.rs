//! WAV (RIFF).

use std::io::{ErrorKind, Seek, SeekFrom, Write};

use rtspan_core::description::G711Law;
use rtspan_core::frame::Frame;
use rtspan_core::payload::Parameters;
use rtspan_core::{Codec, Format};

use super::RecordError;

/// The tags of formats (RFC 2361).
const PCM: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// Bytes in front of the samples, and where the sizes stand that are known in the end.
const HEADER_BYTES: u32 = 46;
const RIFF_SIZE_AT: u64 = 4;
const DATA_SIZE_AT: u64 = 42;
/// A gap that is filled with silence: from 20 ms on, which timestamps do not jitter by, to an hour.
const GAP_MIN: i64 = 20_000_000;
const GAP_MAX: i64 = 3_600_000_000_000;

/// How samples are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Samples {
    tag: u16,
    bytes: u8,
    silence: u8,
}

impl Samples {
    /// Those of a format; `None` if WAV does not keep it as it is.
    pub(super) fn of(format: &Format) -> Option<Self> {
        match *format.codec() {
            Codec::G711(G711Law::Mu) => Some(Self { tag: MU_LAW, bytes: 1, silence: 0xff }),
            Codec::G711(G711Law::A) => Some(Self { tag: A_LAW, bytes: 1, silence: 0xd5 }),
            Codec::Pcm(pcm) => match pcm.bits {
                8 => Some(Self { tag: PCM, bytes: 1, silence: 0x80 }),
                16 => Some(Self { tag: PCM, bytes: 2, silence: 0 }),
                24 => Some(Self { tag: PCM, bytes: 3, silence: 0 }),
                _ => None,
            },
            _ => None,
        }
    }
}

/// How the file has begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Begun {
    samples: Samples,
    rate: u32,
    channels: u16,
}

/// Writes sound that is not compressed, or G.711. The frames have to be in [`Form::Parts`](rtspan_core::frame::Form::Parts).
///
/// Silence fills gaps, so that the time of each sample holds.
#[derive(Debug)]
pub struct WavWriter<W> {
    out: W,
    begun: Option<Begun>,
    /// The time of the first sample.
    origin: i64,
    bytes: u64,
    frames: u64,
}

impl<W: Write + Seek> WavWriter<W> {
    /// An empty file.
    pub fn new(out: W) -> Self {
        Self { out, begun: None, origin: 0, bytes: 0, frames: 0 }
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// The output fails, or the sound goes on with other parameters.
    pub fn write(&mut self, frame: &Frame) -> Result<(), RecordError> {
        if let Some(parameters) = &frame.new_parameters {
            self.learn(frame, parameters)?;
        }
        let Some(begun) = self.begun else { return Ok(()) };
        self.fill_gap(begun, frame.time.pts)?;
        for part in &frame.data {
            self.write_samples(begun.samples, part)?;
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
        if self.begun.is_some() {
            let data = u32::try_from(self.bytes).unwrap_or(u32::MAX);
            // A chunk of an odd length is followed by a byte more.
            if self.bytes % 2 == 1 {
                self.out.write_all(&[0])?;
            }
            let riff = data.saturating_add(HEADER_BYTES - 8).saturating_add(data % 2);
            for (at, size) in [(RIFF_SIZE_AT, riff), (DATA_SIZE_AT, data)] {
                match self.out.seek(SeekFrom::Start(at)) {
                    // A reader of a pipe takes what comes.
                    Err(error) if error.kind() == ErrorKind::NotSeekable => break,
                    sought => sought?,
                };
                self.out.write_all(&size.to_le_bytes())?;
            }
        }
        self.out.flush()?;
        Ok(self.frames)
    }

    fn learn(&mut self, frame: &Frame, parameters: &Parameters) -> Result<(), RecordError> {
        let Some(samples) = Samples::of(&parameters.format) else { return Ok(()) };
        let channels = parameters.format.channels().unwrap_or(1);
        let known = Begun { samples, rate: parameters.format.clock_rate(), channels };
        match self.begun {
            Some(begun) if begun == known => Ok(()),
            Some(_) => Err(RecordError::ParametersChanged(frame.media)),
            None => {
                (self.begun, self.origin) = (Some(known), frame.time.pts);
                self.write_header(known)
            }
        }
    }

    fn write_header(&mut self, begun: Begun) -> Result<(), RecordError> {
        let Begun { samples, rate, channels } = begun;
        let frame_bytes = u16::from(samples.bytes).saturating_mul(channels);
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        // The sizes are known in the end; until then there is as much as a reader finds.
        header.extend_from_slice(b"RIFF\xff\xff\xff\xffWAVEfmt ");
        header.extend_from_slice(&18_u32.to_le_bytes());
        header.extend_from_slice(&samples.tag.to_le_bytes());
        header.extend_from_slice(&channels.to_le_bytes());
        header.extend_from_slice(&rate.to_le_bytes());
        header.extend_from_slice(&rate.saturating_mul(frame_bytes.into()).to_le_bytes());
        header.extend_from_slice(&frame_bytes.to_le_bytes());
        header.extend_from_slice(&(u16::from(samples.bytes) * 8).to_le_bytes());
        header.extend_from_slice(b"\0\0data\xff\xff\xff\xff");
        Ok(self.out.write_all(&header)?)
    }

    fn fill_gap(&mut self, begun: Begun, pts: i64) -> Result<(), RecordError> {
        let frame_bytes = u64::from(begun.samples.bytes) * u64::from(begun.channels.max(1));
        let there = (self.bytes / frame_bytes) as i128 * 1_000_000_000 / i128::from(begun.rate.max(1));
        let gap = i64::try_from(i128::from(pts - self.origin) - there).unwrap_or_default();
        if !(GAP_MIN..=GAP_MAX).contains(&gap) {
            return Ok(());
        }
        let samples = i128::from(gap) * i128::from(begun.rate) / 1_000_000_000;
        let bytes = u64::try_from(samples).unwrap_or_default() * frame_bytes;
        let mut left = bytes;
        let silence = [begun.samples.silence; 4096];
        while left > 0 {
            let piece = left.min(silence.len() as u64) as usize;
            self.out.write_all(&silence[..piece])?;
            left -= piece as u64;
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Samples come in network byte order, and are kept in the other.
    fn write_samples(&mut self, samples: Samples, part: &[u8]) -> Result<(), RecordError> {
        self.bytes += part.len() as u64;
        if samples.bytes == 1 {
            return Ok(self.out.write_all(part)?);
        }
        let mut turned = part.to_vec();
        turned.chunks_mut(samples.bytes.into()).for_each(<[u8]>::reverse);
        Ok(self.out.write_all(&turned)?)
    }
}
