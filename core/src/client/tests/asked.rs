//! Requests of the server's.

use super::scenario::*;
use crate::client::*;
use crate::limits::COMMANDS_WAITING_MAX;
use crate::{Description, MediaKind};

const AGENT: &str = "User-Agent: test";

/// The server asks for something; the status of the answer.
fn ask(it: &mut Scenario, request: &str) -> u16 {
    it.receive(as_sent(request).as_bytes());
    let answer = it.request();
    assert!(answer.contains(" | CSeq: 79") && answer.contains(AGENT), "{answer}");
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

fn as_sent(request: &str) -> String {
    let (head, body) = request.split_once(" || ").unwrap_or((request, ""));
    let (line, headers) = head.split_once(" | ").unwrap_or((head, ""));
    let headers: String =
        headers.split(" | ").filter(|own| !own.is_empty()).map(|own| format!("{own}\r\n")).collect();
    format!("{line} RTSP/1.0\r\nCSeq: 79\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn announce(description: &str) -> String {
    format!("ANNOUNCE rtsp://192.0.2.1/cam | Session: 1234 | Content-Type: application/sdp || {description}")
}

fn described_anew(it: &mut Scenario) -> Description {
    match it.event() {
        ClientEvent::DescriptionChanged(description) => *description,
        event => panic!("{event:?}"),
    }
}

#[test]
fn a_server_may_ping_the_client_and_is_refused_what_makes_no_sense() {
    let mut it = Scenario::playing_tcp();
    it.receive(b"OPTIONS rtsp://192.0.2.1/cam RTSP/1.0\r\nCSeq: 77\r\n\r\n");
    it.expect(
        "RTSP/1.0 200 OK | CSeq: 77 | Public: OPTIONS, GET_PARAMETER, ANNOUNCE, TEARDOWN, REDIRECT | User-Agent: test",
    );
    it.receive(b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 78\r\n\r\n");
    it.expect("RTSP/1.0 200 OK | CSeq: 78 | User-Agent: test");
    for method in ["SET_PARAMETER", "PLAY", "DESCRIBE", "X-FOO"] {
        assert_eq!(ask(&mut it, &format!("{method} rtsp://192.0.2.1/cam")), 501, "{method}");
    }
    for method in ["OPTIONS", "GET_PARAMETER", "TEARDOWN", "REDIRECT", "ANNOUNCE"] {
        assert_eq!(ask(&mut it, &format!("{method} * | Session: another")), 454, "{method}");
    }
    it.no_event();
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn a_description_that_the_server_announces_is_told_and_what_plays_goes_on() {
    let mut it = Scenario::playing_tcp();
    let known = it.client.description().cloned().unwrap();
    // The same tells nothing.
    assert_eq!(ask(&mut it, &announce(SDP)), 200);
    it.no_event();
    // Other parameters of the same medias are those of what plays.
    let parameters =
        SDP.replace("a=control:trackID=0", "a=fmtp:96 packetization-mode=1\r\na=control:trackID=0");
    assert_eq!(ask(&mut it, &announce(&parameters)), 200);
    let changed = described_anew(&mut it);
    assert!(changed.medias[0].formats[0].fmtp.is_some());
    assert_eq!(it.client.description(), Some(&changed));
    // Other medias are not: indices stay those of what was set up.
    let other =
        SDP.replace("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264", "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H265");
    let fewer = SDP.split("m=audio").next().unwrap();
    for description in [&*other, fewer] {
        assert_eq!(ask(&mut it, &announce(description)), 200);
        assert_ne!(described_anew(&mut it), known);
        assert_eq!(it.client.description(), Some(&changed));
    }
    it.frame(0, video(5).as_bytes());
    assert_eq!(it.packets(), [(0, 5, 0)]);
    it.no_event();
}

#[test]
fn a_description_that_cannot_be_used_is_refused() {
    let mut it = Scenario::playing_tcp();
    assert_eq!(ask(&mut it, "ANNOUNCE * | Content-Type: text/plain || v=0"), 415);
    assert_eq!(ask(&mut it, &announce("nonsense")), 400);
    it.no_event();
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    assert_eq!(ask(&mut it, &format!("ANNOUNCE * || {SDP}")), 455, "nothing was described");
    let mut it = Scenario::recording(Transports::Tcp);
    assert_eq!(ask(&mut it, &announce(SDP)), 455);
    assert_eq!(it.client.description().unwrap().medias[1].kind, MediaKind::Audio);
}

#[test]
fn one_description_more_than_may_wait_is_refused() {
    let mut it = Scenario::playing_tcp();
    let other = SDP.replace("s=cam", "s=other");
    let all = (0..=COMMANDS_WAITING_MAX)
        .map(|_| as_sent(&announce(&other).replace("H264", "H265")))
        .collect::<String>();
    it.receive(all.as_bytes());
    let answers: Vec<_> = (0..=COMMANDS_WAITING_MAX).map(|_| it.request()).collect();
    let taken = answers.iter().filter(|answer| answer.starts_with("RTSP/1.0 200")).count();
    assert_eq!(taken, COMMANDS_WAITING_MAX);
    assert!(answers.last().unwrap().starts_with("RTSP/1.0 503"), "{answers:?}");
}

#[test]
fn a_session_that_the_server_tears_down_ends_behind_the_answer() {
    for begin in [Scenario::playing_tcp as fn() -> Scenario, || Scenario::recording(Transports::Tcp)] {
        let mut it = begin();
        assert_eq!(ask(&mut it, "TEARDOWN rtsp://192.0.2.1/cam | Session: 1234"), 200);
        assert_eq!(it.closed(), ClientCloseReason::TornDownByServer);
        it.frames.clear();
        it.expect_nothing_sent();
    }
    let mut it = Scenario::described(Transports::Tcp);
    assert_eq!(ask(&mut it, "TEARDOWN rtsp://192.0.2.1/cam"), 454);
    it.no_event();
}

#[test]
fn a_client_that_reconnects_does_so_behind_the_answer_to_teardown() {
    let config =
        ClientConfig::default().transports(Transports::Tcp).reconnect(Some(ReconnectPolicy::default()));
    let mut it = Scenario::with(URL, config).describe().play_tcp("1234");
    assert_eq!(ask(&mut it, "TEARDOWN rtsp://192.0.2.1/cam | Session: 1234"), 200);
    match it.event() {
        ClientEvent::Reconnecting { cause, .. } => assert_eq!(cause, ClientCloseReason::TornDownByServer),
        event => panic!("{event:?}"),
    }
    it.advance(std::time::Duration::from_secs(5));
    for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"] {
        // The server has no session to be torn down.
        it.expect_method(method);
        it.answer(&match method {
            "DESCRIBE" => sdp(SDP),
            "SETUP" => "200 OK | Session: 5 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
            _ => "200 OK".to_owned(),
        });
    }
    assert!(matches!(it.event(), ClientEvent::Reconnected { .. }));
}
