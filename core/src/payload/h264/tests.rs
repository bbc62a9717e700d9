//! Round trips and losses; vectors, devices and hostile input in the files beside.

use bytes::{Bytes, BytesMut};

use super::*;
use crate::limits::PACKET_BYTES_MAX;
use crate::payload::{AccessUnit, PacketizerConfig, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

mod devices;
mod hostile;
mod sps;
mod vectors;

/// A NAL unit of `len` bytes without start codes, told apart by `seed`.
fn nal(header: u8, len: usize, seed: usize) -> Bytes {
    let body = (1..len).map(|at| 0x80 | (at * 7 + seed) as u8);
    std::iter::once(header).chain(body).collect()
}

fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> RtpPacket {
    let header = RtpHeader { payload_type: 96, marker, sequence, timestamp, ssrc: 1 };
    RtpPacket::build(header, payload)
}

fn packets_of(units: &[Vec<Bytes>], packet_bytes_max: usize) -> Vec<RtpPacket> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 1, 65_530) };
    let mut packetizer = Packetizer::new(config);
    let mut packets = Vec::new();
    for (at, nals) in units.iter().enumerate() {
        let nals = nals.iter().map(|nal| &nal[..]);
        packetizer.packetize(nals, at as u32 * 3000, |packet| packets.push(packet)).unwrap();
    }
    assert_eq!(packetizer.next_sequence(), 65_530_u16.wrapping_add(packets.len() as u16));
    packets
}

/// Everything that comes out, with the errors.
fn depacketize(packets: &[RtpPacket]) -> (Vec<AccessUnit>, Vec<PayloadError>, crate::Tolerances) {
    let mut depacketizer = Depacketizer::new();
    let (mut units, mut errors) = (Vec::new(), Vec::new());
    for packet in packets {
        errors.extend(depacketizer.push(packet, 0).err());
        units.extend(std::iter::from_fn(|| depacketizer.poll()));
    }
    depacketizer.flush();
    units.extend(std::iter::from_fn(|| depacketizer.poll()));
    (units, errors, depacketizer.take_tolerances())
}

/// A keyframe with parameter sets, and pictures of one and of several slices.
fn pictures() -> Vec<Vec<Bytes>> {
    vec![
        vec![nal(0x67, 20, 1), nal(0x68, 6, 2), nal(0x65, 900, 3)],
        vec![nal(0x41, 30, 4)],
        vec![nal(0x41, 350, 5)],
        vec![nal(0x41, 90, 6), nal(0x41, 250, 7)],
        vec![nal(0x09, 2, 8), nal(0x67, 20, 9), nal(0x68, 6, 10), nal(0x65, 400, 11)],
        vec![nal(0x41, 120, 12)],
        vec![nal(0x41, 30, 13)],
    ]
}

#[test]
fn a_unit_of_a_byte_more_than_a_packet_may_have_is_sent_in_two() {
    let most = PACKET_BYTES_MAX - 12;
    for (len, count) in [(most, 1), (most + 1, 2)] {
        let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 1, 0));
        let mut lens = Vec::new();
        packetizer.packetize([&nal(0x65, len, 1)[..]], 0, |packet| lens.push(packet.len())).unwrap();
        assert_eq!(lens.len(), count, "{lens:?}");
        assert!(lens.iter().all(|len| *len <= PACKET_BYTES_MAX), "{lens:?}");
    }
}

#[test]
fn units_of_every_size_come_back_whole() {
    for packet_bytes_max in [64, 100, PACKET_BYTES_MAX] {
        for len in (2..400).chain(1400..1500).chain([10_000, 65_535, 70_000]) {
            let units = vec![vec![nal(0x65, len, len)], vec![nal(0x41, len, 1), nal(0x41, len, 2)]];
            let packets = packets_of(&units, packet_bytes_max);
            assert!(packets.iter().all(|packet| packet.len() <= packet_bytes_max));
            let (back, errors, tolerances) = depacketize(&packets);
            assert_eq!(back.len(), 2, "{len} bytes");
            for (at, (back, nals)) in back.iter().zip(&units).enumerate() {
                assert_eq!(&back.parts, nals, "{len} bytes");
                assert_eq!(
                    (back.timestamp, back.is_keyframe, back.is_damaged),
                    (at as u32 * 3000, at == 0, false)
                );
            }
            assert_eq!((errors, tolerances), (vec![], crate::Tolerances::NONE));
        }
    }
}

#[test]
fn a_fragmented_unit_holds_no_more_memory_than_its_bytes() {
    let sizes = [70_000, 200, 9_000, 300, 20_000];
    let units: Vec<_> = sizes.iter().map(|len| vec![nal(0x65, *len, 1), nal(0x65, *len, 2)]).collect();
    for unit in depacketize(&packets_of(&units, 100)).0 {
        for nal in unit.parts {
            let len = nal.len();
            assert_eq!(BytesMut::from(nal).capacity(), len);
        }
    }
}

#[test]
fn the_marker_is_on_the_last_packet_of_a_unit_and_nowhere_else() {
    let packets = packets_of(&pictures(), 100);
    for (packet, next) in packets.iter().zip(&packets[1..]) {
        assert_eq!(packet.marker(), packet.timestamp() != next.timestamp());
        assert_eq!(packet.sequence().wrapping_add(1), next.sequence());
        let kept = RtpPacket::parse(packet.as_bytes().clone()).unwrap();
        assert_eq!(&kept, packet);
    }
    assert!(packets.last().unwrap().marker());
}

#[test]
fn a_unit_comes_out_with_its_marker() {
    let mut depacketizer = Depacketizer::new();
    for packet in packets_of(&pictures(), 100) {
        depacketizer.push(&packet, 0).unwrap();
        assert_eq!(depacketizer.poll().is_some(), packet.marker());
    }
}

#[test]
fn no_unit_with_a_lost_packet_comes_out_as_whole_and_no_other_is_lost() {
    let units = pictures();
    let packets = packets_of(&units, 100);
    for burst in 1..=4_usize {
        for first_lost in 0..=packets.len() - burst {
            let lost = &packets[first_lost..first_lost + burst];
            let mut depacketizer = Depacketizer::new();
            let mut back = Vec::new();
            for (at, packet) in packets.iter().enumerate() {
                if lost.contains(packet) {
                    continue;
                }
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
fn a_single_lost_marker_damages_its_own_unit_only() {
    let packets =
        packets_of(&[vec![nal(0x65, 300, 1)], vec![nal(0x41, 300, 2)], vec![nal(0x41, 30, 3)]], 100);
    let second_marker = packets.iter().filter(|packet| packet.marker()).nth(1).unwrap().sequence();
    let mut depacketizer = Depacketizer::new();
    let mut lost = 0;
    for packet in &packets {
        if packet.sequence() == second_marker {
            lost = 1;
            continue;
        }
        depacketizer.push(packet, std::mem::take(&mut lost)).unwrap();
    }
    let units: Vec<_> = std::iter::from_fn(|| depacketizer.poll()).collect();
    // Of the second, a single NAL unit without its end, nothing is left.
    assert_eq!(
        units.iter().map(|unit| (unit.timestamp, unit.is_damaged)).collect::<Vec<_>>(),
        [(0, false), (6000, false)]
    );
}

#[test]
fn a_gap_in_the_sequence_counts_as_a_loss_even_if_nobody_says_so() {
    let slices = [packet(1, 0, false, &nal(0x65, 9, 1)), packet(3, 0, true, &nal(0x65, 9, 2))];
    assert!(depacketize(&slices).0[0].is_damaged);
}

#[test]
fn joining_in_the_middle_never_gives_more_than_what_came() {
    let units = pictures();
    let packets = packets_of(&units, 100);
    for from in 0..packets.len() {
        let (back, errors, _) = depacketize(&packets[from..]);
        assert_eq!(errors, []);
        for unit in back {
            let nals = &units[(unit.timestamp / 3000) as usize];
            assert!(nals.ends_with(&unit.parts));
            assert!(&unit.parts == nals || unit.timestamp == packets[from].timestamp());
        }
    }
}

#[test]
fn another_ssrc_ends_the_unit_even_with_the_same_timestamp() {
    let one = packet(1, 0, false, &nal(0x65, 9, 1));
    let header = RtpHeader { sequence: 2, ssrc: 2, marker: true, ..RtpHeader::default() };
    let other = RtpPacket::build(header, &nal(0x67, 9, 2));
    let slice = RtpPacket::build(RtpHeader { sequence: 3, ..header }, &nal(0x65, 9, 3));
    let (units, _, _) = depacketize(&[one, other, slice]);
    assert_eq!(units.len(), 2);
    assert_eq!((units[0].parts.len(), units[0].is_damaged), (1, true));
    assert_eq!((units[1].parts.len(), units[1].is_damaged), (2, false));
}
