//! Media that is neither picture nor sound: documents, transport streams, text and events.

use rtspan_core::Format;
use rtspan_core::description::{Codec, MetadataCoding};
use rtspan_core::payload::{AccessUnit, Depacketizer, Packetizer, PacketizerConfig};
use rtspan_core::rtp::{RtpHeader, RtpPacket};

use super::units::for_each_unit;

/// The formats, of which the first byte of the input chooses one.
fn formats() -> Vec<Format> {
    vec![
        Format::klv(96),
        Format::onvif_metadata(96, MetadataCoding::Xml),
        Format::onvif_metadata(96, MetadataCoding::Gzip),
        Format::onvif_metadata(96, MetadataCoding::Exi),
        Format::mpeg_ts(),
        Format::t140(96),
        Format::redundant_text(96, 97, 2),
        Format::telephone_event(96, 8_000),
    ]
}

/// Takes the bytes as `for_each_unit` does.
pub fn run(data: &[u8]) {
    for_each_unit(data, formats(), 65_535, check);
}

fn check(format: &Format, unit: &AccessUnit, packet_bytes_max: usize) {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 7, 65_530) };
    let mut packetizer = Packetizer::new(format, config).expect("it is supported");
    let mut depacketizer = Depacketizer::new(format).expect("it is supported");
    let mut back: Vec<AccessUnit> = Vec::new();
    // Behind a document that has ended another one begins, whatever it begins with.
    let header = RtpHeader { payload_type: 96, marker: true, sequence: 65_529, timestamp: 1, ssrc: 7 };
    if matches!(format.codec(), Codec::Klv | Codec::OnvifMetadata(_)) {
        depacketizer.push(&RtpPacket::build(header, b"<?xml"), 0).expect("an end");
        let _ = depacketizer.poll();
    }
    let sent = packetizer.packetize(unit.parts.slices(), unit.timestamp, |packet| {
        depacketizer.push(&packet, 0).expect("a packet of our own");
        back.extend(std::iter::from_fn(|| depacketizer.poll()));
    });
    if sent.is_err() {
        return;
    }
    if *format.codec() == Codec::TelephoneEvent {
        // A long one has begun before it ends.
        back.drain(..back.len() - 1);
    }
    assert!(back.iter().all(|again| again.timestamp == unit.timestamp && !again.is_damaged));
    let back: Vec<u8> = back.iter().flat_map(|again| again.parts.to_bytes().to_vec()).collect();
    assert_eq!(back, unit.parts.to_bytes());
}
