use super::scenario::*;
use crate::Tolerance;
use crate::client::*;
use crate::limits::{REDIRECTS_MAX, SERVER_SILENCE};

fn describing(url: &str) -> Scenario {
    let mut it = Scenario::with(url, ClientConfig::default().transports(Transports::Tcp));
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it
}

#[test]
fn a_redirected_describe_goes_on_at_the_other_server() {
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "305 Use Proxy",
        "307 Temporary Redirect",
        "308 Permanent",
    ] {
        let mut it = describing(URL);
        it.answer(&format!("{status} | Location: rtsp://192.0.2.7:8554/other"));
        it.expect("OPTIONS rtsp://192.0.2.7:8554/other | CSeq: 1 | User-Agent: test");
        it.answer("200 OK");
        it.expect(
            "DESCRIBE rtsp://192.0.2.7:8554/other | CSeq: 2 | Accept: application/sdp | User-Agent: test",
        );
        it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
        assert_eq!(it.redirected(), "rtsp://192.0.2.7:8554/other");
        assert!(matches!(it.done(), Reply::Described(_)));
        let is_of_http = status.starts_with("307") || status.starts_with("308");
        assert_eq!(it.client.tolerances().contains(Tolerance::HttpRedirect), is_of_http, "{status}");
        it.no_event();
        let connections: Vec<_> = it.log.iter().filter(|line| line.contains("connect")).collect();
        assert_eq!(
            connections,
            ["connect 192.0.2.1:554 false", "disconnect", "connect 192.0.2.7:8554 false"]
        );
        it.client.setup(it.now, 0).unwrap();
        let request = it.request();
        assert!(request.starts_with("SETUP rtsp://192.0.2.7:8554/other/trackID=0 "), "{request}");
    }
}

#[test]
fn redirects_are_followed_so_often_and_no_more() {
    let mut it = describing(URL);
    for hop in 1..=REDIRECTS_MAX {
        it.answer(&format!("302 Found | Location: rtsp://192.0.2.1/hop{hop}"));
        it.expect_method("OPTIONS");
        it.answer("200 OK");
        it.expect_method("DESCRIBE");
        assert_eq!(it.redirected(), format!("rtsp://192.0.2.1/hop{hop}"));
        it.no_event();
    }
    it.answer("302 Found | Location: rtsp://192.0.2.1/once-more");
    assert_eq!(it.failed(), CommandError::TooManyRedirects);
    it.expect_nothing_sent();
}

#[test]
fn a_redirect_from_tls_to_plain_is_refused() {
    let mut it = describing("rtsps://192.0.2.1/cam");
    it.answer("302 Found | Location: rtsp://192.0.2.1/cam");
    assert_eq!(it.failed(), CommandError::Downgrade);
    it.expect_nothing_sent();
}

#[test]
fn a_redirect_to_nowhere_is_an_error() {
    for location in ["", " | Location: http://192.0.2.1/cam", " | Location: cam:1/x", " | Location: rtsp://"]
    {
        let mut it = describing(URL);
        it.answer(&format!("302 Found{location}"));
        assert_eq!(it.failed(), CommandError::BadLocation, "{location}");
    }
}

#[test]
fn a_relative_location_is_resolved_against_the_url_of_the_request() {
    for (location, there) in [
        ("/other", "rtsp://192.0.2.1/other"),
        ("other?x=1", "rtsp://192.0.2.1/a/other?x=1"),
        ("../other", "rtsp://192.0.2.1/other"),
        ("?q=2", "rtsp://192.0.2.1/a/cam?q=2"),
        ("//192.0.2.7:8554/other", "rtsp://192.0.2.7:8554/other"),
    ] {
        let mut it = describing("rtsp://admin:secret@192.0.2.1/a/cam?q=1");
        it.answer(&format!("302 Found | Location: {location}"));
        it.expect(&format!("OPTIONS {there} | CSeq: 1 | User-Agent: test"));
        assert_eq!(it.client.url().credentials().is_some(), there.contains("192.0.2.1"), "{location}");
        assert!(it.client.tolerances().contains(Tolerance::RelativeLocation), "{location}");
    }
}

#[test]
fn credentials_go_along_only_to_the_same_server() {
    for (location, user) in [
        ("rtsp://192.0.2.1/other", Some("admin")),
        ("rtsp://192.0.2.1:554/other", Some("admin")),
        ("rtsp://guest:x@192.0.2.1/other", Some("guest")),
        ("rtsp://guest:x@192.0.2.7/other", Some("guest")),
        ("rtsp://192.0.2.7/other", None),
        ("rtsp://192.0.2.1:8554/other", None),
    ] {
        let mut it = describing("rtsp://admin:secret@192.0.2.1/cam");
        it.answer(&format!("302 Found | Location: {location}"));
        it.expect_method("OPTIONS");
        let found = it.client.url().credentials().map(|credentials| credentials.user);
        assert_eq!(found.as_deref(), user, "{location}");
        assert!(!it.log.iter().any(|line| line.contains("secret")));
    }
}

#[test]
fn a_redirected_play_is_set_up_anew_at_the_other_server() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("302 Found | Location: rtsp://192.0.2.7/cam");
    it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | User-Agent: test | Session: 1");
    it.answer("200 OK");
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
    it.expect(
        "SETUP rtsp://192.0.2.7/cam/trackID=1 | CSeq: 3 | \
         Transport: RTP/AVP/TCP;unicast;interleaved=0-1 | User-Agent: test",
    );
    it.answer("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.expect("PLAY rtsp://192.0.2.7/cam | CSeq: 4 | Range: npt=0.000- | User-Agent: test | Session: 2");
    it.answer("200 OK");
    assert_eq!(it.redirected(), "rtsp://192.0.2.7/cam");
    assert!(matches!(it.done(), Reply::Playing(_)));
    it.no_event();
}

#[test]
fn a_play_that_is_redirected_again_and_again_fails() {
    let mut it = Scenario::playing_tcp();
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.done();
    it.client.play(it.now, None).unwrap();
    for _ in 0..REDIRECTS_MAX {
        it.expect_method("PLAY");
        it.answer("302 Found | Location: rtsp://192.0.2.1/cam?q=1");
        it.expect_method("TEARDOWN");
        it.answer("200 OK");
        it.expect_method("OPTIONS");
        it.answer("200 OK");
        it.expect_method("DESCRIBE");
        it.answer(&sdp(SDP));
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        it.redirected();
        it.no_event();
    }
    it.expect_method("PLAY");
    it.answer("302 Found | Location: rtsp://192.0.2.1/cam?q=1");
    assert_eq!(it.failed(), CommandError::TooManyRedirects);
}

const THERE: &str = "302 Found | Location: rtsp://192.0.2.7/there";

/// Answers what the client does at another place by itself: the methods of its requests, up to one that is not answered.
fn go_there(it: &mut Scenario, last: &str) -> String {
    let mut methods = String::new();
    loop {
        let request = it.request();
        let method = request.split(' ').next().unwrap().to_owned();
        assert!(request.contains("rtsp://192.0.2.7/there"), "{request}");
        methods += &format!("{method} ");
        if method == last {
            return methods.trim_end().to_owned();
        }
        match method.as_str() {
            "DESCRIBE" => it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}")),
            "SETUP" => it.answer("200 OK | Session: 9 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1"),
            _ => it.answer("200 OK"),
        }
    }
}

#[test]
fn a_redirect_answers_any_request_and_what_was_set_up_goes_on_there() {
    type Begin = fn() -> Scenario;
    type Act = fn(&mut Scenario) -> Result<CommandId, Misuse>;
    let set_up: Begin = || {
        let mut it = Scenario::described(Transports::Tcp);
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        it.done();
        it
    };
    let custom = |it: &mut Scenario| {
        let request = CustomRequest::new(crate::wire::Method::from("X-ASK")).unwrap();
        it.client.request(it.now, request)
    };
    let cases: [(Begin, Act, &str, &str); 9] = [
        (|| Scenario::new(Transports::Tcp), |it| it.client.options(it.now), "OPTIONS", "OPTIONS"),
        (
            || Scenario::described(Transports::Tcp),
            |it| it.client.setup(it.now, 0),
            "SETUP",
            "OPTIONS DESCRIBE SETUP",
        ),
        (set_up, |it| it.client.play(it.now, None), "PLAY", "OPTIONS DESCRIBE SETUP PLAY"),
        (Scenario::playing_tcp, |it| it.client.pause(it.now), "PAUSE", "OPTIONS DESCRIBE SETUP PLAY PAUSE"),
        // There it does not play before it is there.
        (Scenario::playing_tcp, |it| it.client.seek(it.now, None), "PAUSE", "OPTIONS DESCRIBE SETUP PLAY"),
        (
            Scenario::playing_tcp,
            |it| it.client.get_parameter(it.now, "x".into()),
            "GET_PARAMETER",
            "OPTIONS DESCRIBE SETUP PLAY GET_PARAMETER",
        ),
        (
            Scenario::playing_tcp,
            |it| it.client.set_parameter(it.now, "x: y".into()),
            "SET_PARAMETER",
            "OPTIONS DESCRIBE SETUP PLAY SET_PARAMETER",
        ),
        (Scenario::playing_tcp, custom, "X-ASK", "OPTIONS DESCRIBE SETUP PLAY X-ASK"),
        (set_up, custom, "X-ASK", "OPTIONS DESCRIBE SETUP X-ASK"),
    ];
    for (begin, act, method, expected) in cases {
        let mut it = begin();
        act(&mut it).unwrap();
        it.expect_method(method);
        it.answer(THERE);
        let has_session = it.client.session_id().is_some();
        if has_session {
            it.expect_method("TEARDOWN");
            it.answer("200 OK");
        }
        let last = expected.split(' ').next_back().unwrap();
        assert_eq!(go_there(&mut it, last), expected, "{method}");
        it.answer(if last == "SETUP" {
            "200 OK | Session: 9 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
        } else {
            "200 OK"
        });
        assert_eq!(it.redirected(), "rtsp://192.0.2.7/there");
        it.done();
        it.no_event();
    }
}

#[test]
fn a_publisher_goes_elsewhere_until_it_records_and_then_is_told_where() {
    for (redirected, expected) in [
        ("ANNOUNCE", "OPTIONS ANNOUNCE SETUP RECORD"),
        ("SETUP", "OPTIONS ANNOUNCE SETUP RECORD"),
        ("RECORD", "OPTIONS ANNOUNCE SETUP RECORD"),
    ] {
        let mut it = Scenario::with(URL, ClientConfig::default().transports(Transports::Tcp));
        it.client.announce(it.now, published()).unwrap();
        it.client.setup(it.now, 0).unwrap();
        it.client.record(it.now).unwrap();
        loop {
            let request = it.request();
            let method = request.split(' ').next().unwrap();
            it.answer(match method {
                _ if method == redirected => THERE,
                "SETUP" => "200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1",
                _ => "200 OK",
            });
            if method == redirected {
                break;
            }
        }
        if redirected == "RECORD" {
            it.expect_method("TEARDOWN");
            it.answer("200 OK");
        }
        assert_eq!(go_there(&mut it, "RECORD"), expected, "{redirected}");
        it.answer("200 OK");
        assert_eq!(it.client.state(), State::Record);
    }
    let mut it = Scenario::recording(Transports::Tcp);
    it.client.get_parameter(it.now, "x".into()).unwrap();
    it.expect_method("GET_PARAMETER");
    it.answer(THERE);
    assert_eq!(it.failed(), CommandError::Closed);
    let ClientCloseReason::Redirected(Some(there)) = it.closed() else { panic!() };
    assert_eq!(there.to_string(), "rtsp://192.0.2.7/there");
}

#[test]
fn a_keepalive_that_is_redirected_takes_what_plays_along() {
    let mut it = Scenario::playing_tcp();
    it.advance(SERVER_SILENCE);
    it.expect_method("GET_PARAMETER");
    it.answer(THERE);
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    assert_eq!(go_there(&mut it, "PLAY"), "OPTIONS DESCRIBE SETUP PLAY");
    assert_eq!(it.redirected(), "rtsp://192.0.2.7/there");
}

#[test]
fn redirects_of_any_request_are_followed_so_often_and_no_more() {
    let mut it = Scenario::playing_tcp();
    it.client.get_parameter(it.now, "x".into()).unwrap();
    for _ in 0..REDIRECTS_MAX {
        it.expect_method("GET_PARAMETER");
        it.answer(THERE);
        it.expect_method("TEARDOWN");
        it.answer("200 OK");
        assert_eq!(go_there(&mut it, "PLAY"), "OPTIONS DESCRIBE SETUP PLAY");
        it.answer("200 OK");
        it.redirected();
    }
    it.expect_method("GET_PARAMETER");
    it.answer(THERE);
    assert_eq!(it.failed(), CommandError::TooManyRedirects);
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn answers_that_name_no_other_place_are_none_that_lead_there() {
    for status in ["300 Multiple Choices", "304 Not Modified", "306 Unused"] {
        let mut it = Scenario::playing_tcp();
        it.client.get_parameter(it.now, "x".into()).unwrap();
        it.expect_method("GET_PARAMETER");
        it.answer(&format!("{status} | Location: rtsp://192.0.2.7/there"));
        assert!(matches!(it.failed(), CommandError::Status { .. }), "{status}");
        it.expect_nothing_sent();
    }
}
