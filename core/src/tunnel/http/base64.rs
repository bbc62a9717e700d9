use crate::base64::{NO_SEXTET, sextet};
use crate::tunnel::Decoded;

/// The body of a tunnel's POST: base64, of which each write of the client's may end in padding.
///
/// When a client goes on in another POST, the decoder goes on with it.
///
/// ```
/// use rtspan_core::tunnel::http::Base64Decoder;
///
/// let mut decoder = Base64Decoder::default();
/// let mut bytes = *b"T1BUSU9OUyA=KiBSVFNQ";
/// let decoded = decoder.decode(&mut bytes);
/// assert_eq!(&bytes[..decoded.len], b"OPTIONS * RTSP");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Base64Decoder {
    /// Symbols of the group that has begun.
    symbols: u8,
    /// The last of them.
    last: u8,
    offset: u64,
    failed: Option<Base64Error>,
}

/// The body of a POST is not base64; the peer is at fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("byte {byte:#04x} at offset {offset} of the body of the POST is not base64")]
pub struct Base64Error {
    offset: u64,
    byte: u8,
}

impl Base64Error {
    /// Where the byte stands in everything that the peer has sent by POST.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// Symbols that are decoded at once, and the bytes that come of them.
const AT_ONCE: usize = 32;
const BYTES_AT_ONCE: usize = AT_ONCE / 4 * 3;

impl Base64Decoder {
    /// Takes the next bytes that were read, and puts what they say to their front.
    ///
    /// All of them are used up, wherever they are cut. White space is skipped, and padding ends a group.
    pub fn decode(&mut self, bytes: &mut [u8]) -> Decoded<Base64Error> {
        let (mut from, mut to) = (0_usize, 0_usize);
        while self.failed.is_none() {
            if self.symbols == 0 {
                (from, to) = decode_groups(bytes, from, to);
            }
            let Some(byte) = bytes.get(from).copied() else { break };
            let decoded = self.decode_one(byte, from);
            if let Some((room, decoded)) = bytes.get_mut(to).zip(decoded) {
                *room = decoded;
                to = to.saturating_add(1);
            }
            from = from.saturating_add(1);
        }
        self.offset = self.offset.saturating_add(from.try_into().unwrap_or(u64::MAX));
        Decoded { len: to, end: self.failed }
    }

    /// Gives the byte that a symbol completes, so that never more bytes come out than went in.
    fn decode_one(&mut self, byte: u8, from: usize) -> Option<u8> {
        match (sextet(byte), byte) {
            (NO_SEXTET, b'=') if self.symbols != 1 => {
                self.symbols = 0;
                None
            }
            (NO_SEXTET, _) if byte.is_ascii_whitespace() => None,
            (NO_SEXTET, _) => {
                let offset = self.offset.saturating_add(from.try_into().unwrap_or(u64::MAX));
                self.failed = Some(Base64Error { offset, byte });
                None
            }
            (sextet, _) => {
                let before = std::mem::replace(&mut self.last, sextet);
                let decoded = match self.symbols {
                    0 => None,
                    1 => Some(before << 2 | sextet >> 4),
                    2 => Some(before << 4 | sextet >> 2),
                    _ => Some(before << 6 | sextet),
                };
                self.symbols = self.symbols.wrapping_add(1) % 4;
                decoded
            }
        }
    }
}

/// Decodes whole groups from `from` to `to`, many at once, up to where something else stands or few are left. Gives both
/// places as they are then.
fn decode_groups(bytes: &mut [u8], mut from: usize, mut to: usize) -> (usize, usize) {
    while let Some(symbols) = bytes.get(from..).and_then(<[u8]>::first_chunk::<AT_ONCE>) {
        let mut sextets = [0; AT_ONCE];
        sextets.iter_mut().zip(symbols).for_each(|(room, symbol)| *room = sextet(*symbol));
        if sextets.iter().fold(0, |all, sextet| all | sextet) > 63 {
            break;
        }
        let Some(room) = bytes.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<BYTES_AT_ONCE>) else {
            break;
        };
        for (room, groups) in room.chunks_exact_mut(6).zip(sextets.chunks_exact(8)) {
            let [_, _, bytes @ ..] = join(groups.first_chunk().copied().unwrap_or_default());
            room.copy_from_slice(&bytes);
        }
        (from, to) = (from.saturating_add(AT_ONCE), to.saturating_add(BYTES_AT_ONCE));
    }
    (from, to)
}

/// Joins eight times six bits, in three steps of neighbours, to the last 48 of these.
#[inline]
fn join(sextets: [u8; 8]) -> [u8; 8] {
    let of_6 = u64::from_be_bytes(sextets);
    let of_12 = (of_6 & 0x003f_003f_003f_003f) | (of_6 & 0x3f00_3f00_3f00_3f00) >> 2;
    let of_24 = (of_12 & 0x0000_0fff_0000_0fff) | (of_12 & 0x0fff_0000_0fff_0000) >> 4;
    let of_48 = (of_24 & 0x0000_0000_00ff_ffff) | (of_24 & 0x00ff_ffff_0000_0000) >> 8;
    of_48.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64;

    /// The bytes that come out, whatever the portions.
    fn decode(text: &[u8]) -> (Vec<u8>, Option<Base64Error>) {
        let read = |size: usize| {
            let (mut decoder, mut out, mut end) = (Base64Decoder::default(), Vec::new(), None);
            for portion in text.chunks(size) {
                let mut portion = portion.to_vec();
                let decoded = decoder.decode(&mut portion);
                out.extend_from_slice(&portion[..decoded.len]);
                end = decoded.end;
            }
            (out, end)
        };
        let whole = read(text.len().max(1));
        (1..text.len()).for_each(|size| assert_eq!(read(size), whole, "in portions of {size}"));
        whole
    }

    #[test]
    fn padding_may_stand_anywhere_and_white_space_is_skipped() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zg==Zm8=Zm9v", "ffofoo"),
            ("Zg=Zm8=", "ffo"),
            ("Zm9v====Zm9v", "foofoo"),
            ("Zm\r\n9v\r\n\tYg ==\r\n", "foob"),
            ("Zm9vYm", "foob"),
        ] {
            assert_eq!(decode(text.as_bytes()), (bytes.as_bytes().to_vec(), None), "{text}");
        }
        // Each write of a client is a text of its own.
        let writes = [&b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"[..], &[0xff; 200], b"$\0\0\x01x"];
        let text: String = writes.into_iter().map(base64::encode).collect();
        assert_eq!(decode(text.as_bytes()), (writes.concat(), None));
    }

    #[test]
    fn every_byte_survives_at_every_place() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..100 {
            let text = format!("{}{}", base64::encode(&bytes[..len]), base64::encode(&bytes));
            assert_eq!(decode(text.as_bytes()), ([&bytes[..len], &bytes].concat(), None));
        }
    }

    #[test]
    fn what_is_not_base64_is_told_where_it_stands() {
        let long = [base64::encode(&[7; 300]).into_bytes(), b"\x82Zm9v".to_vec()].concat();
        for (text, out, offset, byte) in [
            (&b"Zm9v!Zm9v"[..], &b"foo"[..], 4, b'!'),
            (b"Zm9vZ=", b"foo", 5, b'='),
            (b"Zg==-", b"f", 4, b'-'),
            (b"\0", b"", 0, 0),
            (&long, &[7; 300], 400, 0x82),
        ] {
            let error = Base64Error { offset, byte };
            assert_eq!(decode(text), (out.to_vec(), Some(error)));
            assert_eq!(error.offset(), offset);
        }
    }
}
