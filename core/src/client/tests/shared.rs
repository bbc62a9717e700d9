//! Medias that are told apart by what their packets hold: several with one control, and RTCP among RTP.

use super::scenario::{Scenario, packet, sdp, video};
use crate::client::{ClientConfig, ClientEvent, Reply, TrackTransport, Transports};
use crate::limits::RESTART_WAIT;
use crate::rtp::rtcp;
use crate::udp::Port;
use crate::{NtpTime, Tolerance};

const SAME: &str = "v=0\r\ns=cam\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:track1\r\n";

fn described(transports: Transports, body: &str) -> Scenario {
    let mut it = Scenario::new(transports);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(body));
    assert!(matches!(it.done(), Reply::Described(_)));
    it
}

/// Plays both medias after the one SETUP that is answered so.
fn playing(transports: Transports, transport: &str) -> Scenario {
    let mut it = described(transports, SAME);
    it.client.setup(it.now, 0).unwrap();
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer(&format!("200 OK | Session: 1 | Transport: {transport}"));
    let Reply::Setup(first) = it.done() else { panic!("no reply to SETUP") };
    let Reply::Setup(second) = it.done() else { panic!("no reply to SETUP") };
    assert_eq!((first.media, second.media, first.transport), (0, 1, second.transport));
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Playing(_)));
    it
}

fn sender_report(ssrc: u32) -> Vec<u8> {
    let report = rtcp::SenderReport { ssrc, ntp: NtpTime::from_bits(1 << 32), ..Default::default() };
    rtcp::sender_report_compound(&report, "cam").to_vec()
}

#[test]
fn medias_with_the_same_control_are_set_up_once_and_told_apart_over_tcp() {
    let mut it = playing(Transports::Tcp, "RTP/AVP/TCP;unicast;interleaved=0-1");
    it.frame(0, video(1).as_bytes());
    it.frame(0, packet(0, 7, 0x77).as_bytes());
    it.frame(0, video(2).as_bytes());
    it.frame(0, packet(99, 1, 0x99).as_bytes());
    assert_eq!(it.packets(), [(0, 1, 0), (1, 7, 0), (0, 2, 0)]);
    let received =
        [0, 1].map(|media| it.client.media_stats(it.now, media).map(|stats| (stats.packets, stats.invalid)));
    assert_eq!(received, [Some((2, 1)), Some((1, 0))]);
    assert!(it.client.tolerances().contains(Tolerance::SharedControl));
    // A BYE is for the media whose source it names.
    it.frame(1, &rtcp::goodbye_compound(0x77, "cam", "over"));
    it.advance(RESTART_WAIT);
    assert!(matches!(it.event(), ClientEvent::Ended(1)));
}

#[test]
fn medias_with_the_same_control_are_told_apart_over_udp() {
    let mut it = playing(Transports::Udp, "RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001");
    it.datagram(Port::Rtp, "192.0.2.1:5000", packet(0, 7, 0x77).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    assert_eq!(it.packets(), [(1, 7, 0), (0, 1, 0)]);
    assert_eq!(it.udp.len(), 1);
    it.close();
}

#[test]
fn a_control_is_the_same_however_it_is_written() {
    let absolute = SAME.replacen("a=control:track1", "a=control:rtsp://192.0.2.1/cam?q=1/track1", 1);
    let mut it = described(Transports::Tcp, &absolute);
    it.client.setup(it.now, 1).unwrap();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    for media in [1, 0] {
        let Reply::Setup(info) = it.done() else { panic!("no reply to SETUP") };
        assert_eq!((info.media, info.transport), (media, TrackTransport::Tcp { channels: (0, 1) }));
    }
    it.expect_nothing_sent();
}

#[test]
fn medias_without_a_control_are_each_set_up() {
    let mut it = described(Transports::Tcp, &SAME.replace("a=control:track1\r\n", ""));
    it.client.setup(it.now, 0).unwrap();
    it.client.setup(it.now, 1).unwrap();
    for channels in ["0-1", "2-3"] {
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved={channels}"));
        assert!(matches!(it.done(), Reply::Setup(_)));
    }
    assert!(!it.client.tolerances().contains(Tolerance::SharedControl));
}

#[test]
fn a_report_that_comes_among_packets_is_a_report() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.frame(0, &sender_report(0xabcd));
    it.frame(1, video(2).as_bytes());
    assert_eq!(it.packets(), [(0, 1, 0), (0, 2, 0)]);
    assert_eq!(it.client.media_stats(it.now, 0).map(|stats| (stats.packets, stats.invalid)), Some((2, 0)));
    it.frame(0, &rtcp::goodbye_compound(0xabcd, "cam", "over"));
    it.advance(RESTART_WAIT);
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    for tolerance in [Tolerance::RtcpOnRtp, Tolerance::RtpOnRtcp] {
        assert!(it.client.tolerances().contains(tolerance), "{tolerance}");
    }
}

#[test]
fn a_report_that_comes_to_the_port_of_packets_is_a_report() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.datagram(Port::Rtcp, "192.0.2.1:5001", video(1).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.1:5000", rtcp::goodbye_compound(0xabcd, "cam", "over").to_vec());
    assert_eq!(it.packets(), [(0, 1, 0)]);
    it.advance(RESTART_WAIT);
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
}

#[test]
fn channels_in_the_answer_to_a_setup_over_tcp_count_whatever_the_profile_is_called() {
    for transport in [
        "RTP/AVP;unicast;interleaved=0-1",
        "RTP/AVP/UDP;unicast;interleaved=0-1",
        "RTP/AVP;unicast;client_port=0-1;interleaved=0-1",
    ] {
        let mut it = Scenario::described(Transports::Tcp);
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 1 | Transport: {transport}"));
        let Reply::Setup(info) = it.done() else { panic!("{transport}") };
        assert_eq!(info.transport, TrackTransport::Tcp { channels: (0, 1) }, "{transport}");
        assert!(it.client.tolerances().contains(Tolerance::InterleavedWithoutTcp), "{transport}");
    }
}
