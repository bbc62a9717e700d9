/// The masking key of a frame (RFC 6455, section 5.3), turned to the next byte that it masks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask([u8; 4]);

impl Mask {
    /// Bytes that are masked at once.
    const AT_ONCE: usize = 32;

    pub(super) fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// Masks the next bytes of a frame, or takes the mask off them.
    #[inline]
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        let Self([a, b, c, d]) = *self;
        let mut wide = [0; Self::AT_ONCE];
        wide.chunks_exact_mut(4).for_each(|part| part.copy_from_slice(&[a, b, c, d]));
        self.0.rotate_left(bytes.len() % 4);
        let mut chunks = bytes.chunks_exact_mut(Self::AT_ONCE);
        for chunk in &mut chunks {
            chunk.iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
        }
        chunks.into_remainder().iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_masked_alike_wherever_it_is_cut() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..100 {
            let mut expected = vec![0; len];
            expected.iter_mut().zip(key.into_iter().cycle()).for_each(|(byte, key)| *byte = key);
            for cut in 0..=len {
                let mut bytes = vec![0; len];
                let mut mask = Mask::new(key);
                let (front, back) = bytes.split_at_mut(cut);
                mask.apply(front);
                mask.apply(back);
                assert_eq!(bytes, expected, "{len} cut at {cut}");
            }
        }
    }
}
