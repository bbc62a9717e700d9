use std::time::Duration;

use super::scenario::{SDP, Scenario, session_of, status, video};
use crate::conn::CloseReason;
use crate::limits::GOODBYE_DELAY;
use crate::rtp::rtcp::{self, Rtcp};
use crate::server::{Event, ServerConfig};
use crate::stream::{LagPolicy, LogLimits, StartAt};
use crate::{ConnId, NtpTime, Tolerances};

const SLICE: &[u8] = &[0x41, 1, 2, 3];
const IDR: &[u8] = &[0x65, 1, 2, 3];

fn play(scenario: &mut Scenario, conn: ConnId) -> String {
    let setup =
        scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    let session = session_of(&setup);
    let played = scenario.request(conn, &format!("PLAY rtsp://h/cam/|Session: {session}"));
    assert_eq!(status(&played), 200);
    session
}

#[test]
fn a_reader_goes_from_options_to_teardown() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    let options = scenario.request(conn, "OPTIONS rtsp://h/cam");
    assert_eq!(
        options.headers.get("Public"),
        Some("OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER")
    );
    assert_eq!(options.headers.get("CSeq"), Some("7"));

    let described = scenario.request(conn, "DESCRIBE rtsp://h/cam?a=b|Accept: application/sdp");
    assert_eq!(described.headers.get("Content-Base"), Some("rtsp://h/cam?a=b/"));
    let sdp = String::from_utf8(described.body.to_vec()).unwrap();
    assert!(sdp.contains("a=control:trackID=1\r\n"), "{sdp}");

    let setup = scenario
        .request(conn, "SETUP rtsp://h/cam?a=b/trackID=0|Transport: RTP/AVP/TCP;unicast;interleaved=4-5");
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=4-5"));
    let session = session_of(&setup);
    assert!(setup.headers.get("Session").unwrap().ends_with(";timeout=55"));

    scenario.push(stream, 0, video(100, SLICE));
    assert_eq!(scenario.frames(conn), []);
    let played = scenario
        .request(conn, &format!("PLAY rtsp://h/cam?a=b/|Session: {session};timeout=55|Range: npt=0-"));
    assert_eq!(played.headers.get("RTP-Info"), Some("url=rtsp://h/cam?a=b/trackID=0;seq=100;rtptime=300000"));
    scenario.push(stream, 0, video(101, SLICE));
    scenario.push(stream, 1, video(1, SLICE));
    let frames = scenario.frames(conn);
    let channels: Vec<u8> = frames.iter().map(|(channel, _)| *channel).collect();
    assert_eq!(channels, [4, 5, 4], "the packets of the track that was set up, a report behind the first");
    assert_eq!(frames[0].1, video(100, SLICE).as_bytes());
    assert_eq!(frames[2].1, video(101, SLICE).as_bytes());

    assert_eq!(status(&scenario.request(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))), 200);
    scenario.push(stream, 0, video(102, SLICE));
    assert_eq!(scenario.frames(conn), []);
    assert_eq!(status(&scenario.request(conn, "OPTIONS *")), 200, "the connection stays");
    scenario.hang_up(conn);
    scenario.server.remove_stream(scenario.now, stream);
    scenario.drain();
    assert!(scenario.server.is_empty());
    assert!(scenario.logs.0.borrow().is_empty());
}

#[test]
fn the_answer_to_play_comes_before_the_first_packet() {
    let (mut scenario, conn, stream) =
        Scenario::with_stream(ServerConfig::default().start(StartAt::Keyframe));
    scenario.push(stream, 0, video(1, IDR));
    scenario.push(stream, 0, video(2, SLICE));
    play(&mut scenario, conn);
    let sequences: Vec<u16> =
        scenario.frames(conn)[..2].iter().map(|(_, packet)| sequence_of(packet)).collect();
    assert_eq!(sequences, [1, 2]);
}

fn sequence_of(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

/// ONVIF Streaming Specification, section 5.2.2.3: the range is in clock units, and `rtptime` is the timestamp at its start.
#[test]
fn the_range_of_a_live_stream_and_its_rtptime_are_one_moment() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    // The scenario begins at 1970-01-12 13:46:40.
    scenario.advance(Duration::from_millis(1500));
    scenario.push(stream, 0, video(100, SLICE));
    scenario.advance(Duration::from_millis(40));
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    let play = format!("PLAY rtsp://h/cam|Session: {}|Range: npt=now-", session_of(&setup));
    let played = scenario.request(conn, &play);
    assert_eq!(played.headers.get("Range"), Some("clock=19700112T134641.500Z-"));
    let info = played.headers.get("RTP-Info").unwrap();
    assert_eq!(info, "url=rtsp://h/cam/trackID=0;seq=100;rtptime=300000");
    scenario.push(stream, 0, video(101, SLICE));
    let frames = scenario.frames(conn);
    let report =
        frames.iter().find(|(channel, _)| *channel == 1).expect("a report comes behind the first packet");
    let mut tolerances = Tolerances::default();
    let Some(Rtcp::SenderReport(report)) = rtcp::parse(&report.1, &mut tolerances).next() else {
        panic!("no sender report: {report:?}");
    };
    let since = report.ntp.nanos_since(NtpTime::from_unix(Duration::from_millis(1_000_001_500)));
    let units = i64::from(report.rtp.wrapping_sub(300_000));
    assert!((units * 1_000_000 / 90 - since).abs() < 20_000, "{units} units in {since} ns");
}

#[test]
fn rtp_info_has_no_position_before_the_first_packet() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=1|Transport: RTP/AVP/TCP;interleaved=0-1");
    let played = scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {}", session_of(&setup)));
    assert_eq!(played.headers.get("RTP-Info"), Some("url=rtsp://h/cam/trackID=1"));
}

#[test]
fn a_reader_pauses_and_goes_on_live() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    let session = play(&mut scenario, conn);
    scenario.push(stream, 0, video(1, SLICE));
    assert_eq!(scenario.frames(conn)[0].1, video(1, SLICE).as_bytes());
    for _ in 0..2 {
        assert_eq!(status(&scenario.request(conn, &format!("PAUSE rtsp://h/cam/|Session: {session}"))), 200);
    }
    scenario.push(stream, 0, video(2, SLICE));
    scenario.push(stream, 0, video(3, SLICE));
    assert_eq!(scenario.frames(conn), []);
    let played = scenario.request(conn, &format!("PLAY rtsp://h/cam/|Session: {session}"));
    assert!(played.headers.get("RTP-Info").unwrap().contains("seq=3"));
    scenario.push(stream, 0, video(4, SLICE));
    let sequences: Vec<u16> = scenario
        .frames(conn)
        .iter()
        .filter(|(channel, _)| *channel == 0)
        .map(|(_, packet)| sequence_of(packet))
        .collect();
    assert_eq!(sequences, [3, 4]);
}

#[test]
fn play_while_playing_changes_nothing() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    let session = play(&mut scenario, conn);
    let again = scenario.request(conn, &format!("PLAY rtsp://h/cam/|Session: {session}"));
    assert_eq!((status(&again), again.headers.get("RTP-Info")), (200, None));
    scenario.push(stream, 0, video(1, SLICE));
    assert_eq!(scenario.frames(conn).iter().filter(|(channel, _)| *channel == 0).count(), 1);
}

#[test]
fn readers_of_a_stream_that_ends_get_the_rest_and_are_told_and_closed() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    let idle = scenario.connect();
    let ready = scenario.request(idle, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    assert_eq!(status(&ready), 200);
    play(&mut scenario, conn);
    for sequence in 0..100 {
        assert!(scenario.logs.0.borrow_mut().get_mut(&stream).unwrap().push(
            scenario.now,
            0,
            video(sequence, SLICE)
        ));
    }
    scenario.server.remove_stream(scenario.now, stream);
    let frames = scenario.frames(conn);
    assert_eq!(frames.iter().filter(|(channel, _)| *channel == 0).count(), 100);
    let (channel, goodbye) = frames.last().unwrap();
    assert_eq!(*channel, 1);
    let mut tolerances = Tolerances::NONE;
    let said: Vec<Rtcp> = rtcp::parse(goodbye, &mut tolerances).collect();
    assert!(said.iter().any(|packet| matches!(packet, Rtcp::Goodbye(goodbye) if goodbye.sources == [0xabc])));
    scenario.advance(GOODBYE_DELAY);
    assert!(scenario.is_closed(conn) && scenario.is_closed(idle));
    assert!(scenario.server.is_empty() && scenario.logs.0.borrow().is_empty());
}

#[test]
fn sender_reports_follow_at_their_period() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    scenario.push(stream, 0, video(1, SLICE));
    play(&mut scenario, conn);
    assert_eq!(scenario.frames(conn).iter().filter(|(channel, _)| *channel == 1).count(), 1);
    scenario.advance(Duration::from_secs(12));
    assert_eq!(scenario.frames(conn).iter().filter(|(channel, _)| *channel == 1).count(), 2);
}

#[test]
fn a_reader_over_tcp_needs_no_keepalive_but_one_that_does_not_play_does() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let idle = scenario.connect();
    scenario.request(idle, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    play(&mut scenario, conn);
    scenario.advance(Duration::from_secs(59));
    assert!(!scenario.is_closed(idle));
    scenario.advance(Duration::from_secs(2));
    assert!(scenario.is_closed(idle));
    scenario.advance(Duration::from_secs(600));
    assert!(!scenario.is_closed(conn));
}

#[test]
fn a_slow_reader_is_told_of_once_a_second_or_closed_as_its_policy_says() {
    let config = ServerConfig::default().log(LogLimits::default().packets(10));
    let (mut scenario, conn, stream) = Scenario::with_stream(config.clone().lag(LagPolicy::SkipToLive));
    play(&mut scenario, conn);
    let burst = |scenario: &mut Scenario, from: u16| {
        let mut logs = scenario.logs.0.borrow_mut();
        let log = logs.get_mut(&stream).unwrap();
        (from..from + 100).for_each(|sequence| assert!(log.push(scenario.now, 0, video(sequence, SLICE))));
    };
    burst(&mut scenario, 0);
    scenario.drain();
    burst(&mut scenario, 100);
    scenario.drain();
    let lagged = |scenario: &Scenario| {
        let lagged = scenario.events.iter().filter_map(|event| match event {
            Event::ReaderLagged { dropped, .. } => Some(*dropped),
            _ => None,
        });
        lagged.collect::<Vec<_>>()
    };
    assert_eq!(lagged(&scenario), [99]);
    scenario.advance(Duration::from_secs(2));
    assert_eq!(lagged(&scenario), [99, 99]);

    let (mut scenario, conn, stream) = Scenario::with_stream(config.lag(LagPolicy::Disconnect));
    play(&mut scenario, conn);
    {
        let mut logs = scenario.logs.0.borrow_mut();
        let log = logs.get_mut(&stream).unwrap();
        (0..100).for_each(|sequence| assert!(log.push(scenario.now, 0, video(sequence, SLICE))));
    }
    assert!(scenario.is_closed(conn));
    let slow =
        |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::ReaderTooSlow, .. });
    assert!(scenario.events.iter().any(slow));
}

#[test]
fn what_a_publisher_announces_is_read_with_the_servers_own_controls() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let reader = scenario.connect();
    assert_eq!(status(&scenario.request(reader, "DESCRIBE rtsp://h/live")), 404, "nothing is recorded yet");
}
