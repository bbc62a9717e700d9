use std::time::Duration;

use super::scenario::*;
use crate::Tolerance;
use crate::client::*;
use crate::limits::{DEADLINE_GRACE, OUTBOX_BYTES_MAX, RESPONSE_DEADLINE, SERVER_SILENCE};
use crate::udp::Port;
use crate::wire::Method;

/// Lets time pass while the server sends a packet every half second.
fn advance_with_media(it: &mut Scenario, by: Duration) {
    let end = it.now + by;
    let mut sequence = it.now.as_nanos() as u16;
    while it.now < end {
        it.advance((end - it.now).min(Duration::from_millis(500)));
        sequence = sequence.wrapping_add(1);
        it.frame(0, video(sequence).as_bytes());
    }
}

#[test]
fn a_session_is_kept_alive_with_get_parameter_if_the_server_lists_it() {
    let mut it = Scenario::playing_tcp();
    advance_with_media(&mut it, Duration::from_millis(29_999));
    it.frames.clear();
    it.expect_nothing_sent();
    advance_with_media(&mut it, Duration::from_millis(1));
    it.expect("GET_PARAMETER rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | User-Agent: test | Session: 1234");
    it.answer("200 OK");
    it.no_event();
}

#[test]
fn a_session_is_kept_alive_with_options_if_the_server_lists_nothing_else() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK | Public: DESCRIBE, SETUP, PLAY");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    it.done();
    it = it.play_tcp("1");
    advance_with_media(&mut it, Duration::from_secs(30));
    it.expect("OPTIONS rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | User-Agent: test | Session: 1");
}

#[test]
fn keepalives_go_on_although_none_is_answered() {
    let mut it = Scenario::described(Transports::Tcp).play_tcp("1;timeout=10");
    for cseq in 5..40 {
        advance_with_media(&mut it, Duration::from_secs(5));
        it.expect(&format!(
            "GET_PARAMETER rtsp://192.0.2.1/cam?q=1/ | CSeq: {cseq} | User-Agent: test | Session: 1"
        ));
    }
    it.no_event();
}

#[test]
fn a_refused_keepalive_is_followed_by_the_other_method_at_once() {
    let mut it = Scenario::described(Transports::Tcp).play_tcp("1;timeout=10");
    advance_with_media(&mut it, Duration::from_secs(5));
    it.expect_method("GET_PARAMETER");
    it.answer("551 Option not supported");
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    advance_with_media(&mut it, Duration::from_secs(5));
    it.expect_method("OPTIONS");
    it.answer("501 Not Implemented");
    it.frames.clear();
    it.expect_nothing_sent();
    advance_with_media(&mut it, Duration::from_secs(5));
    it.expect_method("OPTIONS");
    it.no_event();
}

#[test]
fn the_method_of_keepalives_can_be_set_another_follows_if_it_is_refused_and_they_can_be_switched_off() {
    let config = |policy| ClientConfig::default().transports(Transports::Tcp).keepalive(policy);
    let policy = KeepalivePolicy::Method(Method::SetParameter);
    let mut it = Scenario::with(URL, config(policy)).describe().play_tcp("1");
    advance_with_media(&mut it, Duration::from_secs(30));
    it.expect_method("SET_PARAMETER");
    it.answer("451 Parameter Not Understood");
    it.expect_method("GET_PARAMETER");
    it.answer("200 OK");
    advance_with_media(&mut it, Duration::from_secs(30));
    it.expect_method("GET_PARAMETER");
    let mut it = Scenario::with(URL, config(KeepalivePolicy::Never)).describe().play_tcp("1;timeout=1");
    advance_with_media(&mut it, Duration::from_secs(100));
    it.frames.clear();
    it.expect_nothing_sent();
}

#[test]
fn a_paused_session_is_kept_alive_too() {
    let mut it = Scenario::playing_tcp();
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.done();
    it.advance(Duration::from_secs(30));
    it.expect_method("GET_PARAMETER");
}

#[test]
fn a_server_that_answers_nothing_for_two_timeouts_is_gone_though_no_media_is_to_come() {
    for (records, answers) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut it = if records { Scenario::recording(Transports::Tcp) } else { Scenario::playing_tcp() };
        if !records {
            it.client.pause(it.now).unwrap();
            it.expect_method("PAUSE");
            it.answer("200 OK");
            it.done();
        }
        for _ in 0..4 {
            it.advance(Duration::from_secs(30) - DEADLINE_GRACE);
            it.no_event();
            it.advance(DEADLINE_GRACE);
            it.frames.clear();
            if answers {
                it.request();
                it.answer("200 OK");
            }
        }
        if answers {
            it.no_event();
        } else {
            assert_eq!(it.closed(), ClientCloseReason::Silence);
        }
    }
}

#[test]
fn play_does_not_forget_what_was_heard_of_the_server() {
    let mut it = Scenario::playing_tcp();
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.done();
    it.advance(Duration::from_secs(91));
    it.frame(0, video(1).as_bytes());
    it.advance(Duration::from_millis(28_500));
    it.no_event();
    it.client.play(it.now, None).unwrap();
    assert!(it.client.poll_timeout().is_some_and(|at| at > it.now), "nothing is overdue");
}

#[test]
fn the_session_timeout_of_any_response_counts() {
    // GW Security says 60 in the answer to SETUP and 120 in that to PLAY.
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1; timeout=60 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK | Session: 1;timeout=120");
    advance_with_media(&mut it, Duration::from_secs(30));
    it.expect_method("GET_PARAMETER");
    it.answer("200 OK");
    advance_with_media(&mut it, Duration::from_secs(59));
    it.frames.clear();
    it.expect_nothing_sent();
    advance_with_media(&mut it, Duration::from_secs(1));
    it.expect_method("GET_PARAMETER");
}

#[test]
fn a_keepalive_that_is_answered_late_does_not_put_off_the_next() {
    let mut it = Scenario::described(Transports::Tcp).play_tcp("1;timeout=10");
    advance_with_media(&mut it, Duration::from_secs(5));
    it.expect_method("GET_PARAMETER");
    advance_with_media(&mut it, Duration::from_secs(4));
    it.answer("200 OK");
    it.frames.clear();
    it.expect_nothing_sent();
    advance_with_media(&mut it, Duration::from_secs(1));
    it.expect_method("GET_PARAMETER");
}

#[test]
fn extreme_session_timeouts_neither_flood_the_server_nor_stop_the_clock() {
    for (timeout, seconds) in [("0", 30), ("1", 1), ("4294967295", 100), ("-1", 30)] {
        let mut it = Scenario::described(Transports::Tcp).play_tcp(&format!("1;timeout={timeout}"));
        advance_with_media(&mut it, Duration::from_secs(seconds));
        it.pump();
        let keepalives = it.log.iter().filter(|line| line.starts_with("GET_PARAMETER")).count();
        assert_eq!(keepalives, usize::from(seconds < 100), "{timeout}");
    }
}

#[test]
fn a_server_that_sends_nothing_over_tcp_is_given_up() {
    let mut it = Scenario::playing_tcp();
    it.advance(Duration::from_secs(4));
    it.frame(0, video(1).as_bytes());
    it.advance(SERVER_SILENCE - Duration::from_millis(1));
    it.frames.clear();
    it.expect_nothing_sent();
    // It is asked first.
    it.advance(Duration::from_millis(1));
    it.expect_method("GET_PARAMETER");
    it.advance(RESPONSE_DEADLINE - Duration::from_millis(1));
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
    it.no_event();
    it.frames.clear();
    it.advance(Duration::from_millis(1));
    assert_eq!(it.closed(), ClientCloseReason::Silence);
    it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1/ | CSeq: 6 | User-Agent: test | Session: 1234");
    assert!(it.log.contains(&"disconnect".to_owned()));
}

/// Answers keepalives for so long, and says how many there were.
fn advance_with_answers(it: &mut Scenario, seconds: u64) -> usize {
    let before = it.log.len();
    for _ in 0..seconds {
        it.advance(Duration::from_secs(1));
        let asked = it.log.iter().skip(before).filter(|line| line.starts_with("GET_PARAMETER")).count();
        let answered = it.answered.len();
        if asked > answered {
            it.answered.push(it.now);
            it.answer("200 OK");
        }
    }
    std::mem::take(&mut it.answered).len()
}

#[test]
fn a_server_that_answers_is_there_however_quiet_its_media() {
    // Metadata over TCP: an event now and then, or none at all.
    let metadata = "v=0\r\ns=x\r\nm=application 0 RTP/AVP 96\r\na=rtpmap:96 vnd.onvif.metadata/90000\r\n";
    let mut it = Scenario::new(Transports::Tcp).describe_as(metadata).play_tcp("1234;timeout=60");
    assert!(advance_with_answers(&mut it, 600) > 50);
    it.no_event();
    it.frame(0, video(1).as_bytes());
    assert_eq!(it.packets().len(), 1);
    // A picture every 12 s.
    let mut it = Scenario::playing_tcp();
    for picture in 0..20 {
        it.frame(0, video(picture).as_bytes());
        advance_with_answers(&mut it, 12);
    }
    assert_eq!(it.client.state(), State::Play);
    // The same over UDP.
    let mut it = Scenario::playing_udp(ClientConfig::default());
    for picture in 0..20 {
        it.datagram(Port::Rtp, "192.0.2.1:5000", video(picture).into_bytes());
        advance_with_answers(&mut it, 12);
    }
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn media_that_stops_is_told_although_the_server_answers() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    advance_with_answers(&mut it, 45);
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
    it.no_event();
    it.frame(0, video(2).as_bytes());
    assert!(matches!(it.event(), ClientEvent::MediaResumed(0)));
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn media_that_stops_closes_the_client_if_that_was_asked_for() {
    let config = ClientConfig::default()
        .transports(Transports::Tcp)
        .media_silence(Duration::from_secs(20))
        .media_silence_policy(MediaSilencePolicy::Close);
    let mut it = Scenario::with(URL, config).describe().play_tcp("1234");
    it.frame(0, video(1).as_bytes());
    advance_with_answers(&mut it, 19);
    it.no_event();
    advance_with_answers(&mut it, 3);
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
    assert_eq!(it.closed(), ClientCloseReason::MediaSilent(0));
    assert!(it.log.iter().any(|line| line.starts_with("TEARDOWN")));
}

#[test]
fn a_server_that_never_answers_keepalives_and_then_falls_silent_is_left_to_its_connection() {
    let mut it = Scenario::described(Transports::Tcp).play_tcp("1;timeout=20");
    advance_with_media(&mut it, Duration::from_secs(60));
    it.advance(Duration::from_secs(100));
    assert!(it.client.tolerances().contains(Tolerance::KeepaliveUnanswered));
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
    it.no_event();
    it.close();
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
}

#[test]
fn a_server_that_turns_out_to_answer_none_when_it_is_asked_is_given_up_in_time() {
    // The first keepalive, at 30 s, counts as ignored from 90.5 s on; the server is asked at 91 s.
    let (silence, response) = (Duration::from_secs(60), Duration::from_millis(60_500));
    let config = ClientConfig::default().transports(Transports::Udp);
    let config = config.silence(silence).response_deadline(response).media_silence(silence * 2);
    let mut it = Scenario::playing_udp(config);
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).as_bytes().to_vec());
    it.advance(Duration::from_secs(31));
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(2).as_bytes().to_vec());
    it.advance(Duration::from_secs(59));
    assert!(!it.client.tolerances().contains(Tolerance::KeepaliveUnanswered));
    it.advance(Duration::from_secs(1));
    assert!(it.client.tolerances().contains(Tolerance::KeepaliveUnanswered));
    assert_eq!(it.client.state(), State::Play);
    it.advance(DEADLINE_GRACE);
    assert_eq!(it.closed(), ClientCloseReason::Silence);
}

#[test]
fn a_client_that_stood_still_reads_what_came_before_it_believes_its_deadlines() {
    for standstill in [14, 25, 300] {
        let mut it = Scenario::playing_tcp();
        it.frame(0, video(1).as_bytes());
        it.client.options(it.now).unwrap();
        it.expect_method("OPTIONS");
        it.now = it.now + Duration::from_secs(standstill);
        // All its timers fire before any socket is read.
        it.client.handle_timeout(it.now);
        it.client.handle_timeout(it.now);
        it.answer("200 OK");
        it.frame(0, video(2).as_bytes());
        assert!(matches!(it.done(), Reply::Options(_)), "{standstill}");
        it.advance(2 * DEADLINE_GRACE);
        it.no_event();
        assert_eq!(it.client.state(), State::Play, "{standstill}");
    }
}

#[test]
fn udp_alone_is_waited_for_as_long_as_any_silence_lasts() {
    let mut it = Scenario::playing_udp(ClientConfig::default().transports(Transports::Udp));
    it.advance(Duration::from_millis(9_999));
    it.no_event();
    it.advance(Duration::from_millis(1));
    let reason = it.closed();
    assert_eq!(reason, ClientCloseReason::NothingOverUdp { waited: SERVER_SILENCE, tcp_refused: None });
    let text = "no packet came over UDP within 10 s, so a firewall may be in the way; TCP may do";
    assert_eq!(reason.to_string(), text);
}

#[test]
fn udp_that_was_heard_once_is_not_given_up_for_tcp() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.advance(Duration::from_secs(2));
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.advance(Duration::from_millis(9_999));
    it.no_event();
    it.advance(Duration::from_millis(1));
    it.expect_method("GET_PARAMETER");
    it.advance(RESPONSE_DEADLINE);
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
    assert_eq!(it.closed(), ClientCloseReason::Silence);
}

#[test]
fn messages_alone_are_no_life_over_udp() {
    let mut it = Scenario::playing_udp(ClientConfig::default().transports(Transports::Udp));
    for _ in 0..5 {
        it.advance(Duration::from_secs(2));
        it.receive(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    }
    assert!(matches!(it.closed(), ClientCloseReason::NothingOverUdp { .. }));
}

#[test]
fn a_recording_client_hears_nothing_and_goes_on() {
    let mut it = Scenario::recording(Transports::Udp);
    it.advance(Duration::from_secs(29));
    it.no_event();
    it.expect_nothing_sent();
    it.advance(Duration::from_secs(1));
    it.expect("OPTIONS rtsp://192.0.2.1/cam?q=1 | CSeq: 5 | User-Agent: test | Session: 1234");
}

#[test]
fn the_switch_to_tcp_waits_for_the_command_that_runs() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.advance(Duration::from_secs(2));
    it.client.get_parameter(it.now, "position".into()).unwrap();
    it.expect_method("GET_PARAMETER");
    it.advance(Duration::from_secs(5));
    it.no_event();
    it.answer("200 OK || position: 5");
    assert_eq!(it.done(), Reply::Body("position: 5".into()));
    it.advance(DEADLINE_GRACE);
    assert_eq!(it.switched(), SwitchReason::NothingHeard);
}

#[test]
fn whoever_begins_anew_does_not_count_the_silence_before() {
    let config = ClientConfig::default().response_deadline(Duration::from_secs(60));
    let mut it = Scenario::playing_udp(config);
    it.client.get_parameter(it.now, "position".into()).unwrap();
    it.expect_method("GET_PARAMETER");
    it.advance(SERVER_SILENCE);
    it.answer("200 OK");
    it.done();
    it.advance(DEADLINE_GRACE / 2);
    it.no_event();
    it.advance(DEADLINE_GRACE / 2);
    assert_eq!(it.switched(), SwitchReason::NothingHeard);
    it.expect_method("TEARDOWN");
    assert!(it.client.poll_timeout().is_some_and(|at| at > it.now));
    it.advance(Duration::from_secs(1));
    it.no_event();
}

#[test]
fn a_play_just_before_the_server_is_given_up_leaves_no_deadline_in_the_past() {
    let mut it = Scenario::playing_tcp();
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.done();
    it.advance(Duration::from_secs(120) - DEADLINE_GRACE / 2);
    it.client.play(it.now, None).unwrap();
    let deadline = it.client.poll_timeout();
    assert!(deadline > Some(it.now), "{deadline:?} has passed");
}

#[test]
fn a_pause_before_anything_was_heard_calls_off_the_switch_to_tcp() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::Paused);
    it.advance(Duration::from_secs(20));
    it.no_event();
}

#[test]
fn a_server_that_asks_and_never_reads_is_given_up() {
    let mut it = Scenario::playing_tcp();
    let request = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(1 + OUTBOX_BYTES_MAX / 80);
    let mut rest = &request[..];
    while !rest.is_empty() {
        let buffer = it.client.read_buf();
        let (now, later) = rest.split_at(rest.len().min(buffer.len()));
        buffer[..now.len()].copy_from_slice(now);
        it.client.handle_read(it.now, now.len());
        rest = later;
    }
    assert_eq!(it.closed(), ClientCloseReason::Stalled);
}
