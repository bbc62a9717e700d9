//! Tests that hold for H.265 and H.266 alike: round trips, losses, and devices that deviate. H.264 has its own tests.

use bytes::Bytes;

use super::*;
use crate::limits::PACKET_BYTES_MAX;
use crate::payload::{AccessUnit, PacketizerConfig, PayloadError, h265, h266};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::{Tolerance, Tolerances};

/// Headers of NAL units.
#[derive(Clone, Copy)]
struct Headers {
    delimiter: Header,
    vps: Header,
    sps: Header,
    pps: Header,
    keyframe: Header,
    slice: Header,
}

const H265: Headers = Headers {
    delimiter: [0x46, 1],
    vps: [0x40, 1],
    sps: [0x42, 1],
    pps: [0x44, 1],
    keyframe: [0x26, 1],
    slice: [0x02, 1],
};

const H266: Headers = Headers {
    delimiter: [0, 0xa1],
    vps: [0, 0x71],
    sps: [0, 0x79],
    pps: [0, 0x81],
    keyframe: [0, 0x39],
    slice: [0, 0x01],
};

/// A NAL unit of `len` bytes without start codes, told apart by `seed`; it begins a picture if it can.
fn nal(header: Header, len: usize, seed: usize) -> Bytes {
    let body = (2..len).map(|at| 0x80 | (at * 7 + seed) as u8);
    header.into_iter().chain(body).collect()
}

/// A slice that does not begin its picture.
fn second_slice(header: Header, len: usize) -> Bytes {
    header.into_iter().chain((2..len).map(|at| 1 + (at % 100) as u8)).collect()
}

fn packets_of<S: Syntax>(units: &[Vec<Bytes>], packet_bytes_max: usize) -> Vec<RtpPacket> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 1, 65_530) };
    let mut packetizer = Packetizer::<S>::new(config);
    let mut packets = Vec::new();
    for (at, nals) in units.iter().enumerate() {
        let nals = nals.iter().map(|nal| &nal[..]);
        packetizer.packetize(nals, at as u32 * 3000, |packet| packets.push(packet)).unwrap();
    }
    assert_eq!(packetizer.next_sequence(), 65_530_u16.wrapping_add(packets.len() as u16));
    packets
}

/// Everything that comes out, with the errors.
fn depacketize<S: Syntax>(packets: &[RtpPacket]) -> (Vec<AccessUnit>, Vec<PayloadError>, Tolerances) {
    let mut depacketizer = Depacketizer::<S>::new();
    let (mut units, mut errors) = (Vec::new(), Vec::new());
    for packet in packets {
        errors.extend(depacketizer.push(packet, 0).err());
        units.extend(std::iter::from_fn(|| depacketizer.poll()));
    }
    depacketizer.flush();
    units.extend(std::iter::from_fn(|| depacketizer.poll()));
    (units, errors, depacketizer.take_tolerances())
}

/// Keyframes with parameter sets, and pictures of one and of several slices.
fn pictures(of: Headers) -> Vec<Vec<Bytes>> {
    let sets = |seed| vec![nal(of.vps, 24, seed), nal(of.sps, 40, seed), nal(of.pps, 7, seed)];
    let with_sets = |seed, more: Vec<Bytes>| sets(seed).into_iter().chain(more).collect::<Vec<_>>();
    vec![
        with_sets(1, vec![nal(of.keyframe, 900, 3)]),
        vec![nal(of.slice, 30, 4)],
        vec![nal(of.slice, 350, 5)],
        vec![nal(of.slice, 90, 6), second_slice(of.slice, 250)],
        std::iter::once(nal(of.delimiter, 3, 8))
            .chain(with_sets(9, vec![nal(of.keyframe, 400, 11)]))
            .collect(),
        vec![nal(of.slice, 120, 12)],
        vec![nal(of.slice, 30, 13)],
    ]
}

fn round_trips<S: Syntax>(of: Headers) {
    for packet_bytes_max in [64, 100, PACKET_BYTES_MAX] {
        for len in (3..200).chain(1430..1460).chain([10_000, 65_535, 70_000]) {
            let units =
                [vec![nal(of.keyframe, len, len)], vec![nal(of.slice, len, 1), nal(of.slice, len, 2)]];
            let packets = packets_of::<S>(&units, packet_bytes_max);
            assert!(packets.iter().all(|packet| packet.len() <= packet_bytes_max));
            let (back, errors, tolerances) = depacketize::<S>(&packets);
            assert_eq!((errors, tolerances, back.len()), (vec![], Tolerances::NONE, 2), "{len} bytes");
            for (at, (back, nals)) in back.iter().zip(&units).enumerate() {
                assert_eq!(&back.parts, nals, "{len} bytes");
                let told = (back.timestamp, back.is_keyframe, back.is_damaged);
                assert_eq!(told, (at as u32 * 3000, at == 0, false), "{len} bytes");
            }
        }
    }
    let units = pictures(of);
    let (back, errors, tolerances) = depacketize::<S>(&packets_of::<S>(&units, 100));
    assert_eq!((errors, tolerances), (vec![], Tolerances::NONE));
    assert!(back.iter().zip(&units).all(|(back, nals)| &back.parts == nals));
}

#[test]
fn units_of_every_size_come_back_whole() {
    round_trips::<h265::Syntax>(H265);
    round_trips::<h266::Syntax>(H266);
}

fn losses<S: Syntax>(of: Headers) {
    let units = pictures(of);
    let packets = packets_of::<S>(&units, 100);
    for burst in 1..=4_usize {
        for first_lost in 0..=packets.len() - burst {
            let lost = &packets[first_lost..first_lost + burst];
            let mut depacketizer = Depacketizer::<S>::new();
            let mut back = Vec::new();
            for (at, packet) in packets.iter().enumerate().filter(|(_, packet)| !lost.contains(packet)) {
                let missing = if at == first_lost + burst { burst as u16 } else { 0 };
                depacketizer.push(packet, missing).unwrap();
                back.extend(std::iter::from_fn(|| depacketizer.poll()));
            }
            for (at, nals) in units.iter().enumerate() {
                let timestamp = at as u32 * 3000;
                let found = back.iter().find(|unit| unit.timestamp == timestamp);
                let hit = lost.iter().any(|packet| packet.timestamp() == timestamp);
                let follows = lost.last().is_some_and(|packet| packet.timestamp() + 3000 == timestamp);
                match found {
                    Some(unit) if hit && first_lost > 0 => {
                        assert!(unit.is_damaged, "{burst} at {first_lost}")
                    }
                    Some(unit) if !hit => {
                        assert_eq!(&unit.parts, nals, "{burst} at {first_lost}");
                        assert!(!unit.is_damaged || follows, "{burst} at {first_lost}");
                    }
                    // At the very beginning nobody knows what came before.
                    Some(unit) => assert!(nals.ends_with(&unit.parts) || unit.is_damaged),
                    None => assert!(hit, "unit {at} is gone, {burst} at {first_lost}"),
                }
            }
        }
    }
}

#[test]
fn no_unit_with_a_lost_packet_comes_out_as_whole_and_no_other_is_lost() {
    losses::<h265::Syntax>(H265);
    losses::<h266::Syntax>(H266);
}

/// The units, and the tolerances that were needed for them; there must be no error.
fn lenient<S: Syntax>(payloads: &[(u32, bool, &[u8])]) -> (Vec<AccessUnit>, Vec<Tolerance>) {
    let packets = payloads.iter().enumerate().map(|(at, (timestamp, marker, payload))| {
        let sequence = at as u16;
        let header =
            RtpHeader { payload_type: 96, marker: *marker, sequence, timestamp: *timestamp, ssrc: 1 };
        RtpPacket::build(header, payload)
    });
    let (units, errors, tolerances) = depacketize::<S>(&packets.collect::<Vec<_>>());
    assert_eq!(errors, []);
    (units, tolerances.iter().collect())
}

fn devices<S: Syntax>(of: Headers) {
    let [vps, sps, pps] = [nal(of.vps, 9, 1), nal(of.sps, 9, 2), nal(of.pps, 9, 3)];
    let (keyframe, slice, second) = (nal(of.keyframe, 9, 4), nal(of.slice, 9, 5), second_slice(of.slice, 9));
    let whole = vec![vps.clone(), sps.clone(), pps.clone(), keyframe.clone()];
    let mut stream = Vec::new();
    write_annex_b(&whole, &mut stream);

    // Start codes in a payload, in front of it too, and in fragments wherever they are cut.
    for payload in [&stream[..], &stream[4..]] {
        let (units, tolerances) = lenient::<S>(&[(0, true, payload)]);
        assert_eq!((&units[0].parts, units[0].is_damaged), (&whole.clone().into(), false));
        assert_eq!(tolerances, [Tolerance::AnnexBInPayload]);
    }
    let fragment = S::with_type(of.vps, S::FRAGMENT);
    let vps_type = S::type_of(of.vps);
    for cut in 6..stream.len() {
        let first = [&fragment[..], &[FRAGMENT_START | vps_type], &stream[6..cut]].concat();
        let last = [&fragment[..], &[FRAGMENT_END | vps_type], &stream[cut..]].concat();
        let (units, tolerances) = lenient::<S>(&[(0, false, &first), (0, true, &last)]);
        assert_eq!(units[0].parts, whole, "cut at {cut}");
        assert!(tolerances.contains(&Tolerance::AnnexBInPayload));
    }

    // The marker on parameter sets, missing, and too early.
    let (units, tolerances) =
        lenient::<S>(&[(0, true, &vps), (0, true, &sps), (0, true, &pps), (0, true, &keyframe)]);
    assert_eq!((units.len(), &units[0].parts), (1, &whole.clone().into()));
    assert_eq!(tolerances, [Tolerance::MarkerOnParameterSets]);
    let (units, tolerances) = lenient::<S>(&[(0, false, &keyframe), (1, false, &slice), (2, false, &slice)]);
    assert!(units.len() == 3 && units.iter().all(|unit| !unit.is_damaged));
    assert_eq!(tolerances, [Tolerance::MarkerMissing]);
    let (units, tolerances) =
        lenient::<S>(&[(0, true, &keyframe), (0, true, &second), (9, true, &slice), (9, true, &second)]);
    let told: Vec<_> = units.iter().map(|unit| (unit.timestamp, unit.parts.len(), unit.is_damaged)).collect();
    assert_eq!(told, [(0, 1, false), (0, 1, true), (9, 2, false)]);
    assert_eq!(tolerances, [Tolerance::MarkerInsideAccessUnit]);

    // A fragment that starts and ends, one of another type, an empty one.
    let picture = S::with_type(of.keyframe, S::FRAGMENT);
    let kind = S::type_of(of.keyframe);
    let piece = |position: u8, body: &[u8]| [&picture[..], &[position], body].concat();
    let (units, tolerances) =
        lenient::<S>(&[(0, true, &piece(FRAGMENT_START | FRAGMENT_END | kind, &keyframe[2..]))]);
    assert_eq!((&units[0].parts, units[0].is_keyframe), (&vec![keyframe.clone()].into(), true));
    assert_eq!(tolerances, [Tolerance::FragmentStartsAndEnds]);
    let (units, tolerances) = lenient::<S>(&[
        (0, false, &piece(FRAGMENT_START | kind, &keyframe[2..4])),
        (0, false, &piece(kind, &[])),
        (0, true, &piece(FRAGMENT_END | 1, &keyframe[4..])),
    ]);
    assert_eq!(units[0].parts, vec![keyframe.clone()]);
    assert_eq!(tolerances, [Tolerance::FragmentTypeChanged, Tolerance::FragmentEmpty]);

    // Zeros behind the last unit of an aggregate.
    let aggregate = S::with_type(of.vps, S::AGGREGATE);
    for zeros in 1..6 {
        let payload = [&aggregate[..], &[0, 9], &vps, &[0, 9], &sps, &vec![0; zeros]].concat();
        let (units, tolerances) = lenient::<S>(&[(0, false, &payload), (0, true, &keyframe)]);
        assert_eq!((units[0].parts.len(), tolerances), (3, vec![Tolerance::AggregatePadded]));
    }
}

#[test]
fn deviations_of_devices_are_read() {
    devices::<h265::Syntax>(H265);
    devices::<h266::Syntax>(H266);
}
