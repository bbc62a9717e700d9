use std::fs;

use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_std::{Format, Media, MediaKind, MediaTime};

use super::*;

/// The start of each NAL unit of a file (H.264, annex B).
const START_CODE: [u8; 4] = [0, 0, 0, 1];

const SPS: &[u8] = &[0x67, 0x64, 0, 0x28, 0xac];
const PPS: &[u8] = &[0x68, 0xee];
const IDR: &[u8] = &[0x65, 1];
const SLICE: &[u8] = &[0x41, 2];

/// Records one access unit after the other; the file, and how it ended.
fn record(name: &str, format: Format, units: &[&[&[u8]]]) -> (Vec<u8>, Result<u64, Failure>) {
    let path = std::env::temp_dir().join(format!("rtspan-{}-{name}.h264", std::process::id()));
    let url: Target = "rtsp://camera/main".parse().unwrap();
    let description = Description::new(vec![Media::new(MediaKind::Video, vec![format])]);
    let mut recording = Recording::create(&OutArgs::default(), &path, &url, &description, &[0]).unwrap();
    let mut sequence = 0;
    for (picture, unit) in (0..).zip(units) {
        for (at, nal) in unit.iter().enumerate() {
            let marker = at + 1 == unit.len();
            let header = RtpHeader { payload_type: 96, marker, sequence, timestamp: picture * 3000, ssrc: 1 };
            let packet = RtpPacket::build(header, nal);
            recording.take(&Received::new(0, packet, MediaTime::default())).unwrap();
            sequence += 1;
        }
    }
    let ended = recording.finish(&url);
    let written = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    (written, ended)
}

fn annex_b(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| START_CODE.iter().chain(*nal)).copied().collect()
}

fn without_sets() -> Format {
    Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1")
}

#[test]
fn a_recording_that_cannot_be_decoded_is_a_failure_that_says_what_is_missing() {
    let (written, ended) = record("none", without_sets(), &[&[IDR], &[SLICE], &[IDR]]);
    let said = ended.unwrap_err().to_string();
    assert!(said.contains("no SPS and no PPS"), "{said}");
    assert!(written.is_empty());
    let (_, ended) = record("half", without_sets(), &[&[SPS, IDR]]);
    let said = ended.unwrap_err().to_string();
    assert!(said.contains("no PPS") && !said.contains("no SPS"), "{said}");
}

#[test]
fn parameter_sets_of_the_description_stand_in_front_where_the_stream_has_none() {
    let (written, ended) = record("described", Format::h264(96, SPS, PPS), &[&[SLICE], &[IDR], &[SLICE]]);
    assert_eq!(ended.unwrap(), 2);
    assert_eq!(written, annex_b(&[SPS, PPS, IDR, SLICE]));
}

#[test]
fn parameter_sets_of_the_stream_are_stronger_than_those_of_the_description() {
    const OTHER: &[u8] = &[0x67, 0x42, 0, 0x1e, 0xab];
    let units: &[&[&[u8]]] = &[&[OTHER, PPS, IDR], &[IDR]];
    let (written, ended) = record("both", Format::h264(96, SPS, PPS), units);
    assert_eq!(ended.unwrap(), 2);
    assert_eq!(written, annex_b(&[OTHER, PPS, IDR, OTHER, PPS, IDR]));
}

#[test]
fn a_recording_begins_at_the_first_keyframe_that_can_be_decoded() {
    let (written, ended) = record("late", without_sets(), &[&[IDR], &[SLICE], &[SPS, PPS, IDR], &[SLICE]]);
    assert_eq!(ended.unwrap(), 2);
    assert_eq!(written, annex_b(&[SPS, PPS, IDR, SLICE]));
}
