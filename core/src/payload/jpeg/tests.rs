mod broken;

use bytes::{Bytes, BytesMut};

use super::header::extension;
use super::image::Image;
use super::*;
use crate::NtpTime;
use crate::description::Format;
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNITS_READY_MAX, PACKET_BYTES_MAX};
use crate::payload::{AccessUnit, PacketizeError, PacketizerConfig, ParameterWatch, PayloadError};
use crate::rtp::{OnvifExtension, RtpHeader, RtpPacket, onvif_tests};
use crate::{Tolerance, Tolerances};

/// The scan of an image that libjpeg has made for GStreamer: 32 x 16, quality 20.
const SCAN: &[u8] = b"\xd3\x7e\xd5\x52\x5e\xa7\xeb\x55\x2d\x2e\x2e\xaf\x26\x31\xfd\xa3\x66\x17\x76\x76\x03\xe9\x51\xde\xdc\
\x4d\x0c\xcd\x0e\xfc\x95\xc6\x5b\x03\x9e\x3d\x29\x2a\x12\xe7\x92\x5d\x51\x94\xa1\xed\xe2\xb9\x07\xcd\xd4\xd5\x59\
\x7e\xf7\xe1\x47\xda\x8b\xc3\xb4\xaf\xcf\xfd\xfc\xfb\xfa\x55\x98\xd6\x14\x8b\x33\x22\xcc\x49\xfb\xc1\xf6\xe3\x81\
\xc7\xe6\x7f\xce\x2b\x5a\x72\x51\x92\x6f\xa2\xb1\xd3\xed\x13\xa4\xa1\xd5\x1f";

/// The beginning of its table of luminance, and of that of chrominance.
const LUMINANCE_20: [u8; 12] = [40, 28, 30, 35, 30, 25, 40, 35, 33, 35, 45, 43];
const CHROMINANCE_20: [u8; 12] = [43, 45, 45, 60, 53, 60, 118, 65, 65, 118, 248, 165];

/// The rest of both.
const LUMINANCE_REST: &[u8] = &[
    40, 48, 60, 100, 65, 60, 55, 55, 60, 123, 88, 93, 73, 100, 145, 128, 153, 150, 143, 128, 140, 138, 160,
    180, 230, 195, 160, 170, 218, 173, 138, 140, 200, 255, 203, 218, 238, 245, 255, 255, 255, 155, 193, 255,
    255, 255, 250, 255, 230, 253, 255, 248,
];
const CHROMINANCE_REST: &[u8] = &[
    140, 165, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248,
    248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248, 248,
    248, 248, 248, 248, 248, 248, 248, 248, 248, 248,
];

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let [l1, l0] = (body.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker, l1, l0], body].concat()
}

fn frame_segment(marker: u8, (width, height): (u16, u16), samplings: &[u8]) -> Vec<u8> {
    let mut body = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[samplings.len() as u8]].concat();
    for (sampling, id) in samplings.iter().zip(1..) {
        body.extend([id, *sampling, u8::from(id > 1)]);
    }
    segment(marker, &body)
}

fn quantization_segment(fill: u8) -> Vec<u8> {
    segment(0xdb, &[&[0][..], &[fill; 64], &[1], &[fill + 1; 64]].concat())
}

fn scan_segment() -> Vec<u8> {
    segment(0xda, &[3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0])
}

fn scan(bytes: usize, seed: usize) -> Vec<u8> {
    (0..bytes).map(|at| ((at * 7 + seed) % 251) as u8).collect()
}

/// An image as a webcam makes it, without Huffman tables.
fn image(size: (u16, u16), further: &[u8], scan: &[u8]) -> Vec<u8> {
    let frame = frame_segment(0xc0, size, &[0x22, 0x11, 0x11]);
    let head = [&[0xff, 0xd8][..], &quantization_segment(3), &frame, further, &scan_segment()].concat();
    [&head, scan, &END].concat()
}

fn packets_with(packetizer: &mut Packetizer, image: &[u8], timestamp: u32) -> Vec<RtpPacket> {
    let mut packets = Vec::new();
    packetizer.packetize([image], timestamp, |packet| packets.push(packet)).unwrap();
    packets
}

fn packetizer(packet_bytes_max: usize) -> Packetizer {
    Packetizer::new(PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(26, 1, 65_530) })
}

fn packets_of(image: &[u8]) -> Vec<RtpPacket> {
    packets_with(&mut packetizer(PACKET_BYTES_MAX), image, 0)
}

fn polled(depacketizer: &mut Depacketizer) -> Vec<AccessUnit> {
    std::iter::from_fn(|| depacketizer.poll()).collect()
}

/// The only image of a few packets.
fn image_of(depacketizer: &mut Depacketizer, packets: &[RtpPacket]) -> Bytes {
    packets.iter().for_each(|packet| depacketizer.push(packet, 0).unwrap());
    let [unit] = &polled(depacketizer)[..] else { panic!("not one image") };
    assert!(unit.is_keyframe && !unit.is_damaged && unit.parts.len() == 1);
    unit.parts[0].clone()
}

/// The same image as it comes out of a depacketizer.
fn rebuilt(image: &[u8]) -> Bytes {
    image_of(&mut Depacketizer::new(), &packets_of(image))
}

fn packet(sequence: u16, payload: &[u8]) -> RtpPacket {
    let header = RtpHeader { payload_type: 26, marker: true, sequence, ssrc: 1, ..RtpHeader::default() };
    RtpPacket::build(header, payload)
}

fn tables_in(image: &[u8]) -> [&[u8]; 2] {
    Image::read(image).unwrap().quantization
}

#[test]
fn an_image_is_rebuilt_from_its_size_its_quality_and_its_scan() {
    let mut depacketizer = Depacketizer::new();
    let image = image_of(&mut depacketizer, &[packet(1, &[&[0, 0, 0, 0, 1, 20, 4, 2], SCAN].concat())]);
    let read = Image::read(&image).unwrap();
    assert_eq!((read.width, read.height, read.has_half_rows, read.scan), (32, 16, true, SCAN));
    assert!(image.starts_with(b"\xff\xd8\xff\xe0\0\x10JFIF\0") && image.ends_with(&END));
    let [luminance, chrominance] = read.quantization;
    assert_eq!((&luminance[..12], &chrominance[..12]), (&LUMINANCE_20[..], &CHROMINANCE_20[..]));
    // The least and the best quality.
    for (quality, least) in [(1, [255; 2]), (50, [10, 17]), (99, [1, 1])] {
        let image = image_of(&mut depacketizer, &[packet(1, &[0, 0, 0, 0, 0, quality, 4, 2, 7])]);
        let [luminance, chrominance] = tables_in(&image).map(|table| *table.iter().min().unwrap());
        assert_eq!([luminance, chrominance], least, "{quality}");
    }
    assert_eq!(rebuilt(&image), {
        let sent = packets_of(&image);
        let [first] = &sent[..] else { panic!("not one packet") };
        assert_eq!(first.payload()[..12], [0, 0, 0, 0, 1, 255, 4, 2, 0, 0, 0, 128]);
        image
    });
}

#[test]
fn an_image_of_gstreamer_is_written_as_gstreamer_writes_it() {
    // 32 x 16, quality 20, with its end, which need not be sent.
    let tables = [[&LUMINANCE_20[..], LUMINANCE_REST], [&CHROMINANCE_20[..], CHROMINANCE_REST]]
        .map(|table| table.concat());
    let head = [0, 0, 0, 0, 1, 255, 4, 2, 0, 0, 0, 128];
    let payload = [&head[..], &tables.concat(), SCAN, &END].concat();
    let mut depacketizer = Depacketizer::new();
    let image = image_of(&mut depacketizer, &[packet(1, &payload)]);
    assert_eq!(tables_in(&image), [&tables[0][..], &tables[1]]);
    let sent = packets_of(&image);
    assert_eq!((sent.len(), sent[0].payload()), (1, &payload[..payload.len() - END.len()]));
    // The tables that RFC 2435 has computed for this quality are the same.
    let computed = image_of(&mut depacketizer, &[packet(2, &[&[0, 0, 0, 0, 1, 20, 4, 2], SCAN].concat())]);
    assert_eq!(computed, image);
}

#[test]
fn images_of_every_length_come_back_whole() {
    for packet_bytes_max in [0, 400, PACKET_BYTES_MAX] {
        for bytes in (1..30).chain(200..280).chain(1280..1300).chain([70_000]) {
            let sent = rebuilt(&image((64, 48), &segment(0xdd, &[0, 4]), &scan(bytes, 1)));
            let packets = packets_with(&mut packetizer(packet_bytes_max), &sent, 9);
            assert!(packets.iter().all(|packet| packet.len() <= packet_bytes_max.max(384)));
            assert_eq!(packets.iter().filter(|packet| packet.marker()).count(), 1);
            assert_eq!(image_of(&mut Depacketizer::new(), &packets), sent, "{bytes} bytes");
        }
    }
    let mut packetizer = packetizer(400);
    let before = packetizer.next_sequence();
    let packets = packets_with(&mut packetizer, &image((64, 48), &[], &scan(999, 1)), 9);
    assert_eq!(packetizer.next_sequence(), before.wrapping_add(packets.len() as u16));
}

#[test]
fn no_image_with_a_lost_packet_comes_out_as_whole_and_no_other_is_lost_or_marked() {
    let mut packetizer = packetizer(400);
    let sizes = [900, 30, 1350, 390, 40, 2000, 30];
    let images: Vec<_> =
        (0..).zip(sizes).map(|(at, len)| rebuilt(&image((64, 48), &[], &scan(len, at)))).collect();
    let packets: Vec<_> =
        (0..).zip(&images).flat_map(|(at, image)| packets_with(&mut packetizer, image, at * 3000)).collect();
    for burst in 0..=4_usize {
        for first in 0..=packets.len() - burst {
            let lost = first..first + burst;
            let mut depacketizer = Depacketizer::new();
            let mut back = Vec::new();
            for (at, packet) in packets.iter().enumerate().filter(|(at, _)| !lost.contains(at)) {
                let missing = if at == lost.end { lost.len() as u16 } else { 0 };
                assert_eq!(depacketizer.push(packet, missing), Ok(()), "{at} without {lost:?}");
                back.extend(polled(&mut depacketizer));
            }
            depacketizer.flush();
            back.extend(polled(&mut depacketizer));
            for (image, timestamp) in images.iter().zip((0..).step_by(3000)) {
                let is_hit = packets[lost.clone()].iter().any(|packet| packet.timestamp() == timestamp);
                match back.iter().find(|unit| unit.timestamp == timestamp) {
                    Some(unit) if is_hit => {
                        let bytes = unit.parts.to_bytes();
                        assert!(unit.is_damaged && bytes.ends_with(&END), "{lost:?}");
                        assert!(image.starts_with(&bytes[..bytes.len() - END.len()]), "{lost:?}");
                    }
                    Some(unit) => assert!(!unit.is_damaged && unit.parts.to_bytes() == image, "{lost:?}"),
                    None => assert!(is_hit, "the image at {timestamp} is gone, {lost:?}"),
                }
            }
        }
    }
}

#[test]
fn tables_are_read_as_they_are_sent() {
    let payload = |quality, precision, tables: &[u8]| {
        let [l1, l0] = (tables.len() as u16).to_be_bytes();
        packet(1, &[&[0, 0, 0, 0, 1, quality, 4, 2, 0, precision, l1, l0], tables, SCAN].concat())
    };
    let both = [[5; 64], [6; 64]].concat();
    let mut depacketizer = Depacketizer::new();
    let missing = Err(PayloadError::Malformed("quantization tables are missing"));
    for quality in [128, 254, 255] {
        assert_eq!(depacketizer.push(&payload(quality, 0, &[]), 0), missing);
        let image = image_of(&mut depacketizer, &[payload(quality, 0, &both)]);
        assert_eq!(tables_in(&image), [[5; 64], [6; 64]], "{quality}");
    }
    // They are kept for their quality, but for that of tables that change.
    let other = image_of(&mut depacketizer, &[payload(254, 0, &[7; 128])]);
    assert_eq!(tables_in(&other), [[7; 64]; 2]);
    assert_eq!(tables_in(&image_of(&mut depacketizer, &[payload(128, 0, &[])])), [[5; 64], [6; 64]]);
    assert_eq!(tables_in(&image_of(&mut depacketizer, &[payload(254, 0, &[])])), [[7; 64]; 2]);
    assert_eq!(depacketizer.push(&payload(255, 0, &[]), 0), missing);
    assert!(depacketizer.take_tolerances().is_empty());
    // Numbers of two bytes, in files that are not baseline.
    let wide = [&[1; 64][..], &[2; 128]].concat();
    let image = image_of(&mut depacketizer, &[payload(200, 2, &wide)]);
    assert_eq!(tables_in(&image), [&[1; 64][..], &[2; 128]]);
    assert!(image.windows(2).any(|pair| pair == [0xff, 0xc1]));
    assert_eq!(rebuilt(&image), image);
    for (precision, bytes) in [(0, 63), (1, 100)] {
        let cut_off = Err(PayloadError::Malformed("a quantization table is cut off"));
        assert_eq!(depacketizer.push(&payload(255, precision, &vec![1; bytes]), 0), cut_off);
    }
    for quality in [0, 100, 127] {
        let refused = Err(PayloadError::Unsupported(quality));
        assert_eq!(depacketizer.push(&packet(1, &[0, 0, 0, 0, 1, quality, 4, 2, 7]), 0), refused);
    }
}

#[test]
fn one_table_is_for_all_components_and_a_third_is_left_out() {
    for (tables, expected) in
        [(vec![5; 64], [[5; 64]; 2]), ([[5; 64], [6; 64], [7; 64]].concat(), [[5; 64], [6; 64]])]
    {
        let head = [0, 0, 0, 0, 1, 255, 4, 2, 0, 0, 0, tables.len() as u8];
        let mut depacketizer = Depacketizer::new();
        let image = image_of(&mut depacketizer, &[packet(1, &[&head, &tables[..], SCAN].concat())]);
        assert_eq!(tables_in(&image), expected);
        let mut told = Tolerances::default();
        told.record(Tolerance::JpegTables);
        assert_eq!(depacketizer.take_tolerances(), told);
    }
}

#[test]
fn restart_intervals_are_told_in_every_packet() {
    let restarts = [&scan(900, 1)[..], &[0xff, 0xd0], &scan(50, 2), &[0xff, 0xd7], &scan(900, 3)].concat();
    let sent = rebuilt(&image((64, 48), &segment(0xdd, &[0x01, 0x02]), &restarts));
    let packets = packets_of(&sent);
    assert_eq!(packets.len(), 2);
    for packet in &packets {
        assert_eq!((packet.payload()[4], &packet.payload()[8..12]), (65, &[1, 2, 0xff, 0xff][..]));
    }
    let read = Image::read(&sent).unwrap();
    assert_eq!((read.restart_interval, read.scan), (Some(0x0102), &restarts[..]));
    // Zero stands for no intervals.
    let none = packets_of(&image((64, 48), &segment(0xdd, &[0, 0]), &restarts));
    assert_eq!(none[0].payload()[4], 1);
}

#[test]
fn large_images_have_their_size_in_an_extension() {
    let sent = image((3840, 2160), &[], &scan(3000, 1));
    let packets = packets_of(&sent);
    let frame = b"\xff\xc0\0\x11\x08\x08\x70\x0f\0\x03\x01\x22\0\x02\x11\x01\x03\x11\x01";
    let wire = packets[0].as_bytes();
    assert_eq!((wire[0], &wire[12..16], wire[16]), (0x90, &[0xff, 0xd8, 0, 5][..], 0xff));
    assert_eq!((&wire[17..36], &wire[36..44]), (&frame[..], &[0, 0, 0, 0, 1, 255, 0, 0][..]));
    assert!(
        packets[1..].iter().all(|packet| packet.as_bytes()[0] == 0x80 && packet.payload()[6..8] == [0, 0])
    );
    assert!(packets.iter().all(|packet| packet.len() <= PACKET_BYTES_MAX));
    let back = image_of(&mut Depacketizer::new(), &packets);
    let read = Image::read(&back).unwrap();
    assert_eq!((read.width, read.height, read.scan), (3840, 2160, &scan(3000, 1)[..]));
    assert_eq!(rebuilt(&back), back);
    // Up to 2040 the size stands in the header, in multiples of 8.
    let small = rebuilt(&image((2040, 100), &[], &[7]));
    let read = Image::read(&small).unwrap();
    assert_eq!((read.width, read.height), (2040, 104));
}

/// As the Streaming Specification draws it (section 6.3.2).
#[test]
fn the_extension_of_a_large_image_stands_behind_that_of_a_replay() {
    let mut packets = packets_of(&image((3840, 2160), &[], &scan(3000, 1)));
    let plain = image_of(&mut Depacketizer::new(), &packets);
    let [ntp, own, jpeg] = [0xd515_1234_8000_0001_u64, 5, 3 + 1 + 5];
    let replay = OnvifExtension {
        ntp: NtpTime::from_bits(ntp),
        is_clean_point: true,
        cseq: 123,
        ..Default::default()
    };
    packets[0] = replay.add_to(&packets[0]);
    let wire = packets[0].as_bytes();
    assert_eq!((wire[0], &wire[12..16]), (0x90, &[0xab, 0xac, 0, jpeg as u8][..]));
    assert_eq!((&wire[16..24], &wire[24..28]), (&ntp.to_be_bytes()[..], &[0x80, 123, 0, 0][..]));
    assert_eq!(wire[28..32], [0xff, 0xd8, 0, own as u8]);
    assert_eq!(image_of(&mut Depacketizer::new(), &packets), plain);
    assert_eq!(OnvifExtension::of(&packets[0]), Some(replay));
}

#[test]
fn onvifs_extension_takes_the_place_of_headers() {
    let head = RtpHeader { payload_type: 26, marker: true, ssrc: 1, ..RtpHeader::default() };
    let packet = |sources, sequence, extension: &[u8], payload: &[u8]| {
        let packet = onvif_tests::packet_with(RtpHeader { sequence, ..head }, sources, extension);
        let mut bytes = BytesMut::from(&packet.as_bytes()[..packet.len() - packet.payload().len()]);
        bytes.extend_from_slice(payload);
        RtpPacket::parse(bytes.freeze()).unwrap()
    };
    let mut depacketizer = Depacketizer::new();
    let computed = [&[0, 0, 0, 0, 1, 20, 4, 2], SCAN].concat();
    // A grey image with a Huffman table, an aspect, an interval and a scan header of its own.
    let aspect = segment(0xe0, b"JFIF\0\x01\x01\0\0\x04\0\x03\0\0");
    let huffman = segment(0xc4, &[&[0x00][..], &[0, 1], &[0; 14], &[9]].concat());
    let grey = frame_segment(0xc0, (100, 50), &[0x11]);
    let own_scan = segment(0xda, &[1, 1, 0, 0, 63, 0]);
    let segments = [&aspect[..], &huffman, &grey, &segment(0xdd, &[0, 7]), &own_scan].concat();
    let told = image_of(&mut depacketizer, &[packet(2, 1, &extension(&segments), &computed)]);
    let has = |image: &[u8], wanted: &[u8]| image.windows(wanted.len()).any(|window| window == wanted);
    assert!([&aspect, &grey, &own_scan].iter().all(|segment| has(&told, segment)));
    assert!(has(&told, &[&[0x00, 0, 1][..], &[0; 14], &[9]].concat()) && !has(&told, b"\x03\x01\x22"));
    let grey_refused = "the JPEG image is grey or has four components; RTP carries three";
    assert_eq!(Image::read(&told).unwrap_err(), PacketizeError::Malformed(grey_refused));
    // An empty one leaves the size, the tables and the Huffman tables as they were; intervals are those of the image.
    let as_before = packet(0, 2, &[0xff, 0xd8, 0, 0], &[0, 0, 0, 0, 1, 0, 0, 0, 7]);
    let again = image_of(&mut depacketizer, &[as_before]);
    assert!(has(&again, &grey) && has(&again, &LUMINANCE_20) && has(&again, &[0, 1, 0, 0, 0]));
    assert!(!has(&again, &[0xff, 0xdd]) && has(&again, &segment(0xda, &[1, 1, 0, 0, 63, 0])));
    // Tables take the place of those that the quality stands for; behind ONVIF's words on a replay it is the same.
    let tables = extension(&quantization_segment(9));
    let replay = [&[0xab, 0xac, 0, 3 + tables.len() as u8 / 4][..], &[0; 12], &tables].concat();
    for (sequence, extension) in [(3, &tables), (4, &replay)] {
        let image = image_of(&mut Depacketizer::new(), &[packet(0, sequence, extension, &computed)]);
        assert_eq!(tables_in(&image), [[9; 64], [10; 64]]);
    }
    // Without it everything is as RFC 2435 has it.
    let plain = image_of(&mut depacketizer, &[packet(0, 5, &[0xbe, 0xde, 0, 0], &computed)]);
    assert_eq!(plain, image_of(&mut Depacketizer::new(), &[packet(0, 5, &[0xbe, 0xde, 0, 0], &computed)]));
    for (segments, error) in [
        (frame_segment(0xc2, (8, 8), &[0x11]), "an image is not baseline"),
        ([&own_scan[..], SCAN].concat(), "a scan begins in the header extension"),
    ] {
        let pushed = depacketizer.push(&packet(0, 6, &extension(&segments), &computed), 0);
        assert_eq!(pushed, Err(PayloadError::Malformed(error)));
    }
    let sizeless = &[0, 0, 0, 0, 1, 20, 0, 0, 7];
    let no_size = Err(PayloadError::Malformed("an image has no size"));
    assert_eq!(Depacketizer::new().push(&packet(0, 7, &[0xbe, 0xde, 0, 0], sizeless), 0), no_size);
}

#[test]
fn each_image_is_an_access_point_and_tells_its_size() {
    let mut sent = image((3840, 2160), &[], &scan(3000, 1));
    sent.splice(2..2, segment(0xe0, b"JFIF\0\x01\x01\0\0\x04\0\x03\0\0"));
    let points: Vec<_> =
        packets_of(&sent).iter().map(|packet| contents(packet.payload()).access_point).collect();
    assert_eq!(points, [Some(AccessPoint::Refresh), None, None]);
    let mut watch = ParameterWatch::new(&Format::jpeg());
    let unit = |image: Vec<u8>| AccessUnit {
        timestamp: 0,
        parts: image.into(),
        is_keyframe: true,
        is_damaged: false,
        configuration: None,
    };
    let large = unit(sent);
    assert_eq!((watch.look(&large), watch.look(&large)), (true, false));
    let video = watch.parameters().video.unwrap();
    assert_eq!((video.width, video.height, video.pixel_aspect), (3840, 2160, Some((4, 3))));
    assert_eq!((video.reordering, watch.parameters().codec.as_deref()), (Some(0), Some("mp4v.6C")));
    assert!(watch.look(&unit(image((64, 48), &[], &[7]))));
    assert!(!watch.look(&unit(image((0, 48), &[], &[7]))) && !watch.look(&unit(vec![7])));
    assert_eq!(watch.parameters().video.unwrap().width, 64);
}
