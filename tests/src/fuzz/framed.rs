//! VP8, VP9 and AV1: no packet panics, and whatever comes together survives the packetizer.

use rtspan_core::Format;
use rtspan_core::limits::{ACCESS_UNIT_PARTS_MAX, ACCESS_UNITS_READY_MAX};
use rtspan_core::payload::{
    AccessUnit, Depacketizer, Packetizer, PacketizerConfig, ParameterWatch, PayloadError, av1, vp8, vp9,
};
use rtspan_core::rtp::{RtpHeader, RtpPacket};

use super::input::Input;

const MARKER: u8 = 1;
const NEW_TIMESTAMP: u8 = 1 << 1;
const LOST: u8 = 1 << 2;
const UNPOLLED: u8 = 1 << 3;
const ANOTHER_SSRC: u8 = 1 << 4;

/// VP8.
pub fn run_vp8(data: &[u8]) {
    let _ = vp8::FrameHeader::read(data);
    run(data, &Format::vp8(96));
}

/// VP9.
pub fn run_vp9(data: &[u8]) {
    let _ = vp9::FrameHeader::read(data);
    run(data, &Format::vp9(96, 0));
}

/// AV1.
pub fn run_av1(data: &[u8]) {
    let _ = av1::SequenceHeader::read(data);
    run(data, &Format::av1(96, 0, 8));
}

/// Takes the bytes in records: flags, length, payload.
fn run(data: &[u8], format: &Format) {
    let mut input = Input::new(data);
    let packet_bytes_max = 64 + usize::from(input.byte()) * 4;
    let mut depacketizer = Depacketizer::new(format).expect("it is supported");
    let mut watch = ParameterWatch::new(format);
    let mut header = RtpHeader { payload_type: 96, ssrc: 1, ..RtpHeader::default() };
    while !input.is_empty() {
        let flags = input.byte();
        let lost = u16::from(flags & LOST != 0);
        header.marker = flags & MARKER != 0;
        header.timestamp = header.timestamp.wrapping_add(if flags & NEW_TIMESTAMP == 0 { 0 } else { 3000 });
        header.ssrc = 1 + u32::from(flags & ANOTHER_SSRC != 0);
        header.sequence = header.sequence.wrapping_add(1 + lost);
        let pushed = depacketizer.push(&RtpPacket::build(header, input.chunk()), lost);
        if flags & UNPOLLED == 0 || pushed == Err(PayloadError::Unpolled) {
            while let Some(unit) = depacketizer.poll() {
                check(&unit, format, packet_bytes_max);
                watch.look(&unit);
            }
        }
    }
    depacketizer.flush();
    depacketizer.take_tolerances();
    let mut left = 0;
    while let Some(unit) = depacketizer.poll() {
        check(&unit, format, packet_bytes_max);
        left += 1;
    }
    assert!(left <= ACCESS_UNITS_READY_MAX + 2, "{left} units");
    if let Some(video) = watch.parameters().video {
        assert!(video.width > 0 && video.height > 0);
    }
}

fn check(unit: &AccessUnit, format: &Format, packet_bytes_max: usize) {
    assert!((1..=ACCESS_UNIT_PARTS_MAX).contains(&unit.parts.len()));
    assert!(unit.parts.iter().all(|part| !part.is_empty()));
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 7, 65_530) };
    let mut packetizer = Packetizer::new(format, config).expect("it is supported");
    let mut depacketizer = Depacketizer::new(format).expect("it is supported");
    let mut markers = 0;
    let sent = packetizer.packetize(unit.parts.slices(), unit.timestamp, |packet| {
        assert!(packet.len() <= packet_bytes_max);
        markers += usize::from(packet.marker());
        depacketizer.push(&packet, 0).expect("a packet of our own");
    });
    assert_eq!((sent, markers), (Ok(()), 1));
    let again = depacketizer.poll().expect("a unit of our own");
    assert!(again.parts == unit.parts, "{:02x?} became {:02x?}", unit.parts, again.parts);
    assert_eq!((again.timestamp, depacketizer.poll()), (unit.timestamp, None));
}
