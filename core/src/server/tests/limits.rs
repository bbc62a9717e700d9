use std::time::Duration;

use super::scenario::{Scenario, peer, session_of, status};
use crate::conn::CloseReason;
use crate::limits::{CONNS_PER_SESSION_MAX, GOODBYE_DELAY, REQUESTS_WAITING_MAX, URI_BYTES_MAX};
use crate::server::{AddStreamError, Asks, Event, Refused, ServerConfig};
use crate::wire::{Message, Method, Request};

#[test]
fn no_more_connections_are_taken_on_than_may_be() {
    let mut scenario = Scenario::new(ServerConfig::default().conns_max(2));
    let first = scenario.connect();
    scenario.connect();
    assert_eq!(scenario.server.open_conn(scenario.now, peer(1)).unwrap_err(), Refused::Conns);
    scenario.hang_up(first);
    assert!(scenario.server.open_conn(scenario.now, peer(1)).is_ok());
}

#[test]
fn no_more_sessions_are_opened_than_may_be() {
    let (mut scenario, first, _) = Scenario::with_stream(ServerConfig::default().sessions_max(1));
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP";
    assert_eq!(status(&scenario.request(first, setup)), 200);
    let second = scenario.connect();
    assert_eq!(status(&scenario.request(second, setup)), 503);
    scenario.hang_up(first);
    assert_eq!(status(&scenario.request(second, setup)), 200);
}

#[test]
fn no_more_sessions_are_opened_on_a_connection_than_may_be() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().sessions_per_conn_max(2));
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP";
    let session = session_of(&scenario.request(conn, setup));
    scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"));
    for (path, expected) in [("/a", 200), ("/b", 503)] {
        scenario.post(conn, &format!("ANNOUNCE rtsp://h{path}|Session: "), super::scenario::SDP);
        let got = status(&scenario.response(conn));
        assert!(got == expected || got == 454, "{path}: {got}");
    }
}

#[test]
fn a_stream_needs_a_free_path_and_at_least_one_media() {
    let (mut scenario, _, _) = Scenario::with_stream(ServerConfig::default());
    let now = scenario.now;
    let mut add =
        |path: &str, description| scenario.server.add_stream(now, path, description).map(|(id, _)| id);
    let described = super::scenario::description;
    assert_eq!(add("/cam", described()), Err(AddStreamError::PathInUse));
    assert_eq!(add("cam2", described()), Err(AddStreamError::BadPath));
    assert_eq!(add("/cam2/", described()), Err(AddStreamError::BadPath));
    let mut none = described();
    none.medias.clear();
    assert_eq!(add("/cam2", none), Err(AddStreamError::Medias));
    let mut many = described();
    many.medias = vec![many.medias[0].clone(); crate::limits::MEDIAS_MAX + 1];
    assert_eq!(add("/cam2", many), Err(AddStreamError::Medias));
    assert!(add("/", described()).is_ok());
}

#[test]
fn a_uri_is_as_long_as_the_limit_and_no_longer() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let uri = format!("rtsp://h/cam?{}", "q".repeat(URI_BYTES_MAX - "rtsp://h/cam?".len()));
    assert_eq!(status(&scenario.request(conn, &format!("DESCRIBE {uri}"))), 200);
    assert_eq!(status(&scenario.request(conn, &format!("DESCRIBE {uri}q"))), 414);
    assert!(!scenario.is_closed(conn));
}

#[test]
fn requests_that_wait_are_bounded_and_none_is_lost() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    let mut bytes = Vec::new();
    for cseq in 0..100 {
        bytes.extend_from_slice(format!("DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n").as_bytes());
    }
    scenario.send(conn, &bytes);
    assert_eq!(scenario.server.conns.get(conn).unwrap().queue.len(), REQUESTS_WAITING_MAX - 1);
    for cseq in 0..100 {
        let Some(Event::Describe(question)) = scenario.events.pop() else { panic!("question {cseq}") };
        scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
        assert_eq!(scenario.response(conn).cseq(), Some(cseq));
    }
}

#[test]
fn a_message_that_begins_and_does_not_end_closes_its_connection() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let slow = scenario.connect();
    let idle = scenario.connect();
    for byte in b"OPTIONS * R" {
        scenario.send(slow, &[*byte]);
        scenario.advance(Duration::from_millis(950));
    }
    assert!(scenario.is_closed(slow));
    assert!(!scenario.is_closed(idle));
}

#[test]
fn a_connection_without_a_session_that_asks_nothing_is_closed() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (idle, busy) = (scenario.connect(), scenario.connect());
    for _ in 0..4 {
        scenario.advance(Duration::from_secs(20));
        assert_eq!(status(&scenario.request(busy, "OPTIONS *")), 200);
    }
    assert!(scenario.is_closed(idle));
    assert!(!scenario.is_closed(busy));
    let closed = |event: &&Event| matches!(event, Event::ConnClosed { reason: CloseReason::Idle, .. });
    assert_eq!(scenario.events.iter().filter(closed).count(), 1);
}

#[test]
fn closing_tells_readers_and_leaves_nothing() {
    let (mut scenario, reader, _) = Scenario::with_stream(ServerConfig::default());
    let idle = scenario.connect();
    let session =
        session_of(&scenario.request(reader, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP"));
    scenario.request(reader, &format!("PLAY rtsp://h/cam|Session: {session}"));
    scenario.server.close(scenario.now);
    assert!(scenario.is_closed(idle));
    scenario.advance(GOODBYE_DELAY);
    assert!(scenario.is_closed(reader));
    assert!(scenario.server.is_empty());
    assert_eq!(scenario.server.open_conn(scenario.now, peer(1)).unwrap_err(), Refused::Closing);
    let unpublished =
        |event: &Event| matches!(event, Event::Unpublished { reason: CloseReason::ServerClosed, .. });
    assert!(scenario.events.iter().any(unpublished));
}

#[test]
fn a_reader_that_leaves_while_the_server_closes_keeps_nothing_open() {
    let (mut scenario, reader, _) = Scenario::with_stream(ServerConfig::default());
    scenario.request(reader, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP");
    scenario.request(reader, "PLAY rtsp://h/cam");
    scenario.server.close(scenario.now);
    // Its TEARDOWN comes before it has been told of the end.
    let teardown = Request::new(Method::Teardown, "rtsp://h/cam").with_header("CSeq", 9);
    let (now, logs) = (scenario.now, &scenario.logs);
    scenario.server.handle_message(now, reader, Message::Request(teardown), logs);
    assert_eq!(status(&scenario.response(reader)), 200);
    assert!(scenario.is_closed(reader) && scenario.server.is_empty());
}

#[test]
fn timeouts_of_zero_make_no_busy_loop() {
    let config = ServerConfig::default().conn_idle(Duration::ZERO).session_timeout(Duration::ZERO);
    let (mut scenario, conn, _) = Scenario::with_stream(config);
    scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP");
    assert_eq!(status(&scenario.request(conn, "PLAY rtsp://h/cam")), 200);
    scenario.advance(Duration::from_secs(10));
    assert!(!scenario.is_closed(conn));
}

/// Connections with a session over UDP each, which plays.
fn sessions_over_udp(scenario: &mut Scenario, count: u16) -> Vec<String> {
    let mut sessions = Vec::new();
    for number in 0..count {
        let conn = scenario.connect();
        let ports = format!("client_port={}-{}", 5000 + 2 * number, 5001 + 2 * number);
        let setup = format!("SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP;unicast;{ports}");
        let session = session_of(&scenario.request(conn, &setup));
        assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
        sessions.push(session);
    }
    sessions
}

#[test]
fn a_connection_names_no_more_sessions_of_its_address_than_it_may_have() {
    let mut scenario = Scenario::with_udp_and(|config| config.sessions_per_conn_max(2));
    scenario.publish("/cam");
    let sessions = sessions_over_udp(&mut scenario, 3);
    let other = scenario.connect();
    let mut ask = |method: &str, session: &str| {
        status(&scenario.request(other, &format!("{method} rtsp://h/cam|Session: {session}")))
    };
    for (number, expected) in [(0, 200), (1, 200), (2, 503), (1, 200)] {
        assert_eq!(ask("GET_PARAMETER", &sessions[number]), expected, "session {number}");
    }
    assert_eq!(ask("TEARDOWN", &sessions[0]), 200);
    assert_eq!(ask("GET_PARAMETER", &sessions[2]), 200);
}

#[test]
fn a_session_is_named_by_no_more_connections_than_may_be() {
    let mut scenario = Scenario::with_udp();
    scenario.publish("/cam");
    let session = sessions_over_udp(&mut scenario, 1).remove(0);
    let ask = format!("GET_PARAMETER rtsp://h/cam|Session: {session}");
    let others: Vec<_> = (0..CONNS_PER_SESSION_MAX).map(|_| scenario.connect()).collect();
    let statuses: Vec<u16> = others.iter().map(|conn| status(&scenario.request(*conn, &ask))).collect();
    let (last, first) = statuses.split_last().unwrap();
    assert!(first.iter().all(|status| *status == 200) && *last == 503, "{statuses:?}");
    scenario.hang_up(others[0]);
    assert_eq!(status(&scenario.request(others[CONNS_PER_SESSION_MAX - 1], &ask)), 200);
}
