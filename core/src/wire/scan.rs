//! Searches that the compiler turns into vector instructions, as those that stop early are not.

const LANES: usize = 32;

/// Whether any byte fits. Looks at all of them.
pub(super) fn any(bytes: &[u8], fits: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | fits(*byte))
}

/// Where the first line feed is.
pub(super) fn find_feed(bytes: &[u8]) -> Option<usize> {
    let is_feed = |byte| byte == b'\n';
    let clean =
        bytes.chunks_exact(LANES).take_while(|chunk| !any(chunk, is_feed)).count().saturating_mul(LANES);
    let rest = bytes.get(clean..)?.iter().position(|byte| *byte == b'\n')?;
    Some(clean.saturating_add(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_feed_is_found_wherever_it_is() {
        for len in 0..100 {
            let mut bytes = vec![b'x'; len];
            assert_eq!(find_feed(&bytes), None);
            for at in (0..len).rev() {
                bytes[at] = b'\n';
                assert_eq!(find_feed(&bytes), Some(at), "of {len}");
            }
        }
    }
}
