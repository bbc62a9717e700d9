/// The header of a frame (ETSI TS 102 366, sections 4.3 and 4.4, and E.1.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// It is a frame of Enhanced AC-3.
    pub is_enhanced: bool,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels, with that of low frequencies.
    pub channels: u8,
    /// Samples of each channel in the frame.
    pub samples: u16,
    /// Bytes of the whole frame.
    pub bytes: usize,
    /// It adds to the frame before, whose time it has: a dependent or further substream.
    pub is_addition: bool,
}

const SAMPLE_RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Kilobits a second of AC-3.
const BITRATES: [u32; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Channels by the mode of the frame.
pub(super) const CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
const AC3_SAMPLES: u16 = 1536;

impl FrameHeader {
    /// Reads the header that a frame begins with.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let &[0x0b, 0x77, second, third, fourth, fifth, sixth, ..] = frame else { return None };
        match fifth >> 3 {
            0..=10 => Self::read_ac3(fourth, sixth),
            11..=16 => Self::read_enhanced(second, third, fourth),
            _ => None,
        }
    }

    fn read_ac3(sizes: u8, mode: u8) -> Option<Self> {
        let sample_rate = *SAMPLE_RATES.get(usize::from(sizes >> 6))?;
        let bitrate = *BITRATES.get(usize::from(sizes >> 1 & 0x1f))?;
        let bits = bitrate.saturating_mul(1000).saturating_mul(AC3_SAMPLES.into());
        let words = bits.checked_div(sample_rate.saturating_mul(16))?;
        // At 44,100 Hz every second size is a word longer, since the bitrate does not come out even.
        let words = words.saturating_add(u32::from(sizes & 1 == 1 && sample_rate == 44_100));
        // Levels of mixing stand in front of the flag for low frequencies.
        let channel_mode = mode >> 5;
        let mut skipped = 0_u8;
        if channel_mode & 1 == 1 && channel_mode != 1 {
            skipped = skipped.saturating_add(2);
        }
        if channel_mode & 4 == 4 {
            skipped = skipped.saturating_add(2);
        }
        if channel_mode == 2 {
            skipped = skipped.saturating_add(2);
        }
        let has_low = (mode >> 4_u8.saturating_sub(skipped)) & 1;
        let channels = CHANNELS.get(usize::from(channel_mode))?.saturating_add(has_low);
        Some(Self {
            is_enhanced: false,
            sample_rate,
            channels,
            samples: AC3_SAMPLES,
            bytes: (words as usize).saturating_mul(2),
            is_addition: false,
        })
    }

    fn read_enhanced(kind: u8, size: u8, mode: u8) -> Option<Self> {
        const DEPENDENT: u8 = 1;
        let words = usize::from(kind & 7) << 8 | usize::from(size);
        let (sample_rate, blocks) = match (mode >> 6, mode >> 4 & 3) {
            (3, half) => (SAMPLE_RATES.get(usize::from(half))? / 2, 6),
            (rate, blocks) => {
                (*SAMPLE_RATES.get(usize::from(rate))?, *[1, 2, 3, 6].get(usize::from(blocks))?)
            }
        };
        let channels = CHANNELS.get(usize::from(mode >> 1 & 7))?.saturating_add(mode & 1);
        let is_addition = kind >> 6 == DEPENDENT || kind >> 3 & 7 > 0;
        Some(Self {
            is_enhanced: true,
            sample_rate,
            channels,
            samples: 256_u16.saturating_mul(blocks),
            bytes: words.saturating_add(1).saturating_mul(2),
            is_addition,
        })
    }

    /// Units of a clock that a frame lasts.
    pub(super) fn duration(&self, clock_rate: u32) -> u32 {
        let units = u64::from(self.samples).saturating_mul(clock_rate.into());
        units.checked_div(self.sample_rate.into()).unwrap_or(0) as u32
    }
}

/// The bytes of the frame that `frames` begin with, with those that add to it, and the units that it lasts.
pub(super) fn first_unit(frames: &[u8], clock_rate: u32) -> Option<(usize, u32)> {
    let first = FrameHeader::read(frames)?;
    let mut end = first.bytes;
    while let Some(next) = frames.get(end..).and_then(FrameHeader::read).filter(|next| next.is_addition) {
        end = end.saturating_add(next.bytes);
    }
    Some((end, first.duration(clock_rate)))
}
