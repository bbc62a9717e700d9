use super::*;
use crate::description::{Codec, Format};
use crate::payload::{PacketizerConfig, ParameterWatch};
use crate::rtp::RtpHeader;

/// The beginning of a frame that libvpx has made: 320 x 240.
const KEYFRAME: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0e, 0xf6, 0x08, 0x38];

fn layer(spatial: u8) -> Layer {
    Layer { temporal: 1, is_switching_point: true, spatial, is_inter_layer: true, base_index: None }
}

#[test]
fn descriptors_are_read_in_full() {
    let default = Descriptor::default;
    let table: &[(&[u8], Descriptor)] = &[
        (&[0x0c], Descriptor { begins_frame: true, ends_frame: true, ..default() }),
        (&[0x81, 0x7f], Descriptor { picture_id: Some(0x7f), is_not_for_upper_layers: true, ..default() }),
        (&[0xc0, 0x92, 0x34], Descriptor { picture_id: Some(0x1234), is_inter_picture: true, ..default() }),
        (
            &[0x20, 0x35, 8],
            Descriptor { layer: Some(Layer { base_index: Some(8), ..layer(2) }), ..default() },
        ),
        (
            &[0x70, 0x35, 0x03, 0x05, 0x06],
            Descriptor {
                is_inter_picture: true,
                is_flexible: true,
                layer: Some(layer(2)),
                differences: [Some(1), Some(2), Some(3)],
                ..default()
            },
        ),
        (
            &[0x50, 0x08],
            Descriptor {
                is_inter_picture: true,
                is_flexible: true,
                differences: [Some(4), None, None],
                ..default()
            },
        ),
        (
            &[0x0a, 0x38, 0x01, 0x40, 0x00, 0xf0, 0x02, 0x80, 0x01, 0xe0, 2, 0x14, 1, 0x28, 2, 3],
            Descriptor {
                begins_frame: true,
                structure: Some(ScalabilityStructure {
                    spatial_layers: 2,
                    sizes: vec![(320, 240), (640, 480)],
                    group: vec![
                        PictureGroupFrame {
                            temporal: 0,
                            is_switching_point: true,
                            differences: [Some(1), None, None],
                        },
                        PictureGroupFrame {
                            temporal: 1,
                            is_switching_point: false,
                            differences: [Some(2), Some(3), None],
                        },
                    ],
                }),
                ..default()
            },
        ),
    ];
    for (bytes, descriptor) in table {
        let payload = [bytes, &[7, 8][..]].concat();
        assert_eq!(Descriptor::read(&payload), Ok((descriptor.clone(), &[7, 8][..])), "{bytes:02x?}");
        for length in 1..=bytes.len() {
            let cut_off = PayloadError::Truncated { needed: length + 1, length };
            assert_eq!(Descriptor::read(&bytes[..length]), Err(cut_off), "{bytes:02x?}");
        }
    }
    assert_eq!(Descriptor::read(&[]), Err(PayloadError::Empty));
}

#[test]
fn descriptors_are_written_for_one_layer() {
    let config = PacketizerConfig { packet_bytes_max: 64, ..PacketizerConfig::new(96, 1, 0xffff) };
    let mut packetizer = Packetizer::new(config);
    let mut payloads = Vec::new();
    let key = [KEYFRAME, &[9; 80]].concat();
    let sent =
        packetizer.packetize([&key[..], &[0x86, 1]], 0, |packet| payloads.push(packet.payload().to_vec()));
    assert_eq!(sent, Ok(()));
    assert_eq!(payloads[0][..12], [0x8b, 0xff, 0xff, 0x18, 1, 0x40, 0, 0xf0, 1, 0x04, 1, 0x82]);
    let heads: Vec<_> = payloads.iter().map(|payload| payload[0]).collect();
    assert_eq!(heads, [0x8b, 0x81, 0x85, 0xcd]);
    assert_eq!(payloads[3], [0xcd, 0x80, 0x00, 0x86, 1]);
    let (descriptor, _) = Descriptor::read(&payloads[0]).unwrap();
    assert_eq!(descriptor.structure.unwrap().sizes, [(320, 240)]);
}

/// The picture that comes out of payloads of one timestamp; the last has the marker.
fn picture(payloads: &[&[u8]], lost: Option<u16>) -> Option<AccessUnit> {
    let mut depacketizer = Depacketizer::new();
    let before = RtpHeader { marker: true, sequence: 9, ..RtpHeader::default() };
    depacketizer.push(&RtpPacket::build(before, &[0x0c, 0x86]), 0).unwrap();
    assert!(depacketizer.poll().is_some());
    for (at, payload) in (0..).zip(payloads).filter(|(at, _)| Some(*at) != lost) {
        let marker = usize::from(at) + 1 == payloads.len();
        let header = RtpHeader { marker, sequence: 10 + at, timestamp: 3000, ..RtpHeader::default() };
        depacketizer.push(&RtpPacket::build(header, payload), 0).unwrap();
    }
    depacketizer.poll()
}

#[test]
fn layers_of_a_picture_come_out_as_a_superframe() {
    let lowest = [&[0x28, 0, 0], KEYFRAME].concat();
    let payloads: [&[u8]; 4] = [&lowest, &[0x24, 0, 0, 1], &[0x28, 0x03, 0, 0x86, 5], &[0x24, 0x03, 0, 6]];
    let unit = picture(&payloads, None).unwrap();
    let index = [0b1101_1001, 12, 0, 0, 0, 3, 0, 0, 0, 0b1101_1001];
    assert_eq!(unit.parts.to_bytes(), [KEYFRAME, &[1, 0x86, 5, 6], &index].concat());
    assert!(unit.parts.len() == 1 && unit.is_keyframe && !unit.is_damaged);
    for lost in 0..3 {
        let unit = picture(&payloads, Some(lost)).unwrap();
        assert!(unit.is_damaged, "without packet {lost}");
        assert_eq!(unit.is_keyframe, lost > 0);
    }
}

#[test]
fn keyframes_are_access_points_and_tell_what_a_decoder_has_to_know() {
    let packet = |descriptor: &[u8], frame: &[u8]| contents(&[descriptor, frame].concat()).access_point;
    assert_eq!(packet(&[0x08], KEYFRAME), Some(AccessPoint::Refresh));
    assert_eq!(packet(&[0x28, 0x02, 0], KEYFRAME), None, "a higher layer");
    assert_eq!(packet(&[0x00], KEYFRAME), None);
    assert_eq!(packet(&[0x08], &[0x86]), None);
    assert_eq!(packet(&[], &[]), None);

    let mut watch = ParameterWatch::new(&Format::vp9(96, 0));
    let unit = AccessUnit {
        timestamp: 0,
        parts: Parts::from(KEYFRAME),
        is_keyframe: true,
        is_damaged: false,
        configuration: None,
    };
    assert_eq!((watch.look(&unit), watch.look(&unit)), (true, false));
    let parameters = watch.parameters();
    let video = parameters.video.unwrap();
    assert_eq!((video.width, video.height), (320, 240));
    assert_eq!(parameters.codec.as_deref(), Some("vp09.00.20.08"));
    // As FFmpeg writes it.
    assert_eq!(parameters.configuration.unwrap(), [1, 0, 0, 0, 0, 20, 0x82, 2, 2, 2, 0, 0][..]);
}

#[test]
fn every_profile_has_its_header() {
    // Profile 1: 4:4:4 of BT.709. Profile 2: ten bits. Profile 3: twelve bits of RGB.
    let table: &[(&[u8], FrameHeader)] = &[
        (&[0xa2, 0x49, 0x83, 0x42, 0x40, 0x00, 0x02, 0x00, 0x00], header(1, 8, 2, (false, false), (2, 1))),
        (&[0x92, 0x49, 0x83, 0x42, 0x20, 0x00, 0x18, 0x00, 0x08], header(2, 10, 2, (true, true), (4, 2))),
        (&[0xb1, 0x24, 0xc1, 0xa1, 0x78, 0x00, 0x04, 0x00, 0x04], header(3, 12, 7, (false, false), (2, 2))),
    ];
    for (frame, header) in table {
        assert_eq!(FrameHeader::read(frame).as_ref(), Some(header), "{frame:02x?}");
        for length in 0..frame.len() - 1 {
            assert_eq!(FrameHeader::read(&frame[..length]), None);
        }
    }
    assert_eq!(FrameHeader::read(&[0x82, 0x49, 0x83, 0x43, 0, 0x13, 0xf0, 0x0e, 0xf6]), None);
    assert_eq!(FrameHeader::read(&[0x88]), None, "an existing frame is shown");
}

fn header(
    profile: u8,
    bit_depth: u8,
    colour_space: u8,
    subsampling: (bool, bool),
    size: (u32, u32),
) -> FrameHeader {
    let is_full_range = colour_space == 7;
    FrameHeader {
        profile,
        bit_depth,
        colour_space,
        is_full_range,
        subsampling,
        width: size.0,
        height: size.1,
    }
}

#[test]
fn the_profile_is_told_by_the_description() {
    let format = Format::vp9(96, 2);
    let Codec::Vp9(vp9) = &format.codec else { panic!("{format:?}") };
    assert_eq!((vp9.profile, format.fmtp.as_deref()), (2, Some("profile-id=2")));
}
