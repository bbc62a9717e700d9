//! Contents of single packets, vectors of RFC 7798, decoding order numbers, and the configuration for containers.

use bytes::Bytes;

use super::configuration::General;
use super::*;
use crate::description::Format;
use crate::payload::{AccessUnit, PacketizerConfig, ParameterWatch, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

/// Of a file that x265 and FFmpeg have made: 320 x 240, 25 pictures a second.
const X265_VPS: [u8; 24] = [
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
    0x00, 0x03, 0x00, 0x3c, 0x95, 0x98, 0x09,
];
const X265_SPS: [u8; 42] = [
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
    0x3c, 0xa0, 0x0a, 0x08, 0x0f, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0xc0, 0x5a, 0x02, 0x00, 0x00, 0x03,
    0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x32, 0x10,
];
const X265_PPS: [u8; 7] = [0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

#[test]
fn access_points_are_told_from_one_packet() {
    let table: &[(&str, &[u8], bool)] = &[
        ("nothing", &[], false),
        ("VPS", &[0x40, 1, 0x0c], true),
        ("SPS", &[0x42, 1, 1], true),
        ("PPS", &[0x44, 1, 0xc1], false),
        ("IDR_W_RADL", &[0x26, 1, 0xaf], true),
        ("IDR_N_LP", &[0x28, 1, 0xaf], true),
        ("CRA", &[0x2a, 1, 0xaf], true),
        ("BLA", &[0x20, 1, 0xaf], true),
        ("reserved IRAP", &[0x2c, 1, 0xaf], false),
        ("TRAIL_R", &[0x02, 1, 0xd0], false),
        ("start code, then VPS", &[0, 0, 0, 1, 0x40, 1], true),
        ("aggregate of SEI and SPS", &[0x60, 1, 0, 2, 0x4e, 1, 0, 2, 0x42, 1], true),
        ("aggregate of SEI and TRAIL_R", &[0x60, 1, 0, 2, 0x4e, 1, 0, 2, 0x02, 1], false),
        ("aggregate cut off", &[0x60, 1, 0, 9, 0x42, 1], false),
        ("aggregate of empty units", &[0x60, 1, 0, 0, 0, 0, 0, 0], false),
        ("first fragment of IDR", &[0x62, 1, 0x93], true),
        ("second fragment of IDR", &[0x62, 1, 0x13], false),
        ("first fragment of TRAIL_R", &[0x62, 1, 0x81], false),
        ("fragment cut off", &[0x62, 1], false),
        ("recovery point", &[0x4e, 1, 6, 1, 0xc0, 0x80], true),
        ("recovery point in an aggregate", &[0x60, 1, 0, 6, 0x4e, 1, 6, 1, 0xc0, 0x80], true),
        ("other SEI", &[0x4e, 1, 1, 1, 0xc0, 0x80], false),
        ("suffix SEI", &[0x50, 1, 6, 1, 0xc0, 0x80], false),
    ];
    for (name, payload, is_refresh) in table {
        assert_eq!(access_point(payload) == Some(AccessPoint::Refresh), *is_refresh, "{name}");
        assert!(*is_refresh || access_point(payload).is_none(), "{name}");
    }
}

#[test]
fn the_configuration_is_the_one_that_ffmpeg_writes() {
    let parameters = ParameterWatch::new(&Format::h265(96, &X265_VPS, &X265_SPS, &X265_PPS)).parameters();
    let mut ffmpeg = vec![
        0x01, 0x01, 0x60, 0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x00, 0x3c, 0xf0, 0x00, 0xfc, 0xfd,
        0xf8, 0xf8, 0x00, 0x00, 0x0f, 0x03,
    ];
    for (kind, set) in [(VPS, &X265_VPS[..]), (SPS, &X265_SPS), (PPS, &X265_PPS)] {
        ffmpeg.extend([0x80 | kind, 0, 1, 0, set.len() as u8]);
        ffmpeg.extend(set);
    }
    assert_eq!(parameters.configuration.unwrap(), ffmpeg);
    assert_eq!(parameters.codec.as_deref(), Some("hvc1.1.6.L60.90"));
    let video = parameters.video.unwrap();
    assert_eq!((video.width, video.height, video.reordering), (320, 240, Some(2)));
    let without_vps =
        Format::new(96, "H265", 90_000).with_parameter("sprop-sps", &crate::base64::encode(&X265_SPS));
    let parameters = ParameterWatch::new(&without_vps).parameters();
    assert_eq!((parameters.configuration, parameters.video.is_some()), (None, true));
}

#[test]
fn codecs_are_named_as_browsers_name_them() {
    // ISO/IEC 14496-15, annex E.3: Main 10, high tier, without and with profile space and constraints.
    let general = |profile| General { sub_layers: 1, profile }.codec();
    let main10 = [0x22, 0x20, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93];
    assert_eq!(general(main10), "hvc1.2.4.H93.B0");
    let spaced = [0x41, 0x80, 0, 0, 0, 0xb0, 0, 0x23, 0, 0, 0, 120];
    assert_eq!(general(spaced), "hvc1.A1.1.L120.B0.0.23");
    let bare = [0x01, 0x60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63];
    assert_eq!(general(bare), "hvc1.1.6.L63");
}

fn payloads(nals: &[&[u8]], packet_bytes_max: usize) -> Vec<Vec<u8>> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 1, 0) };
    let mut payloads = Vec::new();
    let sent = Packetizer::new(config)
        .packetize(nals.iter().copied(), 0, |packet| payloads.push(packet.payload().to_vec()));
    assert_eq!(sent, Ok(()));
    payloads
}

#[test]
fn packets_are_those_of_the_rfc() {
    assert_eq!(payloads(&[&[0x26, 1, 0xaf]], 100), [[0x26, 1, 0xaf]]);
    // The lowest layer and sub-layer of the units: layer 33 and 1, sub-layers 3 and 2; a forbidden bit.
    let nals: &[&[u8]] = &[&[0x40 | 1, 0x0b, 7], &[0xc2, 0x0a, 8, 9]];
    assert_eq!(payloads(nals, 100), [[0xe0, 0x0a, 0, 3, 0x41, 0x0b, 7, 0, 4, 0xc2, 0x0a, 8, 9]]);
    let nal: Vec<u8> = [0x26, 1].into_iter().chain(0..200).collect();
    let three = payloads(&[&nal], 100);
    assert_eq!(three.iter().map(Vec::len).collect::<Vec<_>>(), [88, 88, 33]);
    assert_eq!(three[0][..5], [0x62, 1, 0x93, 0, 1]);
    assert_eq!(three[1][..5], [0x62, 1, 0x13, 85, 86]);
    assert_eq!(three[2][..5], [0x62, 1, 0x53, 170, 171]);
}

/// The units and errors that come out of packets with decoding order numbers, all of one timestamp.
fn numbered(payloads: &[&[u8]]) -> (Vec<AccessUnit>, Vec<PayloadError>) {
    let mut depacketizer = Depacketizer::with_order_numbers();
    let mut errors = Vec::new();
    for (at, payload) in payloads.iter().enumerate() {
        let marker = at + 1 == payloads.len();
        let header = RtpHeader { payload_type: 96, marker, sequence: at as u16, timestamp: 0, ssrc: 1 };
        errors.extend(depacketizer.push(&RtpPacket::build(header, payload), 0).err());
    }
    (std::iter::from_fn(|| depacketizer.poll()).collect(), errors)
}

#[test]
fn decoding_order_numbers_are_taken_off() {
    let (units, errors) = numbered(&[
        &[0x40, 1, 0xff, 0xfe, 0x0c],
        // An aggregate: DONL 65,535, then a difference of two, over the wrap.
        &[0x60, 1, 0xff, 0xff, 0, 3, 0x42, 1, 1, 1, 0, 3, 0x44, 1, 0xc1],
        &[0x62, 1, 0x93, 0, 2, 0xaf],
        &[0x62, 1, 0x13, 7],
        &[0x62, 1, 0x53, 8],
    ]);
    assert_eq!(errors, []);
    let nals: [&[u8]; 4] = [&[0x40, 1, 0x0c], &[0x42, 1, 1], &[0x44, 1, 0xc1], &[0x26, 1, 0xaf, 7, 8]];
    assert_eq!(units[0].parts, nals.map(Bytes::from_static).to_vec());
    assert_eq!((units.len(), units[0].is_keyframe, units[0].is_damaged), (1, true, false));
}

#[test]
fn a_nal_unit_out_of_decoding_order_is_left_out_and_its_unit_marked() {
    let (units, errors) =
        numbered(&[&[0x40, 1, 0, 5, 0x0c], &[0x42, 1, 0, 4, 1], &[0x26, 1, 0, 6, 0xaf], &[0x02, 1, 0, 6, 7]]);
    assert_eq!(errors, [PayloadError::Malformed("a NAL unit is not in decoding order")]);
    assert_eq!((units.len(), units[0].parts.len(), units[0].is_damaged), (1, 3, true));
}

#[test]
fn packets_that_cannot_be_read_are_refused_each_by_itself() {
    let table: &[(&[u8], PayloadError)] = &[
        (&[0x26], PayloadError::Truncated { needed: 2, length: 1 }),
        (&[0x64, 1, 0, 0, 0], PayloadError::Unsupported(50)),
        (&[0x7e, 1, 0], PayloadError::Unsupported(63)),
        (&[0x62, 1], PayloadError::Truncated { needed: 3, length: 2 }),
        (&[0x62, 1, 0x13, 1], PayloadError::FragmentWithoutStart),
        (&[0x60, 1, 0, 1, 0x42], PayloadError::Truncated { needed: 2, length: 1 }),
        (&[0x60, 1, 0, 9, 0x42], PayloadError::Truncated { needed: 9, length: 1 }),
        (&[0x60, 1, 0, 2, 0x60, 1], PayloadError::Unsupported(48)),
        (&[0x62, 1, 0xf0], PayloadError::Unsupported(48)),
    ];
    for (payload, error) in table {
        let mut depacketizer = Depacketizer::new();
        let mut push = |sequence, marker, payload: &[u8]| {
            let header =
                RtpHeader { marker, sequence, timestamp: u32::from(sequence) / 2, ..RtpHeader::default() };
            let pushed = depacketizer.push(&RtpPacket::build(header, payload), 0);
            (pushed, depacketizer.poll().map(|unit| unit.is_damaged))
        };
        assert_eq!(push(0, false, &[0x26, 1, 0xaf]), (Ok(()), None));
        assert_eq!(push(1, true, payload), (Err(*error), Some(true)), "{payload:02x?}");
        assert_eq!(push(2, true, &[0x02, 1, 0xd0]), (Ok(()), Some(false)), "{payload:02x?}");
    }
    let cut_off: &[(&[u8], usize)] =
        &[(&[0x26, 1, 0], 1), (&[0x60, 1, 9], 1), (&[0x60, 1, 0, 1, 9], 1), (&[0x62, 1, 0x93], 0)];
    for (payload, length) in cut_off {
        assert_eq!(
            numbered(&[payload]).1,
            [PayloadError::Truncated { needed: 2, length: *length }],
            "{payload:02x?}"
        );
    }
}
