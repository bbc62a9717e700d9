use super::*;
use crate::description::{Codec, Format};
use crate::payload::ParameterWatch;

/// The beginning of a frame that libvpx has made: 320 x 240.
const KEYFRAME: &[u8] = &[0xb0, 0x5a, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00, 0x00, 0x07];

#[test]
fn descriptors_are_read_in_full() {
    let table: &[(&[u8], Descriptor)] = &[
        (&[0x10], Descriptor { begins_partition: true, ..Descriptor::default() }),
        (&[0x22], Descriptor { is_non_reference: true, partition: 2, ..Descriptor::default() }),
        (&[0x80, 0x80, 0x7f], Descriptor { picture_id: Some(0x7f), ..Descriptor::default() }),
        (&[0x80, 0x80, 0x92, 0x34], Descriptor { picture_id: Some(0x1234), ..Descriptor::default() }),
        (&[0x80, 0x40, 9], Descriptor { base_index: Some(9), ..Descriptor::default() }),
        (
            &[0x80, 0x20, 0xbf],
            Descriptor { temporal_layer: Some(2), is_layer_sync: true, ..Descriptor::default() },
        ),
        (&[0x80, 0x10, 0xdf], Descriptor { key_index: Some(31), ..Descriptor::default() }),
        (
            &[0x90, 0xff, 0x81, 0x02, 3, 0x64],
            Descriptor {
                begins_partition: true,
                picture_id: Some(0x0102),
                base_index: Some(3),
                temporal_layer: Some(1),
                is_layer_sync: true,
                key_index: Some(4),
                ..Descriptor::default()
            },
        ),
    ];
    for (bytes, descriptor) in table {
        let payload = [bytes, &[7, 8][..]].concat();
        assert_eq!(Descriptor::read(&payload), Ok((*descriptor, &[7, 8][..])), "{bytes:02x?}");
        for length in 1..=bytes.len() {
            let cut_off = PayloadError::Truncated { needed: length + 1, length };
            assert_eq!(Descriptor::read(&bytes[..length]), Err(cut_off), "{bytes:02x?}");
        }
    }
    assert_eq!(Descriptor::read(&[]), Err(PayloadError::Empty));
}

#[test]
fn partitions_of_a_frame_are_joined() {
    // A packet that begins another partition begins no frame.
    let mut depacketizer = Depacketizer::new();
    let payloads: [&[u8]; 3] = [&[0x90, 0x80, 5, 0xb0, 1], &[0x91, 0x80, 5, 2], &[0x01, 3]];
    for (sequence, payload) in (0..).zip(payloads) {
        let header = crate::rtp::RtpHeader { marker: sequence == 2, sequence, ..Default::default() };
        assert_eq!(depacketizer.push(&RtpPacket::build(header, payload), 0), Ok(()));
    }
    let unit = depacketizer.poll().unwrap();
    assert_eq!((&unit.parts[0][..], unit.is_keyframe, unit.is_damaged), (&[0xb0, 1, 2, 3][..], true, false));
}

#[test]
fn keyframes_are_access_points_and_tell_the_size() {
    let packet = |descriptor: &[u8], frame: &[u8]| contents(&[descriptor, frame].concat()).access_point;
    assert_eq!(packet(&[0x10], KEYFRAME), Some(AccessPoint::Refresh));
    assert_eq!(packet(&[0x90, 0x80, 1], KEYFRAME), Some(AccessPoint::Refresh));
    assert_eq!(packet(&[0x11], KEYFRAME), None);
    assert_eq!(packet(&[0x00], KEYFRAME), None);
    assert_eq!(packet(&[0x10], &[0xb1]), None);
    assert_eq!(packet(&[], &[]), None);

    let mut watch = ParameterWatch::new(&Format::vp8(96));
    let parts = Parts::from(KEYFRAME);
    let unit = AccessUnit { timestamp: 0, parts, is_keyframe: true, is_damaged: false, configuration: None };
    assert_eq!((watch.parameters().video, watch.look(&unit), watch.look(&unit)), (None, true, false));
    let parameters = watch.parameters();
    let video = parameters.video.unwrap();
    assert_eq!((video.width, video.height), (320, 240));
    assert_eq!(parameters.codec.as_deref(), Some("vp08.00.20.08"));
    assert_eq!(parameters.configuration.unwrap(), [1, 0, 0, 0, 0, 20, 0x82, 2, 2, 2, 0, 0][..]);
    let inter = AccessUnit { is_keyframe: false, parts: Parts::from(vec![0xb1, 0]), ..unit };
    assert!(!watch.look(&inter));
    for length in 0..10 {
        assert_eq!(FrameHeader::read(&KEYFRAME[..length]), None);
    }
}

#[test]
fn parameters_are_what_a_receiver_can_take() {
    let format = Format::vp8(96).with_fmtp("max-fr=30; max-fs=3600");
    let Codec::Vp8(vp8) = format.codec else { panic!("{format:?}") };
    assert_eq!((vp8.max_frame_rate, vp8.max_frame_size), (Some(30), Some(3600)));
}
