//! Omissions and mistakes of clients that the server puts up with. All of them are told.

use super::scenario::*;
use crate::server::{Event, ServerConfig};
use crate::{ConnId, Tolerance};

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";

/// The deviations that were told of a connection so far.
fn told(scenario: &Scenario, conn: ConnId) -> Vec<Tolerance> {
    let of_conn = scenario.events.iter().rev().find_map(|event| match event {
        Event::Tolerated { conn: own, tolerances, .. } if *own == conn => Some(*tolerances),
        _ => None,
    });
    of_conn.unwrap_or_default().iter().collect()
}

#[test]
fn uris_that_are_no_urls_are_served_and_told() {
    use Tolerance::*;
    for (uri, expected) in [
        ("rtsp://h/cam", &[][..]),
        ("rtsp://h:554/cam", &[]),
        ("rtsp://h/cam?a=%C3%A9", &[]),
        ("/cam", &[RelativeUri]),
        ("rtsp://h/cam?a=é", &[RawUri]),
        ("rtsp://h/cam?{a}", &[RawUri]),
        ("rtsp://user:secret@h/cam", &[UrlCredentials]),
        ("rtsp://user:p/ss@h/cam", &[RawCredentials, UrlCredentials]),
        ("rtsp://user:p#ss@h/cam", &[RawCredentials, UrlCredentials]),
        ("rtsp://h/cam?to=a@b", &[]),
    ] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
        assert_eq!(status(&scenario.request(conn, &format!("DESCRIBE {uri}"))), 200, "{uri}");
        assert_eq!(told(&scenario, conn), expected, "{uri}");
    }
}

#[test]
fn an_announcement_without_content_type_is_taken_for_sdp_and_told() {
    for (header, expected) in
        [("Content-Type: application/sdp", &[][..]), ("User-Agent: x", &[Tolerance::NoContentType])]
    {
        let mut scenario = Scenario::new(ServerConfig::default().publishers(true));
        let conn = scenario.connect();
        scenario.post(conn, &format!("ANNOUNCE rtsp://h/live|{header}"), SDP);
        assert_eq!(status(&scenario.response(conn)), 200);
        assert_eq!(told(&scenario, conn), expected, "{header}");
    }
}

#[test]
fn a_publisher_that_does_not_say_record_and_a_reader_that_says_nothing_of_unicast_are_served_and_told() {
    let mut scenario = Scenario::new(ServerConfig::default().publishers(true));
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    assert_eq!(status(&scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|{TCP}"))), 200);
    assert_eq!(told(&scenario, conn), [Tolerance::NoRecordMode]);

    let mut scenario = Scenario::with_udp();
    scenario.publish("/cam");
    let conn = scenario.connect();
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP;client_port=5000-5001";
    assert_eq!(status(&scenario.request(conn, setup)), 200);
    assert_eq!(told(&scenario, conn), [Tolerance::NoDelivery]);
}

#[test]
fn a_teardown_for_another_url_and_one_for_what_has_ended_are_answered_with_200_and_told() {
    for (url, expected) in [("rtsp://h/cam", &[][..]), ("rtsp://h/other", &[Tolerance::ForeignTeardownUrl])] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
        let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}"));
        let teardown = format!("TEARDOWN {url}|Session: {}", session_of(&setup));
        assert_eq!(status(&scenario.request(conn, &teardown)), 200, "{url}");
        assert_eq!(told(&scenario, conn), expected, "{url}");
    }
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}"));
    let session = session_of(&setup);
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    scenario.server.remove_stream(scenario.now, stream);
    scenario.drain();
    assert_eq!(status(&scenario.request(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))), 200);
    assert_eq!(told(&scenario, conn), [Tolerance::LateTeardown]);
}
