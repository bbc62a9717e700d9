//! Raw files, which tell no times: NAL units behind start codes (annex B), and pictures of JPEG.

use std::io::Read as _;
use std::ops::Range;

use bytes::{Buf as _, Bytes, BytesMut};
use rtspan_core::frame::Frame;
use rtspan_core::payload::Parts;
use rtspan_core::{Format, MediaKind};

use super::input::Input;
use super::nal::Syntax;
use super::{Demuxer, FRAME_BYTES_MAX, Opened, SourceError, frame, media, payload_type};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// Pictures in which the parameter sets are looked for.
const PICTURES_LOOKED_AT: usize = 250;
/// The second byte of markers of JPEG (ITU-T T.81, table B.1).
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// Pictures one behind the other, whose times are counted.
#[derive(Debug)]
struct Pictures {
    input: Input,
    /// NAL units; `None` stands for JPEG.
    syntax: Option<Syntax>,
    rate: f64,
    /// The place in the file of the next byte that is looked at.
    at: u64,
    bytes: BytesMut,
    is_over: bool,
    /// The number of the next picture.
    number: u32,
}

pub(super) fn open(input: Input, syntax: Option<Syntax>, rate: f64) -> Result<Opened, SourceError> {
    let mut pictures =
        Pictures { input, syntax, rate, at: 0, bytes: BytesMut::new(), is_over: false, number: 0 };
    let format = pictures.format()?.ok_or_else(|| SourceError::Nothing(Vec::new()))?;
    pictures.input.begin_at(0)?;
    pictures.restart_at(0, 0);
    Ok(Opened {
        medias: vec![media(MediaKind::Video, format)],
        left_out: Vec::new(),
        demuxer: Box::new(pictures),
    })
}

/// The format of pictures with these parameter sets, as far as they are known.
pub(super) fn format_of(syntax: Syntax, media: usize, sets: &[Bytes]) -> Format {
    let of = |kind| sets.iter().find(|set| syntax.kind(set) == kind);
    let payload_type = payload_type(media);
    match syntax {
        Syntax::H264 => match (of(7), of(8)) {
            (Some(sps), Some(pps)) => Format::h264(payload_type, sps, pps),
            _ => Format::new(payload_type, "H264", 90_000).with_fmtp("packetization-mode=1"),
        },
        Syntax::H265 => match (of(32), of(33), of(34)) {
            (Some(vps), Some(sps), Some(pps)) => Format::h265(payload_type, vps, sps, pps),
            _ => Format::new(payload_type, "H265", 90_000),
        },
    }
}

impl Pictures {
    fn go_to(&mut self, at: u64, number: u32) -> Result<(), SourceError> {
        self.input.go_to(at)?;
        self.restart_at(at, number);
        Ok(())
    }

    fn restart_at(&mut self, at: u64, number: u32) {
        (self.at, self.number, self.is_over) = (at, number, false);
        self.bytes.clear();
    }

    /// The format, once a picture and all that a decoder has to know has come; without that, once many pictures have.
    fn format(&mut self) -> Result<Option<Format>, SourceError> {
        let Some(syntax) = self.syntax else { return Ok(self.picture()?.map(|_| Format::jpeg())) };
        let mut sets: Vec<Bytes> = Vec::new();
        let mut format = None;
        for _ in 0..PICTURES_LOOKED_AT {
            let Some(picture) = self.picture()? else { break };
            let is_set = |nal: &&Bytes| syntax.is_set(nal);
            sets.extend(picture.iter().filter(is_set).map(|nal| Bytes::copy_from_slice(nal)));
            let has_picture = picture.slices().any(|nal| syntax.is_slice(nal));
            if has_picture {
                let known = format_of(syntax, 0, &sets);
                let is_whole = known.fmtp().is_some_and(|fmtp| fmtp.contains("sprop-"));
                format = Some(known);
                if is_whole {
                    break;
                }
            }
        }
        Ok(format)
    }

    /// The next picture.
    fn picture(&mut self) -> Result<Option<Parts>, SourceError> {
        let Some(syntax) = self.syntax else { return Ok(self.image()?.map(Parts::from)) };
        let mut nals = Vec::new();
        let mut has_slice = false;
        while let Some((nal, consumed)) = self.peek_nal()? {
            if has_slice && syntax.begins_picture(&nal) {
                break;
            }
            has_slice |= syntax.is_slice(&nal);
            self.pass(consumed);
            nals.push(nal);
        }
        Ok((!nals.is_empty()).then(|| nals.into_iter().collect()))
    }

    fn pass(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
        self.at += bytes as u64;
    }

    /// Reads more; `false` at the end of the file.
    fn fill(&mut self) -> Result<bool, SourceError> {
        if self.is_over || self.bytes.len() > FRAME_BYTES_MAX {
            return Ok(false);
        }
        let length = self.bytes.len();
        self.bytes.resize(length + CHUNK_BYTES, 0);
        let count = self.input.read(&mut self.bytes[length..])?;
        self.bytes.truncate(length + count);
        self.is_over = count == 0;
        Ok(!self.is_over)
    }

    /// The next NAL unit, and the bytes up to its end; it is not passed.
    fn peek_nal(&mut self) -> Result<Option<(Bytes, usize)>, SourceError> {
        let mut looked_at = 0;
        let start = loop {
            match find_start_code(&self.bytes, looked_at) {
                Some(at) => break at + 3,
                None => looked_at = self.bytes.len().saturating_sub(2),
            }
            if !self.fill()? {
                return Ok(None);
            }
        };
        let mut looked_at = start;
        let end = loop {
            match find_start_code(&self.bytes, looked_at) {
                Some(at) => break at,
                None => looked_at = self.bytes.len().saturating_sub(2).max(start),
            }
            if !self.fill()? {
                break self.bytes.len();
            }
        };
        let nal = self.bytes[start..end].iter().rposition(|byte| *byte != 0);
        let Some(last) = nal else {
            self.pass(end);
            return self.peek_nal();
        };
        Ok(Some((Bytes::copy_from_slice(&self.bytes[start..=start + last]), end)))
    }

    /// The next picture of JPEG.
    fn image(&mut self) -> Result<Option<Bytes>, SourceError> {
        loop {
            if let Some(range) = image_in(&self.bytes) {
                let image = Bytes::copy_from_slice(&self.bytes[range.clone()]);
                self.pass(range.end);
                return Ok(Some(image));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn time(&self, number: u32) -> i64 {
        (f64::from(number) * 1e9 / self.rate).round() as i64
    }
}

impl Demuxer for Pictures {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        let Some(picture) = self.picture()? else { return Ok(None) };
        let time = self.time(self.number);
        self.number += 1;
        let is_keyframe =
            self.syntax.is_none_or(|syntax| picture.slices().any(|nal| syntax.is_keyframe(nal)));
        Ok(Some(frame(0, (time, time), is_keyframe, picture)))
    }

    /// Nothing tells where keyframes are: they are looked for from the beginning on.
    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        self.go_to(0, 0)?;
        let mut start = (0, 0);
        loop {
            let place = (self.at, self.number);
            match self.next()? {
                Some(frame) if frame.time.pts <= to => {
                    if frame.is_keyframe {
                        start = place;
                    }
                }
                _ => break,
            }
        }
        self.go_to(start.0, start.1)
    }
}

fn find_start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(3).position(|window| window == [0, 0, 1]).map(|at| from + at)
}

/// The first image that is whole: behind segments with their lengths there are scans, up to the marker of its end.
fn image_in(bytes: &[u8]) -> Option<Range<usize>> {
    let marker = |from: usize, kind: u8| {
        let rest = bytes.get(from..)?;
        rest.windows(2).position(|window| window == [0xff, kind]).map(|at| from + at)
    };
    let start = marker(0, START)?;
    let mut at = start + 2;
    while let &[0xff, kind, high, low] = bytes.get(at..at + 4)? {
        if kind == SCAN || kind == END {
            break;
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    Some(start..marker(at, END)? + 2)
}
