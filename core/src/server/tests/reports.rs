//! Sender reports for readers, and those of publishers; receiver reports for publishers.

use std::time::Duration;

use bytes::Bytes;

use super::scenario::{SDP, Scenario, session_of, status};
use crate::limits::{RECEIVER_REPORT_PERIOD, SENDER_REPORT_PERIOD, SOURCES_MAX};
use crate::rtp::rtcp::{self, Rtcp, SenderReport};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{Event, ServerConfig};
use crate::{ConnId, NtpTime, Tolerances};

const SLICE: &[u8] = &[0x41, 1, 2, 3];
const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";

/// Plays the first track of a path.
fn play(scenario: &mut Scenario, conn: ConnId, path: &str) {
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/{path}/trackID=0|{TCP}"));
    let played = scenario.request(conn, &format!("PLAY rtsp://h/{path}|Session: {}", session_of(&setup)));
    assert_eq!(status(&played), 200);
}

/// A publisher at `/live` that records, and a reader of it.
fn record_and_play(scenario: &mut Scenario) -> (ConnId, ConnId) {
    let publisher = scenario.connect();
    let sdp = SDP.split_inclusive("m=").take(2).collect::<String>();
    scenario.post(
        publisher,
        "ANNOUNCE rtsp://h/live|Content-Type: application/sdp",
        sdp.trim_end_matches("m="),
    );
    assert_eq!(status(&scenario.response(publisher)), 200);
    let setup = scenario.request(publisher, &format!("SETUP rtsp://h/live/streamid=0|{TCP};mode=record"));
    let record = format!("RECORD rtsp://h/live|Session: {}", session_of(&setup));
    assert_eq!(status(&scenario.request(publisher, &record)), 200);
    let reader = scenario.connect();
    play(scenario, reader, "live");
    (publisher, reader)
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'$', channel, 0, u8::try_from(payload.len()).unwrap()];
    frame.extend_from_slice(payload);
    frame
}

fn report_frame(ssrc: u32, ntp: NtpTime, rtp: u32) -> Vec<u8> {
    let report = SenderReport { ssrc, ntp, rtp, ..SenderReport::default() };
    frame(1, &rtcp::sender_report_compound(&report, "camera"))
}

/// The sender reports among frames, on channel 1.
fn reports(frames: &[(u8, Bytes)]) -> Vec<SenderReport> {
    let mut tolerances = Tolerances::NONE;
    let packets = frames
        .iter()
        .filter(|(channel, _)| *channel == 1)
        .flat_map(|(_, data)| rtcp::parse(data, &mut tolerances).collect::<Vec<_>>());
    let sent = packets.filter_map(|packet| match packet {
        Rtcp::SenderReport(report) => Some(report),
        _ => None,
    });
    sent.collect()
}

/// The SSRCs of the packets on channel 0, and those of the reports on channel 1 below zero.
fn sources(frames: &[(u8, Bytes)]) -> Vec<i64> {
    let source = |frame: &(u8, Bytes)| match frame {
        (0, data) => Some(i64::from(RtpPacket::parse(data.clone()).unwrap().ssrc())),
        _ => reports(std::slice::from_ref(frame)).first().map(|report| -i64::from(report.ssrc)),
    };
    frames.iter().filter_map(source).collect()
}

fn of_source(ssrc: u32, sequence: u16) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, ssrc, sequence, ..RtpHeader::default() }, SLICE)
}

#[test]
fn each_source_is_reported_right_behind_its_first_packet_and_then_with_the_others() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    play(&mut scenario, conn, "cam");
    assert_eq!(sources(&scenario.frames(conn)), []);
    for (ssrc, expected) in [(1, &[1, -1][..]), (2, &[2, -2]), (1, &[1]), (2, &[2])] {
        scenario.push(stream, 0, of_source(ssrc, 7));
        assert_eq!(sources(&scenario.frames(conn)), expected);
    }
    scenario.advance(SENDER_REPORT_PERIOD);
    assert_eq!(sources(&scenario.frames(conn)), [-1, -2]);
}

#[test]
fn a_source_over_the_bound_is_reported_with_the_others_only() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    play(&mut scenario, conn, "cam");
    let last = SOURCES_MAX as u32 + 1;
    for ssrc in 1..=last {
        scenario.push(stream, 0, of_source(ssrc, 7));
        let expected = [i64::from(ssrc), -i64::from(ssrc)];
        assert_eq!(sources(&scenario.frames(conn)), expected[..if ssrc == last { 1 } else { 2 }]);
    }
    scenario.advance(SENDER_REPORT_PERIOD);
    let mut reported = sources(&scenario.frames(conn));
    reported.sort_unstable();
    assert_eq!(reported, (2..=last).rev().map(|ssrc| -i64::from(ssrc)).collect::<Vec<_>>());
    scenario.server.remove_stream(scenario.now, stream);
    assert_eq!(scenario.frames(conn).len(), SOURCES_MAX, "each is said goodbye");
}

#[test]
fn the_publishers_sender_reports_move_the_clock_of_their_own_source_for_readers() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (publisher, reader) = record_and_play(&mut scenario);
    let theirs = NtpTime::from_unix(Duration::from_secs(5_000));
    for ssrc in [0x1234, 0x5678] {
        scenario.send(publisher, &frame(0, of_source(ssrc, 7).as_bytes()));
    }
    scenario.frames(reader);
    for (ssrc, rtp) in [(0x1234, 90_000), (0x5678, 180_000), (0x9999, 5_000_000)] {
        scenario.send(publisher, &report_frame(ssrc, theirs, rtp));
    }
    scenario.advance(SENDER_REPORT_PERIOD);
    let told: Vec<_> = reports(&scenario.frames(reader)).iter().map(|it| (it.ssrc, it.ntp, it.rtp)).collect();
    let wall = theirs + SENDER_REPORT_PERIOD;
    assert_eq!(told, [(0x1234, wall, 90_000 + 450_000), (0x5678, wall, 180_000 + 450_000)]);
}

#[test]
fn a_publisher_is_sent_a_receiver_report_in_each_period() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (publisher, _) = record_and_play(&mut scenario);
    for period in 0..4 {
        scenario.send(publisher, &frame(0, of_source(0x1234, period).as_bytes()));
        scenario.advance(RECEIVER_REPORT_PERIOD);
        assert_eq!(scenario.frames(publisher).len(), 1, "period {period}");
    }
}

#[test]
fn a_report_that_contradicts_and_a_source_that_begins_anew_are_told_of() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (publisher, reader) = record_and_play(&mut scenario);
    let theirs = NtpTime::from_unix(Duration::from_secs(5_000));
    scenario.send(publisher, &frame(0, of_source(0x1234, 7).as_bytes()));
    for rtp in [90_000, 5_000_000] {
        scenario.send(publisher, &report_frame(0x1234, theirs, rtp));
    }
    scenario.advance(SENDER_REPORT_PERIOD);
    assert_eq!(reports(&scenario.frames(reader)).last().unwrap().rtp, 90_000 + 450_000);
    scenario.send(publisher, &frame(0, of_source(0x1234, 30_000).as_bytes()));
    let told = scenario.events.iter().filter_map(|event| match event {
        Event::SourceDoubted { media, doubts, .. } => Some((*media, doubts.reports_refused, doubts.restarts)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(0, 1, 0), (0, 1, 1)]);
}
