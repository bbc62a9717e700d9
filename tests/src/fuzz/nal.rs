//! H.264, H.265 and H.266: whatever comes together from packets survives the packetizer.

use rtspan_core::limits::{ACCESS_UNIT_PARTS_MAX, ACCESS_UNITS_READY_MAX};
use rtspan_core::payload::nal::{Depacketizer, Packetizer, Syntax};
use rtspan_core::payload::{AccessUnit, PacketizerConfig, h264, h265, h266};
use rtspan_core::rtp::{RtpHeader, RtpPacket};

use super::input::Input;

const MARKER: u8 = 1;
const NEW_TIMESTAMP: u8 = 1 << 1;
const LOST: u8 = 1 << 2;
const UNPOLLED: u8 = 1 << 3;
const ANOTHER_SSRC: u8 = 1 << 4;
const REPEATED: u8 = 1 << 5;

/// H.264.
pub fn run_h264(data: &[u8]) {
    run(data, h264::Depacketizer::new(), |nal| matches!(nal[0] & 0x1f, 1..=23));
}

/// H.265, without decoding order numbers and with them.
pub fn run_h265(data: &[u8]) {
    let is_unit = |nal: &[u8]| nal.len() >= 2 && nal[0] >> 1 & 0x3f < 48;
    run(data, h265::Depacketizer::new(), is_unit);
    run(data, h265::Depacketizer::with_order_numbers(), is_unit);
    let _ = h265::Sps::read(data);
}

/// H.266, without decoding order numbers and with them.
pub fn run_h266(data: &[u8]) {
    let is_unit = |nal: &[u8]| nal.len() >= 2 && nal[1] >> 3 < 28;
    run(data, h266::Depacketizer::new(), is_unit);
    run(data, h266::Depacketizer::with_order_numbers(), is_unit);
    let _ = h266::Sps::read(data);
}

/// Takes the bytes in records: flags, length, payload.
fn run<S: Syntax>(data: &[u8], mut depacketizer: Depacketizer<S>, is_unit: fn(&[u8]) -> bool) {
    let mut input = Input::new(data);
    let packet_bytes_max = 64 + usize::from(input.byte()) * 4;
    let mut header = RtpHeader { payload_type: 96, ssrc: 1, ..RtpHeader::default() };
    let mut ready = 0;
    while !input.is_empty() {
        let flags = input.byte();
        let payload = input.chunk();
        let lost = u16::from(flags & LOST != 0);
        header.marker = flags & MARKER != 0;
        header.timestamp = header.timestamp.wrapping_add(if flags & NEW_TIMESTAMP == 0 { 0 } else { 3000 });
        header.ssrc = 1 + u32::from(flags & ANOTHER_SSRC != 0);
        for _ in 0..if flags & REPEATED == 0 { 1 } else { 40 } {
            header.sequence = header.sequence.wrapping_add(1 + lost);
            // It is an error that is looked for, not a way to end.
            let _ = depacketizer.push(&RtpPacket::build(header, payload), lost);
            ready += 1;
            if flags & UNPOLLED == 0 {
                while let Some(unit) = depacketizer.poll() {
                    check::<S>(&unit, packet_bytes_max, is_unit);
                }
                ready = 0;
            }
        }
    }
    depacketizer.flush();
    depacketizer.take_tolerances();
    let mut left = 0;
    while let Some(unit) = depacketizer.poll() {
        check::<S>(&unit, packet_bytes_max, is_unit);
        left += 1;
    }
    assert!(left <= ACCESS_UNITS_READY_MAX + 2 && left <= ready + 2, "{left} units of {ready} packets");
}

fn check<S: Syntax>(unit: &AccessUnit, packet_bytes_max: usize, is_unit: fn(&[u8]) -> bool) {
    assert!((1..=ACCESS_UNIT_PARTS_MAX).contains(&unit.parts.len()));
    assert!(unit.parts.iter().all(|nal| !nal.is_empty() && is_unit(nal)));
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 7, 65_530) };
    let mut packets = Vec::new();
    let sent = Packetizer::<S>::new(config).packetize(unit.parts.slices(), unit.timestamp, |packet| {
        assert!(packet.len() <= packet_bytes_max);
        packets.push(packet);
    });
    assert_eq!(sent, Ok(()));
    let markers = packets.iter().filter(|packet| packet.marker()).count();
    assert!(markers == 1 && packets.last().is_some_and(RtpPacket::marker));
    let mut depacketizer = Depacketizer::<S>::new();
    for packet in &packets {
        depacketizer.push(packet, 0).expect("a packet of our own");
    }
    depacketizer.flush();
    let again = depacketizer.poll().expect("a unit of our own");
    assert!(again.parts == unit.parts, "{:02x?} became {:02x?}", unit.parts, again.parts);
    assert_eq!((again.timestamp, again.is_keyframe), (unit.timestamp, unit.is_keyframe));
    assert_eq!(depacketizer.poll(), None);
}
