//! Base64 with the standard alphabet (RFC 4648, section 4).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let (a, b, c) = match *group {
            [a, b, c] => (a, Some(b), Some(c)),
            [a, b] => (a, Some(b), None),
            [a] => (a, None, None),
            _ => continue,
        };
        text.push(symbol(a >> 2));
        text.push(symbol(a << 4 | b.unwrap_or(0) >> 4));
        text.push(b.map_or('=', |b| symbol(b << 2 | c.unwrap_or(0) >> 6)));
        text.push(c.map_or('=', symbol));
    }
    text
}

/// Decodes; padding may be missing, and white space is skipped.
///
/// `None` if there is a character outside the alphabet, or one too many or too few.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_ascii_end().trim_end_matches('=');
    let sextets =
        text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(sextet).collect::<Option<Vec<u8>>>()?;
    let mut bytes = Vec::with_capacity(sextets.len());
    for group in sextets.chunks(4) {
        match *group {
            [a, b, c, d] => bytes.extend([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]),
            [a, b, c] => bytes.extend([a << 2 | b >> 4, b << 4 | c >> 2]),
            [a, b] => bytes.push(a << 2 | b >> 4),
            _ => return None,
        }
    }
    Some(bytes)
}

fn symbol(sextet: u8) -> char {
    ALPHABET.get(usize::from(sextet & 63)).copied().map_or('=', char::from)
}

fn sextet(symbol: u8) -> Option<u8> {
    Some(match symbol {
        b'A'..=b'Z' => symbol.wrapping_sub(b'A'),
        b'a'..=b'z' => symbol.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => symbol.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_go_both_ways() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
            assert_eq!(decode(text.trim_end_matches('=')).as_deref(), Some(bytes.as_bytes()), "unpadded");
        }
    }

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
    }

    #[test]
    fn white_space_and_surplus_padding_are_skipped_and_other_characters_refused() {
        assert_eq!(decode(" Zm9v\r\nYg==== "), Some(b"foob".to_vec()));
        for bad in ["Z", "Zm9vY", "Zm9!", "Zg==Zg==", "Zm9v,Zm9v", "Zm9vé"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
