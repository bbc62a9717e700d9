use std::time::Duration;

use super::scenario::{SDP, Scenario, peer, session_of, status};
use crate::Tolerance;
use crate::header::ONVIF_REPLAY;
use crate::server::{Event, ServerConfig};

#[test]
fn what_is_wrong_with_a_request_is_said_in_its_status() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    for (request, expected) in [
        ("DESCRIBE rtsp://h/nothing", 404),
        ("DESCRIBE *", 400),
        ("FOO rtsp://h/cam", 501),
        ("REDIRECT rtsp://h/cam", 501),
        ("PLAY rtsp://h/cam", 454),
        ("PAUSE rtsp://h/cam", 454),
        ("RECORD rtsp://h/cam", 454),
        ("TEARDOWN rtsp://h/cam", 454),
        ("PLAY rtsp://h/cam|Session: 0123456789abcdef", 454),
        ("GET_PARAMETER rtsp://h/cam|Session: 0123456789abcdef", 454),
        ("SETUP rtsp://h/cam/trackID=0|Session: mine|Transport: RTP/AVP/TCP", 454),
        ("OPTIONS *|Require: nothing-we-know", 551),
        ("GET_PARAMETER rtsp://h/cam", 200),
        ("SET_PARAMETER rtsp://h/cam", 200),
        ("OPTIONS *", 200),
    ] {
        let response = scenario.request(conn, request);
        assert_eq!(status(&response), expected, "{request}");
        assert_eq!(response.cseq(), Some(7), "{request}");
    }
    assert!(!scenario.is_closed(conn));
}

#[test]
fn what_is_required_and_not_there_is_named() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    let response = scenario.request(conn, "DESCRIBE rtsp://h/|Require: a-feature|Proxy-Require: b");
    assert_eq!((status(&response), response.headers.get("Unsupported")), (551, Some("a-feature, b")));
}

#[test]
fn features_of_the_application_may_be_required() {
    let config = ServerConfig::default().features([ONVIF_REPLAY]);
    let (mut scenario, conn, _) = Scenario::with_stream(config);
    for (required, expected) in [("onvif-replay", 200), ("onvif-replay, x", 551), ("onvif-replay2", 551)] {
        let request = format!("DESCRIBE rtsp://h/cam|Require: {required}");
        assert_eq!(status(&scenario.request(conn, &request)), expected, "{required}");
    }
}

#[test]
fn a_request_without_a_number_is_answered_400_without_one() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    for head in ["", "CSeq: x\r\n", "CSeq: -1\r\n", "CSeq: 4294967296\r\n"] {
        scenario.send(conn, format!("OPTIONS * RTSP/1.0\r\n{head}\r\n").as_bytes());
        let response = scenario.response(conn);
        assert_eq!((status(&response), response.cseq()), (400, None), "{head}");
    }
}

#[test]
fn what_cannot_be_read_is_answered_and_closed() {
    for (bytes, expected) in [
        (&b"OPTIONS rtsp://h RTSP/2.0\r\nCSeq: 3\r\n\r\n"[..], Some((505, Some(3)))),
        (b"DESCRIBE rtsp://h RTSP/1.0\r\nCSeq: 3\r\nContent-Length: -1\r\n\r\n", Some((400, Some(3)))),
        (b"DESCRIBE rtsp://h RTSP/1.0\r\nCSeq: 3\r\nContent-Length: 99999999\r\n\r\n", Some((413, Some(3)))),
        (b"GET / HTTP/1.1\r\n\r\n", None),
    ] {
        let mut scenario = Scenario::new(ServerConfig::default());
        let conn = scenario.connect();
        scenario.send(conn, bytes);
        let text = String::from_utf8_lossy(bytes);
        if let Some((expected, cseq)) = expected {
            let response = scenario.response(conn);
            assert_eq!((status(&response), response.cseq()), (expected, cseq), "{text}");
        }
        assert!(scenario.is_closed(conn), "{text}");
        assert!(scenario.server.is_empty(), "{text}");
    }
}

#[test]
fn methods_are_refused_in_states_that_do_not_have_them() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    let session = session_of(&setup);
    let record = scenario.request(conn, &format!("RECORD rtsp://h/cam|Session: {session}"));
    assert_eq!(status(&record), 455);
    let allowed = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";
    assert_eq!(record.headers.get("Allow"), Some(allowed));
    scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"));
    for request in [
        "SETUP rtsp://h/cam/trackID=1|Transport: RTP/AVP/TCP",
        "ANNOUNCE rtsp://h/other",
        "RECORD rtsp://h/cam",
    ] {
        let response = scenario.request(conn, &format!("{request}|Session: {session}"));
        assert_eq!(status(&response), 455, "{request}");
    }
}

#[test]
fn what_is_for_all_tracks_is_not_done_to_one_of_several() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    let session = session_of(&setup);
    let play = format!("PLAY rtsp://h/cam/trackID=0|Session: {session}");
    assert_eq!(status(&scenario.request(conn, &play)), 200, "its only track is all of it");
    scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {session}"));
    let second = format!("SETUP rtsp://h/cam/trackID=1|Session: {session}|Transport: RTP/AVP/TCP");
    assert_eq!(status(&scenario.request(conn, &second)), 200);
    for method in ["PLAY", "PAUSE"] {
        let request = format!("{method} rtsp://h/cam/trackID=0|Session: {session}");
        assert_eq!(status(&scenario.request(conn, &request)), 460, "{method}");
    }
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/other|Session: {session}"))), 404);
    for uri in ["rtsp://h/cam", "rtsp://h/cam/", "rtsp://h/cam?a=b/", "*"] {
        assert_eq!(status(&scenario.request(conn, &format!("PLAY {uri}|Session: {session}"))), 200, "{uri}");
        assert_eq!(status(&scenario.request(conn, &format!("PAUSE {uri}|Session: {session}"))), 200, "{uri}");
    }
}

/// The deviations that have been recorded of the connections so far.
fn tolerances(scenario: &Scenario) -> Vec<Tolerance> {
    let told = scenario.events.iter().rev().find_map(|event| match event {
        Event::Tolerated { tolerances, .. } => Some(tolerances.iter().collect()),
        _ => None,
    });
    told.unwrap_or_default()
}

#[test]
fn a_request_for_a_session_may_have_a_star_where_its_url_belongs() {
    for method in ["PLAY", "PAUSE", "OPTIONS", "GET_PARAMETER"] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
        let setup =
            scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
        let request = format!("{method} *|Session: {}", session_of(&setup));
        assert_eq!(status(&scenario.request(conn, &request)), 200, "{method}");
        let recorded = if method.starts_with('P') { vec![Tolerance::AsteriskUri] } else { vec![] };
        assert_eq!(tolerances(&scenario), recorded, "{method}");
    }
}

#[test]
fn of_a_header_that_is_repeated_the_first_counts() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    scenario.send(conn, b"OPTIONS * RTSP/1.0\r\nCSeq: 8\r\nCSeq: 9\r\n\r\n");
    let response = scenario.response(conn);
    assert_eq!((status(&response), response.cseq()), (200, Some(8)));
    assert_eq!(tolerances(&scenario), [Tolerance::RepeatedHeader]);

    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    let play = format!("PLAY rtsp://h/cam|Session: {}|Session: another", session_of(&setup));
    assert_eq!(status(&scenario.request(conn, &play)), 200);
    assert_eq!(tolerances(&scenario), [Tolerance::RepeatedHeader]);
}

#[test]
fn a_session_does_not_exist_for_other_addresses_and_other_connections() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    let session = session_of(&setup);
    let neighbour = scenario.connect_from(peer(41_000));
    let stranger = scenario.connect_from(([198, 51, 100, 9], 40_000).into());
    for conn in [neighbour, stranger] {
        for method in ["PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "OPTIONS"] {
            let request = format!("{method} rtsp://h/cam|Session: {session}");
            assert_eq!(status(&scenario.request(conn, &request)), 454, "{method}");
        }
    }
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
}

#[test]
fn the_only_session_of_a_connection_need_not_be_named() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    for method in ["PLAY", "PAUSE"] {
        assert_eq!(status(&scenario.request(conn, &format!("{method} rtsp://h/cam"))), 200, "{method}");
    }
    let told = |event: &Event| matches!(event, Event::Tolerated { tolerances, .. } if tolerances.contains(Tolerance::SessionNotNamed));
    assert_eq!(scenario.events.iter().filter(|event| told(event)).count(), 1);
}

#[test]
fn a_request_that_does_not_name_its_session_is_a_sign_of_its_life() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    for _ in 0..3 {
        scenario.advance(Duration::from_secs(50));
        assert_eq!(status(&scenario.request(conn, "PAUSE rtsp://h/cam")), 200);
    }
    scenario.advance(Duration::from_secs(61));
    assert!(scenario.is_closed(conn));
}

#[test]
fn a_range_that_cannot_be_played_is_refused_and_the_session_stays() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
    let session = session_of(&scenario.request(conn, setup));
    for (range, expected) in [
        ("npt=5-3", 457),
        ("npt=now", 457),
        ("npt=-", 457),
        ("clock=20260102T000000Z-20260101T000000Z", 457),
        ("smpte=99:99:99:99-", 457),
        ("bytes=0-5", 501),
        ("npt=23,89-now", 200),
        ("npt=5-3", 457),
        ("clock=20260101T000000Z-", 200),
    ] {
        let response =
            scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}|Range: {range}"));
        assert_eq!(status(&response), expected, "{range}");
    }
    let told = |event: &Event| matches!(event, Event::Tolerated { tolerances, .. } if tolerances.contains(Tolerance::DecimalComma));
    assert!(scenario.events.iter().any(told));
}

/// Returns `true` if it was told that a client does not name its session.
fn told_that_it_was_not_named(scenario: &Scenario) -> bool {
    let told = |event: &Event| matches!(event, Event::Tolerated { tolerances, .. } if tolerances.contains(Tolerance::SessionNotNamed));
    scenario.events.iter().any(told)
}

const TRACK: &str = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast";

#[test]
fn a_request_that_is_about_no_session_is_not_taken_for_one() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    assert_eq!(status(&scenario.request(conn, TRACK)), 200);
    for request in ["OPTIONS *", "DESCRIBE rtsp://h/cam", "GET_PARAMETER *"] {
        assert_eq!(status(&scenario.request(conn, request)), 200);
    }
    assert!(!told_that_it_was_not_named(&scenario));
}

#[test]
fn of_two_sessions_none_is_meant_by_a_request_that_names_none() {
    let mut scenario = Scenario::with_udp();
    scenario.publish("/cam");
    let udp = |ports| format!("SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP;unicast;client_port={ports}");
    let (first, second) = (scenario.connect(), scenario.connect());
    let sessions = [(first, "5000-5001"), (second, "6000-6001")]
        .map(|(conn, ports)| session_of(&scenario.request(conn, &udp(ports))));
    let ask = format!("GET_PARAMETER *|Session: {}", sessions[1]);
    assert_eq!(status(&scenario.request(first, &ask)), 200);
    assert_eq!(status(&scenario.request(first, "PLAY rtsp://h/cam")), 454);
    assert_eq!(status(&scenario.request(second, "PLAY rtsp://h/cam")), 200, "which has only one");
}

#[test]
fn only_the_setup_behind_announce_need_not_name_its_session() {
    let setup = "SETUP rtsp://h/live/streamid=0|Transport: RTP/AVP/TCP;unicast;mode=record";
    for (requests, is_told) in [
        ([setup, "OPTIONS *"], false),
        ([setup, "PAUSE rtsp://h/live"], true),
        (["OPTIONS *", "TEARDOWN rtsp://h/live"], true),
    ] {
        let mut scenario = Scenario::new(ServerConfig::default());
        let conn = scenario.connect();
        scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
        assert_eq!(status(&scenario.response(conn)), 200);
        requests.iter().for_each(|request| assert_eq!(status(&scenario.request(conn, request)), 200));
        assert_eq!(told_that_it_was_not_named(&scenario), is_told, "{requests:?}");
    }
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    scenario.request(conn, TRACK);
    scenario.request(conn, &TRACK.replace("trackID=0", "trackID=1"));
    assert!(told_that_it_was_not_named(&scenario), "a reader's second SETUP names it");
}
