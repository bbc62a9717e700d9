//! Searches that look at many bytes at a time.

/// Whether any byte fits. Looks at all of them, which the compiler turns into vector instructions.
pub(super) fn any(bytes: &[u8], fits: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(0, |found, byte| found | u8::from(fits(*byte))) != 0
}

/// Where the first line feed is.
pub(super) fn find_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const FEEDS: u64 = ONES.wrapping_mul(b'\n' as u64);
    let words = bytes.chunks_exact(8);
    let mut at = 0_usize;
    for word in words.clone().filter_map(|word| word.first_chunk()) {
        // A byte that is zero borrows, and sets its highest bit; those above it may do so wrongly.
        let word = u64::from_le_bytes(*word) ^ FEEDS;
        let zeros = word.wrapping_sub(ONES) & !word & ONES << 7;
        if zeros != 0 {
            return Some(at.saturating_add((zeros.trailing_zeros() / 8) as usize));
        }
        at = at.saturating_add(8);
    }
    let rest = words.remainder().iter().position(|byte| *byte == b'\n')?;
    Some(at.saturating_add(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_feed_is_found_wherever_it_is() {
        for other in [b'x', b'\n' + 1, b'\n' | 0x80, 0] {
            for len in 0..40 {
                let mut bytes = vec![other; len];
                assert_eq!(find_feed(&bytes), None);
                for at in (0..len).rev() {
                    bytes[at] = b'\n';
                    assert_eq!(find_feed(&bytes), Some(at), "of {len}");
                }
            }
        }
    }
}
