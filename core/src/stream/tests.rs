mod access;
mod parameter_sets;

use std::time::Duration;

use super::*;
use crate::description::{Description, Format, Media as MediaSection, MediaKind};
use crate::rtp::rtcp::{self, Rtcp};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::timeline::{Timeline, TimelineStats};
use crate::{Instant, NtpTime, Tolerances};

const VIDEO: u8 = 0;
const AUDIO: u8 = 1;
const VIDEO_SSRC: u32 = 0x1000;
const AUDIO_SSRC: u32 = 0x1001;
const SPS: &[u8] = &[0x67, 0x42];
const PPS: &[u8] = &[0x68, 0xce];
const IDR: &[u8] = &[0x65, 0x88];
const SLICE: &[u8] = &[0x41, 0x9a];

fn description() -> Description {
    let video = MediaSection::new(MediaKind::Video, vec![Format::h264(96, SPS, PPS)]);
    Description::new(vec![video, MediaSection::new(MediaKind::Audio, vec![Format::pcmu()])])
}

fn log(limits: LogLimits) -> StreamLog {
    StreamLog::new(&description(), limits)
}

fn packet(track: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> RtpPacket {
    let payload_type = if track == VIDEO { 96 } else { 0 };
    let ssrc = if track == VIDEO { VIDEO_SSRC } else { AUDIO_SSRC };
    RtpPacket::build(RtpHeader { payload_type, marker: false, sequence, timestamp, ssrc }, payload)
}

fn now(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

/// Two groups of pictures, each SPS, IDR in two packets, a slice, and a sound between.
fn filled() -> StreamLog {
    let mut log = log(LogLimits::default());
    let mut sequence = 10;
    for group in 0..2_u32 {
        for (ticks, payload) in [(0, SPS), (0, IDR), (0, IDR), (3000, SLICE)] {
            assert!(log.push(now(0), VIDEO, packet(VIDEO, sequence, group * 6000 + ticks, payload)));
            sequence += 1;
        }
        assert!(log.push(now(0), AUDIO, packet(AUDIO, 70 + group as u16, 160 * group, b"sound")));
    }
    log
}

fn drain(cursor: &mut Cursor, log: &StreamLog) -> Vec<(u8, u16)> {
    let mut packets = Vec::new();
    while let Some(packet) = cursor.pull(log).unwrap() {
        packets.push((packet.track, packet.rtp.sequence()));
    }
    packets
}

#[test]
fn a_live_reader_starts_at_the_newest_picture() {
    let log = filled();
    let mut cursor = Cursor::new(&log, StartAt::Live, LagPolicy::default(), TrackSet::ALL);
    assert_eq!(drain(&mut cursor, &log), [(VIDEO, 17), (AUDIO, 71)]);
}

#[test]
fn a_reader_from_the_keyframe_starts_at_its_parameter_sets() {
    let log = filled();
    let mut cursor = Cursor::new(&log, StartAt::Keyframe, LagPolicy::default(), TrackSet::ALL);
    assert_eq!(drain(&mut cursor, &log), [(VIDEO, 14), (VIDEO, 15), (VIDEO, 16), (VIDEO, 17), (AUDIO, 71)]);
}

#[test]
fn a_reader_gets_only_the_tracks_it_has_set_up() {
    let log = filled();
    let audio = TrackSet::from_iter([AUDIO]);
    let mut cursor = Cursor::new(&log, StartAt::Keyframe, LagPolicy::default(), audio);
    assert_eq!(drain(&mut cursor, &log), [(AUDIO, 71)]);
}

#[test]
fn the_position_is_that_of_the_first_packet_that_follows() {
    let log = filled();
    let keyframe = log.access_point(TrackSet::ALL).unwrap();
    assert_eq!(log.position(VIDEO, keyframe), Some((14, 6000)));
    assert_eq!(log.position(AUDIO, keyframe), Some((71, 160)));
    // At the head the track is expected to go on as it did.
    assert_eq!(log.position(VIDEO, log.head()), Some((18, 12000)));
    assert_eq!(log.position(AUDIO, log.head()), Some((72, 320)));
    assert_eq!(log.position(7, keyframe), None);
    assert_eq!(StreamLog::new(&description(), LogLimits::default()).position(VIDEO, 0), None);
}

#[test]
fn the_log_keeps_no_more_packets_than_its_limit() {
    let mut log = log(LogLimits::default().packets(3));
    for sequence in 0..10 {
        log.push(now(0), VIDEO, packet(VIDEO, sequence, 0, SLICE));
    }
    assert_eq!((log.tail(), log.head()), (7, 10));
    assert!(log.get(6).is_none());
    assert_eq!(log.get(7).unwrap().rtp.sequence(), 7);
    assert!(log.get(10).is_none());
}

#[test]
fn the_log_keeps_no_more_bytes_than_its_limit_but_always_the_newest_packet() {
    let len = packet(VIDEO, 0, 0, SLICE).len();
    let mut log = log(LogLimits::default().bytes(2 * len));
    for sequence in 0..5 {
        log.push(now(0), VIDEO, packet(VIDEO, sequence, 0, SLICE));
    }
    assert_eq!(log.head() - log.tail(), 2);
    log.push(now(0), VIDEO, packet(VIDEO, 5, 0, &[0; 100]));
    assert_eq!(log.head() - log.tail(), 1);
}

#[test]
fn packets_of_no_track_and_of_a_closed_log_are_left_out() {
    let mut log = log(LogLimits::default());
    assert!(!log.push(now(0), 2, packet(VIDEO, 0, 0, SLICE)));
    log.close();
    assert!(!log.push(now(0), VIDEO, packet(VIDEO, 0, 0, SLICE)));
    assert_eq!(log.head(), 0);
}

/// A reader at zero of a log of three packets that has seen `count` slices and then a keyframe.
fn overtaken(lag: LagPolicy, keyframe_at: Option<u16>) -> (StreamLog, Cursor) {
    let mut log = log(LogLimits::default().packets(3));
    let cursor = Cursor::new(&log, StartAt::Live, lag, TrackSet::ALL);
    for sequence in 0..10 {
        let payload = if keyframe_at == Some(sequence) { IDR } else { SLICE };
        log.push(now(0), VIDEO, packet(VIDEO, sequence, u32::from(sequence) * 3000, payload));
    }
    (log, cursor)
}

#[test]
fn an_overtaken_reader_goes_on_at_the_newest_keyframe() {
    let (log, mut cursor) = overtaken(LagPolicy::SkipToKeyframe, Some(8));
    assert_eq!(drain(&mut cursor, &log), [(VIDEO, 8), (VIDEO, 9)]);
    assert_eq!((cursor.take_dropped(), cursor.take_dropped()), (8, 0));
}

#[test]
fn an_overtaken_reader_waits_for_a_keyframe_if_none_is_kept() {
    let (mut log, mut cursor) = overtaken(LagPolicy::SkipToKeyframe, Some(2));
    assert_eq!(drain(&mut cursor, &log), []);
    log.push(now(0), VIDEO, packet(VIDEO, 10, 30000, SLICE));
    assert_eq!(drain(&mut cursor, &log), []);
    log.push(now(0), VIDEO, packet(VIDEO, 11, 33000, IDR));
    assert_eq!(drain(&mut cursor, &log), [(VIDEO, 11)]);
    assert_eq!(cursor.take_dropped(), 11);
}

#[test]
fn an_overtaken_reader_of_sound_alone_does_not_wait_for_a_picture() {
    let mut log = log(LogLimits::default().packets(3));
    let audio = TrackSet::from_iter([AUDIO]);
    let mut cursor = Cursor::new(&log, StartAt::Live, LagPolicy::SkipToKeyframe, audio);
    for sequence in 0..10 {
        log.push(now(0), AUDIO, packet(AUDIO, sequence, u32::from(sequence) * 160, b"sound"));
    }
    assert_eq!(drain(&mut cursor, &log), []);
    log.push(now(0), AUDIO, packet(AUDIO, 10, 1600, b"sound"));
    assert_eq!(drain(&mut cursor, &log), [(AUDIO, 10)]);
}

#[test]
fn an_overtaken_reader_may_go_on_live_or_be_closed() {
    let (log, mut cursor) = overtaken(LagPolicy::SkipToLive, None);
    assert_eq!(drain(&mut cursor, &log), [(VIDEO, 9)]);
    assert_eq!(cursor.take_dropped(), 9);
    let (log, mut cursor) = overtaken(LagPolicy::Disconnect, None);
    assert_eq!(cursor.pull(&log).unwrap_err(), Overtaken { missed: 7 });
}

fn reported(report: &[u8]) -> (NtpTime, u32, u32) {
    let mut tolerances = Tolerances::NONE;
    let mut parsed = rtcp::parse(report, &mut tolerances);
    match parsed.next() {
        Some(Rtcp::SenderReport(report)) => (report.ntp, report.rtp, report.packets),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sender_reports_map_media_time_to_the_wall_clock_of_the_server() {
    let mut log = log(LogLimits::default());
    assert_eq!(log.sender_report(VIDEO, VIDEO_SSRC, now(0), "cname"), None);
    let wall = NtpTime::from_unix(Duration::from_secs(1_000_000));
    log.set_wall_clock(now(0), wall);
    assert_eq!(log.sender_report(VIDEO, VIDEO_SSRC, now(0), "cname"), None);
    log.push(now(1000), VIDEO, packet(VIDEO, 0, 90_000, SLICE));
    let (ntp, rtp, packets) = reported(&log.sender_report(VIDEO, VIDEO_SSRC, now(3000), "cname").unwrap());
    assert_eq!((ntp, rtp, packets), (wall + Duration::from_secs(3), 270_000, 1));
}

#[test]
fn sender_reports_go_by_the_publishers_clock_once_it_is_known() {
    let mut log = log(LogLimits::default());
    log.set_wall_clock(now(0), NtpTime::from_unix(Duration::from_secs(1_000_000)));
    log.push(now(1000), VIDEO, packet(VIDEO, 0, 90_000, SLICE));
    log.push(now(1000), AUDIO, packet(AUDIO, 0, 8_000, b"sound"));
    let theirs = NtpTime::from_unix(Duration::from_secs(5_000));
    log.handle_media(
        now(2000),
        Media::Clock { track: VIDEO, ssrc: VIDEO_SSRC, ntp: NtpTime::default(), rtp: 1 },
    );
    log.handle_media(now(2000), Media::Clock { track: VIDEO, ssrc: VIDEO_SSRC, ntp: theirs, rtp: 100_000 });
    let later = theirs + Duration::from_secs(1);
    let (ntp, rtp, _) = reported(&log.sender_report(VIDEO, VIDEO_SSRC, now(3000), "cname").unwrap());
    assert_eq!((ntp, rtp), (later, 190_000));
    log.set_wall_clock(now(2500), NtpTime::from_unix(Duration::from_secs(1_000_003)));
    // The sound has no report of its own yet: its arrival counts, by the same clock.
    let (ntp, rtp, _) = reported(&log.sender_report(AUDIO, AUDIO_SSRC, now(3000), "cname").unwrap());
    assert_eq!((ntp, rtp), (later, 24_000));
}

#[test]
fn sender_reports_count_every_packet_of_their_source_and_no_other() {
    let mut log = log(LogLimits::default());
    log.set_wall_clock(now(0), NtpTime::from_unix(Duration::from_secs(1_000_000)));
    let of = |ssrc, sequence, timestamp| {
        let header = RtpHeader { payload_type: 96, marker: false, sequence, timestamp, ssrc };
        RtpPacket::build(header, SLICE)
    };
    for step in 0..3 {
        log.push(now(0), VIDEO, of(7, step, 0));
        log.push(now(0), VIDEO, of(8, step, 900_000));
    }
    log.push(now(0), VIDEO, of(8, 3, 900_000));
    let [one, other] =
        [7, 8].map(|ssrc| reported(&log.sender_report(VIDEO, ssrc, now(1000), "cname").unwrap()));
    assert_eq!((one.1, one.2), (90_000, 3));
    assert_eq!((other.1, other.2), (990_000, 4));
}

#[test]
fn each_reference_of_a_source_takes_the_place_of_the_one_before() {
    let mut log = log(LogLimits::default());
    log.push(now(0), VIDEO, packet(VIDEO, 0, 0, SLICE));
    let theirs = NtpTime::from_unix(Duration::from_secs(5_000));
    log.set_reference(now(0), VIDEO, VIDEO_SSRC, theirs, 0);
    // Their clock of media runs 100 units fast in ten seconds.
    log.set_reference(now(10_000), VIDEO, VIDEO_SSRC, theirs + Duration::from_secs(10), 900_100);
    let (ntp, rtp, _) = reported(&log.sender_report(VIDEO, VIDEO_SSRC, now(11_000), "cname").unwrap());
    assert_eq!((ntp, rtp), (theirs + Duration::from_secs(11), 990_100));
}

#[test]
fn packets_have_the_time_of_their_publisher_once_that_is_told_of_their_ssrc() {
    let mut log = log(LogLimits::default());
    for timestamp in [90_000, 180_000, 0] {
        log.push(now(0), VIDEO, packet(VIDEO, 0, timestamp, SLICE));
    }
    let times =
        |log: &StreamLog| log.packets_from(0).map(|packet| log.publishers_time(packet)).collect::<Vec<_>>();
    assert_eq!(times(&log), [None; 3]);
    let theirs = NtpTime::from_unix(Duration::from_secs(5_000));
    log.set_reference(now(0), VIDEO, 0x9999, theirs, 0);
    assert_eq!(times(&log), [None; 3]);
    log.set_reference(now(0), VIDEO, VIDEO_SSRC, theirs, 90_000);
    let second = Duration::from_secs(1);
    assert_eq!(times(&log), [theirs, theirs + second, theirs - second].map(Some));
}

#[test]
fn a_reader_that_is_far_behind_has_the_time_of_the_publisher_all_the_same() {
    let mut log = log(LogLimits::default());
    for second in 0..30 {
        log.push(now(u64::from(second) * 1000), VIDEO, packet(VIDEO, 0, second * 90_000, SLICE));
    }
    let theirs = NtpTime::from_unix(Duration::from_secs(5_000));
    log.set_reference(now(29_000), VIDEO, VIDEO_SSRC, theirs, 29 * 90_000);
    let mut timeline = Timeline::new();
    for (second, packet) in (0_u32..).zip(log.packets_from(0)) {
        let time = log.time_of(packet, &mut timeline);
        assert_eq!(time.pts, i64::from(second) * 1_000_000_000);
        assert_eq!(time.reported_ntp(), Some(theirs - Duration::from_secs((29 - second).into())));
    }
    assert_eq!(timeline.stats(), TimelineStats::default());
}

#[test]
fn a_reference_of_a_source_that_has_sent_no_packet_moves_no_clock() {
    let mut log = log(LogLimits::default());
    let wall = NtpTime::from_unix(Duration::from_secs(1_000_000));
    log.set_wall_clock(now(0), wall);
    log.push(now(0), VIDEO, packet(VIDEO, 0, 90_000, SLICE));
    log.set_reference(now(0), VIDEO, 0x9999, NtpTime::from_unix(Duration::from_secs(5_000)), 5_000_000);
    let (ntp, rtp, _) = reported(&log.sender_report(VIDEO, VIDEO_SSRC, now(1000), "cname").unwrap());
    assert_eq!((ntp, rtp), (wall + Duration::from_secs(1), 180_000));
}
