use super::*;
use crate::description::{AmrPacking, Codec, Format};
use crate::payload::{self, PacketizeError, PacketizerConfig, ParameterWatch, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};

const PACKINGS: [AmrPacking; 2] = [AmrPacking::BandwidthEfficient, AmrPacking::OctetAligned];
const CONFIG: PacketizerConfig = PacketizerConfig::new(96, 1, 65_530);

fn amr(format: &Format) -> Amr {
    let Codec::Amr(amr) = format.codec else { panic!("{format:?}") };
    amr
}

/// Frames of all types, each with its byte in front, and bits that are not all the same.
fn frames(is_wideband: bool) -> Vec<Vec<u8>> {
    let narrow = [95, 103, 118, 134, 148, 159, 204, 244, 39];
    let wide = [132, 177, 253, 285, 317, 365, 397, 461, 477, 40];
    let sizes: &[usize] = if is_wideband { &wide } else { &narrow };
    let silent: &[u8] = if is_wideband { &[14, 15] } else { &[15] };
    let frame = |kind: usize, bits: usize| {
        let mut frame = vec![(kind << 3 | 4) as u8];
        frame.extend((0..bits.div_ceil(8)).map(|at| (at * 37 + kind * 11 + 1) as u8));
        if bits % 8 > 0 {
            *frame.last_mut().unwrap() &= 0xff << (8 - bits % 8);
        }
        frame
    };
    let mut frames: Vec<_> = sizes.iter().enumerate().map(|(kind, bits)| frame(kind, *bits)).collect();
    frames.extend(silent.iter().map(|kind| vec![kind << 3]));
    frames
}

fn packet(payload: &[u8]) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, timestamp: 1000, ..RtpHeader::default() }, payload)
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
fn frames_of_all_types_come_back_in_both_packings() {
    for packing in PACKINGS {
        for (format, units) in [(Format::amr(96, packing), 160), (Format::amr_wb(96, packing), 320)] {
            for channels in [1, 2, 3] {
                let amr = amr(&format.clone().with_channels(channels));
                let frames = frames(amr.is_wideband);
                let blocks: Vec<Vec<u8>> = (0..60)
                    .map(|at| {
                        let one = |channel: usize| frames[(at * 5 + channel) % frames.len()].clone();
                        (0..usize::from(channels)).flat_map(one).collect()
                    })
                    .collect();
                let mut packetizer = Packetizer::new(CONFIG, &amr);
                let mut depacketizer = Depacketizer::new(&amr);
                let (mut back, mut packets) = (Vec::new(), 0);
                let sent = packetizer.packetize(blocks.iter().map(Vec::as_slice), 7000, |packet| {
                    assert!(packet.len() <= CONFIG.packet_bytes_max);
                    assert_eq!(depacketizer.push(&packet, 0), Ok(()));
                    back.extend(polled(&mut depacketizer));
                    packets += 1;
                });
                assert_eq!((sent, packets), (Ok(()), 5), "twelve blocks share a packet");
                let expected: Vec<_> =
                    (0..).map(|at| 7000 + at * units).zip(blocks.iter().cloned()).collect();
                assert_eq!(back, expected, "{packing:?}, {channels} channels");
            }
        }
    }
}

#[test]
fn bits_stand_where_the_rfc_draws_them() {
    // RFC 4867, section 4.3.5.1: mode 6 is asked for, one frame of 7.4 kbit/s; 148 bits and two of padding.
    let speech = [0xff; 19];
    let frame = [&[4 << 3 | 4][..], &speech[..18], &[0xf0]].concat();
    let narrow = amr(&Format::amr(96, AmrPacking::BandwidthEfficient));
    let mut packetizer = Packetizer::new(CONFIG, &narrow);
    packetizer.set_mode_request(Some(6));
    let mut payload = Vec::new();
    packetizer.packetize([&frame[..]], 1000, |packet| payload = packet.payload().to_vec()).unwrap();
    // 0110 0 0100 1, then the speech from the eleventh bit on.
    assert_eq!((payload.len(), &payload[..3]), (20, &[0x62, 0x7f, 0xff][..]));
    assert_eq!(payload[19], 0xfc, "158 bits, and two of zero");
    let mut depacketizer = Depacketizer::new(&narrow);
    depacketizer.push(&packet(&payload), 0).unwrap();
    assert_eq!((polled(&mut depacketizer), depacketizer.mode_request()), (vec![(1000, frame)], Some(6)));
    // A frame that is damaged (Q is zero), and one without data, aligned to bytes; nothing is asked for.
    let aligned = amr(&Format::amr(96, AmrPacking::OctetAligned));
    let mut depacketizer = Depacketizer::new(&aligned);
    let payload = [&[0xf0, 0x80 | 8 << 3, 15 << 3 | 4][..], &[0xaa; 5]].concat();
    depacketizer.push(&packet(&payload), 0).unwrap();
    let expected = vec![(1000, [&[8 << 3][..], &[0xaa; 4], &[0xaa]].concat()), (1160, vec![15 << 3 | 4])];
    let mut back = polled(&mut depacketizer);
    // The last bit of the 39 is padding.
    back[0].1[5] |= 0x02;
    assert_eq!((back, depacketizer.mode_request()), (expected, None));
}

#[test]
fn a_packet_of_gstreamer_is_read_and_written_alike() {
    // rtpamrpay, of a frame of 12.2 kbit/s: nothing is asked for; its marker is set on the first packet.
    let sent = "80e0536c0e8a88f0808cfd9ff03cf5b165224a58b791df6af1d8303e61cdc4bb86c3d1c427103c344c41eb2f10";
    let bytes: Vec<u8> =
        (0..sent.len() / 2).map(|at| u8::from_str_radix(&sent[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let packet = RtpPacket::parse(bytes.into()).unwrap();
    assert_eq!(packet.payload()[..2], [0xf0, 0x3c]);
    let aligned = amr(&Format::amr(96, AmrPacking::OctetAligned));
    let mut depacketizer = Depacketizer::new(&aligned);
    depacketizer.push(&packet, 0).unwrap();
    let units = polled(&mut depacketizer);
    assert_eq!((units.len(), units[0].0, units[0].1.len()), (1, packet.timestamp(), 32));
    let config = PacketizerConfig { ssrc: packet.ssrc(), first_sequence: packet.sequence(), ..CONFIG };
    let mut packetizer = Packetizer::new(config, &aligned);
    packetizer.packetize([&units[0].1[..]], packet.timestamp(), |again| assert_eq!(again, packet)).unwrap();
}

#[test]
fn the_marker_says_where_speech_begins() {
    let amr = amr(&Format::amr(96, AmrPacking::OctetAligned));
    let mut packetizer = Packetizer::new(CONFIG, &amr);
    let frames = frames(false);
    let (speech, silence, nothing) = (&frames[7], &frames[8], &frames[9]);
    let mut markers = Vec::new();
    for block in [speech, speech, silence, nothing, speech, speech] {
        packetizer.packetize([&block[..]], 0, |packet| markers.push(packet.marker())).unwrap();
    }
    assert_eq!(markers, [true, false, false, false, true, false]);
}

#[test]
fn a_loss_costs_the_frames_that_it_takes_and_no_others() {
    let amr = amr(&Format::amr_wb(96, AmrPacking::BandwidthEfficient));
    let frames = frames(true);
    let mut packetizer = Packetizer::new(CONFIG, &amr);
    let mut packets = Vec::new();
    for (at, frame) in (0..).zip(&frames[..10]) {
        packetizer.packetize([&frame[..]], at * 320, |packet| packets.push(packet)).unwrap();
    }
    for from in 0..packets.len() {
        for to in from..=packets.len() {
            let mut depacketizer = Depacketizer::new(&amr);
            let mut back = Vec::new();
            for (at, packet) in packets.iter().enumerate().filter(|(at, _)| !(from..to).contains(at)) {
                let lost = if at == to { to - from } else { 0 };
                depacketizer.push(packet, lost as u16).unwrap();
                back.extend(polled(&mut depacketizer));
            }
            let expected: Vec<_> = (0..10)
                .filter(|at| !(from..to).contains(at))
                .map(|at| (at as u32 * 320, frames[at].clone()))
                .collect();
            assert_eq!(back, expected, "lost {from}..{to}");
        }
    }
}

#[test]
fn what_is_cut_off_or_reserved_is_said() {
    let aligned = amr(&Format::amr(96, AmrPacking::OctetAligned));
    let mut depacketizer = Depacketizer::new(&aligned);
    let whole = [&[0xf0, 0x80 | 4, 4][..], &[1; 24]].concat();
    for cut in 0..whole.len() {
        let expected = match cut {
            0 => PayloadError::Empty,
            1..3 => PayloadError::Truncated { needed: cut + 1, length: cut },
            _ => PayloadError::Truncated { needed: 27, length: cut },
        };
        assert_eq!(depacketizer.push(&packet(&whole[..cut]), 0), Err(expected));
        assert_eq!(polled(&mut depacketizer).len(), usize::from(cut >= 15), "after {cut} bytes");
    }
    for reserved in 9..15 {
        let result = depacketizer.push(&packet(&[0xf0, reserved << 3 | 4]), 0);
        assert_eq!(result, Err(PayloadError::Malformed("a reserved frame type of AMR")));
    }
    let many = [vec![0xf0], vec![0x80 | 15 << 3; 513], vec![15 << 3]].concat();
    assert_eq!(depacketizer.push(&packet(&many), 0), Err(PayloadError::TooManyParts));
    let stereo = amr(&Format::amr(96, AmrPacking::OctetAligned).with_channels(2));
    let mut depacketizer = Depacketizer::new(&stereo);
    let odd = [0xf0, 0x80 | 15 << 3, 0x80 | 15 << 3, 15 << 3];
    let result = depacketizer.push(&packet(&odd), 0);
    assert_eq!(result, Err(PayloadError::Malformed("the frames of some channels are missing")));
    assert_eq!(polled(&mut depacketizer), [(1000, vec![15 << 3; 2])]);
    for _ in 0..16 {
        depacketizer.push(&packet(&[0xf0, 0x80 | 15 << 3, 15 << 3]), 0).unwrap();
    }
    assert_eq!(depacketizer.push(&packet(&[0xf0, 0x80 | 15 << 3, 15 << 3]), 0), Err(PayloadError::Unpolled));
}

#[test]
fn what_cannot_be_sent_is_left_out_and_its_time_passes() {
    let small = PacketizerConfig { packet_bytes_max: 64, ..CONFIG };
    let mut packetizer = Packetizer::new(small, &amr(&Format::amr_wb(96, AmrPacking::OctetAligned)));
    let frames = frames(true);
    let mut timestamps = Vec::new();
    let parts = [&frames[0][..], &frames[8], &frames[1], &frames[1][..9], &[10 << 3], &frames[2]];
    let result = packetizer.packetize(parts, 0, |packet| timestamps.push(packet.timestamp()));
    assert_eq!(result, Err(PacketizeError::Malformed("no whole frame-block of AMR")));
    assert_eq!((timestamps, packetizer.next_sequence()), (vec![0, 640, 1600], 65_533));
    let result = packetizer.packetize([&frames[8][..]], 0, |_| panic!("nothing is sent"));
    assert_eq!(result, Err(PacketizeError::TooLong { length: 61, most: 52 }));
}

#[test]
fn what_is_not_read_is_refused_and_the_rest_is_told() {
    for (parameter, reason) in [
        ("interleaving=4", "frames that are interleaved (interleaving)"),
        ("robust-sorting=1", "bits that are sorted (robust-sorting)"),
        ("crc=1; octet-align=1", "frames with checksums (crc)"),
    ] {
        let format = Format::new(96, "AMR", 8_000).with_fmtp(parameter);
        assert_eq!(amr(&format).packing, AmrPacking::OctetAligned, "{parameter}");
        assert_eq!(payload::Depacketizer::new(&format).unwrap_err().reason(), reason);
        assert_eq!(payload::Packetizer::new(&format, CONFIG).unwrap_err().reason(), reason);
    }
    let stereo = Format::amr_wb(96, AmrPacking::OctetAligned).with_channels(2);
    let parameters = ParameterWatch::new(&stereo).parameters();
    assert_eq!(parameters.codec.as_deref(), Some("sawb"));
    assert_eq!(parameters.audio, Some(AudioParameters::new(16_000, 2)));
}
