//! Where and how fast is played, and going elsewhere.

use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::header::{Frames, NptTime, Range, Replay, SmpteRate, SmpteTime, UtcTime};
use crate::limits::{BYGONE_PACKETS_MAX, BYGONE_WAIT};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::timeline::{MediaTime, WallSource};
use crate::udp::Port;
use crate::{NtpTime, Tolerance};

const MINUTE: Duration = Duration::from_secs(60);

fn minute() -> Range {
    Range::from_npt(MINUTE)
}

/// The headers of the next request but those that every one has.
#[track_caller]
fn asked(it: &mut Scenario) -> String {
    let request = it.request();
    let parts = request
        .split(" | ")
        .filter(|part| !["CSeq", "User-Agent", "Session"].iter().any(|common| part.starts_with(common)));
    parts.collect::<Vec<_>>().join(" | ").replace(" rtsp://192.0.2.1/cam?q=1/", "")
}

fn receive(it: &mut Scenario, sequence: u16, timestamp: u32) -> MediaTime {
    let header = RtpHeader { payload_type: 96, sequence, timestamp, ssrc: 7, marker: true };
    it.frame(0, RtpPacket::build(header, b"payload").as_bytes());
    it.client.poll_packet().unwrap().time
}

#[test]
fn what_plays_is_paused_and_played_from_elsewhere_by_one_command() {
    let mut it = Scenario::playing_tcp();
    let command = it.client.seek(it.now, Playback::from(minute()).scale(2.0).speed(1.5)).unwrap();
    assert_eq!(asked(&mut it), "PAUSE");
    it.answer("200 OK");
    it.no_event();
    assert_eq!(asked(&mut it), "PLAY | Range: npt=60- | Scale: 2 | Speed: 1.5");
    it.answer("200 OK | Range: npt=59.5-120 | Scale: 1.8 | Speed: 1");
    match it.event() {
        ClientEvent::Done(done, Ok(Reply::Playing(playing))) => {
            assert_eq!(done, command);
            assert_eq!((playing.scale, playing.speed), (Some(1.8), Some(1.0)));
            let start = NptTime::At(Duration::from_millis(59_500));
            assert!(matches!(playing.range, Some(Range::Npt { start: Some(own), .. }) if own == start));
        }
        event => panic!("{event:?}"),
    }
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn a_replay_is_asked_for_with_its_tag_and_sought_without_a_pause_if_it_may() {
    let config = ClientConfig::default().transports(Transports::Tcp).onvif_replay(true);
    let mut it = Scenario::with("rtsp://192.0.2.1/cam?q=1", config).describe();
    it.client.setup(it.now, 0).unwrap();
    assert!(asked(&mut it).ends_with(" | Require: onvif-replay"));
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    let begin = UtcTime::parse("20090615T114900.440Z");
    let back = Range::Clock { start: begin, end: UtcTime::parse("20090615T114800Z") };
    let replay = Replay::new().without_rate_control();
    it.client.play(it.now, Playback::from(back).scale(-1.0).replay(replay)).unwrap();
    let backwards = "Range: clock=20090615T114900.440Z-20090615T114800Z | Scale: -1.0 | Rate-Control: no";
    assert_eq!(asked(&mut it), format!("PLAY | {backwards} | Require: onvif-replay"));
    it.answer("200 OK");
    it.done();
    let replay = replay.only(Frames::Intra { every: Some(Duration::from_secs(4)) });
    let ahead = Playback::from(Range::Clock { start: begin, end: None });
    it.client.seek(it.now, ahead.replay(replay)).unwrap();
    assert_eq!(asked(&mut it), "PAUSE");
    it.answer("200 OK");
    let ahead_asked = "Range: clock=20090615T114900.440Z- | Rate-Control: no | Frames: intra/4000";
    assert_eq!(asked(&mut it), format!("PLAY | {ahead_asked} | Require: onvif-replay"));
    it.answer("200 OK");
    it.done();
    it.client.seek(it.now, ahead.replay(replay.immediate())).unwrap();
    assert_eq!(asked(&mut it), format!("PLAY | {ahead_asked} | Immediate: yes | Require: onvif-replay"));
}

#[test]
fn what_begins_now_is_played_from_now_and_all_else_from_its_start() {
    // GStreamer's ONVIF server with a live source, and live555.
    for (range, asked_for) in [("npt=now-", "npt=now-"), ("npt=0-", "npt=0.000-"), ("npt=0-60", "npt=0.000-")]
    {
        let described = SDP.replace("t=0 0\r\n", &format!("t=0 0\r\na=range:{range}\r\n"));
        let mut it = Scenario::new(Transports::Tcp).describe_as(&described);
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        it.done();
        it.client.play(it.now, None).unwrap();
        assert_eq!(asked(&mut it), format!("PLAY | Range: {asked_for}"));
    }
}

#[test]
fn what_is_paused_is_played_from_elsewhere_by_play_alone() {
    let mut it = Scenario::playing_tcp();
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.done();
    it.client.seek(it.now, minute()).unwrap();
    assert_eq!(asked(&mut it), "PLAY | Range: npt=60-");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Playing(_)));
}

#[test]
fn a_seek_goes_to_each_kind_of_place_and_may_only_change_the_speed() {
    let time = UtcTime::parse("20260102T030405Z").unwrap();
    let ten = SmpteTime { minutes: 10, ..SmpteTime::default() };
    for (playback, expected) in [
        (minute().into(), "PLAY | Range: npt=60-"),
        (Range::Npt { start: Some(NptTime::Now), end: None }.into(), "PLAY | Range: npt=now-"),
        (Range::Clock { start: Some(time), end: None }.into(), "PLAY | Range: clock=20260102T030405Z-"),
        (
            Range::Smpte { rate: SmpteRate::Fps25, start: Some(ten), end: None }.into(),
            "PLAY | Range: smpte-25=0:10:00-",
        ),
        (Playback::new().speed(0.5), "PLAY | Speed: 0.5"),
        (Playback::new().scale(-1.0), "PLAY | Scale: -1"),
        (Playback::from(minute()).scale(-1.0), "PLAY | Range: npt=60-0 | Scale: -1"),
    ] {
        let mut it = Scenario::playing_tcp();
        it.client.seek(it.now, playback).unwrap();
        it.expect_method("PAUSE");
        it.answer("200 OK");
        assert_eq!(asked(&mut it), expected);
    }
}

#[test]
fn what_is_played_backwards_at_first_does_not_begin_at_the_beginning() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.client.play(it.now, Playback::new().scale(-1.0)).unwrap();
    assert_eq!(asked(&mut it), "PLAY | Scale: -1");
}

#[test]
fn a_server_that_plays_backwards_may_say_so_by_its_speed() {
    let mut it = Scenario::playing_tcp();
    it.client.seek(it.now, Playback::from(minute()).scale(-1.0)).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.expect_method("PLAY");
    it.answer("200 OK | Range: npt=60-0 | Scale: 1.000 | Speed: -2.000");
    let Reply::Playing(playing) = it.done() else { panic!("no answer to PLAY") };
    assert_eq!((playing.scale, playing.speed), (Some(-1.0), Some(2.0)));
    assert!(it.client.tolerances().contains(Tolerance::NegativeSpeed));
}

#[test]
fn a_server_without_pause_is_sent_play_all_the_same() {
    for status in ["405 Method Not Allowed", "455 Method Not Valid in This State", "501 Not Implemented"] {
        let mut it = Scenario::playing_tcp();
        let before = receive(&mut it, 1, 0);
        it.client.seek(it.now, minute()).unwrap();
        it.expect_method("PAUSE");
        it.answer(status);
        assert_eq!(asked(&mut it), "PLAY | Range: npt=60-");
        it.advance(Duration::from_secs(1));
        // It plays on until it answers.
        let until = receive(&mut it, 2, 90_000);
        assert_eq!((until.pts - before.pts, until.begins_anew), (1_000_000_000, false));
        it.answer("200 OK");
        assert!(matches!(it.done(), Reply::Playing(_)));
        let from = receive(&mut it, 30_000, 95_000);
        assert!(from.begins_anew && from.pts > until.pts, "{from:?}");
    }
}

#[test]
fn a_seek_that_the_server_refuses_leaves_what_it_has_led_to() {
    let mut it = Scenario::playing_tcp();
    it.client.seek(it.now, minute()).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.expect_method("PLAY");
    it.answer("457 Invalid Range");
    assert!(it.failed().status().is_some_and(|status| status.as_u16() == 457));
    assert_eq!(it.client.state(), State::PrePlay);
    let mut it = Scenario::playing_tcp();
    it.client.seek(it.now, minute()).unwrap();
    it.expect_method("PAUSE");
    it.answer("405 Method Not Allowed");
    it.expect_method("PLAY");
    it.answer("457 Invalid Range");
    assert!(it.failed().status().is_some_and(|status| status.as_u16() == 457));
    assert_eq!(it.client.state(), State::Play);
    // It plays on, and silence is noticed as before.
    assert!(!receive(&mut it, 1, 0).begins_anew);
    let mut it = Scenario::playing_tcp();
    it.client.seek(it.now, minute()).unwrap();
    it.expect_method("PAUSE");
    it.answer("500 Internal Server Error");
    assert!(it.failed().status().is_some_and(|status| status.as_u16() == 500));
    it.expect_nothing_sent();
}

#[test]
fn a_seek_makes_sense_only_where_something_is_set_up() {
    let mut it = Scenario::described(Transports::Tcp);
    assert_eq!(it.client.seek(it.now, None), Err(Misuse::State(State::Initial)));
    it.client.setup(it.now, 0).unwrap();
    for playback in [Playback::new().scale(0.0), Playback::new().speed(-1.0), Playback::new().scale(f32::NAN)]
    {
        assert_eq!(it.client.seek(it.now, playback), Err(Misuse::Rate), "{playback:?}");
        assert_eq!(it.client.play(it.now, playback), Err(Misuse::Rate), "{playback:?}");
    }
    it.client.seek(it.now, minute()).unwrap();
    let mut it = Scenario::recording(Transports::Tcp);
    assert_eq!(it.client.seek(it.now, None), Err(Misuse::State(State::Record)));
}

#[test]
fn a_seek_whose_connection_ends_goes_on_over_the_next() {
    let mut it = Scenario::playing_udp(ClientConfig::default().transports(Transports::Udp));
    it.client.seek(it.now, minute()).unwrap();
    it.expect_method("PAUSE");
    it.answer("405 Method Not Allowed");
    it.expect_method("PLAY");
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Playing(_)));
}

#[test]
fn what_ended_plays_again_behind_a_seek() {
    let mut it = Scenario::playing_tcp();
    receive(&mut it, 1, 0);
    it.frame(1, &crate::rtp::rtcp::goodbye_compound(7, "camera", "end"));
    it.advance(Duration::from_secs(10));
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    it.client.seek(it.now, Range::from_npt(Duration::ZERO)).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.done();
    assert!(receive(&mut it, 9, 7).begins_anew);
    it.advance(Duration::from_secs(1));
    it.no_event();
}

/// A datagram of a source that has played, and of another.
fn send(it: &mut Scenario, ssrc: u32, sequence: u16, timestamp: u32) {
    let header = RtpHeader { payload_type: 96, sequence, timestamp, ssrc, marker: true };
    it.datagram(Port::Rtp, "192.0.2.1:5000", RtpPacket::build(header, b"payload").as_bytes().to_vec());
}

/// A seek over UDP of a client that has received packet 1, until PLAY is asked for.
fn seeking_udp() -> Scenario {
    let mut it = Scenario::playing_udp(ClientConfig::default().transports(Transports::Udp));
    send(&mut it, 7, 1, 0);
    assert_eq!(it.client.poll_packet().unwrap().time.pts, 0);
    it.client.seek(it.now, minute()).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.expect_method("PLAY");
    it
}

/// Sequence number, PTS in milliseconds and wall clock time of the packets that are handed out.
fn times(it: &mut Scenario) -> Vec<(u16, i64, WallSource)> {
    let received = std::iter::from_fn(|| it.client.poll_packet());
    let of = |received: Received| {
        let wall = received.time.wall().unwrap();
        (received.packet.sequence(), received.time.pts / 1_000_000, wall.source)
    };
    received.map(of).collect()
}

const START: &str = "Range: clock=20130415T111517Z- | RTP-Info: url=rtsp://192.0.2.1/cam?q=1/trackID=0";

#[test]
fn what_was_sent_before_a_seek_and_comes_behind_it_over_udp_is_left_out() {
    let mut it = seeking_udp();
    it.advance(Duration::from_millis(500));
    // From before, and from behind the answer, which they overtake.
    for (sequence, timestamp) in [(2, 3600), (4, 7200), (6, 900_000), (5, 900_000)] {
        send(&mut it, 7, sequence, timestamp);
    }
    assert_eq!(times(&mut it), [], "nobody knows yet");
    it.answer(&format!("200 OK | {START};seq=5;rtptime=900000"));
    it.done();
    let by_range = WallSource::RtpInfo;
    assert_eq!(times(&mut it), [(5, 500, by_range), (6, 500, by_range)]);
    it.advance(Duration::from_millis(200));
    for (sequence, timestamp) in [(3, 3600), (7, 918_000), (65_000, 0), (65_001, 0), (8, 921_600)] {
        send(&mut it, 7, sequence, timestamp);
    }
    assert_eq!(times(&mut it), [(7, 700, by_range), (8, 740, by_range)]);
    let late = it.client.media_stats(it.now, 0).unwrap().late;
    assert_eq!(late, 5);
    // The sequence is free again.
    it.advance(BYGONE_WAIT);
    for sequence in [60_000, 60_001] {
        send(&mut it, 7, sequence, 1_011_600);
    }
    assert_eq!(times(&mut it).len(), 2);
}

#[test]
fn packets_over_udp_wait_for_the_answer_to_a_seek_only_if_their_source_has_played() {
    let mut it = seeking_udp();
    (2..2 + BYGONE_PACKETS_MAX as u16 + 1).for_each(|sequence| send(&mut it, 7, sequence, 3600));
    assert_eq!(times(&mut it), []);
    it.answer(&format!("200 OK | {START};rtptime=900000"));
    it.done();
    let handed_out: Vec<_> = times(&mut it).iter().map(|(sequence, ..)| *sequence).collect();
    let expected: Vec<_> = (3..3 + BYGONE_PACKETS_MAX as u16).collect();
    assert_eq!(handed_out, expected, "it is not told which are from before, and there is room for so many");

    let mut it = seeking_udp();
    send(&mut it, 8, 2, 900_000);
    assert_eq!(times(&mut it).len(), 1, "of another source");

    let mut it = seeking_udp();
    send(&mut it, 7, 2, 900_000);
    it.answer("457 Invalid Range");
    it.failed();
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    send(&mut it, 7, 3, 900_000);
    it.answer(&format!("200 OK | {START};seq=4;rtptime=900000"));
    it.done();
    send(&mut it, 7, 2, 3600);
    send(&mut it, 7, 4, 900_000);
    assert_eq!(times(&mut it).first().map(|(sequence, ..)| *sequence), Some(4));
}

#[test]
fn packets_over_udp_of_several_sources_wait_for_the_answer_to_a_seek_and_are_all_handed_out() {
    let mut it = Scenario::playing_udp(ClientConfig::default().transports(Transports::Udp));
    // The second proves itself by two in a row.
    for (ssrc, sequence) in [(7, 1), (8, 9000), (8, 9001)] {
        send(&mut it, ssrc, sequence, 0);
    }
    assert_eq!(it.client.poll_packet().map(|received| received.packet.sequence()), Some(1));
    assert_eq!(std::iter::from_fn(|| it.client.poll_packet()).count(), 2);
    it.client.seek(it.now, minute()).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.expect_method("PLAY");
    for (ssrc, sequence) in [(7, 2), (8, 9002), (8, 9003)] {
        send(&mut it, ssrc, sequence, 3600);
    }
    assert!(it.client.poll_packet().is_none());
    it.answer(&format!("200 OK | {START};seq=9004;rtptime=900000"));
    it.done();
    send(&mut it, 7, 3, 7200);
    let all = std::iter::from_fn(|| it.client.poll_packet()).map(|received| received.packet.sequence());
    assert_eq!(all.collect::<Vec<_>>(), [2, 9002, 9003, 3], "the number may be of either source");
}

#[test]
fn the_wall_clock_goes_as_fast_as_the_recording_is_played() {
    let start = NtpTime::from_unix(Duration::from_secs(1_366_024_517));
    for (scale, expected) in [("", 1.0_f64), ("| Scale: 4", 4.0), ("| Scale: -2", -2.0), ("| Scale: x", 1.0)]
    {
        let mut it = Scenario::playing_tcp();
        it.client.seek(it.now, Playback::new().scale(4.0)).unwrap();
        it.expect_method("PAUSE");
        it.answer("200 OK");
        let play = it.request();
        let url = play.split(' ').nth(1).unwrap().trim_end_matches('/');
        it.answer(&format!(
            "200 OK | Range: clock=20130415T111517Z- | RTP-Info: url={url}/trackID=0;rtptime=9000 {scale}"
        ));
        it.done();
        receive(&mut it, 5, 9000);
        it.advance(Duration::from_secs(2));
        let time = receive(&mut it, 6, 9000 + 180_000);
        let wall = time.wall().unwrap();
        assert_eq!(wall.source, WallSource::RtpInfo);
        let passed = wall.ntp.nanos_since(start) as f64 / 1e9;
        assert!((passed - 2.0 * expected).abs() < 1e-6, "{scale}: {passed}");
        assert_eq!(it.client.tolerances().contains(Tolerance::UnreadableHeader), scale.ends_with('x'));
    }
}
