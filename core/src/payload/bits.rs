//! Bits, and the numbers of parameter sets (H.264, sections 7.2 and 9.1; H.265 has the same).

/// Reads bits from the most significant on; everything is `None` behind the end.
#[derive(Clone)]
pub(crate) struct BitReader<I> {
    bytes: I,
    byte: u8,
    /// Bits of `byte` that have yet to be read.
    left: u8,
    /// Bits that were read.
    position: usize,
}

impl<I: Iterator<Item = u8>> BitReader<I> {
    pub(crate) fn new(bytes: I) -> Self {
        Self { bytes, byte: 0, left: 0, position: 0 }
    }

    /// A flag.
    pub(crate) fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.byte = self.bytes.next()?;
            self.left = 8;
        }
        self.left = self.left.saturating_sub(1);
        self.position = self.position.saturating_add(1);
        Some(self.byte >> self.left & 1 == 1)
    }

    /// Bits that were read so far.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// u(n), of at most 32 bits.
    pub(crate) fn bits(&mut self, count: u8) -> Option<u32> {
        (0..count).try_fold(0_u32, |number, _| Some(number << 1 | u32::from(self.bit()?)))
    }

    /// ue(v), up to 2^32 - 2.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0_u8;
        while !self.bit()? {
            zeros = zeros.saturating_add(1);
            if zeros > 31 {
                return None;
            }
        }
        let above = (1_u32 << zeros).saturating_sub(1);
        Some(above.saturating_add(self.bits(zeros)?))
    }

    /// se(v).
    pub(crate) fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let half = i32::try_from(code.div_ceil(2)).ok()?;
        Some(if code % 2 == 0 { half.saturating_neg() } else { half })
    }

    /// Reads and forgets so many bits.
    pub(crate) fn skip(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.bit().map(drop))
    }

    /// Forgets the bits up to the next byte.
    pub(super) fn align(&mut self) {
        self.left = 0;
    }

    /// Reads and forgets so many ue(v) or se(v), which are of the same lengths.
    pub(crate) fn skip_numbers(&mut self, count: u32) -> Option<()> {
        (0..count).try_for_each(|_| self.ue().map(drop))
    }
}

/// Writes bits from the most significant on.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free: u8,
}

impl BitWriter {
    /// The low bits of a number, at most 32.
    pub(crate) fn put(&mut self, number: u32, count: u8) {
        for at in (0..count.min(32)).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free = self.free.saturating_sub(1);
            let bit = (number >> at & 1) as u8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << self.free;
            }
        }
    }

    /// Whole bytes.
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) {
        if self.free == 0 {
            self.bytes.extend_from_slice(bytes);
        } else {
            bytes.iter().for_each(|byte| self.put((*byte).into(), 8));
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn align(&mut self) {
        self.free = 0;
    }

    /// Bits that were written.
    pub(crate) fn bits(&self) -> usize {
        self.bytes.len().saturating_mul(8).saturating_sub(self.free.into())
    }

    /// The bytes that were written; the rest of the last byte is zero.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins anew in the same memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.free = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> BitReader<impl Iterator<Item = u8>> {
        BitReader::new(bytes.iter().copied())
    }

    #[test]
    fn bits_are_read_from_the_most_significant_on() {
        let mut bits = reader(&[0b1010_0101, 0xff, 0x00]);
        assert_eq!((bits.bit(), bits.bits(3), bits.bits(8)), (Some(true), Some(0b010), Some(0b0101_1111)));
        assert_eq!((bits.skip(11), bits.bit(), bits.bit()), (Some(()), Some(false), None));
        let mut bits = reader(&[0x80, 0x40]);
        bits.align();
        assert_eq!(bits.bit(), Some(true));
        bits.align();
        assert_eq!(bits.bits(2), Some(1));
    }

    #[test]
    fn numbers_are_read_as_the_standard_writes_them() {
        for (bytes, unsigned, signed) in [
            (&[0x80][..], Some(0), Some(0)),
            (&[0b0100_0000], Some(1), Some(1)),
            (&[0b0110_0000], Some(2), Some(-1)),
            (&[0b0010_0000], Some(3), Some(2)),
            (&[0b0001_0000], Some(7), Some(4)),
            (&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff], Some(u32::MAX - 1), Some(-i32::MAX)),
            (&[0, 0, 0, 0, 0x80, 0, 0, 0, 0], None, None),
            (&[0b0000_1000], None, None),
            (&[], None, None),
        ] {
            assert_eq!(reader(bytes).ue(), unsigned, "{bytes:02x?}");
            assert_eq!(reader(bytes).se(), signed, "{bytes:02x?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut writer = BitWriter::default();
        let numbers = [(1, 1), (0x1fff, 13), (5, 3), (0, 0), (u32::MAX, 32), (2, 2)];
        numbers.iter().for_each(|(number, count)| writer.put(*number, *count));
        assert_eq!((writer.bits(), writer.bytes().len()), (51, 7));
        let mut bits = BitReader::new(writer.bytes().to_vec().into_iter());
        assert!(numbers.iter().all(|(number, count)| bits.bits(*count) == Some(*number)));
        assert_eq!(bits.position(), 51);
        writer.clear();
        assert_eq!((writer.bits(), writer.bytes()), (0, &[][..]));
    }
}
