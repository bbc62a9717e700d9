//! Signs of life, and how long sessions live by them.

use std::time::Duration;

use bytes::Bytes;

use super::scenario::{Scenario, peer, session_of, status, video};
use crate::conn::CloseReason;
use crate::limits::{MEDIA_SILENCE, SESSION_TIMEOUT, UNATTENDED_SESSION_TIMEOUT};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{Event, ServerConfig};
use crate::udp::Port;
use crate::{ConnId, SessionId, StreamId};

const SECOND: Duration = Duration::from_secs(1);
const EVENTS: &str = "v=0\r\ns=-\r\nm=application 0 RTP/AVP 107\r\na=control:streamid=0\r\n\
    a=rtpmap:107 vnd.onvif.metadata/90000\r\n";
const VIDEO: &str =
    "v=0\r\ns=-\r\nm=video 0 RTP/AVP 96\r\na=control:streamid=0\r\na=rtpmap:96 H264/90000\r\n";

/// A publisher of one media at `/live`.
fn publisher(scenario: &mut Scenario, sdp: &str, transport: &str) -> (ConnId, String, StreamId) {
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live", sdp);
    assert_eq!(status(&scenario.response(conn)), 200);
    let setup = format!("SETUP rtsp://h/live/streamid=0|Transport: {transport};mode=record");
    let session = session_of(&scenario.request(conn, &setup));
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {session}"))), 200);
    let stream = scenario.server.stream_at("/live").unwrap();
    (conn, session, stream)
}

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "RTP/AVP;unicast;client_port=6000-6001";

fn event(sequence: u16) -> RtpPacket {
    let header = RtpHeader { payload_type: 107, sequence, ..RtpHeader::default() };
    RtpPacket::build(header, b"<event/>")
}

fn give(scenario: &mut Scenario, conn: ConnId, transport: &str, packet: &RtpPacket) {
    if transport == UDP {
        scenario.datagram(Port::Rtp, peer(6000), packet.as_bytes().clone());
    } else {
        let header = [b'$', 0, 0, u8::try_from(packet.len()).unwrap()];
        scenario.send(conn, &[&header, &packet.as_bytes()[..]].concat());
    }
}

/// The medias that were told to be silent, and those told not to be any more.
fn told(scenario: &Scenario) -> Vec<(&'static str, SessionId, StreamId, usize)> {
    let told = |event: &Event| match event {
        Event::MediaSilent { session, stream, media, path, .. } if path == "/live" => {
            Some(("silent", *session, *stream, *media))
        }
        Event::MediaResumed { session, stream, media, path, .. } if path == "/live" => {
            Some(("resumed", *session, *stream, *media))
        }
        _ => None,
    };
    scenario.events.iter().filter_map(told).collect()
}

#[test]
fn a_publisher_that_sends_an_event_now_and_then_lives_and_is_not_told_to_be_silent() {
    for transport in [TCP, UDP] {
        let mut scenario = Scenario::with_udp();
        let (conn, _, stream) = publisher(&mut scenario, EVENTS, transport);
        for sequence in 0..20 {
            scenario.advance(15 * SECOND);
            give(&mut scenario, conn, transport, &event(sequence));
        }
        assert_eq!(scenario.logs.0.borrow()[&stream].head(), 20);
        assert!(!scenario.is_closed(conn));
        assert_eq!(told(&scenario), []);
    }
}

#[test]
fn a_publisher_of_a_picture_every_twelve_seconds_lives_and_its_silence_is_told() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (conn, _, stream) = publisher(&mut scenario, VIDEO, TCP);
    for sequence in 0..20 {
        give(&mut scenario, conn, TCP, &video(sequence, &[0x41, 1]));
        scenario.advance(12 * SECOND);
    }
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 20);
    assert!(!scenario.is_closed(conn));
    let told: Vec<_> = told(&scenario).into_iter().map(|(what, _, of, media)| (what, of, media)).collect();
    let expected = [("silent", stream, 0), ("resumed", stream, 0)].into_iter().cycle().take(39);
    assert_eq!(told, expected.collect::<Vec<_>>());
}

#[test]
fn silence_is_told_once_and_not_before_its_time() {
    for transport in [TCP, UDP] {
        let mut scenario = Scenario::with_udp_and(|config| config.media_silence(3 * SECOND));
        let (conn, ..) = publisher(&mut scenario, VIDEO, transport);
        // Reports are life, and no media.
        let report = Bytes::from_static(&[0x80, 0xc9, 0, 1, 0, 0, 0, 0]);
        for sequence in 0..40 {
            give(&mut scenario, conn, transport, &video(sequence, &[0x41, 1]));
            scenario.advance(SECOND / 4);
        }
        scenario.advance(3 * SECOND - SECOND / 4 - Duration::from_nanos(1));
        assert_eq!(told(&scenario), [], "{transport}");
        if transport == UDP {
            scenario.datagram(Port::Rtcp, peer(6001), report);
        }
        scenario.advance(SECOND + SECOND / 4);
        assert_eq!(told(&scenario).len(), 1, "{transport}");
        scenario.advance(30 * SECOND);
        assert_eq!(told(&scenario).len(), 1, "{transport}");
    }
}

#[test]
fn a_publisher_that_never_sends_is_told_of_and_closed_if_the_application_wants() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (conn, ..) = publisher(&mut scenario, VIDEO, TCP);
    scenario.advance(10 * SESSION_TIMEOUT);
    assert!(!scenario.is_closed(conn), "the connection is there");
    let &[("silent", session, _, 0)] = &*told(&scenario) else { panic!("{:?}", told(&scenario)) };
    scenario.server.close_session(scenario.now, session);
    assert!(scenario.is_closed(conn) && scenario.server.is_empty());
}

#[test]
fn a_server_that_stood_still_does_not_tell_of_silence_that_was_its_own() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (conn, ..) = publisher(&mut scenario, VIDEO, TCP);
    give(&mut scenario, conn, TCP, &video(1, &[0x41, 1]));
    scenario.stand_still(3 * MEDIA_SILENCE);
    give(&mut scenario, conn, TCP, &video(2, &[0x41, 1]));
    scenario.advance(MEDIA_SILENCE);
    assert_eq!(told(&scenario), []);
}

#[test]
fn a_publisher_that_pauses_lives_by_its_requests() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (conn, session, _) = publisher(&mut scenario, VIDEO, TCP);
    assert_eq!(status(&scenario.request(conn, &format!("PAUSE rtsp://h/live|Session: {session}"))), 200);
    scenario.advance(SESSION_TIMEOUT - SECOND);
    assert!(!scenario.is_closed(conn));
    scenario.advance(2 * SECOND);
    assert!(scenario.is_closed(conn));
}

/// A request on a connection of its own.
fn ask_alone(scenario: &mut Scenario, request: &str) -> crate::wire::Response {
    let conn = scenario.connect();
    let response = scenario.request(conn, request);
    scenario.hang_up(conn);
    response
}

#[test]
fn each_request_of_a_session_over_udp_may_have_a_connection_of_its_own() {
    let mut scenario = Scenario::with_udp();
    let stream = scenario.publish("/cam");
    let setup = ask_alone(&mut scenario, &format!("SETUP rtsp://h/cam/trackID=0|Transport: {UDP}"));
    let session = session_of(&setup);
    for method in ["PLAY", "PAUSE", "PLAY", "GET_PARAMETER"] {
        scenario.advance(UNATTENDED_SESSION_TIMEOUT - SECOND);
        let response = ask_alone(&mut scenario, &format!("{method} rtsp://h/cam|Session: {session}"));
        assert_eq!(status(&response), 200, "{method}");
    }
    scenario.push(stream, 0, video(1, &[0x41, 1]));
    assert!(scenario.datagrams.sent.iter().any(|(port, ..)| *port == Port::Rtp));
    assert_eq!(status(&ask_alone(&mut scenario, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))), 200);
    assert_eq!(scenario.server.session_count(), 0);
}

#[test]
fn a_publisher_over_udp_may_set_up_and_record_on_the_next_connection() {
    let mut scenario = Scenario::with_udp();
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live", VIDEO);
    scenario.response(conn);
    let session = session_of(
        &scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|Transport: {UDP};mode=record")),
    );
    scenario.hang_up(conn);
    scenario.advance(UNATTENDED_SESSION_TIMEOUT - SECOND);
    assert_eq!(status(&ask_alone(&mut scenario, &format!("RECORD rtsp://h/live|Session: {session}"))), 200);
    let stream = scenario.server.stream_at("/live").unwrap();
    scenario.advance(SESSION_TIMEOUT - SECOND);
    give(&mut scenario, conn, UDP, &video(1, &[0x41, 1]));
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 1);
    scenario.advance(SESSION_TIMEOUT + SECOND);
    assert!(scenario.server.is_empty(), "nothing came of it any more");
}

/// GStreamer 1.22 (`rtspclientsink protocols=udp`), interrupted: PAUSE, and the connection closes.
#[test]
fn a_publisher_over_udp_that_pauses_outlives_its_connection_for_a_short_while() {
    let mut scenario = Scenario::with_udp();
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live", VIDEO);
    scenario.response(conn);
    let setup = format!("SETUP rtsp://h/live/streamid=0|Transport: {UDP};mode=record");
    let session = session_of(&scenario.request(conn, &setup));
    scenario.hang_up(conn);
    for (method, count) in [("RECORD", 1), ("PAUSE", 0)] {
        let response = ask_alone(&mut scenario, &format!("{method} rtsp://h/live|Session: {session}"));
        assert_eq!(status(&response), 200, "{method}");
        scenario.advance(UNATTENDED_SESSION_TIMEOUT - SECOND);
        assert_eq!(scenario.server.session_count(), 1, "after {method}");
        scenario.advance(SECOND);
        assert_eq!(scenario.server.session_count(), count, "after {method}");
    }
    let idle = |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::Idle, .. });
    assert!(scenario.events.iter().any(idle));
}

#[test]
fn a_session_over_udp_that_never_began_outlives_its_connection_for_a_short_while() {
    for (mode, url) in [("", "rtsp://h/cam/trackID=0"), (";mode=record", "rtsp://h/live/streamid=0")] {
        let mut scenario = Scenario::with_udp();
        scenario.publish("/cam");
        let conn = scenario.connect();
        if !mode.is_empty() {
            scenario.post(conn, "ANNOUNCE rtsp://h/live", VIDEO);
            scenario.response(conn);
        }
        scenario.request(conn, &format!("SETUP {url}|Transport: {UDP}{mode}"));
        scenario.advance(30 * SECOND);
        assert_eq!(scenario.server.session_count(), 1, "its connection is there");
        scenario.hang_up(conn);
        assert_eq!(scenario.server.session_count(), 1, "{url}");
        scenario.advance(UNATTENDED_SESSION_TIMEOUT - Duration::from_nanos(1));
        assert_eq!(scenario.server.session_count(), 1, "{url}");
        scenario.advance(Duration::from_nanos(1));
        assert_eq!(scenario.server.session_count(), 0, "{url}");
        let idle = |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::Idle, .. });
        assert!(scenario.events.iter().any(idle), "{url}");
    }
}
