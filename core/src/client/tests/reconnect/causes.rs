use std::io;
use std::time::Duration;

use super::*;
use crate::limits::{LOST_SESSION_WAIT, RECEIVER_REPORT_PERIOD};
use crate::tls::TlsError;

#[test]
fn a_row_of_attempts_ends_once_media_has_flowed_and_not_before() {
    let policy = ReconnectPolicy::default().attempts_max(Some(2));
    let config = ClientConfig::default().reconnect(Some(policy)).transports(Transports::Tcp);
    for (flows, lasts) in [(true, RECONNECT_SETTLED), (true, Duration::ZERO), (false, RECONNECT_SETTLED)] {
        let mut it = Scenario::with(URL, config.clone()).describe().play_tcp("1234");
        let begin_again = |it: &mut Scenario, attempt| {
            it.close();
            assert_eq!(reconnecting(it), (ClientCloseReason::ConnectionLost(None), attempt));
            wait_for_attempt(it);
            while !it.request().starts_with("TEARDOWN ") {}
            it.answer("454 Session Not Found");
            answer_as_before(it, SDP, &TCP.replace("5678", "1234"));
            reconnected(it);
        };
        begin_again(&mut it, 1);
        begin_again(&mut it, 2);
        if flows {
            it.frame(0, video(1).as_bytes());
        }
        it.advance(lasts);
        if flows && lasts >= RECONNECT_SETTLED {
            let _ = it.next_event();
            begin_again(&mut it, 1);
        } else {
            let _ = it.client.poll_packet();
            while it.next_event().is_some() {}
            it.close();
            assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None), "{flows} {lasts:?}");
        }
    }
}

#[test]
fn refusals_are_believed_after_so_many_in_a_row() {
    for (answer, most, error) in [
        ("404 Not Found", RECONNECT_MISSING_MAX, with_status(StatusCode::NOT_FOUND)),
        ("401", RECONNECT_DENIED_MAX, CommandError::Unauthorized(Box::default())),
        ("403 Forbidden", RECONNECT_DENIED_MAX, with_status(StatusCode::FORBIDDEN)),
    ] {
        let mut it = playing_tcp();
        let refuse = |it: &mut Scenario, answer: &str| {
            it.expect_method("OPTIONS");
            it.answer(&format!("200 OK | {PUBLIC}"));
            it.expect_method("DESCRIBE");
            it.answer(answer);
        };
        it.close();
        reconnecting(&mut it);
        wait_for_attempt(&mut it);
        answer_former(&mut it);
        let reason = ClientCloseReason::RestartFailed(error);
        for count in 1..=most {
            refuse(&mut it, answer);
            assert_eq!(reconnecting(&mut it), (reason.clone(), count + 1));
            wait_for_attempt(&mut it);
        }
        // Something else between makes it another row.
        refuse(&mut it, "503 Service Unavailable");
        reconnecting(&mut it);
        wait_for_attempt(&mut it);
        for _ in 1..=most {
            refuse(&mut it, answer);
            reconnecting(&mut it);
            wait_for_attempt(&mut it);
        }
        refuse(&mut it, answer);
        assert_eq!(it.closed(), reason);
    }
}

#[test]
fn causes_that_nothing_mends_close_the_client_at_once() {
    let mut it = Scenario::with("rtsps://192.0.2.1/cam", config());
    it.connects = false;
    it.client.describe(it.now).unwrap();
    it.pump();
    it.client.handle_connected(it.now, Err(ConnectError::Tls(TlsError::Unavailable)));
    assert_eq!(it.failed(), CommandError::Closed);
    assert_eq!(it.closed(), ClientCloseReason::Connect(ConnectError::Tls(TlsError::Unavailable)));
}

#[test]
fn tls_that_ends_a_connection_before_any_answer_is_why_there_is_none() {
    let refused = || TlsError::RefusedByPeer(io::Error::other("certificate required").into());
    let mut it = Scenario::with("rtsps://192.0.2.1/cam", ClientConfig::default());
    it.client.describe(it.now).unwrap();
    it.pump();
    it.client.handle_tls_failed(it.now, refused());
    assert_eq!(it.failed(), CommandError::Closed);
    assert_eq!(it.closed(), ClientCloseReason::Connect(ConnectError::Tls(refused())));

    // Behind an answer the connection was lost.
    let mut it = playing_tcp();
    it.client.handle_tls_failed(it.now, refused());
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::ConnectionLost(None), 1));
    // And without a connection there is nothing to lose.
    it.client.handle_tls_failed(it.now, refused());
}

#[test]
fn a_server_that_is_silent_is_left_with_a_teardown_and_connected_to_again() {
    let mut it = playing_tcp();
    it.advance(Duration::from_secs(10));
    it.expect_method("GET_PARAMETER");
    it.advance(Duration::from_secs(10));
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::Silence, 1));
    it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1/ | CSeq: 6 | User-Agent: test | Session: 1234");
    it.frame(0, video(1).as_bytes());
    assert!(it.packets().is_empty(), "what comes is of a session that is over");
    it.advance(TEARDOWN_DEADLINE);
    // It may not have heard of the end.
    answer_former(&mut it);
    answer_as_before(&mut it, SDP, TCP);
    reconnected(&mut it);
}

#[test]
fn an_answered_teardown_is_not_sent_again() {
    let config = config().transports(Transports::Tcp).media_silence_policy(MediaSilencePolicy::Close);
    let mut it = Scenario::with(URL, config.keepalive(KeepalivePolicy::Never)).describe().play_tcp("1234");
    it.advance(Duration::from_secs(11));
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::MediaSilent(0), 1));
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    wait_for_attempt(&mut it);
    answer_as_before(&mut it, SDP, TCP);
    reconnected(&mut it);
}

#[test]
fn a_server_that_is_left_is_sent_no_report_behind_teardown() {
    // A report is due within the time that TEARDOWN may take, in one of these cases at least.
    for second in 0..RECEIVER_REPORT_PERIOD.as_secs() {
        let config = config().transports(Transports::Tcp).media_silence_policy(MediaSilencePolicy::Close);
        let config = config.keepalive(KeepalivePolicy::Never);
        let mut it = Scenario::with(URL, config).describe().play_tcp("1234");
        it.advance(Duration::from_secs(second));
        it.frame(0, video(1).as_bytes());
        while !it.log.iter().any(|line| line.starts_with("TEARDOWN")) {
            it.advance(Duration::from_millis(100));
        }
        it.frames.clear();
        it.advance(TEARDOWN_DEADLINE);
        assert!(it.frames.is_empty(), "{second}: {:?}", it.frames);
    }
}

#[test]
fn where_udp_has_failed_tcp_is_asked_for_at_once_for_a_while() {
    let mut it = Scenario::playing_udp(config());
    it.advance(Duration::from_secs(4));
    assert_eq!(it.switched(), SwitchReason::NothingHeard);
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    answer_as_before(&mut it, SDP, TCP);
    let begin_again = |it: &mut Scenario, transport: &str, answer: &str| {
        while it.next_event().is_some() {}
        it.close();
        reconnecting(it);
        wait_for_attempt(it);
        if it.now - Instant::ZERO < Duration::from_secs(60) {
            it.expect_method("TEARDOWN");
            it.answer("200 OK");
        }
        it.expect_method("OPTIONS");
        it.answer(&format!("200 OK | {PUBLIC}"));
        it.expect_method("DESCRIBE");
        it.answer(&sdp(SDP));
        let setup = it.request();
        assert!(setup.contains(transport), "{setup}");
        it.answer(answer);
        it.expect_method("PLAY");
        it.answer("200 OK");
        reconnected(it);
    };
    begin_again(&mut it, "RTP/AVP/TCP", TCP);
    it.now = it.now + UDP_AVOIDED;
    it.client.handle_closed(it.now);
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    let setup = it.request();
    assert!(setup.contains("client_port="), "{setup}");
    it.answer(UDP);
}

#[test]
fn a_stream_whose_description_fits_no_more_is_asked_for_again_and_given_up_in_the_end() {
    let policy = ReconnectPolicy::default().missing_max(1);
    let config = ClientConfig::default().transports(Transports::Tcp).reconnect(Some(policy));
    let mut it = Scenario::with(URL, config).describe().play_tcp("1234");
    let changed = SDP.replace("H264", "JPEG");
    it.close();
    reconnecting(&mut it);
    for count in 0..2 {
        wait_for_attempt(&mut it);
        if count == 0 {
            answer_former(&mut it);
        }
        it.expect_method("OPTIONS");
        it.answer(&format!("200 OK | {PUBLIC}"));
        it.expect_method("DESCRIBE");
        it.answer(&sdp(&changed));
        if count == 0 {
            assert!(matches!(it.event(), ClientEvent::DescriptionChanged(_)));
            let reason = ClientCloseReason::RestartFailed(CommandError::MediaChanged(0));
            assert_eq!(reconnecting(&mut it), (reason, 2));
        }
    }
    assert_eq!(it.closed(), ClientCloseReason::RestartFailed(CommandError::MediaChanged(0)));
}

#[test]
fn a_live_stream_that_is_said_to_end_is_asked_for_again_and_a_clip_is_not() {
    let mut it = playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.frame(1, &goodbye_compound(0xabcd, "server", ""));
    it.advance(Duration::from_secs(4));
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::Ended, 1));

    let mut it = playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.frame(1, &goodbye_compound(0xabcd, "server", ""));
    it.close();
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::ConnectionLost(None), 1));

    let mut it = Scenario::with(URL, config().transports(Transports::Tcp)).describe();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer(TCP);
    it.done();
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK | Range: npt=0-9.5");
    it.done();
    it.frame(0, video(1).as_bytes());
    it.frame(1, &goodbye_compound(0xabcd, "server", ""));
    it.advance(Duration::from_secs(2));
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    it.no_event();
    it.close();
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
}

#[test]
fn a_session_over_udp_whose_server_has_restarted_is_played_again() {
    let mut it = Scenario::playing_udp(config());
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.close();
    assert!(matches!(it.event(), ClientEvent::Disconnected));
    it.expect_method("GET_PARAMETER");
    it.answer("454 Session Not Found");
    it.no_event();
    it.advance(LOST_SESSION_WAIT);
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::SessionLost, 1));
    wait_for_attempt(&mut it);
    answer_as_before(&mut it, SDP, UDP);
    reconnected(&mut it);
    assert!(it.log.iter().any(|line| line.starts_with("close ")), "the former sockets are closed");
}
