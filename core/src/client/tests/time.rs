//! The time of what is received.

use std::time::Duration;

use super::scenario::Scenario;
use crate::client::{Reply, Transports};
use crate::rtp::rtcp::{self, SenderReport};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::timeline::{MediaTime, WallSource};
use crate::{NtpTime, Tolerance};

const SECOND: i64 = 1_000_000_000;

/// A client that plays picture and sound over TCP, and what the server says of where they start.
fn playing(answer: &str) -> Scenario {
    let mut it = Scenario::described(Transports::Tcp);
    for media in 0..2 {
        it.client.setup(it.now, media).unwrap();
        it.expect_method("SETUP");
        let channels = format!("{}-{}", 2 * media, 2 * media + 1);
        it.answer(&format!("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved={channels}"));
        assert!(matches!(it.done(), Reply::Setup(_)));
    }
    play(&mut it, answer);
    it
}

fn play(it: &mut Scenario, answer: &str) {
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer(&format!("200 OK | {answer}"));
    assert!(matches!(it.done(), Reply::Playing(_)));
}

/// RTP-Info in which these are the timestamps of the start.
fn rtp_info(video: u32, sound: u32) -> String {
    let url = "rtsp://192.0.2.1/cam?q=1";
    format!("RTP-Info: url={url}/trackID=0;rtptime={video},url={url}/trackID=1;rtptime={sound}")
}

/// The time of a packet of a media that comes now.
fn receive(it: &mut Scenario, media: usize, sequence: u16, timestamp: u32) -> MediaTime {
    let payload_type = if media == 0 { 96 } else { 0 };
    let header = RtpHeader { payload_type, sequence, timestamp, ssrc: 7 + media as u32, marker: true };
    it.frame(2 * media as u8, RtpPacket::build(header, b"payload").as_bytes());
    let received = it.client.poll_packet().unwrap();
    assert_eq!(received.media, media);
    received.time
}

fn report(it: &mut Scenario, media: usize, ntp: NtpTime, rtp: u32) {
    let report = SenderReport { ssrc: 7 + media as u32, ntp, rtp, ..SenderReport::default() };
    it.frame(2 * media as u8 + 1, &rtcp::sender_report_compound(&report, "camera"));
}

#[test]
fn picture_and_sound_begin_as_rtp_info_says() {
    let mut it = playing(&rtp_info(9000, 800));
    assert_eq!(receive(&mut it, 0, 1, 9000).pts, 0);
    it.advance(Duration::from_millis(70));
    assert_eq!(receive(&mut it, 1, 1, 800 + 1600).pts, SECOND / 5);
    assert!(!it.client.tolerances().contains(Tolerance::UnbelievableRtptime));
}

#[test]
fn a_timestamp_in_rtp_info_that_is_far_from_the_packets_is_not_believed() {
    // Cameras write the timestamps of what was played before.
    let mut it = playing(&rtp_info(4_000_000_000, 800));
    assert_eq!(receive(&mut it, 0, 1, 9000).pts, 0);
    it.advance(Duration::from_millis(70));
    assert_eq!(receive(&mut it, 1, 1, 800 + 1600).pts, 70_000_000, "by arrival");
    assert!(it.client.tolerances().contains(Tolerance::UnbelievableRtptime));
}

#[test]
fn sender_reports_bring_picture_and_sound_together_over_tcp() {
    let mut it = playing("Session: 1");
    receive(&mut it, 0, 1, 0);
    it.advance(Duration::from_millis(150));
    assert_eq!(receive(&mut it, 1, 1, 0).pts, 150_000_000);
    // By the camera's clock they belong together.
    let noon = NtpTime::from_unix(Duration::from_secs(1_366_024_517));
    report(&mut it, 0, noon, 0);
    report(&mut it, 1, noon, 0);
    let times = [receive(&mut it, 0, 2, 90_000), receive(&mut it, 1, 2, 8000)];
    assert_eq!(times.map(|time| time.pts), [SECOND + 150_000_000; 2]);
    assert_eq!(times.map(|time| time.reported_ntp()), [Some(noon + Duration::from_secs(1)); 2]);
}

#[test]
fn without_a_sender_report_the_wall_clock_time_is_that_of_the_range_or_of_the_arrival() {
    // As the clock of the client shows it.
    let start = NtpTime::from_unix(Duration::from_secs(1_000_000_000));
    let mut it = playing("Session: 1");
    it.advance(Duration::from_secs(2));
    let wall = receive(&mut it, 0, 1, 0).wall().unwrap();
    assert_eq!((wall.source, wall.ntp), (WallSource::Arrival, start + Duration::from_secs(2)));
    let mut it = playing(&format!("Range: clock=20130415T111517Z- | {}", rtp_info(0, 0)));
    let wall = receive(&mut it, 0, 1, 45_000).wall().unwrap();
    let noon = NtpTime::from_unix(Duration::from_secs(1_366_024_517));
    assert_eq!((wall.source, wall.ntp), (WallSource::RtpInfo, noon + Duration::from_millis(500)));
    let mut it = playing(&format!("Range: clock=0- | {}", rtp_info(0, 0)));
    assert_eq!(receive(&mut it, 0, 1, 0).wall().unwrap().source, WallSource::Arrival);
}

#[test]
fn a_client_goes_on_with_the_time_line_of_one_before_it() {
    let mut before = playing("Session: 1");
    receive(&mut before, 0, 1, 0);
    before.advance(Duration::from_secs(1));
    assert_eq!(receive(&mut before, 0, 2, 90_000).pts, SECOND);
    let mut it = playing("Session: 1");
    it.client.continue_timeline(before.client.timeline().clone());
    it.advance(Duration::from_secs(8));
    // The camera has begun anew with the same SSRC.
    let time = receive(&mut it, 0, 1, 100_000);
    assert_eq!((time.pts, time.begins_anew), (8 * SECOND, true));
    assert_eq!(it.client.timeline().stats().restarts, 1);
}

#[test]
fn the_time_line_goes_on_behind_a_pause_from_wherever_the_server_plays() {
    let mut it = playing(&rtp_info(0, 0));
    receive(&mut it, 0, 1, 0);
    receive(&mut it, 1, 1, 0);
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Paused));
    it.advance(Duration::from_secs(3));
    play(&mut it, &rtp_info(5_000_000, 77_000));
    let video = receive(&mut it, 0, 9, 5_000_000);
    assert_eq!((video.pts, video.begins_anew), (3 * SECOND, true));
    let sound = receive(&mut it, 1, 9, 77_000 + 4000);
    assert_eq!((sound.pts, sound.begins_anew), (3 * SECOND + SECOND / 2, true));
    assert!(!receive(&mut it, 1, 10, 77_000 + 4160).begins_anew);
}
