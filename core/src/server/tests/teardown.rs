use std::time::Duration;

use super::scenario::{SDP, Scenario, session_of, status, video};
use crate::conn::CloseReason;
use crate::limits::{SESSION_TIMEOUT, SETUP_TIMEOUT};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{Event, ServerConfig};
use crate::udp::Port;

const SECOND: Duration = Duration::from_secs(1);

fn sound(sequence: u16) -> RtpPacket {
    let header = RtpHeader { payload_type: 0, marker: false, sequence, timestamp: 0, ssrc: 0xdef };
    RtpPacket::build(header, b"sound")
}

#[test]
fn a_track_that_is_torn_down_by_itself_is_sent_no_longer_and_the_others_are() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    let setup = |track: u8, channel: u8| {
        format!(
            "SETUP rtsp://h/cam/trackID={track}|Transport: RTP/AVP/TCP;unicast;interleaved={channel}-{}",
            channel + 1
        )
    };
    let key = session_of(&scenario.request(conn, &setup(0, 0)));
    scenario.request(conn, &format!("{}|Session: {key}", setup(1, 2)));
    scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {key}"));
    scenario.push(stream, 0, video(1, &[0x65, 1]));
    scenario.push(stream, 1, sound(1));
    let media = |frames: Vec<(u8, bytes::Bytes)>| -> Vec<u8> {
        frames.into_iter().map(|(channel, _)| channel).filter(|channel| channel % 2 == 0).collect()
    };
    assert_eq!(media(scenario.frames(conn)), [0, 2]);
    let teardown = |track: u8| format!("TEARDOWN rtsp://h/cam/trackID={track}|Session: {key}");
    let response = scenario.request(conn, &teardown(0));
    assert_eq!((status(&response), session_of(&response)), (200, key.clone()), "the session is still there");
    scenario.push(stream, 0, video(2, &[0x65, 1]));
    scenario.push(stream, 1, sound(2));
    assert_eq!(media(scenario.frames(conn)), [2]);
    // It may be set up again once nothing is played.
    assert_eq!(status(&scenario.request(conn, &format!("{}|Session: {key}", setup(0, 0)))), 455);
    scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {key}"));
    assert_eq!(status(&scenario.request(conn, &format!("{}|Session: {key}", setup(0, 0)))), 200);
    assert_eq!(status(&scenario.request(conn, &teardown(1))), 200);
    assert_eq!(scenario.server.session_count(), 1);
    assert_eq!(status(&scenario.request(conn, &teardown(0))), 200, "the last one is the session");
    assert_eq!(scenario.server.session_count(), 0);
}

#[test]
fn a_track_over_udp_gives_its_ports_back() {
    let mut scenario = Scenario::with_udp();
    let stream = scenario.publish("/cam");
    let conn = scenario.connect();
    let setup = |track: u8, port: u16| {
        format!(
            "SETUP rtsp://h/cam/trackID={track}|Transport: RTP/AVP;unicast;client_port={port}-{}",
            port + 1
        )
    };
    let key = session_of(&scenario.request(conn, &setup(0, 5000)));
    scenario.request(conn, &format!("{}|Session: {key}", setup(1, 5002)));
    scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {key}"));
    let teardown = format!("TEARDOWN rtsp://h/cam/trackID=0|Session: {key}");
    assert_eq!(status(&scenario.request(conn, &teardown)), 200);
    scenario.push(stream, 0, video(1, &[0x65, 1]));
    scenario.push(stream, 1, sound(1));
    let ports: Vec<u16> = scenario
        .datagrams
        .sent
        .iter()
        .filter(|(port, ..)| *port == Port::Rtp)
        .map(|(_, to, _)| to.port())
        .collect();
    assert_eq!(ports, [5002]);
    let other = scenario.connect();
    assert_eq!(status(&scenario.request(other, &setup(0, 5000))), 200, "they are free");
    scenario.request(conn, &format!("TEARDOWN rtsp://h/cam|Session: {key}"));
    scenario.hang_up(other);
    scenario.advance(SESSION_TIMEOUT);
    assert_eq!(scenario.server.session_count(), 0);
    assert!(scenario.server.udp_peers.is_empty());
}

#[test]
fn a_track_that_is_recorded_is_not_torn_down_by_itself() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    scenario.response(conn);
    let mut key = String::new();
    for (track, channels) in [(0, "0-1"), (1, "2-3")] {
        let own = if key.is_empty() { String::new() } else { format!("|Session: {key}") };
        let transport = format!("RTP/AVP/TCP;unicast;interleaved={channels};mode=record");
        let setup = format!("SETUP rtsp://h/live/streamid={track}|Transport: {transport}{own}");
        key = session_of(&scenario.request(conn, &setup));
    }
    let teardown = format!("TEARDOWN rtsp://h/live/streamid=0|Session: {key}");
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {key}"))), 200);
    assert_eq!(status(&scenario.request(conn, &teardown)), 460);
    assert_eq!(scenario.server.session_count(), 1);
}

#[test]
fn a_session_that_never_begins_is_closed_however_alive_it_is_kept() {
    for begins in [false, true] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
        let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
        let key = session_of(&scenario.request(conn, setup));
        if begins {
            scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {key}"));
            scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {key}"));
        }
        let mut waited = Duration::ZERO;
        while waited + 30 * SECOND < SETUP_TIMEOUT {
            scenario.advance(30 * SECOND);
            waited += 30 * SECOND;
            let ping = format!("GET_PARAMETER rtsp://h/cam|Session: {key}");
            assert_eq!(status(&scenario.request(conn, &ping)), 200);
        }
        scenario.advance(SETUP_TIMEOUT - waited - Duration::from_nanos(1));
        assert_eq!(scenario.server.session_count(), 1);
        scenario.advance(Duration::from_nanos(1));
        assert_eq!(scenario.server.session_count(), usize::from(begins));
        let closed =
            |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::NeverBegan, .. });
        assert_eq!(scenario.events.iter().any(closed), !begins);
    }
}

#[test]
fn play_while_playing_tells_the_range_again() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
    let key = session_of(&scenario.request(conn, setup));
    for _ in 0..2 {
        let response = scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {key}"));
        assert_eq!((status(&response), response.headers.get("Range")), (200, Some("npt=0.000-")));
    }
}
