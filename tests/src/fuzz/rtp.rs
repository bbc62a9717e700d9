//! RTP packets: fields lie within the packet, and what is built reads the same.

use bytes::Bytes;
use rtspan_core::Tolerances;
use rtspan_core::rtp::{HEADER_BYTES, RtpHeader, RtpPacket};

/// Reads the bytes as a packet.
pub fn run(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let mut tolerances = Tolerances::NONE;
    let parsed = RtpPacket::parse_with(bytes.clone(), &mut tolerances);
    assert_eq!(RtpPacket::parse(bytes.clone()), parsed);
    let Ok(packet) = parsed else { return };
    assert!(packet.payload().len() + HEADER_BYTES <= packet.len());
    assert_eq!(packet.payload_bytes(), packet.payload());
    assert!(packet.payload_type() < 128);
    if tolerances.is_empty() {
        assert_eq!(*packet.as_bytes(), bytes);
    }
    assert_eq!(
        RtpPacket::parse(packet.as_bytes().clone()).as_ref(),
        Ok(&packet),
        "what is passed on reads the same"
    );
    let header = RtpHeader {
        payload_type: packet.payload_type(),
        marker: packet.marker(),
        sequence: packet.sequence(),
        timestamp: packet.timestamp(),
        ssrc: packet.ssrc(),
    };
    let built = RtpPacket::build(header, packet.payload());
    assert_eq!(built.payload(), packet.payload());
    assert_eq!(RtpPacket::parse(built.as_bytes().clone()), Ok(built));
}
