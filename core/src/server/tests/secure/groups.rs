use std::net::SocketAddr;
use std::time::Duration;

use super::readers::{report, stats_of};
use super::*;
use crate::server::Multicast;

const OFFER: &str = "RTP/SAVP;multicast";
const GROUP: &str = "239.1.0.0/16";

fn multicast(config: ServerConfig) -> ServerConfig {
    config.multicast(Some(Multicast::new(GROUP.parse().unwrap()).unwrap()))
}

fn member(scenario: &mut Scenario, host: u8) -> ConnId {
    let conn = scenario.connect_from(SocketAddr::from(([192, 0, 2, host], 40_000)));
    scenario.server.set_secured(conn, Secured::default());
    conn
}

/// The group that an answer names.
fn group_of(setup: &Response) -> SocketAddr {
    let transport = setup.headers.get("Transport").unwrap();
    let find = |name: &str| transport.split(';').find_map(|part| part.strip_prefix(name)).unwrap();
    let port = find("port=").split('-').next().unwrap();
    SocketAddr::new(find("destination=").parse().unwrap(), port.parse().unwrap())
}

#[test]
fn readers_of_a_group_share_its_encrypted_packets_and_those_in_the_clear_have_another_group() {
    let (mut scenario, _, stream) = over_tls_with_udp(multicast);
    let keys = [1, 2].map(|seed| own_key(Suite::AeadAes128Gcm, seed));
    let conns = [1, 2, 3].map(|host| member(&mut scenario, host));
    let secure = [0, 1].map(|at| set_up(&mut scenario, conns[at], OFFER, &header(&keys[at])));
    let clear = scenario.request(conns[2], "SETUP rtsps://h/cam/trackID=0|Transport: RTP/AVP;multicast");
    let (group, other) = (group_of(&secure[0]), group_of(&clear));
    assert_eq!(group_of(&secure[1]), group);
    assert_ne!(other, group);
    assert!(secure[0].headers.get("Transport").unwrap().starts_with("RTP/SAVP;multicast;"));
    for (conn, setup) in conns.iter().zip([&secure[0], &secure[1], &clear]) {
        assert_eq!(act(&mut scenario, *conn, "PLAY", setup), 200);
    }
    let mut openers = [0, 1].map(|at| opener(&told(&secure[at])));
    for sequence in 1..=5 {
        let packet = video(sequence, b"picture");
        scenario.push(stream, 0, packet.clone());
        let sent = datagrams(&mut scenario, group.port());
        assert_eq!(sent.len(), 1, "once for both");
        for opener in &mut openers {
            assert_eq!(opener.rtp(sent[0].clone()).as_ref(), Some(packet.as_bytes()));
        }
        assert_eq!(datagrams(&mut scenario, other.port()), [packet.as_bytes().clone()]);
    }
    let reports = datagrams(&mut scenario, group.port() + 1);
    assert_eq!(kinds(&openers[1].rtcp(reports[0].clone()).unwrap()), ["sender report"]);
    // The one that began the group goes, and the other goes on.
    assert_eq!(act(&mut scenario, conns[0], "TEARDOWN", &secure[0]), 200);
    scenario.push(stream, 0, video(6, b"picture"));
    let sent = datagrams(&mut scenario, group.port());
    assert!(openers[1].rtp(sent[0].clone()).is_some());
    assert_eq!(act(&mut scenario, conns[1], "TEARDOWN", &secure[1]), 200);
    scenario.push(stream, 0, video(7, b"picture"));
    assert_eq!(datagrams(&mut scenario, group.port()), [] as [Bytes; 0]);
    assert_eq!(scenario.server.group_count(), 1, "who comes next has other keys, and another group");
}

#[test]
fn reports_to_a_group_are_decrypted_by_the_keys_of_their_reader() {
    let (mut scenario, _, stream) = over_tls_with_udp(multicast);
    let (key, conn) = (own_key(Suite::AesCm128HmacSha1_80, 1), member(&mut scenario, 7));
    let setup = set_up(&mut scenario, conn, OFFER, &header(&key));
    assert_eq!(act(&mut scenario, conn, "PLAY", &setup), 200);
    scenario.push(stream, 0, video(1, b"picture"));
    let told = |scenario: &mut Scenario| {
        scenario.advance(Duration::from_secs(2));
        let id = scenario.server.sessions().next().unwrap().session;
        let stats = stats_of(scenario, id);
        (stats.formats.iter().find_map(|format| Some(format.block?.1.lost)), stats.unauthentic)
    };
    let hear = |scenario: &mut Scenario, data: Bytes| {
        let to = scenario.udps.values().position(|media| media.group().is_some()).unwrap();
        scenario.datagram_to(to, Port::Rtcp, SocketAddr::from(([192, 0, 2, 7], 26_001)), data);
    };
    let mut sealer = Sealer::new(&key, &BuiltIn);
    hear(&mut scenario, report(&mut sealer, 5));
    assert_eq!(told(&mut scenario), (Some(5), 0));
    hear(&mut scenario, report(&mut Sealer::new(&own_key(Suite::AesCm128HmacSha1_80, 3), &BuiltIn), 6));
    assert_eq!(told(&mut scenario), (Some(5), 1));
    let next = own_key(Suite::AesCm128HmacSha1_80, 2);
    let renew = format!("SET_PARAMETER rtsps://h/cam|Session: {}|{}", session_of(&setup), header(&next));
    assert_eq!(status(&scenario.request(conn, &renew)), 200);
    sealer.rekey(&next);
    hear(&mut scenario, report(&mut sealer, 7));
    assert_eq!(told(&mut scenario), (Some(7), 1));
}

#[test]
fn a_group_is_not_for_keys_of_ones_own_nor_for_those_without_tls() {
    for (config, is_secured) in [(true, true), (false, false)] {
        let (mut scenario, secured, _) = over_tls_with_udp(|own| multicast(own).srtp_key_per_reader(config));
        let conn = if is_secured { secured } else { scenario.connect_from(peer(41_000)) };
        let key = own_key(Suite::AeadAes128Gcm, 1);
        assert_eq!(status(&set_up(&mut scenario, conn, OFFER, &header(&key))), 461);
        let both = format!("{OFFER},{UDP}");
        let unicast = set_up(&mut scenario, conn, &both, &header(&key));
        assert_eq!(status(&unicast), if is_secured { 200 } else { 461 });
    }
}

#[test]
fn a_description_that_offers_keys_tells_the_group_that_they_are_for() {
    let (mut scenario, conn, _) = over_tls_with_udp(|config| multicast(config).srtp(SrtpPolicy::Offer));
    let response = scenario.request(conn, "DESCRIBE rtsps://h/cam?vlcmulticast");
    let described = String::from_utf8(response.body.to_vec()).unwrap();
    let key = own_key(Suite::AesCm128HmacSha1_80, 1);
    let group = group_of(&set_up(&mut scenario, conn, OFFER, &header(&key)));
    let told = format!("m=video {} RTP/SAVP 96\r\nc=IN IP4 {}/16\r\n", group.port(), group.ip());
    assert!(described.contains(&told), "{told} in {described}");
}
