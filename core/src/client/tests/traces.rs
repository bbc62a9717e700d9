//! The dialogue is told if that is wanted.

use super::scenario::{PUBLIC, SDP, Scenario};
use crate::TracedMessage;
use crate::auth::Secret;
use crate::client::*;

/// The next event: the way, the first line and the headers of a message, or something else.
fn told(it: &mut Scenario) -> String {
    let text = |traced: Box<TracedMessage>| {
        let text = String::from_utf8(traced.message.to_bytes().to_vec()).unwrap();
        text.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ")
    };
    match it.event() {
        ClientEvent::MessageSent(traced) => format!("> {}", text(traced)),
        ClientEvent::MessageReceived(traced) => format!("< {}", text(traced)),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_message_is_told_both_ways_and_without_secrets() {
    let config = ClientConfig::default()
        .transports(Transports::Tcp)
        .credentials("user", Secret::password("horse"))
        .trace(true);
    let mut it = Scenario::with("rtsp://192.0.2.1/cam?token=apple&q=1", config);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer("401 Unauthorized | WWW-Authenticate: Basic realm=\"cam\"");
    it.expect_method("DESCRIBE");
    it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
    it.receive(b"GET_PARAMETER rtsp://192.0.2.1/cam RTSP/1.0\r\nCSeq: 77\r\n\r\n");
    let url = "rtsp://192.0.2.1/cam?token=***&q=1";
    let agent = "User-Agent: test";
    for line in [
        format!("> OPTIONS {url} RTSP/1.0 | CSeq: 1 | {agent}"),
        format!("< RTSP/1.0 200 OK | CSeq: 1 | {PUBLIC}"),
        format!("> DESCRIBE {url} RTSP/1.0 | CSeq: 2 | Accept: application/sdp | {agent}"),
        "< RTSP/1.0 401 Unauthorized | CSeq: 2 | WWW-Authenticate: Basic realm=\"cam\"".to_owned(),
        format!(
            "> DESCRIBE {url} RTSP/1.0 | CSeq: 3 | Accept: application/sdp | {agent} | Authorization: ***"
        ),
        format!(
            "< RTSP/1.0 200 OK | CSeq: 3 | Content-Type: application/sdp | Content-Length: {}",
            SDP.len()
        ),
    ] {
        assert_eq!(told(&mut it), line);
    }
    assert!(matches!(it.event(), ClientEvent::Done(_, Ok(Reply::Described(_)))));
    assert_eq!(told(&mut it), "< GET_PARAMETER rtsp://192.0.2.1/cam RTSP/1.0 | CSeq: 77");
    assert_eq!(told(&mut it), format!("> RTSP/1.0 200 OK | CSeq: 77 | {agent}"));
    it.no_event();
}

#[test]
fn nothing_is_told_unless_it_is_wanted() {
    let mut it = Scenario::described(Transports::Tcp);
    it.receive(b"OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\n");
    it.no_event();
}

#[test]
fn the_end_is_told_behind_every_message() {
    let config = ClientConfig::default().transports(Transports::Tcp).trace(true);
    let mut it = Scenario::with("rtsp://192.0.2.1/cam", config);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.client.teardown(it.now).unwrap();
    it.answer(&format!("200 OK | {PUBLIC}"));
    let told: Vec<_> = std::iter::from_fn(|| it.next_event()).collect();
    assert!(matches!(told[0], ClientEvent::MessageSent(_)), "{told:?}");
    assert!(matches!(told.last(), Some(ClientEvent::Closed(_))), "{told:?}");
}
