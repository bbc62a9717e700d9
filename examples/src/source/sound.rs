//! Files of AAC (ADTS) and of MPEG audio.

use std::io::Read as _;

use rtspan_core::MediaKind;
use rtspan_core::frame::Frame;

use super::framed::{Framing, Header, Splitter};
use super::input::Input;
use super::{Demuxer, FRAME_BYTES_MAX, NANOS, Opened, SourceError, frame, media};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 16 << 10;
/// The header of a tag in front of MP3.
const ID3_BYTES: u64 = 10;
/// The beginning of the frame that tells the length of the file, and holds no sound.
const ABOUT_FILE: [&[u8]; 2] = [b"Xing", b"Info"];

/// Frames of sound one behind the other, whose times are counted.
#[derive(Debug)]
struct Sound {
    input: Input,
    splitter: Splitter,
    /// Where the first frame begins.
    start: u64,
    samples: i64,
    /// A frame that was read and is next.
    ready: Option<Frame>,
}

pub(super) fn open(mut input: Input, framing: Framing) -> Result<Opened, SourceError> {
    let mut head = [0; ID3_BYTES as usize];
    let has_tag = input.read_exact(&mut head).is_ok() && head.starts_with(b"ID3");
    // Seven bits in each byte.
    let tag = head[6..].iter().fold(0_u64, |size, byte| size << 7 | u64::from(byte & 0x7f));
    let start = if has_tag { ID3_BYTES + tag } else { 0 };
    input.go_to(start)?;
    let mut sound = Sound { input, splitter: Splitter::new(framing), start, samples: 0, ready: None };
    let mut format = None;
    sound.next_with(|bytes| format = framing.format(0, bytes))?;
    let format = format.ok_or_else(|| SourceError::Nothing(Vec::new()))?;
    sound.input.begin_at(start)?;
    sound.restart();
    Ok(Opened {
        medias: vec![media(MediaKind::Audio, format)],
        left_out: Vec::new(),
        demuxer: Box::new(sound),
    })
}

impl Sound {
    fn rewind(&mut self) -> Result<(), SourceError> {
        self.input.go_to(self.start)?;
        self.restart();
        Ok(())
    }

    fn restart(&mut self) {
        self.splitter.clear();
        (self.samples, self.ready) = (0, None);
    }

    /// The next frame; its bytes with the header are shown to `look`.
    fn next_with(&mut self, mut look: impl FnMut(&[u8])) -> Result<Option<Frame>, SourceError> {
        loop {
            let is_first = self.samples == 0;
            let is_mpeg = self.splitter.framing == Framing::MpegAudio;
            if let Some((header, bytes)) = self.splitter.next() {
                let is_about_file = |name: &&[u8]| bytes.windows(4).take(64).any(|window| window == *name);
                if is_first && is_mpeg && ABOUT_FILE.iter().any(is_about_file) {
                    continue;
                }
                look(bytes);
                let data = header.sent(bytes).to_vec();
                let at = self.time(header);
                self.samples += i64::from(header.samples);
                return Ok(Some(frame(0, (at, at), true, data.into())));
            }
            let mut chunk = [0; CHUNK_BYTES];
            let count = self.input.read(&mut chunk)?;
            if count == 0 || self.splitter.waiting() > FRAME_BYTES_MAX {
                return Ok(None);
            }
            self.splitter.push(&chunk[..count]);
        }
    }

    fn time(&self, header: Header) -> i64 {
        let nanos = i128::from(self.samples) * NANOS / i128::from(header.rate.max(1));
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }
}

impl Demuxer for Sound {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        match self.ready.take() {
            Some(frame) => Ok(Some(frame)),
            None => self.next_with(|_| {}),
        }
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        self.rewind()?;
        while let Some(frame) = self.next_with(|_| {})? {
            if frame.time.pts >= to {
                self.ready = Some(frame);
                break;
            }
        }
        Ok(())
    }
}
