//! UDP that does not come through, TCP that is refused, and medias that are left out.

use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::limits::{DEADLINE_GRACE, FIRST_UDP_PACKET, SERVER_SILENCE};
use crate::udp::Port;
use crate::wire::StatusCode;

const UDP: &str =
    "200 OK | Session: 2 | Transport: RTP/AVP;unicast;client_port=7002-7003;server_port=5002-5003";

/// A sender report of the server, of the SSRC of its video.
fn sender_report() -> Vec<u8> {
    let mut report = vec![0x80, 200, 0, 6];
    report.extend_from_slice(&0xabcd_u32.to_be_bytes());
    report.extend_from_slice(&[0; 20]);
    report
}

/// Nothing came over UDP, and the server refuses to set TCP up.
fn refusing_tcp() -> Scenario {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.advance(FIRST_UDP_PACKET);
    assert_eq!(it.switched(), SwitchReason::NothingHeard);
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    it.expect_method("SETUP");
    it.answer("461 Unsupported Transport");
    it
}

#[test]
fn reports_alone_are_no_media_over_udp() {
    for port in [Port::Rtcp, Port::Rtp] {
        let from = if port == Port::Rtcp { "192.0.2.1:5001" } else { "192.0.2.1:5000" };
        let mut it = Scenario::playing_udp(ClientConfig::default());
        let end = it.now + FIRST_UDP_PACKET;
        while it.now < end {
            it.no_event();
            it.datagram(port, from, sender_report());
            it.advance(Duration::from_millis(250));
        }
        assert_eq!(it.switched(), SwitchReason::NothingHeard, "{port:?}");
        let config = ClientConfig::default().transports(Transports::Udp);
        let mut it = Scenario::playing_udp(config);
        let end = it.now + SERVER_SILENCE;
        while it.now < end {
            it.no_event();
            it.datagram(port, from, sender_report());
            it.advance(Duration::from_millis(250));
        }
        assert!(matches!(it.closed(), ClientCloseReason::NothingOverUdp { .. }), "{port:?}");
    }
}

#[test]
fn where_tcp_is_refused_the_client_goes_back_to_udp_and_says_which_is_in_the_way() {
    let mut it = refusing_tcp();
    assert!(matches!(it.event(), ClientEvent::TcpRefused(StatusCode::UNSUPPORTED_TRANSPORT)));
    it.expect(
        "SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 | CSeq: 4 | \
         Transport: RTP/AVP;unicast;client_port=7002-7003 | User-Agent: test",
    );
    it.answer(UDP);
    it.expect_method("PLAY");
    it.answer("200 OK");
    // There is no further switch.
    it.advance(SERVER_SILENCE - Duration::from_millis(1));
    it.no_event();
    it.advance(Duration::from_millis(1));
    let reason = it.closed();
    let tcp_refused = Some(StatusCode::UNSUPPORTED_TRANSPORT);
    assert_eq!(reason, ClientCloseReason::NothingOverUdp { waited: SERVER_SILENCE, tcp_refused });
    let text = "no packet came over UDP within 10 s, so a firewall may be in the way, \
                and the server refuses TCP with 461 Unsupported transport";
    assert_eq!(reason.to_string(), text);
}

#[test]
fn media_that_comes_over_udp_after_all_is_played() {
    let mut it = refusing_tcp();
    it.event();
    it.expect_method("SETUP");
    it.answer(UDP);
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.advance(FIRST_UDP_PACKET + DEADLINE_GRACE);
    it.datagram(Port::Rtp, "192.0.2.1:5002", video(1).into_bytes());
    assert_eq!(it.packets().len(), 1);
    it.advance(Duration::from_secs(9));
    it.no_event();
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn udp_that_is_refused_the_second_time_ends_the_client() {
    let mut it = refusing_tcp();
    it.event();
    it.expect_method("SETUP");
    it.answer("461 Unsupported transport");
    let error = with_status(StatusCode::UNSUPPORTED_TRANSPORT);
    assert_eq!(it.closed(), ClientCloseReason::RestartFailed(error));
}

#[test]
fn a_media_that_is_refused_is_told_once_the_others_play() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer("453 Not Enough Bandwidth");
    assert!(matches!(it.failed(), CommandError::Status { .. }));
    it = it.play_tcp("1");
    let refused = with_status(StatusCode::NOT_ENOUGH_BANDWIDTH);
    match it.event() {
        ClientEvent::MediaRefused(1, error) => assert_eq!(error, refused),
        event => panic!("{event:?}"),
    }
    it.no_event();
}

#[test]
fn a_media_that_is_set_up_after_all_was_not_refused() {
    let mut it = Scenario::described(Transports::Tcp);
    for answer in
        ["453 Not Enough Bandwidth", "200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=2-3"]
    {
        it.client.setup(it.now, 1).unwrap();
        it.expect_method("SETUP");
        it.answer(answer);
        it.event();
    }
    it = it.play_tcp("1");
    it.no_event();
}

#[test]
fn a_media_that_is_refused_elsewhere_is_left_out_there() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=2-3");
    it.done();
    it = it.play_tcp("1");
    it.receive(b"REDIRECT * RTSP/1.0\r\nCSeq: 3\r\nLocation: rtsp://192.0.2.7/cam\r\n\r\n");
    it.expect_method("RTSP/1.0");
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.redirected();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
    it.expect_method("SETUP");
    it.answer("403 Forbidden");
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(
        matches!(it.event(), ClientEvent::MediaRefused(1, error) if error == with_status(StatusCode::FORBIDDEN))
    );
    it.no_event();
    assert_eq!(it.client.state(), State::Play);
}
