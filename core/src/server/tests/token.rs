//! Tokens, in the Authorization header or in the query.

use bytes::Bytes;

use super::answers::{answer, asked};
use super::scenario::{Scenario, session_of, status};
use crate::ConnId;
use crate::auth::{Action, Algorithm, AuthScheme, Secret, User, Users};
use crate::server::{Asks, Authority, Event, ServerConfig};
use crate::tls::Secured;
use crate::wire::Response;

const SETUP: &str = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1";

fn scenario() -> (Scenario, ConnId) {
    let schemes = vec![AuthScheme::Bearer, AuthScheme::Digest(Algorithm::Md5)];
    let config = ServerConfig::default().asks(Asks::AUTHENTICATE).schemes(schemes);
    let (scenario, conn, _) = Scenario::with_stream(config);
    (scenario, conn)
}

/// The schemes that an answer asks for.
fn challenges(response: &Response) -> Vec<&str> {
    let challenges = response.headers.get_all("WWW-Authenticate");
    challenges.filter_map(|challenge| challenge.split(' ').next()).collect()
}

/// Sends SETUP with a token, which is judged as `authority` says.
fn set_up(scenario: &mut Scenario, conn: ConnId, token: &str, authority: Authority) -> Response {
    scenario.post(conn, &format!("{SETUP}\r\nAuthorization: Bearer {token}"), "");
    let question = asked!(scenario, Authenticate);
    assert_eq!((question.token().as_deref(), question.user.as_deref()), (Some(token), None));
    assert!(!format!("{question:?}").contains(token), "{question:?}");
    answer!(scenario, question, Ok(authority));
    scenario.response(conn)
}

#[test]
fn a_token_over_tls_is_judged_by_the_application_and_names_the_user() {
    let (mut scenario, conn) = scenario();
    let secured = Secured { certificate: Some(Bytes::from_static(b"peer")), ..Secured::default() };
    scenario.server.set_secured(conn, secured.clone());
    scenario.post(conn, SETUP, "");
    let question = asked!(scenario, Authenticate);
    assert_eq!((question.token(), &question.secured), (None, &Some(secured.clone())));
    assert_eq!(scenario.server.connection(conn).unwrap().secured, Some(secured));
    answer!(scenario, question, Ok(Authority::Challenge));
    let refused = scenario.response(conn);
    assert_eq!((status(&refused), challenges(&refused)), (401, vec!["Bearer", "Digest"]));
    let wrong = set_up(&mut scenario, conn, "aaa.bbb", Authority::Challenge);
    assert_eq!(status(&wrong), 401);
    let setup = set_up(&mut scenario, conn, "ccc.ddd", Authority::User("wall".to_owned()));
    assert_eq!(status(&setup), 200);
    let session = session_of(&setup);
    assert_eq!(scenario.server.sessions().next().unwrap().user.as_deref(), Some("wall"));
    // With the token or without, and with one that was renewed.
    for token in ["", "\r\nAuthorization: Bearer ccc.ddd", "\r\nAuthorization: Bearer eee.fff"] {
        let played = scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}{token}"));
        assert_eq!(status(&played), 200, "{token}");
    }
}

#[test]
fn a_token_that_anybody_could_have_read_on_its_way_is_neither_offered_nor_taken() {
    let (mut scenario, conn) = scenario();
    scenario.post(conn, &format!("{SETUP}\r\nAuthorization: Bearer ccc.ddd"), "");
    let question = asked!(scenario, Authenticate);
    assert_eq!(question.token(), None);
    answer!(scenario, question, Ok(Authority::Secret(Secret::token("ccc.ddd"))));
    let refused = scenario.response(conn);
    assert_eq!((status(&refused), challenges(&refused)), (401, vec!["Digest"]));
}

#[test]
fn a_session_opened_with_a_token_is_taken_up_over_another_connection_with_that_token() {
    let mut scenario =
        Scenario::with_udp_and(|config| config.asks(Asks::AUTHENTICATE).schemes(vec![AuthScheme::Bearer]));
    scenario.publish("/cam");
    let conn = scenario.connect();
    scenario.server.set_secured(conn, Secured::default());
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP;unicast;client_port=5000-5001";
    scenario.post(conn, &format!("{setup}\r\nAuthorization: Bearer ccc.ddd"), "");
    let question = asked!(scenario, Authenticate);
    answer!(scenario, question, Ok(Authority::User("wall".to_owned())));
    let session = session_of(&scenario.response(conn));
    for (token, expected) in [("eee.fff", 401), ("", 401), ("ccc.ddd", 200)] {
        let other = scenario.connect();
        scenario.server.set_secured(other, Secured::default());
        let header =
            if token.is_empty() { String::new() } else { format!("\r\nAuthorization: Bearer {token}") };
        let request = format!("GET_PARAMETER rtsp://h/cam|Session: {session}{header}");
        assert_eq!(status(&scenario.request(other, &request)), expected, "{token}");
    }
}

#[test]
fn a_token_in_the_query_may_name_the_user_too() {
    let (mut scenario, conn) = scenario();
    let setup = "SETUP rtsp://h/cam/trackID=0?token=abc|Transport: RTP/AVP/TCP;interleaved=0-1";
    scenario.post(conn, setup, "");
    let question = asked!(scenario, Authenticate);
    assert_eq!(question.query.as_deref(), Some("token=abc"));
    answer!(scenario, question, Ok(Authority::User("guest".to_owned())));
    let session = session_of(&scenario.response(conn));
    assert_eq!(scenario.server.sessions().next().unwrap().user.as_deref(), Some("guest"));
    let played = scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"));
    assert_eq!(status(&played), 200);
}

/// A server with users that have a token or a password, and a connection with TLS to it.
fn with_users(scheme: AuthScheme) -> (Scenario, ConnId) {
    let users = Users::default()
        .with(User::new("wall", Secret::token("ccc.ddd")).may(Action::Read, "/cam"))
        .with(User::new("other", Secret::token("eee.fff")).may(Action::Read, "/else"))
        .with(User::new("studio", Secret::password("ggg.hhh")).may_all("*"));
    let (mut scenario, conn, _) =
        Scenario::with_stream(ServerConfig::default().users(users).schemes(vec![scheme]));
    scenario.server.set_secured(conn, Secured::default());
    (scenario, conn)
}

const DIGEST: AuthScheme = AuthScheme::Digest(Algorithm::Md5);

#[test]
fn the_token_of_a_user_gives_its_rights_and_no_other_does() {
    let (mut scenario, conn) = with_users(DIGEST);
    let mut ask = |credentials: &str| scenario.request(conn, &format!("{SETUP}{credentials}"));
    let refused = ask("");
    assert_eq!((status(&refused), challenges(&refused)), (401, vec!["Bearer", "Digest"]));
    for (token, expected) in [("ccc.dd", 401), ("", 401), ("ggg.hhh", 401), ("eee.fff", 403)] {
        assert_eq!(status(&ask(&format!("\r\nAuthorization: Bearer {token}"))), expected, "{token}");
    }
    assert_eq!(status(&ask("\r\nAuthorization: Bearer ccc.ddd")), 200);
    assert_eq!(scenario.server.sessions().next().unwrap().user.as_deref(), Some("wall"));
}

#[test]
fn a_token_of_a_user_is_no_password() {
    let (mut scenario, conn) = with_users(AuthScheme::Basic);
    for user in ["wall", ""] {
        let basic = crate::base64::encode(format!("{user}:ccc.ddd").as_bytes());
        let refused = scenario.request(conn, &format!("{SETUP}\r\nAuthorization: Basic {basic}"));
        assert_eq!(status(&refused), 401, "{user}");
    }
}

#[test]
fn a_token_of_a_user_may_stand_in_the_query_over_tls() {
    let set_up = |query: &str| SETUP.replace("trackID=0", &format!("trackID=0?{query}"));
    for (query, expected) in [
        ("token=ccc.ddd", 200),
        ("a=b&jwt=ccc%2Eddd&c=d", 200),
        ("token=ccc", 401),
        ("token=", 401),
        ("other=ccc.ddd", 401),
    ] {
        let (mut scenario, conn) = with_users(DIGEST);
        let answered = scenario.request(conn, &set_up(query));
        assert_eq!(status(&answered), expected, "{query}");
        let open = scenario.connect();
        assert_eq!(status(&scenario.request(open, &set_up(query))), 401, "{query} without TLS");
    }
}

#[test]
fn tokens_are_asked_for_where_users_have_some() {
    let (mut scenario, conn) = with_users(DIGEST);
    let open = scenario.connect();
    assert_eq!(challenges(&scenario.request(open, SETUP)), ["Digest"], "without TLS");
    let studio = User::new("studio", Secret::password("ggg.hhh")).may_all("*");
    scenario.server.set_users(scenario.now, Users::default().with(studio));
    assert_eq!(challenges(&scenario.request(conn, SETUP)), ["Digest"]);
}

#[test]
fn a_session_ends_with_the_token_of_its_user() {
    let (mut scenario, conn) = with_users(DIGEST);
    let setup = scenario.request(conn, &format!("{SETUP}\r\nAuthorization: Bearer ccc.ddd"));
    let wall = |token| Users::default().with(User::new("wall", Secret::token(token)).may(Action::Read, "*"));
    scenario.server.set_users(scenario.now, wall("ccc.ddd"));
    let session = session_of(&setup);
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    scenario.server.set_users(scenario.now, wall("other"));
    assert_eq!(scenario.server.sessions().count(), 0);
}
