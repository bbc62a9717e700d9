use std::time::Duration;

use bytes::Bytes;

use super::scenario::{SDP, Scenario, peer, session_of, status, video};
use crate::limits::{
    CONN_IDLE, GOODBYE_DELAY, OUTBOX_FRAMES_MAX, SENDER_REPORT_PERIOD, SESSION_TIMEOUT, UDP_BURST_PERIOD,
};
use crate::rtp::rtcp::{self, Rtcp};
use crate::server::Event;
use crate::udp::{Port, UdpPorts, UdpSpec};
use crate::{ConnId, StreamId, Tolerances};

const SLICE: &[u8] = &[0x41, 1];

/// A reader of `/cam` over UDP on ports 5000 and 5001.
fn reader() -> (Scenario, ConnId, StreamId, String) {
    reader_of(Scenario::with_udp())
}

fn reader_of(mut scenario: Scenario) -> (Scenario, ConnId, StreamId, String) {
    let stream = scenario.publish("/cam");
    let conn = scenario.connect();
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001";
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}"));
    let session = session_of(&setup);
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    (scenario, conn, stream, session)
}

fn sent(scenario: &mut Scenario) -> Vec<(Port, u16, Bytes)> {
    scenario.datagrams.sent.drain(..).map(|(port, to, data)| (port, to.port(), data)).collect()
}

/// How many packets were sent since it was last asked.
fn packets(scenario: &mut Scenario) -> usize {
    sent(scenario).iter().filter(|(port, ..)| *port == Port::Rtp).count()
}

#[test]
fn a_reader_over_udp_gets_packets_and_reports_on_its_own_ports() {
    let (mut scenario, _, stream, _) = reader();
    scenario.push(stream, 0, video(1, SLICE));
    scenario.push(stream, 1, video(9, SLICE));
    scenario.push(stream, 0, video(2, SLICE));
    let mut datagrams = sent(&mut scenario);
    let report = datagrams.remove(1);
    assert!(matches!(report, (Port::Rtcp, 5001, _)), "the first report is right behind the first packet");
    let expected = [1, 2].map(|sequence| (Port::Rtp, 5000, video(sequence, SLICE).into_bytes()));
    assert_eq!(datagrams, expected);
    for _ in 0..3 {
        scenario.advance(SENDER_REPORT_PERIOD);
        let reports = sent(&mut scenario);
        assert!(matches!(&*reports, [(Port::Rtcp, 5001, _)]), "{reports:?}");
    }
}

/// A server whose UDP sockets are at this address.
fn at(ip: &str) -> Scenario {
    let spec = UdpSpec { ip: ip.parse().unwrap(), ports: UdpPorts::Fixed(8000, 8001) };
    Scenario::with_udp_and(|config| config.udp(Some(spec)))
}

#[test]
fn peers_that_the_sockets_do_not_reach_are_refused_over_udp() {
    for (ip, peer, expected) in [
        ("0.0.0.0", "192.0.2.7:40000", 200),
        ("0.0.0.0", "[2001:db8::7]:40000", 461),
        ("192.0.2.100", "[::ffff:192.0.2.7]:40000", 200),
        ("::", "192.0.2.7:40000", 200),
        ("::", "[2001:db8::7]:40000", 200),
        ("2001:db8::1", "[2001:db8::7]:40000", 200),
        ("2001:db8::1", "192.0.2.7:40000", 461),
    ] {
        let mut scenario = at(ip);
        scenario.publish("/cam");
        let conn = scenario.connect_from(peer.parse().unwrap());
        let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001";
        let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}"));
        assert_eq!(status(&setup), expected, "{ip} {peer}");
    }
}

#[test]
fn a_reader_at_a_link_local_address_is_reached_on_its_link() {
    let mut scenario = at("::");
    let stream = scenario.publish("/cam");
    let conn = scenario.connect_from("[fe80::1%3]:40000".parse().unwrap());
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001";
    let session = session_of(&scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}")));
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    scenario.push(stream, 0, video(1, SLICE));
    let to = scenario.datagrams.sent.first().map(|(_, to, _)| *to);
    assert_eq!(to, Some("[fe80::1%3]:5000".parse().unwrap()));
}

#[test]
fn packets_over_udp_are_gathered_as_long_as_they_may_be() {
    let delay = Duration::from_millis(10);
    let (mut scenario, _, stream, _) = reader_of(Scenario::with_udp_and(|config| config.gather(delay)));
    scenario.push(stream, 0, video(1, SLICE));
    scenario.push(stream, 0, video(2, SLICE));
    scenario.advance(delay - Duration::from_nanos(1));
    assert_eq!(packets(&mut scenario), 0);
    scenario.advance(Duration::from_nanos(1));
    assert_eq!(packets(&mut scenario), 2);
    for sequence in 0..OUTBOX_FRAMES_MAX as u16 {
        assert_eq!(packets(&mut scenario), 0);
        scenario.push(stream, 0, video(3 + sequence, SLICE));
    }
    assert_eq!(packets(&mut scenario), OUTBOX_FRAMES_MAX);
    scenario.push(stream, 0, video(99, SLICE));
    scenario.server.remove_stream(scenario.now, stream);
    scenario.drain();
    assert_eq!(packets(&mut scenario), 1, "the stream has ended");
}

#[test]
fn a_burst_over_udp_leaves_at_the_pace_of_sockets_also_at_the_end_of_its_stream() {
    let (mut scenario, _, stream, _) = reader_of(Scenario::with_udp_and(|config| config.udp_burst(4)));
    (0..11).for_each(|sequence| scenario.push(stream, 0, video(sequence, SLICE)));
    assert_eq!(packets(&mut scenario), 4);
    scenario.advance(UDP_BURST_PERIOD - Duration::from_nanos(1));
    assert_eq!(packets(&mut scenario), 0);
    scenario.advance(Duration::from_nanos(1));
    assert_eq!(packets(&mut scenario), 4);
    scenario.server.remove_stream(scenario.now, stream);
    scenario.drain();
    assert_eq!(packets(&mut scenario), 0);
    scenario.advance(UDP_BURST_PERIOD);
    let end = sent(&mut scenario);
    let ports: Vec<Port> = end.iter().map(|(port, ..)| *port).collect();
    assert_eq!(ports, [Port::Rtp, Port::Rtp, Port::Rtp]);
    scenario.advance(Duration::from_secs(1));
    let goodbye = sent(&mut scenario);
    assert!(matches!(&goodbye[..], [(Port::Rtcp, ..)]), "{goodbye:?}");
}

#[test]
fn what_the_socket_does_not_take_is_sent_later_and_in_order() {
    let (mut scenario, _, stream, _) = reader();
    scenario.datagrams.room = 3;
    for sequence in 0..200 {
        scenario.push(stream, 0, video(sequence, SLICE));
    }
    assert_eq!(scenario.datagrams.sent.len(), 3);
    scenario.datagrams.room = usize::MAX;
    scenario.drain();
    let sequences: Vec<u16> = sent(&mut scenario)
        .iter()
        .filter(|(port, ..)| *port == Port::Rtp)
        .map(|(.., data)| u16::from_be_bytes([data[2], data[3]]))
        .collect();
    assert_eq!(sequences, (0..200).collect::<Vec<_>>());
}

#[test]
fn a_session_over_udp_outlives_its_connection_and_is_taken_up_by_another() {
    let (mut scenario, conn, stream, session) = reader();
    scenario.hang_up(conn);
    scenario.push(stream, 0, video(1, SLICE));
    assert_eq!(sent(&mut scenario).iter().filter(|(port, ..)| *port == Port::Rtp).count(), 1);
    let stranger = scenario.connect_from(([198, 51, 100, 9], 1).into());
    assert_eq!(
        status(&scenario.request(stranger, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))),
        454
    );
    let other = scenario.connect_from(peer(41_000));
    assert_eq!(status(&scenario.request(other, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))), 200);
    scenario.push(stream, 0, video(2, SLICE));
    assert_eq!(sent(&mut scenario).iter().filter(|(port, ..)| *port == Port::Rtp).count(), 0);
}

/// ONVIF Streaming Specification, section 5.2.2.2: any request but TEARDOWN, and any report of a receiver, keeps a session alive.
#[test]
fn a_silent_reader_over_udp_is_closed_and_one_that_reports_or_asks_is_not() {
    let empty_report = Bytes::from_static(&[0x80, 0xc9, 0, 1, 0, 0, 0, 0]);
    let track = "SETUP rtsp://h/cam/trackID=1|Transport: RTP/AVP;unicast;client_port=5002-5003";
    for (life, statuses) in [
        ("none", &[][..]),
        ("rtcp", &[]),
        ("OPTIONS *", &[200]),
        ("DESCRIBE rtsp://h/cam", &[200]),
        (track, &[455]),
        ("PLAY rtsp://h/cam", &[200]),
        ("PAUSE rtsp://h/cam", &[200]),
        ("GET_PARAMETER rtsp://h/cam", &[200]),
        ("SET_PARAMETER rtsp://h/cam", &[200]),
        ("RECORD rtsp://h/cam", &[455]),
        ("X-UNKNOWN rtsp://h/cam", &[501]),
        ("OPTIONS rtsp://h/cam|Require: x-unknown", &[551]),
    ] {
        let (mut scenario, conn, _, session) = reader();
        for _ in 0..10 {
            scenario.advance(Duration::from_secs(20));
            match life {
                "rtcp" => scenario.datagram(Port::Rtcp, peer(5001), empty_report.clone()),
                "none" => scenario.datagram(Port::Rtcp, peer(6001), empty_report.clone()),
                request => {
                    let response = scenario.request(conn, &format!("{request}|Session: {session}"));
                    assert!(statuses.contains(&status(&response)), "{request}: {response:?}");
                }
            }
        }
        assert_eq!(scenario.is_closed(conn), life == "none", "{life}");
        assert_eq!(scenario.server.sessions.len(), usize::from(life != "none"), "{life}");
    }
}

#[test]
fn each_answer_to_setup_tells_the_timeout() {
    let mut scenario = Scenario::with_udp_and(|config| config.session_timeout(Duration::from_secs(42)));
    scenario.publish("/cam");
    let conn = scenario.connect();
    let mut session = String::new();
    for track in [0, 1] {
        let offer = format!("Transport: RTP/AVP;unicast;client_port=500{}-500{}", 2 * track, 2 * track + 1);
        let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID={track}|{offer}|{session}"));
        assert!(setup.headers.get("Session").unwrap().ends_with(";timeout=37"), "{setup:?}");
        session = format!("Session: {}", session_of(&setup));
    }
}

#[test]
fn readers_over_udp_are_told_when_the_stream_ends() {
    let (mut scenario, conn, stream, _) = reader();
    scenario.push(stream, 0, video(1, SLICE));
    scenario.server.remove_stream(scenario.now, stream);
    assert!(!scenario.is_closed(conn), "the end of the connection does not overtake the goodbye");
    scenario.advance(Duration::from_secs(2));
    assert!(scenario.is_closed(conn));
    let datagrams = sent(&mut scenario);
    let (port, _, goodbye) = datagrams.last().unwrap();
    let mut tolerances = Tolerances::NONE;
    assert_eq!(*port, Port::Rtcp);
    assert!(rtcp::parse(goodbye, &mut tolerances).any(|packet| matches!(packet, Rtcp::Goodbye(_))));
    assert!(scenario.logs.0.borrow().is_empty());
}

/// A publisher of `/live` over UDP on ports 6000 to 6003.
pub(super) fn publisher() -> (Scenario, ConnId, StreamId, String) {
    let mut scenario = Scenario::with_udp();
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let offer = "Transport: RTP/AVP/UDP;unicast;mode=record;client_port=";
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|{offer}6000-6001"));
    let session = session_of(&setup);
    let second = scenario
        .request(conn, &format!("SETUP rtsp://h/live/streamid=1|Session: {session}|{offer}6002-6003"));
    assert_eq!(status(&second), 200);
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {session}"))), 200);
    let stream = scenario.server.stream_at("/live").unwrap();
    (scenario, conn, stream, session)
}

#[test]
fn a_publisher_over_udp_is_let_through_firewalls_and_its_packets_are_put_in_order() {
    let (mut scenario, _, stream, _) = publisher();
    let mut punched: Vec<_> = sent(&mut scenario).iter().map(|(port, to, _)| (*port, *to)).collect();
    punched.sort();
    assert_eq!(punched, [(Port::Rtp, 6000), (Port::Rtp, 6002), (Port::Rtcp, 6001), (Port::Rtcp, 6003)]);
    for sequence in [1, 3, 2, 4] {
        scenario.datagram(Port::Rtp, peer(6000), video(sequence, SLICE).into_bytes());
    }
    let kept = |scenario: &Scenario| {
        let logs = scenario.logs.0.borrow();
        logs[&stream].packets_from(0).map(|packet| packet.rtp.sequence()).collect::<Vec<_>>()
    };
    assert_eq!(kept(&scenario), [1, 2, 3, 4]);
    scenario.datagram(Port::Rtp, peer(6000), video(6, SLICE).into_bytes());
    assert_eq!(kept(&scenario), [1, 2, 3, 4], "the missing packet is waited for");
    scenario.advance(Duration::from_millis(100));
    assert_eq!(kept(&scenario), [1, 2, 3, 4, 6]);
}

#[test]
fn packets_from_other_addresses_are_left_out() {
    let (mut scenario, conn, stream, session) = publisher();
    for from in [peer(6001), peer(7000), ([198, 51, 100, 9], 6000).into()] {
        scenario.datagram(Port::Rtp, from, video(1, SLICE).into_bytes());
    }
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 0);
    assert_eq!(status(&scenario.request(conn, &format!("PAUSE rtsp://h/live|Session: {session}"))), 200);
    scenario.datagram(Port::Rtp, peer(6000), video(1, SLICE).into_bytes());
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 0);
}

#[test]
fn one_publisher_that_leaves_does_not_disturb_another_on_the_same_sockets() {
    let (mut scenario, first, _, session) = publisher();
    let second = scenario.connect_from(peer(41_000));
    scenario.post(second, "ANNOUNCE rtsp://h/more", SDP);
    scenario.response(second);
    let offer = "Transport: RTP/AVP/UDP;unicast;mode=record;client_port=";
    let setup = scenario.request(second, &format!("SETUP rtsp://h/more/streamid=0|{offer}7000-7001"));
    let other = session_of(&setup);
    scenario.request(second, &format!("SETUP rtsp://h/more/streamid=1|Session: {other}|{offer}7002-7003"));
    assert_eq!(status(&scenario.request(second, &format!("RECORD rtsp://h/more|Session: {other}"))), 200);
    let more = scenario.server.stream_at("/more").unwrap();
    assert_eq!(status(&scenario.request(first, &format!("TEARDOWN rtsp://h/live|Session: {session}"))), 200);
    scenario.datagram(Port::Rtp, peer(6000), video(1, SLICE).into_bytes());
    scenario.datagram(Port::Rtp, peer(7000), video(1, SLICE).into_bytes());
    assert_eq!(scenario.logs.0.borrow()[&more].head(), 1);
}

#[test]
fn a_publisher_over_udp_lives_by_its_packets_alone() {
    let (mut scenario, conn, stream, _) = publisher();
    for sequence in 0..20 {
        scenario.advance(Duration::from_secs(55));
        scenario.datagram(Port::Rtp, peer(6000), video(sequence, SLICE).into_bytes());
    }
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 20);
    assert!(!scenario.is_closed(conn));
    scenario.advance(SESSION_TIMEOUT + Duration::from_secs(1));
    assert!(scenario.is_closed(conn));
    assert!(scenario.logs.0.borrow().is_empty());
}

#[test]
fn what_had_come_of_a_publisher_over_udp_is_read_before_its_end() {
    for pauses in [false, true] {
        let (mut scenario, conn, _, session) = publisher();
        let reader = scenario.connect_from(peer(41_000));
        let setup =
            scenario.request(reader, "SETUP rtsp://h/live/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
        scenario.request(reader, &format!("PLAY rtsp://h/live|Session: {}", session_of(&setup)));
        for sequence in [1, 2, 4] {
            scenario.datagram(Port::Rtp, peer(6000), video(sequence, SLICE).into_bytes());
        }
        let end = ["PAUSE", "TEARDOWN"].map(|method| {
            format!("{method} rtsp://h/live RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n\r\n")
        });
        let end = end[usize::from(!pauses)..].concat();
        scenario.while_udp_is_late(|scenario| scenario.send(conn, end.as_bytes()));
        let frames = scenario.frames(reader);
        let packets = frames.iter().filter(|(channel, _)| *channel == 0);
        let sequences: Vec<u16> = packets.map(|(_, data)| u16::from_be_bytes([data[2], data[3]])).collect();
        assert_eq!(sequences, [1, 2, 4], "the packet that was held back too, pausing: {pauses}");
        scenario.advance(GOODBYE_DELAY);
        assert!(scenario.is_closed(reader));
        assert!(scenario.logs.0.borrow().is_empty());
    }
}

#[test]
fn packets_that_come_before_the_order_to_receive_them_are_not_lost() {
    let mut scenario = Scenario::with_udp();
    let conn = scenario.connect();
    for sequence in [1, 2] {
        scenario.datagram(Port::Rtp, peer(6000), video(sequence, SLICE).into_bytes());
        scenario.datagram(Port::Rtp, peer(6100), video(sequence, SLICE).into_bytes());
    }
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let offer = "Transport: RTP/AVP/UDP;unicast;mode=record;client_port=";
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|{offer}6000-6001"));
    let session = session_of(&setup);
    let second = format!("SETUP rtsp://h/live/streamid=1|Session: {session}|{offer}6002-6003");
    assert_eq!(status(&scenario.request(conn, &second)), 200);
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {session}"))), 200);
    let stream = scenario.server.stream_at("/live").unwrap();
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 2);
}

#[test]
fn packets_that_come_while_a_publisher_pauses_are_not_published_when_it_goes_on() {
    let (mut scenario, conn, stream, session) = publisher();
    assert_eq!(status(&scenario.request(conn, &format!("PAUSE rtsp://h/live|Session: {session}"))), 200);
    scenario.datagram(Port::Rtp, peer(6000), video(1, SLICE).into_bytes());
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {session}"))), 200);
    scenario.datagram(Port::Rtp, peer(6000), video(2, SLICE).into_bytes());
    let logs = scenario.logs.0.borrow();
    let kept: Vec<u16> = logs[&stream].packets_from(0).map(|packet| packet.rtp.sequence()).collect();
    assert_eq!(kept, [2]);
}

#[test]
fn media_does_not_go_to_the_servers_own_ports() {
    let own = [192, 0, 2, 100];
    for (from, local, ports, expected) in [
        (own, None, "8000-8001", 461),
        (own, None, "5000-8000", 461),
        (own, None, "8002-8003", 200),
        ([127, 0, 0, 1], None, "8001-8002", 461),
        ([192, 0, 2, 7], None, "8000-8001", 200),
        ([192, 0, 2, 7], Some([192, 0, 2, 100]), "8000-8001", 200),
        ([192, 0, 2, 7], Some([192, 0, 2, 7]), "8000-8001", 461),
    ] {
        let mut scenario = Scenario::with_udp();
        scenario.publish("/cam");
        let conn = scenario.connect_from((from, 40_000).into());
        local.into_iter().for_each(|ip: [u8; 4]| scenario.server.set_local_addr(conn, (ip, 554).into()));
        let setup = |offer: &str| format!("SETUP rtsp://h/cam/trackID=0|Transport: {offer}");
        let offer = format!("RTP/AVP;unicast;client_port={ports}");
        assert_eq!(status(&scenario.request(conn, &setup(&offer))), expected, "{from:?}, {local:?}: {ports}");
        if expected == 461 {
            let with_tcp = scenario.request(conn, &setup(&format!("{offer},RTP/AVP/TCP;unicast")));
            assert!(with_tcp.headers.get("Transport").unwrap().contains("TCP"), "the next one is taken");
        }
    }
}

#[test]
fn packets_that_were_too_big_for_the_path_to_a_reader_are_told_with_it() {
    let (mut scenario, conn, _, _) = reader();
    for (to, bytes) in [(peer(5000), 1400), (peer(5000), 1450), (peer(5001), 1500), (peer(7000), 1500)] {
        let now = scenario.now;
        scenario.udps.values_mut().for_each(|udp| udp.handle_too_big(now, to, bytes));
    }
    scenario.advance(Duration::from_secs(1));
    let now = scenario.now;
    scenario.udps.values_mut().for_each(|udp| udp.handle_too_big(now, peer(5000), 1300));
    scenario.advance(Duration::ZERO);
    let told = scenario.events.iter().filter_map(|event| match event {
        Event::PacketsTooBig(told) => Some((told.conn, told.packets, told.bytes)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(conn, 1, 1400), (conn, 2, 1450)]);
}

#[test]
fn a_pair_names_the_streams_that_are_read_over_it() {
    let (mut scenario, conn, stream, session) = reader();
    let read = |scenario: &Scenario| -> Vec<StreamId> {
        scenario.udps.values().flat_map(|udp| udp.streams()).collect()
    };
    assert_eq!(read(&scenario), [stream]);
    scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {session}"));
    assert_eq!(read(&scenario), []);
}

#[test]
fn a_pair_says_whether_its_socket_has_stopped_it() {
    let (mut scenario, _, stream, _) = reader();
    let flush = |scenario: &mut Scenario| {
        let udp = scenario.udps.values_mut().next().unwrap();
        udp.flush(scenario.now, &scenario.logs, &mut scenario.datagrams)
    };
    assert!(!flush(&mut scenario), "there is nothing to send");
    scenario.datagrams.room = 1;
    for sequence in 1..=2 {
        let log = &scenario.logs.0;
        assert!(log.borrow_mut().get_mut(&stream).unwrap().push(scenario.now, 0, video(sequence, SLICE)));
    }
    assert!(flush(&mut scenario), "the second packet waits");
    // The first report goes out behind the first packet.
    scenario.datagrams.room = 3;
    assert!(!flush(&mut scenario), "all is sent");
    // The same of reports, which wait before and behind the packets.
    scenario.now = scenario.now + Duration::from_secs(6);
    assert!(flush(&mut scenario), "the report waits");
    scenario.datagrams.room = usize::MAX;
    assert!(!flush(&mut scenario));
}

#[test]
fn a_connection_stays_open_behind_the_goodbye_to_its_reader_over_udp() {
    let (mut scenario, conn, stream, _) = reader();
    scenario.push(stream, 0, video(1, SLICE));
    scenario.server.remove_stream(scenario.now, stream);
    // The goodbye comes 200 ms behind the last packet, and the end of the connection a second later.
    scenario.advance(Duration::from_millis(1100));
    assert!(sent(&mut scenario).iter().any(|(port, ..)| *port == Port::Rtcp), "it was said goodbye");
    assert!(!scenario.is_closed(conn), "and has time to read what came before it");
    scenario.advance(Duration::from_millis(200));
    assert!(scenario.is_closed(conn));
}

#[test]
fn a_connection_whose_last_session_ends_elsewhere_may_be_idle_for_as_long_as_any() {
    let (mut scenario, first, _, session) = reader();
    let second = scenario.connect();
    for _ in 0..7 {
        scenario.advance(Duration::from_secs(10));
        scenario.request(second, &format!("GET_PARAMETER rtsp://h/cam|Session: {session}"));
    }
    assert_eq!(status(&scenario.request(second, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))), 200);
    scenario.advance(CONN_IDLE - Duration::from_secs(1));
    assert!(!scenario.is_closed(first), "it has been without a session for less than that");
    scenario.advance(Duration::from_secs(2));
    assert!(scenario.is_closed(first));
}
