//! Sessions and connections that the application closes, and says why.

use super::scenario::{Scenario, session_of, status, video};
use crate::ConnId;
use crate::Tolerances;
use crate::conn::{CloseNote, CloseReason};
use crate::limits::{CLOSE_NOTE_BYTES_MAX, GOODBYE_DELAY};
use crate::rtp::rtcp::{self, Rtcp};
use crate::server::{Asks, Event, ServerConfig};
use crate::udp::Port;
use crate::wire::{Item, StatusCode};

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";

fn note() -> CloseNote {
    CloseNote::new("the camera is sold").with_status(StatusCode::GONE)
}

/// A reader that plays `/cam` and has got a packet.
fn player(transport: &str) -> (Scenario, ConnId) {
    let mut scenario = Scenario::with_udp();
    let stream = scenario.publish("/cam");
    let conn = scenario.connect();
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|Transport: {transport}"));
    let play = format!("PLAY rtsp://h/cam|Session: {}", session_of(&setup));
    assert_eq!(status(&scenario.request(conn, &play)), 200);
    scenario.push(stream, 0, video(1, &[0x65, 1]));
    (scenario, conn)
}

/// The reasons of the goodbyes in RTCP.
fn goodbyes(compounds: impl Iterator<Item = bytes::Bytes>) -> Vec<String> {
    let read =
        |compound: bytes::Bytes| rtcp::parse(&compound, &mut Tolerances::default()).collect::<Vec<_>>();
    let told = compounds.flat_map(read).filter_map(|packet| match packet {
        Rtcp::Goodbye(goodbye) => Some(goodbye.reason.map(String::from).unwrap_or_default()),
        _ => None,
    });
    told.collect()
}

fn goodbyes_over_tcp(scenario: &mut Scenario, conn: ConnId) -> Vec<String> {
    let mut compounds = Vec::new();
    while let Some(item) = scenario.received(conn) {
        if let Item::Frame(frame) = item {
            compounds.extend((frame.channel == 1).then_some(frame.payload));
        }
    }
    goodbyes(compounds.into_iter())
}

fn ends(scenario: &Scenario) -> Vec<(&'static str, CloseReason)> {
    let told = scenario.events.iter().filter_map(|event| match event {
        Event::SessionClosed { reason, .. } => Some(("session", reason.clone())),
        Event::ConnClosed { reason, .. } => Some(("connection", reason.clone())),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_player_whose_session_or_connection_is_closed_is_told_the_reason_in_bye() {
    let both = |reason: CloseReason| [("session", reason.clone()), ("connection", reason)];
    for of_conn in [false, true] {
        let (mut scenario, conn) = player(TCP);
        let session = scenario.server.sessions().next().unwrap().session;
        match of_conn {
            true => scenario.server.close_connection_with(scenario.now, conn, note()),
            false => scenario.server.close_session_with(scenario.now, session, note()),
        }
        assert_eq!(goodbyes_over_tcp(&mut scenario, conn), ["the camera is sold"]);
        assert!(scenario.is_closed(conn));
        assert_eq!(ends(&scenario), both(CloseReason::Noted(note())));
    }
    let (mut scenario, conn) = player("RTP/AVP;unicast;client_port=5000-5001");
    let session = scenario.server.sessions().next().unwrap().session;
    scenario.datagrams.sent.clear();
    scenario.server.close_session_with(scenario.now, session, note());
    scenario.drain();
    let sent = std::mem::take(&mut scenario.datagrams.sent);
    let reports = sent.into_iter().filter(|(port, to, _)| *port == Port::Rtcp && to.port() == 5001);
    assert_eq!(goodbyes(reports.map(|(_, _, data)| data)), ["the camera is sold"]);
    scenario.advance(GOODBYE_DELAY * 2);
    assert!(scenario.is_closed(conn));
    assert_eq!(ends(&scenario), both(CloseReason::Noted(note())));

    let (mut scenario, conn) = player(TCP);
    let session = scenario.server.sessions().next().unwrap().session;
    scenario.server.close_session(scenario.now, session);
    assert_eq!(goodbyes_over_tcp(&mut scenario, conn), ["closed"], "also without a reason");
}

#[test]
fn a_request_that_waits_is_refused_with_the_reason() {
    for of_conn in [false, true] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().asks(Asks::PLAY));
        let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|Transport: {TCP}"));
        let play = format!("PLAY rtsp://h/cam|Session: {}", session_of(&setup));
        scenario.post(conn, &play, "");
        scenario.post(conn, "DESCRIBE rtsp://h/cam", "");
        scenario.post(conn, &play, "");
        let session = scenario.server.sessions().next().unwrap().session;
        match of_conn {
            true => scenario.server.close_connection_with(scenario.now, conn, note()),
            false => scenario.server.close_session_with(scenario.now, session, note()),
        }
        let response = scenario.response(conn);
        assert_eq!((status(&response), &*response.reason), (410, "the camera is sold"));
        assert_eq!(status(&scenario.response(conn)), 200, "what begins nothing is answered");
        assert_eq!(status(&scenario.response(conn)), 454, "there is no such session any more");
        assert!(scenario.is_closed(conn));
    }
}

#[test]
fn a_note_has_no_control_characters_and_so_many_bytes_at_most() {
    let most = "x".repeat(CLOSE_NOTE_BYTES_MAX);
    assert_eq!(CloseNote::new(&most).text(), most);
    assert_eq!(CloseNote::new(&(most.clone() + "y")).text(), most);
    let cut = CloseNote::new(&format!("{}é", "x".repeat(CLOSE_NOTE_BYTES_MAX - 1)));
    assert_eq!(cut.text().len(), CLOSE_NOTE_BYTES_MAX - 1, "no character is cut in two");
    assert_eq!(CloseNote::new("a\r\nb\u{9b}c").text(), "abc");
    assert_eq!(CloseNote::new("").with_status(StatusCode::OK).status(), StatusCode::SERVICE_UNAVAILABLE);
}
