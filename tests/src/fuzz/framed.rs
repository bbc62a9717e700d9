//! VP8, VP9, AV1, MPEG-1, 2 and 4 video and Motion JPEG: no packet panics, and whatever comes together survives the packetizer.

use rtspan_core::Format;
use rtspan_core::limits::{ACCESS_UNIT_PARTS_MAX, ACCESS_UNITS_READY_MAX};
use rtspan_core::payload::{
    AccessUnit, Depacketizer, Packetizer, PacketizerConfig, ParameterWatch, Parts, PayloadError, av1,
    mpeg_video, mpeg4_video, vp8, vp9,
};
use rtspan_core::rtp::{RtpHeader, RtpPacket};

use super::input::Input;

const MARKER: u8 = 1;
const NEW_TIMESTAMP: u8 = 1 << 1;
const LOST: u8 = 1 << 2;
const UNPOLLED: u8 = 1 << 3;
const ANOTHER_SSRC: u8 = 1 << 4;
const EXTENSION: u8 = 1 << 5;

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

/// MPEG-4 Part 2 video.
pub fn run_mpeg4_video(data: &[u8]) {
    let _ = mpeg4_video::VideoObjectLayer::read(data);
    run(data, &Format::mpeg4_video(96, &data[..data.len().min(64)]));
}

/// MPEG-1 and MPEG-2 video.
pub fn run_mpeg_video(data: &[u8]) {
    let _ = mpeg_video::SequenceHeader::read(data);
    run(data, &Format::mpeg_video());
}

/// Motion JPEG.
pub fn run_jpeg(data: &[u8]) {
    let _ = through(&data.to_vec().into(), &Format::jpeg(), 1400);
    run_with(data, &Format::jpeg(), check_image);
}

/// AV1.
pub fn run_av1(data: &[u8]) {
    let _ = av1::SequenceHeader::read(data);
    run(data, &Format::av1(96, 0, 8));
}

fn run(data: &[u8], format: &Format) {
    run_with(data, format, check);
}

/// Takes the bytes in records: flags, the length of a header extension and its bytes where flags say so, length, payload.
fn run_with(data: &[u8], format: &Format, check: fn(&AccessUnit, &Format, usize)) {
    let mut input = Input::new(data);
    let packet_bytes_max = 64 + usize::from(input.byte()) * 4;
    let mut depacketizer = Depacketizer::new(format).expect("it is supported");
    let mut watch = ParameterWatch::new(format);
    let mut header = RtpHeader { payload_type: format.payload_type, ssrc: 1, ..RtpHeader::default() };
    while !input.is_empty() {
        let flags = input.byte();
        let lost = u16::from(flags & LOST != 0);
        header.marker = flags & MARKER != 0;
        header.timestamp = header.timestamp.wrapping_add(if flags & NEW_TIMESTAMP == 0 { 0 } else { 3000 });
        header.ssrc = 1 + u32::from(flags & ANOTHER_SSRC != 0);
        header.sequence = header.sequence.wrapping_add(1 + lost);
        let extension = (flags & EXTENSION != 0).then(|| input.chunk());
        let pushed = depacketizer.push(&packet(header, extension, input.chunk()), lost);
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

/// A packet with ONVIF's header extension of Motion JPEG, or with none.
fn packet(header: RtpHeader, extension: Option<&[u8]>, payload: &[u8]) -> RtpPacket {
    let Some(extension) = extension else { return RtpPacket::build(header, payload) };
    let mut bytes = header.to_bytes().to_vec();
    bytes[0] |= 0x10;
    let words = extension.len() / 4;
    bytes.extend([0xff, 0xd8, 0, u8::try_from(words).expect("a chunk is short")]);
    bytes.extend_from_slice(&extension[..words * 4]);
    bytes.extend_from_slice(payload);
    RtpPacket::parse(bytes.into()).expect("a packet with an extension")
}

/// An image that can be sent comes back in a form that then stays.
fn check_image(unit: &AccessUnit, format: &Format, packet_bytes_max: usize) {
    let [image] = &unit.parts[..] else { panic!("{} parts", unit.parts.len()) };
    assert!(image.starts_with(&[0xff, 0xd8]) && image.ends_with(&[0xff, 0xd9]));
    if let Some(back) = through(&unit.parts, format, packet_bytes_max) {
        assert_eq!(through(&back, format, packet_bytes_max), Some(back));
    }
}

/// The only unit that comes out of the packets of `parts`, if they can be sent.
fn through(parts: &Parts, format: &Format, packet_bytes_max: usize) -> Option<Parts> {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 7, 65_530) };
    let mut packetizer = Packetizer::new(format, config).expect("it is supported");
    let mut depacketizer = Depacketizer::new(format).expect("it is supported");
    let sent = packetizer.packetize(parts.slices(), 0, |packet| {
        assert!(packet.len() <= packet_bytes_max.max(384));
        depacketizer.push(&packet, 0).expect("a packet of our own");
    });
    let unit = depacketizer.poll();
    assert_eq!(depacketizer.poll(), None);
    assert!(unit.as_ref().is_none_or(|unit| !unit.is_damaged));
    sent.ok().and(unit).map(|unit| unit.parts)
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
