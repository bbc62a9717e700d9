use std::time::Duration;

use super::scenario::{SDP, Scenario, session_of, status};
use crate::conn::CloseReason;
use crate::server::{Asks, Event, ServerConfig};
use crate::url::Url;
use crate::wire::{Item, Message, Method, Request};
use crate::{ConnId, SessionId};

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
const LIMIT: Duration = Duration::from_secs(30);

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// A reader that plays `/cam`, and its session.
fn reader(scenario: &mut Scenario) -> (ConnId, String, SessionId) {
    let conn = scenario.connect();
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0?a=b|Transport: {TCP}"));
    let key = session_of(&setup);
    scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {key}"));
    let playing = scenario.events.iter().rev().find_map(|event| match event {
        Event::Playing { session, .. } => Some(*session),
        _ => None,
    });
    (conn, key, playing.unwrap())
}

/// The request that the peer of a connection is sent next.
fn asked(scenario: &mut Scenario, conn: ConnId) -> Request {
    match scenario.received(conn) {
        Some(Item::Message(Message::Request(request))) => request,
        other => panic!("no request but {other:?}"),
    }
}

#[test]
fn a_session_is_asked_to_go_on_elsewhere_and_ends_when_its_peer_does_so() {
    let (mut scenario, idle, _) = Scenario::with_stream(ServerConfig::default());
    let (conn, key, session) = reader(&mut scenario);
    assert!(scenario.server.redirect_session(session, &url("rtsp://user:secret@other:8554/cam")));
    let request = asked(&mut scenario, conn);
    assert_eq!((&request.method, &*request.uri), (&Method::Redirect, "rtsp://h/cam?a=b"));
    assert_eq!(request.headers.get("Location"), Some("rtsp://other:8554/cam"), "without a password");
    assert_eq!(request.headers.get("Session"), Some(&*key));
    let cseq = request.cseq().unwrap();
    scenario.send(conn, format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n\r\n").as_bytes());
    assert_eq!(status(&scenario.request(conn, &format!("TEARDOWN rtsp://h/cam|Session: {key}"))), 200);
    assert!(!scenario.server.redirect_session(session, &url("rtsp://other/cam")), "it is gone");
    assert!(scenario.received(idle).is_none());
}

#[test]
fn a_publisher_is_asked_too() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live?key=1", SDP);
    scenario.response(conn);
    scenario.server.drain(scenario.now, Some(url("rtsp://other/")), LIMIT);
    let request = asked(&mut scenario, conn);
    assert_eq!(
        (&*request.uri, request.headers.get("Location")),
        ("rtsp://h/live?key=1", Some("rtsp://other/live?key=1"))
    );
}

#[test]
fn a_server_that_drains_sends_away_whoever_comes_and_waits_for_those_that_are_there() {
    for (to, expected, location) in
        [(Some("rtsp://other:8554/ignored"), 302, Some("rtsp://other:8554/cam?a=b")), (None, 503, None)]
    {
        let (mut scenario, comer, _) = Scenario::with_stream(ServerConfig::default());
        let (stays, key, _) = reader(&mut scenario);
        let (goes, other, _) = reader(&mut scenario);
        scenario.server.drain(scenario.now, to.map(url), LIMIT);
        for conn in [stays, goes] {
            if to.is_some() {
                assert_eq!(asked(&mut scenario, conn).headers.get("Location"), location);
            }
            assert!(scenario.received(conn).is_none());
        }
        for request in
            ["DESCRIBE rtsp://h/cam?a=b", "ANNOUNCE rtsp://h/cam?a=b", "SETUP rtsp://h/cam/trackID=0?a=b"]
        {
            let response = scenario.request(comer, request);
            assert_eq!(
                (status(&response), response.headers.get("Location")),
                (expected, location),
                "{request}"
            );
        }
        assert_eq!(status(&scenario.request(comer, "OPTIONS rtsp://h/cam")), 200);
        assert_eq!(status(&scenario.request(goes, &format!("TEARDOWN rtsp://h/cam|Session: {other}"))), 200);
        scenario.advance(LIMIT - Duration::from_nanos(1));
        assert_eq!(status(&scenario.request(stays, &format!("PLAY rtsp://h/cam|Session: {key}"))), 200);
        assert_eq!(scenario.server.session_count(), 1);
        scenario.advance(Duration::from_nanos(1));
        assert_eq!(scenario.server.session_count(), 0);
        let ended =
            |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::ServerClosed, .. });
        assert_eq!(scenario.events.iter().filter(|event| ended(event)).count(), 1);
    }
}

#[test]
fn the_limit_of_a_drain_holds_for_a_server_that_stands_still_until_then() {
    for limit in [LIMIT, Duration::ZERO] {
        let (mut scenario, _, _) = Scenario::with_stream(ServerConfig::default());
        reader(&mut scenario);
        scenario.server.drain(scenario.now, None, limit);
        let late = scenario.now + limit + Duration::from_secs(10);
        scenario.server.handle_timeout(late, &scenario.logs);
        assert_eq!(scenario.server.session_count(), 0);
    }
}

#[test]
fn a_question_that_is_answered_when_the_server_drains_opens_no_session() {
    for (request, body) in [
        ("ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP),
        ("SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast;interleaved=0-1", ""),
    ] {
        let config = ServerConfig::default().asks(Asks::ANNOUNCE | Asks::SETUP);
        let (mut scenario, conn, _) = Scenario::with_stream(config);
        scenario.post(conn, request, body);
        scenario.drain();
        let (now, question) = (scenario.now, scenario.events.pop());
        scenario.server.drain(now, None, LIMIT);
        let answered = match question {
            Some(Event::Announce(asked)) => scenario.server.answer(now, asked.ticket, Ok(()), &scenario.logs),
            Some(Event::Setup(asked)) => scenario.server.answer(now, asked.ticket, Ok(()), &scenario.logs),
            other => panic!("{other:?}"),
        };
        assert_eq!(answered, Ok(()));
        assert_eq!(status(&scenario.response(conn)), 503);
        assert_eq!(scenario.server.session_count(), 0);
    }
}

#[test]
fn who_has_no_right_learns_of_no_other_server() {
    let (mut scenario, conn, _) = Scenario::with_stream(super::access::guarded());
    scenario.server.drain(scenario.now, Some(url("rtsp://other/")), LIMIT);
    assert_eq!(status(&scenario.request(conn, "DESCRIBE rtsp://h/cam")), 401);
}
