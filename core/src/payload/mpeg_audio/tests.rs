use super::*;
use crate::description::Format;
use crate::payload::{
    AccessUnit, AudioParameters, PacketizeError, PacketizerConfig, ParameterWatch, PayloadError,
};
use crate::rtp::{RtpHeader, RtpPacket};

const CONFIG: PacketizerConfig =
    PacketizerConfig { packet_bytes_max: 1000, ..PacketizerConfig::new(14, 1, 65_530) };

/// A frame of a header, as long as that says.
fn frame(header: [u8; 4], fill: u8) -> Vec<u8> {
    let bytes = FrameHeader::read(&header).unwrap().bytes.unwrap();
    let mut frame = vec![fill; bytes];
    frame[..4].copy_from_slice(&header);
    frame
}

/// MP3, 48 kHz, 128 kbit/s, joint stereo: 384 bytes, 24 ms; from `lamemp3enc`.
const MP3: [u8; 4] = [0xff, 0xfb, 0x94, 0x64];
/// Layer II, 48 kHz, 64 kbit/s, mono: 192 bytes; from FFmpeg.
const MP2: [u8; 4] = [0xff, 0xfd, 0x44, 0xc4];
/// Layer III of MPEG-2, 24 kHz, 32 kbit/s, mono.
const MPEG2: [u8; 4] = [0xff, 0xf3, 0x44, 0xc4];
/// MP3, 48 kHz, 320 kbit/s: 960 bytes.
const LARGE: [u8; 4] = [0xff, 0xfb, 0xe4, 0x64];

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
fn the_header_of_a_frame_tells_its_length_and_its_time() {
    for (header, layer, rate, channels, samples, bytes) in [
        (MP3, 3, 48_000, 2, 1152, Some(384)),
        (MP2, 2, 48_000, 1, 1152, Some(192)),
        (LARGE, 3, 48_000, 2, 1152, Some(960)),
        // 44,100 Hz, 128 kbit/s, without and with a padding byte.
        ([0xff, 0xfb, 0x90, 0x00], 3, 44_100, 2, 1152, Some(417)),
        ([0xff, 0xfb, 0x92, 0x00], 3, 44_100, 2, 1152, Some(418)),
        // Layer I, 44,100 Hz, 384 kbit/s, padded by a slot of four bytes.
        ([0xff, 0xff, 0xc2, 0x00], 1, 44_100, 2, 384, Some(420)),
        // MPEG-2 at 22,050 Hz, 64 kbit/s, mono, and MPEG-2.5 at 8,000 Hz, 8 kbit/s.
        ([0xff, 0xf3, 0x80, 0xc0], 3, 22_050, 1, 576, Some(208)),
        ([0xff, 0xe3, 0x18, 0xc0], 3, 8_000, 1, 576, Some(72)),
        ([0xff, 0xfb, 0x04, 0x00], 3, 48_000, 2, 1152, None),
    ] {
        let expected = FrameHeader { layer, sample_rate: rate, channels, samples, bytes };
        assert_eq!(FrameHeader::read(&header), Some(expected), "{header:02x?}");
    }
    // No sync, a reserved version, layer, bitrate and rate, and a header that is cut off.
    for bad in [
        &[0xff, 0x1b, 0x94, 0x64][..],
        &[0xff, 0xeb, 0x94, 0x64],
        &[0xff, 0xf9, 0x94, 0x64],
        &[0xff, 0xfb, 0xf4, 0x64],
        &[0xff, 0xfb, 0x9c, 0x64],
        &MP3[..3],
    ] {
        assert_eq!(FrameHeader::read(bad), None, "{bad:02x?}");
    }
}

#[test]
fn frames_share_packets_and_come_back_each_with_its_time() {
    let frames =
        [frame(MP3, 1), frame(MP2, 2), frame(MP2, 3), frame(LARGE, 4), frame(LARGE, 5), frame(MP2, 6)];
    for packet_bytes_max in [64, 100, 400, 401, 976, 1000, 1500, 9000] {
        let config = PacketizerConfig { packet_bytes_max, ..CONFIG };
        let mut packetizer = Packetizer::new(config);
        let mut depacketizer = Depacketizer::new();
        let mut back = Vec::new();
        let mut count = 0;
        let sent = packetizer.packetize(frames.iter().map(Vec::as_slice), 7, |packet| {
            assert!(packet.len() <= packet_bytes_max);
            count += 1;
            assert_eq!(depacketizer.push(&packet, 0), Ok(()));
            back.extend(polled(&mut depacketizer));
        });
        let expected: Vec<_> = (0..).map(|at| 7 + at * 2160).zip(frames.iter().cloned()).collect();
        assert_eq!((sent, &back), (Ok(()), &expected), "packets of {packet_bytes_max} bytes");
        if packet_bytes_max == 9000 {
            assert_eq!(count, 1);
        }
    }
}

#[test]
fn every_burst_of_losses_costs_the_frames_that_it_meets_and_no_others() {
    let config = PacketizerConfig { packet_bytes_max: 300, ..CONFIG };
    let frames = [frame(MP2, 1), frame(LARGE, 2), frame(LARGE, 3), frame(MP2, 4), frame(MP3, 5)];
    let mut packetizer = Packetizer::new(config);
    let mut all: Vec<(usize, RtpPacket)> = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        packetizer.packetize([&frame[..]], at as u32 * 2160, |packet| all.push((at, packet))).unwrap();
    }
    for from in 0..all.len() {
        for to in from..=all.len() {
            let mut depacketizer = Depacketizer::new();
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
                .map(|at| (at as u32 * 2160, frames[at].clone()))
                .collect();
            assert_eq!(back, expected, "lost {from}..{to}");
        }
    }
}

#[test]
fn what_is_no_whole_frame_is_not_sent() {
    let mut packetizer = Packetizer::new(CONFIG);
    let (whole, free) = (frame(MP3, 1), [&[0xff, 0xfb, 0x04, 0x00][..], &[1; 100]].concat());
    let long_free = [&free[..], &[1; 2000]].concat();
    let mut sizes = Vec::new();
    let parts = [&whole[..], &whole[..200], b"text", &long_free, &free, &whole];
    let result = packetizer.packetize(parts, 0, |packet| sizes.push(packet.payload().len()));
    assert_eq!(result, Err(PacketizeError::Malformed("no whole frame of MPEG audio")));
    assert_eq!(sizes, [388, 108, 388], "one whose length nobody tells is alone");
}

#[test]
fn what_cannot_be_read_is_said() {
    let packet = |sequence, payload: &[u8]| {
        RtpPacket::build(RtpHeader { payload_type: 14, sequence, ssrc: 1, ..RtpHeader::default() }, payload)
    };
    let mut depacketizer = Depacketizer::new();
    let first = [&[0; 4][..], &frame(LARGE, 1)[..500]].concat();
    for (payload, error) in [
        (&[][..], PayloadError::Empty),
        (&[0, 0, 0], PayloadError::Truncated { needed: 4, length: 3 }),
        (b"\0\0\0\0text", PayloadError::Malformed("no frame of MPEG audio")),
        (&[0, 0, 1, 0, 7], PayloadError::FragmentWithoutStart),
    ] {
        depacketizer.flush();
        assert_eq!(depacketizer.push(&packet(1, payload), 0), Err(error), "{payload:02x?}");
    }
    // A fragment that is not where the one before ends; a frame whose end does not come.
    assert_eq!(depacketizer.push(&packet(2, &first), 0), Ok(()));
    let elsewhere = PayloadError::Malformed("a fragment is not where the one before ends");
    assert_eq!(depacketizer.push(&packet(3, &[0, 0, 1, 0, 7]), 0), Err(elsewhere));
    assert_eq!(depacketizer.push(&packet(4, &first), 0), Ok(()));
    let header = RtpHeader { payload_type: 14, sequence: 5, ssrc: 1, timestamp: 2160, marker: false };
    let next = RtpPacket::build(header, &[&[0; 4][..], &frame(MP2, 1)].concat());
    assert_eq!(depacketizer.push(&next, 0), Err(PayloadError::Malformed("a unit lacks its last fragment")));
    assert_eq!(polled(&mut depacketizer).len(), 1);
    for sequence in 6..22 {
        let _ = depacketizer.push(&packet(sequence, next.payload()), 0);
    }
    assert_eq!(depacketizer.push(&packet(22, next.payload()), 0), Err(PayloadError::Unpolled));
}

fn look_at(watch: &mut ParameterWatch, header: [u8; 4]) -> bool {
    let parts = frame(header, 1).into();
    watch.look(&AccessUnit { timestamp: 0, parts, is_keyframe: true, is_damaged: false, configuration: None })
}

#[test]
fn rate_and_channels_are_learnt_from_the_frames() {
    let mut watch = ParameterWatch::new(&Format::mpeg_audio());
    assert_eq!(watch.parameters().audio, None);
    let mut look = |header| look_at(&mut watch, header);
    assert!(look(MP3) && !look(MP3) && look(MP2));
    assert_eq!(watch.parameters().audio, Some(AudioParameters::new(48_000, 1)));
    assert_eq!(watch.parameters().codec.as_deref(), Some("mp4a.6B"));
    let mut look = |header| look_at(&mut watch, header);
    assert!(look(MPEG2) && !look(MPEG2));
    assert_eq!(watch.parameters().audio, Some(AudioParameters::new(24_000, 1)));
    assert_eq!(watch.parameters().codec.as_deref(), Some("mp4a.69"));
}
