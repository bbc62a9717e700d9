use bytes::Bytes;

use super::*;

#[test]
fn a_camera_that_is_off_is_waited_for_with_the_commands_that_were_given() {
    let mut it = Scenario::with(URL, config().transports(Transports::Tcp));
    it.connects = false;
    it.client.describe(it.now).unwrap();
    let mut waits = Vec::new();
    for attempt in 1..=8 {
        it.pump();
        it.client.handle_connected(it.now, Err(unresolved()));
        assert_eq!(reconnecting(&mut it), (ClientCloseReason::Connect(unresolved()), attempt));
        let begun = it.now;
        it.now = it.client.poll_timeout().unwrap();
        it.connects = attempt == 8;
        it.client.handle_timeout(it.now);
        waits.push((it.now - begun).as_secs());
    }
    let bounds = [1..2, 2..4, 4..8, 8..16, 15..30, 15..30, 15..30, 15..30];
    assert!(waits.iter().zip(bounds).all(|(wait, bounds)| bounds.contains(wait)), "{waits:?}");
    assert_eq!(reconnected(&mut it).0, 8);
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    assert!(matches!(it.done(), Reply::Described(_)));
}

#[test]
fn a_client_with_nothing_left_to_have_again_waits_for_its_next_command() {
    let mut it = Scenario::with(URL, config());
    it.connects = false;
    it.client.get_parameter(it.now, Bytes::new()).unwrap();
    it.pump();
    it.client.handle_connected(it.now, Err(unresolved()));
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::Connect(unresolved()), 1));
    it.connects = true;
    wait_for_attempt(&mut it);
    assert_eq!(reconnected(&mut it).0, 1);
    it.expect_method("OPTIONS");
    it.answer("404 Not Found");
    for _ in 0..2 {
        it.expect_method("GET_PARAMETER");
        it.no_event();
        it.close();
    }
    assert_eq!(it.failed(), CommandError::ConnectionLost);
    it.no_event();
    assert!(!it.client.is_reconnecting());
    assert_eq!(it.client.poll_timeout(), None);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
}

#[test]
fn a_stream_of_which_nothing_fits_any_more_is_told_with_all_that_is_left_out() {
    let config = config().transports(Transports::Tcp);
    let mut it = Scenario::with(URL, config).describe();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer(TCP);
    it.done();
    it.client.setup(it.now, 1).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.close();
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    answer_former(&mut it);
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp("v=0\r\nm=video 0 RTP/AVP 26\r\n"));
    assert!(matches!(it.event(), ClientEvent::DescriptionChanged(_)));
    assert_eq!(it.failed(), CommandError::NoSuchMedia(1));
    assert_eq!(it.failed(), CommandError::State(State::Initial));
    assert!(matches!(it.event(), ClientEvent::MediaRefused(0, CommandError::MediaChanged(0))));
    assert!(matches!(it.event(), ClientEvent::MediaRefused(1, CommandError::NoSuchMedia(1))));
    reconnected(&mut it);
}

#[test]
fn a_server_that_answers_nothing_is_tried_again_with_the_same_command() {
    let mut it = Scenario::with(URL, config().transports(Transports::Tcp));
    it.client.describe(it.now).unwrap();
    for attempt in 1..=3 {
        it.expect_method("OPTIONS");
        it.close();
        assert_eq!(reconnecting(&mut it), (ClientCloseReason::ConnectionLost(None), attempt));
        wait_for_attempt(&mut it);
        reconnected(&mut it);
    }
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.advance(crate::limits::DESCRIBE_DEADLINE);
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::Silence, 4));
}

#[test]
fn commands_that_are_given_meanwhile_run_when_the_session_is_there_again() {
    let mut it = playing_tcp();
    it.close();
    reconnecting(&mut it);
    // The state that is led to counts.
    assert_eq!(it.client.setup(it.now, 1), Err(Misuse::State(State::Play)));
    assert_eq!(it.client.record(it.now), Err(Misuse::State(State::Play)));
    it.client.pause(it.now).unwrap();
    it.client.setup(it.now, 1).unwrap();
    wait_for_attempt(&mut it);
    answer_former(&mut it);
    answer_as_before(&mut it, SDP, TCP);
    reconnected(&mut it);
    it.expect_method("PAUSE");
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::Paused);
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 5678 | Transport: RTP/AVP/TCP;unicast;interleaved=2-3");
    assert!(matches!(it.done(), Reply::Setup(_)));
    // Both medias are set up again, and not played: they were paused.
    it.close();
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    for channels in ["0-1", "2-3"] {
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 9 | Transport: RTP/AVP/TCP;unicast;interleaved={channels}"));
    }
    reconnected(&mut it);
    it.expect_nothing_sent();
    assert_eq!(it.client.state(), State::PrePlay);
}

#[test]
fn a_command_that_ends_two_sessions_fails() {
    let mut it = playing_tcp();
    it.client.set_parameter(it.now, "reboot: now".into()).unwrap();
    for _ in 0..2 {
        it.expect_method("SET_PARAMETER");
        it.close();
        reconnecting(&mut it);
        if it.log.iter().filter(|line| line.starts_with("SET_PARAMETER")).count() == 1 {
            wait_for_attempt(&mut it);
            answer_former(&mut it);
            answer_as_before(&mut it, SDP, &TCP.replace("5678", "1234"));
            reconnected(&mut it);
        }
    }
    assert_eq!(it.failed(), CommandError::ConnectionLost);
}

#[test]
fn teardown_ends_it_at_once() {
    for connects in [true, false] {
        let mut it = playing_tcp();
        it.close();
        reconnecting(&mut it);
        it.connects = connects;
        it.client.get_parameter(it.now, Bytes::new()).unwrap();
        if !connects {
            wait_for_attempt(&mut it);
        }
        it.client.teardown(it.now).unwrap();
        assert_eq!(it.failed(), CommandError::TornDown);
        assert_eq!(it.done(), Reply::TornDown(Farewell::Unheard));
        assert_eq!(it.closed(), ClientCloseReason::TornDown);
        assert_eq!(it.client.poll_timeout(), None);
    }
}

#[test]
fn a_publisher_announces_and_records_again_and_what_it_sends_meanwhile_is_refused() {
    let mut it = Scenario::recording_with(config().transports(Transports::Tcp));
    it.client.send(it.now, 0, &video(1)).unwrap();
    it.close();
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::ConnectionLost(None), 1));
    assert_eq!(it.client.send(it.now, 0, &video(2)), Err(SendError::Reconnecting));
    let compound = Bytes::from(goodbye_compound(0xabcd, "client", "").to_vec());
    assert_eq!(it.client.write_rtcp(it.now, 0, compound), Err(SendError::Reconnecting));
    it.frames.clear();
    wait_for_attempt(&mut it);
    answer_former(&mut it);
    it.expect_method("OPTIONS");
    it.answer("200 OK | Public: ANNOUNCE, RECORD");
    let announce = it.request();
    assert!(announce.starts_with("ANNOUNCE ") && announce.contains("m=audio"), "{announce}");
    it.answer("200 OK");
    assert_eq!(it.client.send(it.now, 0, &video(3)), Err(SendError::Reconnecting));
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 5678 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record");
    it.expect_method("RECORD");
    it.answer("200 OK");
    reconnected(&mut it);
    assert_eq!(it.client.send(it.now, 0, &video(4)), Ok(()));
    it.pump();
    assert_eq!(it.frames.front().unwrap().payload, *video(4).as_bytes());
}

#[test]
fn a_publisher_whose_announce_is_refused_announces_again() {
    let mut it = Scenario::recording_with(config().transports(Transports::Tcp));
    it.close();
    reconnecting(&mut it);
    for attempt in 2..5 {
        wait_for_attempt(&mut it);
        if attempt == 2 {
            answer_former(&mut it);
        }
        it.expect_method("OPTIONS");
        it.answer("200 OK | Public: ANNOUNCE, RECORD");
        it.expect_method("ANNOUNCE");
        if attempt < 4 {
            it.answer("503 Service Unavailable");
        } else {
            it.answer("200 OK");
            it.expect_method("SETUP");
            it.answer("200 OK | Session: 5678 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record");
            it.expect_method("RECORD");
            it.answer("503 Service Unavailable");
        }
        assert_eq!(reconnecting(&mut it).1, attempt);
    }
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    wait_for_attempt(&mut it);
    it.expect_method("OPTIONS");
    it.answer("200 OK | Public: ANNOUNCE, RECORD");
    it.expect_method("ANNOUNCE");
    it.answer("200 OK");
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 5678 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record");
    it.expect_method("RECORD");
    it.answer("200 OK");
    assert_eq!(reconnected(&mut it).0, 4);
    assert_eq!(it.client.state(), State::Record);
}

#[test]
fn a_reader_whose_play_is_refused_asks_for_it_again() {
    let mut it = playing_tcp();
    it.close();
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    answer_former(&mut it);
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    it.expect_method("SETUP");
    it.answer(TCP);
    it.expect_method("PLAY");
    it.answer("503 Service Unavailable");
    assert_eq!(reconnecting(&mut it).1, 2);
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    wait_for_attempt(&mut it);
    answer_as_before(&mut it, SDP, TCP);
    assert_eq!(reconnected(&mut it).0, 2);
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn a_publisher_goes_where_it_is_sent_and_back_to_its_url_the_next_time() {
    let mut it = Scenario::recording_with(config().transports(Transports::Tcp));
    it.receive(b"REDIRECT * RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://192.0.2.9/there\r\n\r\n");
    let there = Url::parse("rtsp://192.0.2.9/there").unwrap();
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::Redirected(Some(there)), 1));
    it.request();
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    assert_eq!(it.redirected(), "rtsp://192.0.2.9/there");
    wait_for_attempt(&mut it);
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    let announce = it.request();
    assert!(announce.starts_with("ANNOUNCE rtsp://192.0.2.9/there "), "{announce}");
    it.close();
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::ConnectionLost(None), 2));
    wait_for_attempt(&mut it);
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    let announce = it.request();
    assert!(announce.starts_with(&format!("ANNOUNCE {URL} ")), "{announce}");
}
