//! REDIRECT, which a server sends by itself, and places at which nobody answers.

use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::limits::{REDIRECTS_MAX, RESPONSE_DEADLINE};
use crate::url::Url;

const THERE: &str = "rtsp://192.0.2.7/cam";

/// The server sends the client elsewhere, or, without a location, to the same place.
fn send_redirect(it: &mut Scenario, headers: &str) {
    it.receive(format!("REDIRECT rtsp://192.0.2.1/cam RTSP/1.0\r\nCSeq: 3\r\n{headers}\r\n").as_bytes());
    it.expect("RTSP/1.0 200 OK | CSeq: 3 | User-Agent: test");
}

/// Another server answers everything up to the first SETUP.
fn meet(it: &mut Scenario) {
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
}

fn play_there(it: &mut Scenario) {
    meet(it);
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.expect_method("PLAY");
    it.answer("200 OK");
}

#[test]
fn what_plays_goes_on_where_the_server_sends_it() {
    for (headers, there) in [
        (format!("Location: {THERE}\r\n"), THERE),
        ("Location: /other\r\n".to_owned(), "rtsp://192.0.2.1/other"),
        // A range with the time of it may be taken at once.
        (format!("Location: {THERE}\r\nRange: clock=19960213T143205Z-\r\n"), THERE),
        (format!("Location: {THERE}\r\nRange: npt=5-;time=19970123T143720Z\r\n"), THERE),
        (String::new(), URL),
    ] {
        let mut it = Scenario::playing_tcp();
        it.frame(0, video(1).as_bytes());
        send_redirect(&mut it, &headers);
        it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | User-Agent: test | Session: 1234");
        it.answer("200 OK");
        assert_eq!(it.redirected(), there, "{headers}");
        meet(&mut it);
        let track =
            format!("{}trackID=0", if there == URL { format!("{URL}/") } else { format!("{there}/") });
        it.expect(&format!(
            "SETUP {track} | CSeq: 3 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1 | User-Agent: test"
        ));
        it.answer("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        it.expect(&format!("PLAY {there} | CSeq: 4 | Range: npt=0.000- | User-Agent: test | Session: 2"));
        it.answer("200 OK");
        it.no_event();
        assert_eq!(it.client.state(), State::Play);
        it.frame(0, video(900).as_bytes());
        assert_eq!(it.packets(), [(0, 1, 0), (0, 900, 0)]);
    }
}

#[test]
fn a_client_that_is_redirected_takes_its_transport_along() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    send_redirect(&mut it, &format!("Location: {THERE}\r\n"));
    it.expect_method("TEARDOWN");
    // The server may go at once.
    it.close();
    meet(&mut it);
    it.expect(
        "SETUP rtsp://192.0.2.7/cam/trackID=0 | CSeq: 3 | \
         Transport: RTP/AVP;unicast;client_port=7002-7003 | User-Agent: test",
    );
    assert_eq!(it.log.iter().filter(|line| line.starts_with("close ")).count(), 1);
}

#[test]
fn a_redirect_finds_a_client_in_any_state() {
    // Before anything was asked for.
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.done();
    send_redirect(&mut it, &format!("Location: {THERE}\r\n"));
    assert_eq!(it.redirected(), THERE);
    it.expect_nothing_sent();
    it.client.describe(it.now).unwrap();
    meet(&mut it);
    assert!(matches!(it.done(), Reply::Described(_)));

    // While it waits for a description.
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    send_redirect(&mut it, &format!("Location: {THERE}\r\n"));
    it.redirected();
    meet(&mut it);
    assert!(matches!(it.done(), Reply::Described(_)));

    // While it sets up, with more to come.
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.client.setup(it.now, 1).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.expect_method("SETUP");
    send_redirect(&mut it, &format!("Location: {THERE}\r\n"));
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.redirected();
    meet(&mut it);
    for channels in ["0-1", "2-3"] {
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved={channels}"));
    }
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Setup(info) if info.media == 1));
    assert!(matches!(it.done(), Reply::Playing(_)));

    // While a command of the application waits for its answer.
    let mut it = Scenario::playing_tcp();
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    send_redirect(&mut it, &format!("Location: {THERE}\r\n"));
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.redirected();
    play_there(&mut it);
    it.expect_method("PAUSE");
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::Paused);

    // While it goes elsewhere already.
    let mut it = Scenario::playing_tcp();
    send_redirect(&mut it, "Location: rtsp://192.0.2.8/cam\r\n");
    it.expect_method("TEARDOWN");
    send_redirect(&mut it, &format!("Location: {THERE}\r\n"));
    it.answer("200 OK");
    assert_eq!(it.redirected(), THERE);
    play_there(&mut it);
    it.no_event();

    // While it is torn down.
    let mut it = Scenario::playing_tcp();
    it.client.teardown(it.now).unwrap();
    it.expect_method("TEARDOWN");
    it.receive(b"REDIRECT * RTSP/1.0\r\nCSeq: 3\r\n\r\n");
    it.expect_method("RTSP/1.0");
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
}

#[test]
fn an_answer_that_cannot_be_written_holds_a_redirected_client_up_for_a_bounded_time() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.done();
    let request = b"REDIRECT * RTSP/1.0\r\nCSeq: 3\r\nLocation: rtsp://192.0.2.7/cam\r\n\r\n";
    it.client.read_buf()[..request.len()].copy_from_slice(request);
    it.client.handle_read(it.now, request.len());
    assert!(it.client.poll_output().is_none());
    let deadline = it.client.poll_timeout().unwrap();
    it.client.handle_timeout(deadline);
    it.client.handle_timeout(it.client.poll_timeout().unwrap());
    assert_eq!(it.redirected(), THERE);
}

#[test]
fn redirects_in_a_row_count_together_until_media_has_flowed() {
    let mut it = Scenario::playing_tcp();
    for _ in 0..2 * REDIRECTS_MAX {
        it.frame(0, video(1).as_bytes());
        send_redirect(&mut it, "");
        it.expect_method("TEARDOWN");
        it.answer("200 OK");
        it.redirected();
        play_there(&mut it);
    }
    // The last one was the first of a row; a server that redirects DESCRIBE adds to it.
    send_redirect(&mut it, "");
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.redirected();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&format!("302 Found | Location: {THERE}"));
    it.redirected();
    play_there(&mut it);
    for _ in 3..REDIRECTS_MAX {
        send_redirect(&mut it, "");
        it.expect_method("TEARDOWN");
        it.answer("200 OK");
        it.redirected();
        play_there(&mut it);
    }
    send_redirect(&mut it, "");
    assert_eq!(it.closed(), ClientCloseReason::RestartFailed(CommandError::TooManyRedirects));
}

#[test]
fn a_redirect_that_cannot_be_followed_ends_the_client_with_the_reason() {
    for (location, error) in [
        ("http://192.0.2.7/cam", CommandError::BadLocation),
        ("rtsp://", CommandError::BadLocation),
        ("rtsp://192.0.2.1/cam", CommandError::Downgrade),
    ] {
        let mut it = Scenario::with("rtsps://192.0.2.1/cam", ClientConfig::default()).describe();
        send_redirect(&mut it, &format!("Location: {location}\r\n"));
        assert_eq!(it.closed(), ClientCloseReason::RestartFailed(error), "{location}");
    }
}

#[test]
fn a_recording_is_told_where_to_publish_and_ends() {
    for (headers, there, text) in [
        (
            "Location: rtsp://192.0.2.7/live\r\n",
            Some("rtsp://192.0.2.7/live"),
            "server redirects to rtsp://192.0.2.7/live: publish there",
        ),
        ("", None, "server redirects to the same place: publish again"),
    ] {
        let mut it = Scenario::recording(Transports::Tcp);
        send_redirect(&mut it, headers);
        it.expect_method("TEARDOWN");
        let reason = it.closed();
        assert_eq!(reason, ClientCloseReason::Redirected(there.map(|url| Url::parse(url).unwrap())));
        assert_eq!(reason.to_string(), text);
    }
}

/// The client is at the server that a redirect named, which does not answer, and then at the first again.
fn describing_after(fail: impl Fn(&mut Scenario)) -> (Scenario, RedirectAttempt) {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.connects = false;
    it.answer(&format!("302 Found | Location: {THERE}"));
    assert_eq!(it.redirected(), THERE);
    fail(&mut it);
    match it.event() {
        ClientEvent::RedirectFailed(attempt) => (it, attempt),
        event => panic!("{event:?}"),
    }
}

fn refuse(it: &mut Scenario) {
    it.client.handle_connected(it.now, Err(unresolved()));
}

fn connect_and_wait(it: &mut Scenario) {
    it.client.handle_connected(it.now, Ok(SERVER.parse().unwrap()));
    it.advance(RESPONSE_DEADLINE);
}

fn connect_and_close(it: &mut Scenario) {
    it.client.handle_connected(it.now, Ok(SERVER.parse().unwrap()));
    it.expect_method("OPTIONS");
    it.close();
}

#[test]
fn a_client_goes_back_to_the_first_server_where_nobody_answers_and_tells_what_it_tried() {
    type Fail = fn(&mut Scenario);
    let ways: [(Fail, RedirectError, &str); 4] = [
        (
            refuse,
            RedirectError::Connect(unresolved()),
            "host name cannot be resolved (is it spelled right?): it has no address",
        ),
        (|it| it.advance(RESPONSE_DEADLINE), RedirectError::Connect(no_answer()), "no connection in time"),
        (connect_and_wait, RedirectError::Silent, "server did not answer in time"),
        (connect_and_close, RedirectError::Closed, "server closed the connection before it answered"),
    ];
    for (fail, error, text) in ways {
        let (mut it, attempt) = describing_after(fail);
        assert_eq!(attempt, RedirectAttempt { url: Url::parse(THERE).unwrap(), error: error.clone() });
        assert_eq!(
            it.log.iter().rfind(|line| line.starts_with("connect ")).unwrap(),
            "connect 192.0.2.1:554 false"
        );
        fail(&mut it);
        assert_eq!(it.failed(), CommandError::Closed);
        let there = RedirectAttempt { url: Url::parse(URL).unwrap(), error };
        let reason = it.closed();
        assert_eq!(reason, ClientCloseReason::RedirectFailed(vec![attempt, there]));
        assert_eq!(reason.to_string(), format!("no server answers ({THERE}: {text}; {URL}: {text})"));
    }
}

#[test]
fn the_first_server_has_one_more_chance_to_answer_or_to_send_elsewhere() {
    let (mut it, _) = describing_after(refuse);
    it.client.handle_connected(it.now, Ok(SERVER.parse().unwrap()));
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    assert!(matches!(it.done(), Reply::Described(_)));
    it = it.play_tcp("1");
    assert_eq!(it.client.url().to_string(), URL);

    let (mut it, attempt) = describing_after(refuse);
    it.client.handle_connected(it.now, Ok(SERVER.parse().unwrap()));
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer("302 Found | Location: rtsp://192.0.2.8/cam");
    assert_eq!(it.redirected(), "rtsp://192.0.2.8/cam");
    refuse(&mut it);
    assert_eq!(it.failed(), CommandError::Closed);
    let error = attempt.error.clone();
    let third = RedirectAttempt { url: Url::parse("rtsp://192.0.2.8/cam").unwrap(), error };
    assert_eq!(it.closed(), ClientCloseReason::RedirectFailed(vec![attempt, third]));
}

#[test]
fn what_plays_goes_back_when_the_server_that_it_was_sent_to_does_not_answer() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.connects = false;
    send_redirect(&mut it, &format!("Location: {THERE}\r\n"));
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.redirected();
    refuse(&mut it);
    assert!(matches!(it.event(), ClientEvent::RedirectFailed(_)));
    it.client.handle_connected(it.now, Ok(SERVER.parse().unwrap()));
    play_there(&mut it);
    it.no_event();
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn a_server_that_has_answered_and_goes_later_is_not_one_that_does_not_answer() {
    let mut it = Scenario::playing_tcp();
    send_redirect(&mut it, &format!("Location: {THERE}\r\n"));
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.redirected();
    play_there(&mut it);
    it.advance(Duration::from_secs(1));
    it.close();
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
}
