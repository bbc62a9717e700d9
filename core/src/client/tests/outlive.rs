//! The end of the connection, and the sessions that outlive it.

use std::time::Duration;

use bytes::Bytes;

use super::scenario::*;
use crate::Tolerance;
use crate::client::*;
use crate::limits::{LOST_SESSION_WAIT, RECONNECT_PERIOD, RESPONSE_DEADLINE};
use crate::udp::Port;
use crate::wire::StatusCode;

/// Packets come over UDP for so long, whatever else happens.
fn advance_with_datagrams(it: &mut Scenario, by: Duration) {
    let end = it.now + by;
    while it.now < end {
        it.advance(Duration::from_millis(250));
        let sequence = (it.now.as_nanos() / 250_000_000) as u16;
        it.datagram(Port::Rtp, "192.0.2.1:5000", video(sequence).into_bytes());
    }
    assert!(!it.packets().is_empty());
}

fn connects(it: &Scenario) -> usize {
    it.log.iter().filter(|line| line.starts_with("connect ")).count()
}

#[test]
fn a_session_over_udp_outlives_its_connection_and_the_server_is_asked_over_another_at_once() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    advance_with_datagrams(&mut it, Duration::from_secs(5));
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    it.expect("GET_PARAMETER rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | User-Agent: test | Session: 1234");
    it.answer("200 OK");
    advance_with_datagrams(&mut it, Duration::from_secs(5));
    // It closes behind its answer, so it is asked again when a keepalive is due.
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    advance_with_datagrams(&mut it, Duration::from_secs(24));
    it.no_event();
    assert_eq!(connects(&it), 2);
    advance_with_datagrams(&mut it, Duration::from_secs(2));
    assert_eq!(connects(&it), 3);
    it.expect_method("GET_PARAMETER");
    it.answer("200 OK");
    advance_with_datagrams(&mut it, Duration::from_secs(5));
    it.no_event();
    assert_eq!(it.client.state(), State::Play);
    assert!(!it.client.tolerances().contains(Tolerance::ConnectionPerRequest));
}

#[test]
fn a_session_over_udp_with_neither_connection_nor_media_is_lost_soon() {
    for is_refused in [true, false] {
        let mut it = Scenario::playing_udp(ClientConfig::default());
        advance_with_datagrams(&mut it, Duration::from_secs(5));
        it.connects = false;
        it.close();
        assert!(matches!(it.event(), ClientEvent::Disconnected));
        let begun = it.now;
        while it.client.state() == State::Play {
            assert!(it.now < begun + LOST_SESSION_WAIT, "{is_refused}");
            it.no_event();
            if is_refused {
                it.client.handle_connected(it.now, Err(unresolved()));
            }
            it.advance(RECONNECT_PERIOD);
        }
        assert_eq!(it.now, begun + LOST_SESSION_WAIT, "{is_refused}");
        assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
        assert_eq!(connects(&it), if is_refused { 6 } else { 2 });
        assert!(it.log.iter().any(|line| line == "disconnect"), "the last attempt is given up");
    }
}

#[test]
fn a_server_that_takes_connections_and_answers_nothing_is_not_asked_without_a_pause() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    advance_with_datagrams(&mut it, Duration::from_secs(5));
    let begun = it.now;
    while it.client.state() == State::Play {
        assert!(it.now < begun + 2 * LOST_SESSION_WAIT);
        it.close();
        it.advance(RECONNECT_PERIOD / 2);
    }
    assert!(connects(&it) <= 6, "{}", connects(&it));
}

#[test]
fn a_server_that_closes_behind_each_answer_is_asked_when_the_media_is_silent() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    advance_with_datagrams(&mut it, Duration::from_secs(5));
    for _ in 0..3 {
        it.close();
        assert!(matches!(it.event(), ClientEvent::Disconnected));
        it.advance(LOST_SESSION_WAIT);
        it.expect_method("GET_PARAMETER");
        it.answer("200 OK");
    }
    assert_eq!(connects(&it), 4, "one for each");
    it.connects = false;
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    it.advance(LOST_SESSION_WAIT);
    it.client.handle_connected(it.now, Err(unresolved()));
    it.advance(LOST_SESSION_WAIT);
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
}

#[test]
fn a_server_that_does_not_know_the_session_is_believed_unless_packets_come() {
    let denied = || {
        let mut it = Scenario::playing_udp(ClientConfig::default());
        advance_with_datagrams(&mut it, Duration::from_secs(5));
        it.close();
        assert!(matches!(it.event(), ClientEvent::Disconnected));
        it.expect_method("GET_PARAMETER");
        it.answer("454 Session Not Found");
        it
    };
    let mut it = denied();
    it.advance(LOST_SESSION_WAIT - Duration::from_millis(1));
    it.no_event();
    it.advance(Duration::from_millis(1));
    assert_eq!(it.closed(), ClientCloseReason::SessionLost);

    let mut it = denied();
    advance_with_datagrams(&mut it, LOST_SESSION_WAIT);
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    advance_with_datagrams(&mut it, Duration::from_secs(25));
    it.no_event();
    assert!(it.client.tolerances().contains(Tolerance::KeepaliveRefused));
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn commands_go_over_another_connection_when_the_first_has_ended() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    it.expect_method("GET_PARAMETER");
    it.client.pause(it.now).unwrap();
    it.expect("PAUSE rtsp://192.0.2.1/cam?q=1/ | CSeq: 6 | User-Agent: test | Session: 1234");
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::Paused);
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    it.client.teardown(it.now).unwrap();
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
}

#[test]
fn a_teardown_that_finds_no_connection_ends_the_client_all_the_same() {
    for is_refused in [true, false] {
        let mut it = Scenario::playing_udp(ClientConfig::default());
        it.connects = false;
        it.close();
        it.event();
        it.client.teardown(it.now).unwrap();
        it.pump();
        if is_refused {
            it.client.handle_connected(it.now, Err(unresolved()));
        } else {
            it.advance(RESPONSE_DEADLINE);
        }
        assert_eq!(it.done(), Reply::TornDown(Farewell::Unheard), "{is_refused}");
        assert_eq!(it.closed(), ClientCloseReason::TornDown, "{is_refused}");
        assert_eq!(it.client.poll_timeout(), None);
    }
}

#[test]
fn servers_may_keep_a_connection_for_each_request() {
    let mut it = Scenario::new(Transports::Udp);
    it.client.describe(it.now).unwrap();
    it.client.setup(it.now, 0).unwrap();
    it.client.play(it.now, None).unwrap();
    let transport = "Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001";
    for (method, answer, next) in [
        ("OPTIONS", format!("200 OK | {PUBLIC}"), Some("DESCRIBE")),
        ("DESCRIBE", sdp(SDP), Some("SETUP")),
        ("SETUP", format!("200 OK | Session: 1234 | {transport}"), Some("PLAY")),
        ("PLAY", "200 OK".to_owned(), None),
    ] {
        it.expect_method(method);
        it.answer(&answer);
        // The next request is not read, since the server closes behind its answer.
        next.into_iter().for_each(|next| it.expect_method(next));
        it.close();
    }
    advance_with_datagrams(&mut it, Duration::from_secs(5));
    assert_eq!(it.client.state(), State::Play);
    assert!(it.client.tolerances().contains(Tolerance::ConnectionPerRequest));
}

#[test]
fn a_request_that_was_not_answered_is_sent_once_more_and_no_more() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.client.get_parameter(it.now, "position".into()).unwrap();
    it.expect_method("GET_PARAMETER");
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    it.expect_method("GET_PARAMETER");
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    assert_eq!(it.failed(), CommandError::ConnectionLost);
    it.expect_nothing_sent();
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn a_server_that_answers_nothing_is_not_connected_to_again() {
    let mut it = Scenario::new(Transports::Udp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.close();
    assert_eq!(it.failed(), CommandError::Closed);
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
}

#[test]
fn a_server_that_cannot_be_reached_again_is_tried_as_long_as_it_keeps_the_session() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.connects = false;
    it.close();
    it.event();
    let mut tried = 0;
    // The session timeout is 60 s, and was last renewed by PLAY.
    while it.now.as_nanos() < 70_000_000_000 && it.log.iter().all(|line| !line.starts_with("Closed")) {
        if connects(&it) > tried + 1 {
            tried = connects(&it) - 1;
            it.client.handle_connected(it.now, Err(unresolved()));
        }
        it.advance(Duration::from_millis(250));
        if it.client.state() == State::Play {
            let sequence = (it.now.as_nanos() / 250_000_000) as u16;
            it.datagram(Port::Rtp, "192.0.2.1:5000", video(sequence).into_bytes());
        }
    }
    assert_eq!(it.closed(), ClientCloseReason::Connect(unresolved()));
    assert!((55..=60).contains(&(it.now.as_nanos() / 1_000_000_000)), "{:?}", it.now);
    assert!((100..=120).contains(&tried), "{tried}");
}

#[test]
fn a_session_over_tcp_ends_with_its_connection() {
    let mut it = Scenario::playing_tcp();
    it.close();
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
}

#[test]
fn a_track_that_the_server_has_left_has_ended_when_the_connection_does() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.frame(1, &crate::rtp::rtcp::goodbye_compound(0xabcd, "server", ""));
    it.no_event();
    it.close();
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
}

#[test]
fn a_session_over_udp_that_was_left_ends_with_its_connection() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.datagram(
        Port::Rtcp,
        "192.0.2.1:5001",
        crate::rtp::rtcp::goodbye_compound(0xabcd, "server", "").to_vec(),
    );
    it.close();
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
}

#[test]
fn a_server_that_has_forgotten_the_session_and_sends_nothing_ends_the_client() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    advance_with_datagrams(&mut it, Duration::from_secs(30));
    it.expect_method("GET_PARAMETER");
    // Some devices say so of a session that plays on, so packets are waited for.
    it.answer("454 Session Not Found");
    it.expect_nothing_sent();
    it.no_event();
    it.advance(LOST_SESSION_WAIT);
    assert_eq!(it.closed(), ClientCloseReason::SessionLost);
    let mut it = Scenario::recording(Transports::Udp);
    it.advance(Duration::from_secs(30));
    it.expect_method("OPTIONS");
    it.answer("454 Session Not Found");
    assert_eq!(it.closed(), ClientCloseReason::SessionLost);
}

#[test]
fn a_command_that_finds_the_session_forgotten_ends_a_client_that_hears_no_media() {
    let lost = || with_status(StatusCode::SESSION_NOT_FOUND);
    let mut it = Scenario::recording(Transports::Udp);
    it.client.get_parameter(it.now, Bytes::new()).unwrap();
    it.expect_method("GET_PARAMETER");
    it.answer("454 Session Not Found");
    assert_eq!(it.failed(), lost());
    assert_eq!(it.closed(), ClientCloseReason::SessionLost);

    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.client.get_parameter(it.now, Bytes::new()).unwrap();
    it.expect_method("GET_PARAMETER");
    it.answer("454 Session Not Found");
    assert_eq!(it.failed(), lost());
    it.no_event();
    advance_with_datagrams(&mut it, Duration::from_secs(5));
    it.no_event();
    it.client.get_parameter(it.now, Bytes::new()).unwrap();
    it.expect_method("GET_PARAMETER");
    it.answer("454 Session Not Found");
    assert_eq!(it.failed(), lost());
    it.advance(LOST_SESSION_WAIT);
    assert_eq!(it.closed(), ClientCloseReason::SessionLost);
}

#[test]
fn a_recording_over_udp_goes_on_without_its_connection() {
    let mut it = Scenario::recording(Transports::Udp);
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    for sequence in 0..10 {
        assert_eq!(it.client.send(it.now, 0, &video(sequence)), Ok(()));
    }
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.advance(Duration::from_secs(30));
    it.expect_method("OPTIONS");
    assert!(it.datagrams.len() > 10);
}

#[test]
fn a_command_that_waits_for_its_connection_comes_before_the_change_to_tcp() {
    let config = ClientConfig::default().first_udp_packet(Duration::from_secs(2));
    let mut it = Scenario::playing_udp(config);
    it.connects = false;
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    it.client.options(it.now).unwrap();
    it.advance(Duration::from_secs(3));
    it.no_event();
    assert!(it.client.poll_timeout().is_some_and(|at| at > it.now), "nothing is due at once");
    it.client.handle_connected(it.now, Ok(SERVER.parse().unwrap()));
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Options(_)));
    it.advance(Duration::from_secs(2));
    assert_eq!(it.switched(), SwitchReason::NothingHeard);
}
