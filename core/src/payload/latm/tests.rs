use super::*;
use crate::description::{Codec, Format, Latm, StreamMuxConfig};
use crate::payload::bits::BitWriter;
use crate::payload::{
    self, AccessUnit, PacketizeError, PacketizerConfig, ParameterWatch, Parts, PayloadError,
};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::tolerance::Tolerance;

const CONFIG: PacketizerConfig = PacketizerConfig::new(96, 1, 65_530);
const SMALL: PacketizerConfig = PacketizerConfig { packet_bytes_max: 100, ..CONFIG };
/// AAC-LC, 48 kHz, stereo.
const ASC: &[u8] = &[0x11, 0x90];

fn latm(format: &Format) -> Latm {
    let Codec::Latm(latm) = &format.codec else { panic!("{format:?}") };
    latm.clone()
}

/// The configuration is in the description alone, or in the stream as well; an element has so many units.
fn format(is_in_band: bool, units: u8) -> Format {
    let mut config = StreamMuxConfig::new(ASC).unwrap().to_bytes().to_vec();
    config[0] |= units - 1;
    let config: String = config.iter().map(|byte| format!("{byte:02x}")).collect();
    let fmtp = format!("cpresent={}; config={config}", u8::from(is_in_band));
    Format::new(96, "MP4A-LATM", 48_000).with_channels(2).with_fmtp(fmtp)
}

fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, marker, sequence, timestamp, ssrc: 1 }, payload)
}

fn polled(depacketizer: &mut Depacketizer) -> Vec<AccessUnit> {
    std::iter::from_fn(|| depacketizer.poll()).collect()
}

fn unit(timestamp: u32, bytes: &[u8]) -> AccessUnit {
    let parts = Parts::from(bytes.to_vec());
    AccessUnit { timestamp, parts, is_keyframe: true, is_damaged: false, configuration: None }
}

#[test]
fn units_of_every_length_come_back_each_with_its_time() {
    for (is_in_band, units) in [(false, 1), (true, 1), (false, 3), (true, 4)] {
        let format = format(is_in_band, units);
        let sound: Vec<Vec<u8>> = [1, 254, 255, 256, 509, 510, 511, 20, 3000, 5, 90, 77]
            .iter()
            .map(|len| (0..*len).map(|at| (at * 3 + len) as u8).collect())
            .collect();
        for config in [CONFIG, SMALL] {
            let mut packetizer = payload::Packetizer::new(&format, config).unwrap();
            let mut depacketizer = Depacketizer::new(&latm(&format), 48_000);
            let mut back = Vec::new();
            let sent = packetizer.packetize(sound.iter().map(Vec::as_slice), 5000, |packet| {
                assert!(packet.len() <= config.packet_bytes_max);
                assert_eq!(depacketizer.push(&packet, 0), Ok(()), "{is_in_band}, {units}");
                back.extend(polled(&mut depacketizer));
            });
            let expected: Vec<_> =
                (0..).map(|at| 5000 + at * 1024).zip(&sound).map(|(at, sound)| unit(at, sound)).collect();
            assert_eq!((sent, back), (Ok(()), expected), "{is_in_band}, {units}");
            assert!(depacketizer.take_tolerances().is_empty());
        }
    }
}

#[test]
fn the_units_of_ffmpeg_and_gstreamer_are_read() {
    // ffmpeg -rtpflags latm: an element of 72 bytes behind its length, its marker set.
    let sent = b"\x80\xe1\x09\x02\xcf\xc9\x52\x57\xe8\xc5\xe8\x5b\x49\x21\x75\xd4\xd9\x5d\xe3\x9e\xff\x67\xef\xed\
        \xf1\x6f\x2e\x16\x9a\xa9\x70\x3b\x9f\xdf\x3a\x6e\xcd\x98\xd9\xfd\xc8\x7c\x7c\x36\x3d\xfd\xe1\x1f\x1f\x06\
        \x19\xfd\xe1\x1f\x1f\x06\x19\xfd\xc0\xe1\xf0\x06\x7f\x71\x36\x37\x78\xe7\xbf\xd9\xfb\xfb\x7c\x5b\xcb\x85\
        \xa6\xaa\x5c\x00\x00\x00\x00\x00\x01\xc0";
    let fmtp = "profile-level-id=41;cpresent=0;config=400024203fc0";
    let format = Format::new(97, "MP4A-LATM", 44_100).with_channels(2).with_fmtp(fmtp);
    let mut depacketizer = Depacketizer::new(&latm(&format), 44_100);
    let packet = RtpPacket::parse(sent[..].to_vec().into()).unwrap();
    depacketizer.push(&packet, 0).unwrap();
    assert_eq!(polled(&mut depacketizer), [unit(packet.timestamp(), &sent[13..])]);
    let parameters = ParameterWatch::new(&format).parameters();
    assert_eq!(parameters.codec.as_deref(), Some("mp4a.40.2"));
    assert_eq!(parameters.configuration.as_deref(), Some(&[0x12, 0x10][..]));
    // The configuration of rtpmp4apay ends behind what an old decoder would pass over.
    let fmtp = "cpresent=0; config=40002410adca00";
    let format = Format::new(96, "MP4A-LATM", 44_100).with_fmtp(fmtp);
    let config = latm(&format).config.unwrap();
    assert_eq!(config.audio_specific_config[..], [0x12, 0x08, 0x56, 0xe5, 0x00]);
    let audio = config.audio_config().unwrap();
    assert_eq!((audio.sample_rate, audio.channels, config.units), (44_100, 1, 1));
}

#[test]
fn every_burst_of_losses_costs_the_units_that_it_meets() {
    let long: Vec<u8> = (0..300).map(|at| at as u8).collect();
    let units: [&[u8]; 6] = [&[1; 70], &long, &[2; 20], &[4; 60], &long, &[3; 75]];
    for is_in_band in [false, true] {
        let format = format(is_in_band, 1);
        let mut packetizer = Packetizer::new(SMALL, &latm(&format), 48_000).unwrap();
        let mut all = Vec::new();
        for (at, unit) in units.iter().enumerate() {
            packetizer.packetize([*unit], at as u32 * 1024, |packet| all.push((at, packet))).unwrap();
        }
        let mut marked = 0;
        for from in 0..all.len() {
            for to in from..=all.len() {
                let mut depacketizer = Depacketizer::new(&latm(&format), 48_000);
                let mut back = Vec::new();
                for (at, (_, packet)) in all.iter().enumerate().filter(|(at, _)| !(from..to).contains(at)) {
                    let lost = if at == to { to - from } else { 0 };
                    assert_eq!(depacketizer.push(packet, lost as u16), Ok(()), "lost {from}..{to}");
                    back.extend(polled(&mut depacketizer));
                }
                depacketizer.flush();
                back.extend(polled(&mut depacketizer));
                let is_met = |unit: usize| all[from..to].iter().any(|(at, _)| *at == unit);
                let expected: Vec<_> = (0..units.len())
                    .filter(|at| !is_met(*at))
                    .map(|at| unit(at as u32 * 1024, units[at]))
                    .collect();
                // Only the first unit behind the loss may be marked, and only if more packets were lost than units.
                let behind = all.get(to).map(|(at, _)| *at as u32 * 1024);
                for unit in &mut back {
                    let may_be = Some(unit.timestamp) == behind && to - from > 1;
                    assert!(!unit.is_damaged || may_be, "lost {from}..{to}");
                    marked += usize::from(std::mem::take(&mut unit.is_damaged));
                }
                assert_eq!(back, expected, "lost {from}..{to}");
            }
        }
        assert!(marked > 0, "some cannot be told");
    }
}

#[test]
fn a_configuration_in_the_stream_is_told_where_it_changes() {
    let mono = Format::latm(96, &[0x11, 0x88]).unwrap().with_parameter("cpresent", "1");
    let stereo = format(true, 1);
    let unknown = Format::new(96, "MP4A-LATM", 48_000);
    assert!(payload::Packetizer::new(&unknown, CONFIG).is_err());
    let mut depacketizer = payload::Depacketizer::new(&unknown).unwrap();
    let mut watch = ParameterWatch::new(&unknown);
    assert_eq!(watch.parameters().audio, None);
    let mut sequence = 0;
    for (format, config, channels, is_news) in [
        (&mono, &[0x11, 0x88][..], 1, true),
        (&mono, &[0x11, 0x88], 1, false),
        (&stereo, ASC, 2, true),
        (&stereo, ASC, 2, false),
        (&mono, &[0x11, 0x88], 1, true),
    ] {
        let config_of = PacketizerConfig { first_sequence: sequence, ..CONFIG };
        let mut packetizer = payload::Packetizer::new(format, config_of).unwrap();
        let timestamp = u32::from(sequence) * 1024;
        let sent = packetizer.packetize([&[7; 50][..]], timestamp, |packet| {
            depacketizer.push(&packet, 0).unwrap();
        });
        sequence = packetizer.next_sequence();
        let unit = depacketizer.poll().unwrap();
        assert_eq!((sent, unit.timestamp, unit.parts.total_bytes()), (Ok(()), timestamp, 50));
        assert_eq!(unit.configuration.as_deref(), is_news.then_some(config));
        assert_eq!(watch.look(&unit), is_news);
        let parameters = watch.parameters();
        assert_eq!(parameters.configuration.as_deref(), Some(config));
        assert_eq!(parameters.audio, Some(AudioParameters::new(48_000, channels)));
    }
    // An element that goes by what was told before.
    let mut again = Depacketizer::new(&latm(&stereo), 48_000);
    again.push(&packet(0, 0, true, &[0x80 | 1, 0x2a << 1 | 1, 0x80]), 0).unwrap();
    assert_eq!(polled(&mut again).len(), 0, "two bytes are announced, and there are not");
    again.push(&packet(1, 1024, true, &[0x80, 0x80 | 0x15, 0x00]), 0).unwrap();
    assert_eq!(polled(&mut again), [unit(1024, &[0x2a])]);
}

#[test]
fn without_markers_a_unit_ends_where_it_says() {
    let format = format(false, 1);
    let mut depacketizer = Depacketizer::new(&latm(&format), 48_000);
    for (sequence, timestamp, payload) in [
        (0, 0, &[4, 1, 2][..]),
        (1, 0, &[3, 4]),
        (2, 1024, &[1, 9]),
        (3, 2048, &[0]),
        (4, 3072, &[2, 5, 6, 1, 7]),
    ] {
        depacketizer.push(&packet(sequence, timestamp, false, payload), 0).unwrap();
    }
    let expected = [unit(0, &[1, 2, 3, 4]), unit(1024, &[9]), unit(3072, &[5, 6]), unit(4096, &[7])];
    assert_eq!(polled(&mut depacketizer), expected);
    let tolerances: Vec<_> = depacketizer.take_tolerances().iter().collect();
    assert_eq!(tolerances, [Tolerance::MarkerMissing, Tolerance::EmptyAccessUnit]);
}

#[test]
fn what_cannot_be_read_is_said() {
    let mut depacketizer = Depacketizer::new(&latm(&format(false, 1)), 48_000);
    depacketizer.push(&packet(0, 0, true, &[1, 1]), 0).unwrap();
    assert_eq!(depacketizer.push(&packet(1, 1024, true, &[]), 0), Err(PayloadError::Empty));
    let cut = PayloadError::Truncated { needed: 4, length: 3 };
    assert_eq!(depacketizer.push(&packet(2, 2048, true, &[9, 1, 1]), 0), Err(cut));
    assert_eq!(depacketizer.push(&packet(3, 3072, false, &[9, 1, 1]), 0), Ok(()));
    let unfinished = PayloadError::Malformed("a unit lacks its last fragment");
    assert_eq!(depacketizer.push(&packet(4, 4096, true, &[1, 1]), 0), Err(unfinished));
    assert_eq!(depacketizer.push(&packet(5, 5120, true, &[255; 300]), 0), Err(PayloadError::TooLong));
    assert_eq!(depacketizer.push(&packet(6, 6144, true, &[0; 513]), 0), Err(PayloadError::TooManyParts));
    assert_eq!(polled(&mut depacketizer), [unit(0, &[1]), unit(4096, &[1])]);
    let mut waiting = Depacketizer::new(&latm(&Format::new(96, "MP4A-LATM", 48_000)), 48_000);
    assert_eq!(waiting.push(&packet(0, 0, true, &[0x40, 0, 0x23]), 0), Ok(()), "it may be the end of one");
    let result = waiting.push(&packet(1, 1024, true, &[0x80 | 1, 0]), 0);
    assert_eq!(result, Err(PayloadError::Malformed("the configuration has not come yet")));
}

#[test]
fn what_cannot_be_sent_is_said() {
    let mut packetizer = Packetizer::new(CONFIG, &latm(&format(false, 2)), 48_000).unwrap();
    let long = vec![0; UNIT_BYTES_MAX + 1];
    let mut timestamps = Vec::new();
    let parts = [&[1][..], &[2], &long, &[3], &[4], &[], &[5], &[6]];
    let result = packetizer.packetize(parts, 0, |packet| timestamps.push(packet.timestamp()));
    assert_eq!(result, Err(PacketizeError::Malformed("too few units for an element")));
    assert_eq!((timestamps, packetizer.next_sequence()), (vec![0, 4096], 65_532));
    let result = packetizer.packetize([&long[..], &[1]], 0, |_| panic!("nothing is sent"));
    assert_eq!(result, Err(PacketizeError::TooLong { length: UNIT_BYTES_MAX + 1, most: UNIT_BYTES_MAX }));
}

#[test]
fn configurations_of_another_structure_are_refused() {
    for config in [
        // Two programs, two layers, units of a fixed length, another framing, the second version, cut off.
        "400220003fc0",
        "400120003fc0",
        "400023207fc0",
        "000023203fc0",
        "c0",
        "400023",
        "",
    ] {
        let fmtp = format!("cpresent=0; config={config}");
        let format = Format::new(96, "MP4A-LATM", 48_000).with_fmtp(fmtp);
        assert_eq!(latm(&format).config, None, "{config}");
        assert!(payload::Depacketizer::new(&format).is_err());
    }
}

#[test]
fn the_second_version_of_a_configuration_tells_its_lengths() {
    // Version 1: 0x11 as the fullness of a buffer, one unit, one program, one layer; 16 bits of configuration, units that
    // tell their length, 24 bits of other data, a checksum.
    let mut writer = BitWriter::default();
    for (number, count) in [
        (1, 1),
        (0, 1),
        (0, 2),
        (0x11, 8),
        (1, 1),
        (0, 6),
        (0, 4),
        (0, 3),
        (0, 2),
        (16, 8),
        (0x1190, 16),
        (0, 3),
        (0xff, 8),
        (1, 1),
        (0, 2),
        (24, 8),
        (1, 1),
        (0x55, 8),
    ] {
        writer.put(number, count);
    }
    let config = StreamMuxConfig::read(writer.bytes()).unwrap();
    assert_eq!((&config.audio_specific_config[..], config.units, config.other_bits), (ASC, 1, 24));
    assert_eq!(config.to_bytes(), writer.bytes());
    let config: String = writer.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let format = Format::new(96, "MP4A-LATM", 48_000).with_fmtp(format!("cpresent=0; config={config}"));
    let mut packetizer = payload::Packetizer::new(&format, CONFIG).unwrap();
    let mut depacketizer = Depacketizer::new(&latm(&format), 48_000);
    packetizer
        .packetize([&[8; 5][..]], 0, |packet| {
            assert_eq!(packet.payload(), [5, 8, 8, 8, 8, 8, 0, 0, 0]);
            depacketizer.push(&packet, 0).unwrap();
        })
        .unwrap();
    assert_eq!(polled(&mut depacketizer), [unit(0, &[8; 5])]);
}
