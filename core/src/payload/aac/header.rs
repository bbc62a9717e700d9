use crate::description::Mpeg4Audio;
use crate::payload::bits::{BitReader, BitWriter};

/// The fields of AU headers (RFC 3640, section 3.2.1.1), each with its bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) size: u8,
    index: u8,
    index_delta: u8,
    cts_delta: u8,
    dts_delta: u8,
    random_access: bool,
    stream_state: u8,
}

/// The contents of an AU header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Bytes of the whole unit, also where the packet has a fragment of it.
    pub(super) size: usize,
    /// Units that are skipped, to come later: zero if nothing is interleaved.
    pub(super) index_delta: u32,
    /// Units of the clock between the packet's timestamp and that of the unit, if they are told.
    pub(super) cts_delta: Option<i32>,
}

impl Fields {
    pub(super) fn new(audio: &Mpeg4Audio) -> Self {
        Self {
            size: audio.size_length,
            index: audio.index_length,
            index_delta: audio.index_delta_length,
            cts_delta: audio.cts_delta_length,
            dts_delta: audio.dts_delta_length,
            random_access: audio.random_access_indication,
            stream_state: audio.stream_state_length,
        }
    }

    /// The least bits of a header.
    pub(super) fn bits_min(self, is_first: bool) -> usize {
        let index = if is_first { self.index } else { self.index_delta };
        let flags = [self.cts_delta > 0, self.dts_delta > 0, self.random_access];
        let flags = flags.into_iter().filter(|is_there| *is_there).count();
        let fields = [self.size, index, self.stream_state];
        fields.into_iter().fold(flags, |sum, bits| sum.saturating_add(bits.into()))
    }

    /// Reads a header; `None` if it is cut off.
    pub(super) fn read(
        self,
        bits: &mut BitReader<impl Iterator<Item = u8>>,
        is_first: bool,
    ) -> Option<Header> {
        let size = bits.bits(self.size)? as usize;
        let index_delta = if is_first {
            bits.bits(self.index)?;
            0
        } else {
            bits.bits(self.index_delta)?
        };
        let delta = |length: u8, bits: &mut BitReader<_>| {
            let is_there = length > 0 && bits.bit()?;
            Some(if is_there { Some(signed(bits.bits(length)?, length)) } else { None })
        };
        let cts_delta = delta(self.cts_delta, bits)?;
        delta(self.dts_delta, bits)?;
        bits.skip(u32::from(self.random_access).saturating_add(self.stream_state.into()))?;
        Some(Header { size, index_delta, cts_delta })
    }

    /// Writes the header of a unit that is not interleaved.
    pub(super) fn write(self, bits: &mut BitWriter, size: usize, is_first: bool) {
        bits.put(size as u32, self.size);
        bits.put(0, if is_first { self.index } else { self.index_delta });
        bits.put(0, u8::from(self.cts_delta > 0));
        bits.put(0, u8::from(self.dts_delta > 0));
        // Decoding can begin with each unit of sound.
        bits.put(1, u8::from(self.random_access));
        bits.put(0, self.stream_state);
    }
}

/// A number in two's complement of so many bits, 1 to 32.
fn signed(number: u32, bits: u8) -> i32 {
    let unused = 32_u32.saturating_sub(bits.into());
    (number.wrapping_shl(unused) as i32).wrapping_shr(unused)
}
