use super::*;
use crate::description::{AudioConfig, Codec, Format, Mpeg4Audio};
use crate::payload::{AccessUnit, PacketizeError, PacketizerConfig, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::tolerance::Tolerance;

const CONFIG: PacketizerConfig = PacketizerConfig::new(96, 1, 65_530);
const SMALL: PacketizerConfig = PacketizerConfig { packet_bytes_max: 100, ..CONFIG };

fn audio(parameters: &str) -> Mpeg4Audio {
    let fmtp = format!("mode=generic; config=1190; {parameters}");
    let format = Format::new(96, "mpeg4-generic", 48_000).with_channels(2).with_fmtp(fmtp);
    let Codec::Mpeg4Audio(audio) = format.codec else { panic!("{parameters}") };
    audio
}

fn hbr() -> Mpeg4Audio {
    audio("sizelength=13; indexlength=3; indexdeltalength=3")
}

fn packets(config: PacketizerConfig, audio: &Mpeg4Audio, units: &[&[u8]]) -> Vec<RtpPacket> {
    let mut packets = Vec::new();
    let mut packetizer = Packetizer::new(config, audio, 48_000);
    packetizer.packetize(units.iter().copied(), 5000, |packet| packets.push(packet)).unwrap();
    assert!(packets.iter().all(|packet| packet.len() <= config.packet_bytes_max));
    packets
}

fn packet(sequence: u16, marker: bool, payload: &[u8]) -> RtpPacket {
    let header = RtpHeader { payload_type: 96, marker, sequence, timestamp: 5000, ssrc: 1 };
    RtpPacket::build(header, payload)
}

fn polled(depacketizer: &mut Depacketizer) -> Vec<(u32, Vec<u8>)> {
    let units = std::iter::from_fn(|| depacketizer.poll());
    units
        .map(|AccessUnit { timestamp, parts, is_keyframe, is_damaged, .. }| {
            assert!(is_keyframe && !is_damaged);
            (timestamp, parts.to_bytes().to_vec())
        })
        .collect()
}

#[test]
fn units_that_are_given_together_share_a_packet_and_come_back_each_with_its_time() {
    for parameters in [
        "sizelength=13; indexlength=3; indexdeltalength=3",
        "sizelength=16",
        "sizelength=11; indexlength=1; indexdeltalength=5; ctsdeltalength=7; dtsdeltalength=9",
        "sizelength=32; randomaccessindication=1; streamstateindication=3; auxiliarydatasizelength=9",
    ] {
        let audio = audio(parameters);
        let units: Vec<Vec<u8>> = (1..40_u8).map(|at| vec![at; usize::from(at) * 3]).collect();
        let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        let packets = packets(CONFIG, &audio, &units);
        assert!(packets.len() < 6, "{} packets", packets.len());
        let mut depacketizer = Depacketizer::new(&audio, 48_000);
        let mut back = Vec::new();
        for packet in &packets {
            assert!(packet.marker());
            assert_eq!(depacketizer.push(packet, 0), Ok(()), "{parameters}");
            back.extend(polled(&mut depacketizer));
        }
        let expected: Vec<_> =
            (0..).map(|at| 5000 + at * 1024).zip(units.iter().map(|unit| unit.to_vec())).collect();
        assert_eq!(back, expected, "{parameters}");
        assert!(depacketizer.take_tolerances().is_empty());
    }
}

#[test]
fn low_rates_have_short_headers() {
    // RFC 3640, section 3.3.5: six bits of size, two of the index.
    let audio = audio("sizelength=6; indexlength=2; indexdeltalength=2");
    let sent = packets(CONFIG, &audio, &[&[1; 9], &[2; 8]]);
    assert_eq!(sent[0].payload()[..4], [0, 16, 9 << 2, 8 << 2]);
    let mut packetizer = Packetizer::new(CONFIG, &audio, 48_000);
    let mut timestamps = Vec::new();
    let result = packetizer.packetize([&[1; 63][..], &[2; 64], &[3; 1]], 0, |packet| {
        timestamps.push(packet.timestamp());
    });
    assert_eq!(result, Err(PacketizeError::TooLong { length: 64, most: 63 }));
    assert_eq!(timestamps, [0, 2048], "the time of the unit that was left out passes");
}

#[test]
fn every_burst_of_losses_costs_the_units_that_it_meets_and_no_others() {
    let long: Vec<u8> = (0..300).map(|at| at as u8).collect();
    let units: [&[u8]; 5] = [&[1; 70], &long, &[2; 20], &long, &[3; 75]];
    let sent: Vec<Vec<RtpPacket>> = {
        let mut packetizer = Packetizer::new(SMALL, &hbr(), 48_000);
        let each = (0..).zip(&units).map(|(at, unit)| {
            let mut packets = Vec::new();
            packetizer.packetize([*unit], at * 1024, |packet| packets.push(packet)).unwrap();
            packets
        });
        each.collect()
    };
    let all: Vec<(usize, &RtpPacket)> = sent
        .iter()
        .enumerate()
        .flat_map(|(at, packets)| packets.iter().map(move |packet| (at, packet)))
        .collect();
    for from in 0..all.len() {
        for to in from..=all.len() {
            let mut depacketizer = Depacketizer::new(&hbr(), 48_000);
            let mut back = Vec::new();
            let mut lost = 0;
            for (at, (_, packet)) in all.iter().enumerate() {
                if (from..to).contains(&at) {
                    lost += 1;
                } else {
                    let _ = depacketizer.push(packet, std::mem::take(&mut lost));
                    back.extend(polled(&mut depacketizer));
                }
            }
            depacketizer.flush();
            let is_met = |unit: usize| all[from..to].iter().any(|(at, _)| *at == unit);
            let expected: Vec<_> = (0..units.len())
                .filter(|unit| !is_met(*unit))
                .map(|unit| (unit as u32 * 1024, units[unit].to_vec()))
                .collect();
            assert_eq!(back, expected, "lost {from}..{to}");
        }
    }
}

#[test]
fn headers_of_adts_are_taken_off() {
    let config = AudioConfig::read(&[0x11, 0x90]).unwrap();
    let frame = |unit: &[u8]| [&adts_header(&config, unit.len()).unwrap()[..], unit].concat();
    assert_eq!(frame(&[7; 9])[..7], [0xff, 0xf1, 0x4c, 0x80, 0x02, 0x1f, 0xfc]);
    let in_unit = frame(&[1; 20]);
    let mut depacketizer = Depacketizer::new(&hbr(), 48_000);
    for packet in packets(CONFIG, &hbr(), &[&in_unit]) {
        depacketizer.push(&packet, 0).unwrap();
    }
    assert_eq!(polled(&mut depacketizer), [(5000, vec![1; 20])]);
    // Without AU headers at all, and with a checksum of two bytes.
    let mut checked = frame(&[2; 20]);
    checked[1] = 0xf0;
    let frames = [frame(&[1; 30]), checked, frame(&[3; 10])].concat();
    depacketizer.push(&packet(0, true, &frames), 1).unwrap();
    let expected = [(5000, vec![1; 30]), (6024, vec![2; 18]), (7048, vec![3; 10])];
    assert_eq!(polled(&mut depacketizer), expected);
    assert_eq!(depacketizer.take_tolerances().iter().collect::<Vec<_>>(), [Tolerance::AdtsInPayload]);
}

#[test]
fn what_adts_cannot_say_has_no_header() {
    let config = |bytes: &[u8]| AudioConfig::read(bytes).unwrap();
    assert!(adts_header(&config(&[0x11, 0x90]), 8184).is_some());
    assert!(adts_header(&config(&[0x11, 0x90]), 8185).is_none());
    assert!(adts_header(&config(&[0x17, 0x80, 0x5c, 0x49, 0x10]), 9).is_none(), "47,250 Hz");
    assert!(adts_header(&config(&[0xf9, 0x46, 0x40]), 9).is_none(), "USAC");
    let high = adts_header(&config(&[0x2b, 0x11, 0x88, 0x00]), 9).unwrap();
    assert_eq!(high[2], 1 << 6 | 6 << 2, "HE-AAC is announced as its core, AAC-LC of 24 kHz");
}

#[test]
fn what_cannot_be_read_is_said_and_the_next_packet_is_read() {
    let mut depacketizer = Depacketizer::new(&hbr(), 48_000);
    let unit = [0, 16, 0, 2 << 3, 7, 7];
    for (payload, error) in [
        (&[][..], PayloadError::Empty),
        (&[0], PayloadError::Truncated { needed: 2, length: 1 }),
        (&[0, 16, 0], PayloadError::Truncated { needed: 4, length: 3 }),
        // The length of the headers is more than there is.
        (&[0xff, 0x0f, 0, 16], PayloadError::Truncated { needed: 8164, length: 4 }),
        // Or less than a header has.
        (&[0, 2, 0, 2 << 3, 7, 7], PayloadError::Malformed("no AU header")),
        (&[0, 32, 0, 1 << 3, 0, 1 << 3 | 1, 7, 7], PayloadError::Malformed("the units are interleaved")),
        (&[0, 32, 0, 1 << 3, 0, 9 << 3, 7, 7], PayloadError::Truncated { needed: 9, length: 1 }),
        // A last fragment that does not complete its unit.
        (&[0, 16, 0, 9 << 3, 7, 7], PayloadError::Truncated { needed: 9, length: 2 }),
    ] {
        assert_eq!(depacketizer.push(&packet(0, true, payload), 0), Err(error), "{payload:02x?}");
        while depacketizer.poll().is_some() {}
        depacketizer.flush();
        assert_eq!(depacketizer.push(&packet(7, true, &unit), 0), Ok(()));
        assert_eq!(polled(&mut depacketizer), [(5000, vec![7; 2])]);
        depacketizer.flush();
    }
    // A unit without a byte, from cameras.
    assert_eq!(depacketizer.push(&packet(7, true, &[0, 16, 0, 0]), 0), Ok(()));
    assert_eq!(depacketizer.poll(), None);
    assert_eq!(depacketizer.take_tolerances().iter().collect::<Vec<_>>(), [Tolerance::EmptyAccessUnit]);
}

#[test]
fn bounds_are_kept() {
    let audio = audio("sizelength=1");
    // 512 units, empty but for the first; then 513.
    let mut payload = vec![2, 0, 0x80];
    payload.extend([0; 63]);
    payload.push(7);
    let mut depacketizer = Depacketizer::new(&audio, 48_000);
    assert_eq!(depacketizer.push(&packet(0, true, &payload), 0), Ok(()));
    payload[1] = 1;
    payload.push(0);
    assert_eq!(depacketizer.push(&packet(1, true, &payload), 0), Err(PayloadError::TooManyParts));
    let unit = [0, 16, 0, 1 << 3, 7];
    let mut depacketizer = Depacketizer::new(&hbr(), 48_000);
    for sequence in 0..16 {
        assert_eq!(depacketizer.push(&packet(sequence, true, &unit), 0), Ok(()));
    }
    assert_eq!(depacketizer.push(&packet(16, true, &unit), 0), Err(PayloadError::Unpolled));
    // A unit of more than 8 MiB.
    let audio = self::audio("sizelength=32");
    let mut depacketizer = Depacketizer::new(&audio, 48_000);
    let fragment = [&[0, 32, 0xff, 0xff, 0xff, 0xff][..], &[1; 60_000]].concat();
    let results: Vec<_> =
        (0..140).map(|sequence| depacketizer.push(&packet(sequence, false, &fragment), 0)).collect();
    assert_eq!(results[138], Ok(()));
    assert_eq!(results[139], Err(PayloadError::TooLong));
}

/// The first packet of `ffmpeg -f lavfi -i sine=440:r=48000 -ac 2 -c:a aac -b:a 64k -f rtp`: nine units, of which the content
/// does not matter here.
#[test]
fn what_ffmpeg_sends_is_read_and_sent_in_the_same_way() {
    const HEADERS: [u8; 20] = [
        0x00, 0x90, 0x04, 0x20, 0x07, 0x00, 0x03, 0xb0, 0x03, 0xc8, 0x03, 0xd0, 0x04, 0x28, 0x04, 0x38, 0x04,
        0x50, 0x04, 0xf8,
    ];
    let fmtp =
        "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=119056E500";
    let format = Format::new(97, "MPEG4-GENERIC", 48_000).with_channels(2).with_fmtp(fmtp);
    let Codec::Mpeg4Audio(audio) = &format.codec else { panic!("{format:?}") };
    let content: Vec<u8> = (0..1282).map(|at| at as u8).collect();
    let sent = packet(0, true, &[&HEADERS[..], &content].concat());
    let mut depacketizer = Depacketizer::new(audio, 48_000);
    depacketizer.push(&sent, 0).unwrap();
    let units = polled(&mut depacketizer);
    let lengths: Vec<usize> = units.iter().map(|(_, unit)| unit.len()).collect();
    assert_eq!(lengths, [132, 224, 118, 121, 122, 133, 135, 138, 159]);
    // The second packet has the timestamp 0xbd7002a8, the first 0xbd6fdea8.
    assert_eq!(units.len() as u32 * audio.unit_duration(48_000), 0xbd70_02a8 - 0xbd6f_dea8);
    let units: Vec<&[u8]> = units.iter().map(|(_, unit)| unit.as_slice()).collect();
    let config = PacketizerConfig { packet_bytes_max: 1400, ..CONFIG };
    assert_eq!(packets(config, audio, &units)[0].payload(), sent.payload());
}
