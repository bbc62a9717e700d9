use crate::description::{Codec, Format, IlbcMode};

/// How long blocks are, in bytes and in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout(Blocks);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Blocks {
    /// All of the same length.
    Fixed { bytes: usize, units: u32 },
    /// The two low bits of the first byte tell the length (RFC 3551, section 4.5.3).
    G723,
    /// Ten bytes each, and at the end perhaps one of two bytes, which describes silence (RFC 3551, section 4.5.6).
    G729,
    /// One of any length in each packet.
    Single { units: u32 },
}

/// Units of the clock in a block of G.723.1 and of G.729.
const G723_UNITS: u32 = 240;
const G729_UNITS: u32 = 80;

impl Layout {
    /// The layout of a format; `None` if its packets hold something else than blocks.
    pub fn of(format: &Format) -> Option<Self> {
        let channels = usize::from(format.channels.unwrap_or(1).clamp(1, 255));
        Some(match &format.codec {
            Codec::G711(_) | Codec::G722 => Self::samples(8, channels),
            Codec::Pcm(pcm) => Self::samples(pcm.bits, channels),
            Codec::G726(g726) => Self::samples(g726.bits, channels),
            Codec::G723(_) => Self(Blocks::G723),
            Codec::G728 => Self::fixed(5, 20, channels),
            Codec::G729(_) => Self(Blocks::G729),
            Codec::Gsm => Self::fixed(33, 160, channels),
            Codec::Ilbc(IlbcMode::Milliseconds20) => Self::fixed(38, 160, channels),
            Codec::Ilbc(IlbcMode::Milliseconds30) => Self::fixed(50, 240, channels),
            Codec::Speex(_) => Self(Blocks::Single { units: format.clock_rate / 50 }),
            _ => return None,
        })
    }

    /// Samples of so many bits, of so many channels one behind the other. The block is the least number of them that
    /// fills bytes.
    pub(in crate::payload) fn samples(bits: u8, channels: usize) -> Self {
        let bits = usize::from(bits.max(1)).saturating_mul(channels.max(1));
        let (samples, units) = [(1_usize, 1_u32), (2, 2), (4, 4)]
            .into_iter()
            .find(|(samples, _)| bits.saturating_mul(*samples) % 8 == 0)
            .unwrap_or((8, 8));
        Self(Blocks::Fixed { bytes: bits.saturating_mul(samples) / 8, units })
    }

    fn fixed(bytes: usize, units: u32, channels: usize) -> Self {
        Self(Blocks::Fixed { bytes: bytes.saturating_mul(channels), units })
    }

    /// Bytes of the whole blocks at the front of `sound` that fit into `most` bytes, and the units that they last; of the
    /// first block alone if not even that fits; zero if it is not whole.
    pub(super) fn run(self, sound: &[u8], most: usize) -> (usize, u32) {
        match self.0 {
            Blocks::Fixed { bytes, units } => {
                let fit = most.checked_div(bytes).unwrap_or(1).max(1);
                let count = sound.len().checked_div(bytes).unwrap_or(0).min(fit);
                (count.saturating_mul(bytes), units.saturating_mul(count as u32))
            }
            Blocks::Single { units } => (sound.len(), units),
            Blocks::G723 => run_of(sound, most, G723_UNITS, |rest| match rest.first()? & 3 {
                0 => Some(24),
                1 => Some(20),
                2 => Some(4),
                _ => None,
            }),
            Blocks::G729 => run_of(sound, most, G729_UNITS, |rest| match rest.len() {
                10.. => Some(10),
                2 => Some(2),
                _ => None,
            }),
        }
    }

    /// Bytes of the first block, as far as they can be told.
    pub(super) fn block_bytes(self) -> usize {
        match self.0 {
            Blocks::Fixed { bytes, .. } => bytes,
            Blocks::G723 => 4,
            Blocks::G729 => 10,
            Blocks::Single { .. } => 1,
        }
    }
}

/// The run of blocks of which each one tells its length.
fn run_of(sound: &[u8], most: usize, units: u32, next: impl Fn(&[u8]) -> Option<usize>) -> (usize, u32) {
    let (mut bytes, mut passed) = (0_usize, 0_u32);
    while let Some(rest) = sound.get(bytes..) {
        let Some(block) = next(rest).filter(|block| *block <= rest.len()) else { break };
        let end = bytes.saturating_add(block);
        if end > most && bytes > 0 {
            break;
        }
        bytes = end;
        passed = passed.saturating_add(units);
    }
    (bytes, passed)
}
