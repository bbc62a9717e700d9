//! WAV (RIFF).

use std::io::{ErrorKind, Read as _};

use rtspan_core::MediaKind;
use rtspan_core::description::G711Law;
use rtspan_core::frame::Frame;

use super::entry::Entry;
use super::input::Input;
use super::{Demuxer, NANOS, Opened, SourceError, frame, media, payload_type};

/// The tags of formats (RFC 2361).
const PCM: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// The tag stands behind the other fields.
const EXTENSIBLE: u16 = 0xfffe;
const EXTENSIBLE_TAG_AT: usize = 24;
const FMT_BYTES_MAX: usize = 64;
/// Frames of a second: 20 ms each.
const FRAMES_PER_SECOND: u32 = 50;

#[derive(Debug)]
struct Wav {
    input: Input,
    entry: Entry,
    /// Where the samples begin, and how many bytes there are of them.
    start: u64,
    bytes: u64,
    /// Bytes of a sample of all channels, and of a frame.
    sample_bytes: u64,
    frame_bytes: u64,
    rate: u32,
    at: u64,
}

pub(super) fn open(mut input: Input) -> Result<Opened, SourceError> {
    let malformed = |reason: &str| SourceError::Malformed { kind: "WAV", reason: reason.to_owned() };
    let mut riff = [0; 12];
    input.read_exact(&mut riff)?;
    if !riff.starts_with(b"RIFF") || !riff.ends_with(b"WAVE") {
        return Err(malformed("it does not begin with RIFF and WAVE"));
    }
    let (mut at, mut fmt) = (riff.len() as u64, Vec::new());
    let bytes = loop {
        let mut header = [0; 8];
        input.read_exact(&mut header).map_err(|_| malformed("it has no samples"))?;
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        at += header.len() as u64;
        match &header[..4] {
            b"data" => break u64::from(size).min(input.len().unwrap_or(u64::MAX).saturating_sub(at)),
            b"fmt " => {
                fmt.resize(FMT_BYTES_MAX.min(size as usize), 0);
                input.read_exact(&mut fmt)?;
            }
            _ => {}
        }
        // A chunk of an odd length is followed by a byte more.
        at += u64::from(size) + u64::from(size % 2);
        input.go_to(at)?;
    };
    let field = |at: usize| fmt.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let (Some(tag), Some(channels), Some(bits)) = (field(0), field(2), field(14)) else {
        return Err(malformed("it does not tell its format"));
    };
    let rate = u32::from(field(4).unwrap_or(0)) | u32::from(field(6).unwrap_or(0)) << 16;
    if channels == 0 || rate == 0 || bits == 0 {
        return Err(malformed("it has no channels, or no samples a second"));
    }
    let tag = if tag == EXTENSIBLE { field(EXTENSIBLE_TAG_AT).unwrap_or(tag) } else { tag };
    let payload_type = payload_type(0);
    let entry = match (tag, bits) {
        (PCM, 8 | 16 | 24) => Entry::pcm(payload_type, bits as u8, (rate, channels), false),
        (MU_LAW, 8) => Entry::g711(payload_type, G711Law::Mu, (rate, channels)),
        (A_LAW, 8) => Entry::g711(payload_type, G711Law::A, (rate, channels)),
        _ => return Err(SourceError::Nothing(vec![format!("sound of format {tag} with {bits} bits")])),
    };
    input.begin_at(at)?;
    let sample_bytes = u64::from(bits / 8) * u64::from(channels);
    let frame_bytes = u64::from(rate / FRAMES_PER_SECOND).max(1) * sample_bytes;
    Ok(Opened {
        medias: vec![media(MediaKind::Audio, entry.format.clone())],
        left_out: Vec::new(),
        demuxer: Box::new(Wav { input, entry, start: at, bytes, sample_bytes, frame_bytes, rate, at: 0 }),
    })
}

impl Demuxer for Wav {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        let bytes = self.frame_bytes.min(self.bytes - self.at);
        // A sample that is cut off is left out.
        let bytes = bytes - bytes % self.sample_bytes;
        if bytes == 0 {
            return Ok(None);
        }
        let mut data = vec![0; bytes as usize];
        match self.input.read_exact(&mut data) {
            // A pipe ends before the length that its writer could not know.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let time = i128::from(self.at / self.sample_bytes) * NANOS / i128::from(self.rate);
        let time = i64::try_from(time).unwrap_or(i64::MAX);
        self.at += bytes;
        Ok(Some(frame(0, (time, time), true, self.entry.parts(data, true))))
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        let samples = i128::from(to.max(0)) * i128::from(self.rate) / NANOS;
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        self.at = samples.saturating_mul(self.sample_bytes).min(self.bytes);
        self.input.go_to(self.start + self.at)
    }
}
