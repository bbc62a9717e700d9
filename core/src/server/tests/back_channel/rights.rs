//! The right to speak.

use super::super::access::Player;
use super::super::answers::{answer, asked};
use super::*;
use crate::auth::{Action, Secret, User, Users};
use crate::limits::SPEAKERS_MAX;
use crate::server::{Asks, Authority};
use crate::wire::{Response, StatusCode};

#[test]
fn one_more_than_may_speak_is_refused_and_plays() {
    let mut scenario = open(ServerConfig::default());
    let mut speakers: Vec<_> = (0..SPEAKERS_MAX).map(|_| speaker(&mut scenario, false)).collect();
    let conn = scenario.connect_from(peer(41_000));
    let (session, last) = set_up(&mut scenario, conn, false, &[0, 1]);
    assert_eq!(last, 453);
    assert_eq!(act(&mut scenario, conn, "PLAY", &session), 200);
    // A peer that goes makes room, and a session that is set up anew takes it.
    let (first, session, _) = speakers.remove(0);
    assert_eq!(act(&mut scenario, first, "TEARDOWN", &session), 200);
    speaker(&mut scenario, false);

    let mut scenario = open(ServerConfig::default().speakers_max(0));
    let conn = scenario.connect();
    assert_eq!(set_up(&mut scenario, conn, false, &[0, 1]).1, 453);
}

#[test]
fn the_application_says_who_may_speak() {
    let mut scenario = open(ServerConfig::default().asks(Asks::SPEAK));
    let conn = scenario.connect();
    let (session, _) = set_up(&mut scenario, conn, false, &[0]);
    for (reply, expected) in [(Err(StatusCode::FORBIDDEN.into()), 403), (Ok(()), 200)] {
        let setup = format!("SETUP rtsp://h/door/trackID=1|{}|{session}", transport(false, 1));
        scenario.post(conn, &setup, "");
        let question = asked!(scenario, Speak);
        assert_eq!((question.media, question.action, &*question.path), (Some(1), Action::Speak, "/door"));
        answer!(scenario, question, reply);
        assert_eq!(status(&scenario.response(conn)), expected);
    }
    assert_eq!(act(&mut scenario, conn, "PLAY", &session), 200);
    opened(&scenario);
}

#[test]
fn a_media_that_becomes_a_back_channel_while_the_application_thinks_is_not_spoken_into() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::SPEAK | Asks::SETUP));
    let conn = scenario.connect();
    let setup = format!("SETUP rtsp://h/door/trackID=1|{}", transport(false, 1));
    scenario.post(conn, &setup, "");
    let question = asked!(scenario, Setup);
    scenario = open_in(scenario);
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(conn)), 503);
    scenario.post(conn, &setup, "");
    let question = asked!(scenario, Speak);
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(conn)), 200);
}

#[test]
fn whoever_may_read_by_the_applications_word_is_asked_about_once_more_before_it_speaks() {
    for becomes_one_meanwhile in [false, true] {
        let config = ServerConfig::default().asks(Asks::AUTHENTICATE);
        let mut scenario = if becomes_one_meanwhile { Scenario::new(config) } else { open(config) };
        let conn = scenario.connect();
        let setup = format!("SETUP rtsp://h/door/trackID=1|{}", transport(false, 1));
        scenario.post(conn, &setup, "");
        let question = asked!(scenario, Authenticate);
        assert_eq!(question.action, Action::Read);
        if becomes_one_meanwhile {
            scenario = open_in(scenario);
        }
        answer!(scenario, question, Ok(Authority::Open));
        let question = asked!(scenario, Authenticate);
        assert_eq!((question.action, &*question.path), (Action::Speak, "/door"));
        answer!(scenario, question, Err(StatusCode::FORBIDDEN.into()));
        assert_eq!(status(&scenario.response(conn)), 403);
        scenario.post(conn, &setup, "");
        let question = asked!(scenario, Authenticate);
        assert_eq!(question.action, Action::Speak, "who may read is not asked about again");
        answer!(scenario, question, Ok(Authority::Open));
        assert_eq!(status(&scenario.response(conn)), 200);
    }
}

/// Sets up the picture and then the loudspeaker.
fn speaks(scenario: &mut Scenario, player: &mut Player) -> u16 {
    let picture = format!("SETUP rtsp://h/door/trackID=0|{}", transport(false, 0));
    let session = session_of(&player.request(scenario, &picture, ""));
    let speaker = format!("SETUP rtsp://h/door/trackID=1|{}|Session: {session}", transport(false, 1));
    let last: Response = player.request(scenario, &speaker, "");
    status(&last)
}

#[test]
fn a_user_speaks_only_with_the_right_to() {
    let users = |users: Users| {
        users.with(User::new("wall", Secret::password("horse")).may(Action::Read, "*")).with(
            User::new("porter", Secret::password("staple"))
                .may(Action::Read, "*")
                .may(Action::Speak, "/door"),
        )
    };
    for is_public in [false, true] {
        let rights = users(Users::default());
        let rights = if is_public { rights.anyone_may(Action::Read, "*") } else { rights };
        let mut scenario = open(ServerConfig::default().users(rights));
        let mut player = Player::new(&mut scenario, "wall", "horse");
        assert_eq!(speaks(&mut scenario, &mut player), 403, "{is_public}");
        // Also where the loudspeaker is what it begins with.
        let mut player = Player::new(&mut scenario, "wall", "horse");
        let setup = format!("SETUP rtsp://h/door/trackID=1|{}", transport(false, 1));
        assert_eq!(status(&player.request(&mut scenario, &setup, "")), 403, "{is_public}");
        let mut player = Player::new(&mut scenario, "porter", "wrong");
        let refused = match is_public {
            true => speaks(&mut scenario, &mut player),
            false => status(&player.request(&mut scenario, &setup, "")),
        };
        assert_eq!(refused, 401, "{is_public}");
        let mut player = Player::new(&mut scenario, "porter", "staple");
        assert_eq!(speaks(&mut scenario, &mut player), 200, "{is_public}");
    }
    let everybody = Users::default().anyone_may(Action::Read, "*").anyone_may(Action::Speak, "*");
    let mut scenario = open(ServerConfig::default().users(everybody));
    let mut player = Player::new(&mut scenario, "", "");
    assert_eq!(speaks(&mut scenario, &mut player), 200);
}

#[test]
fn nobody_else_is_given_what_a_session_says() {
    let mut scenario = open(ServerConfig::default().asks(Asks::SETUP));
    let conn = scenario.connect();
    let mut session = String::new();
    for track in [0, 1] {
        scenario.post(
            conn,
            &format!("SETUP rtsp://h/door/trackID={track}|{}|{session}", transport(false, track)),
            "",
        );
        let question = asked!(scenario, Setup);
        answer!(scenario, question, Ok(()));
        session = format!("Session: {}", session_of(&scenario.response(conn)));
    }
    assert_eq!(act(&mut scenario, conn, "PLAY", &session), 200);
    let back = opened(&scenario);
    let thief = scenario.connect();
    scenario.post(thief, &format!("SETUP rtsp://h/other/trackID=1|{}", transport(false, 0)), "");
    let mut question = asked!(scenario, Setup);
    question.ticket.set_stream(back);
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(thief)), 404);
    assert!(scenario.server.stream(back).is_some(), "it goes on");
}

#[test]
fn a_session_that_ends_while_its_right_to_speak_is_asked_about_opens_no_other() {
    let mut scenario = open(ServerConfig::default().asks(Asks::AUTHENTICATE));
    scenario.publish("/other");
    let conn = scenario.connect();
    scenario.post(conn, &format!("SETUP rtsp://h/door/trackID=0|{}", transport(false, 0)), "");
    let question = asked!(scenario, Authenticate);
    answer!(scenario, question, Ok(Authority::Open));
    assert_eq!(status(&scenario.response(conn)), 200);
    // The connection's only session is meant, and its tracks are of /door. Once it has ended the URL would say what is meant,
    // and nobody was asked about that path.
    scenario.post(conn, &format!("SETUP rtsp://h/other/trackID=1|{}", transport(false, 1)), "");
    let question = asked!(scenario, Authenticate);
    assert_eq!((question.action, &*question.path), (Action::Speak, "/door"));
    let door = scenario.server.stream_at("/door").unwrap();
    scenario.server.remove_stream(scenario.now, door);
    scenario.drain();
    answer!(scenario, question, Ok(Authority::Open));
    assert_eq!(status(&scenario.response(conn)), 404);
    assert_eq!(scenario.server.session_count(), 0);
}
