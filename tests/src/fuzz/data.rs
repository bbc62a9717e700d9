//! Media that is neither picture nor sound: documents, transport streams, text and events.

use rtspan_core::Format;
use rtspan_core::description::{Codec, MetadataCoding};
use rtspan_core::limits::ACCESS_UNIT_BYTES_MAX;
use rtspan_core::payload::{AccessUnit, Depacketizer, Packetizer, PacketizerConfig};
use rtspan_core::rtp::{RtpHeader, RtpPacket};

use super::input::Input;

const MARKER: u8 = 1;
const NEW_TIMESTAMP: u8 = 1 << 1;
const LOST: u8 = 1 << 2;
const UNPOLLED: u8 = 1 << 3;
const LONG: u8 = 1 << 4;

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

/// Takes the bytes for the format and the size of packets, and then in records: flags, length, payload; a long one comes
/// twice.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut formats = formats();
    let format = formats.swap_remove(usize::from(input.byte()) % formats.len());
    let packet_bytes_max = 64 + usize::from(input.byte()) * 4;
    let mut depacketizer = Depacketizer::new(&format).expect("it is supported");
    let mut header = RtpHeader { payload_type: 96, ssrc: 1, ..RtpHeader::default() };
    while !input.is_empty() {
        let flags = input.byte();
        let lost = u16::from(flags & LOST != 0);
        header.marker = flags & MARKER != 0;
        header.timestamp = header.timestamp.wrapping_add(if flags & NEW_TIMESTAMP == 0 { 0 } else { 65_535 });
        header.sequence = header.sequence.wrapping_add(1 + lost);
        let payload = input.chunk().repeat(if flags & LONG == 0 { 1 } else { 2 });
        // It is an error that is looked for, not a way to end.
        let _ = depacketizer.push(&RtpPacket::build(header, &payload), lost);
        if flags & UNPOLLED == 0 {
            check_ready(&mut depacketizer, &format, packet_bytes_max);
        }
    }
    depacketizer.flush();
    depacketizer.take_tolerances();
    check_ready(&mut depacketizer, &format, packet_bytes_max);
}

fn check_ready(depacketizer: &mut Depacketizer, format: &Format, packet_bytes_max: usize) {
    while let Some(unit) = depacketizer.poll() {
        check(format, &unit, packet_bytes_max);
    }
}

fn check(format: &Format, unit: &AccessUnit, packet_bytes_max: usize) {
    assert!((1..=ACCESS_UNIT_BYTES_MAX).contains(&unit.parts.total_bytes()));
    assert!(unit.is_keyframe);
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 7, 65_530) };
    let mut packetizer = Packetizer::new(format, config).expect("it is supported");
    let mut depacketizer = Depacketizer::new(format).expect("it is supported");
    let mut back: Vec<AccessUnit> = Vec::new();
    // Behind a document that has ended another one begins, whatever it begins with.
    let header = RtpHeader { payload_type: 96, marker: true, sequence: 65_529, timestamp: 1, ssrc: 7 };
    if matches!(format.codec, Codec::Klv | Codec::OnvifMetadata(_)) {
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
    if format.codec == Codec::TelephoneEvent {
        // A long one has begun before it ends.
        back.drain(..back.len() - 1);
    }
    assert!(back.iter().all(|again| again.timestamp == unit.timestamp && !again.damaged));
    let back: Vec<u8> = back.iter().flat_map(|again| again.parts.to_bytes().to_vec()).collect();
    assert_eq!(back, unit.parts.to_bytes());
}
