use crate::description::VorbisHeaders;

/// Bits of a mode at the end of the setup header: a flag for long blocks, two types that are zero, the mapping.
const MODE_BITS: usize = 41;
const MODES_MAX: usize = 64;

/// Tells the blocks of packets (Vorbis I specification, sections 4.2.4 and 4.3.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Durations {
    /// Samples of a short and a long block.
    block_sizes: [u32; 2],
    /// The modes with long blocks, a bit for each.
    long_modes: u64,
    /// Bits of the mode in a packet.
    mode_bits: u8,
    /// Samples of the block before, if it is known.
    before: Option<u32>,
}

impl Durations {
    /// Reads the headers; `None` if they have no modes.
    ///
    /// The modes are the last thing in the setup header, whose other parts need not be read to find them.
    pub(super) fn read(headers: &VorbisHeaders) -> Option<Self> {
        let setup = &headers.setup;
        let bit = |at: usize| setup.get(at / 8).map_or(0, |byte| byte >> (at % 8) & 1);
        let number = |at: usize, count: usize| {
            (0..count).fold(0_u32, |number, index| {
                number | u32::from(bit(at.saturating_add(index))) << index.min(31)
            })
        };
        // A bit that is set stands behind the modes.
        let end = (0..setup.len().saturating_mul(8)).rev().find(|at| bit(*at) == 1)?;
        let start_of = |count: usize| end.checked_sub(count.checked_mul(MODE_BITS)?);
        let mut found = None;
        for count in 1..=MODES_MAX {
            let Some(start) = start_of(count).filter(|start| *start > 6) else { break };
            let is_mode =
                number(start.saturating_add(1), 32) == 0 && number(start.saturating_add(33), 8) < 64;
            if !is_mode {
                break;
            }
            if number(start.saturating_sub(6), 6) as usize == count.saturating_sub(1) {
                found = Some((count, start));
            }
        }
        let (count, start) = found?;
        let is_long = |mode: usize| u64::from(bit(start.saturating_add(mode.saturating_mul(MODE_BITS))));
        let long_modes = (0..count).fold(0, |modes, mode| modes | is_long(mode) << mode.min(63));
        let mode_bits = usize::BITS.saturating_sub(count.saturating_sub(1).leading_zeros()) as u8;
        Some(Self { block_sizes: headers.block_sizes(), long_modes, mode_bits, before: None })
    }

    /// Samples that the next packet gives; zero if it is no sound.
    pub(super) fn next(&mut self, packet: &[u8]) -> u32 {
        let Some(block) = self.block(packet) else { return 0 };
        let before = self.before.replace(block).unwrap_or(block);
        block.saturating_add(before) / 4
    }

    /// Forgets the packet before, since some are missing.
    pub(super) fn forget(&mut self) {
        self.before = None;
    }

    fn block(&self, packet: &[u8]) -> Option<u32> {
        let first = packet.first().filter(|first| *first & 1 == 0)?;
        let mode = first >> 1 & (1_u8 << self.mode_bits.min(6)).wrapping_sub(1);
        let is_long = self.long_modes >> mode & 1 == 1;
        self.block_sizes.get(usize::from(is_long)).copied()
    }
}
