use super::*;
use crate::limits::{PARAMETER_SET_BYTES_MAX, PARAMETER_SETS_MAX};

/// Baseline of level 3.0, and main of level 4.0; both have id 0.
const SPS_30: &[u8] = &[0x67, 0x42, 0x00, 0x1e, 0x95, 0xa0];
const SPS_40: &[u8] = &[0x67, 0x4d, 0x00, 0x28, 0x95, 0xa8];
const PPS_0: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const PPS_0_AGAIN: &[u8] = &[0x68, 0xee, 0x3c, 0x80];
const PPS_1: &[u8] = &[0x68, 0x53, 0x8f, 0x20];

fn aggregate(header: &[u8], nals: &[&[u8]]) -> Vec<u8> {
    let mut payload = header.to_vec();
    for nal in nals {
        payload.extend((nal.len() as u16).to_be_bytes());
        payload.extend(*nal);
    }
    payload
}

/// The parameters that a description tells of the first media once these packets have come; `None` if they are as announced.
fn told(announced: Format, payloads: &[&[u8]]) -> Option<String> {
    let video = MediaSection::new(MediaKind::Video, vec![announced.clone()]);
    let mut log = StreamLog::new(&Description::new(vec![video]), LogLimits::default());
    for payload in payloads {
        log.push(now(0), VIDEO, packet(VIDEO, 0, 0, payload));
    }
    let (track, payload_type, sets) = log.new_parameter_sets().pop()?;
    assert_eq!((track, payload_type), (VIDEO, 96));
    sets.tell(announced).fmtp.map(String::from)
}

fn h264() -> Format {
    Format::h264(96, SPS_30, PPS_0)
}

#[test]
fn parameter_sets_that_came_take_the_place_of_those_announced() {
    let new = Some(
        "packetization-mode=1; sprop-parameter-sets=Z00AKJWo,aM48gA==; profile-level-id=4D0028".to_owned(),
    );
    assert_eq!(told(h264(), &[]), None);
    assert_eq!(told(h264(), &[SPS_30, PPS_0, IDR]), None, "the same");
    assert_eq!(told(h264(), &[SPS_40, PPS_0, IDR]), new);
    assert_eq!(told(h264(), &[&aggregate(&[0x78], &[&[9, 0xf0], SPS_40, PPS_0, IDR])]), new);
    assert_eq!(told(h264(), &[&[&[0, 0, 0, 1], SPS_40, &[0, 0, 1], PPS_0].concat()]), new);
    assert_eq!(told(h264(), &[&[SPS_40, &[0, 0]].concat()]), new, "zeros behind it are no part of it");
    assert_eq!(told(h264(), &[SPS_40, SPS_30, SPS_40]), new, "the last counts");
}

#[test]
fn parameter_sets_are_learned_where_none_are_announced() {
    let bare = || Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1; x-vendor=7");
    assert_eq!(told(bare(), &[SPS_40]), None, "an SPS alone starts no decoder");
    assert_eq!(
        told(bare(), &[SPS_40, PPS_0]).unwrap(),
        "packetization-mode=1; x-vendor=7; sprop-parameter-sets=Z00AKJWo,aM48gA==; profile-level-id=4D0028"
    );
    let nothing = Format::new(96, "H264", 90_000);
    assert!(told(nothing, &[SPS_40, PPS_0]).unwrap().starts_with("sprop-parameter-sets=Z00AKJWo,aM48gA=="));
}

#[test]
fn parameter_sets_of_several_ids_are_told_together_and_the_newest_first() {
    let sets = |payloads: &[&[u8]]| {
        let fmtp = told(h264(), payloads).unwrap();
        fmtp.split("sprop-parameter-sets=").nth(1).unwrap().split(';').next().unwrap().to_owned()
    };
    assert_eq!(sets(&[PPS_1]), "Z0IAHpWg,aFOPIA==,aM48gA==");
    assert_eq!(sets(&[PPS_1, PPS_0_AGAIN]), "Z0IAHpWg,aO48gA==,aFOPIA==");
}

#[test]
fn the_sets_of_h265_are_learned_with_profile_and_level_where_those_are_told() {
    const VPS: &[u8] = &[0x40, 1, 0x0c, 1];
    const SPS_265: &[u8] =
        &[0x42, 1, 1, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x5d, 0xa0, 0x02, 0x80];
    const PPS_265: &[u8] = &[0x44, 1, 0xc1, 0x72];
    let bare = || Format::new(96, "H265", 90_000).with_fmtp("level-id=120; profile-id=2; tx-mode=SRST");
    assert_eq!(told(bare(), &[VPS, SPS_265]), None, "without a PPS it is of no use");
    let sets = "sprop-vps=QAEMAQ==; sprop-sps=QgEBAWAAAAMAkAAAAwAAAwBdoAKA; sprop-pps=RAHBcg==";
    let told_265 = format!("tx-mode=SRST; {sets}; profile-id=1; level-id=93");
    assert_eq!(told(bare(), &[VPS, SPS_265, PPS_265]), Some(told_265.clone()));
    assert_eq!(told(bare(), &[&aggregate(&[0x60, 1], &[VPS, SPS_265, PPS_265])]), Some(told_265));
    let announced = Format::h265(96, VPS, SPS_265, PPS_265);
    assert_eq!(told(announced.clone(), &[VPS, SPS_265, PPS_265]), None);
    let other = &[0x44, 1, 0xc1, 0x73];
    assert!(told(announced, &[other]).unwrap().ends_with("sprop-pps=RAHBcw=="));
}

/// The headers of MPEG-4 video of 64 x 48 and of 32 x 32 by FFmpeg.
const MPEG4_64: &[u8] =
    b"\0\0\x01\xb0\xf1\0\0\x01\xb5\xa9\x13\0\0\x01\0\0\0\x01\x20\x08\xd4\x8d\x08\0\xcd\x02\x04\x06\x14\x10\x3f";
const MPEG4_32: &[u8] =
    b"\0\0\x01\xb0\x01\0\0\x01\xb5\xa9\x13\0\0\x01\0\0\0\x01\x20\x08\xd4\x8d\x08\0\xcd\x01\x04\x04\x14\x10\x3f";

#[test]
fn the_headers_of_mpeg4_that_came_take_the_place_of_those_announced() {
    const INTRA: &[u8] = b"\0\0\x01\xb6\x10\x60";
    const INTER: &[u8] = b"\0\0\x01\xb6\x51\x04";
    let config = |headers: &[u8], level: u8| {
        let hex: String = headers.iter().map(|byte| format!("{byte:02X}")).collect();
        Some(format!("profile-level-id={level}; config={hex}"))
    };
    let announced = || Format::mpeg4_video(96, MPEG4_64);
    assert_eq!(told(announced(), &[&[MPEG4_64, INTRA].concat()]), None, "the same");
    assert_eq!(told(announced(), &[INTRA, INTER]), None, "there are none");
    assert_eq!(told(announced(), &[&[MPEG4_32, INTRA].concat(), INTER]), config(MPEG4_32, 1));
    assert_eq!(told(announced(), &[MPEG4_32, INTRA]), config(MPEG4_32, 1), "in a packet of their own");
    let bare = Format::new(96, "MP4V-ES", 90_000);
    assert_eq!(told(bare, &[&[MPEG4_64, b"\0\0\x01\xb3\0\x10\x07", INTRA].concat()]), config(MPEG4_64, 0xf1));
    for cut in 20..MPEG4_32.len() - 3 {
        assert_eq!(told(announced(), &[&MPEG4_32[..cut]]), None, "{cut} bytes are no header");
    }
}

#[test]
fn parameter_sets_beyond_the_bounds_are_left_out_or_take_the_place_of_the_oldest() {
    let long = |len: usize| [PPS_1, &*vec![0x11; len - PPS_1.len()]].concat();
    assert!(told(h264(), &[&long(PARAMETER_SET_BYTES_MAX)]).is_some());
    assert_eq!(told(h264(), &[&long(PARAMETER_SET_BYTES_MAX + 1)]), None);

    // Ids from 7 on are written as `0001xxx`. The SPS comes last, so that it is not the oldest.
    let pps = |id: u8| vec![0x68, ((id + 1) << 1) | 1, 0x80];
    let count = |sets: usize| {
        let many: Vec<Vec<u8>> = (7..7 + sets as u8).map(pps).collect();
        let mut payloads: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
        payloads.push(SPS_40);
        told(h264(), &payloads).unwrap().matches(',').count() + 1
    };
    assert_eq!(count(PARAMETER_SETS_MAX - 2), PARAMETER_SETS_MAX);
    assert_eq!(count(PARAMETER_SETS_MAX - 1), PARAMETER_SETS_MAX);
}

#[test]
fn fragments_and_garbage_are_not_taken_for_parameter_sets() {
    for payload in [&[0x7c, 0x87, 0x4d, 0, 0x28, 0x95][..], &[0x67], &[0x68], &[0x67, 1, 2, 3, 0], &[0x68, 0]]
    {
        assert_eq!(told(h264(), &[payload]), None, "{payload:02x?}");
    }
}
