use super::*;
use crate::description::Format;
use crate::payload::{AccessUnit, PacketizeError, PacketizerConfig, ParameterWatch, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

const CONFIG: PacketizerConfig =
    PacketizerConfig { packet_bytes_max: 300, ..PacketizerConfig::new(96, 1, 65_530) };

/// AC-3, 48 kHz, 96 kbit/s, mono: 384 bytes; from FFmpeg.
const AC3: [u8; 8] = [0x0b, 0x77, 0x48, 0x0d, 0x0c, 0x40, 0x2f, 0x84];
/// The same at 32 kbit/s: 128 bytes.
const SMALL: [u8; 8] = [0x0b, 0x77, 0x48, 0x0d, 0x00, 0x40, 0x2f, 0x84];
/// Enhanced AC-3, 48 kHz, six blocks, stereo, of 64 words; and a dependent substream of 16 words.
const ENHANCED: [u8; 8] = [0x0b, 0x77, 0x00, 0x3f, 0x34, 0x80, 0, 0];
const DEPENDENT: [u8; 8] = [0x0b, 0x77, 0x40, 0x0f, 0x34, 0x80, 0, 0];

fn frame(header: [u8; 8], fill: u8) -> Vec<u8> {
    let mut frame = vec![fill; FrameHeader::read(&header).unwrap().bytes];
    frame[..8].copy_from_slice(&header);
    frame
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
fn the_header_of_a_frame_tells_its_length_and_its_channels() {
    let read = |header: [u8; 8]| FrameHeader::read(&header).unwrap();
    let mono = read(AC3);
    assert_eq!((mono.is_enhanced, mono.sample_rate, mono.channels, mono.samples), (false, 48_000, 1, 1536));
    assert_eq!((mono.bytes, mono.duration(48_000)), (384, 1536));
    // 44,100 Hz, 448 kbit/s, 5.1: mode 7 has two levels of mixing in front of the flag for low frequencies.
    let surround = |size: u8| read([0x0b, 0x77, 0, 0, 0x40 | size, 0x40, 0xe1, 0]);
    assert_eq!((surround(30).sample_rate, surround(30).channels), (44_100, 6));
    assert_eq!((surround(30).bytes, surround(31).bytes), (1950, 1952), "table 4.13: 975 and 976 words");
    assert_eq!(read([0x0b, 0x77, 0, 0, 0x9e, 0x40, 0xe0, 0]).bytes, 2688, "32 kHz, 1344 words");
    let enhanced = read(ENHANCED);
    assert_eq!((enhanced.is_enhanced, enhanced.sample_rate, enhanced.channels), (true, 48_000, 2));
    assert_eq!((enhanced.bytes, enhanced.samples, enhanced.is_addition), (128, 1536, false));
    assert!(read(DEPENDENT).is_addition);
    // Half of 44,100 Hz.
    assert_eq!(read([0x0b, 0x77, 0, 0x3f, 0xd4, 0x80, 0, 0]).sample_rate, 22_050);
    for bad in [
        &b"\x0b\x78"[..],
        b"\x0b\x77\0\0\xc0\x40\x40\0",
        b"\x0b\x77\0\0\x26\x40\x40\0",
        b"\x0b\x77\0\0\0\x88\0\0",
        &AC3[..6],
    ] {
        assert_eq!(FrameHeader::read(bad), None, "{bad:02x?}");
    }
}

#[test]
fn frames_share_packets_and_come_back_each_with_its_time() {
    let both = [frame(ENHANCED, 5), frame(DEPENDENT, 6)].concat();
    for (is_enhanced, frames) in [
        (false, vec![frame(SMALL, 1), frame(SMALL, 2), frame(AC3, 3), frame(SMALL, 4)]),
        (true, vec![frame(ENHANCED, 1), both.clone(), frame(ENHANCED, 2), both]),
    ] {
        for packet_bytes_max in [64, 100, 150, 300, 9000] {
            let config = PacketizerConfig { packet_bytes_max, ..CONFIG };
            let mut packetizer = Packetizer::new(config, 48_000, is_enhanced);
            let mut depacketizer = Depacketizer::new(48_000, is_enhanced);
            let mut back = Vec::new();
            let sent = packetizer.packetize(frames.iter().map(Vec::as_slice), 7, |packet| {
                assert!(packet.len() <= packet_bytes_max);
                assert_eq!(depacketizer.push(&packet, 0), Ok(()));
                back.extend(polled(&mut depacketizer));
            });
            let expected: Vec<_> = (0..).map(|at| 7 + at * 1536).zip(frames.iter().cloned()).collect();
            assert_eq!((sent, &back), (Ok(()), &expected), "packets of {packet_bytes_max} bytes");
        }
    }
}

#[test]
fn fragments_are_told_as_gstreamer_does() {
    // `rtpac3pay mtu=200` sends this frame in three packets: 01 03, 03 03, 03 03 (186 bytes are less than 5/8 of 384, but it
    // says otherwise), of which the last has the marker.
    let config = PacketizerConfig { packet_bytes_max: 200, ..CONFIG };
    let mut headers = Vec::new();
    let mut packetizer = Packetizer::new(config, 48_000, false);
    let sent = packetizer.packetize([&frame(AC3, 9)[..]], 0, |packet| {
        headers.push((packet.payload()[..2].to_vec(), packet.payload().len(), packet.marker()));
    });
    assert_eq!(sent, Ok(()));
    assert_eq!(headers, [(vec![2, 3], 188, false), (vec![3, 3], 188, false), (vec![3, 3], 14, true)]);
    let mut sizes = Vec::new();
    let mut packetizer = Packetizer::new(CONFIG, 48_000, false);
    let sent = packetizer.packetize([&frame(AC3, 9)[..]], 0, |packet| sizes.push(packet.payload()[0]));
    assert_eq!((sent, sizes), (Ok(()), vec![1, 3]));
}

#[test]
fn every_burst_of_losses_costs_the_frames_that_it_meets_and_no_others() {
    let config = PacketizerConfig { packet_bytes_max: 150, ..CONFIG };
    for (is_enhanced, frames) in [
        (false, [frame(SMALL, 1), frame(AC3, 2), frame(AC3, 3), frame(SMALL, 4)]),
        (
            true,
            [
                frame(ENHANCED, 1),
                [frame(ENHANCED, 2), frame(DEPENDENT, 3)].concat(),
                frame(ENHANCED, 4),
                frame(ENHANCED, 5),
            ],
        ),
    ] {
        let mut packetizer = Packetizer::new(config, 48_000, is_enhanced);
        let mut all: Vec<(usize, RtpPacket)> = Vec::new();
        for (at, frame) in frames.iter().enumerate() {
            packetizer.packetize([&frame[..]], at as u32 * 1536, |packet| all.push((at, packet))).unwrap();
        }
        for from in 0..all.len() {
            for to in from..=all.len() {
                let mut depacketizer = Depacketizer::new(48_000, is_enhanced);
                let (mut back, mut lost) = (Vec::new(), 0);
                for (at, (_, packet)) in all.iter().enumerate() {
                    if (from..to).contains(&at) {
                        lost += 1;
                    } else {
                        let _ = depacketizer.push(packet, std::mem::take(&mut lost));
                        back.extend(polled(&mut depacketizer));
                    }
                }
                let is_met = |frame: usize| all[from..to].iter().any(|(at, _)| *at == frame);
                let expected: Vec<_> = (0..frames.len())
                    .filter(|at| !is_met(*at))
                    .map(|at| (at as u32 * 1536, frames[at].clone()))
                    .collect();
                assert_eq!(back, expected, "lost {from}..{to}, enhanced: {is_enhanced}");
            }
        }
    }
}

#[test]
fn what_cannot_be_sent_or_read_is_said() {
    let mut packetizer = Packetizer::new(CONFIG, 48_000, false);
    let whole = frame(SMALL, 1);
    let mut count = 0;
    let result = packetizer.packetize([&whole[..], &whole[..50], b"text", &whole], 0, |_| count += 1);
    assert_eq!((result, count), (Err(PacketizeError::Malformed("no whole frame of AC-3")), 2));
    let packet = |sequence, payload: &[u8]| {
        RtpPacket::build(RtpHeader { marker: true, sequence, ssrc: 1, ..RtpHeader::default() }, payload)
    };
    let mut depacketizer = Depacketizer::new(48_000, false);
    for (payload, error) in [
        (&[][..], PayloadError::Empty),
        (&[0, 1], PayloadError::Truncated { needed: 2, length: 2 }),
        (b"\0\x01text", PayloadError::Malformed("no frame of AC-3")),
        (&[&[0, 1][..], &whole[..50]].concat(), PayloadError::Truncated { needed: 128, length: 50 }),
        (&[3, 2, 7], PayloadError::FragmentWithoutStart),
    ] {
        depacketizer.flush();
        assert_eq!(depacketizer.push(&packet(1, payload), 0), Err(error), "{payload:02x?}");
    }
    let payload = [&[0, 1][..], &whole].concat();
    for sequence in 2..18 {
        assert_eq!(depacketizer.push(&packet(sequence, &payload), 0), Ok(()));
    }
    assert_eq!(depacketizer.push(&packet(18, &payload), 0), Err(PayloadError::Unpolled));
}

#[test]
fn a_frame_tells_what_mp4_keeps() {
    let told = |header: [u8; 8]| configuration::configuration(&frame(header, 0)).map(|told| told.to_vec());
    // As FFmpeg writes them.
    assert_eq!(told(AC3), Some(vec![0x10, 0x08, 0xc0]));
    let mono = [0x0b, 0x77, 0x00, 0xbf, 0x32, 0x87, 0xc0, 0];
    assert_eq!(told(mono), Some(vec![0x03, 0x00, 0x20, 0x02, 0x00]));
    // 5.1 at 44,100 Hz and 448 kbit/s; 5 channels with that of low frequencies at 48,000 Hz.
    let surround = [0x0b, 0x77, 0, 0, 0x5e, 0x40, 0xe1, 0];
    assert_eq!(told(surround), Some(vec![0x50, 0x3d, 0xe0]));
    let enhanced_surround = [0x0b, 0x77, 0x00, 0xbf, 0x3f, 0x87, 0xc0, 0];
    assert_eq!(told(enhanced_surround), Some(vec![0x03, 0x00, 0x20, 0x0f, 0x00]));
    // Three blocks; and a substream that adds to the first.
    assert_eq!(told([0x0b, 0x77, 0x00, 0xbf, 0x22, 0x87, 0xc0, 0]), None);
    assert_eq!(configuration::configuration(&[frame(ENHANCED, 5), frame(DEPENDENT, 6)].concat()), None);
    assert_eq!(configuration::configuration(b"text"), None);
}

#[test]
fn a_frame_of_another_bitrate_is_no_news() {
    let mut watch = ParameterWatch::new(&Format::ac3(96, 48_000, 1));
    let mut look = |header| {
        let parts = frame(header, 1).into();
        watch.look(&AccessUnit {
            timestamp: 0,
            parts,
            is_keyframe: true,
            is_damaged: false,
            configuration: None,
        })
    };
    assert!(look(AC3) && !look(SMALL) && !look(AC3));
    assert_eq!(watch.parameters().configuration.as_deref(), Some(&[0x10, 0x08, 0xc0][..]));
}
