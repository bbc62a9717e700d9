use super::durations::Durations;
use super::*;
use crate::description::{Codec, Format, Vorbis};
use crate::limits::VORBIS_HEADERS_MAX;
use crate::payload::{self, AccessUnit, PacketizeError, PacketizerConfig, ParameterWatch, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::tolerance::Tolerance;

const CONFIG: PacketizerConfig = PacketizerConfig::new(96, 1, 65_530);
const SMALL: PacketizerConfig = PacketizerConfig { packet_bytes_max: 100, ..CONFIG };
const IDENT: u32 = 0xfe_cdba;

/// Of libvorbis: two channels, 44,100 Hz, blocks of 256 and 2048 samples.
const IDENTIFICATION: &[u8] = b"\x01vorbis\0\0\0\0\x02\x44\xac\0\0\0\0\0\0\x80\xb5\x01\0\0\0\0\0\xb8\x01";
/// The end of its setup header, of two modes: short blocks, and long ones.
const SETUP: &[u8] =
    b"\x05vorbis\x73\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\x21\x22\x23\x24\x01\0\x80\0\x02\0\0\0\0\x20\
    \x80\0\x04\x04\x04\0\0\0\0\0\x02\0\0\0\x04\x04";

fn headers(ident: u32) -> VorbisHeaders {
    VorbisHeaders::new(ident, IDENTIFICATION, &b""[..], SETUP).unwrap()
}

fn vorbis(format: &Format) -> Vorbis {
    let Codec::Vorbis(vorbis) = &format.codec else { panic!("{format:?}") };
    vorbis.clone()
}

fn depacketizer() -> Depacketizer {
    Depacketizer::new(&vorbis(&Format::vorbis(96, &headers(IDENT))))
}

/// A packet of a long or a short block.
fn sound(is_long: bool, len: usize, seed: usize) -> Vec<u8> {
    let rest = (1..len).map(|at| (at * 7 + seed) as u8);
    std::iter::once(if is_long { 2 } else { 0 }).chain(rest).collect()
}

fn packet(sequence: u16, timestamp: u32, payload: &[u8]) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, marker: false, sequence, timestamp, ssrc: 1 }, payload)
}

/// A payload with its header, and a length in front of each part.
fn payload_of(ident: u32, flags: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut payload = (ident << 8 | u32::from(flags)).to_be_bytes().to_vec();
    for part in parts {
        payload.extend((part.len() as u16).to_be_bytes());
        payload.extend_from_slice(part);
    }
    payload
}

fn polled(depacketizer: &mut Depacketizer) -> Vec<(u32, Vec<u8>)> {
    std::iter::from_fn(|| depacketizer.poll())
        .map(|unit| {
            assert!(unit.is_keyframe && !unit.is_damaged);
            (unit.timestamp, unit.parts.to_bytes().to_vec())
        })
        .collect()
}

#[test]
fn the_timestamps_of_ffmpeg_follow_from_the_sizes_of_blocks() {
    // The first payloads of libvorbis through FFmpeg: a short block and 14 long ones, then 15 long ones.
    let first: Vec<Vec<u8>> = (0..15).map(|at| sound(at > 0, 57, at)).collect();
    let second: Vec<Vec<u8>> = (0..15).map(|at| sound(true, 58, at)).collect();
    let mut depacketizer = depacketizer();
    let mut ends = Vec::new();
    for (sequence, timestamp, units) in [(0, 966_242_509, &first), (1, 966_256_525, &second)] {
        let parts: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        depacketizer.push(&packet(sequence, timestamp, &payload_of(IDENT, 15, &parts)), 0).unwrap();
        let back = polled(&mut depacketizer);
        assert_eq!(back.iter().map(|(_, unit)| unit.clone()).collect::<Vec<_>>(), *units);
        assert_eq!(back[0].0, timestamp);
        ends.push(back.last().unwrap().0 + 1024);
    }
    // Where the next payload began.
    assert_eq!(ends, [966_256_525, 966_271_885]);
    let mut packetizer = Packetizer::new(CONFIG, &vorbis(&Format::vorbis(96, &headers(IDENT)))).unwrap();
    let mut sent = Vec::new();
    let all = first.iter().chain(&second).map(Vec::as_slice);
    packetizer
        .packetize(all, 966_242_509, |packet| sent.push((packet.timestamp(), packet.payload()[..4].to_vec())))
        .unwrap();
    let start = vec![0xfe, 0xcd, 0xba, 15];
    assert_eq!(sent, [(966_242_509, start.clone()), (966_256_525, start)]);
}

#[test]
fn packets_of_every_length_come_back() {
    let units: Vec<Vec<u8>> =
        [1, 30, 40, 10, 81, 82, 83, 300, 5, 200, 1, 1, 1].map(|len| sound(len % 2 == 0, len, len)).to_vec();
    for config in [CONFIG, SMALL] {
        let mut packetizer = payload::Packetizer::new(&Format::vorbis(96, &headers(IDENT)), config).unwrap();
        let mut depacketizer = depacketizer();
        let mut back = Vec::new();
        let sent = packetizer.packetize(units.iter().map(Vec::as_slice), 9, |packet| {
            assert!(packet.len() <= config.packet_bytes_max && !packet.marker());
            assert_eq!(depacketizer.push(&packet, 0), Ok(()));
            back.extend(polled(&mut depacketizer));
        });
        assert_eq!(sent, Ok(()));
        let mut timestamp = 9;
        let mut before = if units[0].len() % 2 == 0 { 2048 } else { 256 };
        let expected: Vec<_> = units
            .iter()
            .map(|unit| {
                let at = timestamp;
                let block = if unit.len() % 2 == 0 { 2048 } else { 256 };
                timestamp += (before + block) / 4;
                before = block;
                (at, unit.clone())
            })
            .collect();
        assert_eq!(back, expected);
    }
}

#[test]
fn every_burst_of_losses_costs_the_packets_that_it_meets_and_no_others() {
    let units = [
        sound(true, 70, 1),
        sound(true, 300, 2),
        sound(false, 20, 3),
        sound(true, 250, 4),
        sound(true, 75, 5),
    ];
    let format = Format::vorbis(96, &headers(IDENT));
    let mut packetizer = Packetizer::new(SMALL, &vorbis(&format)).unwrap();
    let mut all = Vec::new();
    for (at, unit) in units.iter().enumerate() {
        packetizer.packetize([&unit[..]], at as u32 * 1024, |packet| all.push((at, packet))).unwrap();
    }
    for from in 0..all.len() {
        for to in from..=all.len() {
            let mut depacketizer = depacketizer();
            let mut back = Vec::new();
            for (at, (_, packet)) in all.iter().enumerate().filter(|(at, _)| !(from..to).contains(at)) {
                let lost = if at == to { to - from } else { 0 };
                assert_eq!(depacketizer.push(packet, lost as u16), Ok(()), "lost {from}..{to}");
                back.extend(polled(&mut depacketizer));
            }
            depacketizer.flush();
            let is_met = |unit: usize| all[from..to].iter().any(|(at, _)| *at == unit);
            let expected: Vec<_> = (0..units.len())
                .filter(|at| !is_met(*at))
                .map(|at| (at as u32 * 1024, units[at].clone()))
                .collect();
            assert_eq!(back, expected, "lost {from}..{to}");
        }
    }
}

#[test]
fn headers_among_the_packets_are_told() {
    let format = Format::new(96, "vorbis", 44_100).with_channels(2);
    let mut depacketizer = payload::Depacketizer::new(&format).unwrap();
    assert!(payload::Packetizer::new(&format, CONFIG).is_err());
    let mut watch = ParameterWatch::new(&format);
    assert_eq!(watch.parameters().configuration, None);
    let tone = payload_of(IDENT, 1, &[&sound(true, 9, 1)]);
    let waiting = depacketizer.push(&packet(0, 0, &tone), 0);
    assert_eq!(waiting, Err(PayloadError::Malformed("the headers of Vorbis have not come yet")));
    // As GStreamer sends them: the number of headers less one and their lengths, in fragments.
    let packed = headers(IDENT).to_packed();
    assert_eq!(packed[..11], [2, 30, 0, 1, b'v', b'o', b'r', b'b', b'i', b's', 0]);
    let fragments: Vec<_> = packed.chunks(40).collect();
    for (at, fragment) in fragments.iter().enumerate() {
        let place = if at == 0 {
            0x50
        } else if at + 1 < fragments.len() {
            0x90
        } else {
            0xd0
        };
        let fragment = payload_of(IDENT, place, &[fragment]);
        depacketizer.push(&packet(at as u16 + 1, 0, &fragment), 0).unwrap();
    }
    assert_eq!(depacketizer.poll(), None);
    let mut sequence = fragments.len() as u16 + 1;
    let mut next = |payload: &[u8]| -> Option<AccessUnit> {
        depacketizer.push(&packet(sequence, 0, payload), 0).unwrap();
        sequence += 1;
        depacketizer.poll()
    };
    let unit = next(&tone).unwrap();
    assert_eq!(unit.configuration, Some(headers(IDENT).to_private()));
    assert!(watch.look(&unit));
    let parameters = watch.parameters();
    assert_eq!(
        (parameters.codec.as_deref(), &parameters.configuration),
        (Some("vorbis"), &unit.configuration)
    );
    assert_eq!(parameters.audio, Some(AudioParameters::new(44_100, 2)));
    // The same again is no news; another identification under the same name is.
    let mut other = IDENTIFICATION.to_vec();
    other[11] = 1;
    let other = VorbisHeaders::new(IDENT, other, &b"\x03vorbis"[..], SETUP).unwrap();
    for (headers, is_news) in [(&headers(IDENT), false), (&other, true), (&other, false)] {
        let mixed = payload_of(IDENT, 0x11, &[&headers.to_packed()]);
        assert_eq!(next(&mixed), None);
        let unit = next(&tone).unwrap();
        assert_eq!(unit.configuration, is_news.then(|| headers.to_private()));
        assert_eq!(watch.look(&unit), is_news);
    }
    assert_eq!(watch.parameters().audio, Some(AudioParameters::new(44_100, 1)));
}

#[test]
fn a_description_may_have_several_headers_of_which_packets_choose() {
    let [first, second] = [headers(1), headers(2)];
    let mut packed = 2_u32.to_be_bytes().to_vec();
    for headers in [&first, &second] {
        packed.extend([0, 0, headers.ident as u8]);
        packed.extend(((IDENTIFICATION.len() + SETUP.len()) as u16).to_be_bytes());
        packed.extend_from_slice(&headers.to_packed());
    }
    let format = Format::new(96, "vorbis", 44_100)
        .with_channels(2)
        .with_fmtp(format!("configuration={}", crate::base64::encode(&packed)));
    assert_eq!(vorbis(&format).headers, [first, second.clone()]);
    let mut depacketizer = Depacketizer::new(&vorbis(&format));
    for (sequence, ident, configuration) in [(0, 1, None), (1, 2, Some(second.to_private())), (2, 2, None)] {
        let payload = payload_of(ident, 1, &[&sound(true, 9, 1)]);
        depacketizer.push(&packet(sequence, 0, &payload), 0).unwrap();
        assert_eq!(depacketizer.poll().unwrap().configuration, configuration);
    }
    let mut known = Depacketizer::new(&vorbis(&format));
    for ident in 3..20 {
        let payload = payload_of(ident, 0x11, &[&headers(ident).to_packed()]);
        known.push(&packet(ident as u16, 0, &payload), 0).unwrap();
    }
    assert_eq!(
        (known.known.len(), known.known[0].ident),
        (VORBIS_HEADERS_MAX, 20 - VORBIS_HEADERS_MAX as u32)
    );
}

#[test]
fn what_cannot_be_read_is_said() {
    let mut depacketizer = depacketizer();
    let mut sequence = 0;
    let mut check = |payload: &[u8], expected| {
        sequence += 1;
        let result = depacketizer.push(&packet(sequence, 0, payload), 0);
        assert_eq!(result, expected, "{payload:02x?}");
    };
    check(&[], Err(PayloadError::Empty));
    check(&[0xfe, 0xcd, 0xba], Err(PayloadError::Truncated { needed: 4, length: 3 }));
    check(&payload_of(IDENT, 1, &[]), Err(PayloadError::Truncated { needed: 2, length: 0 }));
    check(&[0xfe, 0xcd, 0xba, 1, 0, 9, 1], Err(PayloadError::Truncated { needed: 9, length: 1 }));
    check(&payload_of(IDENT, 0x80, &[&[1]]), Err(PayloadError::FragmentWithoutStart));
    check(&payload_of(IDENT, 0x11, &[&[2, 30]]), Err(PayloadError::Malformed("no headers of Vorbis")));
    check(&payload_of(IDENT, 0x21, &[b"a comment"]), Ok(()));
    check(&payload_of(IDENT, 0x31, &[b"reserved"]), Ok(()));
    check(&payload_of(IDENT, 2, &[&[], &[0, 1]]), Ok(()));
    check(&payload_of(IDENT, 0x40, &[&[0, 1]]), Ok(()));
    let mixed = "fragments of sound and of headers are mixed";
    check(&payload_of(IDENT, 0x90, &[&[0, 1]]), Err(PayloadError::Malformed(mixed)));
    assert_eq!(polled(&mut depacketizer), [(0, vec![0, 1])]);
    assert_eq!(depacketizer.take_tolerances().iter().collect::<Vec<_>>(), [Tolerance::EmptyAccessUnit]);
}

#[test]
fn headers_are_not_sent_as_sound() {
    let mut packetizer = Packetizer::new(CONFIG, &vorbis(&Format::vorbis(96, &headers(IDENT)))).unwrap();
    let mut lengths = Vec::new();
    let result = packetizer.packetize([IDENTIFICATION, &[0, 1], SETUP, &[2]], 0, |packet| {
        lengths.push((packet.payload().len(), packet.timestamp()));
    });
    assert_eq!(result, Err(PacketizeError::Malformed("a header of Vorbis, which the description has")));
    assert_eq!(lengths, [(8, 0), (7, 128)]);
}

#[test]
fn modes_are_found_at_the_end_of_the_setup_alone() {
    let durations = Durations::read(&headers(IDENT)).unwrap();
    assert_eq!(durations.clone().next(&[0]), 128);
    let mut one_long_after_a_short = durations.clone();
    one_long_after_a_short.next(&[0]);
    assert_eq!((one_long_after_a_short.next(&[2]), one_long_after_a_short.next(&[2])), (576, 1024));
    let mut of_a_header = durations;
    assert_eq!(of_a_header.next(&[1]), 0, "a header lasts no time");
    for cut in 0..SETUP.len() - 7 {
        let setup = [&SETUP[..7], &vec![0; cut]].concat();
        let headers = VorbisHeaders::new(0, IDENTIFICATION, &b""[..], setup).unwrap();
        assert_eq!(Durations::read(&headers), None);
    }
}
