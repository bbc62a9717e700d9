//! The bits inside NAL units (H.264, sections 7.3 and 9.1, annex D; H.265 has the same).

/// The message that tells where decoding can begin without an instantaneous refresh; the same number in both codecs.
const RECOVERY_POINT: usize = 6;

/// Bytes of messages that are looked through: a recovery point comes behind small messages, if any.
const SEARCHED_BYTES: usize = 128;

/// Returns `true` if supplemental enhancement information, without the header of its NAL unit, has a recovery point.
pub(super) fn has_recovery_point(messages: &[u8]) -> bool {
    let mut bytes = unescaped(messages.get(..SEARCHED_BYTES).unwrap_or(messages));
    loop {
        let (Some(kind), Some(size)) = (message_number(&mut bytes), message_number(&mut bytes)) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            return true;
        }
        if size.checked_sub(1).is_some_and(|last| bytes.nth(last).is_none()) {
            return false;
        }
    }
}

/// The type or the size of a message: bytes of 255, and a last one, together.
fn message_number(bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut number = 0_usize;
    loop {
        let byte = bytes.next()?;
        number = number.saturating_add(byte.into());
        if byte != 0xff {
            return Some(number);
        }
    }
}

/// The number that stands at the beginning as ue(v); `None` if it is cut off, or above 65,534.
pub(super) fn exp_golomb(bytes: impl Iterator<Item = u8>) -> Option<u32> {
    let mut bits = bytes.flat_map(|byte| (0..8_u8).rev().map(move |place| byte >> place & 1));
    let mut zeros = 0_u8;
    while bits.next()? == 0 {
        zeros = zeros.saturating_add(1);
    }
    if zeros > 15 {
        return None;
    }
    let code = bits.take(zeros.into()).fold(1_u32, |code, bit| code << 1 | u32::from(bit));
    // Fewer bits than announced leave the code too short.
    (code >> zeros == 1).then(|| code.saturating_sub(1))
}

/// The bytes without those that keep start codes from appearing.
pub(super) fn unescaped(nal: &[u8]) -> impl Iterator<Item = u8> {
    let mut zeros = 0_u8;
    nal.iter().copied().filter(move |byte| {
        let is_escape = zeros >= 2 && *byte == 3;
        zeros = if *byte == 0 { zeros.saturating_add(1) } else { 0 };
        !is_escape
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_point_is_found_among_other_messages() {
        let table: &[(&str, &[u8], bool)] = &[
            ("nothing", &[], false),
            ("alone", &[6, 1, 0xc4, 0x80], true),
            ("cut off behind its type", &[6], false),
            ("another", &[5, 2, 6, 6, 0x80], false),
            ("behind buffering period and picture timing", &[0, 1, 0xc0, 1, 2, 9, 9, 6, 1, 0xc4, 0x80], true),
            ("behind an empty message", &[9, 0, 6, 1, 0xc4, 0x80], true),
            ("behind a message with an escaped zero", &[4, 4, 0, 0, 3, 1, 7, 6, 1, 0xc4, 0x80], true),
            ("of a type of two bytes", &[0xff, 6, 1, 0xc4, 0x80], false),
            ("behind a message that is cut off", &[4, 200, 6, 1], false),
        ];
        for (name, messages, has) in table {
            assert_eq!(has_recovery_point(messages), *has, "{name}");
        }
        let behind = |size: u8| [&[4, size], &*vec![1; size.into()], &[6, 1, 0xc4, 0x80]].concat();
        assert!(has_recovery_point(&behind(124)));
        assert!(!has_recovery_point(&behind(125)), "beyond the bytes that are looked through");
    }

    #[test]
    fn numbers_are_read_as_the_standard_writes_them() {
        for (bytes, number) in [
            (&[0x80][..], Some(0)),
            (&[0b0100_0000], Some(1)),
            (&[0b0110_0000], Some(2)),
            (&[0b0001_0000], Some(7)),
            (&[0, 1, 0xff, 0xff], Some(65_534)),
            (&[0, 0, 0x80, 0, 0], None),
            (&[0b0000_1000], None),
            (&[0], None),
            (&[], None),
        ] {
            assert_eq!(exp_golomb(bytes.iter().copied()), number, "{bytes:02x?}");
        }
    }
}
