//! URLs that name the same stream or track.

use super::scenario::{SDP, Scenario, description, peer, session_of, status};
use crate::server::{AddStreamError, Event, ServerConfig};
use crate::{ConnId, Tolerance};

const TCP: &str = "Transport: RTP/AVP/TCP;unicast";
const UDP: &str = "Transport: RTP/AVP;unicast;client_port=5000-5001";
/// Paths that are the same to a person.
const SAME: [&[&str]; 4] = [
    &["/café", "/caf%C3%A9", "/caf%c3%a9", "//café"],
    &["/my cam", "/my%20cam"],
    &["/%41bc", "/Abc", "/A%62%63"],
    &["//p3", "/p3", "///p3"],
];

fn announce(scenario: &mut Scenario, path: &str) -> (u16, String) {
    let conn = scenario.connect();
    scenario.post(conn, &format!("ANNOUNCE rtsp://h{path}|Content-Type: application/sdp"), SDP);
    let response = scenario.response(conn);
    (status(&response), response.reason.to_string())
}

#[test]
fn a_stream_is_found_by_every_path_that_is_the_same_and_keeps_its_own() {
    for same in SAME {
        for published in same {
            let mut scenario = Scenario::new(ServerConfig::default());
            let stream = scenario.publish(published);
            assert_eq!(scenario.server.paths().collect::<Vec<_>>(), [*published]);
            for named in same {
                assert_eq!(scenario.server.stream_at(named), Some(stream), "{published} {named}");
                let conn = scenario.connect();
                let described = scenario.request(conn, &format!("DESCRIBE rtsp://h{named}"));
                assert_eq!(status(&described), 200, "{published} {named}");
                assert_eq!(described.headers.get("Content-Base"), Some(&*format!("rtsp://h{named}/")));
                let setup = scenario.request(conn, &format!("SETUP rtsp://h{named}/trackID%3D1|{TCP}"));
                assert_eq!(status(&setup), 200, "{published} {named}");
                let session = session_of(&setup);
                let play = scenario.request(conn, &format!("PLAY rtsp://h{published}|Session: {session}"));
                assert_eq!(status(&play), 200, "{published} {named}");
                let info = play.headers.get("RTP-Info").unwrap();
                assert!(info.contains(&format!("rtsp://h{named}/trackID%3D1")), "{info}");
                let again = scenario.server.add_stream(scenario.now, named, description());
                assert_eq!(again.map(|_| ()), Err(AddStreamError::PathInUse), "{published} {named}");
            }
        }
    }
}

#[test]
fn a_publisher_may_name_its_path_differently_in_each_request() {
    for same in SAME {
        let mut scenario = Scenario::new(ServerConfig::default().publishers(true));
        let conn = scenario.connect();
        let (first, last) = (same[0], same[same.len() - 1]);
        scenario.post(conn, &format!("ANNOUNCE rtsp://h{first}|Content-Type: application/sdp"), SDP);
        assert_eq!(status(&scenario.response(conn)), 200);
        for named in same {
            assert_eq!(announce(&mut scenario, named), (403, "Path Is In Use".into()), "{first} {named}");
        }
        let mut session = String::new();
        for (track, path) in [first, last].into_iter().enumerate() {
            let setup = format!("SETUP rtsp://h{path}/streamid%3d{track}|{TCP};mode=record");
            let setup = scenario.request(conn, &setup);
            assert_eq!(status(&setup), 200, "{first} {path}");
            session = session_of(&setup);
        }
        let record = scenario.request(conn, &format!("RECORD rtsp://h{last}|Session: {session}"));
        assert_eq!(status(&record), 200, "{first} {last}");
        assert_eq!(scenario.server.paths().collect::<Vec<_>>(), [first]);
        scenario.hang_up(conn);
        assert_eq!(announce(&mut scenario, last).0, 200, "the path is free again: {first} {last}");
    }
}

#[test]
fn what_is_encoded_names_no_other_stream() {
    let mut scenario = Scenario::new(ServerConfig::default());
    for path in ["/a/b", "/secret", "/a/%2E%2E/c", "/d%252Fe"] {
        scenario.publish(path);
    }
    let conn = scenario.connect();
    for path in [
        "/a%2Fb",
        "/a/../secret",
        "/a/%2e%2e/secret",
        "/%2Fsecret",
        "/secret%3F",
        "/a/../c",
        "/d%2Fe",
        "/d%252fe",
        "/d/e",
    ] {
        let described = scenario.request(conn, &format!("DESCRIBE rtsp://h{path}"));
        assert_eq!(status(&described), 404, "{path}");
    }
    for path in ["/a/%2e./c", "/d%25%32Fe"] {
        assert_eq!(status(&scenario.request(conn, &format!("DESCRIBE rtsp://h{path}"))), 200, "{path}");
    }
}

#[test]
fn no_stream_has_the_path_of_a_track_of_another() {
    for (first, second) in [
        ("/demo", "/demo/trackID=0"),
        ("/demo", "/demo/trackID=17"),
        ("/demo", "/demo//trackID=0"),
        ("/demo", "/demo/%74rackID%3D0"),
        ("/demo", "/demo/trackID=0/more"),
        ("/", "/trackID=0"),
        ("/demo/trackID=0", "/demo/trackID=0/trackID=1"),
    ] {
        for (first, second) in [(first, second), (second, first)] {
            let mut scenario = Scenario::new(ServerConfig::default().publishers(true));
            scenario.publish(first);
            let refused = (403, "Path Is That Of A Track".to_owned());
            assert_eq!(announce(&mut scenario, second), refused, "{first} {second}");
            let added = scenario.server.add_stream(scenario.now, second, description());
            assert_eq!(added.map(|_| ()), Err(AddStreamError::TrackPath), "{first} {second}");
            assert_eq!(scenario.server.session_count(), 0);
        }
    }
    let mut scenario = Scenario::new(ServerConfig::default().publishers(true));
    scenario.publish("/demo");
    for path in ["/demo2/trackID=0", "/demo/other", "/demotrackID=0", "/other"] {
        assert_eq!(announce(&mut scenario, path).0, 200, "{path}");
    }
    // One that has announced has its tracks, too.
    assert_eq!(announce(&mut scenario, "/other/trackID=0").0, 403);
}

fn setup(scenario: &mut Scenario, conn: ConnId, uri: &str, headers: &str) -> (u16, Option<String>) {
    let response = scenario.request(conn, &format!("SETUP {uri}|{headers}"));
    let session = response.headers.get("Session").map(|_| session_of(&response));
    (status(&response), session)
}

#[test]
fn the_first_setup_of_a_session_may_name_the_stream_and_means_its_first_media() {
    for (transport, next) in [(TCP, TCP), (UDP, "Transport: RTP/AVP;unicast;client_port=5002-5003")] {
        for uri in ["rtsp://h/cam", "rtsp://h/cam/", "rtsp://h/cam?a=b"] {
            let mut scenario = Scenario::with_udp();
            scenario.publish("/cam");
            let conn = scenario.connect_from(peer(40_000));
            let (first, session) = setup(&mut scenario, conn, uri, transport);
            assert_eq!(first, 200, "{uri} {transport}");
            let told = scenario.events.iter().any(|event| {
                matches!(event, Event::Tolerated { tolerances, .. }
                    if tolerances.contains(Tolerance::AggregateSetup))
            });
            assert!(told, "{:?}", scenario.events);
            let session = session.unwrap();
            let next = format!("Session: {session}|{next}");
            assert_eq!(setup(&mut scenario, conn, uri, &next).0, 459, "only the first: {uri}");
            let own = setup(&mut scenario, conn, "rtsp://h/cam/trackID=0", &next);
            assert_eq!(own.0, 455, "the first media is set up: {uri}");
            assert_eq!(setup(&mut scenario, conn, "rtsp://h/cam/trackID=1", &next).0, 200, "{uri}");
            let play = scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"));
            assert_eq!(status(&play), 200, "{uri}");
            let info = play.headers.get("RTP-Info").unwrap();
            assert!(
                info.starts_with(&format!("url={uri}")) && info.contains(",url=rtsp://h/cam/trackID=1"),
                "{info}"
            );
        }
    }
}

#[test]
fn a_setup_for_the_stream_after_one_for_a_track_is_refused() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let (_, session) = setup(&mut scenario, conn, "rtsp://h/cam/trackID=1", TCP);
    let next = format!("Session: {}|{TCP}", session.unwrap());
    assert_eq!(setup(&mut scenario, conn, "rtsp://h/cam", &next).0, 459);
}
