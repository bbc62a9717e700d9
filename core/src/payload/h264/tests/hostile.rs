use super::*;
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNIT_PARTS_MAX, ACCESS_UNITS_READY_MAX};

const IDR: &[u8] = &[0x65, 0x88, 0x84];

#[test]
fn payloads_that_cannot_be_read_damage_their_unit_and_no_other() {
    let table: &[(&str, &[u8], PayloadError)] = &[
        ("empty", &[], PayloadError::Empty),
        ("type 0", &[0x60, 1], PayloadError::Unsupported(0)),
        ("STAP-B", &[0x79, 0, 0, 0, 1, 0x41], PayloadError::Unsupported(25)),
        ("MTAP16", &[0x7a, 0, 0], PayloadError::Unsupported(26)),
        ("MTAP24", &[0x7b, 0, 0], PayloadError::Unsupported(27)),
        ("FU-B", &[0x7d, 0x85, 0, 0, 1], PayloadError::Unsupported(29)),
        ("type 31", &[0x7f, 1], PayloadError::Unsupported(31)),
        ("aggregate unit too long", &[0x78, 0, 9, 0x41], PayloadError::Truncated { needed: 9, length: 1 }),
        ("half a size", &[0x78, 0, 1, 0x41, 7], PayloadError::Truncated { needed: 2, length: 1 }),
        ("empty unit inside", &[0x78, 0, 0, 0, 1, 0x41], PayloadError::Truncated { needed: 1, length: 0 }),
        ("aggregate in an aggregate", &[0x78, 0, 1, 0x78], PayloadError::Unsupported(24)),
        ("fragment without header", &[0x7c], PayloadError::Truncated { needed: 2, length: 1 }),
        ("fragment without start", &[0x7c, 0x05, 1], PayloadError::FragmentWithoutStart),
        ("aggregate in fragments", &[0x7c, 0xd8, 1], PayloadError::Unsupported(24)),
    ];
    for (name, payload, error) in table {
        let packets = [
            packet(0, 0, true, IDR),
            packet(1, 1, false, IDR),
            packet(2, 1, false, payload),
            packet(3, 1, true, IDR),
            packet(4, 2, true, IDR),
        ];
        let (units, errors, _) = depacketize(&packets);
        assert_eq!(errors, [*error], "{name}");
        let damaged: Vec<_> = units.iter().map(|unit| unit.is_damaged).collect();
        assert_eq!(damaged, [false, true, false], "{name}");
        assert!(units[1].parts.len() >= 2, "{name}");
    }
}

#[test]
fn fragments_whose_end_never_comes_damage_their_unit() {
    let start: &[u8] = &[0x7c, 0x85, 1];
    for interruption in [IDR, start] {
        let packets = [
            packet(0, 0, false, start),
            packet(1, 0, false, interruption),
            packet(2, 0, false, &[0x7c, 0x45, 2]),
            packet(3, 0, true, IDR),
        ];
        let (units, errors, _) = depacketize(&packets);
        assert_eq!(errors, []);
        assert_eq!((units.len(), units[0].parts.len(), units[0].is_damaged), (1, 2, true));
    }
    let (units, _, _) =
        depacketize(&[packet(0, 0, false, IDR), packet(1, 0, false, start), packet(2, 1, true, IDR)]);
    assert_eq!(units.iter().map(|unit| unit.is_damaged).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn an_endless_nal_unit_ends_at_the_bound_and_the_next_unit_is_whole() {
    let fragment = [&[0x7c, 0x05][..], &[0x55; 60_000]].concat();
    let mut packets = vec![packet(0, 0, false, &[0x7c, 0x85])];
    let count = ACCESS_UNIT_BYTES_MAX / 60_000 + 10;
    packets.extend((1..=count).map(|sequence| packet(sequence as u16, 0, false, &fragment)));
    packets.push(packet(count as u16 + 1, 1, true, IDR));
    let (units, errors, _) = depacketize(&packets);
    assert_eq!(errors, [PayloadError::TooLong]);
    assert_eq!(units.len(), 1);
    assert_eq!((units[0].timestamp, units[0].is_damaged), (1, false));
}

#[test]
fn a_unit_may_be_as_long_as_the_bound_and_not_a_byte_longer() {
    let part = vec![0x65; 1 << 16];
    for over in [0, 1] {
        let mut packets: Vec<_> = (0..ACCESS_UNIT_BYTES_MAX >> 16)
            .map(|sequence| packet(sequence as u16, 0, false, &part))
            .collect();
        packets.extend((0..over).map(|_| packet(128, 0, false, &[0x65])));
        let (units, errors, _) = depacketize(&packets);
        assert_eq!((units.len(), errors.len()), (1 - over, over));
    }
}

#[test]
fn a_unit_may_have_as_many_nal_units_as_the_bound_and_not_one_more() {
    for over in [0, 1] {
        let packets: Vec<_> = (0..ACCESS_UNIT_PARTS_MAX + over)
            .map(|sequence| packet(sequence as u16, 0, false, IDR))
            .collect();
        let (units, errors, _) = depacketize(&packets);
        assert_eq!(units.len(), 1 - over);
        assert_eq!(errors, vec![PayloadError::TooManyParts; over]);
    }
    let bomb = [0, 0, 1, 0x65].repeat(10_000);
    let (units, errors, _) = depacketize(&[packet(0, 0, true, &bomb), packet(1, 1, true, IDR)]);
    assert_eq!((units.len(), errors), (1, vec![PayloadError::TooManyParts]));
}

#[test]
fn parameter_sets_without_end_are_bounded() {
    let packets: Vec<_> =
        (0..2000_u16).map(|sequence| packet(sequence, sequence.into(), true, &[0x67, 1])).collect();
    let (units, errors, _) = depacketize(&packets);
    assert!(units.iter().all(|unit| unit.parts.len() <= ACCESS_UNIT_PARTS_MAX));
    assert_eq!(errors, vec![PayloadError::TooManyParts; 3]);
}

#[test]
fn units_that_nobody_polls_stop_the_depacketizer_until_they_are_polled() {
    let mut depacketizer = Depacketizer::new();
    for at in 0..ACCESS_UNITS_READY_MAX as u16 {
        assert_eq!(depacketizer.push(&packet(at, at.into(), true, IDR), 0), Ok(()));
    }
    let next = ACCESS_UNITS_READY_MAX as u16;
    assert_eq!(depacketizer.push(&packet(next, 100, true, IDR), 0), Err(PayloadError::Unpolled));
    while let Some(unit) = depacketizer.poll() {
        assert!(!unit.is_damaged);
    }
    // The packet that was not taken is missing.
    assert_eq!(depacketizer.push(&packet(next + 1, 101, true, IDR), 0), Ok(()));
    assert!(depacketizer.poll().is_some_and(|unit| unit.is_damaged));
}

#[test]
fn no_sequence_of_bytes_panics_or_exceeds_the_bounds() {
    let mut state = 7_u64;
    let mut chance = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    let headers = [0, 1, 0x65, 0x41, 0x67, 0x68, 0x06, 0x78, 0x79, 0x7c, 0x5c, 0x7d, 0x09];
    let bytes = [0, 0, 0, 1, 1, 2, 0x85, 0x45, 0xc5, 0x05, 0x67, 0x88, 0xff];
    let mut depacketizer = Depacketizer::new();
    let (mut sequence, mut timestamp) = (0_u16, 0_u32);
    for _ in 0..100_000 {
        let mut payload = vec![headers[chance() as usize % headers.len()]];
        payload.extend((0..chance() % 24).map(|_| bytes[chance() as usize % bytes.len()]));
        payload.truncate(chance() as usize % 25);
        sequence = sequence.wrapping_add(1 + (chance() % 16 / 15) as u16);
        timestamp = timestamp.wrapping_add(chance() % 3 / 2);
        access_point(&payload);
        crate::payload::h265::access_point(&payload);
        let pushed = depacketizer.push(&packet(sequence, timestamp, chance() % 4 == 0, &payload), 0);
        assert_ne!(pushed, Err(PayloadError::Unpolled));
        while let Some(unit) = depacketizer.poll() {
            assert!(!unit.parts.is_empty() && unit.parts.len() <= ACCESS_UNIT_PARTS_MAX);
            assert!(unit.parts.iter().all(|nal| !nal.is_empty()));
        }
    }
}
