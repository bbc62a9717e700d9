//! Answers of real servers, and how the client copes with them.

use std::time::Duration;

use super::scenario::*;
use crate::Tolerance;
use crate::client::*;
use crate::header::Methods;
use crate::udp::Port;

/// The one tolerance that has fired.
#[track_caller]
fn tolerated(it: &Scenario, tolerance: Tolerance) {
    assert_eq!(it.client.tolerances().iter().collect::<Vec<_>>(), [tolerance]);
}

#[test]
fn a_response_with_another_cseq_answers_the_oldest_request() {
    // Foscam C1 (Hisilicon Streaming Media Server/1.0.0).
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.receive(b"RTSP/1.0 200 OK\r\nCseq: 0\r\nPublic: DESCRIBE\r\n\r\n");
    assert!(matches!(it.done(), Reply::Options(_)));
    tolerated(&it, Tolerance::WrongCSeq);
}

#[test]
fn a_response_without_cseq_answers_the_oldest_request() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.receive(b"RTSP/1.0 200 OK\r\n\r\n");
    assert!(matches!(it.done(), Reply::Options(_)));
    tolerated(&it, Tolerance::WrongCSeq);
}

#[test]
fn of_a_number_that_is_repeated_the_first_counts() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.receive(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nCSeq: 0\r\n\r\n");
    assert!(matches!(it.done(), Reply::Options(_)));
    tolerated(&it, Tolerance::RepeatedHeader);
}

#[test]
fn a_strict_client_ignores_responses_with_another_cseq() {
    let mut it = Scenario::with(URL, ClientConfig::default().cseq(CSeqPolicy::Strict));
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.receive(b"RTSP/1.0 200 OK\r\nCseq: 0\r\n\r\nRTSP/1.0 200 OK\r\n\r\n");
    it.no_event();
    tolerated(&it, Tolerance::StrayResponse);
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Options(_)));
}

#[test]
fn a_refused_keepalive_with_the_previous_cseq_does_not_end_the_session() {
    // TP-Link Tapo C520WS.
    let config = ClientConfig::default()
        .transports(Transports::Tcp)
        .keepalive(KeepalivePolicy::Method(crate::wire::Method::SetParameter));
    let mut it = Scenario::with(URL, config).describe().play_tcp("1234;timeout=15");
    it.advance(Duration::from_millis(7500));
    it.expect("SET_PARAMETER rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | User-Agent: test | Session: 1234");
    it.receive(b"RTSP/1.0 400 Bad Request\r\nCSeq: 4\r\n\r\n");
    it.no_event();
    assert_eq!(it.client.state(), State::Play);
    assert!(it.client.tolerances().contains(Tolerance::WrongCSeq));
    assert!(it.client.tolerances().contains(Tolerance::KeepaliveRefused));
}

#[test]
fn a_response_that_comes_too_late_does_not_answer_the_next_request() {
    // Frigate: `CSeq 597 expected, 591 received` for ever after one late reply.
    let mut it = Scenario::playing_tcp();
    it.client.get_parameter(it.now, "one".into()).unwrap();
    it.expect_method("GET_PARAMETER");
    for _ in 0..10 {
        it.advance(Duration::from_secs(1));
        it.frame(0, video(1).as_bytes());
    }
    assert_eq!(it.failed(), CommandError::Timeout);
    it.client.get_parameter(it.now, "two".into()).unwrap();
    it.expect_method("GET_PARAMETER");
    it.answer("200 OK | CSeq: 5 || one");
    it.no_event();
    it.answer("200 OK | CSeq: 6 || two");
    assert_eq!(it.done(), Reply::Body("two".into()));
    assert!(it.client.tolerances().is_empty());
}

#[test]
fn a_response_to_nothing_is_ignored() {
    let mut it = Scenario::playing_tcp();
    it.receive(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\nRTSP/1.0 400 Bad Request\r\n\r\n");
    it.no_event();
    tolerated(&it, Tolerance::StrayResponse);
}

#[test]
fn a_provisional_response_is_followed_by_the_final_one() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("100 Continue");
    it.no_event();
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Options(_)));
}

#[test]
fn options_that_is_refused_is_not_asked_again() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("404 Not Found");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    assert!(matches!(it.done(), Reply::Described(_)));
    it = it.play_tcp("1");
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn options_that_is_refused_does_not_fail_unless_it_asks_for_credentials() {
    for status in ["400 Bad Request", "404 Not Found", "405 Method Not Allowed", "454 Session Not Found"] {
        options_refused_with(status);
    }
    options_refused_with("501 Not Implemented");
    options_refused_with("551 Option not supported");
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("401 Unauthorized");
    assert!(matches!(it.failed(), CommandError::Unauthorized(_)));
    assert!(it.client.tolerances().is_empty());
}

fn options_refused_with(status: &str) {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer(status);
    assert_eq!(it.done(), Reply::Options(Methods::default()), "{status}");
    assert!(it.client.tolerances().contains(Tolerance::OptionsRefused), "{status}");
    it.client.describe(it.now).unwrap();
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    assert!(matches!(it.done(), Reply::Described(_)));
}

#[test]
fn options_that_is_never_answered_is_not_waited_for_twice() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.advance(Duration::from_secs(10));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    assert!(matches!(it.done(), Reply::Described(_)));
}

#[test]
fn a_session_that_any_response_names_is_used_from_there_on() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK | Session: 123456");
    it.expect(
        "DESCRIBE rtsp://192.0.2.1/cam?q=1 | CSeq: 2 | Accept: application/sdp | User-Agent: test | Session: 123456",
    );
}

#[test]
fn a_session_id_that_changes_with_the_second_media_is_not_followed() {
    // H264DVR 1.0.
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved=2-3");
    it.done();
    it.done();
    assert_eq!(it.client.session_id(), Some("1"));
    tolerated(&it, Tolerance::SessionIdChanged);
}

#[test]
fn a_description_without_content_type_is_taken_for_sdp() {
    // FFmpeg's listening server.
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&format!("200 OK || {SDP}"));
    assert!(matches!(it.done(), Reply::Described(_)));
    tolerated(&it, Tolerance::NoContentType);
}

#[test]
fn a_description_of_another_content_type_is_an_error() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer("200 OK | Content-Type: text/html || <html>");
    assert_eq!(it.failed(), CommandError::ContentType("text/html".into()));
}

/// Sets up the second media over TCP with this answer, when the first has channels 0 and 1.
fn set_up_second(answer: &str) -> Scenario {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.client.setup(it.now, 1).unwrap();
    let request = it.request();
    assert!(request.contains("interleaved=2-3"), "{request}");
    it.answer(answer);
    it
}

fn channels(it: &mut Scenario) -> (u8, u8) {
    match it.done() {
        Reply::Setup(TrackInfo { transport: TrackTransport::Tcp { channels }, .. }) => channels,
        reply => panic!("{reply:?}"),
    }
}

#[test]
fn the_channels_of_the_server_count() {
    // Streaming Server/2.9.0.0, and a camera that answers 8-9.
    for (answer, expected) in [("4-5", (4, 5)), ("8-9", (8, 9)), ("7-8", (7, 8)), ("254-255", (254, 255))] {
        let mut it = set_up_second(&format!("200 OK | Transport: RTP/AVP/TCP;unicast;interleaved={answer}"));
        assert_eq!(channels(&mut it), expected);
        assert!(it.client.tolerances().is_empty());
    }
}

#[test]
fn channels_that_another_media_has_are_an_error() {
    for (answer, expected) in [("0-1", (0, 1)), ("1-2", (1, 2))] {
        let mut it = set_up_second(&format!("200 OK | Transport: RTP/AVP/TCP;unicast;interleaved={answer}"));
        assert_eq!(it.failed(), CommandError::ChannelsTaken(expected.0, expected.1));
        assert_eq!(it.client.state(), State::PrePlay);
    }
}

#[test]
fn a_setup_answered_without_transport_gets_what_was_asked_for() {
    let mut it = set_up_second("200 OK | Session: 1");
    assert_eq!(channels(&mut it), (2, 3));
    tolerated(&it, Tolerance::NoTransport);
}

#[test]
fn a_transport_without_channels_gets_those_asked_for() {
    let mut it = set_up_second("200 OK | Transport: RTP/AVP/TCP;unicast");
    assert_eq!(channels(&mut it), (2, 3));
    tolerated(&it, Tolerance::NoInterleavedChannels);
}

#[test]
fn a_server_that_names_no_ports_is_heard_from_the_first_port_if_that_is_wanted() {
    // OpenIPC; and cameras that say `server_port=0-1`.
    for ports in ["", ";server_port=0-1", ";server_port=0"] {
        let config = ClientConfig::default().transports(Transports::Udp).source(SourcePolicy::AnyPort);
        let mut it = Scenario::with(URL, config).describe();
        it.client.setup(it.now, 0).unwrap();
        it.client.play(it.now, None).unwrap();
        it.expect_method("SETUP");
        it.answer(&format!(
            "200 OK | Session: 1 | Transport: RTP/AVP/UDP;unicast;client_port=7000-7001{ports}"
        ));
        it.done();
        it.expect_method("PLAY");
        it.answer("200 OK");
        it.done();
        assert!(it.datagrams.is_empty());
        it.datagram(Port::Rtp, "192.0.2.1:41000", "no packet");
        it.datagram(Port::Rtp, "192.0.2.1:41001", video(1).into_bytes());
        it.datagram(Port::Rtp, "192.0.2.1:41002", video(2).into_bytes());
        assert_eq!(it.packets(), [(0, 1, 0)]);
        assert_eq!(it.client.media_stats(it.now, 0).unwrap().foreign, 1);
        tolerated(&it, Tolerance::NoServerPorts);
    }
}

#[test]
fn a_server_that_names_no_ports_is_asked_for_tcp_by_default() {
    let mut it = Scenario::described(Transports::UdpThenTcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/UDP;unicast;client_port=59612-59613");
    assert_eq!(it.switched(), SwitchReason::NoServerPorts);
    it.expect_method("TEARDOWN");
}

#[test]
fn without_tcp_a_server_that_names_no_ports_is_an_error() {
    let mut it = Scenario::described(Transports::Udp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/UDP;unicast;client_port=59612-59613");
    assert_eq!(it.failed(), CommandError::NoServerPorts);
    assert!(it.log.contains(&format!("close {:?}", it.udp[0])));
}

#[test]
fn a_control_that_is_refused_appended_to_the_base_is_joined_to_it() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
    it.done();
    let request = it.request();
    assert!(request.starts_with("SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 "), "{request}");
    it.answer("404 Not Found");
    let request = it.request();
    assert!(request.starts_with("SETUP rtsp://192.0.2.1/trackID=0 "), "{request}");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    assert!(matches!(it.done(), Reply::Setup(_)));
    tolerated(&it, Tolerance::JoinedControl);
}

#[test]
fn a_base_by_which_no_media_is_found_gives_way_to_the_url_of_the_request() {
    for base in ["rtsp://cam.lan/elsewhere/", "rtsp://rtsp://192.0.2.1/elsewhere/"] {
        let mut it = Scenario::new(Transports::Tcp);
        it.client.describe(it.now).unwrap();
        it.expect_method("OPTIONS");
        it.answer("200 OK");
        it.expect_method("DESCRIBE");
        it.answer(&format!("200 OK | Content-Type: application/sdp | Content-Base: {base} || {SDP}"));
        it.done();
        (0..2).for_each(|media| _ = it.client.setup(it.now, media).unwrap());
        it.client.play(it.now, None).unwrap();
        for (url, answer) in [
            ("SETUP rtsp://192.0.2.1/elsewhere/trackID=0", "404 Not Found"),
            (
                "SETUP rtsp://192.0.2.1/cam?q=1/trackID=0",
                "200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1",
            ),
            (
                "SETUP rtsp://192.0.2.1/cam?q=1/trackID=1",
                "200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=2-3",
            ),
            ("PLAY rtsp://192.0.2.1/cam?q=1", "200 OK"),
        ] {
            let request = it.request();
            assert!(request.starts_with(&format!("{url} |")), "{request}");
            it.answer(answer);
        }
        assert!(it.client.tolerances().contains(Tolerance::BaseRefused));
        assert_eq!(it.client.tolerances().contains(Tolerance::UrlScheme), base.starts_with("rtsp://rtsp"));
    }
}

#[test]
fn a_media_that_is_refused_both_ways_fails_and_the_other_does_not() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer("404 Not Found");
    it.expect_method("SETUP");
    it.answer("404 Not Found");
    assert_eq!(it.failed(), with_status(crate::wire::StatusCode::NOT_FOUND));
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    assert!(matches!(it.done(), Reply::Setup(_)));
    assert!(it.client.tolerances().is_empty());
}

#[test]
fn frames_on_channels_that_were_not_set_up_are_ignored() {
    // live555 before 2017, into the connection that got the file descriptor of another one.
    let mut it = Scenario::playing_tcp();
    it.frame(7, video(1).as_bytes());
    it.frame(0, video(2).as_bytes());
    assert_eq!(it.packets(), [(0, 2, 0)]);
    tolerated(&it, Tolerance::UnassignedChannel);
}

#[test]
fn frames_before_the_answer_to_play_are_taken() {
    // v4l2rtspserver.
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.frame(0, video(1).as_bytes());
    it.answer("200 OK");
    it.frame(0, video(2).as_bytes());
    assert_eq!(it.packets(), [(0, 1, 0), (0, 2, 0)]);
    tolerated(&it, Tolerance::MediaBeforePlay);
}

#[test]
fn the_sequence_numbers_0_and_1_in_rtp_info_are_not_believed() {
    // Hikvision DS-2CD2032-I, whose URL lacks the query besides (GW Security).
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK | RTP-Info: url=rtsp://192.0.2.1/other;seq=0;rtptime=5");
    let Reply::Playing(playing) = it.done() else { panic!() };
    assert_eq!(playing.tracks, [TrackStart { media: 0, sequence: None, timestamp: Some(5) }]);
}

#[test]
fn headers_of_the_answer_to_play_that_cannot_be_read_are_left_out() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK | Range: npt=1e308- | RTP-Info: seq=;;;\" | Session: ;");
    assert_eq!(it.done(), Reply::Playing(Playing { cseq: 4, ..Playing::default() }));
}

#[test]
fn headers_that_can_be_done_without_are_ignored_when_they_cannot_be_read() {
    for header in ["Session: ;timeout=60", "Range: npt=nonsense", "RTP-Info: "] {
        let mut it = Scenario::described(Transports::Tcp);
        it.client.setup(it.now, 0).unwrap();
        it.client.play(it.now, None).unwrap();
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        it.expect_method("PLAY");
        it.answer(&format!("200 OK | {header}"));
        assert!(matches!((it.done(), it.done()), (Reply::Setup(_), Reply::Playing(_))), "{header}");
        tolerated(&it, Tolerance::UnreadableHeader);
    }
}

#[test]
fn rtp_info_of_another_url_counts_for_the_only_track() {
    // GW Security leaves the query out, and with it the track.
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.expect_method("PLAY");
    it.answer("200 OK | RTP-Info: url=rtsp://192.0.2.1/cam;seq=77;rtptime=9");
    let Reply::Playing(playing) = it.done() else { panic!("not playing") };
    assert_eq!(playing.tracks.first().map(|track| track.sequence), Some(Some(77)));
    tolerated(&it, Tolerance::ForeignRtpInfoUrl);
}
