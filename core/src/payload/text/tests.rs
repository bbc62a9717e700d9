use super::*;
use crate::description::{Codec, Format, Redundant};
use crate::limits::{ACCESS_UNITS_READY_MAX, REDUNDANT_BLOCKS_MAX};
use crate::payload::{PacketizeError, PacketizerConfig, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

const CONFIG: PacketizerConfig = PacketizerConfig::new(100, 1, 65_530);

fn redundant(repeats: u8) -> Redundant {
    let Codec::Redundant(redundant) = Format::redundant_text(100, 98, repeats).codec else { panic!("red") };
    redundant
}

fn packet(sequence: u16, payload: &[u8]) -> RtpPacket {
    RtpPacket::build(
        RtpHeader { payload_type: 100, marker: false, sequence, timestamp: 5000, ssrc: 1 },
        payload,
    )
}

fn polled(depacketizer: &mut Depacketizer) -> Vec<(u32, bool, String)> {
    std::iter::from_fn(|| depacketizer.poll())
        .map(|unit| {
            let text = String::from_utf8(unit.parts.to_bytes().to_vec()).unwrap();
            (unit.timestamp, unit.is_damaged, text)
        })
        .collect()
}

/// Words, and three empty blocks that only repeat, 300 ms apart.
const WORDS: [&str; 9] = ["¡H", "ola", " ", "a", " todo", "s", "", "", ""];

fn packets_of(repeats: u8) -> Vec<RtpPacket> {
    let redundant = redundant(repeats);
    let mut packetizer = Packetizer::new(CONFIG, (repeats > 0).then_some(&redundant));
    let mut packets = Vec::new();
    for (word, timestamp) in WORDS.iter().zip((0..).step_by(300)) {
        packetizer.packetize([word.as_bytes()], timestamp, |packet| packets.push(packet)).unwrap();
    }
    packets
}

#[test]
fn what_is_lost_comes_back_from_what_is_repeated() {
    for repeats in [0, 1, 2, 8] {
        let packets = packets_of(repeats);
        for from in 0..packets.len() {
            for to in from..=packets.len() {
                let mut depacketizer = Depacketizer::new(repeats > 0);
                for (at, packet) in packets.iter().enumerate().filter(|(at, _)| !(from..to).contains(at)) {
                    let lost = if at == to { to - from } else { 0 };
                    depacketizer.push(packet, lost as u16).unwrap();
                }
                let is_back = |at: usize| at >= to.saturating_sub(usize::from(repeats)) && to < packets.len();
                let is_there = |at: &usize| !(from..to).contains(at) || is_back(*at);
                let mut expected: Vec<_> = (0..WORDS.len())
                    .filter(|at| is_there(at) && !WORDS[*at].is_empty())
                    .map(|at| (at as u32 * 300, false, WORDS[at].to_owned()))
                    .collect();
                // The first unit behind what could not be restored is marked.
                let is_hole = to - from > usize::from(repeats);
                let hole = (to.saturating_sub(usize::from(repeats))) as u32 * 300;
                if let Some(behind) =
                    expected.iter_mut().find(|(at, ..)| is_hole && to < packets.len() && *at >= hole)
                {
                    behind.1 = true;
                }
                assert_eq!(polled(&mut depacketizer), expected, "{repeats} times, lost {from}..{to}");
            }
        }
    }
}

#[test]
fn packets_are_laid_out_as_rfc_2198_draws_them() {
    let packets = packets_of(2);
    // "¡H" 600 and "ola" 300 units ago, both of payload type 98, and a blank.
    let expected = [&[0x80 | 98, 0x09, 0x60, 3, 0x80 | 98, 0x04, 0xb0, 3, 98][..], "¡Hola ".as_bytes()];
    assert_eq!(packets[2].payload(), expected.concat());
    let markers: Vec<_> = packets.iter().map(|packet| packet.marker()).collect();
    assert_eq!(markers, [true, false, false, false, false, false, false, false, false]);
    let mut packetizer = Packetizer::new(CONFIG, None);
    let mut markers = Vec::new();
    packetizer
        .packetize([&b"a"[..], b"", b"", b"b", b"c"], 0, |packet| markers.push(packet.marker()))
        .unwrap();
    assert_eq!(markers, [true, false, false, true, false]);
}

#[test]
fn blocks_that_are_too_old_or_do_not_fit_are_not_repeated() {
    let small = PacketizerConfig { packet_bytes_max: 64, ..CONFIG };
    let mut packetizer = Packetizer::new(small, Some(&redundant(2)));
    let mut lengths = Vec::new();
    for (text, timestamp) in [
        ("0123456789", 0),
        ("0123456789", 300),
        ("0123456789abcdefghij0123456789", 600),
        ("z", 16_684),
        ("y", 16_685),
    ] {
        packetizer
            .packetize([text.as_bytes()], timestamp, |packet| lengths.push(packet.payload().len()))
            .unwrap();
    }
    // Alone; with the one before; with one of two that fits; with one that is 16,084 old and not that of 16,384; with both.
    assert_eq!(lengths, [11, 25, 45, 36, 41]);
    let long = [b'x'; 52];
    let result =
        packetizer.packetize([&long[..], b"w"], 16_700, |packet| lengths.push(packet.payload().len()));
    assert_eq!(result, Err(PacketizeError::TooLong { length: 52, most: 51 }));
    assert_eq!(lengths.len(), 6);
    let mut packetizer = Packetizer::new(CONFIG, Some(&redundant(1)));
    let result = packetizer.packetize([&[b'x'; 1024][..]], 0, |_| panic!("nothing is sent"));
    assert_eq!(result, Err(PacketizeError::TooLong { length: 1024, most: 1023 }));
}

#[test]
fn what_cannot_be_read_leaves_a_hole() {
    let mut depacketizer = Depacketizer::new(true);
    let repeated = [0x80 | 98, 0, 0x04, 3];
    for (sequence, payload, expected) in [
        (0, &[][..], PayloadError::Empty),
        (1, &repeated[..3], PayloadError::Truncated { needed: 4, length: 3 }),
        (2, &repeated, PayloadError::Truncated { needed: 1, length: 0 }),
        (3, &[0x80 | 98, 0, 0x04, 3, 98, 1, 2], PayloadError::Truncated { needed: 3, length: 2 }),
    ] {
        assert_eq!(depacketizer.push(&packet(sequence, payload), 0), Err(expected));
    }
    depacketizer.push(&packet(4, &[98, b'x']), 0).unwrap();
    depacketizer.push(&packet(5, &[98, b'y']), 0).unwrap();
    assert_eq!(polled(&mut depacketizer), [(5000, true, "x".to_owned()), (5000, false, "y".to_owned())]);
    // More blocks than are kept: the last ones count.
    let many: Vec<u8> =
        (0..12_u8).flat_map(|_| [0x80 | 98, 0, 0x04, 1]).chain([98]).chain(b'a'..=b'm').collect();
    depacketizer.push(&packet(16, &many), 10).unwrap();
    let text: String = polled(&mut depacketizer).into_iter().map(|(_, _, text)| text).collect();
    assert_eq!((text.as_str(), REDUNDANT_BLOCKS_MAX), ("efghijklm", 8));
    for at in 0..ACCESS_UNITS_READY_MAX as u16 {
        depacketizer.push(&packet(17 + at, &[98, b'x']), 0).unwrap();
    }
    assert_eq!(depacketizer.push(&packet(40, &[98, b'x']), 0), Err(PayloadError::Unpolled));
}
