//! Searches that look at many bytes at a time.

/// Whether any byte fits. Looks at all of them, which the compiler turns into vector instructions.
pub(crate) fn any(bytes: &[u8], fits: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(0, |found, byte| found | u8::from(fits(*byte))) != 0
}

/// Where the first of these bytes is.
pub(crate) fn find<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let patterns = wanted.map(|byte| u64::from_ne_bytes([byte; 8]));
    let words = bytes.chunks_exact(8);
    let mut at = 0_usize;
    for word in words.clone().filter_map(|word| word.first_chunk()) {
        let word = u64::from_le_bytes(*word);
        let found = patterns.iter().fold(0, |found, pattern| {
            // A byte that is zero borrows, and sets its highest bit; those above it may do so wrongly.
            let word = word ^ pattern;
            found | (word.wrapping_sub(ONES) & !word & ONES << 7)
        });
        if found != 0 {
            return Some(at.saturating_add((found.trailing_zeros() / 8) as usize));
        }
        at = at.saturating_add(8);
    }
    let rest = words.remainder().iter().position(|byte| wanted.contains(byte))?;
    Some(at.saturating_add(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_some_bytes_is_found_wherever_it_is() {
        for other in [b'x', b'\n' + 1, b'\n' | 0x80, 0] {
            for len in 0..40 {
                let mut bytes = vec![other; len];
                assert_eq!(find(&bytes, [b'\n', b'\r']), None);
                for at in (0..len).rev() {
                    bytes[at] = if at % 3 == 0 { b'\r' } else { b'\n' };
                    assert_eq!(find(&bytes, [b'\n', b'\r']), Some(at), "of {len}");
                    let feed = (at..len).find(|at| at % 3 != 0);
                    assert_eq!(find(&bytes, [b'\n']), feed, "of {len}");
                }
            }
        }
    }
}
