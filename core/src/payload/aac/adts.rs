use crate::description::AudioConfig;

/// Bytes of a header without checksum.
const HEADER_BYTES: usize = 7;
const CHECKSUM_BYTES: usize = 2;

/// The ADTS header of a unit of AAC (ISO/IEC 13818-7, section 6.2), as files of AAC have it in front of each.
///
/// `None` if ADTS cannot say it: a unit of more than 8,184 bytes, an unusual sample rate, another object type than AAC.
pub fn adts_header(config: &AudioConfig, unit_bytes: usize) -> Option<[u8; HEADER_BYTES]> {
    let profile = config.base_object_type.checked_sub(1).filter(|profile| *profile < 4)?;
    let rate = config.rate_index()?;
    let channels = config.layout & 7;
    let length =
        u16::try_from(unit_bytes.checked_add(HEADER_BYTES)?).ok().filter(|length| *length < 1 << 13)?;
    Some([
        0xff,
        0xf1,
        profile << 6 | rate << 2 | channels >> 2,
        channels << 6 | (length >> 11) as u8,
        (length >> 3) as u8,
        ((length & 7) << 5) as u8 | 0x1f,
        0xfc,
    ])
}

/// The bytes of the header and of the whole frame, if `bytes` begin with an ADTS frame that is whole.
pub(super) fn adts_lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    let &[0xff, flags, _, a, b, c, _, ..] = bytes else { return None };
    let length = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c >> 5);
    let header = if flags & 1 == 1 { HEADER_BYTES } else { HEADER_BYTES + CHECKSUM_BYTES };
    (flags & 0xf6 == 0xf0 && header <= length && length <= bytes.len()).then_some((header, length))
}
