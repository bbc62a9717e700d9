//! Base64 with the standard alphabet (RFC 4648, section 4).

use bytes::BytesMut;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = BytesMut::new();
    encode_to([bytes], &mut text);
    String::from_utf8(text.into()).unwrap_or_default()
}

/// Appends slices as if they were one, with padding behind the last.
pub(crate) fn encode_to<'a>(
    slices: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>,
    text: &mut BytesMut,
) {
    let slices = slices.into_iter();
    let len = slices.clone().fold(0_usize, |sum, slice| sum.saturating_add(slice.len()));
    let begin = text.len();
    text.resize(begin.saturating_add(len.div_ceil(3).saturating_mul(4)), b'=');
    let mut room = text.get_mut(begin..).unwrap_or_default().chunks_exact_mut(4);
    // Bytes of a group that goes on in the next slice.
    let mut begun = [0; 3];
    let mut has = 0_usize;
    for mut slice in slices {
        while let Some((byte, rest)) = slice.split_first().filter(|_| has > 0) {
            slice = rest;
            begun.get_mut(has).into_iter().for_each(|room| *room = *byte);
            has = has.saturating_add(1);
            if has == 3 {
                has = 0;
                room.next().into_iter().for_each(|room| room.copy_from_slice(&symbols(begun)));
            }
        }
        let mut groups = slice.chunks_exact(3);
        for (group, room) in (&mut groups).zip(&mut room) {
            if let [a, b, c] = *group {
                room.copy_from_slice(&symbols([a, b, c]));
            }
        }
        for byte in groups.remainder() {
            begun.get_mut(has).into_iter().for_each(|room| *room = *byte);
            has = has.saturating_add(1);
        }
    }
    if has > 0 {
        begun.iter_mut().skip(has).for_each(|byte| *byte = 0);
        let symbols = symbols(begun).into_iter().take(has.saturating_add(1));
        let rest = room.next().unwrap_or_default().iter_mut();
        rest.zip(symbols).for_each(|(room, symbol)| *room = symbol);
    }
}

/// Decodes; padding may be missing, and white space is skipped.
///
/// `None` if there is a character outside the alphabet, or one too many or too few.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_ascii_end().trim_end_matches('=');
    let symbols = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let sextets = symbols.map(|symbol| Some(sextet(symbol)).filter(|sextet| *sextet < 64));
    let sextets = sextets.collect::<Option<Vec<u8>>>()?;
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

#[inline]
fn symbols([a, b, c]: [u8; 3]) -> [u8; 4] {
    let symbol = |sextet: u8| ALPHABET.get(usize::from(sextet & 63)).copied().unwrap_or(b'=');
    [symbol(a >> 2), symbol(a << 4 | b >> 4), symbol(b << 2 | c >> 6), symbol(c)]
}

/// The six bits of a symbol, or [`NO_SEXTET`]. It has no branches, so that many are found at once.
#[inline]
pub(crate) const fn sextet(symbol: u8) -> u8 {
    const fn within(symbol: u8, first: u8, count: u8) -> u8 {
        if symbol.wrapping_sub(first) < count { 0xff } else { 0 }
    }
    let (upper, lower) = (within(symbol, b'A', 26), within(symbol, b'a', 26));
    let (digit, plus, slash) = (within(symbol, b'0', 10), within(symbol, b'+', 1), within(symbol, b'/', 1));
    let known = upper | lower | digit | plus | slash;
    !known
        | upper & symbol.wrapping_sub(b'A')
        | lower & symbol.wrapping_sub(b'a' - 26)
        | digit & symbol.wrapping_add(52 - b'0')
        | plus & 62
        | slash & 63
}

/// The mark of a byte that has no six bits.
pub(crate) const NO_SEXTET: u8 = 0xff;

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
    fn slices_are_encoded_as_if_they_were_one() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..20 {
            for (first, second) in
                (0..=len).flat_map(|first| (first..=len).map(move |second| (first, second)))
            {
                let mut text = BytesMut::from("before ");
                encode_to([&bytes[..first], &bytes[first..second], &bytes[second..len]], &mut text);
                assert_eq!(
                    text,
                    format!("before {}", encode(&bytes[..len])),
                    "{len} cut at {first} and {second}"
                );
            }
        }
    }

    #[test]
    fn the_symbols_of_the_alphabet_have_six_bits_and_no_others() {
        for symbol in 0..=255 {
            let place = ALPHABET.iter().position(|known| *known == symbol);
            let expected = place.map_or(NO_SEXTET, |place| u8::try_from(place).unwrap());
            assert_eq!(sextet(symbol), expected, "{symbol}");
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
