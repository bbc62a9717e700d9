use std::fmt;
use std::ops::Deref;

/// Chance from a seed: the ChaCha20 key stream (RFC 8439, section 2.3), so that ids cannot be guessed and runs repeat.
#[derive(Clone)]
pub(crate) struct Random {
    key: [u32; 8],
    block: u64,
    words: [u32; 16],
    used: usize,
}

const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(seed.chunks_exact(4)) {
            *word = bytes.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        }
        Self { key, block: 0, words: [0; 16], used: 16 }
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        if self.used >= self.words.len() {
            let counter = [self.block as u32, (self.block >> 32) as u32, 0, 0];
            self.words = block(&self.key, counter);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        let word = self.words.get(self.used).copied().unwrap_or_default();
        self.used = self.used.saturating_add(1);
        word
    }

    /// A seed for something that draws by itself.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        for bytes in seed.chunks_exact_mut(4) {
            bytes.copy_from_slice(&self.next_u32().to_le_bytes());
        }
        seed
    }

    pub(crate) fn hex_id(&mut self) -> HexId {
        let mut id = [0; 32];
        for digits in id.chunks_exact_mut(8) {
            let word = self.next_u32();
            for (digit, shift) in digits.iter_mut().zip((0..32).step_by(4).rev()) {
                let value = (word >> shift) as u8 & 0xf;
                *digit = if value < 10 { b'0' | value } else { b'a'.wrapping_add(value).wrapping_sub(10) };
            }
        }
        HexId(id)
    }
}

/// 128 bits as 32 hexadecimal digits: no dash, which confuses some clients.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct HexId([u8; 32]);

impl HexId {
    /// The id that reads so, if any does.
    pub(crate) fn read(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }
}

impl Deref for HexId {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for HexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(..)")
    }
}

fn block(key: &[u32; 8], counter: [u32; 4]) -> [u32; 16] {
    let [c0, c1, c2, c3] = CONSTANTS;
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let [n0, n1, n2, n3] = counter;
    let start = [c0, c1, c2, c3, k0, k1, k2, k3, k4, k5, k6, k7, n0, n1, n2, n3];
    let [
        mut x0,
        mut x1,
        mut x2,
        mut x3,
        mut x4,
        mut x5,
        mut x6,
        mut x7,
        mut x8,
        mut x9,
        mut x10,
        mut x11,
        mut x12,
        mut x13,
        mut x14,
        mut x15,
    ] = start;
    for _ in 0..10 {
        quarter(&mut x0, &mut x4, &mut x8, &mut x12);
        quarter(&mut x1, &mut x5, &mut x9, &mut x13);
        quarter(&mut x2, &mut x6, &mut x10, &mut x14);
        quarter(&mut x3, &mut x7, &mut x11, &mut x15);
        quarter(&mut x0, &mut x5, &mut x10, &mut x15);
        quarter(&mut x1, &mut x6, &mut x11, &mut x12);
        quarter(&mut x2, &mut x7, &mut x8, &mut x13);
        quarter(&mut x3, &mut x4, &mut x9, &mut x14);
    }
    let mut words = [x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15];
    for (word, start) in words.iter_mut().zip(start) {
        *word = word.wrapping_add(start);
    }
    words
}

fn quarter(a: &mut u32, b: &mut u32, c: &mut u32, d: &mut u32) {
    *a = a.wrapping_add(*b);
    *d = (*d ^ *a).rotate_left(16);
    *c = c.wrapping_add(*d);
    *b = (*b ^ *c).rotate_left(12);
    *a = a.wrapping_add(*b);
    *d = (*d ^ *a).rotate_left(8);
    *c = c.wrapping_add(*d);
    *b = (*b ^ *c).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_of_rfc_8439_section_2_3_2_comes_out() {
        let mut seed = [0; 32];
        seed.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n);
        let counter = [1, 0x0900_0000, 0x4a00_0000, 0];
        let words = block(&Random::new(seed).key, counter);
        assert_eq!(words[..4], [0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3]);
        assert_eq!(words[12..], [0xd19c_12b5, 0xb94e_16de, 0xe883_d0cb, 0x4e3c_50a2]);
    }

    #[test]
    fn one_seed_gives_one_sequence_and_ids_differ() {
        let (mut one, mut two) = (Random::new([7; 32]), Random::new([7; 32]));
        let ids: Vec<_> = (0..100).map(|_| one.hex_id()).collect();
        assert!(ids.iter().all(|id| *id == two.hex_id() && id.len() == 32));
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
    }
}
