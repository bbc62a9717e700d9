use divan::black_box;
use rtspan_core::payload::h264::{Depacketizer, Packetizer};
use rtspan_core::payload::{AccessUnit, PacketizerConfig, g711, jpeg};
use rtspan_core::rtp::RtpPacket;

use crate::step::{Step, steps};

steps! {
    packetize_h264_of_200_kb = packetize_h264();
    depacketize_h264_of_200_kb = depacketize_h264();
    /// The least that either can cost: the same bytes copied.
    copy_of_200_kb = copy();
    packetize_20_ms_of_g711 = packetize_g711();
    packetize_jpeg_of_200_kb = packetize_jpeg();
    depacketize_jpeg_of_200_kb = depacketize_jpeg();
}

/// A keyframe: parameter sets and four slices, 200 KB together.
fn access_unit() -> Vec<Vec<u8>> {
    let slice = |kind: u8, bytes: usize| {
        let mut nal = vec![0x55; bytes];
        nal[0] = kind;
        nal
    };
    let slices = (0..4).map(|_| slice(0x65, 50_000));
    [slice(0x67, 20), slice(0x68, 4)].into_iter().chain(slices).collect()
}

fn packetize(packetizer: &mut Packetizer, unit: &[Vec<u8>], packets: &mut Vec<RtpPacket>) {
    packets.clear();
    packetizer.packetize(unit.iter().map(Vec::as_slice), 0, |packet| packets.push(packet)).unwrap();
}

fn packets() -> Vec<RtpPacket> {
    let mut packets = Vec::new();
    packetize(&mut Packetizer::new(PacketizerConfig::new(96, 7, 0)), &access_unit(), &mut packets);
    packets
}

fn packetize_h264() -> Step<impl FnMut()> {
    let unit = access_unit();
    let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 7, 0));
    let mut packets = packets();
    Step::new(packets.len(), move || packetize(&mut packetizer, black_box(&unit), &mut packets))
}

fn depacketize_h264() -> Step<impl FnMut() -> AccessUnit> {
    let packets = packets();
    let mut depacketizer = Depacketizer::new();
    Step::new(packets.len(), move || {
        for packet in black_box(&packets) {
            depacketizer.push(packet, 0).unwrap();
        }
        let unit = depacketizer.poll().unwrap();
        assert_eq!(unit.parts.len(), 6);
        unit
    })
}

fn copy() -> Step<impl FnMut() -> Vec<u8>> {
    let packets = packets();
    Step::new(packets.len(), move || {
        let mut block = Vec::with_capacity(200_100);
        for packet in black_box(&packets) {
            block.extend_from_slice(packet.payload());
        }
        block
    })
}

fn packetize_g711() -> Step<impl FnMut()> {
    let samples = [0x7f; 160];
    let mut packetizer = g711::Packetizer::new(PacketizerConfig::new(0, 7, 0), 1);
    Step::new(1, move || {
        let sent = packetizer.packetize([&black_box(&samples)[..]], 0, |packet| {
            black_box(packet);
        });
        sent.unwrap();
    })
}

/// An image of Motion JPEG, 1280 x 720, without Huffman tables.
fn image() -> Vec<u8> {
    let mut image = b"\xff\xd8\xff\xdb\0\x84\0".to_vec();
    image.extend([3; 64].iter().chain(&[1]).chain(&[4; 64]));
    image.extend(b"\xff\xc0\0\x11\x08\x02\xd0\x05\0\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
    image.extend(b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0");
    image.resize(200_000, 0x55);
    image.extend(b"\xff\xd9");
    image
}

fn jpeg_packets(packetizer: &mut jpeg::Packetizer, image: &[u8], packets: &mut Vec<RtpPacket>) {
    packets.clear();
    packetizer.packetize([image], 0, |packet| packets.push(packet)).unwrap();
}

fn packetize_jpeg() -> Step<impl FnMut()> {
    let image = image();
    let mut packetizer = jpeg::Packetizer::new(PacketizerConfig::new(26, 7, 0));
    let mut packets = Vec::new();
    jpeg_packets(&mut packetizer, &image, &mut packets);
    Step::new(packets.len(), move || jpeg_packets(&mut packetizer, black_box(&image), &mut packets))
}

fn depacketize_jpeg() -> Step<impl FnMut() -> AccessUnit> {
    let mut packets = Vec::new();
    jpeg_packets(&mut jpeg::Packetizer::new(PacketizerConfig::new(26, 7, 0)), &image(), &mut packets);
    let mut depacketizer = jpeg::Depacketizer::new();
    Step::new(packets.len(), move || {
        for packet in black_box(&packets) {
            depacketizer.push(packet, 0).unwrap();
        }
        depacketizer.poll().unwrap()
    })
}
