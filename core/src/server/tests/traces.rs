//! Dialogues are told if that is wanted.

use super::access::{Player, guarded};
use super::scenario::{Scenario, session_of, status};
use crate::server::{Event, ServerConfig};
use crate::wire::Message;
use crate::{SessionId, Url};

/// The messages that were told since the last look: the way, the session, and the first line.
fn told(scenario: &mut Scenario) -> Vec<(char, Option<SessionId>, String)> {
    scenario.drain();
    let line = |message: &Message| {
        let text = String::from_utf8(message.to_bytes().to_vec()).unwrap();
        text.lines().next().unwrap().to_owned()
    };
    let traced = std::mem::take(&mut scenario.events).into_iter().filter_map(|event| match event {
        Event::MessageReceived { session, traced, .. } => Some(('<', session, line(&traced.message))),
        Event::MessageSent { session, traced, .. } => Some(('>', session, line(&traced.message))),
        _ => None,
    });
    traced.collect()
}

const SETUP: &str = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP";

#[test]
fn a_dialogue_is_told_with_its_session_both_ways() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().trace(true));
    let key = session_of(&scenario.request(conn, SETUP));
    let session = scenario.server.sessions().next().unwrap().session;
    let elsewhere = Url::parse("rtsp://other/cam").unwrap();
    assert!(scenario.server.redirect_session(session, &elsewhere));
    scenario.send(conn, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
    scenario.received(conn);
    scenario.request(conn, &format!("TEARDOWN rtsp://h/cam|Session: {key}"));
    scenario.request(conn, "PLAY rtsp://h/cam|Session: 0123456789abcdef0123456789abcdef");
    scenario.send(conn, b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 99999999\r\n\r\n");
    let told = told(&mut scenario);
    let lines: Vec<_> = told.iter().map(|(way, session, line)| (*way, session.is_some(), &**line)).collect();
    assert_eq!(
        lines,
        [
            ('<', false, "SETUP rtsp://h/cam/trackID=0 RTSP/1.0"),
            ('>', true, "RTSP/1.0 200 OK"),
            ('>', true, "REDIRECT rtsp://h/cam RTSP/1.0"),
            ('<', false, "RTSP/1.0 200 OK"),
            ('<', true, "TEARDOWN rtsp://h/cam RTSP/1.0"),
            ('>', false, "RTSP/1.0 200 OK"),
            ('<', false, "PLAY rtsp://h/cam RTSP/1.0"),
            ('>', false, "RTSP/1.0 454 Session Not Found"),
            ('>', false, "RTSP/1.0 413 Request Entity Too Large"),
        ]
    );
    assert!(told.iter().all(|(_, told, _)| told.is_none_or(|told| told == session)));
}

#[test]
fn nothing_of_a_dialogue_is_told_unless_it_is_wanted() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    assert_eq!(status(&scenario.request(conn, SETUP)), 200);
    assert_eq!(told(&mut scenario), []);
}

#[test]
fn no_event_shows_what_proves_who_a_peer_is() {
    let mut scenario = Scenario::new(guarded().trace(true));
    scenario.publish("/cam");
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    assert_eq!(
        status(&player.request(&mut scenario, "DESCRIBE rtsp://wall:donkey@h/cam?token=donkey", "")),
        200
    );
    scenario.drain();
    let shown: Vec<_> = scenario.events.iter().map(|event| format!("{event:?}")).collect();
    assert!(shown.iter().any(|event| event.contains("Authorization")), "{shown:?}");
    let secrets = ["donkey", "Digest username", "response="];
    assert!(!shown.iter().any(|event| secrets.iter().any(|secret| event.contains(secret))), "{shown:?}");
}
