//! Packets that come from a multicast group.

use std::time::Duration;

use super::reconnect::wait_for_attempt;
use super::scenario::*;
use crate::client::*;
use crate::limits::{FIRST_UDP_PACKET, RECEIVER_REPORT_PERIOD};
use crate::rtp::rtcp::{self, Rtcp, SenderReport};
use crate::udp::{Port, UdpOpenError};
use crate::{Tolerance, Tolerances};

/// The answer of live555.
const GROUP: &str =
    "Transport: RTP/AVP;multicast;destination=239.1.2.3;source=192.0.2.1;port=5000-5001;ttl=7";
const UNICAST: &str = "Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001";

/// A description whose first media goes to a group.
fn with_group() -> String {
    SDP.replace("m=video 0 RTP/AVP 96\r\n", "m=video 5000 RTP/AVP 96\r\nc=IN IP4 239.1.2.3/5\r\n")
}

fn ready(transports: Transports, description: &str) -> Scenario {
    let mut it = Scenario::new(transports).describe_as(description);
    it.client.setup(it.now, 0).unwrap();
    it
}

/// The first media is set up with a group, which the client has joined.
fn set_up(transports: Transports) -> Scenario {
    let mut it = ready(transports, SDP);
    it.expect_method("SETUP");
    it.answer(&format!("200 OK | Session: 1 | {GROUP}"));
    assert!(matches!(it.done(), Reply::Setup(_)));
    it
}

fn playing(transports: Transports) -> Scenario {
    let mut it = set_up(transports);
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Playing(_)));
    it
}

/// The groups that were joined, and how.
fn joined(it: &Scenario) -> Vec<&str> {
    it.log.iter().filter_map(|line| line.strip_prefix("join ")).collect()
}

fn foreign(it: &Scenario) -> u64 {
    it.client.stats(it.now).tracks[0].foreign
}

/// Where the reports of a client went, and its goodbyes.
fn reports(it: &mut Scenario) -> Vec<(Port, String, bool)> {
    it.pump();
    let sent = it.datagrams.drain(..).map(|(_, port, to, data)| {
        let compound: Vec<Rtcp> = rtcp::parse(&data, &mut Tolerances::default()).collect();
        let is_goodbye = compound.iter().any(|packet| matches!(packet, Rtcp::Goodbye(_)));
        (port, to.to_string(), is_goodbye)
    });
    sent.collect()
}

#[test]
fn a_media_is_received_from_the_group_that_the_server_answers_with() {
    let mut it = ready(Transports::Multicast, SDP);
    it.expect(
        "SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 | CSeq: 3 | Transport: RTP/AVP;multicast | User-Agent: test",
    );
    it.answer(&format!("200 OK | Session: 1 | {GROUP};ssrc=0000abcd"));
    let Reply::Setup(info) = it.done() else { panic!() };
    let group = "239.1.2.3".parse().unwrap();
    let transport = TrackTransport::Multicast { group, ports: (5000, 5001), source: None, ttl: 7 };
    assert_eq!((info.transport, info.ssrc), (transport, Some(0xabcd)));
    assert_eq!(joined(&it), ["239.1.2.3 5000-5001 ttl 7"]);
    it.datagram(Port::Rtp, "192.0.2.1:40000", video(1).into_bytes());
    assert_eq!(it.packets(), [], "what others are sent before PLAY is not this client's");
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.datagram(Port::Rtp, "192.0.2.1:40000", video(2).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.1:40002", video(3).into_bytes());
    assert_eq!(it.packets(), [(0, 2, 0), (0, 3, 0)]);
    assert_eq!(it.client.tolerances(), Tolerances::NONE);
}

#[test]
fn packets_of_others_are_dropped_and_counted_and_reports_of_other_members_only_dropped() {
    let mut it = playing(Transports::Multicast);
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.2:5000", video(2).into_bytes());
    assert_eq!((it.packets(), foreign(&it)), (vec![(0, 1, 0)], 1));
    it.datagram(Port::Rtcp, "192.0.2.2:5001", rtcp::goodbye_compound(0xabcd, "another", ""));
    assert_eq!(foreign(&it), 1);
    it.advance(Duration::from_secs(5));
    it.no_event();
    it.datagram(Port::Rtcp, "192.0.2.1:5001", rtcp::goodbye_compound(0xabcd, "camera", ""));
    it.advance(Duration::from_secs(7));
    let ended = std::iter::from_fn(|| it.next_event()).any(|event| matches!(event, ClientEvent::Ended(0)));
    assert!(ended, "the source's own goodbye counts");
}

#[test]
fn reports_and_a_goodbye_go_to_the_group_and_teardown_leaves_it() {
    let mut it = playing(Transports::Multicast);
    assert_eq!(reports(&mut it), [], "nothing opens a firewall for a group");
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.advance(RECEIVER_REPORT_PERIOD);
    let to = || "239.1.2.3:5001".to_owned();
    assert_eq!(reports(&mut it), [(Port::Rtcp, to(), false)]);
    it.client.teardown(it.now).unwrap();
    it.expect_method("TEARDOWN");
    assert_eq!(reports(&mut it), [(Port::Rtcp, to(), true)]);
    it.answer("200 OK");
    assert!(it.log.contains(&format!("close {:?}", it.udp[0])));
}

#[test]
fn a_client_that_has_not_reported_says_no_goodbye() {
    let mut it = playing(Transports::Multicast);
    it.client.teardown(it.now).unwrap();
    it.expect_method("TEARDOWN");
    assert_eq!(reports(&mut it), []);
}

#[test]
fn the_only_source_of_a_group_is_joined_for_heard_and_reported_to() {
    for (description, destination, source) in [
        ("", "232.1.2.3", "192.0.2.1"),
        ("a=source-filter: incl IN IP4 * 192.0.2.7\r\nc=IN IP4 232.1.2.3/5\r\n", "232.1.2.3", "192.0.2.7"),
        (
            "a=source-filter: incl IN IP4 239.1.2.3 192.0.2.7 192.0.2.1\r\nc=IN IP4 239.1.2.3\r\n",
            "239.1.2.3",
            "192.0.2.1",
        ),
    ] {
        let described = SDP.replace("t=0 0\r\n", &format!("t=0 0\r\n{description}"));
        let mut it = ready(Transports::Multicast, &described);
        it.expect_method("SETUP");
        let transport = format!("RTP/AVP;multicast;destination={destination};port=5000-5001;ttl=3");
        it.answer(&format!("200 OK | Session: 1 | Transport: {transport}"));
        it.done();
        assert_eq!(joined(&it), [format!("{destination} 5000-5001 ttl 3 of {source}")]);
        it.client.play(it.now, None).unwrap();
        it.expect_method("PLAY");
        it.answer("200 OK");
        it.datagram(Port::Rtp, &format!("{source}:5000"), video(1).into_bytes());
        it.datagram(Port::Rtp, "192.0.2.99:5000", video(2).into_bytes());
        assert_eq!((it.packets(), foreign(&it)), (vec![(0, 1, 0)], 1));
        it.advance(RECEIVER_REPORT_PERIOD);
        assert_eq!(reports(&mut it), [(Port::Rtcp, format!("{source}:5001"), false)]);
    }
}

/// The answer to a SETUP, the group that is joined, or `None` if there is none, and the tolerance that it takes.
type Answered = (&'static str, Option<&'static str>, Option<Tolerance>);

#[test]
fn the_group_is_that_of_the_answer_completed_by_the_description() {
    let described = with_group();
    let answers: [Answered; 11] = [
        // RFC 2326, appendix C.1.7: the description has it all.
        ("RTP/AVP;multicast", Some("239.1.2.3 5000-5001 ttl 5"), None),
        ("RTP/AVP;multicast;ttl=9", Some("239.1.2.3 5000-5001 ttl 9"), None),
        ("RTP/AVP;multicast;destination=239.9.9.9;port=6000-6001", Some("239.9.9.9 6000-6001 ttl 16"), None),
        ("RTP/AVP;multicast;destination=239.1.2.3", Some("239.1.2.3 5000-5001 ttl 5"), None),
        ("RTP/AVP;multicast;destination=239.9.9.9", None, None),
        ("RTP/AVP;multicast;destination=239.9.9.9;port=0-1", None, None),
        ("RTP/AVP;multicast;destination=[ff15::1];port=6000", Some("ff15::1 6000-6001 ttl 16"), None),
        (
            "RTP/AVP;multicast;destination=192.0.2.1;port=6000-6001",
            Some("239.1.2.3 6000-6001 ttl 5"),
            Some(Tolerance::NoGroup),
        ),
        (
            "RTP/AVP;multicast;destination=239.9.9.9;source=192.0.2.1;port=6000-0;ttl=255",
            Some("239.9.9.9 6000-6001 ttl 255"),
            Some(Tolerance::NoGroupRtcpPort),
        ),
        ("RTP/AVP;multicast;destination=239.9.9.9;port=65535-0", None, Some(Tolerance::NoGroupRtcpPort)),
        (
            "RTP/AVP/UDP;destination=239.9.9.9;port=6000-6001;ttl=1;mode=play",
            Some("239.9.9.9 6000-6001 ttl 1"),
            Some(Tolerance::NoDelivery),
        ),
    ];
    for (transport, expected, tolerance) in answers {
        let mut it = ready(Transports::Multicast, &described);
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 1 | Transport: {transport}"));
        match expected {
            Some(_) => assert!(matches!(it.done(), Reply::Setup(_))),
            None => assert_eq!(it.failed(), CommandError::NoGroup),
        }
        assert_eq!(joined(&it), Vec::from_iter(expected), "{transport}");
        assert_eq!(
            it.client.tolerances().iter().collect::<Vec<_>>(),
            Vec::from_iter(tolerance),
            "{transport}"
        );
    }
}

#[test]
fn an_answer_with_another_transport_is_followed_to_tcp_only_where_that_is_allowed() {
    for answer in [UNICAST, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"] {
        let mut it = ready(Transports::Multicast, SDP);
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 1 | {answer}"));
        assert_eq!(it.failed(), CommandError::OtherTransport);
        let mut it = ready(Transports::MulticastThenTcp, SDP);
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 1 | {answer}"));
        assert_eq!(it.switched(), SwitchReason::Answered);
    }
    let mut it = ready(Transports::Multicast, SDP);
    it.expect_method("SETUP");
    it.answer("461 Unsupported Transport");
    assert!(it.failed().status().is_some_and(|status| status.as_u16() == 461));
}

#[test]
fn tcp_takes_the_place_of_a_group_that_is_refused_cannot_be_joined_or_is_silent() {
    let mut it = ready(Transports::MulticastThenTcp, SDP);
    it.expect_method("SETUP");
    it.answer("461 Unsupported Transport");
    assert_eq!(it.switched(), SwitchReason::Refused);
    assert!(it.request().contains("RTP/AVP/TCP"));

    let mut it = ready(Transports::MulticastThenTcp, SDP);
    it.expect_method("SETUP");
    it.opens = false;
    it.answer(&format!("200 OK | Session: 1 | {GROUP}"));
    assert_eq!(it.switched(), SwitchReason::NoSockets);
    it.expect_method("TEARDOWN");

    let mut it = playing(Transports::MulticastThenTcp);
    it.datagram(Port::Rtp, "192.0.2.2:5000", video(1).into_bytes());
    it.advance(FIRST_UDP_PACKET);
    assert_eq!(it.switched(), SwitchReason::NothingHeard);
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    assert!(it.log.contains(&format!("close {:?}", it.udp[0])));
}

#[test]
fn a_group_that_cannot_be_joined_or_never_is_fails_the_setup() {
    let mut it = ready(Transports::Multicast, SDP);
    it.opens = false;
    it.expect_method("SETUP");
    it.answer(&format!("200 OK | Session: 1 | {GROUP}"));
    assert_eq!(it.failed(), CommandError::Udp(UdpOpenError::NoFreePorts));

    let mut it = Scenario::new(Transports::Multicast).describe();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    let answer = format!("RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1\r\n{GROUP}\r\n\r\n");
    it.client.read_buf()[..answer.len()].copy_from_slice(answer.as_bytes());
    it.client.handle_read(it.now, answer.len());
    let Some(ClientOutput::JoinGroup(id, _)) = it.client.poll_output() else { panic!() };
    it.advance(Duration::from_secs(10));
    assert_eq!(it.failed(), CommandError::Timeout);
    assert!(it.log.contains(&format!("close {id:?}")));
    it.client.handle_udp_opened(it.now, id, Ok((5000, 5001)));
    it.expect_nothing_sent();
}

#[test]
fn any_transport_is_a_group_where_the_description_names_one_and_the_server_agrees() {
    let mut it = ready(Transports::Any, SDP);
    assert!(it.request().contains("RTP/AVP;unicast;client_port=7000-7001"));

    let mut it = ready(Transports::Any, &with_group());
    assert!(it.request().contains("RTP/AVP;multicast |"));
    it.answer(&format!("200 OK | Session: 1 | {GROUP}"));
    it.done();
    it.client.setup(it.now, 1).unwrap();
    assert!(it.request().contains("RTP/AVP;unicast;"), "its description names no group");

    let mut it = ready(Transports::Any, &with_group());
    it.expect_method("SETUP");
    it.answer("461 Unsupported Transport");
    assert!(it.request().contains("RTP/AVP;unicast;client_port=7000-7001"));
    it.answer("461 Unsupported Transport");
    assert_eq!(it.switched(), SwitchReason::Refused);
    assert!(it.request().contains("RTP/AVP/TCP"));
}

#[test]
fn a_server_that_answers_with_a_group_unasked_is_followed_refused_or_left_for_tcp() {
    // VLC leaves `multicast` out.
    for answer in [GROUP, "Transport: RTP/AVP/UDP;destination=239.1.2.3;port=5000-5001;ttl=7;mode=play"] {
        let answered = |transports| {
            let mut it = ready(transports, SDP);
            assert!(it.request().contains("RTP/AVP;unicast"));
            it.answer(&format!("200 OK | Session: 1 | {answer}"));
            it
        };
        let mut it = answered(Transports::Any);
        assert!(matches!(it.done(), Reply::Setup(_)));
        assert_eq!(joined(&it), ["239.1.2.3 5000-5001 ttl 7"]);
        assert!(it.log.contains(&format!("close {:?}", it.udp[0])), "{:?}", it.log);
        assert_eq!(answered(Transports::Udp).failed(), CommandError::MulticastOnly);
        assert_eq!(answered(Transports::UdpThenTcp).switched(), SwitchReason::Answered);
    }
}

#[test]
fn pause_stays_in_the_group_and_play_goes_on_with_what_is_sent_then() {
    let mut it = playing(Transports::Multicast);
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.done();
    // The others go on to be sent.
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(2).into_bytes());
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK | RTP-Info: url=rtsp://192.0.2.1/cam?q=1/trackID=0;seq=90;rtptime=270000");
    it.done();
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(90).into_bytes());
    assert_eq!(it.packets(), [(0, 1, 0), (0, 90, 0)]);
    assert_eq!(joined(&it).len(), 1);
    assert!(!it.log.iter().any(|line| line.starts_with("close ")), "{:?}", it.log);
}

#[test]
fn medias_share_a_group_by_their_ports() {
    let mut it = set_up(Transports::Multicast);
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer(&format!("200 OK | Session: 1 | {}", GROUP.replace("5000-5001", "5002-5003")));
    it.done();
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.datagram(Port::Rtp, "192.0.2.1:5002", packet(0, 9, 1).into_bytes());
    assert_eq!(it.packets(), [(1, 9, 0)]);
    assert_eq!(joined(&it), ["239.1.2.3 5000-5001 ttl 7", "239.1.2.3 5002-5003 ttl 7"]);
}

#[test]
fn the_source_of_a_group_is_learnt_from_packets_where_it_may_be_anyone() {
    let config = ClientConfig::default().transports(Transports::Multicast).source(SourcePolicy::AnyAddress);
    let mut it = Scenario::with(URL, config).describe();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer(&format!("200 OK | Session: 1 | {GROUP}"));
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    let report = SenderReport { ssrc: 0xabcd, ..SenderReport::default() };
    it.datagram(Port::Rtcp, "192.0.2.5:5001", rtcp::sender_report_compound(&report, "a member"));
    it.datagram(Port::Rtp, "192.0.2.9:5000", video(1).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.5:5000", video(2).into_bytes());
    assert_eq!((it.packets(), foreign(&it)), (vec![(0, 1, 0)], 1));
}

#[test]
fn what_the_client_sends_goes_to_no_group() {
    let config = ClientConfig::default().transports(Transports::Multicast);
    let it = Scenario::recording_with(config);
    assert!(it.log.iter().any(|line| line.contains("RTP/AVP;unicast;client_port=7000-7001;mode=record")));
}

#[test]
fn over_tls_and_in_tunnels_no_group_is_asked_for_unless_there_is_nothing_else() {
    for (transports, expected) in [
        (Transports::MulticastThenTcp, "RTP/AVP/TCP"),
        (Transports::Any, "RTP/AVP/TCP"),
        (Transports::Multicast, "RTP/AVP;multicast"),
    ] {
        let config = ClientConfig::default().transports(transports);
        let mut it = Scenario::with("rtsps://192.0.2.1/cam", config).describe_as(&with_group());
        it.client.setup(it.now, 0).unwrap();
        assert!(it.request().contains(expected));
    }
}

#[test]
fn a_client_that_reconnects_joins_the_group_that_it_is_told_then() {
    let config = ClientConfig::default()
        .transports(Transports::Multicast)
        .media_silence_policy(MediaSilencePolicy::Close)
        .keepalive(KeepalivePolicy::Never)
        .reconnect(Some(ReconnectPolicy::default()));
    let mut it = Scenario::with(URL, config).describe();
    it.client.setup(it.now, 0).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.answer(&format!("200 OK | Session: 1 | {GROUP}"));
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.advance(Duration::from_secs(12));
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    wait_for_attempt(&mut it);
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    it.expect_method("SETUP");
    it.answer(&format!("200 OK | Session: 2 | {}", GROUP.replace("239.1.2.3", "239.4.5.6")));
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert_eq!(joined(&it), ["239.1.2.3 5000-5001 ttl 7", "239.4.5.6 5000-5001 ttl 7"]);
    assert!(it.log.contains(&format!("close {:?}", it.udp[0])));
}
