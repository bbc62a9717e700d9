//! A piece of media of each of the formats that are used most.

use rtspan_core::Format;
use rtspan_core::payload::{Depacketizer, Packetizer, PacketizerConfig};
use rtspan_core::rtp::RtpPacket;

/// The formats, by the names of their rows.
pub(super) const FORMATS: [&str; 11] =
    ["h264", "h265", "av1", "vp8", "vp9", "jpeg", "mpeg4_video", "mpeg_ts", "aac", "opus", "g711"];

/// Bytes of a packet.
const PACKET: usize = 1_400;
/// Bytes of a picture.
const PICTURE: usize = 200_000;
/// Pieces of sound, each of which is packetized by itself.
const SOUNDS: usize = 100;

pub(super) struct Sample {
    format: Format,
    /// The parts of each unit.
    units: Vec<Vec<Vec<u8>>>,
}

impl Sample {
    pub(super) fn of(name: &str) -> Self {
        let picture = |format, parts| Self { format, units: vec![parts] };
        let sound = |format, bytes| Self { format, units: vec![vec![bytes]; SOUNDS] };
        match name {
            "h264" => picture(Format::h264(96, &[], &[]), nal_units(&[&[0x67], &[0x68]], &[0x65])),
            "h265" => {
                let sets: [&[u8]; 3] = [&[0x40, 1], &[0x42, 1], &[0x44, 1]];
                picture(Format::h265(96, &[], &[], &[]), nal_units(&sets, &[0x26, 1]))
            }
            "av1" => {
                let sequence = beginning(&[0x08, 0, 0, 0, 0x42, 0xab, 0xbf, 0xc3], 11);
                picture(Format::av1(96, 0, 8), vec![sequence, beginning(&[0x30], PICTURE)])
            }
            "vp8" => {
                let frame = beginning(&[0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 7, 0x38, 4], PICTURE);
                picture(Format::vp8(96), vec![frame])
            }
            "vp9" => {
                let frame = beginning(&[0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0, 0x0e, 0xf6, 8, 0x38], PICTURE);
                picture(Format::vp9(96, 0), vec![frame])
            }
            "jpeg" => picture(Format::jpeg(), vec![image()]),
            "mpeg4_video" => {
                picture(Format::mpeg4_video(96, &[]), vec![beginning(&[0, 0, 1, 0xb6, 0x10], PICTURE)])
            }
            "mpeg_ts" => picture(Format::mpeg_ts(), vec![beginning(&[0x47], 188).repeat(PICTURE / 188)]),
            "aac" => {
                let format = Format::mpeg4_audio(96, &[0x11, 0x90]).expect("AAC-LC, 48 kHz, stereo");
                sound(format, vec![0x21; 350])
            }
            "opus" => sound(Format::opus(96, true), beginning(&[0xfc], 160)),
            "g711" => sound(Format::pcmu(), vec![0x7f; 160]),
            _ => panic!("{name} has no sample"),
        }
    }

    pub(super) fn packetizer(&self) -> Packetizer {
        let config = PacketizerConfig { packet_bytes_max: PACKET, ..PacketizerConfig::new(0, 7, 0) };
        Packetizer::new(&self.format, config).expect("the format can be sent")
    }

    pub(super) fn depacketizer(&self) -> Depacketizer {
        Depacketizer::new(&self.format).expect("the format can be read")
    }

    /// Makes the packets of all units.
    pub(super) fn packetize(&self, packetizer: &mut Packetizer, packets: &mut Vec<RtpPacket>) {
        for (unit, timestamp) in self.units.iter().zip((0..).step_by(960)) {
            let parts = unit.iter().map(Vec::as_slice);
            packetizer.packetize(parts, timestamp, |packet| packets.push(packet)).expect("a good unit");
        }
    }

    /// All packets, from a new packetizer.
    pub(super) fn packets(&self) -> Vec<RtpPacket> {
        let mut packets = Vec::new();
        self.packetize(&mut self.packetizer(), &mut packets);
        packets
    }
}

/// `bytes` of media that begin with `header`.
fn beginning(header: &[u8], bytes: usize) -> Vec<u8> {
    let mut media = header.to_vec();
    media.resize(bytes, 0x55);
    media
}

/// A keyframe: parameter sets and four slices.
fn nal_units(parameter_sets: &[&[u8]], slice: &[u8]) -> Vec<Vec<u8>> {
    let sets = parameter_sets.iter().map(|header| beginning(header, 20));
    sets.chain((0..4).map(|_| beginning(slice, PICTURE / 4))).collect()
}

/// An image of Motion JPEG, 1280 x 720, without Huffman tables.
fn image() -> Vec<u8> {
    let mut image = b"\xff\xd8\xff\xdb\0\x84\0".to_vec();
    image.extend([3; 64].iter().chain(&[1]).chain(&[4; 64]));
    image.extend(b"\xff\xc0\0\x11\x08\x02\xd0\x05\0\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
    image.extend(b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0");
    image.resize(PICTURE, 0x55);
    image.extend(b"\xff\xd9");
    image
}
