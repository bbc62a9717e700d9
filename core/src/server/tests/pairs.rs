use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

use super::scenario::{Logs, SDP, Scenario, peer, session_of, status, video};
use crate::limits::UDP_PAIRS_MAX;
use crate::server::{Event, Output, Server, ServerConfig};
use crate::udp::{Port, UdpOpenError, UdpPorts, UdpSpec};
use crate::wire::Response;
use crate::{ConnId, Instant, StreamId};

/// The ports of the sockets to be opened.
fn specs(config: ServerConfig) -> Vec<UdpPorts> {
    let mut server = Server::new(config, [1; 32]);
    let opened = std::iter::from_fn(|| match server.poll_output() {
        Some(Output::OpenUdp(media)) => Some(media.spec().ports),
        _ => None,
    });
    opened.collect()
}

fn with_ports(ports: UdpPorts) -> ServerConfig {
    ServerConfig::default().udp(Some(UdpSpec { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), ports }))
}

fn server_port(response: &Response) -> u16 {
    let transport = response.headers.get("Transport").expect("a transport");
    let (_, ports) = transport.split_once("server_port=").expect("server ports");
    ports.split('-').next().unwrap().parse().unwrap()
}

/// A server of so many pairs, with a stream.
fn scenario(pairs: usize) -> (Scenario, StreamId) {
    let mut scenario = Scenario::with_udp_and(|config| config.udp_pairs(pairs));
    let stream = scenario.publish("/cam");
    (scenario, stream)
}

/// Sets up and plays on a new connection: where the media comes from, and its session.
fn read(scenario: &mut Scenario, port: u16) -> (ConnId, u16, String) {
    let conn = scenario.connect();
    let offer = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}"));
    let session = session_of(&setup);
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    (conn, server_port(&setup), session)
}

#[test]
fn any_ports_are_a_pair_for_each_processor_and_others_a_single_one() {
    let (fixed, range) = (UdpPorts::Fixed(8000, 8001), UdpPorts::Range(9000, 9100));
    assert_eq!(specs(with_ports(UdpPorts::Any)), [UdpPorts::Any]);
    assert_eq!(specs(with_ports(UdpPorts::Any).processors(3)), [UdpPorts::Any; 3]);
    assert_eq!(specs(with_ports(UdpPorts::Any).processors(3).udp_pairs(2)), [UdpPorts::Any; 2]);
    assert_eq!(specs(with_ports(UdpPorts::Any).processors(1000)).len(), UDP_PAIRS_MAX);
    assert_eq!(specs(with_ports(UdpPorts::Any).processors(0).udp_pairs(0)), [UdpPorts::Any]);
    assert_eq!(specs(with_ports(fixed).processors(3)), [fixed]);
    assert_eq!(specs(with_ports(range).processors(3)), [range]);
    assert_eq!(specs(with_ports(range).udp_pairs(2)), [range; 2]);
    assert_eq!(specs(ServerConfig::default().udp_pairs(2)), []);
}

#[test]
fn fixed_ports_are_followed_by_the_next_ones_as_far_as_there_are_any() {
    let ports = |ports: &[(u16, u16)]| -> Vec<_> {
        ports.iter().map(|(rtp, rtcp)| UdpPorts::Fixed(*rtp, *rtcp)).collect()
    };
    let asked = |rtp, rtcp, pairs| specs(with_ports(UdpPorts::Fixed(rtp, rtcp)).udp_pairs(pairs));
    assert_eq!(asked(8000, 8001, 3), ports(&[(8000, 8001), (8002, 8003), (8004, 8005)]));
    assert_eq!(asked(5000, 6000, 2), ports(&[(5000, 6000), (5002, 6002)]));
    assert_eq!(asked(65_532, 65_533, 9), ports(&[(65_532, 65_533), (65_534, 65_535)]));
}

#[test]
fn sessions_go_to_the_pair_with_the_fewest_which_alone_sends_to_them() {
    let (mut scenario, stream) = scenario(3);
    let readers: Vec<_> = (0..9).map(|reader| read(&mut scenario, 5000 + 2 * reader)).collect();
    let from: Vec<_> = readers.iter().map(|(_, from, _)| *from).collect();
    assert_eq!(from, [8000, 8002, 8004, 8000, 8002, 8004, 8000, 8002, 8004]);

    scenario.push(stream, 0, video(1, &[0x41, 1]));
    let sent = std::mem::take(&mut scenario.datagrams.sent);
    let mut ways: Vec<_> =
        sent.iter().zip(&scenario.datagrams.pairs).map(|((_, to, _), pair)| (to.port(), *pair)).collect();
    ways.sort_unstable();
    // A packet and the first report behind it.
    let expected = |port: u16| (5000 + port, usize::from(port / 2) % 3);
    assert_eq!(ways, (0..18).map(expected).collect::<Vec<_>>());

    // Those who leave make room where they were.
    for (conn, from, session) in &readers {
        if *from == 8002 {
            let teardown = format!("TEARDOWN rtsp://h/cam|Session: {session}");
            assert_eq!(status(&scenario.request(*conn, &teardown)), 200);
        }
    }
    let from: Vec<_> = (0..4).map(|reader| read(&mut scenario, 6000 + 2 * reader).1).collect();
    assert_eq!(from, [8002, 8002, 8002, 8000]);
}

#[test]
fn all_tracks_of_a_session_are_on_one_pair_and_no_address_on_two() {
    let (mut scenario, _) = scenario(2);
    let conn = scenario.connect();
    let offer = |port| format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{}", offer(5000)));
    let session = session_of(&setup);
    read(&mut scenario, 5010);
    read(&mut scenario, 5020);
    read(&mut scenario, 5030);
    let second = format!("SETUP rtsp://h/cam/trackID=1|Session: {session}|{}", offer(5002));
    assert_eq!(server_port(&scenario.request(conn, &second)), server_port(&setup));
    let other = scenario.connect();
    let taken = format!("SETUP rtsp://h/cam/trackID=0|{}", offer(5000));
    assert_eq!(status(&scenario.request(other, &taken)), 461);
}

#[test]
fn each_pair_knows_its_own_readers_and_publishers() {
    let (mut scenario, stream) = scenario(2);
    // The first pair has a reader, the second a publisher and its reader.
    read(&mut scenario, 5000);
    let conn = scenario.connect_from(peer(40_001));
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let offer = "Transport: RTP/AVP;unicast;mode=record;client_port=";
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|{offer}7000-7001"));
    let session = session_of(&setup);
    let second = format!("SETUP rtsp://h/live/streamid=1|Session: {session}|{offer}7002-7003");
    let second = scenario.request(conn, &second);
    assert_eq!((server_port(&setup), server_port(&second)), (8002, 8002));
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {session}"))), 200);
    let punched: BTreeSet<_> = scenario.datagrams.pairs.drain(..).collect();
    assert_eq!((punched, scenario.datagrams.sent.len()), (BTreeSet::from([1]), 4));

    // Packets that come to the other pair are nobody's.
    let published = scenario.events.iter().find_map(|event| match event {
        Event::Published { stream, session: Some(_), .. } => Some(*stream),
        _ => None,
    });
    let live = published.expect("it records");
    for (pair, sequence) in [(0, 1), (1, 2)] {
        let packet = video(sequence, &[0x65, 1]).into_bytes();
        scenario.datagram_to(pair, Port::Rtp, peer(7000), packet);
    }
    scenario.datagram_to(0, Port::Rtcp, peer(5001), Bytes::from_static(&[0x80, 0xc9, 0, 1, 0, 0, 0, 0]));
    let received: Vec<_> =
        scenario.logs.0.borrow()[&live].packets_from(0).map(|packet| packet.rtp.sequence()).collect();
    assert_eq!(received, [2]);
    assert_ne!(live, stream);
    let teardown = format!("TEARDOWN rtsp://h/live|Session: {session}");
    assert_eq!(status(&scenario.request(conn, &teardown)), 200);
    assert_eq!(scenario.server.session_count(), 1, "the publisher's pair has said that all is in the log");
}

#[test]
fn a_pair_that_was_not_opened_gets_no_session() {
    let config = with_ports(UdpPorts::Fixed(8000, 8001)).udp_pairs(2);
    let mut server = Server::new(config, [1; 32]);
    let opened = std::iter::from_fn(|| server.poll_output());
    let ids: Vec<_> = opened
        .filter_map(|output| match output {
            Output::OpenUdp(media) => Some(media.id()),
            _ => None,
        })
        .collect();
    server.handle_udp_opened(Instant::ZERO, ids[0], Err(UdpOpenError::NoFreePorts), &Logs::default());
    server.handle_udp_opened(Instant::ZERO, ids[1], Ok((8002, 8003)), &Logs::default());
    assert_eq!(server.udp_pairs.choose(), Some(ids[1]));
    server.udp_pairs.enter(ids[1]);
    assert_eq!(server.udp_pairs.choose(), Some(ids[1]));
    assert_eq!(server.udp_pairs.ports(ids[0]), None);
}
