use std::time::Duration;

use super::scenario::{SDP, Scenario, session_of, status, video};
use crate::auth::{Action, Algorithm, AuthScheme, Authorization, Challenge, Secret, User, Users};
use crate::conn::CloseReason;
use crate::limits::{GRANTS_PER_CONN_MAX, NONCE_LIFETIME, TAKEOVER_SILENCE};
use crate::server::{Asks, Authority, Event, Server, ServerConfig};
use crate::wire::{Response, StatusCode};
use crate::{ConnId, Tolerance, Tolerances};

/// MD5 of `wall:rtspan:correct horse`.
const HA1: &str = "32ee15d827d43eeba6aa36e4a7cb9c85";

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";

/// Everybody may read `/public`, `wall` may read `/cam`, and `studio` may publish there too.
pub(super) fn users() -> Users {
    Users::default()
        .with(User::new("wall", Secret::password("correct horse")).may(Action::Read, "/cam"))
        .with(User::new("studio", Secret::password("battery staple")).may_all("/live").may_all("/cam"))
        .anyone_may(Action::Read, "/public")
}

pub(super) fn guarded() -> ServerConfig {
    ServerConfig::default().users(users())
}

/// The challenge of a response.
fn challenge(response: &Response) -> Challenge {
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    let header = response.headers.get("WWW-Authenticate").unwrap();
    Challenge::parse_all(header, &mut Tolerances::default()).remove(0)
}

/// A client with a password, which answers the challenge that it got last.
pub(super) struct Player {
    pub(super) conn: ConnId,
    pub(super) user: &'static str,
    pub(super) password: &'static str,
    challenge: Option<Challenge>,
    count: u32,
}

impl Player {
    pub(super) fn new(scenario: &mut Scenario, user: &'static str, password: &'static str) -> Self {
        Self { conn: scenario.connect(), user, password, challenge: None, count: 0 }
    }

    pub(super) fn take_challenge(&mut self, response: &Response) {
        self.challenge = Some(challenge(response));
        self.count = 0;
    }

    /// The Authorization header for a request.
    pub(super) fn credentials(&mut self, method: &str, uri: &str) -> String {
        let Some(challenge) = &self.challenge else { return String::new() };
        self.count += 1;
        let secret = Secret::password(self.password);
        let answer =
            Authorization::answer(challenge, self.user, &secret, (method, uri), (self.count, "cnonce"));
        format!("Authorization: {}|", answer.unwrap().to_header_value())
    }

    /// Sends a request, and again if it is asked for credentials.
    pub(super) fn request(&mut self, scenario: &mut Scenario, request: &str, body: &str) -> Response {
        let response = self.request_once(scenario, request, body);
        if response.status != StatusCode::UNAUTHORIZED {
            return response;
        }
        self.take_challenge(&response);
        self.request_once(scenario, request, body)
    }

    pub(super) fn request_once(&mut self, scenario: &mut Scenario, request: &str, body: &str) -> Response {
        let (line, headers) = request.split_once('|').unwrap_or((request, ""));
        let (method, uri) = line.split_once(' ').unwrap();
        let credentials = self.credentials(method, uri);
        scenario.post(self.conn, &format!("{line}|{credentials}{headers}"), body);
        scenario.response(self.conn)
    }
}

fn tolerated(scenario: &Scenario, tolerance: Tolerance) -> bool {
    let is_told = |event: &Event| matches!(event, Event::Tolerated { tolerances, .. } if tolerances.contains(tolerance));
    scenario.events.iter().any(is_told)
}

#[test]
fn a_user_reads_what_it_may_by_every_scheme() {
    for scheme in [
        AuthScheme::Basic,
        AuthScheme::Digest(Algorithm::Md5),
        AuthScheme::Digest(Algorithm::Md5Sess),
        AuthScheme::Digest(Algorithm::Sha256),
        AuthScheme::Digest(Algorithm::Sha256Sess),
    ] {
        let (mut scenario, _, stream) = Scenario::with_stream(guarded().schemes(vec![scheme]).realm("cams"));
        let mut player = Player::new(&mut scenario, "wall", "correct horse");
        let refused = player.request_once(&mut scenario, "DESCRIBE rtsp://h/cam", "");
        assert_eq!((challenge(&refused).realm.as_ref(), refused.body.is_empty()), ("cams", true));
        assert_eq!(status(&player.request(&mut scenario, "DESCRIBE rtsp://h/cam", "")), 200, "{scheme:?}");
        let setup = format!("SETUP rtsp://h/cam/trackID=0|Transport: {TCP}");
        let session = session_of(&player.request_once(&mut scenario, &setup, ""));
        let play = format!("PLAY rtsp://h/cam|Session: {session}");
        assert_eq!(status(&player.request_once(&mut scenario, &play, "")), 200, "{scheme:?}");
        scenario.push(stream, 0, video(1, &[0x65, 1]));
        assert!(scenario.frames(player.conn).iter().any(|(channel, _)| *channel == 0));
        assert!(!scenario.events.iter().any(|event| matches!(event, Event::AuthFailed { .. })));
    }
}

#[test]
fn of_rights_one_too_many_the_oldest_has_to_be_proved_again() {
    let path = |number: usize| format!("/p{number}");
    let user = User::new("wall", Secret::password("correct horse"));
    let user = (0..=GRANTS_PER_CONN_MAX).fold(user, |user, number| user.may(Action::Read, &path(number)));
    let mut scenario = Scenario::new(ServerConfig::default().users(Users::default().with(user)));
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    for number in 0..=GRANTS_PER_CONN_MAX {
        let request = format!("DESCRIBE rtsp://h{}", path(number));
        assert_eq!(status(&player.request(&mut scenario, &request, "")), 404, "there is no such stream");
    }
    for (number, expected) in [(GRANTS_PER_CONN_MAX, 404), (1, 404), (0, 401)] {
        let request = format!("DESCRIBE rtsp://h{}", path(number));
        assert_eq!(status(&scenario.request(player.conn, &request)), expected, "{request}");
    }
}

#[test]
fn nobody_without_the_right_reads_or_publishes() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    scenario.publish("/public");
    scenario.publish("/vault");
    for (user, password, request, expected) in [
        ("wall", "wrong", "DESCRIBE rtsp://h/cam", 401),
        ("wall", "", "DESCRIBE rtsp://h/cam", 401),
        ("nobody", "", "DESCRIBE rtsp://h/cam", 401),
        ("", "", "DESCRIBE rtsp://h/cam", 401),
        ("wall", "correct horse", "DESCRIBE rtsp://h/vault", 403),
        ("wall", "correct horse", "DESCRIBE rtsp://h/nothing", 403),
        ("wall", "correct horse", "DESCRIBE rtsp://h/cam/vault", 403),
        ("wall", "correct horse", "ANNOUNCE rtsp://h/live", 403),
        ("wall", "wrong", "ANNOUNCE rtsp://h/live", 401),
        ("studio", "battery staple", "ANNOUNCE rtsp://h/vault", 403),
        ("studio", "battery staple", "ANNOUNCE rtsp://h/live", 200),
        ("wall", "correct horse", "DESCRIBE rtsp://h/cam", 200),
        ("wall", "wrong", "DESCRIBE rtsp://h/public", 200),
        ("wall", "wrong", "OPTIONS rtsp://h/vault", 200),
    ] {
        let mut player = Player::new(&mut scenario, user, password);
        let body = if request.starts_with("ANNOUNCE") { SDP } else { "" };
        let response = player.request(&mut scenario, request, body);
        assert_eq!(status(&response), expected, "{user} {password} {request}");
        assert_eq!(response.headers.get("WWW-Authenticate").is_some(), expected == 401, "{request}");
        scenario.advance(Duration::from_secs(100));
    }
    let conn = scenario.connect();
    let setup = |path| format!("SETUP rtsp://h/{path}/trackID=0|Transport: {TCP}");
    assert_eq!(status(&scenario.request(conn, &setup("cam"))), 401, "also without DESCRIBE");
    assert_eq!(status(&scenario.request(conn, &setup("public"))), 200);
    scenario.post(conn, "GET_PARAMETER rtsp://h/vault|Content-Type: text/parameters", "volume");
    assert_eq!(status(&scenario.response(conn)), 401);
}

#[test]
fn a_connection_that_is_being_closed_tells_nothing_either() {
    let (mut scenario, conn, _) = Scenario::with_stream(guarded());
    scenario.send(conn, b"\x80\x80 no message\r\n\r\nDESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    scenario.server.close(scenario.now);
    scenario.send(conn, b"DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\n\r\n");
    let transcript = scenario.transcript(conn);
    assert!(!String::from_utf8_lossy(&transcript).contains("m=video"));
}

#[test]
fn a_nonce_is_good_for_its_address_and_for_a_while() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    let is_stale = |response: &Response| {
        let challenge = challenge(response).to_string();
        challenge.contains("stale=true")
    };
    let describe = "DESCRIBE rtsp://h/cam";
    // Too old for a connection that has not used it.
    let mut late = Player::new(&mut scenario, "wall", "correct horse");
    late.challenge = Some(challenge(&late.request_once(&mut scenario, describe, "")));
    scenario.advance(NONCE_LIFETIME - Duration::from_nanos(1));
    late.conn = scenario.connect();
    assert_eq!(status(&late.request_once(&mut scenario, describe, "")), 200);
    scenario.advance(Duration::from_nanos(1));
    assert_eq!(status(&late.request_once(&mut scenario, describe, "")), 200, "here it has been used");
    late.conn = scenario.connect();
    assert!(is_stale(&late.request_once(&mut scenario, describe, "")));
    assert_eq!(status(&late.request(&mut scenario, describe, "")), 200, "the next one is good");

    // From another address, and from another server, such as this one before it was started again.
    let conn = scenario.connect();
    let nonce = challenge(&scenario.request(conn, describe));
    let mut thief = Player::new(&mut scenario, "wall", "correct horse");
    thief.conn = scenario.connect_from("198.51.100.1:1000".parse().unwrap());
    thief.challenge = Some(nonce);
    assert!(is_stale(&thief.request_once(&mut scenario, describe, "")));
    let mut elsewhere = Scenario::new(guarded());
    elsewhere.server = Server::new(guarded(), [2; 32]);
    let conn = elsewhere.connect();
    thief.challenge = Some(challenge(&elsewhere.request(conn, describe)));
    thief.conn = scenario.connect();
    assert!(is_stale(&thief.request_once(&mut scenario, describe, "")));
    assert!(!scenario.events.iter().any(|event| matches!(event, Event::AuthFailed { .. })));
}

#[test]
fn a_request_with_a_count_that_was_used_is_refused() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    let describe = "DESCRIBE rtsp://h/cam";
    player.request(&mut scenario, describe, "");
    player.count = 7;
    let heard = player.credentials("DESCRIBE", "rtsp://h/cam");
    let heard = format!("{describe}|{heard}");
    assert_eq!(status(&scenario.request(player.conn, &heard)), 200);
    assert_eq!(status(&scenario.request(player.conn, &heard)), 401);
    let other = scenario.connect();
    assert_eq!(status(&scenario.request(other, &heard)), 401, "nor on another connection");
    player.count = 5;
    assert_eq!(status(&player.request_once(&mut scenario, describe, "")), 401, "nor a smaller one");
    player.count = 20;
    assert_eq!(status(&player.request_once(&mut scenario, describe, "")), 200, "one may be left out");
}

#[test]
fn the_forms_of_uri_that_players_hash_are_taken_and_a_wrong_hash_is_not() {
    for (uri, expected) in [
        ("rtsp://h/cam/trackID=0", 200),
        // VLC, HappyTime, Bosch BVMS.
        ("rtsp://h/cam/", 200),
        ("rtsp://h/cam", 200),
        ("/cam/trackID=0", 200),
        ("/cam", 200),
        ("rtsp://192.0.2.1:8554/cam", 200),
        ("rtsp://h/public", 401),
        ("rtsp://h/", 401),
        ("*", 401),
        ("", 401),
    ] {
        let (mut scenario, _, _) = Scenario::with_stream(guarded());
        for (password, expected) in [("correct horse", expected), ("wrong", 401)] {
            let mut player = Player::new(&mut scenario, "wall", password);
            let setup = format!("SETUP rtsp://h/cam/trackID=0|Transport: {TCP}");
            player.challenge = Some(challenge(&player.request_once(&mut scenario, &setup, "")));
            let credentials = player.credentials("SETUP", uri);
            let setup = format!("SETUP rtsp://h/cam/trackID=0|{credentials}Transport: {TCP}");
            assert_eq!(status(&scenario.request(player.conn, &setup)), expected, "{uri} {password}");
        }
        let is_form = expected == 200 && uri != "rtsp://h/cam/trackID=0";
        assert_eq!(tolerated(&scenario, Tolerance::DigestUriForm), is_form, "{uri}");
    }
    // Where the stream is meant, another stream or a track is something else.
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    player.challenge = Some(challenge(&player.request_once(&mut scenario, "DESCRIBE rtsp://h/cam", "")));
    let credentials = player.credentials("DESCRIBE", "rtsp://h/camera");
    assert_eq!(status(&scenario.request(player.conn, &format!("DESCRIBE rtsp://h/cam|{credentials}"))), 401);
}

#[test]
fn an_answer_without_qop_is_taken_as_older_players_send_it() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    let refused = player.request_once(&mut scenario, "DESCRIBE rtsp://h/cam", "");
    let header = refused.headers.get("WWW-Authenticate").unwrap();
    let old = header.replace(", qop=\"auth\"", "").replace(", algorithm=MD5", "");
    assert_ne!(old, header);
    player.challenge = Challenge::parse_all(&old, &mut Tolerances::default()).pop();
    for _ in 0..3 {
        assert_eq!(status(&player.request_once(&mut scenario, "DESCRIBE rtsp://h/cam", "")), 200);
    }
}

#[test]
fn what_was_not_offered_is_not_looked_at() {
    let (mut scenario, conn, _) = Scenario::with_stream(guarded());
    for _ in 0..100 {
        // wall:correct horse, and a good digest of another algorithm.
        let basic = "DESCRIBE rtsp://h/cam|Authorization: Basic d2FsbDpjb3JyZWN0IGhvcnNl";
        assert_eq!(status(&scenario.request(conn, basic)), 401);
        let bearer = "DESCRIBE rtsp://h/cam|Authorization: Bearer token";
        assert_eq!(status(&scenario.request(conn, bearer)), 401);
    }
    assert!(!scenario.events.iter().any(|event| matches!(event, Event::AuthFailed { .. })));
}

#[test]
fn empty_credentials_are_none() {
    let (mut scenario, conn, _) = Scenario::with_stream(guarded().schemes(vec![AuthScheme::Basic]));
    // Seetec, on every OPTIONS.
    for method in ["OPTIONS", "DESCRIBE"].repeat(20) {
        let request = format!("{method} rtsp://h/cam|Authorization: Basic Og==");
        assert_eq!(status(&scenario.request(conn, &request)), if method == "OPTIONS" { 200 } else { 401 });
    }
    assert!(tolerated(&scenario, Tolerance::EmptyCredentials));
    assert!(!scenario.events.iter().any(|event| matches!(event, Event::AuthFailed { .. })));
}

#[test]
fn a_session_of_another_user_does_not_exist() {
    let users = users().with(User::new("other", Secret::password("x")).may_all("/cam"));
    let mut scenario = Scenario::with_udp_and(|config| config.users(users));
    scenario.publish("/cam");
    let mut wall = Player::new(&mut scenario, "wall", "correct horse");
    let transport = "RTP/AVP;unicast;client_port=5000-5001";
    let setup = format!("SETUP rtsp://h/cam/trackID=0|Transport: {transport}");
    let session = session_of(&wall.request(&mut scenario, &setup, ""));
    let play = |session: &str| format!("PLAY rtsp://h/cam|Session: {session}");

    let stranger = scenario.connect();
    for session in [&session, "0123456789abcdef0123456789abcdef", "1"] {
        let response = scenario.request(stranger, &play(session));
        challenge(&response);
    }
    let mut other = Player::new(&mut scenario, "other", "x");
    assert_eq!(status(&other.request(&mut scenario, &play(&session), "")), 454);
    assert_eq!(status(&other.request(&mut scenario, "DESCRIBE rtsp://h/cam", "")), 200);
    assert_eq!(status(&other.request(&mut scenario, &play(&session), "")), 454);
    let bare = scenario.request(other.conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"));
    assert_eq!(status(&bare), 454, "nor without credentials, once it has others");
    // Its own user, on another connection, has to prove itself there, once.
    wall.conn = scenario.connect();
    assert_eq!(status(&scenario.request(wall.conn, &play(&session))), 401);
    assert_eq!(status(&wall.request_once(&mut scenario, &play(&session), "")), 200);
    assert_eq!(status(&scenario.request(wall.conn, &play(&session))), 200);
    wall.password = "wrong";
    assert_eq!(status(&wall.request_once(&mut scenario, &play(&session), "")), 401, "a wrong hash never");
    assert_eq!(scenario.server.session_count(), 1);
}

#[test]
fn the_application_says_how_a_peer_proves_itself() {
    let ha1 = |digits| Authority::Secret(Secret::ha1(Algorithm::Md5, digits).unwrap());
    for (authority, expected) in [
        (Ok(Authority::Secret(Secret::password("correct horse"))), 200),
        (Ok(ha1(HA1)), 200),
        (Ok(ha1("c7a7f2b9b9a2f6b3e0f4a1c9d6f0c1a2")), 401),
        (Ok(Authority::Secret(Secret::password("wrong"))), 401),
        (Ok(Authority::Open), 200),
        (Ok(Authority::Challenge), 401),
        (Err(StatusCode::FORBIDDEN.into()), 403),
    ] {
        let (mut scenario, _, _) = Scenario::with_stream(ServerConfig::default().asks(Asks::AUTHENTICATE));
        let mut player = Player::new(&mut scenario, "wall", "correct horse");
        let ask = |scenario: &mut Scenario, player: &mut Player, user: Option<&str>, authority| {
            let credentials = player.credentials("DESCRIBE", "rtsp://h/cam?token=a");
            let request = format!("DESCRIBE rtsp://h/cam?token=a|{credentials}User-Agent: LibVLC");
            scenario.post(player.conn, &request, "");
            let Some(Event::Authenticate(question)) = scenario.events.pop() else {
                panic!("it is not asked")
            };
            assert_eq!((question.user.as_deref(), question.action), (user, Action::Read));
            assert_eq!((&*question.path, question.query.as_deref()), ("/cam", Some("token=a")));
            assert_eq!(question.request.headers.get("User-Agent"), Some("LibVLC"));
            scenario.server.answer(scenario.now, question.ticket, authority, &scenario.logs).unwrap();
            scenario.response(player.conn)
        };
        let first = ask(&mut scenario, &mut player, None, Ok(Authority::Secret(Secret::password("any"))));
        player.challenge = Some(challenge(&first));
        let response = ask(&mut scenario, &mut player, Some("wall"), authority);
        assert_eq!(status(&response), expected);
        if expected == 200 {
            scenario.events.clear();
            let describe = "DESCRIBE rtsp://h/cam?token=a";
            assert_eq!(status(&player.request_once(&mut scenario, describe, "")), 200);
            assert!(scenario.events.is_empty(), "it is asked once");
        }
    }
}

#[test]
fn a_hash_of_the_password_is_enough() {
    let secret = Secret::ha1(Algorithm::Md5, HA1).unwrap();
    let users = Users::default().with(User::new("wall", secret).may_all("*"));
    let (mut scenario, _, _) = Scenario::with_stream(ServerConfig::default().users(users));
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    assert_eq!(status(&player.request(&mut scenario, "DESCRIBE rtsp://h/cam", "")), 200);
}

#[test]
fn questions_name_the_user_that_has_proved_itself() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded().asks(Asks::SETUP | Asks::PLAY));
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    player.request(&mut scenario, "DESCRIBE rtsp://h/cam", "");
    let credentials = player.credentials("SETUP", "rtsp://h/cam/trackID=0");
    scenario.post(player.conn, &format!("SETUP rtsp://h/cam/trackID=0|{credentials}Transport: {TCP}"), "");
    let Some(Event::Setup(question)) = scenario.events.pop() else { panic!("it is not asked") };
    assert_eq!((question.user.as_deref(), question.session), (Some("wall"), None));
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    let session = session_of(&scenario.response(player.conn));
    scenario.post(player.conn, &format!("PLAY rtsp://h/cam|Session: {session}"), "");
    let Some(Event::Play(question)) = scenario.events.pop() else { panic!("it is not asked") };
    assert_eq!(question.user.as_deref(), Some("wall"));
    assert!(question.session.is_some());
}

#[test]
fn a_publisher_gives_way_to_its_own_user_from_any_address_and_to_nobody_else() {
    let users = users().with(User::new("rival", Secret::password("x")).may_all("/live"));
    let mut scenario = Scenario::new(ServerConfig::default().users(users));
    let mut studio = Player::new(&mut scenario, "studio", "battery staple");
    let announce = "ANNOUNCE rtsp://h/live|Content-Type: application/sdp";
    assert_eq!(status(&studio.request(&mut scenario, announce, SDP)), 200);
    scenario.advance(TAKEOVER_SILENCE);
    let mut rival = Player::new(&mut scenario, "rival", "x");
    assert_eq!(status(&rival.request(&mut scenario, announce, SDP)), 403, "from the same address");
    let mut back = Player::new(&mut scenario, "studio", "battery staple");
    back.conn = scenario.connect_from("198.51.100.1:1000".parse().unwrap());
    assert_eq!(status(&back.request(&mut scenario, announce, SDP)), 200);
    let taken = |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::TakenOver, .. });
    assert!(scenario.events.iter().any(taken));
}
