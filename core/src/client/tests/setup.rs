use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::udp::{Port, UdpOpenError, UdpPorts};

#[test]
fn without_free_ports_tcp_is_asked_for() {
    let mut it = Scenario::described(Transports::UdpThenTcp);
    it.opens = false;
    it.client.setup(it.now, 0).unwrap();
    assert_eq!(it.switched(), SwitchReason::NoSockets);
    let request = it.request();
    assert!(request.contains("RTP/AVP/TCP"), "{request}");
}

#[test]
fn without_free_ports_and_without_tcp_the_setup_fails() {
    let mut it = Scenario::described(Transports::Udp);
    it.opens = false;
    it.client.setup(it.now, 0).unwrap();
    assert_eq!(it.failed(), CommandError::Udp(UdpOpenError::NoFreePorts));
    it.expect_nothing_sent();
}

#[test]
fn sockets_are_bound_where_the_connection_goes_from_or_anywhere_in_the_family_of_the_server() {
    let ports = UdpPorts::Range(10_000, 10_010);
    for (peer, local, ip) in [
        ("192.0.2.1:554", None, "0.0.0.0"),
        ("[2001:db8::1]:554", None, "::"),
        ("192.0.2.1:554", Some("198.51.100.7:40000"), "198.51.100.7"),
        ("192.0.2.1:554", Some("[::ffff:198.51.100.7]:40000"), "198.51.100.7"),
        ("[2001:db8::1]:554", Some("[2001:db8::2]:40000"), "2001:db8::2"),
        ("[fe80::1%2]:554", Some("[fe80::2%2]:40000"), "::"),
    ] {
        let config = ClientConfig::default().udp_ports(ports);
        let mut it = Scenario::with(URL, config);
        it.connects = false;
        it.client.describe(it.now).unwrap();
        it.client.setup(it.now, 0).unwrap();
        it.pump();
        local.into_iter().for_each(|local| it.client.set_local_addr(local.parse().unwrap()));
        it.client.handle_connected(it.now, Ok(peer.parse().unwrap()));
        it.expect_method("OPTIONS");
        it.answer("200 OK");
        it.expect_method("DESCRIBE");
        it.client.read_buf();
        let answer = format!(
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        );
        it.client.read_buf()[..answer.len()].copy_from_slice(answer.as_bytes());
        it.client.handle_read(it.now, answer.len());
        let spec = std::iter::from_fn(|| it.client.poll_output()).find_map(|output| match output {
            ClientOutput::OpenUdp(_, spec) => Some(spec),
            _ => None,
        });
        assert_eq!(spec.map(|spec| (spec.ip, spec.ports)), Some((ip.parse().unwrap(), ports)));
    }
}

#[test]
fn sockets_that_are_never_opened_fail_the_setup_and_are_given_up() {
    let mut it = Scenario::described(Transports::Udp);
    it.client.setup(it.now, 0).unwrap();
    let Some(ClientOutput::OpenUdp(id, _)) = it.client.poll_output() else { panic!() };
    it.advance(Duration::from_secs(10));
    assert_eq!(it.failed(), CommandError::Timeout);
    assert!(it.log.contains(&format!("close {id:?}")));
    it.client.handle_udp_opened(it.now, id, Ok((7000, 7001)));
    it.expect_nothing_sent();
}

#[test]
fn over_tls_and_in_tunnels_media_goes_over_tcp() {
    for (scheme, to) in [("rtsps", "322 true"), ("rtsp+http", "80 false"), ("rtsp+wss", "443 true")] {
        let mut it = Scenario::with(&format!("{scheme}://192.0.2.1/cam"), ClientConfig::default()).describe();
        it.client.setup(it.now, 0).unwrap();
        let request = it.request();
        assert!(request.contains("RTP/AVP/TCP"), "{request}");
        it.no_event();
        assert_eq!(it.log[0], format!("connect 192.0.2.1:{to}"));
    }
}

#[test]
fn tcp_that_is_answered_with_udp_or_refused_is_an_error() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP;unicast;client_port=1-2;server_port=3-4");
    assert_eq!(it.failed(), CommandError::OtherTransport);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("461 Unsupported Transport");
    assert!(it.failed().status().is_some_and(|status| status.as_u16() == 461));
}

#[test]
fn a_transport_that_cannot_be_read_is_an_error() {
    for transport in ["x", "RTP/AVP/TCP;interleaved=255-256", "RTP/AVP/TCP;interleaved=-1"] {
        let mut it = Scenario::described(Transports::Tcp);
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 1 | Transport: {transport}"));
        assert!(matches!(it.failed(), CommandError::BadTransport(_)), "{transport}");
        assert_eq!(it.client.state(), State::Initial);
    }
}

#[test]
fn once_a_media_is_set_up_over_udp_the_others_are_not_switched() {
    let mut it = Scenario::described(Transports::UdpThenTcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001");
    it.done();
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer("461 Unsupported Transport");
    assert!(matches!(it.failed(), CommandError::Status { .. }));
    assert!(it.log.contains(&format!("close {:?}", it.udp[1])));
    assert!(!it.log.contains(&format!("close {:?}", it.udp[0])));
}

#[test]
fn media_comes_from_the_source_that_the_server_names() {
    let mut it = Scenario::described(Transports::Udp);
    it.client.setup(it.now, 0).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP;unicast;source=192.0.2.9;server_port=5000-5001");
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(it.datagrams.iter().all(|(_, _, to, _)| to.ip().to_string() == "192.0.2.9"));
    it.datagram(Port::Rtp, "192.0.2.9:5000", video(1).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.8:5000", video(2).into_bytes());
    assert_eq!(it.packets(), [(0, 1, 0)]);
}

#[test]
fn a_source_that_is_a_name_or_this_host_or_many_does_not_count() {
    for source in
        ["127.0.0.1", "[::1]", "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "camera", ""]
    {
        let mut it = Scenario::described(Transports::Udp);
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("SETUP");
        it.answer(&format!(
            "200 OK | Session: 1 | Transport: RTP/AVP;unicast;source={source};server_port=5000-5001"
        ));
        let Reply::Setup(TrackInfo { transport: TrackTransport::Udp { rtp, .. }, .. }) = it.done() else {
            panic!()
        };
        assert_eq!(rtp.map(|to| to.to_string()).as_deref(), Some("192.0.2.1:5000"), "{source}");
    }
}

#[test]
fn a_server_with_ports_that_are_not_adjacent_or_only_one_is_heard() {
    for (ports, rtp, rtcp) in [("47487-52573", 47487, 52573), ("8052", 8052, 8053)] {
        let mut it = Scenario::described(Transports::Udp);
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 1 | Transport: RTP/AVP;unicast;server_port={ports}"));
        let Reply::Setup(TrackInfo { transport: TrackTransport::Udp { rtp: to, rtcp: to_rtcp, .. }, .. }) =
            it.done()
        else {
            panic!()
        };
        assert_eq!((to.map(|to| to.port()), to_rtcp.map(|to| to.port())), (Some(rtp), Some(rtcp)));
    }
}

#[cfg(not(feature = "srtp"))]
#[test]
fn an_encrypted_media_is_refused_before_anything_is_sent() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(&SDP.replace("RTP/AVP 96", "RTP/SAVP 96")));
    it.done();
    assert_eq!(it.failed(), CommandError::Encrypted(0));
    it.expect_nothing_sent();
}

#[test]
fn urls_of_tracks_never_lead_to_another_host() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    let evil = SDP.replace("control:trackID=0", "control:rtsp://root:pw@203.0.113.5:1/x/trackID=9");
    it.answer(&format!(
        "200 OK | Content-Type: application/sdp | Content-Base: rtsp://203.0.113.6/y/ || {evil}"
    ));
    it.done();
    let request = it.request();
    assert!(request.starts_with("SETUP rtsp://192.0.2.1/x/trackID=9 "), "{request}");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.client.play(it.now, None).unwrap();
    let request = it.request();
    assert!(request.starts_with("PLAY rtsp://192.0.2.1/y/ "), "{request}");
}

#[test]
fn as_many_medias_are_set_up_as_there_are_channels_for() {
    let medias: String = (0..32).map(|n| format!("m=audio 0 RTP/AVP 0\r\na=control:t{n}\r\n")).collect();
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(&format!("v=0\r\ns=x\r\n{medias}")));
    it.done();
    for media in 0..32 {
        it.client.setup(it.now, media).unwrap();
        let request = it.request();
        let channels = format!("interleaved={}-{}", media * 2, media * 2 + 1);
        assert!(request.contains(&channels), "{request}");
        it.answer(&format!("200 OK | Session: 1 | Transport: RTP/AVP/TCP;{channels}"));
        it.done();
    }
}
