/// The header of a frame (ISO/IEC 11172-3, section 2.4.1.3; ISO/IEC 13818-3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// The layer, 1 to 3.
    pub layer: u8,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels, one or two.
    pub channels: u8,
    /// Samples of each channel in the frame.
    pub samples: u16,
    /// Bytes of the whole frame; `None` if its bitrate is none of the table.
    pub bytes: Option<usize>,
}

/// Kilobits a second by layer, of MPEG-1.
const BITRATES: [[u32; 14]; 3] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];
/// The same of MPEG-2 and 2.5: layer I, layers II and III.
const LOW_BITRATES: [[u32; 14]; 2] = [
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

impl FrameHeader {
    /// Reads the header that a frame begins with.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let &[0xff, first, second, third, ..] = frame else { return None };
        let version = first >> 3 & 3;
        let layer = 4_u8.wrapping_sub(first >> 1 & 3);
        if first & 0xe0 != 0xe0 || version == 1 || layer == 4 {
            return None;
        }
        let is_low = version != 3;
        let sample_rate: u32 = *[44_100, 48_000, 32_000].get(usize::from(second >> 2 & 3))?;
        // MPEG-2 has half the rates, and 2.5 a quarter of them.
        let sample_rate = match version {
            3 => sample_rate,
            2 => sample_rate / 2,
            _ => sample_rate / 4,
        };
        let samples: u16 = match layer {
            1 => 384,
            3 if is_low => 576,
            _ => 1152,
        };
        let bitrates = match (is_low, layer) {
            (false, layer) => BITRATES.get(usize::from(layer.wrapping_sub(1)))?,
            (true, 1) => &LOW_BITRATES[0],
            (true, _) => &LOW_BITRATES[1],
        };
        let bytes = match second >> 4 {
            0 => None,
            index => {
                let bits = bitrates.get(usize::from(index.wrapping_sub(1)))?.saturating_mul(1000);
                let padding = u32::from(second >> 1 & 1);
                // Layer I counts in slots of four bytes.
                let slot: u32 = if layer == 1 { 4 } else { 1 };
                let bits_of_slot = sample_rate.saturating_mul(8).saturating_mul(slot);
                let slots = u32::from(samples).saturating_mul(bits).checked_div(bits_of_slot)?;
                Some(slots.saturating_add(padding).saturating_mul(slot) as usize)
            }
        };
        let channels = if third >> 6 == 3 { 1 } else { 2 };
        Some(Self { layer, sample_rate, channels, samples, bytes })
    }

    /// Units of 1/90,000 s that the frame lasts.
    pub(super) fn duration(&self) -> u32 {
        let units = u32::from(self.samples).saturating_mul(90_000);
        units.checked_div(self.sample_rate).unwrap_or(0)
    }
}
