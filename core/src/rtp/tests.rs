use super::*;

fn parse(bytes: &[u8]) -> Result<RtpPacket, RtpError> {
    RtpPacket::parse(Bytes::copy_from_slice(bytes))
}

/// A packet of payload type 96 with the marker and sequence 0x1234, which begins with `first` and ends with `tail`.
fn bytes(first: u8, tail: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0xe0, 0x12, 0x34, 0, 1, 0x5f, 0x90, 0xde, 0xad, 0xbe, 0xef];
    bytes.extend_from_slice(tail);
    bytes
}

#[test]
fn headers_are_read_field_by_field() {
    let packet = parse(&bytes(0x80, b"media")).unwrap();
    assert_eq!(packet.payload_type(), 96);
    assert!(packet.marker());
    assert_eq!(packet.sequence(), 0x1234);
    assert_eq!(packet.timestamp(), 90_000);
    assert_eq!(packet.ssrc(), 0xdead_beef);
    assert_eq!(packet.payload(), b"media");
    assert_eq!(packet.payload_bytes(), &b"media"[..]);
    assert_eq!(packet.len(), 17);
    assert!(!packet.is_empty());
    assert_eq!(packet.as_bytes(), &bytes(0x80, b"media"));
}

#[test]
fn the_payload_is_what_is_left_between_header_and_padding() {
    let extension = [0xbe, 0xde, 0, 1, 9, 9, 9, 9];
    let table: &[(&str, u8, Vec<u8>, &[u8])] = &[
        ("nothing", 0x80, vec![], b""),
        ("padding only", 0xa0, vec![0, 0, 0, 4], b""),
        ("padding", 0xa0, b"media\x00\x02".to_vec(), b"media"),
        ("sources", 0x82, [&[7; 8], &b"media"[..]].concat(), b"media"),
        ("15 sources", 0x8f, [&[7; 60], &b"media"[..]].concat(), b"media"),
        ("extension", 0x90, [&extension, &b"media"[..]].concat(), b"media"),
        ("empty extension", 0x90, [&[0; 4], &b"media"[..]].concat(), b"media"),
        ("all", 0xb1, [&[7; 4], &extension[..], b"media\x01"].concat(), b"media"),
    ];
    for (name, first, tail, payload) in table {
        let packet = parse(&bytes(*first, tail)).unwrap();
        assert_eq!(packet.payload(), *payload, "{name}");
        assert_eq!(packet.payload_bytes(), *payload, "{name}");
    }
}

#[test]
fn a_packet_with_other_numbers_is_the_same_otherwise() {
    let extension = [0xbe, 0xde, 0, 1, 9, 9, 9, 9];
    for (first, tail) in [(0x80, b"media".to_vec()), (0xb1, [&[7; 4], &extension[..], b"media\x01"].concat())]
    {
        let packet = parse(&bytes(first, &tail)).unwrap();
        let other = packet.with_numbers(7, 8, 9);
        assert_eq!(other, RtpPacket::parse(other.as_bytes().clone()).unwrap());
        assert_eq!((other.sequence(), other.timestamp(), other.ssrc()), (7, 8, 9));
        assert_eq!(other.with_numbers(0x1234, 90_000, 0xdead_beef), packet);
    }
}

#[test]
fn packets_that_promise_more_than_they_hold_are_refused() {
    let table: &[(&str, Vec<u8>, RtpError)] = &[
        ("empty", vec![], RtpError::Truncated { needed: 12, length: 0 }),
        ("cut off", bytes(0x80, &[])[..11].to_vec(), RtpError::Truncated { needed: 12, length: 11 }),
        ("version 0", bytes(0x00, &[]), RtpError::Version(0)),
        ("version 1", bytes(0x40, &[]), RtpError::Version(1)),
        ("version 3", bytes(0xc0, &[]), RtpError::Version(3)),
        ("15 sources", bytes(0x8f, &[7; 59]), RtpError::Truncated { needed: 72, length: 71 }),
        ("no extension", bytes(0x90, &[0; 3]), RtpError::Truncated { needed: 16, length: 15 }),
        (
            "an extension of 65,535 words",
            bytes(0x90, &[0, 0, 0xff, 0xff]),
            RtpError::Truncated { needed: 262_156, length: 16 },
        ),
        ("padding over the header", bytes(0xa0, &[0, 3]), RtpError::Truncated { needed: 15, length: 14 }),
        ("no padding", bytes(0xa0, &[]), RtpError::Truncated { needed: 13, length: 12 }),
    ];
    for (name, bytes, error) in table {
        assert_eq!(parse(bytes), Err(*error), "{name}");
    }
}

#[test]
fn padding_without_a_count_is_read_as_payload_and_passed_on_without_the_padding_bit() {
    let mut tolerances = Tolerances::default();
    let wire = Bytes::from(bytes(0xa0, b"media\0"));
    let packet = RtpPacket::parse_with(wire, &mut tolerances).unwrap();
    assert_eq!(packet.payload(), b"media\0");
    assert_eq!(packet.as_bytes(), &bytes(0x80, b"media\0"));
    assert!(tolerances.contains(Tolerance::PaddingWithoutCount));

    let mut none = Tolerances::default();
    RtpPacket::parse_with(Bytes::from(bytes(0xa0, b"media\x01")), &mut none).unwrap();
    assert!(none.is_empty());
}

#[test]
fn every_prefix_and_every_first_byte_is_survived() {
    let whole = bytes(0xb3, &[0x55; 300]);
    for first in 0..=255 {
        for cut in 0..=whole.len() {
            let mut bytes = whole[..cut].to_vec();
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            if let Ok(packet) = parse(&bytes) {
                assert!(packet.payload().len() + HEADER_BYTES <= bytes.len());
            }
        }
    }
}

#[test]
fn built_packets_are_read_back() {
    for (payload_type, marker, sequence) in [(0, false, 0), (96, true, 65_535), (127, false, 32_768)] {
        let header = RtpHeader { payload_type, marker, sequence, timestamp: u32::MAX, ssrc: 0x8000_0001 };
        let built = RtpPacket::build(header, b"media");
        assert_eq!(parse(built.as_bytes()).unwrap(), built);
        assert_eq!(built.payload(), b"media");
        let mut written = BytesMut::new();
        header.write(&mut written);
        assert_eq!(written, built.as_bytes()[..HEADER_BYTES]);
    }
}

#[test]
fn a_payload_type_out_of_range_does_not_touch_the_marker() {
    let header = RtpHeader { payload_type: 0xe0, ..RtpHeader::default() };
    let built = RtpPacket::build(header, &[]);
    assert_eq!((built.payload_type(), built.marker()), (96, false));
    assert_eq!(parse(built.as_bytes()).unwrap(), built);
}

#[test]
fn a_packet_prints_its_header_and_not_its_payload() {
    let packet = parse(&bytes(0x80, b"media")).unwrap();
    assert_eq!(
        format!("{packet:?}"),
        "RtpPacket { payload_type: 96, marker: true, sequence: 4660, timestamp: 90000, ssrc: DEADBEEF, \
         payload: 5 bytes }"
    );
}
