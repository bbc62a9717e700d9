//! Contents of single packets, packets as RFC 9328 has them, and decoding order numbers.

use bytes::Bytes;

use super::*;
use crate::description::Format;
use crate::payload::{PacketizerConfig, ParameterWatch, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

/// 1920 x 1080, Main 10, level 4.1.
const FULL_HD: [u8; 15] =
    [0x00, 0x79, 0x00, 0x0d, 0x02, 0x43, 0x80, 0x00, 0x00, 0x0f, 0x02, 0x00, 0x44, 0x1f, 0x2a];

#[test]
fn access_points_are_told_from_one_packet() {
    let table: &[(&str, &[u8], bool)] = &[
        ("nothing", &[], false),
        ("cut off", &[0], false),
        ("VPS", &[0, 0x71, 0x10], true),
        ("SPS", &[0, 0x79, 0], true),
        ("PPS", &[0, 0x81, 0], false),
        ("DCI", &[0, 0x69, 0], true),
        ("IDR_W_RADL", &[0, 0x39, 0xc4], true),
        ("IDR_N_LP", &[0, 0x41, 0xc4], true),
        ("CRA", &[0, 0x49, 0xc4], true),
        ("GDR", &[0, 0x51, 0xc4], true),
        ("TRAIL", &[0, 0x01, 0xc4], false),
        ("picture header", &[0, 0x99, 0], false),
        ("start code, then SPS", &[0, 0, 0, 1, 0, 0x79], true),
        ("aggregate of SEI and SPS", &[0, 0xe1, 0, 2, 0, 0xb9, 0, 2, 0, 0x79], true),
        ("aggregate of SEI and TRAIL", &[0, 0xe1, 0, 2, 0, 0xb9, 0, 2, 0, 0x01], false),
        ("aggregate cut off", &[0, 0xe1, 0, 9, 0, 0x79], false),
        ("first fragment of IDR", &[0, 0xe9, 0x87], true),
        ("second fragment of IDR", &[0, 0xe9, 0x07], false),
        ("fragment cut off", &[0, 0xe9], false),
    ];
    for (name, payload, is_refresh) in table {
        assert_eq!(access_point(payload), is_refresh.then_some(AccessPoint::Refresh), "{name}");
    }
}

#[test]
fn packets_are_those_of_the_rfc() {
    let payloads = |nals: &[&[u8]]| {
        let config = PacketizerConfig { packet_bytes_max: 100, ..PacketizerConfig::new(96, 1, 0) };
        let mut payloads = Vec::new();
        let sent = Packetizer::new(config)
            .packetize(nals.iter().copied(), 0, |packet| payloads.push(packet.payload().to_vec()));
        assert_eq!(sent, Ok(()));
        payloads
    };
    assert_eq!(payloads(&[&[0, 0x39, 0xc4]]), [[0, 0x39, 0xc4]]);
    // The lowest layer and sub-layer of the units, and a forbidden bit.
    let nals: &[&[u8]] = &[&[0x03, 0x7b, 7], &[0x82, 0x84, 8, 9]];
    assert_eq!(payloads(nals), [[0x82, 0xe3, 0, 3, 0x03, 0x7b, 7, 0, 4, 0x82, 0x84, 8, 9]]);
    let nal: Vec<u8> = [0, 0x39].into_iter().chain(0..200).collect();
    let fragments = payloads(&[&nal, &nal]);
    let heads: Vec<_> = fragments.iter().map(|payload| &payload[..3]).collect();
    // The last fragment of all ends the picture.
    let positions = [0x87, 0x07, 0x47, 0x87, 0x07, 0x67];
    assert_eq!(heads, positions.map(|position| [0, 0xe9, position]));
}

#[test]
fn decoding_order_numbers_are_taken_off() {
    let mut depacketizer = Depacketizer::with_order_numbers();
    let payloads: [&[u8]; 4] = [
        &[0, 0x79, 0, 1, 0x0d],
        &[0, 0xe1, 0, 2, 0, 3, 0, 0x81, 5, 0, 0, 3, 0, 0x99, 6],
        &[0, 0xe9, 0x87, 0, 9, 0x44],
        &[0, 0xe9, 0x67, 7],
    ];
    for (sequence, payload) in (0..).zip(payloads) {
        let header = RtpHeader { marker: sequence == 3, sequence, ..RtpHeader::default() };
        assert_eq!(depacketizer.push(&RtpPacket::build(header, payload), 0), Ok(()));
    }
    let unit = depacketizer.poll().unwrap();
    let nals: [&[u8]; 4] = [&[0, 0x79, 0x0d], &[0, 0x81, 5], &[0, 0x99, 6], &[0, 0x39, 0x44, 7]];
    assert_eq!(unit.parts, nals.map(Bytes::from_static).to_vec());
    assert!(unit.is_keyframe && !unit.is_damaged);
    let header = RtpHeader { sequence: 4, timestamp: 1, ..RtpHeader::default() };
    let reserved = depacketizer.push(&RtpPacket::build(header, &[0, 0xf9, 0, 10, 1]), 0);
    assert_eq!(reserved, Err(PayloadError::Unsupported(31)));
}

#[test]
fn parameters_follow_from_the_sets() {
    let pps = [0, 0x81, 5];
    let format = Format::h266(96, None, &FULL_HD, &pps);
    assert_eq!(format.fmtp.as_deref(), Some("sprop-sps=AHkADQJDgAAADwIARB8q; sprop-pps=AIEF"));
    let crate::description::Codec::H266(h266) = &format.codec else { panic!("{format:?}") };
    assert_eq!((h266.vps.as_deref(), h266.pps.as_deref()), (None, Some(&pps[..])));
    let parameters = ParameterWatch::new(&format).parameters();
    assert_eq!(parameters.codec.as_deref(), Some("vvc1.1.L67.CQA"));
    let video = parameters.video.unwrap();
    assert_eq!((video.width, video.height), (1920, 1080));
    let told = ParameterWatch::new(&format.with_parameter("level-id", "1")).parameters();
    assert_eq!((told.format.parameter("level-id"), told.format.parameter("tier-flag")), (Some("67"), None));
}
