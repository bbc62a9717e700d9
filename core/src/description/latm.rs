use std::fmt::Write as _;

use bytes::Bytes;

use super::Format;
use super::audio_config::{AudioConfig, skip_extension};
use super::mpeg4_audio::{BadAudioConfig, from_hex};
use super::video::readable;
use crate::Tolerances;
use crate::payload::bits::{BitReader, BitWriter};
use crate::tolerance::Tolerance;

/// The parameters of a track of MPEG-4 audio in LATM (RFC 6416).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Latm {
    /// Packets tell the configuration, too (`cpresent=1`, which is the default).
    pub config_in_band: bool,
    /// The configuration that the description tells; `None` if it does not, or tells one that is not read.
    pub config: Option<StreamMuxConfig>,
}

/// A StreamMuxConfig (ISO/IEC 14496-3, section 1.7.3) of one program with one layer, whose units tell their length.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamMuxConfig {
    /// The AudioSpecificConfig in it.
    pub audio_specific_config: Bytes,
    /// Units of sound in an element, 1 to 64.
    pub units: u8,
    /// Bits of other data behind the units of each element.
    pub other_bits: u32,
    bytes: Bytes,
    bits: usize,
}

/// Bits of an AudioSpecificConfig that is read.
const CONFIG_BITS_MAX: u32 = 8 << 10;
/// Bits of other data behind the units of an element.
const OTHER_BITS_MAX: u32 = 64 << 10;

/// Bits behind an AudioSpecificConfig, all zero: units that tell their length, how full a buffer is, nothing more.
const TAIL_BITS: usize = 13;

impl Latm {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let present = readable(format.parameter("cpresent"), tolerances, |text| match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        });
        let config = readable(format.parameter("config"), tolerances, |text| {
            StreamMuxConfig::read_leniently(&from_hex(text)?)
        });
        if config.as_ref().is_some_and(|(_, is_cut)| *is_cut) {
            tolerances.record(Tolerance::LatmConfigCut);
        }
        Self { config_in_band: present.unwrap_or(true), config: config.map(|(config, _)| config) }
    }
}

impl StreamMuxConfig {
    /// The configuration of units with this AudioSpecificConfig, one in each element.
    ///
    /// Extensions that are announced behind the configuration proper, so that old decoders pass over them, are left out.
    ///
    /// # Errors
    ///
    /// It is none, or of an object type whose end is not known.
    pub fn new(audio_specific_config: &[u8]) -> Result<Self, BadAudioConfig> {
        const SAME_FRAMING: u32 = 1;
        const BUFFER_FULLNESS: u32 = 0xff;
        let mut reader = BitReader::new(audio_specific_config.iter().copied());
        AudioConfig::read_within(&mut reader).ok_or(BadAudioConfig)?;
        let mut writer = BitWriter::default();
        // No version, the same framing, one unit, one program, one layer.
        for (number, count) in [(0, 1), (SAME_FRAMING, 1), (0, 6), (0, 4), (0, 3)] {
            writer.put(number, count);
        }
        copy_bits(audio_specific_config, 0, reader.position(), &mut writer);
        // Units that tell their length, no other data, no checksum.
        for (number, count) in [(0, 3), (BUFFER_FULLNESS, 8), (0, 1), (0, 1)] {
            writer.put(number, count);
        }
        Self::read(writer.bytes()).ok_or(BadAudioConfig)
    }

    /// Reads a configuration; `None` if it is cut off, or of several programs, several layers, or units whose length is
    /// told in another way.
    ///
    /// All behind the AudioSpecificConfig may be missing.
    pub fn read(config: &[u8]) -> Option<Self> {
        Some(Self::read_leniently(config)?.0)
    }

    /// Reads a configuration; says if what stands behind the AudioSpecificConfig is missing.
    fn read_leniently(config: &[u8]) -> Option<(Self, bool)> {
        let mut zeros = config.to_vec();
        zeros.extend([0; 4]);
        let read = Self::read_at(&zeros, 0)?;
        let given = config.len().saturating_mul(8);
        let is_cut = read.bits > given;
        (read.bits.saturating_sub(TAIL_BITS) <= given).then_some((read, is_cut))
    }

    /// Reads a configuration that begins at a bit.
    pub(crate) fn read_at(bytes: &[u8], start: usize) -> Option<Self> {
        const TELLS_LENGTH: u32 = 0;
        let mut bits = BitReader::new(bytes.iter().copied());
        bits.skip(u32::try_from(start).ok()?)?;
        let has_lengths = bits.bit()?;
        if has_lengths {
            // The second version has no meaning yet; a number says how full a buffer is.
            if bits.bit()? {
                return None;
            }
            read_number(&mut bits)?;
        }
        let has_same_framing = bits.bit()?;
        let units = (bits.bits(6)? as u8).saturating_add(1);
        let (programs, layers) = (bits.bits(4)?, bits.bits(3)?);
        if !has_same_framing || programs > 0 || layers > 0 {
            return None;
        }
        let length = if has_lengths { Some(read_number(&mut bits)?) } else { None };
        let from = bits.position();
        match length {
            Some(length) => bits.skip(length).filter(|()| length <= CONFIG_BITS_MAX)?,
            None => {
                AudioConfig::read_within(&mut bits)?;
                // It has no place here, but GStreamer and others put it there, and it can be nothing else.
                let mut behind = bits.clone();
                if skip_extension(&mut behind).is_some() {
                    bits = behind;
                }
            }
        }
        let mut config = BitWriter::default();
        copy_bits(bytes, from, bits.position().saturating_sub(from), &mut config);
        AudioConfig::read(config.bytes())?;
        if bits.bits(3)? != TELLS_LENGTH {
            return None;
        }
        bits.skip(8)?;
        let other_bits = match bits.bit()? {
            false => 0,
            true if has_lengths => read_number(&mut bits)?,
            true => read_escaped(&mut bits)?,
        };
        if other_bits > OTHER_BITS_MAX {
            return None;
        }
        if bits.bit()? {
            bits.skip(8)?;
        }
        let read = bits.position().saturating_sub(start);
        let mut whole = BitWriter::default();
        copy_bits(bytes, start, read, &mut whole);
        Some(Self {
            audio_specific_config: Bytes::copy_from_slice(config.bytes()),
            units,
            other_bits,
            bytes: Bytes::copy_from_slice(whole.bytes()),
            bits: read,
        })
    }

    /// The configuration as a description has it; the rest of the last byte is zero.
    pub fn to_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Bits of the configuration.
    pub(crate) fn bits(&self) -> usize {
        self.bits
    }

    /// The contents of its AudioSpecificConfig.
    pub fn audio_config(&self) -> Option<AudioConfig> {
        AudioConfig::read(&self.audio_specific_config)
    }
}

/// LatmGetValue: a number in as many bytes as two bits say.
fn read_number(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<u32> {
    let bytes = bits.bits(2)?.saturating_add(1);
    bits.bits(bytes.saturating_mul(8) as u8)
}

/// The length of other data: bytes, each behind a flag that says if another one follows.
fn read_escaped(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<u32> {
    let mut number = 0_u32;
    loop {
        let is_followed = bits.bit()?;
        number = number.checked_mul(256)?.checked_add(bits.bits(8)?)?;
        if !is_followed {
            return Some(number);
        }
    }
}

/// Writes so many bits from a place on.
fn copy_bits(bytes: &[u8], from: usize, count: usize, writer: &mut BitWriter) {
    let mut bits = BitReader::new(bytes.iter().skip(from / 8).copied());
    let _ = bits.skip((from % 8) as u32);
    for _ in 0..count {
        writer.put(bits.bit().unwrap_or(false).into(), 1);
    }
}

impl Format {
    /// MPEG-4 audio in LATM with its AudioSpecificConfig, which only the description tells (RFC 6416, `cpresent=0`).
    ///
    /// # Errors
    ///
    /// If the configuration does not name a sample rate and a channel layout, or its end is not known.
    pub fn latm(payload_type: u8, audio_specific_config: &[u8]) -> Result<Self, BadAudioConfig> {
        let config = StreamMuxConfig::new(audio_specific_config)?;
        let audio = config.audio_config().ok_or(BadAudioConfig)?;
        let mut fmtp = "profile-level-id=1; cpresent=0; config=".to_owned();
        for byte in config.to_bytes() {
            let _ = write!(fmtp, "{byte:02x}");
        }
        let mut format = Self::new(payload_type, "MP4A-LATM", audio.sample_rate);
        format.channels = (audio.channels > 0).then_some(audio.channels.into());
        Ok(format.with_fmtp(fmtp))
    }
}
