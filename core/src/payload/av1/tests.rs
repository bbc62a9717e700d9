//! Packets as the specification has them, round trips, losses, and payloads that cannot be read.

use super::*;
use crate::description::{Codec, Format};
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNITS_READY_MAX, PACKET_BYTES_MAX};
use crate::payload::{AccessUnit, PacketizeError, PacketizerConfig, ParameterWatch, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

/// Of a file that libaom and FFmpeg have made: 320 x 240, Main, level 2.0.
const SEQUENCE: &[u8] = &[0x08, 0x00, 0x00, 0x00, 0x04, 0x3c, 0xff, 0xbc, 0xda, 0xf9, 0x00, 0x40];
/// The beginning of a keyframe, and of another frame.
const KEY: &[u8] = &[0x30, 0x10];
const INTER: &[u8] = &[0x30, 0x30];

fn obu(beginning: &[u8], len: usize, seed: usize) -> Bytes {
    beginning.iter().copied().chain((0..).map(|at: usize| (at * 7 + seed) as u8)).take(len).collect()
}

fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, marker, sequence, timestamp, ssrc: 1 }, payload)
}

fn packets_of(units: &[Vec<Bytes>], packet_bytes_max: usize) -> Vec<RtpPacket> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 1, 65_530) };
    let mut packetizer = Packetizer::new(config);
    let mut packets = Vec::new();
    for (at, obus) in units.iter().enumerate() {
        let obus = obus.iter().map(|obu| &obu[..]);
        packetizer.packetize(obus, at as u32 * 3000, |packet| packets.push(packet)).unwrap();
    }
    assert_eq!(packetizer.next_sequence(), 65_530_u16.wrapping_add(packets.len() as u16));
    packets
}

fn depacketize(packets: &[RtpPacket]) -> (Vec<AccessUnit>, Vec<PayloadError>) {
    let mut depacketizer = Depacketizer::new();
    let (mut units, mut errors) = (Vec::new(), Vec::new());
    for packet in packets {
        errors.extend(depacketizer.push(packet, 0).err());
        units.extend(std::iter::from_fn(|| depacketizer.poll()));
    }
    depacketizer.flush();
    units.extend(std::iter::from_fn(|| depacketizer.poll()));
    assert!(depacketizer.take_tolerances().is_empty());
    (units, errors)
}

fn payloads(obus: &[&[u8]], packet_bytes_max: usize) -> Vec<Vec<u8>> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 1, 0) };
    let mut payloads = Vec::new();
    let sent = Packetizer::new(config)
        .packetize(obus.iter().copied(), 0, |packet| payloads.push(packet.payload().to_vec()));
    assert_eq!(sent, Ok(()));
    payloads
}

#[test]
fn packets_are_those_of_the_specification() {
    assert_eq!(payloads(&[&[0x30, 1, 2]], 100), [[0x10, 0x30, 1, 2]]);
    // Two elements, of which the first has a length; a sequence begins.
    let two = payloads(&[SEQUENCE, &[0x30, 1]], 100);
    assert_eq!(two, [[&[0x28, 12][..], SEQUENCE, &[0x30, 1]].concat()]);
    // A stream of the low-overhead format: delimiter and sizes are left out, and so is a tile list.
    let stream = [&[0x12, 0, 0x0a, 11][..], &SEQUENCE[1..], &[0x42, 1, 9, 0x32, 1, 1]].concat();
    assert_eq!(payloads(&[&stream], 100), two);
    // An extension is kept.
    assert_eq!(payloads(&[&[0x36, 0x48, 1, 7]], 100), [[0x10, 0x34, 0x48, 7]]);
    // Four elements in two packets.
    let four: &[&[u8]] = &[&[0x30, 1], &[0x30, 2], &[0x30, 3], &[0x30, 4]];
    assert_eq!(payloads(four, 100), [&[0x30, 2, 0x30, 1, 2, 0x30, 2, 0x30, 3][..], &[0x10, 0x30, 4]]);
    // Fragments, the last followed by another OBU.
    let long = obu(KEY, 200, 0);
    let fragments = payloads(&[SEQUENCE, &long, &[0x30, 9]], 100);
    let heads: Vec<_> = fragments.iter().map(|payload| (payload[0], payload.len())).collect();
    assert_eq!(heads, [(0x68, 88), (0xd0, 88), (0xa0, 43)]);
    assert_eq!(fragments[2][1], 39);
    assert!(payloads(&[], 100).is_empty() && payloads(&[&[0x12, 0], &[]], 100).is_empty());
}

#[test]
fn what_is_no_obu_is_left_out_and_told() {
    let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 1, 0));
    let mut markers = Vec::new();
    let broken = [&[0x30, 1][..], &[0xb0, 1], &[0x32, 9, 1], &[0x30, 2]];
    let sent = packetizer.packetize(broken, 0, |packet| markers.push((packet.marker(), packet.len())));
    assert_eq!(sent, Err(PacketizeError::Malformed("an OBU is cut off, or none")));
    assert_eq!(markers, [(true, 12 + 6)]);
}

#[test]
fn units_of_every_size_come_back_whole() {
    for packet_bytes_max in [64, 100, PACKET_BYTES_MAX] {
        for len in (2..300).chain(1400..1480).chain([70_000]) {
            let units = [
                vec![Bytes::from_static(SEQUENCE), obu(KEY, len, 1)],
                vec![
                    obu(INTER, len, 2),
                    obu(&[0x20, 1], len, 3),
                    obu(&[0x2c, 8], len, 4),
                    obu(&[0x78], 40, 5),
                ],
            ];
            let packets = packets_of(&units, packet_bytes_max);
            assert!(packets.iter().all(|packet| packet.len() <= packet_bytes_max));
            assert_eq!(packets.iter().filter(|packet| packet.marker()).count(), 2);
            let (back, errors) = depacketize(&packets);
            assert_eq!((errors, back.len()), (vec![], 2), "{len} bytes");
            for (at, (unit, obus)) in back.iter().zip(&units).enumerate() {
                assert_eq!(&unit.parts, obus, "{len} bytes in packets of {packet_bytes_max}");
                let told = (unit.timestamp, unit.is_keyframe, unit.is_damaged);
                assert_eq!(told, (at as u32 * 3000, at == 0, false), "{len} bytes");
            }
        }
    }
}

#[test]
fn no_unit_with_a_lost_packet_comes_out_as_whole_and_no_other_is_lost() {
    let sequence = || Bytes::from_static(SEQUENCE);
    let units = [
        vec![sequence(), obu(KEY, 900, 1)],
        vec![obu(INTER, 30, 2)],
        vec![obu(INTER, 350, 3)],
        vec![obu(INTER, 90, 4), obu(INTER, 250, 5)],
        vec![sequence(), obu(KEY, 400, 6)],
        vec![obu(INTER, 120, 7)],
        vec![obu(INTER, 30, 8)],
    ];
    let packets = packets_of(&units, 100);
    for burst in 1..=4_usize {
        for first_lost in 0..=packets.len() - burst {
            let lost = &packets[first_lost..first_lost + burst];
            let mut depacketizer = Depacketizer::new();
            let mut back = Vec::new();
            for (at, packet) in packets.iter().enumerate().filter(|(_, packet)| !lost.contains(packet)) {
                let missing = if at == first_lost + burst { burst as u16 } else { 0 };
                depacketizer.push(packet, missing).unwrap();
                back.extend(std::iter::from_fn(|| depacketizer.poll()));
            }
            for (at, obus) in units.iter().enumerate() {
                let timestamp = at as u32 * 3000;
                let found = back.iter().find(|unit| unit.timestamp == timestamp);
                let hit = lost.iter().any(|packet| packet.timestamp() == timestamp);
                let follows = lost.last().is_some_and(|packet| packet.timestamp() + 3000 == timestamp);
                match found {
                    Some(unit) if hit => assert!(unit.is_damaged, "{burst} at {first_lost}"),
                    Some(unit) => {
                        assert_eq!(&unit.parts, obus, "{burst} at {first_lost}");
                        assert!(!unit.is_damaged || follows, "{burst} at {first_lost}");
                    }
                    None => assert!(hit, "unit {at} is gone, {burst} at {first_lost}"),
                }
            }
        }
    }
    for from in 0..packets.len() {
        let (back, errors) = depacketize(&packets[from..]);
        assert_eq!(errors, []);
        assert!(
            back.iter().all(|unit| unit.is_damaged || unit.parts == units[(unit.timestamp / 3000) as usize])
        );
    }
}

#[test]
fn elements_with_lengths_and_obus_with_sizes_are_read() {
    let whole = vec![Bytes::from_static(SEQUENCE), Bytes::from_static(&[0x30, 0x10, 7])];
    let sized_sequence = [&[0x0a, 11][..], &SEQUENCE[1..]].concat();
    let table: &[(&str, Vec<u8>)] = &[
        ("lengths for all", [&[0x08, 12][..], SEQUENCE, &[3, 0x30, 0x10, 7]].concat()),
        ("sizes in the OBUs", [&[0x28, 13][..], &sized_sequence, &[0x32, 2, 0x10, 7]].concat()),
        ("a delimiter", [&[0x38, 2, 0x12, 0, 12][..], SEQUENCE, &[0x30, 0x10, 7]].concat()),
        ("a delimiter without size", [&[0x38, 1, 0x10, 12][..], SEQUENCE, &[0x30, 0x10, 7]].concat()),
        ("several OBUs in an element", [&[0x18, 0x12, 0][..], &sized_sequence, &[0x32, 2, 0x10, 7]].concat()),
        ("an empty element", [&[0x38, 0, 12][..], SEQUENCE, &[0x30, 0x10, 7]].concat()),
        ("a length of three bytes", [&[0x08, 0x8c, 0x80, 0][..], SEQUENCE, &[3, 0x30, 0x10, 7]].concat()),
        ("reserved bits", [&[0x0f, 12][..], SEQUENCE, &[3, 0x30, 0x10, 7]].concat()),
    ];
    for (name, payload) in table {
        let (units, errors) = depacketize(&[packet(0, 0, true, payload)]);
        assert_eq!((errors, units.len()), (vec![], 1), "{name}");
        assert_eq!(
            (&units[0].parts, units[0].is_keyframe, units[0].is_damaged),
            (&whole.clone().into(), true, false),
            "{name}"
        );
    }
    let (units, errors) = depacketize(&[packet(0, 0, true, &[0x10, 0x12, 0])]);
    assert_eq!((units, errors), (vec![], vec![]), "a delimiter alone is nothing");
}

#[test]
fn a_keyframe_needs_its_sequence_header() {
    let is_keyframe = |obus: &[&[u8]]| {
        let obus: Vec<Bytes> = obus.iter().map(|obu| Bytes::copy_from_slice(obu)).collect();
        depacketize(&packets_of(&[obus], 1000)).0[0].is_keyframe
    };
    let still: &[u8] = &[0x08, 0x18, 0x15, 0x7f];
    assert!(is_keyframe(&[SEQUENCE, KEY]) && is_keyframe(&[SEQUENCE, &[0x18, 0x10], &[0x20]]));
    assert!(is_keyframe(&[still, &[0x30, 0xff]]));
    assert!(
        !is_keyframe(&[KEY]) && !is_keyframe(&[SEQUENCE, INTER]) && !is_keyframe(&[SEQUENCE, &[0x18, 0x80]])
    );
}

#[test]
fn payloads_that_cannot_be_read_damage_their_unit_and_no_other() {
    let table: &[(&[u8], PayloadError)] = &[
        (&[], PayloadError::Empty),
        (&[0x20, 9, 0x30], PayloadError::Truncated { needed: 9, length: 1 }),
        (&[0x00, 0x80], PayloadError::Truncated { needed: 2, length: 1 }),
        (&[0x90, 1], PayloadError::FragmentWithoutStart),
        (&[0x10, 0xb0, 1], PayloadError::Malformed("an OBU is cut off")),
        (&[0x10, 0x32, 9, 1], PayloadError::Malformed("an OBU is cut off")),
    ];
    let frame = [&[0x10][..], INTER].concat();
    for (payload, error) in table {
        let packets = [
            packet(0, 0, true, &frame),
            packet(1, 1, false, &frame),
            packet(2, 1, false, payload),
            packet(3, 1, true, &frame),
            packet(4, 2, true, &frame),
        ];
        let (units, errors) = depacketize(&packets);
        assert_eq!(errors, [*error], "{payload:02x?}");
        let damaged: Vec<_> = units.iter().map(|unit| (unit.is_damaged, unit.parts.len())).collect();
        assert_eq!(damaged, [(false, 1), (true, 2), (false, 1)], "{payload:02x?}");
    }
    // A fragment that nothing continues.
    let packets =
        [packet(0, 0, false, &[0x50, 0x30, 1]), packet(1, 0, true, &frame), packet(2, 1, true, &frame)];
    let (units, errors) = depacketize(&packets);
    assert_eq!(errors, []);
    assert_eq!(units.iter().map(|unit| unit.is_damaged).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn an_endless_obu_ends_at_the_bound_and_units_that_nobody_polls_stop_it() {
    let mut units = vec![vec![obu(KEY, ACCESS_UNIT_BYTES_MAX + 1, 1)]];
    units.extend((0..=ACCESS_UNITS_READY_MAX).map(|at| vec![obu(INTER, 40, at)]));
    let mut depacketizer = Depacketizer::new();
    let packets = packets_of(&units, 60_000);
    let errors: Vec<_> = packets.iter().filter_map(|packet| depacketizer.push(packet, 0).err()).collect();
    assert_eq!(errors, [PayloadError::TooLong, PayloadError::Unpolled]);
    let back: Vec<_> = std::iter::from_fn(|| depacketizer.poll()).collect();
    assert!(back.len() == ACCESS_UNITS_READY_MAX && back.iter().all(|unit| !unit.is_damaged));
}

#[test]
fn access_points_are_told_from_one_packet() {
    let table: &[(&str, &[u8], bool)] = &[
        ("nothing", &[], false),
        ("a sequence begins", &[0x18, 0x30, 1], true),
        ("sequence header", &[0x10, 0x08, 1], true),
        ("behind another element", &[0x20, 2, 0x12, 0, 0x0a, 1, 1], true),
        ("end of an OBU that looks like one", &[0x90, 0x08, 1], false),
        ("frame", &[0x10, 0x30, 1], false),
        ("cut off", &[0x20, 9, 0x08], false),
    ];
    for (name, payload, is_refresh) in table {
        assert_eq!(contents(payload).access_point, is_refresh.then_some(AccessPoint::Refresh), "{name}");
    }
}

#[test]
fn a_sequence_header_tells_what_a_decoder_has_to_know() {
    let mut watch = ParameterWatch::new(&Format::av1(96, 0, 8));
    let parts = Parts::from_iter([SEQUENCE, KEY].map(Bytes::from_static));
    let unit = AccessUnit { timestamp: 0, parts, is_keyframe: true, is_damaged: false, configuration: None };
    assert_eq!((watch.look(&unit), watch.look(&unit)), (true, false));
    let parameters = watch.parameters();
    let video = parameters.video.unwrap();
    assert_eq!((video.width, video.height), (320, 240));
    assert_eq!(parameters.codec.as_deref(), Some("av01.0.00M.08"));
    // As FFmpeg writes it.
    let record = [&[0x81, 0x00, 0x0c, 0x00, 0x0a, 0x0b][..], &SEQUENCE[1..]].concat();
    assert_eq!(parameters.configuration.unwrap(), record);
}

#[test]
fn sequence_headers_of_all_kinds_are_read() {
    let bits = |text: &str| {
        let bits: Vec<u8> = text.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
        let bytes = bits
            .chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |all, (at, bit)| all | bit << (7 - at)));
        std::iter::once(0x08).chain(bytes).collect::<Vec<u8>>()
    };
    let word = |number: u32| format!("{number:032b}");
    // Timing of 25 pictures a second, a model of the decoder with delays of 10 bits, two operating points with delays to the
    // first display; level 4.0 in the high tier; order hints and screen content that may be forced.
    let of = |colours: &str| {
        bits(&format!(
            "010 0 0 1 {} {} 1 1 1 01001 {} 00000 00000 1 00001 {zeros} 01000 1 1 {delays} 1 1111 {zeros} 00000 0 0 \
             1010 1010 11101110000 10000110111 1 0000000 0000000 1 00 0 1 0 0 000 111 {colours} 0",
            word(1),
            word(25),
            word(25),
            zeros = "000000000000",
            delays = "0".repeat(21),
        ))
    };
    let header = SequenceHeader::read(&of("1 1 0 1 00000001 00000001 00000001 0 1 1 10 0")).unwrap();
    assert_eq!((header.profile, header.level, header.is_high_tier, header.bit_depth), (2, 8, true, 12));
    assert_eq!((header.width, header.height), (1905, 1080));
    assert_eq!(header.frame_rate, crate::payload::FrameRate::new(25, 1));
    assert_eq!((header.subsampling, header.sample_position), ((true, true), 2));
    assert_eq!((header.codec().as_str(), header.is_monochrome), ("av01.2.08H.12", false));
    // Without colour; RGB of ten bits; 4:2:2 of ten bits.
    let told = |colours| {
        let header = SequenceHeader::read(&of(colours)).unwrap();
        (header.bit_depth, header.is_monochrome, header.subsampling)
    };
    assert_eq!(told("1 0 1 0 1"), (10, true, (true, true)));
    assert_eq!(told("1 0 0 1 00000001 00001101 00000000"), (10, false, (false, false)));
    assert_eq!(told("1 0 0 0 0"), (10, false, (true, false)));
    for length in 0..SEQUENCE.len() {
        for bit in 0..8 {
            let mut changed = SEQUENCE.to_vec();
            changed[length] ^= 1 << bit;
            if let Some(read) = SequenceHeader::read(&changed) {
                assert!(read.width > 0 && read.height > 0 && read.profile <= 2);
            }
        }
    }
}

#[test]
fn parameters_have_the_values_that_count_where_they_are_missing() {
    let of = |fmtp: &str| match Format::new(96, "AV1", 90_000).with_fmtp(fmtp).codec {
        Codec::Av1(av1) => (av1.profile, av1.level, av1.is_high_tier),
        other => panic!("{other:?}"),
    };
    assert_eq!(of(""), (0, 5, false));
    assert_eq!(of("profile=2; level-idx=8; tier=1"), (2, 8, true));
    assert_eq!(of("profile=7; level-idx=x"), (0, 5, false));
    assert_eq!(Format::av1(96, 0, 8).fmtp.as_deref(), Some("profile=0; level-idx=8; tier=0"));
}
