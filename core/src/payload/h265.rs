//! H.265 (RFC 7798): what one packet tells without putting units together.

/// NAL unit types (H.265, table 7-1) and payload structures (RFC 7798, section 4.4).
const VPS: u8 = 32;
const SPS: u8 = 33;
const AGGREGATE: u8 = 48;
const FRAGMENT: u8 = 49;

/// The first fragment of a NAL unit, in the third byte of a fragmentation unit.
const FRAGMENT_START: u8 = 0x80;

/// Whether a payload begins a picture that decoding can begin with, as far as one packet can tell.
///
/// True for a VPS, an SPS and the intra random access pictures (IDR, CRA, BLA): alone, in an aggregation
/// packet, or as the first of its fragments. A picture whose parameter sets travel in packets of their
/// own has several such packets with one timestamp; decoding begins at the first. Aggregates with
/// decoding order numbers are not looked into.
pub fn is_keyframe_packet(payload: &[u8]) -> bool {
    let payload = match payload {
        [0, 0, 0, 1, rest @ ..] | [0, 0, 1, rest @ ..] => rest,
        _ => payload,
    };
    let Some((first, rest)) = payload.split_first() else { return false };
    match type_of(*first) {
        // The second byte of the header, then units, each after its size.
        AGGREGATE => {
            let mut rest = rest.get(1..).unwrap_or_default();
            while let Some((size, after)) = rest.split_first_chunk::<2>() {
                let Some((unit, after)) = after.split_at_checked(u16::from_be_bytes(*size).into()) else {
                    return false;
                };
                if unit.first().is_some_and(|header| is_key(type_of(*header))) {
                    return true;
                }
                rest = after;
            }
            false
        }
        FRAGMENT => rest.get(1).is_some_and(|header| header & FRAGMENT_START != 0 && is_key(header & 0x3f)),
        nal_type => is_key(nal_type),
    }
}

/// The type of the NAL unit or payload that begins with `header`.
fn type_of(header: u8) -> u8 {
    header >> 1 & 0x3f
}

fn is_key(nal_type: u8) -> bool {
    matches!(nal_type, 16..=21 | VPS | SPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_are_told_from_one_packet() {
        let table: &[(&str, &[u8], bool)] = &[
            ("nothing", &[], false),
            ("VPS", &[0x40, 1, 0x0c], true),
            ("SPS", &[0x42, 1, 1], true),
            ("PPS", &[0x44, 1, 0xc1], false),
            ("IDR_W_RADL", &[0x26, 1, 0xaf], true),
            ("IDR_N_LP", &[0x28, 1, 0xaf], true),
            ("CRA", &[0x2a, 1, 0xaf], true),
            ("BLA", &[0x20, 1, 0xaf], true),
            ("reserved IRAP", &[0x2c, 1, 0xaf], false),
            ("TRAIL_R", &[0x02, 1, 0xd0], false),
            ("start code, then VPS", &[0, 0, 0, 1, 0x40, 1], true),
            ("aggregate of SEI and SPS", &[0x60, 1, 0, 2, 0x4e, 1, 0, 2, 0x42, 1], true),
            ("aggregate of SEI and TRAIL_R", &[0x60, 1, 0, 2, 0x4e, 1, 0, 2, 0x02, 1], false),
            ("aggregate cut off", &[0x60, 1, 0, 9, 0x42, 1], false),
            ("aggregate of empty units", &[0x60, 1, 0, 0, 0, 0, 0, 0], false),
            ("first fragment of IDR", &[0x62, 1, 0x93], true),
            ("second fragment of IDR", &[0x62, 1, 0x13], false),
            ("first fragment of TRAIL_R", &[0x62, 1, 0x81], false),
            ("fragment cut off", &[0x62, 1], false),
        ];
        for (name, payload, is_key) in table {
            assert_eq!(is_keyframe_packet(payload), *is_key, "{name}");
        }
    }
}
