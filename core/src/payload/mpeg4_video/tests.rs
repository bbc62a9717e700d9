use super::*;
use crate::description::{Codec, Format};
use crate::payload::{FrameRate, ParameterWatch};
use crate::rtp::RtpHeader;

/// The beginning of a keyframe of 64 x 48 by FFmpeg: sequence, object, layer, its name, a group, an I picture.
const HEADERS: &[u8] =
    b"\0\0\x01\xb0\xf1\0\0\x01\xb5\xa9\x13\0\0\x01\0\0\0\x01\x20\x08\xd4\x8d\x08\0\xcd\x02\x04\x06\x14\x10\
\x3f\0\0\x01\xb2Lavc59.37.100";
const GROUP: &[u8] = b"\0\0\x01\xb3\0\x10\x07";
const INTRA: &[u8] = b"\0\0\x01\xb6\x10\x60\x4d\x82\xe1\xac";
const INTER: &[u8] = b"\0\0\x01\xb6\x51\x04\x92";

/// I, P, B and P pictures by FFmpeg, 32 x 32.
const FFMPEG: [&str; 4] = [
    "000001b0f1000001b5a913000001000000012008d48d0800cd01040414103f000001b24c61766335392e33372e3130300000\
     01b3001007000001b61063f1976d8983246db7ef0000df465db6260c91b6dfbf",
    "000001b65171f3bf0000df6f",
    "000001b690e3e4bf00006f9f",
    "000001b651e1f3bf0000df6f",
];

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn packet(sequence: u16, marker: bool, timestamp: u32, payload: &[u8]) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, marker, sequence, timestamp, ssrc: 1 }, payload)
}

fn keyframe(headers: &[u8]) -> AccessUnit {
    let parts = [headers, INTRA].concat().into();
    AccessUnit { timestamp: 0, parts, is_keyframe: true, is_damaged: false, configuration: None }
}

#[test]
fn the_header_of_a_layer_tells_size_and_order() {
    let layer = VideoObjectLayer::read(HEADERS).unwrap();
    assert_eq!((layer.object_type, layer.width, layer.height), (17, 64, 48));
    assert_eq!((layer.pixel_aspect, layer.time_resolution, layer.frame_rate), (Some((1, 1)), 25, None));
    assert_eq!((layer.is_low_delay, layer.reordering()), (Some(false), Some(1)));
    // Fields that FFmpeg does not write: an identifier, an aspect of its own, a buffer, a fixed rate.
    let mut bits = crate::payload::bits::BitWriter::default();
    let fields = [(0, 1), (1, 8), (1, 1), (9, 7), (15, 4), (4, 8), (3, 8), (1, 1), (1, 2), (1, 1), (1, 1)];
    fields.iter().for_each(|(number, count)| bits.put(*number, *count));
    (0..79).for_each(|_| bits.put(1, 1));
    let rate = [(0, 2), (1, 1), (30_000, 16), (1, 1), (1, 1), (1001, 15)];
    let size = [(1, 1), (720, 13), (1, 1), (576, 13), (1, 1)];
    rate.iter().chain(&size).for_each(|(number, count)| bits.put(*number, *count));
    let header = [&[0, 0, 1, 0x2f], bits.bytes()].concat();
    let layer = VideoObjectLayer::read(&header).unwrap();
    assert_eq!((layer.width, layer.height, layer.pixel_aspect), (720, 576, Some((4, 3))));
    assert_eq!((layer.frame_rate, layer.is_low_delay), (FrameRate::new(30_000, 1001), Some(true)));
    for length in 0..header.len() - 1 {
        assert_eq!(VideoObjectLayer::read(&header[..length]), None, "{length} bytes");
    }
    // Simple layers need not say that they have no B pictures; others may have some.
    let short = |object_type| {
        let mut bits = crate::payload::bits::BitWriter::default();
        [(0, 1), (object_type, 8), (0, 1), (1, 4), (0, 1), (0, 2), (1, 1), (1, 16), (1, 1), (1, 1), (1, 1)]
            .iter()
            .chain(&size)
            .for_each(|(number, count)| bits.put(*number, *count));
        VideoObjectLayer::read(&[&[0, 0, 1, 0x20], bits.bytes()].concat()).unwrap()
    };
    assert_eq!((short(1).reordering(), short(1).frame_rate), (Some(0), FrameRate::new(1, 1)));
    assert_eq!(short(17).reordering(), None);
}

#[test]
fn headers_stay_in_front_of_their_picture() {
    let whole = [HEADERS, GROUP, INTRA].concat();
    for cuts in [&[][..], &[HEADERS.len()], &[HEADERS.len(), HEADERS.len() + GROUP.len()], &[60, 63]] {
        let mut depacketizer = Depacketizer::new();
        let (mut from, mut sequence) = (0, 0);
        for end in cuts.iter().copied().chain([whole.len()]) {
            sequence += 1;
            let payload = &whole[from..end];
            depacketizer.push(&packet(sequence, end == whole.len(), 3000, payload), 0).unwrap();
            from = end;
        }
        depacketizer.push(&packet(sequence + 1, true, 6000, INTER), 0).unwrap();
        let unit = depacketizer.poll().unwrap();
        assert_eq!(
            (unit.parts.to_bytes(), unit.is_keyframe, unit.is_damaged),
            (whole.clone().into(), true, false)
        );
        let unit = depacketizer.poll().unwrap();
        assert_eq!((&unit.parts[0][..], unit.is_keyframe, unit.is_damaged), (INTER, false, false));
        assert!(depacketizer.take_tolerances().is_empty());
    }
}

#[test]
fn a_keyframe_whose_headers_may_be_lost_is_marked_where_headers_come_apart() {
    let mut depacketizer = Depacketizer::new();
    let damaged = |depacketizer: &mut Depacketizer| depacketizer.poll().map(|unit| unit.is_damaged);
    depacketizer.push(&packet(1, true, 1, INTRA), 3).unwrap();
    assert_eq!(damaged(&mut depacketizer), Some(false), "none have come apart so far");
    depacketizer.push(&packet(2, false, 2, HEADERS), 0).unwrap();
    depacketizer.push(&packet(3, true, 2, INTRA), 0).unwrap();
    assert_eq!(damaged(&mut depacketizer), Some(false));
    for (sequence, lost, picture, is_marked) in
        [(4, 0, INTRA, false), (6, 1, INTRA, true), (8, 1, INTER, false), (9, 0, INTRA, false)]
    {
        depacketizer.push(&packet(sequence, true, sequence.into(), picture), lost).unwrap();
        assert_eq!(damaged(&mut depacketizer), Some(is_marked), "{sequence}");
    }
    // The picture is lost behind its headers, or the headers in front of it.
    depacketizer.push(&packet(10, false, 10, HEADERS), 0).unwrap();
    depacketizer.push(&packet(12, true, 12, INTER), 1).unwrap();
    assert_eq!((damaged(&mut depacketizer), damaged(&mut depacketizer)), (Some(true), Some(false)));
}

#[test]
fn what_is_no_picture_is_refused() {
    let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 1, 7));
    let refused = PacketizeError::Malformed("a picture of MPEG-4 does not begin with a start code");
    let mut sent = Vec::new();
    for part in [&b"AVI"[..], b"\0\0\x01", b"\0\0\x01\xb1", b"\0\0\x01\xe0"] {
        let result = packetizer.packetize([part, INTER], 9, |packet| sent.push(packet));
        assert_eq!(result, Err(refused), "{part:02x?}");
    }
    assert_eq!((sent.len(), packetizer.next_sequence()), (4, 11));
    assert!(sent.iter().all(|packet| packet.marker() && packet.payload() == INTER));
    assert_eq!(Depacketizer::new().push(&packet(1, true, 1, &[]), 0), Err(PayloadError::Empty));
}

#[test]
fn headers_and_i_pictures_are_places_to_begin_at() {
    let point = |payload: &[&[u8]]| contents(&payload.concat()).access_point;
    assert_eq!(point(&[HEADERS, GROUP, INTRA]), Some(AccessPoint::Refresh));
    assert_eq!(point(&[HEADERS]), Some(AccessPoint::Refresh));
    assert_eq!(point(&[GROUP, INTRA]), Some(AccessPoint::Intra));
    assert_eq!(point(&[INTRA]), Some(AccessPoint::Intra));
    assert_eq!(point(&[HEADERS, INTER]), None);
    assert_eq!(
        (point(&[INTER]), point(&[GROUP]), point(&[&INTRA[1..]]), point(&[])),
        (None, None, None, None)
    );
}

#[test]
fn parameters_are_those_of_the_description_until_the_stream_tells_others() {
    let format = Format::mpeg4_video(96, HEADERS);
    let mut watch = ParameterWatch::new(&format);
    let parameters = watch.parameters();
    let video = parameters.video.unwrap();
    assert_eq!((video.width, video.height, video.reordering), (64, 48, Some(1)));
    assert_eq!(parameters.codec.as_deref(), Some("mp4v.20.241"));
    assert_eq!((parameters.configuration.as_deref(), &parameters.format), (Some(HEADERS), &format));
    assert!(!watch.look(&keyframe(&[])) && !watch.look(&keyframe(&[HEADERS, GROUP].concat())));
    // Another level.
    let mut other = HEADERS.to_vec();
    other[4] = 0xf5;
    assert!(watch.look(&keyframe(&other)));
    let Codec::Mpeg4Video(told) = watch.parameters().format.codec else { panic!("another codec") };
    assert_eq!((told.profile_level, &told.config[..]), (0xf5, &other[..]));
    let unknown = ParameterWatch::new(&Format::new(96, "MP4V-ES", 90_000)).parameters();
    assert_eq!((unknown.video, unknown.configuration), (None, None));
}

#[test]
fn pictures_of_ffmpeg_are_read_and_written_alike() {
    let payloads = FFMPEG.map(bytes_of);
    let mut depacketizer = Depacketizer::new();
    let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 1, 1));
    for ((sequence, payload), presented) in (1..).zip(&payloads).zip([1, 3, 2, 4]) {
        depacketizer.push(&packet(sequence, true, presented * 3600, payload), 0).unwrap();
        let unit = depacketizer.poll().unwrap();
        assert_eq!((unit.parts.to_bytes(), unit.is_keyframe), (payload.clone().into(), sequence == 1));
        let sent = packetizer.packetize(unit.parts.slices(), unit.timestamp, |own| {
            assert_eq!(own, packet(sequence, true, presented * 3600, payload));
        });
        assert_eq!(sent, Ok(()));
    }
    let told = told(&payloads[0].clone().into()).unwrap();
    assert_eq!((told.video.width, told.video.height, &*told.codec), (32, 32, "mp4v.20.241"));
}
