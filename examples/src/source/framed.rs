//! Frames of sound that tell where they end: ADTS, MPEG audio, AC-3.

use rtspan_core::Format;
use rtspan_core::payload::{ac3, mpeg_audio};

use super::payload_type;

/// Bytes that tell all of a header.
const HEADER_BYTES: usize = 7;
/// Samples of a second by their index (ISO/IEC 14496-3, table 1.18).
const AAC_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const AAC_SAMPLES: u32 = 1024;

/// How frames begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    Adts,
    MpegAudio,
    Ac3,
}

/// The values of the header of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    /// Bytes of the frame, and those of them that are not sent.
    bytes: usize,
    left_out: usize,
    pub(super) samples: u32,
    pub(super) rate: u32,
}

impl Framing {
    fn header(self, bytes: &[u8]) -> Option<Header> {
        let header = match self {
            Self::Adts => adts(bytes)?,
            Self::MpegAudio => {
                let header = mpeg_audio::FrameHeader::read(bytes)?;
                let (samples, rate) = (header.samples.into(), header.sample_rate);
                Header { bytes: header.bytes?, left_out: 0, samples, rate }
            }
            Self::Ac3 => {
                let header = ac3::FrameHeader::read(bytes)?;
                let (samples, rate) = (header.samples.into(), header.sample_rate);
                Header { bytes: header.bytes, left_out: 0, samples, rate }
            }
        };
        (header.bytes >= HEADER_BYTES.max(header.left_out)).then_some(header)
    }

    /// The format of the media that begins with this frame, with its header.
    pub(super) fn format(self, media: usize, bytes: &[u8]) -> Option<Format> {
        let payload_type = payload_type(media);
        match self {
            Self::Adts => {
                let &[_, _, second, third, ..] = bytes else { return None };
                let (object_type, rate) = ((second >> 6) + 1, second >> 2 & 0xf);
                let channels = second << 2 & 4 | third >> 6;
                // The AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1).
                let config = [object_type << 3 | rate >> 1, rate << 7 | channels << 3];
                Format::mpeg4_audio(payload_type, &config).ok()
            }
            Self::MpegAudio => mpeg_audio::FrameHeader::read(bytes).map(|_| Format::mpeg_audio()),
            Self::Ac3 => {
                let header = ac3::FrameHeader::read(bytes)?;
                let make = if header.is_enhanced { Format::eac3 } else { Format::ac3 };
                Some(make(payload_type, header.sample_rate, header.channels.into()))
            }
        }
    }
}

/// The header of AAC in ADTS (ISO/IEC 14496-3, section 1.A.2.2.1); `None` if there are several units behind it.
fn adts(bytes: &[u8]) -> Option<Header> {
    let &[0xff, first, second, third, fourth, fifth, sixth, ..] = bytes else { return None };
    if first & 0xf6 != 0xf0 || sixth & 3 != 0 {
        return None;
    }
    let rate = *AAC_RATES.get(usize::from(second >> 2 & 0xf))?;
    let bytes = usize::from(third & 3) << 11 | usize::from(fourth) << 3 | usize::from(fifth >> 5);
    // A checksum follows the header unless it says that there is none.
    let left_out = if first & 1 == 1 { 7 } else { 9 };
    Some(Header { bytes, left_out, samples: AAC_SAMPLES, rate })
}

/// Cuts bytes into frames; what is no frame is passed over.
#[derive(Debug)]
pub(super) struct Splitter {
    pub(super) framing: Framing,
    bytes: Vec<u8>,
    at: usize,
}

impl Splitter {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, bytes: Vec::new(), at: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes that wait for the rest of their frame.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.at = 0;
    }

    /// The next frame that is whole: its header, and its bytes with that.
    pub(super) fn next(&mut self) -> Option<(Header, &[u8])> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            if rest.len() < HEADER_BYTES {
                return None;
            }
            match self.framing.header(rest) {
                Some(header) if header.bytes <= rest.len() => {
                    let from = self.at;
                    self.at += header.bytes;
                    return Some((header, &self.bytes[from..self.at]));
                }
                Some(_) => return None,
                None => self.at += 1,
            }
        }
    }
}

impl Header {
    /// The bytes of a frame that are sent.
    pub(super) fn sent<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.left_out..).unwrap_or_default()
    }
}
