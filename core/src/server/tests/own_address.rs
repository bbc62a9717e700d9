//! A host with several addresses sends to each peer from the one that the peer has talked to.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::scenario::{SDP, Scenario, session_of, status, video};
use crate::limits::SENDER_REPORT_PERIOD;
use crate::udp::Port;
use crate::{ConnId, IpPrefix};

const HOMES: [[u8; 4]; 2] = [[192, 0, 2, 100], [198, 51, 100, 100]];
const SLICE: &[u8] = &[0x65, 1];

/// A connection of the peer with this number to one of the server's addresses.
fn connect(scenario: &mut Scenario, number: u8, home: [u8; 4]) -> ConnId {
    let conn = scenario.connect_from(at(number, 40_000));
    scenario.server.set_local_addr(conn, (home, 554).into());
    conn
}

fn at(number: u8, port: u16) -> SocketAddr {
    ([203, 0, 113, number], port).into()
}

fn play(scenario: &mut Scenario, conn: ConnId) -> String {
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001";
    let session = session_of(&scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}")));
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    session
}

/// The datagrams since the last call: port, destination and source.
fn sent(scenario: &mut Scenario) -> Vec<(Port, SocketAddr, Option<IpAddr>)> {
    let sources = std::mem::take(&mut scenario.datagrams.sources);
    let sent = scenario.datagrams.sent.drain(..).zip(sources);
    sent.map(|((port, to, _), from)| (port, to, from)).collect()
}

#[test]
fn packets_reports_and_goodbyes_leave_from_the_address_that_each_reader_has_talked_to() {
    let mut scenario = Scenario::with_udp();
    let stream = scenario.publish("/cam");
    for number in 0..4_u8 {
        let conn = connect(&mut scenario, number, HOMES[usize::from(number) % 2]);
        play(&mut scenario, conn);
    }
    let expected = |port, number: u8| {
        let to = at(number, if port == Port::Rtp { 5000 } else { 5001 });
        (port, to, Some(IpAddr::from(HOMES[usize::from(number) % 2])))
    };
    let all = |port| (0..4).map(|number| expected(port, number)).collect::<BTreeSet<_>>();
    scenario.push(stream, 0, video(1, SLICE));
    let (packets, reports): (Vec<_>, Vec<_>) =
        sent(&mut scenario).into_iter().partition(|(port, ..)| *port == Port::Rtp);
    assert_eq!(packets, [0, 2, 1, 3].map(|number| expected(Port::Rtp, number)), "each address has one run");
    assert_eq!(BTreeSet::from_iter(reports), all(Port::Rtcp));
    scenario.advance(SENDER_REPORT_PERIOD);
    assert_eq!(BTreeSet::from_iter(sent(&mut scenario)), all(Port::Rtcp));
    scenario.server.remove_stream(scenario.now, stream);
    scenario.advance(Duration::from_secs(2));
    assert_eq!(BTreeSet::from_iter(sent(&mut scenario)), all(Port::Rtcp), "BYE");
}

#[test]
fn a_publisher_is_let_through_and_hears_reports_from_the_address_that_it_has_talked_to() {
    let mut scenario = Scenario::with_udp();
    let conn = connect(&mut scenario, 1, HOMES[1]);
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let offer = "Transport: RTP/AVP/UDP;unicast;mode=record;client_port=";
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|{offer}6000-6001"));
    let session = session_of(&setup);
    let second = format!("SETUP rtsp://h/live/streamid=1|Session: {session}|{offer}6002-6003");
    assert_eq!(status(&scenario.request(conn, &second)), 200);
    let home = Some(IpAddr::from(HOMES[1]));
    for method in ["RECORD", "PAUSE", "RECORD"] {
        let answer = scenario.request(conn, &format!("{method} rtsp://h/live|Session: {session}"));
        assert_eq!(status(&answer), 200);
        let sent = sent(&mut scenario);
        assert_eq!(sent.len(), if method == "RECORD" { 4 } else { 0 }, "{method}");
        assert!(sent.iter().all(|(.., from)| *from == home), "{method}: {sent:?}");
    }
    scenario.datagram(Port::Rtp, at(1, 6000), video(1, SLICE).into_bytes());
    scenario.advance(SENDER_REPORT_PERIOD);
    assert_eq!(sent(&mut scenario), [(Port::Rtcp, at(1, 6001), home)], "the receiver's report");
}

#[test]
fn the_system_chooses_for_those_who_come_through_a_proxy_or_to_an_address_that_is_not_known() {
    let proxy: IpAddr = [192, 0, 2, 10].into();
    let mut scenario = Scenario::with_udp_and(|config| config.trusted_proxies([IpPrefix::from(proxy)]));
    let stream = scenario.publish("/cam");
    let proxied = scenario.connect_from((proxy, 40_000).into());
    scenario.server.set_local_addr(proxied, (HOMES[0], 554).into());
    scenario.send(proxied, b"PROXY TCP4 203.0.113.1 192.0.2.10 40000 554\r\n");
    play(&mut scenario, proxied);
    let unknown = scenario.connect_from(at(2, 40_000));
    play(&mut scenario, unknown);
    scenario.push(stream, 0, video(1, SLICE));
    let packets: Vec<_> = sent(&mut scenario).into_iter().filter(|(port, ..)| *port == Port::Rtp).collect();
    assert_eq!(packets, [1, 2].map(|number| (Port::Rtp, at(number, 5000), None)));
}
