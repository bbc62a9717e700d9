use bytes::Bytes;

use super::scenario::*;
use crate::client::*;
use crate::limits::COMMANDS_WAITING_MAX;
use crate::wire::StatusCode;

#[test]
fn a_command_in_the_wrong_state_sends_nothing() {
    let mut it = Scenario::new(Transports::Tcp);
    let now = it.now;
    assert_eq!(it.client.play(now, None), Err(Misuse::State(State::Initial)));
    assert_eq!(it.client.pause(now), Err(Misuse::State(State::Initial)));
    assert_eq!(it.client.record(now), Err(Misuse::State(State::Initial)));
    assert_eq!(it.client.setup(now, 0), Err(Misuse::NoDescription));
    it.pump();
    assert_eq!(it.log, [""; 0]);

    let mut it = Scenario::playing_tcp();
    let now = it.now;
    assert_eq!(it.client.describe(now), Err(Misuse::State(State::Play)));
    assert_eq!(it.client.setup(now, 1), Err(Misuse::State(State::Play)));
    assert_eq!(it.client.play(now, None), Err(Misuse::State(State::Play)));
    assert_eq!(it.client.announce(now, published()), Err(Misuse::State(State::Play)));
    assert_eq!(it.client.record(now), Err(Misuse::State(State::Play)));
    it.expect_nothing_sent();
}

#[test]
fn the_state_that_counts_is_the_one_that_waiting_commands_lead_to() {
    let mut it = Scenario::described(Transports::Tcp);
    let now = it.now;
    it.client.setup(now, 0).unwrap();
    assert_eq!(it.client.setup(now, 0), Err(Misuse::AlreadySetUp(0)));
    assert_eq!(it.client.setup(now, 2), Err(Misuse::NoSuchMedia(2)));
    it.client.play(now, None).unwrap();
    assert_eq!(it.client.setup(now, 1), Err(Misuse::State(State::Play)));
    it.client.pause(now).unwrap();
    it.client.setup(now, 1).unwrap();
    assert_eq!(it.client.state(), State::Initial);
}

#[test]
fn nothing_is_recorded_that_is_not_set_up() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.announce(it.now, published()).unwrap();
    assert_eq!(it.client.record(it.now), Err(Misuse::NothingSetUp));
    it.client.setup(it.now, 0).unwrap();
    it.client.record(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("ANNOUNCE");
    it.answer("200 OK");
    it.expect_method("SETUP");
    it.answer("403 Forbidden");
    it.done();
    assert_eq!(it.failed(), with_status(StatusCode::FORBIDDEN));
    assert_eq!(it.failed(), CommandError::NothingSetUp);
    it.expect_nothing_sent();
}

#[test]
fn a_command_that_fails_fails_those_that_need_it_and_no_others() {
    let mut it = Scenario::new(Transports::Tcp);
    let now = it.now;
    it.client.describe(now).unwrap();
    it.client.setup(now, 0).unwrap();
    it.client.play(now, None).unwrap();
    it.client.get_parameter(now, Bytes::new()).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer("404 Not Found");
    assert_eq!(it.failed(), with_status(StatusCode::NOT_FOUND));
    assert_eq!(it.failed(), CommandError::NoDescription);
    assert_eq!(it.failed(), CommandError::State(State::Initial));
    it.expect("GET_PARAMETER rtsp://192.0.2.1/cam?q=1 | CSeq: 3 | User-Agent: test");
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::Body(Bytes::new()));
}

#[test]
fn a_media_that_the_description_turns_out_not_to_have_fails() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.client.setup(it.now, 2).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    it.done();
    assert_eq!(it.failed(), CommandError::NoSuchMedia(2));
    it.client.setup(it.now, 0).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.done();
    // No media is missing.
    it.no_event();
}

#[test]
fn a_refused_play_leaves_the_session_ready_to_play() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.expect_method("PLAY");
    it.answer("457 Invalid Range");
    assert_eq!(it.failed(), with_status(StatusCode::INVALID_RANGE));
    assert_eq!(it.client.state(), State::PrePlay);
    it.client.play(it.now, None).unwrap();
    let request = it.request();
    assert!(request.contains("Range: npt=0.000-"), "{request}");
}

#[test]
fn a_refused_pause_leaves_the_session_playing() {
    // Hikvision DS-2CD2732F-IS lists PAUSE and refuses it.
    let mut it = Scenario::playing_tcp();
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("551 Option not supported");
    assert_eq!(it.failed(), with_status(StatusCode::OPTION_NOT_SUPPORTED));
    it.frame(0, video(1).as_bytes());
    assert_eq!((it.client.state(), it.packets()), (State::Play, vec![(0, 1, 0)]));
}

#[test]
fn a_server_that_asks_for_credentials_is_told_as_that() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer("401 Unauthorized | WWW-Authenticate: Basic realm=\"cam\"");
    assert!(matches!(it.failed(), CommandError::Unauthorized(_)));
}

#[test]
fn parameters_travel_as_text() {
    let mut it = Scenario::playing_tcp();
    it.client.get_parameter(it.now, "position\r\n".into()).unwrap();
    it.client.set_parameter(it.now, "zoom: 2\r\n".into()).unwrap();
    it.expect(
        "GET_PARAMETER rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | Content-Type: text/parameters | User-Agent: test | \
         Session: 1234 | Content-Length: 10 || position\r\n",
    );
    it.answer("200 OK | Content-Type: text/parameters || position: 5");
    assert_eq!(it.done(), Reply::Body("position: 5".into()));
    it.expect(
        "SET_PARAMETER rtsp://192.0.2.1/cam?q=1/ | CSeq: 6 | Content-Type: text/parameters | User-Agent: test | \
         Session: 1234 | Content-Length: 9 || zoom: 2\r\n",
    );
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::Body(Bytes::new()));
}

#[test]
fn one_command_too_many_is_refused() {
    let mut it = Scenario::new(Transports::Tcp);
    // The Connect that the first one brings counts too.
    for _ in 1..COMMANDS_WAITING_MAX {
        it.client.options(it.now).unwrap();
    }
    assert_eq!(it.client.options(it.now), Err(Misuse::TooMany));
}
