use super::*;

fn payloads(nals: &[&[u8]], packet_bytes_max: usize) -> Vec<Vec<u8>> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 1, 0) };
    let mut payloads = Vec::new();
    Packetizer::new(config)
        .packetize(nals.iter().copied(), 0, |packet| payloads.push(packet.payload().to_vec()))
        .unwrap();
    payloads
}

#[test]
fn a_nal_unit_that_fits_is_a_packet_of_its_own() {
    assert_eq!(payloads(&[&[0x65, 1, 2]], 100), [[0x65, 1, 2]]);
    assert_eq!(payloads(&[&[0x65; 88]], 100), [[0x65; 88]]);
    assert!(payloads(&[], 100).is_empty());
    assert!(payloads(&[&[], &[]], 100).is_empty());
}

#[test]
fn small_nal_units_are_aggregated_under_the_highest_importance_among_them() {
    let nals: &[&[u8]] = &[&[0x06, 9], &[0x41, 1, 2], &[0x21, 3]];
    assert_eq!(payloads(nals, 100), [[0x58, 0, 2, 0x06, 9, 0, 3, 0x41, 1, 2, 0, 2, 0x21, 3]]);
    assert_eq!(payloads(&[&[0x80 | 0x06], &[0x06]], 100), [[0x98, 0, 1, 0x86, 0, 1, 0x06]]);
}

#[test]
fn an_aggregate_is_filled_to_the_last_byte_and_no_further() {
    // 88 bytes of payload: 1 + (2 + 40) + (2 + 43) fit exactly.
    assert_eq!(payloads(&[&[0x41; 40], &[0x41; 43]], 100).len(), 1);
    assert_eq!(payloads(&[&[0x41; 40], &[0x41; 44]], 100).len(), 2);
    let three: &[&[u8]] = &[&[0x41; 40], &[0x41; 43], &[0x41; 1]];
    assert_eq!(payloads(three, 100).iter().map(Vec::len).collect::<Vec<_>>(), [88, 1]);
}

#[test]
fn a_nal_unit_that_does_not_fit_is_fragmented() {
    let nal: Vec<u8> = std::iter::once(0x65).chain(0..200).collect();
    let three = payloads(&[&nal], 100);
    assert_eq!(three.iter().map(Vec::len).collect::<Vec<_>>(), [88, 88, 30]);
    assert_eq!(three[0][..4], [0x7c, 0x85, 0, 1]);
    assert_eq!(three[1][..4], [0x7c, 0x05, 86, 87]);
    assert_eq!(three[2][..4], [0x7c, 0x45, 172, 173]);
    // One byte more than a packet holds makes two fragments, neither of which is both first and last.
    let two = payloads(&[&[0x65; 89]], 100);
    assert_eq!(two.iter().map(|payload| payload[1]).collect::<Vec<_>>(), [0x85, 0x45]);
}

#[test]
fn packet_sizes_out_of_range_are_brought_into_it() {
    for packet_bytes_max in [0, 1, 64] {
        assert!(payloads(&[&[0x65; 1000]], packet_bytes_max).iter().all(|payload| payload.len() <= 52));
    }
    let large = payloads(&[&[0x65; 100_000]], usize::MAX);
    assert_eq!(large.iter().map(|payload| payload.len() + 12).collect::<Vec<_>>(), [65_535, 34_492]);
}

#[test]
fn refreshes_are_told_from_one_packet() {
    let table: &[(&str, &[u8], bool)] = &[
        ("nothing", &[], false),
        ("SPS", &[0x67, 0x42], true),
        ("PPS", &[0x68, 0xce], false),
        ("IDR", &[0x65, 0x88], true),
        ("slice", &[0x41, 0x9a], false),
        ("SEI", &[0x06, 5], false),
        ("start code, then SPS", &[0, 0, 0, 1, 0x67], true),
        ("short start code, then slice", &[0, 0, 1, 0x41], false),
        ("aggregate of delimiter and SPS", &[0x78, 0, 2, 0x09, 0xf0, 0, 1, 0x67], true),
        ("aggregate of SEI and slice", &[0x78, 0, 2, 0x06, 5, 0, 1, 0x41], false),
        ("aggregate cut off", &[0x78, 0, 9, 0x67], false),
        ("aggregate of empty units", &[0x78, 0, 0, 0, 0], false),
        ("aggregate of nothing", &[0x78], false),
        ("first fragment of IDR", &[0x7c, 0x85, 0x88], true),
        ("next fragment of IDR", &[0x7c, 0x05, 0x88], false),
        ("last fragment of IDR", &[0x7c, 0x45, 0x88], false),
        ("first fragment of slice", &[0x5c, 0x81, 0x9a], false),
        ("fragment cut off", &[0x7c], false),
        ("recovery point", &[0x06, 6, 1, 0xc4, 0x80], true),
        ("aggregate of delimiter, PPS and recovery point", AGGREGATED_RECOVERY, true),
        ("first fragment of a recovery point", &[0x1c, 0x86, 6, 1, 0xc4], true),
        ("next fragment of a recovery point", &[0x1c, 0x06, 6, 1, 0xc4], false),
    ];
    for (name, payload, is_refresh) in table {
        assert_eq!(access_point(payload) == Some(AccessPoint::Refresh), *is_refresh, "{name}");
    }
}

const AGGREGATED_RECOVERY: &[u8] = &[0x78, 0, 2, 9, 0xf0, 0, 2, 0x68, 0xce, 0, 5, 0x06, 6, 1, 0xc4, 0x80];

#[test]
fn i_pictures_are_told_from_their_first_slice() {
    let table: &[(&str, &[u8], bool)] = &[
        ("slice type 7", &[0x41, 0x88, 0x84], true),
        ("slice type 2", &[0x61, 0xb5], true),
        ("partition A", &[0x42, 0xb8], true),
        ("slice type 5, all P", &[0x41, 0x9a], false),
        ("slice type 0, P", &[0x41, 0xe0], false),
        ("slice type 6, all B", &[0x01, 0x9e], false),
        ("slice type 1, B", &[0x01, 0xa8], false),
        ("a second slice", &[0x41, 0x40], false),
        ("first fragment", &[0x7c, 0x81, 0x88], true),
        ("next fragment", &[0x7c, 0x01, 0x88], false),
        ("behind a delimiter", &[0x78, 0, 2, 9, 0x10, 0, 2, 0x41, 0x88], true),
        ("cut off", &[0x41], false),
    ];
    for (name, payload, is_intra) in table {
        assert_eq!(access_point(payload), is_intra.then_some(AccessPoint::Intra), "{name}");
    }
}
