use crate::payload::bits::BitReader;

/// The contents of an AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AudioConfig {
    /// The audio object type that is announced: 2 for AAC-LC, 5 for HE-AAC, 29 for HE-AAC v2.
    pub object_type: u8,
    /// That of the core, which SBR and PS extend.
    pub base_object_type: u8,
    /// Samples a second of the core.
    pub core_sample_rate: u32,
    /// Samples a second that come out of the decoder.
    pub sample_rate: u32,
    /// The layout of the channels of the core; zero if a program config element has it.
    pub layout: u8,
    /// Channels that come out of the decoder; zero if only the packets say.
    pub channels: u8,
    /// Samples of a channel of the core in a unit: 1024 or 960, 512 or 480 with low delay.
    pub frame_length: u16,
}

const SBR: u8 = 5;
const PS: u8 = 29;
const ER_BSAC: u8 = 22;
const ER_AAC_LD: u8 = 23;
const ER_AAC_ELD: u8 = 39;

/// SBR follows, or PS does.
const SBR_FOLLOWS: u32 = 0x2b7;
const PS_FOLLOWS: u32 = 0x548;

/// Sample rates by their index.
pub(super) const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

impl AudioConfig {
    /// Reads a configuration; `None` if it names no sample rate and no channel layout.
    ///
    /// The part behind those may be cut off, as it is by some devices.
    pub fn read(config: &[u8]) -> Option<Self> {
        let mut bits = BitReader::new(config.iter().copied());
        let mut read = Self::read_head(&mut bits)?;
        if read.read_rest(&mut bits, 0).is_some() {
            // Without it, nothing follows that a decoder would need.
            read.read_extension(&mut bits);
        }
        Some(read)
    }

    /// Reads a configuration that other things follow, as far as it goes; `None` also if its end is not known.
    pub(crate) fn read_within(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<Self> {
        let start = bits.position();
        let mut read = Self::read_head(bits)?;
        read.read_rest(bits, start)?;
        // How errors are protected against; beyond the first two ways, more follows.
        let is_resilient = matches!(read.base_object_type, 17 | 19..=23);
        if is_resilient && bits.bits(2)? > 1 {
            return None;
        }
        Some(read)
    }

    /// The index of the sample rate of the core, if it has one.
    pub(crate) fn rate_index(&self) -> Option<u8> {
        let index = SAMPLE_RATES.iter().position(|rate| *rate == self.core_sample_rate)?;
        u8::try_from(index).ok()
    }

    /// Units of a clock that a unit of sound lasts.
    pub(crate) fn unit_duration(&self, clock_rate: u32) -> u32 {
        let units = u64::from(self.frame_length).saturating_mul(clock_rate.into());
        units.checked_div(self.core_sample_rate.into()).unwrap_or(0) as u32
    }

    fn read_head(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<Self> {
        let object_type = read_object_type(bits)?;
        let core_sample_rate = read_sample_rate(bits)?;
        let layout = bits.bits(4)? as u8;
        let channels = match layout {
            0..=6 => layout,
            7 | 12 | 14 => 8,
            11 => 7,
            13 => 24,
            _ => return None,
        };
        let mut head = Self {
            object_type,
            base_object_type: object_type,
            core_sample_rate,
            sample_rate: core_sample_rate,
            layout,
            channels,
            frame_length: 1024,
        };
        if matches!(object_type, SBR | PS) {
            head.sample_rate = read_sample_rate(bits)?;
            head.base_object_type = read_object_type(bits)?;
            if head.base_object_type == ER_BSAC {
                bits.skip(4)?;
            }
        }
        if object_type == PS {
            head.channels = 2;
        }
        Some(head)
    }

    /// Reads what belongs to the object type, where it is read; `None` otherwise. The configuration began at bit `start`.
    fn read_rest(&mut self, bits: &mut BitReader<impl Iterator<Item = u8>>, start: usize) -> Option<()> {
        match self.base_object_type {
            1..=4 | 6 | 7 | 17 | 19..=23 => self.read_general_audio(bits, start),
            ER_AAC_ELD => {
                self.frame_length = if bits.bit()? { 480 } else { 512 };
                None
            }
            _ => None,
        }
    }

    /// Reads the GASpecificConfig (section 4.4.1).
    fn read_general_audio(
        &mut self,
        bits: &mut BitReader<impl Iterator<Item = u8>>,
        start: usize,
    ) -> Option<()> {
        let is_short = bits.bit()?;
        self.frame_length = match (self.base_object_type, is_short) {
            (ER_AAC_LD, false) => 512,
            (ER_AAC_LD, true) => 480,
            (_, false) => 1024,
            (_, true) => 960,
        };
        if bits.bit()? {
            bits.skip(14)?;
        }
        let is_extended = bits.bit()?;
        if self.layout == 0 {
            self.channels = read_program(bits, start)?;
        }
        if matches!(self.base_object_type, 6 | 20) {
            bits.skip(3)?;
        }
        if is_extended {
            match self.base_object_type {
                ER_BSAC => bits.skip(16)?,
                17 | 19 | 20 | ER_AAC_LD => bits.skip(3)?,
                _ => {}
            }
            bits.skip(1)?;
        }
        Some(())
    }

    /// Reads SBR and PS where they are announced behind everything else, so that old decoders pass over them.
    fn read_extension(&mut self, bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<()> {
        let is_plain = self.object_type == self.base_object_type;
        if !is_plain || bits.bits(11)? != SBR_FOLLOWS || read_object_type(bits)? != SBR || !bits.bit()? {
            return None;
        }
        self.sample_rate = read_sample_rate(bits)?;
        if bits.bits(11)? == PS_FOLLOWS && bits.bit()? {
            self.channels = 2;
        }
        Some(())
    }
}

/// Passes over SBR and PS that are announced behind a configuration; `None` if they are not.
pub(crate) fn skip_extension(bits: &mut BitReader<impl Iterator<Item = u8> + Clone>) -> Option<()> {
    if bits.bits(11)? != SBR_FOLLOWS || read_object_type(bits)? != SBR {
        return None;
    }
    if bits.bit()? {
        read_sample_rate(bits)?;
        let mut behind = bits.clone();
        if behind.bits(11) == Some(PS_FOLLOWS) && behind.bit().is_some() {
            *bits = behind;
        }
    }
    Some(())
}

/// Reads a program_config_element (section 4.4.1.1); its channels.
fn read_program(bits: &mut BitReader<impl Iterator<Item = u8>>, start: usize) -> Option<u8> {
    bits.skip(10)?;
    let [front, side, back] = [bits.bits(4)?, bits.bits(4)?, bits.bits(4)?];
    let (low, data, coupling) = (bits.bits(2)?, bits.bits(3)?, bits.bits(4)?);
    // Mixes to mono, to stereo, and by a matrix.
    for mix_bits in [4, 4, 3] {
        if bits.bit()? {
            bits.skip(mix_bits)?;
        }
    }
    let mut channels = low;
    for _ in 0..front.saturating_add(side).saturating_add(back) {
        let is_pair = bits.bit()?;
        channels = channels.saturating_add(if is_pair { 2 } else { 1 });
        bits.skip(4)?;
    }
    bits.skip(low.saturating_add(data).saturating_mul(4))?;
    bits.skip(coupling.saturating_mul(5))?;
    let passed = bits.position().saturating_sub(start);
    bits.skip((8_usize.saturating_sub(passed % 8) % 8) as u32)?;
    let comment = bits.bits(8)?;
    bits.skip(comment.saturating_mul(8))?;
    u8::try_from(channels).ok()
}

fn read_object_type(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<u8> {
    match bits.bits(5)? as u8 {
        31 => Some((bits.bits(6)? as u8).saturating_add(32)),
        object => Some(object),
    }
}

fn read_sample_rate(bits: &mut BitReader<impl Iterator<Item = u8>>) -> Option<u32> {
    match bits.bits(4)? {
        15 => bits.bits(24).filter(|rate| *rate > 0),
        index => SAMPLE_RATES.get(index as usize).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(config: &[u8]) -> AudioConfig {
        AudioConfig::read(config).unwrap()
    }

    #[test]
    fn the_object_type_tells_how_long_a_unit_lasts() {
        // AAC-LC with units of 1024 and 960 samples.
        let long = read(&[0x11, 0x90]);
        assert_eq!((long.object_type, long.frame_length, long.unit_duration(48_000)), (2, 1024, 1024));
        let short = read(&[0x11, 0x94]);
        assert_eq!((short.frame_length, short.unit_duration(90_000)), (960, 1800));
        // HE-AAC: a core of 24 kHz, and a clock of 48 kHz.
        let high = read(&[0x2b, 0x11, 0x88, 0x00]);
        assert_eq!((high.object_type, high.base_object_type, high.core_sample_rate), (5, 2, 24_000));
        assert_eq!(
            (high.sample_rate, high.unit_duration(48_000), high.rate_index()),
            (48_000, 2048, Some(6))
        );
        // ER AAC-LD, object type 23, 48 kHz, stereo; AAC-ELD, object type 39, escaped.
        assert_eq!(read(&[0xb9, 0x90]).frame_length, 512);
        assert_eq!(read(&[0xb9, 0x94]).frame_length, 480);
        assert_eq!(read(&[0xf8, 0xe6, 0x40]).frame_length, 512);
        assert_eq!(read(&[0xf8, 0xe6, 0x50]).frame_length, 480);
    }

    #[test]
    fn sbr_and_ps_may_be_announced_at_the_end() {
        // From an encoder: AAC-LC, 22,050 Hz, mono, SBR to 44,100 Hz.
        let sbr = read(&[0x13, 0x88, 0x56, 0xe5, 0xa0]);
        assert_eq!(
            (sbr.object_type, sbr.core_sample_rate, sbr.sample_rate, sbr.channels),
            (2, 22_050, 44_100, 1)
        );
        let ps = read(&[0x13, 0x88, 0x56, 0xe5, 0xa5, 0x48, 0x80]);
        assert_eq!((ps.sample_rate, ps.channels), (44_100, 2));
        assert_eq!(read(&[0x13, 0x88, 0x56, 0xe5, 0x20]).sample_rate, 22_050, "it says that there is none");
    }

    #[test]
    fn a_program_config_element_has_the_channels() {
        // One pair and one single in front, a pair behind, one for low frequencies: 5.1, with a comment of two bytes.
        let mut writer = crate::payload::bits::BitWriter::default();
        for (number, count) in [
            (2, 5),
            (3, 4),
            (0, 4),
            (0, 3),
            (0, 4),
            (1, 2),
            (3, 4),
            (2, 4),
            (0, 4),
            (1, 4),
            (1, 2),
            (0, 3),
            (0, 4),
            (0, 3),
            (1, 1),
            (0, 4),
            (0, 1),
            (0, 4),
            (1, 1),
            (1, 4),
            (0, 4),
        ] {
            writer.put(number, count);
        }
        let mut config = writer.bytes().to_vec();
        config.extend([2, b'o', b'k']);
        assert_eq!(read(&config).channels, 6, "{config:02x?}");
        for cut in 2..config.len() {
            assert_eq!(read(&config[..cut]).channels, 0, "cut after {cut} bytes");
        }
    }
}
