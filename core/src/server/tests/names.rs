//! Events name the session and the connection that they are about.

use std::time::Duration;

use super::access::{Player, guarded};
use super::scenario::{SDP, Scenario, session_of, status};
use crate::conn::CloseReason;
use crate::server::{Event, Refused, ServerConfig};
use crate::{ConnId, SessionId};

const TCP: &str = "Transport: RTP/AVP/TCP;unicast";

/// A publisher at `/live`.
fn publisher(scenario: &mut Scenario) -> (ConnId, SessionId) {
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    for track in 0..2 {
        let setup = format!("SETUP rtsp://h/live/streamid={track}|{TCP};mode=record");
        assert_eq!(status(&scenario.request(conn, &setup)), 200);
    }
    assert_eq!(status(&scenario.request(conn, "RECORD rtsp://h/live")), 200);
    (conn, scenario.server.sessions().next().unwrap().session)
}

/// The session and connection of the last event of a kind.
fn named(
    scenario: &Scenario,
    is: impl Fn(&Event) -> Option<(SessionId, ConnId)>,
) -> Option<(SessionId, ConnId)> {
    scenario.events.iter().rev().find_map(is)
}

#[test]
fn the_end_of_a_publishers_stream_names_its_session_and_its_connection() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (conn, session) = publisher(&mut scenario);
    scenario.hang_up(conn);
    let unpublished = named(&scenario, |event| match event {
        Event::Unpublished { session, conn, reason: CloseReason::ConnectionLost, .. } => session.zip(*conn),
        _ => None,
    });
    assert_eq!(unpublished, Some((session, conn)));

    let mut waiting = Scenario::new(ServerConfig::default().resume(Duration::from_secs(9)));
    let (conn, session) = publisher(&mut waiting);
    waiting.hang_up(conn);
    let gone = named(&waiting, |event| match event {
        Event::PublisherGone { session, conn, .. } => Some((*session, *conn)),
        _ => None,
    });
    assert_eq!(gone, Some((session, conn)));
    waiting.advance(Duration::from_secs(11));
    let ended = |event: &Event| matches!(event, Event::Unpublished { session: None, conn: None, .. });
    assert!(waiting.events.iter().any(ended), "the session had ended before");
}

#[test]
fn a_track_that_is_torn_down_is_told_with_its_session() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let key = session_of(&scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}")));
    scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=1|Session: {key}|{TCP}"));
    let own = scenario.server.sessions().next().unwrap().session;
    scenario.request(conn, &format!("TEARDOWN rtsp://h/cam/trackID=1|Session: {key}"));
    match scenario.events.pop() {
        Some(Event::TrackClosed { session, conn: at, media }) => {
            assert_eq!((session, at, media), (own, conn, 1));
        }
        other => panic!("no track was closed but {other:?}"),
    }
}

#[test]
fn a_session_that_is_refused_is_told_with_its_connection_and_a_connection_with_none() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().sessions_max(0).conns_max(1));
    assert_eq!(status(&scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}"))), 503);
    let refused = |event: Option<Event>| match event {
        Some(Event::Refused { conn, reason, .. }) => (conn, reason),
        other => panic!("nobody was refused but {other:?}"),
    };
    assert_eq!(refused(scenario.events.pop()), (Some(conn), Refused::Sessions));
    scenario.advance(Duration::from_secs(1));
    assert_eq!(scenario.try_connect_from(super::scenario::peer(2)), Err(Refused::Conns));
    scenario.drain();
    assert_eq!(refused(scenario.events.pop()), (None, Refused::Conns));
}

#[test]
fn wrong_credentials_for_a_session_are_told_with_it() {
    let mut scenario = Scenario::new(guarded());
    scenario.publish("/cam");
    let mut owner = Player::new(&mut scenario, "wall", "correct horse");
    let setup = owner.request(&mut scenario, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}"), "");
    let play = format!("PLAY rtsp://h/cam|Session: {}", session_of(&setup));
    owner.password = "wrong";
    assert_eq!(status(&owner.request_once(&mut scenario, &play, "")), 401);
    let own = scenario.server.sessions().next().unwrap().session;
    let told = named(&scenario, |event| match event {
        Event::AuthFailed { session, conn, .. } => session.map(|session| (session, *conn)),
        _ => None,
    });
    assert_eq!(told, Some((own, owner.conn)));
}
