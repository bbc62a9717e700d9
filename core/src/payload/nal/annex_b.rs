use bytes::BufMut;

/// Bytes that are looked at together, an even number; a round one lets the compiler use vector instructions.
const STRIDE: usize = 256;

/// Splits a byte stream into its NAL units, without start codes and the zeros around them (H.264, H.265 and H.266, annex B).
///
/// The bytes before the first start code are a NAL unit as well; empty units are left out.
pub fn split_annex_b(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(stream);
    std::iter::from_fn(move || {
        let stream = rest?;
        let (nal, after) = match find_start_code(stream) {
            Some(at) => (stream.get(..at)?, stream.get(at.saturating_add(3)..)),
            None => (stream, None),
        };
        rest = after;
        Some(without_trailing_zeros(nal))
    })
    .filter(|nal| !nal.is_empty())
}

/// Writes NAL units as a byte stream, each after a start code of four bytes (H.264, H.265 and H.266, annex B).
pub fn write_annex_b<N: AsRef<[u8]>>(nals: impl IntoIterator<Item = N>, to: &mut impl BufMut) {
    for nal in nals {
        to.put_slice(&[0, 0, 0, 1]);
        to.put_slice(nal.as_ref());
    }
}

/// Where the first `00 00 01` begins.
pub(in crate::payload) fn find_start_code(bytes: &[u8]) -> Option<usize> {
    let mut from = 0_usize;
    for stride in bytes.chunks(STRIDE) {
        let end = from.saturating_add(STRIDE);
        // A length that the compiler knows lets it unroll the loop.
        let suspect = match stride.first_chunk::<STRIDE>() {
            Some(stride) => has_suspect_pair(stride),
            None => has_suspect_pair(stride),
        };
        if suspect {
            // The pair may be the end of a start code, or the beginning of one that ends behind the stride.
            let start = from.saturating_sub(1);
            let around = bytes.get(start..bytes.len().min(end.saturating_add(1)))?;
            if let Some(at) = find_bytewise(around) {
                return Some(start.saturating_add(at));
            }
        }
        from = end;
    }
    None
}

/// Returns `true` if a pair of bytes may be of a start code. Each start code holds one such pair: `00 00` where it begins at
/// an even place, `00 01` where it begins at an odd one.
#[inline]
fn has_suspect_pair(stride: &[u8]) -> bool {
    let pairs = stride.chunks_exact(2).filter_map(|pair| pair.first_chunk());
    pairs.fold(false, |found, pair| found | (u16::from_le_bytes(*pair) & 0xfeff == 0))
}

fn find_bytewise(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|window| window == [0, 0, 1])
}

fn without_trailing_zeros(nal: &[u8]) -> &[u8] {
    let len = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    nal.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_split_at_start_codes_of_either_length() {
        let table: &[(&[u8], &[&[u8]])] = &[
            (&[], &[]),
            (&[0, 0, 1], &[]),
            (&[0, 0, 0, 1, 0x67, 1], &[&[0x67, 1]]),
            (&[0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3], &[&[0x67, 1], &[0x68, 2], &[0x65, 3]]),
            (&[0, 0, 0, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 0, 1, 0x68, 0], &[&[0x67, 1], &[0x68]]),
            (&[0x67, 0, 0, 3, 1, 0, 0, 2], &[&[0x67, 0, 0, 3, 1, 0, 0, 2]]),
        ];
        for (stream, nals) in table {
            assert_eq!(&split_annex_b(stream).collect::<Vec<_>>(), nals, "{stream:02x?}");
        }
    }

    #[test]
    fn a_start_code_is_found_at_every_place() {
        for len in (3..70).chain(STRIDE - 4..STRIDE + 5).chain(2 * STRIDE - 4..2 * STRIDE + 5) {
            for at in 0..=len - 3 {
                let mut bytes = vec![0x5a; len];
                bytes[at..at + 3].copy_from_slice(&[0, 0, 1]);
                assert_eq!(find_start_code(&bytes), Some(at), "{len} bytes");
                bytes[at + 2] = 3;
                assert_eq!(find_start_code(&bytes), None, "{len} bytes, {at}");
            }
        }
    }

    #[test]
    fn written_streams_are_split_into_the_same_units() {
        let nals: Vec<Vec<u8>> = (1..100).map(|len| vec![0x41; len]).collect();
        let mut stream = Vec::new();
        write_annex_b(&nals, &mut stream);
        assert_eq!(stream[..5], [0, 0, 0, 1, 0x41]);
        assert_eq!(split_annex_b(&stream).collect::<Vec<_>>(), nals);
    }

    #[test]
    fn a_stream_of_nothing_but_zeros_takes_linear_time() {
        assert_eq!(split_annex_b(&vec![0; 1 << 20]).count(), 0);
        assert_eq!(split_annex_b(&[0, 0, 1].repeat(1 << 18)).count(), 0);
    }
}
