//! Every request that was read is answered, however its session or connection ends.

use std::time::Duration;

use super::scenario::{SDP, Scenario, session_of, status, video};
use crate::conn::CloseReason;
use crate::limits::GOODBYE_DELAY;
use crate::server::{Asks, Event, ServerConfig};
use crate::wire::Item;
use crate::{ConnId, StreamId};

const TCP: &str = "Transport: RTP/AVP/TCP;interleaved=0-1";
const UDP: &str = "Transport: RTP/AVP;unicast;client_port=5000-5001";

/// A reader that plays `/cam`.
fn reader(transport: &str) -> (Scenario, ConnId, StreamId, String) {
    reader_of(Scenario::with_udp(), transport)
}

fn reader_of(mut scenario: Scenario, transport: &str) -> (Scenario, ConnId, StreamId, String) {
    let stream = scenario.publish("/cam");
    let conn = scenario.connect();
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{transport}"));
    let session = session_of(&setup);
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    scenario.push(stream, 0, video(1, &[0x41, 1]));
    (scenario, conn, stream, session)
}

/// The statuses that a client gets, frames left out.
fn statuses(scenario: &mut Scenario, conn: ConnId) -> Vec<u16> {
    let mut statuses = Vec::new();
    while let Some(item) = scenario.received(conn) {
        if let Item::Message(crate::wire::Message::Response(response)) = item {
            statuses.push(status(&response));
        }
    }
    statuses
}

#[test]
fn a_teardown_just_behind_the_end_of_the_stream_is_answered_with_200() {
    for (transport, closes) in [(TCP, false), (UDP, false), (TCP, true), (UDP, true)] {
        for named in [true, false] {
            let (mut scenario, conn, stream, session) = reader(transport);
            if closes {
                scenario.server.close(scenario.now);
            } else {
                scenario.server.remove_stream(scenario.now, stream);
            }
            scenario.advance(GOODBYE_DELAY / 2);
            assert_eq!(scenario.server.session_count(), 0, "{transport}");
            assert_eq!(statuses(&mut scenario, conn), [], "{transport}");
            let header = if named { format!("Session: {session}") } else { String::new() };
            scenario.post(conn, &format!("TEARDOWN rtsp://h/cam|{header}"), "");
            assert_eq!(statuses(&mut scenario, conn), [200], "{transport}, {named}");
            assert_eq!(scenario.is_closed(conn), closes, "a server that closes waits for nothing else");
            scenario.advance(GOODBYE_DELAY);
            assert!(scenario.is_closed(conn) && scenario.server.conn_count() == 0);
        }
    }
}

#[test]
fn a_reader_whose_connection_is_closed_first_does_not_end_for_its_stream() {
    let (mut scenario, conn, stream, _) = reader(TCP);
    scenario.frames(conn);
    scenario.server.close_connection(scenario.now, conn);
    scenario.server.remove_stream(scenario.now, stream);
    scenario.drain();
    assert_eq!(scenario.frames(conn), [], "no goodbye is said");
    let reasons = scenario.events.iter().filter_map(|event| match event {
        Event::SessionClosed { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [CloseReason::ConnectionLost]);
    assert_eq!(scenario.server.streams().count(), 0);
}

#[test]
fn a_server_that_closes_does_not_wait_for_the_application_to_answer_a_reader() {
    for transport in [TCP, UDP] {
        let asking = Scenario::with_udp_and(|config| config.asks(Asks::GET_PARAMETER));
        let (mut scenario, conn, ..) = reader_of(asking, transport);
        scenario.post(conn, "GET_PARAMETER rtsp://h/cam", "fps");
        scenario.server.close(scenario.now);
        scenario.advance(3 * GOODBYE_DELAY);
        assert_eq!(statuses(&mut scenario, conn), [503], "{transport}");
        assert!(scenario.is_closed(conn) && scenario.server.conn_count() == 0, "{transport}");
    }
}

#[test]
fn a_teardown_of_any_other_session_is_no_farewell() {
    let (mut scenario, conn, stream, _) = reader(TCP);
    scenario.server.remove_stream(scenario.now, stream);
    scenario.post(conn, "TEARDOWN rtsp://h/cam|Session: 0123456789abcdef", "");
    assert_eq!(statuses(&mut scenario, conn), [454]);
}

#[test]
fn a_connection_whose_stream_has_ended_stays_for_another() {
    let (mut scenario, conn, stream, _) = reader(TCP);
    scenario.server.remove_stream(scenario.now, stream);
    scenario.publish("/other");
    scenario.post(conn, &format!("SETUP rtsp://h/other/trackID=0|{TCP}"), "");
    assert_eq!(statuses(&mut scenario, conn), [200]);
    scenario.post(conn, "PLAY rtsp://h/other", "");
    scenario.advance(2 * GOODBYE_DELAY);
    assert!(!scenario.is_closed(conn));
    scenario.post(conn, "TEARDOWN rtsp://h/other", "");
    scenario.advance(2 * GOODBYE_DELAY);
    assert!(!scenario.is_closed(conn), "the farewell was to the other stream");
    assert_eq!(statuses(&mut scenario, conn), [200, 200]);
}

/// A publisher at `/live` over TCP.
fn record(scenario: &mut Scenario) -> (ConnId, String) {
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    scenario.response(conn);
    let setup = |track: u8| {
        let channels = format!("{}-{}", 2 * track, 2 * track + 1);
        format!(
            "SETUP rtsp://h/live/streamid={track}|Transport: RTP/AVP/TCP;interleaved={channels};mode=record"
        )
    };
    let session = session_of(&scenario.request(conn, &setup(0)));
    scenario.request(conn, &setup(1));
    assert_eq!(status(&scenario.request(conn, "RECORD rtsp://h/live")), 200);
    (conn, session)
}

/// The requests of a reader, step by step; at any of them its publisher leaves.
const STEPS: [&str; 6] = [
    "DESCRIBE rtsp://h/live",
    "SETUP rtsp://h/live/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1",
    "SETUP rtsp://h/live/trackID=1|Transport: RTP/AVP/TCP;interleaved=2-3",
    "PLAY rtsp://h/live",
    "GET_PARAMETER rtsp://h/live",
    "TEARDOWN rtsp://h/live",
];

#[test]
fn whenever_a_publisher_leaves_its_reader_gets_an_answer_to_everything() {
    for leaves_before in 0..=STEPS.len() {
        for pipelined in [false, true] {
            for hangs_up in [false, true] {
                let mut scenario = Scenario::new(ServerConfig::default());
                let (publisher, session) = record(&mut scenario);
                let conn = scenario.connect();
                let mut bytes = Vec::new();
                for (number, step) in STEPS.iter().enumerate() {
                    if number == leaves_before {
                        // Earlier requests are read before, or together with it.
                        scenario.send(conn, &std::mem::take(&mut bytes));
                        if hangs_up {
                            scenario.hang_up(publisher);
                        } else {
                            scenario
                                .request(publisher, &format!("TEARDOWN rtsp://h/live|Session: {session}"));
                        }
                    }
                    let (line, header) = step.split_once('|').unwrap_or((step, ""));
                    let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
                    let request = format!("{line} RTSP/1.0\r\nCSeq: {number}\r\n{header}\r\n");
                    bytes.extend_from_slice(request.as_bytes());
                    if !pipelined {
                        scenario.send(conn, &std::mem::take(&mut bytes));
                    }
                }
                scenario.send(conn, &bytes);
                let statuses = statuses(&mut scenario, conn);
                assert_eq!(statuses.len(), STEPS.len(), "{leaves_before}: {statuses:?}");
                let (before, behind) = statuses.split_at(leaves_before);
                assert!(before.iter().all(|status| *status == 200), "{leaves_before}: {statuses:?}");
                let fits = |status: &u16| [200, 404, 454].contains(status);
                assert!(behind.iter().all(fits), "{leaves_before}: {statuses:?}");
            }
        }
    }
}

#[test]
fn questions_that_are_open_when_a_connection_is_closed_are_answered_with_503() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    for path in ["/a", "/b"] {
        scenario.post(conn, &format!("DESCRIBE rtsp://h{path}"), "");
    }
    scenario.post(conn, "OPTIONS *", "");
    scenario.post(conn, "SETUP rtsp://h/a/trackID=0", "");
    scenario.server.close(scenario.now);
    assert_eq!(statuses(&mut scenario, conn), [503, 503, 200, 503]);
    assert!(scenario.is_closed(conn));
    let Some(Event::Describe(question)) =
        scenario.events.drain(..).find(|event| matches!(event, Event::Describe(_)))
    else {
        panic!("a question")
    };
    assert!(scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).is_err());
}

#[test]
fn what_a_peer_asks_last_is_answered_behind_the_question_before_it() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    scenario.post(conn, "DESCRIBE rtsp://h/cam", "");
    scenario.post(conn, "OPTIONS *", "");
    // It says no more, which a driver reports behind the last that it has read.
    scenario.server.handle_conn_error(scenario.now, conn, &CloseReason::PeerClosed, &scenario.logs);
    assert!(!scenario.is_closed(conn), "the application is asked");
    scenario.publish("/cam");
    let Some(Event::Describe(question)) = scenario.events.pop() else { panic!("a question") };
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(statuses(&mut scenario, conn), [200, 200]);
    assert!(scenario.is_closed(conn));
    let told = scenario
        .events
        .iter()
        .any(|event| matches!(event, Event::ConnClosed { reason: CloseReason::PeerClosed, .. }));
    assert!(told, "{:?}", scenario.events);
}

#[test]
fn a_question_that_outlives_its_session_is_answered_when_the_application_has_decided() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::PLAY));
    let (publisher, _) = record(&mut scenario);
    let conn = scenario.connect();
    let setup = scenario.request(conn, STEPS[1]);
    scenario.post(conn, &format!("PLAY rtsp://h/live|Session: {}", session_of(&setup)), "");
    let Some(Event::Play(question)) = scenario.events.pop() else { panic!("a question") };
    scenario.hang_up(publisher);
    scenario.advance(3 * GOODBYE_DELAY);
    assert!(!scenario.is_closed(conn), "the application is asked");
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(statuses(&mut scenario, conn), [454]);
    scenario.advance(Duration::from_secs(2));
    assert!(scenario.is_closed(conn));
}
