use super::scenario::*;
use crate::Tolerance;
use crate::client::*;
use crate::limits::REDIRECTS_MAX;

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
