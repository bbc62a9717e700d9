//! Users that change while the server runs.

use super::access::{Player, guarded, users};
use super::scenario::{Scenario, session_of, status, video};
use crate::auth::{Action, Secret, User, Users};
use crate::conn::CloseReason;
use crate::server::{Asks, Event, ServerConfig};

const SETUP: &str = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast;interleaved=0-1";

/// Plays `/cam`, and gives the session.
fn play(scenario: &mut Scenario, player: &mut Player) -> String {
    let session = session_of(&player.request(scenario, SETUP, ""));
    let request = format!("PLAY rtsp://h/cam|Session: {session}");
    assert_eq!(status(&player.request(scenario, &request, "")), 200);
    session
}

/// The reasons of the sessions that have ended.
fn ended(scenario: &Scenario) -> Vec<String> {
    let reason = |event: &Event| match event {
        Event::SessionClosed { reason: CloseReason::Noted(note), .. } => Some(note.text().to_owned()),
        _ => None,
    };
    scenario.events.iter().filter_map(reason).collect()
}

fn set(scenario: &mut Scenario, users: impl Into<Option<Users>>) {
    scenario.server.set_users(scenario.now, users);
    scenario.drain();
}

#[test]
fn what_other_users_still_allow_goes_on_untouched() {
    let (mut scenario, _, stream) = Scenario::with_stream(guarded());
    let mut wall = Player::new(&mut scenario, "wall", "correct horse");
    let session = play(&mut scenario, &mut wall);
    set(&mut scenario, users().with(User::new("new", Secret::password("x")).may_all("*")));
    scenario.push(stream, 0, video(1, b"a"));
    let media = scenario.frames(wall.conn).into_iter().filter(|(channel, _)| *channel == 0);
    assert_eq!(media.count(), 1, "it plays on");
    let keepalive = format!("GET_PARAMETER rtsp://h/cam|Session: {session}");
    assert_eq!(status(&scenario.request(wall.conn, &keepalive)), 200, "and proves nothing anew");
    let mut new = Player::new(&mut scenario, "new", "x");
    assert_eq!(status(&new.request(&mut scenario, "DESCRIBE rtsp://h/cam", "")), 200);
    set(&mut scenario, None);
    let anybody = scenario.connect();
    assert_eq!(status(&scenario.request(anybody, "DESCRIBE rtsp://h/cam")), 200);
    assert!(ended(&scenario).is_empty());
}

#[test]
fn sessions_without_a_right_end_with_it() {
    let wall = |password| User::new("wall", Secret::password(password));
    for (now, goes_on) in [
        (Users::default(), false),
        (Users::default().with(wall("correct horse")), false),
        (Users::default().with(wall("another").may(Action::Read, "/cam")), false),
        (Users::default().with(wall("another")).anyone_may(Action::Read, "/cam"), false),
        (Users::default().with(wall("correct horse").may(Action::Publish, "/cam")), false),
        (Users::default().with(wall("correct horse").may(Action::Read, "/c*")), true),
        (Users::default().with(wall("correct horse")).anyone_may(Action::Read, "/cam"), true),
    ] {
        let (mut scenario, _, _) = Scenario::with_stream(guarded());
        let mut player = Player::new(&mut scenario, "wall", "correct horse");
        play(&mut scenario, &mut player);
        let shown = format!("{now:?}");
        set(&mut scenario, now);
        let expected = if goes_on { vec![] } else { vec!["no longer allowed".to_owned()] };
        assert_eq!(ended(&scenario), expected, "{shown}");
    }
}

#[test]
fn a_connection_proves_anew_what_it_has_proved_to_former_users() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    let mut wall = Player::new(&mut scenario, "wall", "correct horse");
    let describe = "DESCRIBE rtsp://h/cam";
    assert_eq!(status(&wall.request(&mut scenario, describe, "")), 200);
    assert_eq!(status(&scenario.request(wall.conn, describe)), 200, "it was proved");
    set(&mut scenario, Users::default().with(User::new("wall", Secret::password("x")).may_all("*")));
    assert_eq!(status(&scenario.request(wall.conn, describe)), 401);
    wall.password = "x";
    assert_eq!(status(&wall.request(&mut scenario, describe, "")), 200);
}

#[test]
fn sessions_of_nobody_end_where_a_name_is_needed() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    assert_eq!(status(&scenario.request(conn, SETUP)), 200);
    set(&mut scenario, users());
    assert_eq!(ended(&scenario), ["no longer allowed"]);
}

#[test]
fn an_application_that_decides_itself_closes_itself() {
    let config = guarded().asks(Asks::AUTHENTICATE);
    let (mut scenario, _, _) = Scenario::with_stream(config);
    set(&mut scenario, Users::default());
    assert!(ended(&scenario).is_empty());
}
