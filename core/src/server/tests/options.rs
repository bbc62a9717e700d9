//! OPTIONS and Allow say what is possible.

use super::access::guarded;
use super::scenario::{SDP, Scenario, session_of, status};
use crate::server::{Asks, ServerConfig, TakeoverPolicy};

/// Returns `true` if the answer to OPTIONS of a path says that one may publish there.
fn may_publish(scenario: &mut Scenario, url: &str) -> bool {
    let conn = scenario.connect();
    let options = scenario.request(conn, &format!("OPTIONS {url}"));
    let methods: Vec<&str> = options.headers.get("Public").unwrap().split(", ").collect();
    assert!(["DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN"].iter().all(|method| methods.contains(method)));
    assert_eq!(methods.contains(&"ANNOUNCE"), methods.contains(&"RECORD"));
    methods.contains(&"RECORD")
}

#[test]
fn publishing_is_told_where_it_is_possible() {
    let none = || ServerConfig::default().publishers(false);
    for (config, is_possible) in [
        (ServerConfig::default(), true),
        (none(), false),
        (none().asks(Asks::ANNOUNCE), true),
        (none().takeover(TakeoverPolicy::Ask), true),
    ] {
        let mut scenario = Scenario::new(config);
        assert_eq!(may_publish(&mut scenario, "*"), is_possible);
        assert_eq!(may_publish(&mut scenario, "rtsp://h/new"), is_possible);
        scenario.publish("/cam");
        assert!(!may_publish(&mut scenario, "rtsp://h/cam"), "the application does");
        let conn = scenario.connect();
        let refused = scenario.request(conn, "RECORD rtsp://h/cam|Session: 1");
        assert_eq!(status(&refused), 454);
    }
}

#[test]
fn a_publishers_path_may_be_published_at_again() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
    scenario.response(conn);
    assert!(may_publish(&mut scenario, "rtsp://h/live"));
}

#[test]
fn a_server_that_wants_credentials_tells_nobody_what_is_where() {
    let mut scenario = Scenario::new(guarded());
    scenario.publish("/cam");
    assert!(may_publish(&mut scenario, "rtsp://h/cam") && may_publish(&mut scenario, "rtsp://h/none"));
}

#[test]
fn a_method_that_the_state_does_not_have_is_answered_with_those_that_it_has() {
    for publishers in [true, false] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().publishers(publishers));
        let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP");
        let session = session_of(&setup);
        let refused = scenario.request(conn, &format!("RECORD rtsp://h/cam|Session: {session}"));
        assert_eq!(status(&refused), 455);
        let allowed = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";
        assert_eq!(refused.headers.get("Allow"), Some(allowed));
    }
}
