use super::*;
use crate::description::{Format, G726Order, IlbcMode};
use crate::payload::{PacketizeError, PacketizerConfig, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

const CONFIG: PacketizerConfig =
    PacketizerConfig { packet_bytes_max: 120, ..PacketizerConfig::new(97, 1, 65_530) };

fn layout(format: &Format) -> Layout {
    Layout::of(format).unwrap()
}

/// The payloads and timestamps of the packets of a piece of sound, which comes back whole.
fn sent(format: &Format, sound: &[u8]) -> Vec<(usize, u32)> {
    let mut packetizer = Packetizer::new(CONFIG, layout(format));
    let mut depacketizer = Depacketizer::new(layout(format));
    let (mut packets, mut back) = (Vec::new(), Vec::new());
    let sent = packetizer.packetize([sound], 1000, |packet| {
        assert!(packet.len() <= 120 && !packet.marker());
        depacketizer.push(&packet, 0).unwrap();
        let unit = depacketizer.poll().unwrap();
        assert!(unit.is_keyframe && !unit.is_damaged);
        assert_eq!(unit.timestamp, packet.timestamp());
        packets.push((packet.payload().len(), packet.timestamp() - 1000));
        back.extend_from_slice(&unit.parts.to_bytes());
    });
    assert_eq!((sent, &back[..]), (Ok(()), sound), "{format:?}");
    packets
}

#[test]
fn each_format_is_cut_between_its_blocks_and_keeps_its_time() {
    let g726 = |bits| Format::g726(97, bits, G726Order::Rfc3551);
    let pcm = |bits, channels| Format::pcm(97, bits, 48_000, channels);
    // A packet has room for 108 bytes.
    for (format, bytes, expected) in [
        (Format::pcma(), 110, &[(108, 0), (2, 108)][..]),
        (Format::g722(), 110, &[(108, 0), (2, 108)]),
        (g726(2), 110, &[(108, 0), (2, 432)]),
        (g726(3), 111, &[(108, 0), (3, 288)]),
        (g726(4), 110, &[(108, 0), (2, 216)]),
        (g726(5), 110, &[(105, 0), (5, 168)]),
        (pcm(8, 2), 110, &[(108, 0), (2, 54)]),
        (pcm(16, 1), 110, &[(108, 0), (2, 54)]),
        (pcm(16, 5), 110, &[(100, 0), (10, 10)]),
        // Two samples of 20 bits fill five bytes, and so does one of each of two channels.
        (pcm(20, 1), 110, &[(105, 0), (5, 42)]),
        (pcm(20, 2), 110, &[(105, 0), (5, 21)]),
        (pcm(20, 3), 120, &[(105, 0), (15, 14)]),
        (pcm(24, 2), 114, &[(108, 0), (6, 18)]),
        (Format::gsm(), 132, &[(99, 0), (33, 480)]),
        (Format::new(15, "G728", 8_000), 110, &[(105, 0), (5, 420)]),
        (Format::ilbc(97, IlbcMode::Milliseconds20), 114, &[(76, 0), (38, 320)]),
        (Format::ilbc(97, IlbcMode::Milliseconds30), 150, &[(100, 0), (50, 480)]),
        // Ten frames, and one that describes silence.
        (Format::g729(), 102, &[(102, 0)]),
        (Format::g729(), 122, &[(100, 0), (22, 800)]),
    ] {
        assert_eq!(sent(&format, &vec![0xd5; bytes]), expected, "{format:?}");
    }
}

#[test]
fn frames_of_g723_tell_their_length_in_their_first_byte() {
    let (high, low, silence) = ([0x00; 24], [0x11; 20], [0x22; 4]);
    let frames = [&high[..], &low, &silence, &high, &high, &low, &silence].concat();
    // 24 + 20 + 4 + 24 + 24 bytes, and 20 + 4 more would be 120.
    assert_eq!(sent(&Format::g723(), &frames), [(96, 0), (24, 1200)]);
    let mut depacketizer = Depacketizer::new(layout(&Format::g723()));
    let reserved = RtpPacket::build(RtpHeader::default(), &[0x33; 24]);
    assert!(matches!(depacketizer.push(&reserved, 0), Err(PayloadError::Truncated { .. })));
    assert_eq!(depacketizer.poll(), None);
}

#[test]
fn each_frame_of_speex_is_a_packet() {
    let mut packetizer = Packetizer::new(CONFIG, layout(&Format::speex(97, 16_000)));
    let mut packets = Vec::new();
    let long = [7; 109];
    let result = packetizer.packetize([&[1; 70][..], &[2; 3], &long, &[3; 1]], 0, |packet| {
        packets.push((packet.payload().len(), packet.timestamp()));
    });
    assert_eq!(result, Err(PacketizeError::TooLong { length: 109, most: 108 }));
    assert_eq!(packets, [(70, 0), (3, 320), (1, 960)]);
}

#[test]
fn a_block_that_is_cut_off_is_left_out_and_said() {
    let gsm = Format::gsm();
    let mut packetizer = Packetizer::new(CONFIG, layout(&gsm));
    let result = packetizer.packetize([&[0xd5; 40][..]], 0, |packet| assert_eq!(packet.payload().len(), 33));
    assert_eq!(result, Err(PacketizeError::Malformed("a block that is not whole")));
    assert_eq!(packetizer.next_sequence(), 65_531);
    let mut depacketizer = Depacketizer::new(layout(&gsm));
    let packet = |bytes| RtpPacket::build(RtpHeader::default(), &vec![0xd5; bytes]);
    assert_eq!(depacketizer.push(&packet(40), 0), Err(PayloadError::Truncated { needed: 33, length: 7 }));
    assert_eq!(depacketizer.push(&packet(33), 0), Err(PayloadError::Unpolled));
    let unit = depacketizer.poll().unwrap();
    assert_eq!((unit.parts.total_bytes(), unit.is_damaged), (33, true));
    assert_eq!(depacketizer.push(&packet(0), 0), Err(PayloadError::Empty));
    assert_eq!(depacketizer.push(&packet(66), 5), Ok(()));
    assert!(depacketizer.poll().is_some_and(|unit| !unit.is_damaged), "a loss before it is none of it");
}

#[test]
fn a_block_that_exceeds_a_packet_makes_the_packet_longer() {
    let format = Format::pcm(97, 24, 48_000, 64);
    let mut packetizer = Packetizer::new(CONFIG, layout(&format));
    let mut lens = Vec::new();
    let result = packetizer.packetize([&[0; 384][..]], 0, |packet| lens.push(packet.payload().len()));
    assert_eq!((result, lens), (Ok(()), vec![192, 192]));
}

/// Samples of so many bits, put into bytes by the sentences of the two documents.
fn packed(samples: &[u8], bits: u8, order: G726Order) -> Vec<u8> {
    let mut bytes = vec![0; samples.len() * usize::from(bits) / 8];
    for (at, sample) in samples.iter().enumerate() {
        for bit in 0..usize::from(bits) {
            let is_set = match order {
                G726Order::Rfc3551 => sample >> bit & 1,
                G726Order::Aal2 => sample >> (usize::from(bits) - 1 - bit) & 1,
            };
            let place = at * usize::from(bits) + bit;
            let shift = match order {
                G726Order::Rfc3551 => place % 8,
                G726Order::Aal2 => 7 - place % 8,
            };
            bytes[place / 8] |= is_set << shift;
        }
    }
    bytes
}

#[test]
fn either_bit_order_of_g726_becomes_the_other() {
    for bits in 2..=5_u8 {
        let samples: Vec<u8> = (0..64_u8).map(|at| at.wrapping_mul(37) & ((1 << bits) - 1)).collect();
        let rfc = packed(&samples, bits, G726Order::Rfc3551);
        let aal2 = packed(&samples, bits, G726Order::Aal2);
        assert_ne!(rfc, aal2);
        let mut turned = rfc.clone();
        reorder_g726(&mut turned, bits, G726Order::Aal2);
        assert_eq!(turned, aal2, "{bits} bits");
        reorder_g726(&mut turned, bits, G726Order::Rfc3551);
        assert_eq!(turned, rfc, "{bits} bits");
    }
}
