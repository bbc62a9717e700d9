//! Tests that hold for VP8, VP9, MPEG-4 and MPEG-1 and 2 video alike: round trips, losses and bounds.

use super::*;
use crate::description::{Codec, Format};
use crate::limits::PACKET_BYTES_MAX;
use crate::payload::{Depacketizer, Packetizer, PacketizerConfig};
use crate::rtp::RtpHeader;

/// A keyframe and a frame, with which those of each format begin.
type Beginnings = (Format, [&'static [u8]; 2]);

const VP8_KEY: &[u8] = &[0xb0, 0x5a, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0];
const VP9_KEY: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0, 0x0e, 0xf6, 8];

const MPEG4_KEY: &[u8] = b"\0\0\x01\xb6\x10\x60\x4d\x82\xe1\xac";
const MPEG4_INTER: &[u8] = b"\0\0\x01\xb6\x51";
const MPEG2_KEY: &[u8] = b"\0\0\x01\xb3\x04\0\x30\x23\xff\xff\xe0\x18\0\0\x01\0\0\x0f\xff\xf8";
const MPEG2_INTER: &[u8] = b"\0\0\x01\0\0\x17\xff\xf8\x80";

fn formats() -> [Beginnings; 4] {
    [
        (Format::vp8(96), [VP8_KEY, &[0xd1]]),
        (Format::vp9(96, 0), [VP9_KEY, &[0x86]]),
        (Format::mpeg4_video(96, &[]), [MPEG4_KEY, MPEG4_INTER]),
        (Format::mpeg_video(), [MPEG2_KEY, MPEG2_INTER]),
    ]
}

fn frame(beginning: &[u8], len: usize, seed: usize) -> Vec<u8> {
    beginning.iter().copied().chain((0..).map(|at: usize| (at * 7 + seed) as u8)).take(len).collect()
}

fn packets_of(format: &Format, frames: &[Vec<u8>], packet_bytes_max: usize) -> Vec<RtpPacket> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 1, 65_530) };
    let mut packetizer = Packetizer::new(format, config).unwrap();
    let mut packets = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        packetizer.packetize([&frame[..], &[]], at as u32 * 3000, |packet| packets.push(packet)).unwrap();
    }
    assert_eq!(packetizer.next_sequence(), 65_530_u16.wrapping_add(packets.len() as u16));
    packets
}

/// The units that come out without the packets that are lost.
fn without(format: &Format, packets: &[RtpPacket], lost: std::ops::Range<usize>) -> Vec<AccessUnit> {
    let mut depacketizer = Depacketizer::new(format).unwrap();
    let mut back = Vec::new();
    for (at, packet) in packets.iter().enumerate().filter(|(at, _)| !lost.contains(at)) {
        let missing = if at == lost.end { lost.len() as u16 } else { 0 };
        assert_eq!(depacketizer.push(packet, missing), Ok(()), "{at} without {lost:?}");
        back.extend(std::iter::from_fn(|| depacketizer.poll()));
    }
    depacketizer.flush();
    back.extend(std::iter::from_fn(|| depacketizer.poll()));
    assert!(depacketizer.take_tolerances().is_empty());
    back
}

#[test]
fn frames_of_every_size_come_back_whole() {
    for (format, [key, inter]) in formats() {
        for packet_bytes_max in [64, 100, PACKET_BYTES_MAX] {
            for len in (key.len()..300).chain(1400..1500).chain([70_000]) {
                let frames = [frame(key, len, 1), frame(inter, len, 2)];
                let packets = packets_of(&format, &frames, packet_bytes_max);
                assert!(packets.iter().all(|packet| packet.len() <= packet_bytes_max));
                let ends = packets.iter().filter(|packet| packet.marker()).count();
                let back = without(&format, &packets, 0..0);
                assert_eq!((ends, back.len()), (2, 2), "{len} bytes");
                for (at, (unit, frame)) in back.iter().zip(&frames).enumerate() {
                    let told = (unit.timestamp, unit.is_keyframe, unit.is_damaged);
                    assert_eq!(told, (at as u32 * 3000, at == 0, false), "{} of {len}", format.encoding);
                    assert_eq!(unit.parts.to_bytes(), frame, "{len} bytes");
                }
            }
        }
    }
}

#[test]
fn no_frame_with_a_lost_packet_comes_out_as_whole_and_no_other_is_lost_or_marked() {
    for (format, [key, inter]) in formats() {
        let sizes = [900, 30, 350, 90, 400, 20, 30];
        let frames: Vec<_> = sizes
            .iter()
            .enumerate()
            .map(|(at, len)| frame(if at % 4 == 0 { key } else { inter }, *len, at))
            .collect();
        let packets = packets_of(&format, &frames, 100);
        for burst in 1..=4_usize {
            for first in 0..=packets.len() - burst {
                let lost = first..first + burst;
                let back = without(&format, &packets, lost.clone());
                for (at, frame) in frames.iter().enumerate() {
                    let timestamp = at as u32 * 3000;
                    let is_hit = packets[lost.clone()].iter().any(|packet| packet.timestamp() == timestamp);
                    let found = back.iter().find(|unit| unit.timestamp == timestamp);
                    match found {
                        Some(unit) if is_hit => {
                            assert!(unit.is_damaged && frame.starts_with(&unit.parts.to_bytes()), "{lost:?}");
                        }
                        Some(unit) => assert!(!unit.is_damaged && unit.parts.to_bytes() == frame, "{lost:?}"),
                        None => assert!(is_hit, "frame {at} is gone, {lost:?}"),
                    }
                }
            }
        }
        for from in 0..packets.len() {
            let back = without(&format, &packets[from..], 0..0);
            assert!(
                back.iter().all(|unit| !unit.is_damaged
                    && unit.parts.to_bytes() == frames[(unit.timestamp / 3000) as usize])
            );
        }
    }
}

#[test]
fn a_frame_shares_the_memory_of_its_packet_and_holds_no_more_than_its_bytes() {
    for (format, [key, _]) in formats() {
        let packets = packets_of(&format, &[frame(key, 50, 1), frame(key, 9000, 1), frame(key, 700, 1)], 100);
        let back = without(&format, &packets, 0..0);
        let of_packet = packets[0].as_bytes().as_ptr_range();
        assert!(of_packet.contains(&back[0].parts[0].as_ptr()));
        for unit in back.into_iter().skip(1) {
            let bytes = unit.parts.to_bytes();
            let len = bytes.len();
            drop(unit);
            assert_eq!(BytesMut::from(bytes).capacity(), len);
        }
    }
}

#[test]
fn without_markers_a_frame_ends_before_the_next() {
    for (format, [key, inter]) in formats() {
        let frames = [frame(key, 150, 1), frame(inter, 150, 2), frame(inter, 40, 3)];
        let mut depacketizer = Depacketizer::new(&format).unwrap();
        let mut back = Vec::new();
        for packet in packets_of(&format, &frames, 100) {
            let header = RtpHeader {
                payload_type: 96,
                marker: false,
                sequence: packet.sequence(),
                timestamp: packet.timestamp(),
                ssrc: 1,
            };
            depacketizer.push(&RtpPacket::build(header, packet.payload()), 0).unwrap();
            back.extend(depacketizer.poll());
        }
        depacketizer.flush();
        back.extend(depacketizer.poll());
        assert!(back.iter().all(|unit| !unit.is_damaged) && back.len() == 3, "{back:?}");
        assert!(depacketizer.take_tolerances().contains(Tolerance::MarkerMissing));
    }
}

#[test]
fn what_cannot_be_read_damages_its_frame_and_no_other() {
    for (format, [key, inter]) in formats() {
        let packets = packets_of(&format, &[frame(key, 300, 1), frame(inter, 40, 2)], 100);
        let mut depacketizer = Depacketizer::new(&format).unwrap();
        depacketizer.push(&packets[0], 0).unwrap();
        let broken = |sequence, payload: &[u8]| {
            RtpPacket::build(
                RtpHeader { payload_type: 96, sequence, ssrc: 1, ..RtpHeader::default() },
                payload,
            )
        };
        let [second, third] = [packets[1].sequence(), packets[2].sequence()];
        assert_eq!(depacketizer.push(&broken(second, &[]), 0), Err(PayloadError::Empty));
        if matches!(format.codec, Codec::Mpeg4Video(_)) {
            continue; // Nothing but the empty payload cannot be read.
        }
        let cut_off = PayloadError::Truncated { needed: 2, length: 1 };
        assert_eq!(depacketizer.push(&broken(third, &[0x80]), 0), Err(cut_off));
        packets[3..].iter().for_each(|packet| depacketizer.push(packet, 0).unwrap());
        let back: Vec<_> = std::iter::from_fn(|| depacketizer.poll()).collect();
        assert_eq!(
            back.iter().map(|unit| unit.is_damaged).collect::<Vec<_>>(),
            [true, false],
            "{}",
            format.encoding
        );
    }
}

#[test]
fn an_endless_frame_ends_at_the_bound_and_units_that_nobody_polls_stop_it() {
    for (format, [key, inter]) in formats() {
        let mut frames = vec![frame(key, ACCESS_UNIT_BYTES_MAX + 1, 1)];
        frames.extend((0..=ACCESS_UNITS_READY_MAX).map(|at| frame(inter, 40, at)));
        let packets = packets_of(&format, &frames, 60_000);
        let mut depacketizer = Depacketizer::new(&format).unwrap();
        let errors: Vec<_> = packets.iter().filter_map(|packet| depacketizer.push(packet, 0).err()).collect();
        assert_eq!(errors, [PayloadError::TooLong, PayloadError::Unpolled], "{}", format.encoding);
        let back: Vec<_> = std::iter::from_fn(|| depacketizer.poll()).collect();
        assert!(back.len() == ACCESS_UNITS_READY_MAX && back.iter().all(|unit| !unit.is_damaged));
    }
}
