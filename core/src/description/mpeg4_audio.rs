use std::fmt::Write as _;

use bytes::Bytes;

use super::Format;
use super::audio_config::{AudioConfig, SAMPLE_RATES};
use super::video::readable;
use crate::Tolerances;
use crate::tolerance::Tolerance;

/// The parameters of an MPEG-4 audio track (RFC 3640).
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
    /// Bits of the composition time in an AU header, zero without it.
    pub cts_delta_length: u8,
    /// Bits of the decoding time in an AU header, zero without it.
    pub dts_delta_length: u8,
    /// A flag in each AU header says whether decoding can begin there.
    pub random_access_indication: bool,
    /// Bits of the state of the stream in an AU header.
    pub stream_state_length: u8,
    /// Bits of the size of the auxiliary section, zero without it.
    pub auxiliary_size_length: u8,
    /// Units of the clock between units that were next to each other before they were interleaved; zero if they are not.
    pub max_displacement: u32,
}

/// Bytes that are no AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "these bytes are no AudioSpecificConfig; give those that the encoder, or the file, has for the decoder"
)]
pub struct BadAudioConfig;

impl Mpeg4Audio {
    /// `None` if it is not audio, or not in the way of AU headers.
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Option<Self> {
        const VISUAL: &str = "4";
        if format.parameter("streamtype") == Some(VISUAL) {
            return None;
        }
        let (size_length, index_length, index_delta_length) = au_header(format, tolerances)?;
        let mut number = |name: &str, most: u32| {
            let read = |text: &str| text.parse().ok().filter(|number: &u32| *number <= most);
            readable(format.parameter(name), tolerances, read).unwrap_or(0)
        };
        let cts_delta_length = number("ctsdeltalength", 32) as u8;
        let dts_delta_length = number("dtsdeltalength", 32) as u8;
        let random_access_indication = number("randomaccessindication", 1) == 1;
        let stream_state_length = number("streamstateindication", 32) as u8;
        let auxiliary_size_length = number("auxiliarydatasizelength", 32) as u8;
        let max_displacement = number("maxdisplacement", u32::MAX);
        let config = readable(format.parameter("config"), tolerances, |text| {
            let config = from_hex(text)?;
            AudioConfig::read(&config).is_some().then_some(config)
        });
        let config = match config {
            Some(config) => config,
            None => {
                tolerances.record(Tolerance::Mpeg4AudioAssumed);
                aac_lc(format.clock_rate, format.channels.unwrap_or(1))?
            }
        };
        let AudioConfig { sample_rate, channels, .. } = AudioConfig::read(&config)?;
        Some(Self {
            config: config.into(),
            sample_rate,
            channels,
            size_length,
            index_length,
            index_delta_length,
            cts_delta_length,
            dts_delta_length,
            random_access_indication,
            stream_state_length,
            auxiliary_size_length,
            max_displacement,
        })
    }

    /// The contents of its configuration.
    pub fn audio_config(&self) -> Option<AudioConfig> {
        AudioConfig::read(&self.config)
    }

    /// Units of a clock that a unit of sound lasts.
    pub(crate) fn unit_duration(&self, clock_rate: u32) -> u32 {
        self.audio_config().map_or(0, |config| config.unit_duration(clock_rate))
    }
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

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}
