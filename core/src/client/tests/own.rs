//! Headers and requests of the application's.

use super::scenario::*;
use crate::client::*;
use crate::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_HEADER_BYTES_MAX, REQUEST_HEADERS_MAX};
use crate::wire::Method;

fn request(method: &str) -> CustomRequest {
    CustomRequest::new(Method::from(method)).unwrap()
}

#[test]
fn a_header_of_the_application_is_in_each_request() {
    let config =
        ClientConfig::default().header("X-Site", "roof").unwrap().header("x-site", "cellar").unwrap();
    let mut it = Scenario::with(URL, config.transports(Transports::Tcp));
    it.client.describe(it.now).unwrap();
    it.expect("OPTIONS rtsp://192.0.2.1/cam?q=1 | CSeq: 1 | User-Agent: test | X-Site: cellar");
    it.answer("200 OK");
    let request = it.request();
    assert!(request.ends_with(" | User-Agent: test | X-Site: cellar"), "{request}");
}

#[test]
fn a_header_that_would_break_a_request_or_is_the_clients_is_refused() {
    for (name, value, expected) in [
        ("X Site", "roof", RequestError::Name),
        ("X-Site:", "roof", RequestError::Name),
        ("X-Site\r\nCSeq", "roof", RequestError::Name),
        ("", "roof", RequestError::Name),
        ("X-Site", "roof\r\nCSeq: 7", RequestError::Value),
        ("X-Site", "roof\n", RequestError::Value),
        ("cseq", "7", RequestError::HeaderOfClient("CSeq")),
        ("Session", "7", RequestError::HeaderOfClient("Session")),
        ("User-agent", "me", RequestError::HeaderOfClient("User-Agent")),
        ("Content-Length", "7", RequestError::HeaderOfClient("Content-Length")),
    ] {
        assert_eq!(ClientConfig::default().header(name, value).unwrap_err(), expected, "{name}");
        assert_eq!(request("X").header(name, value).unwrap_err(), expected, "{name}");
    }
}

#[test]
fn one_header_or_one_byte_too_many_is_refused() {
    let full = (0..REQUEST_HEADERS_MAX)
        .fold(request("X"), |request, number| request.header(&format!("X-{number}"), "v").unwrap());
    full.clone().header("x-0", "another").unwrap();
    assert_eq!(full.header("X-More", "v").unwrap_err(), RequestError::TooManyHeaders);
    let value = "v".repeat(REQUEST_HEADER_BYTES_MAX - 1);
    let long = request("X").header("X", &value).unwrap();
    assert_eq!(long.header("X", &format!("{value}v")).unwrap_err(), RequestError::TooManyHeaders);
    let body = vec![0; REQUEST_BODY_BYTES_MAX];
    request("X").body("a/b", body.clone().into()).unwrap();
    let longer = [body, vec![0]].concat();
    assert_eq!(request("X").body("a/b", longer.into()).unwrap_err(), RequestError::BodyTooLong);
}

#[test]
fn headers_that_prove_who_asks_are_for_the_first_server_only_and_never_shown() {
    let config = ClientConfig::default().header("Authorization", "Bearer s3cret").unwrap();
    let config = config.header("cookie", "id=s3cret").unwrap().header("X-Site", "roof").unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
    let mut it = Scenario::with(URL, config.trace(true));
    it.client.options(it.now).unwrap();
    let first = it.request();
    assert!(first.contains("Authorization: Bearer s3cret") && first.contains("cookie: id=s3cret"), "{first}");
    let ClientEvent::MessageSent(traced) = it.event() else { panic!() };
    assert!(!format!("{traced:?}").contains("s3cret"), "{traced:?}");
    it.answer("302 Found | Location: rtsp://192.0.2.9/cam");
    let elsewhere = it.request();
    assert!(elsewhere.starts_with("OPTIONS rtsp://192.0.2.9/cam ") && elsewhere.contains("X-Site: roof"));
    assert!(!elsewhere.contains("s3cret"), "{elsewhere}");
}

#[test]
fn credentials_that_a_server_asks_for_go_before_an_authorization_of_the_application() {
    let config = ClientConfig::default().header("Authorization", "Bearer s3cret").unwrap();
    let mut it = Scenario::with("rtsp://u:p@192.0.2.1/cam", config);
    it.client.options(it.now).unwrap();
    assert!(it.request().contains("Authorization: Bearer s3cret"));
    it.answer("401 Unauthorized | WWW-Authenticate: Basic realm=\"cam\"");
    let again = it.request();
    assert!(again.contains("Authorization: Basic dTpw") && !again.contains("s3cret"), "{again}");
}

#[test]
fn a_request_of_the_application_tells_status_headers_and_body_of_its_answer() {
    let mut it = Scenario::playing_tcp();
    let reboot = request("X-REBOOT").header("X-Delay", "5").unwrap().body("text/x", "now".into()).unwrap();
    let command = it.client.request(it.now, reboot).unwrap();
    it.expect(
        "X-REBOOT rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | X-Delay: 5 | Content-Type: text/x | User-Agent: test | \
         Session: 1234 | Content-Length: 3 || now",
    );
    it.answer("418 Teapot | X-Tea: green | Content-Type: text/x || poured");
    let ClientEvent::Done(done, Ok(Reply::Response(response))) = it.event() else { panic!() };
    assert_eq!(done, command);
    assert_eq!((response.status.as_u16(), &*response.reason), (418, "Teapot"));
    assert_eq!((response.headers.get("X-Tea"), &response.body[..]), (Some("green"), &b"poured"[..]));
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn a_request_of_the_application_may_be_for_something_else_than_the_stream() {
    for (uri, expected) in [
        ("*", "OPTIONS * "),
        ("rtsp://u:p@192.0.2.1/other", "OPTIONS rtsp://192.0.2.1/other "),
        ("/x", "OPTIONS /x "),
    ] {
        let mut it = Scenario::new(Transports::Tcp);
        it.client.request(it.now, request("OPTIONS").uri(uri).unwrap()).unwrap();
        it.expect_method("OPTIONS");
        it.answer("200 OK");
        let sent = it.request();
        assert!(sent.starts_with(expected), "{sent}");
    }
    for uri in ["", "rtsp://cam /", "x\r\nCSeq: 7"] {
        assert_eq!(request("X").uri(uri).unwrap_err(), RequestError::Uri, "{uri:?}");
    }
}

#[test]
fn a_request_that_changes_the_session_is_a_command_of_the_client() {
    for method in ["ANNOUNCE", "SETUP", "PLAY", "PAUSE", "RECORD", "TEARDOWN"] {
        assert_eq!(CustomRequest::new(Method::from(method)).unwrap_err(), RequestError::MethodOfCommand);
    }
    assert_eq!(CustomRequest::new(Method::from("X Y")).unwrap_err(), RequestError::Name);
}

#[test]
fn a_request_of_the_application_logs_in() {
    let mut it = Scenario::with("rtsp://u:p@192.0.2.1/cam", ClientConfig::default());
    it.client.request(it.now, request("GET_PARAMETER")).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("GET_PARAMETER");
    it.answer("401 Unauthorized | WWW-Authenticate: Basic realm=\"cam\"");
    assert!(it.request().contains("Authorization: Basic dTpw"));
    it.answer("401 Unauthorized | WWW-Authenticate: Basic realm=\"cam\"");
    let Reply::Response(response) = it.done() else { panic!() };
    assert_eq!(response.status.as_u16(), 401);
}
