use super::*;
use crate::Tolerance;

/// The units, and the tolerances that were needed for them; there must be no error.
fn lenient(packets: &[(u32, bool, &[u8])]) -> (Vec<AccessUnit>, Vec<Tolerance>) {
    let packets: Vec<RtpPacket> = packets
        .iter()
        .enumerate()
        .map(|(at, (timestamp, marker, payload))| packet(at as u16, *timestamp, *marker, payload))
        .collect();
    let (units, errors, tolerances) = depacketize(&packets);
    assert_eq!(errors, []);
    (units, tolerances.iter().collect())
}

fn unit(timestamp: u32, nals: &[&[u8]], is_damaged: bool) -> AccessUnit {
    let is_keyframe = nals.iter().any(|nal| nal[0] & 0x1f == 5);
    let nals = nals.iter().map(|nal| Bytes::copy_from_slice(nal)).collect();
    AccessUnit { timestamp, parts: nals, is_keyframe, is_damaged, configuration: None }
}

const SPS: &[u8] = &[0x67, 0x42];
const PPS: &[u8] = &[0x68, 0xce];
const IDR: &[u8] = &[0x65, 0x88, 0x84];
const SLICE: &[u8] = &[0x41, 0x9a, 0x02];
/// A slice that does not begin its picture: first_mb_in_slice is not 0.
const SECOND_SLICE: &[u8] = &[0x41, 0x42, 0x03];

#[test]
fn start_codes_inside_a_payload_separate_nal_units() {
    let whole = unit(0, &[SPS, PPS, IDR], false);
    let joined: &[&[u8]] = &[
        &[0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65, 0x88, 0x84],
        &[0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x68, 0xce, 0, 0, 1, 0x65, 0x88, 0x84],
        &[0x67, 0x42, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 1, 0x65, 0x88, 0x84],
    ];
    for payload in joined {
        let (units, tolerances) = lenient(&[(0, true, payload)]);
        assert_eq!(units, std::slice::from_ref(&whole));
        assert_eq!(tolerances, [Tolerance::AnnexBInPayload]);
    }
}

#[test]
fn start_codes_inside_fragments_separate_nal_units_wherever_they_are_cut() {
    let table: &[&[u8]] = &[
        &[0x67, 0x42, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65, 0x88, 0x84],
        &[0x67, 0, 0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65, 0x88, 0x84],
    ];
    for stream in table {
        for cut in 1..stream.len() {
            let first = [&[0x7c, 0x87], &stream[1..cut]].concat();
            let last = [&[0x7c, 0x47], &stream[cut..]].concat();
            let (units, tolerances) = lenient(&[(0, false, &first), (0, true, &last)]);
            assert_eq!(units, [unit(0, &[SPS, PPS, IDR], false)], "cut at {cut}");
            assert!(tolerances.contains(&Tolerance::AnnexBInPayload));
        }
    }
}

#[test]
fn a_picture_is_split_at_start_codes_far_inside_once_the_stream_has_shown_some() {
    let first = nal(0x41, 1000, 1);
    let slices = [&first, &[0, 0, 0, 1][..], SECOND_SLICE].concat();
    let keyframe = [SPS, &[0, 0, 1], PPS, &[0, 0, 1], IDR].concat();
    let (units, tolerances) =
        lenient(&[(0, true, &slices), (3000, true, &keyframe), (6000, true, &slices), (9000, true, SLICE)]);
    assert_eq!(
        units,
        [
            unit(0, &[&slices], false),
            unit(3000, &[SPS, PPS, IDR], false),
            unit(6000, &[&first, SECOND_SLICE], false),
            unit(9000, &[SLICE], false),
        ]
    );
    assert_eq!(tolerances, [Tolerance::AnnexBInPayload]);
}

#[test]
fn a_picture_is_split_at_start_codes_near_its_beginning() {
    let slices = [SLICE, &[0, 0, 1], SECOND_SLICE].concat();
    let (units, tolerances) = lenient(&[(0, true, &slices)]);
    assert_eq!(units, [unit(0, &[SLICE, SECOND_SLICE], false)]);
    assert_eq!(tolerances, [Tolerance::AnnexBInPayload]);
}

#[test]
fn a_fragment_that_starts_and_ends_is_a_whole_nal_unit() {
    let (units, tolerances) = lenient(&[(0, true, &[0x7c, 0xc5, 0x88, 0x84])]);
    assert_eq!(units, [unit(0, &[IDR], false)]);
    assert_eq!(tolerances, [Tolerance::FragmentStartsAndEnds]);
}

#[test]
fn fragments_may_change_their_type_and_be_empty() {
    let (units, tolerances) = lenient(&[
        (0, false, &[0x7c, 0x85, 0x88]),
        (0, false, &[0x7c, 0x01]),
        (0, true, &[0x7c, 0x41, 0x84]),
    ]);
    assert_eq!(units, [unit(0, &[IDR], false)]);
    assert_eq!(tolerances, [Tolerance::FragmentTypeChanged, Tolerance::FragmentEmpty]);
}

#[test]
fn a_reserved_bit_in_a_fragment_is_ignored() {
    let (units, tolerances) = lenient(&[(0, false, &[0x7c, 0xa5, 0x88]), (0, true, &[0x7c, 0x65, 0x84])]);
    assert_eq!(units, [unit(0, &[IDR], false)]);
    assert_eq!(tolerances, []);
}

#[test]
fn zeros_after_the_last_unit_of_an_aggregate_are_padding() {
    for zeros in 1..6 {
        let payload = [&[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce][..], &vec![0; zeros]].concat();
        let (units, tolerances) = lenient(&[(0, false, &payload), (0, true, IDR)]);
        assert_eq!(units, [unit(0, &[SPS, PPS, IDR], false)]);
        assert_eq!(tolerances, [Tolerance::AggregatePadded]);
    }
}

#[test]
fn a_marker_on_parameter_sets_does_not_end_the_unit() {
    let (units, tolerances) = lenient(&[
        (0, true, SPS),
        (0, true, PPS),
        (0, true, &[0x06, 5, 1]),
        (0, true, IDR),
        (3000, true, SPS),
        (3000, true, PPS),
        (3600, true, IDR),
    ]);
    assert_eq!(units, [unit(0, &[SPS, PPS, &[0x06, 5, 1], IDR], false), unit(3600, &[SPS, PPS, IDR], false)]);
    assert_eq!(tolerances, [Tolerance::MarkerOnParameterSets]);
}

#[test]
fn without_markers_a_unit_ends_with_its_timestamp() {
    let (units, tolerances) =
        lenient(&[(0, false, SPS), (0, false, IDR), (3000, false, SLICE), (6000, false, SLICE)]);
    assert_eq!(
        units,
        [unit(0, &[SPS, IDR], false), unit(3000, &[SLICE], false), unit(6000, &[SLICE], false)]
    );
    assert_eq!(tolerances, [Tolerance::MarkerMissing]);
}

#[test]
fn a_marker_that_the_picture_goes_on_after_is_not_trusted_again() {
    let (units, tolerances) = lenient(&[
        (0, true, IDR),
        (0, true, SECOND_SLICE),
        (3000, true, SLICE),
        (3000, true, SECOND_SLICE),
        (6000, true, SLICE),
        (6000, false, SECOND_SLICE),
        (6000, true, SECOND_SLICE),
    ]);
    assert_eq!(
        units,
        [
            unit(0, &[IDR], false),
            unit(0, &[SECOND_SLICE], true),
            unit(3000, &[SLICE, SECOND_SLICE], false),
            unit(6000, &[SLICE, SECOND_SLICE, SECOND_SLICE], false),
        ]
    );
    assert_eq!(tolerances, [Tolerance::MarkerInsideAccessUnit]);
}

#[test]
fn pictures_that_share_a_timestamp_are_units_of_their_own() {
    let fields = [(0, true, SPS), (0, true, IDR), (0, true, SLICE), (0, true, SLICE)];
    let (units, _) = lenient(&fields);
    assert_eq!(units, [unit(0, &[SPS, IDR], false), unit(0, &[SLICE], false), unit(0, &[SLICE], false)]);

    // The same once markers are not trusted, with a clock that stands still.
    let (units, _) = lenient(&[
        (0, true, IDR),
        (0, true, SECOND_SLICE),
        (9, true, SLICE),
        (9, true, SECOND_SLICE),
        (9, true, SLICE),
        (9, true, SECOND_SLICE),
    ]);
    assert_eq!(units[2..], [unit(9, &[SLICE, SECOND_SLICE], false), unit(9, &[SLICE, SECOND_SLICE], false)]);
}
