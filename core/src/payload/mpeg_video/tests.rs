use super::*;
use crate::Tolerance;
use crate::description::Format;
use crate::payload::{AccessUnit, FrameRate, PacketizeError, PacketizerConfig, ParameterWatch, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

/// The beginning of a keyframe of MPEG-2 by FFmpeg, 64 x 48: sequence, its extension, group, picture and its extension.
const SEQUENCE: &[u8] = b"\0\0\x01\xb3\x04\0\x30\x23\xff\xff\xe0\x18\0\0\x01\xb5\x14\x8a\0\x01\0\0";
const GROUP: &[u8] = b"\0\0\x01\xb8\0\x08\0\x40";
const INTRA: &[u8] = b"\0\0\x01\0\0\x0f\xff\xf8\0\0\x01\xb5\x8f\xff\xf3\x41\x80";
/// A B picture of MPEG-1: forward code 7, and backward code 5 in whole pixels.
const BACKWARD: &[u8] = b"\0\0\x01\0\x80\x9f\xff\xfb\xe8";
/// The header of a sequence of MPEG-1.
const MPEG1: &[u8] = b"\0\0\x01\xb3\x04\0\x30\x13\xff\xff\xe0\x18";

/// I, P, B and P pictures of MPEG-2 by FFmpeg, 32 x 32.
const FFMPEG: [&str; 4] = [
    "00001800000001b302002013ffffe018000001b5148a00010000000001b80008004000000100000ffff8000001b58ffff341\
     8000000101fbf214a52f99bf70b94a522200000102fbf214a52f99bf70b94a5222",
    "00001800000001000097fffb80000001b5811ff3418000000101fa79c000000102fa79c0",
    "0000180000000100005ffffbb8000001b5811113418000000101fabac000000102fabac0",
    "000018000000010000d7fffb80000001b5811ff3418000000101fa79c000000102fa79c0",
];

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn slice(row: u8, bytes: usize) -> Vec<u8> {
    [&[0, 0, 1, row][..], &vec![0x55; bytes]].concat()
}

fn packets_of(picture: &[u8], packet_bytes_max: usize) -> Vec<RtpPacket> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(32, 1, 65_534) };
    let mut packets = Vec::new();
    Packetizer::new(config).packetize([picture], 9, |packet| packets.push(packet)).unwrap();
    assert!(packets.iter().all(|packet| packet.len() <= packet_bytes_max));
    assert_eq!(packets.iter().position(RtpPacket::marker), Some(packets.len() - 1));
    packets
}

fn packet(sequence: u16, marker: bool, timestamp: u32, payload: &[&[u8]]) -> RtpPacket {
    let header = RtpHeader { payload_type: 32, marker, sequence, timestamp, ssrc: 1 };
    RtpPacket::build(header, &payload.concat())
}

fn unit_of(packets: &[RtpPacket]) -> AccessUnit {
    let mut depacketizer = Depacketizer::new();
    packets.iter().for_each(|packet| depacketizer.push(packet, 0).unwrap());
    let unit = depacketizer.poll().unwrap();
    assert_eq!((depacketizer.poll(), unit.is_damaged), (None, false));
    unit
}

#[test]
fn packets_are_split_between_slices_and_say_what_they_hold() {
    let picture = [
        &[SEQUENCE, GROUP, INTRA].concat()[..],
        &slice(1, 20),
        &slice(2, 30),
        &slice(3, 200),
        &slice(4, 10),
        &slice(5, 10),
        b"\0\0\x01\xb7",
    ]
    .concat();
    let packets = packets_of(&picture, 116);
    // Flags: sequence, beginning and end of a slice; the type of the picture.
    let flags: Vec<_> = packets.iter().map(|packet| packet.payload()[2]).collect();
    assert_eq!(flags, [0x20 | 0x18 | 1, 0x18 | 1, 0x10 | 1, 1, 0x08 | 1, 0x18 | 1]);
    let lengths: Vec<_> = packets.iter().map(|packet| packet.payload().len() - 4).collect();
    assert_eq!(
        lengths,
        [71, 34, 100, 100, 4, 32],
        "the first slice with its headers, the third in fragments"
    );
    assert!(packets.iter().all(|packet| packet.payload()[..2] == [0, 0] && packet.payload()[3] == 0));
    let unit = unit_of(&packets);
    assert_eq!((unit.parts.to_bytes(), unit.is_keyframe), (picture.into(), true));
}

#[test]
fn each_packet_has_the_numbers_of_its_picture() {
    let picture = [BACKWARD, &slice(1, 10), &slice(2, 90)].concat();
    for packet in packets_of(&picture, 90) {
        let (header, _) = Header::read(packet.payload()).unwrap();
        assert_eq!((header.temporal_reference, header.picture_type, header.motion), (514, 3, 0xd7));
        assert!(!header.has_sequence);
    }
    // Two fields of a frame: the second one has a packet of its own, and a number of its own.
    let second = b"\0\0\x01\0\0\x57\xff\xf8\x80";
    let both = [INTRA, &slice(1, 10), second, &slice(2, 10)].concat();
    let packets = packets_of(&both, 1000);
    let types: Vec<_> = packets.iter().map(|packet| packet.payload()[2]).collect();
    assert_eq!(types, [0x18 | 1, 0x18 | 2]);
    assert_eq!(unit_of(&packets).parts.to_bytes(), both);
}

#[test]
fn extensions_of_the_header_are_left_out() {
    let flags = [0x04, 0x07, 0x19, 0];
    let display = [0, 0x0f, 0xff, 0xff];
    let others = [2, 1, 1, 1, 1, 1, 1, 1];
    for (extension, behind) in [
        ([0, 0, 0, 0], &[][..]),
        ([0, 0, 0, 1], &display),
        ([0x40, 0, 0, 0], &others),
        ([0x40, 0, 0, 1], &[display.to_vec(), others.to_vec()].concat()),
    ] {
        let head = [&flags[..], &extension, behind].concat();
        let (header, rest) =
            Header::read(&[&head[..], b"slice"].concat()).map(|(a, b)| (a, b.to_vec())).unwrap();
        assert_eq!((header.temporal_reference, header.picture_type, &rest[..]), (7, 1, &b"slice"[..]));
        assert!(header.begins_slice && header.ends_slice && !header.has_sequence);
        for length in 0..=head.len() {
            let error = match length {
                0 => PayloadError::Empty,
                _ => PayloadError::Truncated { needed: length + 1, length },
            };
            assert_eq!(Header::read(&head[..length]), Err(error), "{head:02x?}");
        }
    }
}

#[test]
fn a_keyframe_has_the_header_of_a_sequence() {
    let (none, told_intra): (&[u8], &[u8]) = (&[0; 4], &[0, 0, 0x21, 0]);
    let data = &slice(1, 10)[..];
    for (payloads, is_keyframe) in [
        (vec![vec![none, SEQUENCE, GROUP, INTRA, data]], true),
        (vec![vec![none, GROUP, INTRA, data]], false),
        (vec![vec![none, SEQUENCE, BACKWARD, data]], false),
        // The picture comes in a packet of its own, and its type stands in front of its headers.
        (vec![vec![told_intra, SEQUENCE, GROUP], vec![told_intra, INTRA, data]], true),
        (vec![vec![told_intra, SEQUENCE], vec![told_intra, GROUP], vec![told_intra, INTRA, data]], true),
    ] {
        let count = payloads.len();
        let packets: Vec<_> = (1_u16..)
            .zip(&payloads)
            .map(|(sequence, payload)| packet(sequence, usize::from(sequence) == count, 9, payload))
            .collect();
        let unit = unit_of(&packets);
        let whole: Vec<u8> = payloads.iter().flat_map(|payload| payload[1..].concat()).collect();
        assert_eq!((unit.is_keyframe, unit.parts.to_bytes()), (is_keyframe, whole.into()));
    }
}

#[test]
fn what_is_no_picture_is_refused() {
    let refused = PacketizeError::Malformed("a picture of MPEG video does not begin with a header");
    let mut packetizer = Packetizer::new(PacketizerConfig::new(32, 1, 7));
    for part in [&b"AVI"[..], b"\0\0\x01", b"\0\0\x01\x01slice", b"\0\0\x01\xb7"] {
        let mut sent = 0;
        assert_eq!(packetizer.packetize([part, INTRA], 9, |_| sent += 1), Err(refused), "{part:02x?}");
        assert_eq!(sent, 1);
    }
    assert_eq!(packetizer.next_sequence(), 11);
}

#[test]
fn headers_of_sequences_tell_what_they_have() {
    let header = SequenceHeader::read(SEQUENCE).unwrap();
    assert_eq!((header.width, header.height, header.pixel_aspect), (64, 48, Some((1, 1))));
    assert_eq!((header.frame_rate, header.profile_level), (FrameRate::new(25, 1), Some(0x48)));
    assert!(!header.is_low_delay && header.object_type() == 0x61);
    let header = SequenceHeader::read(MPEG1).unwrap();
    assert_eq!((header.width, header.height, header.pixel_aspect), (64, 48, Some((1, 1))));
    assert_eq!((header.bit_rate, header.profile_level, header.object_type()), (None, None, 0x6a));
    // High definition, 16:9, 30000/1001, 40 Mbit/s, high profile, low delay.
    let high = b"\0\0\x01\xb3\x78\x04\x38\x34\x61\xa8\x20\0\0\0\x01\xb5\x11\x42\0\x01\0\x80";
    let header = SequenceHeader::read(high).unwrap();
    assert_eq!((header.width, header.height, header.pixel_aspect), (1920, 1080, Some((1, 1))));
    assert_eq!((header.bit_rate, header.frame_rate), (Some(40_000_000), FrameRate::new(30_000, 1001)));
    assert!(header.is_low_delay && header.object_type() == 0x64);
    let pal = b"\0\0\x01\xb3\x2d\x02\x40\x23\xff\xff\xe0\x18\0\0\x01\xb5\x18\x52\0\x01\0\0";
    let header = SequenceHeader::read(pal).unwrap();
    assert_eq!((header.pixel_aspect, header.object_type()), (Some((16, 15)), 0x65));
    for length in 0..11 {
        assert_eq!(SequenceHeader::read(&SEQUENCE[..length]), None, "{length}");
    }
    assert_eq!(SequenceHeader::read(b"\0\0\x01\xb3\0\0\x30\x13\xff\xff\xe0\x18"), None);

    let mut watch = ParameterWatch::new(&Format::mpeg_video());
    let parts = [SEQUENCE, GROUP, INTRA].concat().into();
    let unit = AccessUnit { timestamp: 0, parts, is_keyframe: true, is_damaged: false, configuration: None };
    assert_eq!((watch.parameters().video, watch.look(&unit), watch.look(&unit)), (None, true, false));
    let video = watch.parameters().video.unwrap();
    assert_eq!((video.width, video.height, video.reordering), (64, 48, Some(1)));
    assert_eq!(watch.parameters().codec.as_deref(), Some("mp4v.61"));
}

#[test]
fn headers_and_i_pictures_are_places_to_begin_at() {
    let point = |payload: &[&[u8]]| contents(&payload.concat()).access_point;
    let [intra, backward] = [[0, 0, 1, 0], [0, 0, 3, 0]];
    assert_eq!(point(&[&intra, SEQUENCE, GROUP, INTRA]), Some(AccessPoint::Refresh));
    assert_eq!(point(&[&intra, GROUP, INTRA]), Some(AccessPoint::Intra));
    assert_eq!(point(&[&intra, INTRA]), Some(AccessPoint::Intra));
    assert_eq!(point(&[&intra, &slice(1, 9)]), None);
    assert_eq!((point(&[&backward, BACKWARD]), point(&[&intra]), point(&[])), (None, None, None));
}

#[test]
fn pictures_of_ffmpeg_and_gstreamer_are_read_though_their_headers_tell_little() {
    let payloads = FFMPEG.map(bytes_of);
    let mut depacketizer = Depacketizer::new();
    for (sequence, payload) in (1..).zip(&payloads) {
        depacketizer.push(&packet(sequence, true, sequence.into(), &[payload]), 0).unwrap();
        let unit = depacketizer.poll().unwrap();
        assert_eq!((&unit.parts[0][..], unit.is_keyframe), (&payload[4..], sequence == 1));
        // Ours tells it all.
        let [told] = &packets_of(&unit.parts[0], 1400)[..] else { panic!("not one packet") };
        assert_eq!((&told.payload()[4..], told.payload()[2] & 0x18), (&payload[4..], 0x18));
        assert_eq!(told.payload()[2] & 0x27, [0x21, 2, 3, 2][usize::from(sequence) - 1]);
    }
    assert_eq!(depacketizer.take_tolerances().iter().collect::<Vec<_>>(), [Tolerance::MpegVideoHeader]);
    // GStreamer has zeros there.
    let zeros = [&[0; 4][..], &payloads[0][4..]].concat();
    let mut depacketizer = Depacketizer::new();
    depacketizer.push(&packet(9, true, 9, &[&zeros]), 0).unwrap();
    assert!(depacketizer.poll().is_some_and(|unit| unit.is_keyframe));
    assert!(depacketizer.take_tolerances().contains(Tolerance::MpegVideoHeader));
    let group = [&[0; 4], GROUP, INTRA].concat();
    assert_eq!(contents(&group).access_point, Some(AccessPoint::Intra));
    let whole = packets_of(&[SEQUENCE, GROUP, INTRA, &slice(1, 9)].concat(), 1400);
    depacketizer.push(&whole[0], 0).unwrap();
    assert!(depacketizer.take_tolerances().is_empty());
}
