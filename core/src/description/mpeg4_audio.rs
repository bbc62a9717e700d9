use std::fmt::Write as _;

use bytes::Bytes;

use super::Format;
use super::video::readable;
use crate::Tolerances;
use crate::tolerance::Tolerance;

/// What is known about an MPEG-4 audio track (RFC 3640).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mpeg4Audio {
    /// The AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1).
    pub config: Bytes,
    /// Samples per second that come out of the decoder.
    pub sample_rate: u32,
    /// Channels that come out of the decoder; zero if only the packets say.
    pub channels: u8,
    /// Bits of the size in an AU header, 1 to 32.
    pub size_length: u8,
    /// Bits of the index in the first AU header of a packet, up to 32.
    pub index_length: u8,
    /// Bits of the index in all further AU headers, up to 32.
    pub index_delta_length: u8,
}

/// Bytes that are no AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an AudioSpecificConfig")]
pub struct BadAudioConfig;

impl Mpeg4Audio {
    /// `None` if it is not audio, or not in the way of AU headers.
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Option<Self> {
        const VISUAL: &str = "4";
        if format.parameter("streamtype") == Some(VISUAL) {
            return None;
        }
        let (size_length, index_length, index_delta_length) = au_header(format, tolerances)?;
        let config = readable(format.parameter("config"), tolerances, |text| {
            let config = from_hex(text)?;
            rate_and_channels(&config).is_some().then_some(config)
        });
        let config = match config {
            Some(config) => config,
            None => {
                tolerances.record(Tolerance::Mpeg4AudioAssumed);
                aac_lc(format.clock_rate, format.channels.unwrap_or(1))?
            }
        };
        let (sample_rate, channels) = rate_and_channels(&config)?;
        let config = config.into();
        Some(Self { config, sample_rate, channels, size_length, index_length, index_delta_length })
    }
}

/// Reads the output sample rate and channels out of an AudioSpecificConfig.
pub(super) fn rate_and_channels(config: &[u8]) -> Option<(u32, u8)> {
    const SBR: u32 = 5;
    const PS: u32 = 29;
    let mut bits = Bits { bytes: config, position: 0 };
    let object = bits.object_type()?;
    let mut rate = bits.sample_rate()?;
    let mut channels = match bits.read(4)? {
        layout @ 0..=6 => u8::try_from(layout).ok()?,
        7 | 12 | 14 => 8,
        11 => 7,
        13 => 24,
        _ => return None,
    };
    if object == SBR || object == PS {
        rate = bits.sample_rate()?;
        bits.object_type()?;
    }
    if object == PS {
        channels = 2;
    }
    Some((rate, channels))
}

pub(super) fn fmtp(config: &[u8]) -> String {
    let mut text = "streamtype=5; profile-level-id=1; mode=AAC-hbr; config=".to_owned();
    for byte in config {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str("; sizelength=13; indexlength=3; indexdeltalength=3");
    text
}

/// The lengths of size, index and index delta.
fn au_header(format: &Format, tolerances: &mut Tolerances) -> Option<(u8, u8, u8)> {
    let mut bits = |name: &str| {
        readable(format.parameter(name), tolerances, |text| text.parse().ok().filter(|bits: &u8| *bits <= 32))
    };
    if let Some(size @ 1..) = bits("sizelength") {
        return Some((size, bits("indexlength").unwrap_or(0), bits("indexdeltalength").unwrap_or(0)));
    }
    tolerances.record(Tolerance::Mpeg4AudioAssumed);
    match format.parameter("mode").unwrap_or("AAC-hbr").to_ascii_lowercase().as_str() {
        "aac-hbr" | "aac_hbr" => Some((13, 3, 3)),
        "aac-lbr" | "aac_lbr" => Some((6, 2, 2)),
        _ => None,
    }
}

const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The AudioSpecificConfig of AAC-LC.
fn aac_lc(rate: u32, channels: u16) -> Option<Vec<u8>> {
    let layout = match channels {
        1..=6 => u64::from(channels),
        8 => 7,
        _ => return None,
    };
    // Object type 2 in 5 bits, the rate in 4 or in 4 and 24, the layout in 4, and 3 bits of zero.
    match SAMPLE_RATES.iter().zip(0u64..).find(|(known, _)| **known == rate) {
        Some((_, index)) => tail::<2>(2 << 11 | index << 7 | layout << 3),
        None if rate < 1 << 24 => tail::<5>(2 << 35 | 15 << 31 | u64::from(rate) << 7 | layout << 3),
        None => None,
    }
}

fn tail<const N: usize>(bits: u64) -> Option<Vec<u8>> {
    bits.to_be_bytes().last_chunk::<N>().map(|bytes| bytes.to_vec())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = self.bytes.get(self.position / 8)?;
            let bit = byte.wrapping_shl((self.position & 7) as u32) >> 7;
            self.position = self.position.saturating_add(1);
            Some(value << 1 | u32::from(bit))
        })
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.read(5)? {
            31 => Some(self.read(6)?.saturating_add(32)),
            object => Some(object),
        }
    }

    fn sample_rate(&mut self) -> Option<u32> {
        match self.read(4)? {
            15 => self.read(24).filter(|rate| *rate > 0),
            index => SAMPLE_RATES.get(index as usize).copied(),
        }
    }
}
