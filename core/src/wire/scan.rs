//! Searches for bytes, many at a time.

/// Where the first of these bytes is.
#[inline]
pub(crate) fn find<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    let patterns = wanted.map(|byte| u64::from_ne_bytes([byte; 8]));
    let found = |word: u64| patterns.iter().fold(0, |found, pattern| found | zeros(word ^ pattern));
    find_by(bytes, found, |byte| wanted.contains(&byte))
}

/// Where the first two neighbours are that fit, looked for by so many bytes at a time: few in short texts, many in long data.
#[inline]
pub(crate) fn find_pair<const AT_A_TIME: usize>(
    bytes: &[u8],
    fits: impl Fn(u8, u8) -> bool,
) -> Option<usize> {
    let mut rest = bytes;
    while let (Some(first), Some(second)) = (rest.first_chunk::<AT_A_TIME>(), rest.get(1..)?.first_chunk()) {
        let second: &[u8; AT_A_TIME] = second;
        // Looks at all of them, as `any` does.
        if first.iter().zip(second).fold(false, |found, (first, second)| found | fits(*first, *second)) {
            break;
        }
        rest = rest.get(AT_A_TIME..)?;
    }
    let in_rest = rest.iter().zip(rest.get(1..)?).position(|(first, second)| fits(*first, *second))?;
    Some(bytes.len().saturating_sub(rest.len()).saturating_add(in_rest))
}

/// As [`str::split_once`], which takes longer to set up than to search texts as short as these.
#[inline]
pub(crate) fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let index = find(text.as_bytes(), [at])?;
    Some((text.get(..index)?, text.get(index.saturating_add(1)..)?))
}

/// As [`str::trim`], which takes longer to find out that there is nothing to trim, as mostly.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    if is_trimmed(text) { text } else { text.trim() }
}

/// As [`str::trim_matches`], likewise, of blanks or other characters that are not printed.
#[inline]
pub(crate) fn trim_matches<const N: usize>(text: &str, blanks: [char; N]) -> &str {
    if is_trimmed(text) { text } else { text.trim_matches(blanks) }
}

/// Returns `true` if a text begins and ends with a character of ASCII that is printed.
fn is_trimmed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_printed = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    is_printed(bytes.first()) && is_printed(bytes.last())
}

/// Where the first control character is (tabs and line ends are some).
#[inline]
pub(crate) fn find_control(bytes: &[u8]) -> Option<usize> {
    find_by(bytes, |word| below(word, b' ') | zeros(word ^ DELETE), |byte| byte.is_ascii_control())
}

/// Where the first blank or control character is.
#[inline]
pub(crate) fn find_blank_or_control(bytes: &[u8]) -> Option<usize> {
    let fits = |byte: u8| byte == b' ' || byte.is_ascii_control();
    find_by(bytes, |word| below(word, b'!') | zeros(word ^ DELETE), fits)
}

const DELETE: u64 = u64::from_ne_bytes([0x7f; 8]);
const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);

/// The highest bit of each byte that is zero, and perhaps of some above one.
#[inline]
fn zeros(word: u64) -> u64 {
    below(word, 1)
}

/// The highest bit of each byte below a limit of ASCII, and perhaps of some above one.
#[inline]
fn below(word: u64, limit: u8) -> u64 {
    // A byte that is below borrows, and sets its highest bit; those above it may do so wrongly.
    word.wrapping_sub(u64::from_ne_bytes([limit; 8])) & !word & HIGHEST
}

/// Where the first byte is that fits. `found` sets its highest bit, and none below it.
#[inline]
fn find_by(bytes: &[u8], found: impl Fn(u64) -> u64, fits: impl Fn(u8) -> bool) -> Option<usize> {
    let mut rest = bytes;
    let in_rest = loop {
        let Some((word, behind)) = rest.split_first_chunk() else {
            break rest.iter().position(|byte| fits(*byte))?;
        };
        let found = found(u64::from_le_bytes(*word));
        if found != 0 {
            break (found.trailing_zeros() / 8) as usize;
        }
        rest = behind;
    };
    Some(bytes.len().saturating_sub(rest.len()).saturating_add(in_rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_that_fit_are_found_wherever_they_are() {
        let is_end = |first: u8, second: u8| (first == b'\n') & (second == b'\r');
        for len in 0..60 {
            let mut bytes = vec![b'\r'; len];
            assert_eq!(find_pair::<16>(&bytes, is_end), None);
            for at in (0..len.saturating_sub(1)).rev() {
                bytes[at..at + 2].copy_from_slice(b"\n\r");
                assert_eq!(find_pair::<16>(&bytes, is_end), Some(at), "of {len}");
            }
        }
    }

    #[test]
    fn trimming_and_splitting_are_as_the_standard_library_has_them() {
        for text in
            ["", " ", "a", "é", " a", "a\t", "\u{a0}a:b\u{3000}", "a:b", ":", "\x0ba: \x7f", "\r a : b :\n"]
        {
            assert_eq!(trim(text), text.trim(), "{text:?}");
            let blanks = [' ', '\t', '\u{a0}'];
            assert_eq!(trim_matches(text, blanks), text.trim_matches(blanks), "{text:?}");
            assert_eq!(split_once(text, b':'), text.split_once(':'), "{text:?}");
        }
    }

    #[test]
    fn of_all_bytes_those_are_control_characters() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_control().then_some(3);
            for len in [4, 8, 12, 16] {
                let mut bytes = vec![b' '; len];
                bytes[3] = byte;
                assert_eq!(find_control(&bytes), expected, "{byte}");
                let mut bytes = vec![b'!'; len];
                bytes[3] = byte;
                let expected = if byte == b' ' { Some(3) } else { expected };
                assert_eq!(find_blank_or_control(&bytes), expected, "{byte}");
            }
        }
    }

    #[test]
    fn the_first_of_some_bytes_is_found_wherever_it_is() {
        for other in [b'x', b'\n' + 1, b'\n' | 0x80, 0] {
            for len in 0..40 {
                let mut bytes = vec![other; len];
                assert_eq!(find(&bytes, [b'\n', b'\r']), None);
                assert_eq!(find_control(&bytes), (other.is_ascii_control() && len > 0).then_some(0));
                for at in (0..len).rev() {
                    bytes[at] = if at % 3 == 0 { b'\r' } else { b'\n' };
                    assert_eq!(find(&bytes, [b'\n', b'\r']), Some(at), "of {len}");
                    assert_eq!(
                        find_control(&bytes),
                        Some(if other.is_ascii_control() { 0 } else { at }),
                        "of {len}"
                    );
                    let feed = (at..len).find(|at| at % 3 != 0);
                    assert_eq!(find(&bytes, [b'\n']), feed, "of {len}");
                }
            }
        }
    }
}
