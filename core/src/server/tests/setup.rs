use super::scenario::{Scenario, description, peer, session_of, status};
use crate::server::ServerConfig;

fn setup(scenario: &mut Scenario, conn: crate::ConnId, uri: &str, headers: &str) -> (u16, Option<String>) {
    let response = scenario.request(conn, &format!("SETUP {uri}|{headers}"));
    (status(&response), response.headers.get("Transport").map(str::to_owned))
}

#[test]
fn a_track_is_found_in_every_form_in_which_clients_name_it() {
    for uri in [
        "rtsp://h/cam/trackID=1",
        "rtsp://h:554/cam/trackID=1",
        "rtsp://h/cam?a=b/trackID=1",
        "rtsp://h/cam/trackID=1?a=b",
        "rtsp://user:pass@h/cam/trackID=1",
        "RTSP://h/cam/trackID=1",
    ] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
        let (status, _) = setup(&mut scenario, conn, uri, "Transport: RTP/AVP/TCP;interleaved=0-1");
        assert_eq!(status, 200, "{uri}");
    }
}

#[test]
fn a_track_that_is_not_there_is_not_found() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    for (uri, expected) in [
        ("rtsp://h/cam/trackID=2", 404),
        ("rtsp://h/cam/trackID=99999999999999999999", 404),
        ("rtsp://h/cam/other", 404),
        ("rtsp://h/other/trackID=0", 404),
        ("*", 400),
    ] {
        let (status, _) = setup(&mut scenario, conn, uri, "Transport: RTP/AVP/TCP;interleaved=0-1");
        assert_eq!(status, expected, "{uri}");
    }
}

#[test]
fn the_track_may_be_left_out_of_a_stream_with_one() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let mut single = description();
    single.medias.truncate(1);
    let (stream, log) = scenario.server.add_stream(scenario.now, "/one", single).unwrap();
    scenario.logs.0.borrow_mut().insert(stream, log);
    for uri in ["rtsp://h/one", "rtsp://h/one/"] {
        let conn = scenario.connect();
        assert_eq!(setup(&mut scenario, conn, uri, "Transport: RTP/AVP/TCP").0, 200, "{uri}");
    }
}

#[test]
fn channels_are_the_clients_if_they_are_free() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let first =
        scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=168-169");
    assert_eq!(first.headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=168-169"));
    let session = format!("Session: {}|Transport: RTP/AVP/TCP", session_of(&first));
    let again =
        setup(&mut scenario, conn, "rtsp://h/cam/trackID=1", &format!("{session};interleaved=169-170"));
    assert_eq!(again, (200, Some("RTP/AVP/TCP;unicast;interleaved=0-1".into())));
}

#[test]
fn channels_are_given_if_the_client_asks_for_none() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let first = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast");
    assert_eq!(first.headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=0-1"));
    let session = format!("Session: {}|Transport: RTP/AVP/TCP", session_of(&first));
    let second = setup(&mut scenario, conn, "rtsp://h/cam/trackID=1", &session);
    assert_eq!(second, (200, Some("RTP/AVP/TCP;unicast;interleaved=2-3".into())));
}

#[test]
fn the_first_alternative_that_can_be_had_is_taken() {
    for (offer, expected) in [
        (
            "RTP/AVP;multicast,RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0-1",
            "RTP/AVP/TCP;unicast;interleaved=0-1",
        ),
        ("RAW/RAW/UDP;unicast,rtp/avp/tcp;interleaved=6-7", "RTP/AVP/TCP;unicast;interleaved=6-7"),
        (
            "RTP/SAVP/TCP;interleaved=0-1,RTP/AVP/TCP;interleaved=2-3;mode=\"PLAY\"",
            "RTP/AVP/TCP;unicast;interleaved=2-3;mode=play",
        ),
    ] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
        let granted = setup(&mut scenario, conn, "rtsp://h/cam/trackID=0", &format!("Transport: {offer}"));
        assert_eq!(granted, (200, Some(expected.into())), "{offer}");
    }
}

#[test]
fn transports_that_cannot_be_had_are_refused() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    for (headers, expected) in [
        ("Transport: RTP/AVP;unicast;client_port=5000-5001", 461),
        ("Transport: RTP/AVP;multicast", 461),
        ("Transport: RTP/AVP/TCP;interleaved=0-1;mode=record", 461),
        ("Transport: X/Y", 461),
        ("Transport: ", 400),
        ("", 400),
    ] {
        let (status, _) = setup(&mut scenario, conn, "rtsp://h/cam/trackID=0", headers);
        assert_eq!(status, expected, "{headers}");
    }
    assert!(scenario.server.sessions.len() == 0, "a SETUP that is refused leaves nothing behind");
}

#[test]
fn a_track_is_set_up_once() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let first = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP");
    let session = format!("Session: {}|Transport: RTP/AVP/TCP", session_of(&first));
    assert_eq!(setup(&mut scenario, conn, "rtsp://h/cam/trackID=0", &session).0, 455);
}

#[test]
fn tracks_of_another_stream_cannot_join_a_session() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    scenario.publish("/other");
    let first = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP");
    let session = format!("Session: {}|Transport: RTP/AVP/TCP", session_of(&first));
    assert_eq!(setup(&mut scenario, conn, "rtsp://h/other/trackID=1", &session).0, 459);
}

#[test]
fn udp_and_tcp_do_not_mix_in_a_session() {
    let mut scenario = Scenario::with_udp();
    scenario.publish("/cam");
    let conn = scenario.connect();
    let first = scenario
        .request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP;unicast;client_port=5000-5001");
    let granted = first.headers.get("Transport").unwrap();
    assert_eq!(granted, "RTP/AVP;unicast;client_port=5000-5001;server_port=8000-8001");
    let session = format!("Session: {}|Transport: RTP/AVP", session_of(&first));
    assert_eq!(
        setup(&mut scenario, conn, "rtsp://h/cam/trackID=1", &format!("{session}/TCP;interleaved=0-1")).0,
        461
    );
    for ports in ["0-1", "5000-5001", "5001-5002", "6000-6000"] {
        let offer = format!("{session};unicast;client_port={ports}");
        assert_eq!(setup(&mut scenario, conn, "rtsp://h/cam/trackID=1", &offer).0, 461, "{ports}");
    }
    let other = scenario.connect_from(peer(41_000));
    let taken = setup(
        &mut scenario,
        other,
        "rtsp://h/cam/trackID=0",
        "Transport: RTP/AVP;unicast;client_port=5000-5001",
    );
    assert_eq!(taken.0, 461, "no two sessions share an address");
}

#[test]
fn a_destination_is_never_obeyed() {
    let mut scenario = Scenario::with_udp();
    scenario.publish("/cam");
    let conn = scenario.connect();
    let offer = "Transport: RTP/AVP;unicast;destination=198.51.100.7;client_port=5000-5001";
    let first = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}"));
    assert!(!first.headers.get("Transport").unwrap().contains("destination"));
    let stream = scenario.server.stream_at("/cam").unwrap();
    scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {}", session_of(&first)));
    scenario.push(stream, 0, super::scenario::video(1, &[0x41]));
    assert!(!scenario.datagrams.sent.is_empty());
    assert!(scenario.datagrams.sent.iter().all(|(_, to, _)| to.ip() == peer(0).ip()));
}

#[test]
fn a_setup_that_names_channels_and_no_ports_is_interleaved() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP;unicast;interleaved=0-1";
    let response = scenario.request(conn, setup);
    assert_eq!(status(&response), 200);
    assert_eq!(response.headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=0-1"));
}

#[test]
fn channels_that_the_server_chooses_begin_with_an_even_one_and_neither_is_taken() {
    for (taken, chosen) in
        [("0-1", "2-3"), ("1-0", "2-3"), ("1-2", "4-5"), ("0-2", "4-5"), ("3-5", "0-1"), ("0-255", "2-3")]
    {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
        let offer = "RTP/AVP/TCP;unicast";
        let first = scenario
            .request(conn, &format!("SETUP rtsp://h/cam/trackID=0|Transport: {offer};interleaved={taken}"));
        let headers = format!("Session: {}|Transport: {offer}", session_of(&first));
        let second = setup(&mut scenario, conn, "rtsp://h/cam/trackID=1", &headers);
        assert_eq!(second, (200, Some(format!("{offer};interleaved={chosen}"))), "beside {taken}");
    }
}
