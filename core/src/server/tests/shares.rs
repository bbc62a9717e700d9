//! The share of one address in what is there for all.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::scenario::{Scenario, status};
use crate::limits::{LINGER_LIMIT, REFUSALS_MAX, SHARE_LEAST, UDP_PORTS_OF_ADDRESS_MAX};
use crate::server::shares::Held;
use crate::server::{Event, Refused, ServerConfig};
use crate::{ConnId, IpPrefix};

fn from(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 40_000)
}

fn scenario(configure: impl FnOnce(ServerConfig) -> ServerConfig) -> Scenario {
    let mut scenario = Scenario::new(configure(ServerConfig::default().conns_max(100).sessions_max(100)));
    scenario.publish("/cam");
    scenario
}

/// Connects until it is refused; how often it was not, and why it was.
fn connect_until_refused(scenario: &mut Scenario, ip: &str) -> (Vec<ConnId>, Refused) {
    let mut conns = Vec::new();
    loop {
        match scenario.try_connect_from(from(ip)) {
            Ok(conn) => conns.push(conn),
            Err(reason) => return (conns, reason),
        }
    }
}

const SETUP: &str = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;unicast";

#[test]
fn an_address_has_a_quarter_of_the_connections_that_others_leave() {
    let mut scenario = scenario(|config| config);
    let mut had = Vec::new();
    for address in 1..=40 {
        let (conns, reason) = connect_until_refused(&mut scenario, &format!("192.0.2.{address}"));
        had.push(conns.len());
        if reason == Refused::Conns {
            break;
        }
        assert_eq!(reason, Refused::ConnsOfAddress);
    }
    assert_eq!(had[..5], [25, 18, 14, 10, 8], "a quarter of 100, of 75, of 57, of 43, and the least");
    assert_eq!(had.iter().sum::<usize>(), 100, "and all are taken at last");
    assert!(had[4..had.len() - 1].iter().all(|had| *had == SHARE_LEAST));
}

#[test]
fn an_address_has_a_quarter_of_the_sessions_that_others_leave() {
    let mut scenario = scenario(|config| config.conns_max(1000));
    let statuses = |scenario: &mut Scenario, ip| {
        let conns: Vec<_> = (0..40).map(|_| scenario.connect_from(from(ip))).collect();
        conns.into_iter().filter(|conn| status(&scenario.request(*conn, SETUP)) == 200).collect::<Vec<_>>()
    };
    let first = statuses(&mut scenario, "192.0.2.1");
    assert_eq!(first.len(), 25);
    assert_eq!(statuses(&mut scenario, "192.0.2.2").len(), 18);
    // A share that is given back may be had again.
    scenario.hang_up(first[0]);
    let again = scenario.connect_from(from("192.0.2.1"));
    assert_eq!(
        status(&scenario.request(again, SETUP)),
        503,
        "the others have taken what makes a share of 25"
    );
    assert_eq!(statuses(&mut scenario, "192.0.2.3").len(), 14);
}

#[test]
fn the_addresses_that_one_host_may_choose_from_have_one_share() {
    let mut scenario = scenario(|config| config);
    let (conns, _) = connect_until_refused(&mut scenario, "2001:db8::1");
    assert_eq!(conns.len(), 25);
    assert_eq!(connect_until_refused(&mut scenario, "2001:db8::ffff:1").0.len(), 0);
    assert_eq!(connect_until_refused(&mut scenario, "2001:db8:0:1::1").0.len(), 18);
    assert_eq!(connect_until_refused(&mut scenario, "::ffff:192.0.2.1").0.len(), 14);
    assert_eq!(connect_until_refused(&mut scenario, "192.0.2.1").0.len(), 0);
}

#[test]
fn addresses_that_many_share_may_have_everything() {
    let behind_nat = IpPrefix::new(IpAddr::from([10, 0, 0, 0]), 8);
    type Configure = fn(ServerConfig, IpPrefix) -> ServerConfig;
    let configs: [(&str, Configure); 4] = [
        ("127.0.0.1", |config, _| config),
        ("::1", |config, _| config),
        ("10.1.2.3", |config, nat| config.shared_addresses(vec![nat])),
        ("192.0.2.1", |config, _| config.address_share(1)),
    ];
    for (ip, configure) in configs {
        let mut scenario = scenario(|config| configure(config, behind_nat));
        let (conns, reason) = connect_until_refused(&mut scenario, ip);
        assert_eq!((conns.len(), reason), (100, Refused::Conns), "{ip}");
        let sessions = conns.iter().filter(|conn| status(&scenario.request(**conn, SETUP)) == 200);
        assert_eq!(sessions.count(), 100, "{ip}");
    }
    let mut scenario = scenario(|config| config.shared_addresses(Vec::new()));
    assert_eq!(connect_until_refused(&mut scenario, "127.0.0.1").0.len(), 25, "it is a default");
}

#[test]
fn refusals_are_told_at_once_and_then_once_a_second_with_their_number() {
    let mut scenario = scenario(|config| config.conns_max(1));
    let _first = scenario.connect_from(from("192.0.2.1"));
    let told = |scenario: &Scenario| {
        let refused = |event: &Event| match event {
            Event::Refused { peer, reason, count, .. } => Some((peer.ip().to_string(), *reason, *count)),
            _ => None,
        };
        scenario.events.iter().filter_map(refused).collect::<Vec<_>>()
    };
    for number in 0..10 {
        assert_eq!(scenario.try_connect_from(from(&format!("192.0.2.{number}"))), Err(Refused::Conns));
    }
    scenario.drain();
    assert_eq!(told(&scenario), [("192.0.2.0".to_owned(), Refused::Conns, 1)]);
    scenario.advance(Duration::from_secs(1));
    assert_eq!(scenario.try_connect_from(from("192.0.2.77")), Err(Refused::Conns));
    scenario.drain();
    assert_eq!(told(&scenario)[1..], [("192.0.2.77".to_owned(), Refused::Conns, 10)]);
}

#[test]
fn a_session_that_is_refused_is_told_with_its_reason() {
    for (configure, expected) in [
        ((|config| config.sessions_max(0)) as fn(ServerConfig) -> ServerConfig, Refused::Sessions),
        (|config| config.sessions_per_conn_max(0), Refused::SessionsOfConn),
    ] {
        let mut scenario = scenario(configure);
        let conn = scenario.connect();
        assert_eq!(status(&scenario.request(conn, SETUP)), 503);
        let told = |event: &Event| matches!(event, Event::Refused { reason, .. } if *reason == expected);
        assert!(scenario.events.iter().any(told), "{expected:?}");
    }
}

#[test]
fn the_sessions_of_an_address_name_a_quarter_of_its_ports() {
    let mut scenario = Scenario::with_udp();
    scenario.publish("/cam");
    let setup = |scenario: &mut Scenario, ip: &str, ports: u16| {
        let conn = scenario.connect_from(from(ip));
        let offer = format!("Transport: RTP/AVP;unicast;client_port={ports}-{}", ports + 1);
        let answer = status(&scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}")));
        (conn, answer)
    };
    let (first, answer) = setup(&mut scenario, "192.0.2.1", 5000);
    assert_eq!(answer, 200);
    // As if other sessions had named all but two of the rest.
    let others = Held { ports: UDP_PORTS_OF_ADDRESS_MAX - 4, ..Held::default() };
    scenario.server.shares.take(from("192.0.2.1").ip(), others);
    assert_eq!(setup(&mut scenario, "192.0.2.1", 6000).1, 200);
    assert_eq!(setup(&mut scenario, "192.0.2.1", 7000).1, 461);
    assert_eq!(setup(&mut scenario, "192.0.2.2", 7000).1, 200);
    scenario.hang_up(first);
    // A session that has not begun outlives its connection for a while.
    scenario.advance(Duration::from_secs(20));
    assert_eq!(setup(&mut scenario, "192.0.2.1", 7000).1, 200);
}

#[test]
fn the_sessions_of_all_addresses_name_no_more_ports_than_a_server_may_send_to() {
    let mut scenario = Scenario::with_udp_and(|config| config.udp_ports_max(48));
    scenario.publish("/cam");
    let mut setup = |ip: &str, ports: u16| {
        let conn = scenario.connect_from(from(ip));
        let offer = format!("Transport: RTP/AVP;unicast;client_port={ports}-{}", ports + 1);
        status(&scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}")))
    };
    let mut all = 0;
    let mut had = Vec::new();
    for address in 1..=8 {
        let ip = format!("192.0.2.{address}");
        let own = (0..20).take_while(|number| setup(&ip, 5000 + 2 * number) == 200).count();
        all += 2 * own;
        had.push(own);
    }
    assert_eq!(had, [6, 5, 4, 4, 4, 1, 0, 0], "a quarter of 48, of 36, and then eight ports each");
    assert_eq!(all, 48);
    assert_eq!(setup("127.0.0.1", 5000), 461, "the whole is a bound for everybody");
}

#[test]
fn whoever_has_left_holds_nothing() {
    let mut scenario = Scenario::with_udp();
    scenario.publish("/cam");
    for transport in ["RTP/AVP/TCP;unicast", "RTP/AVP;unicast;client_port=5000-5001"] {
        let conn = scenario.connect();
        let setup = format!("SETUP rtsp://h/cam/trackID=0|Transport: {transport}");
        assert_eq!(status(&scenario.request(conn, &setup)), 200);
        assert_eq!(status(&scenario.request(conn, "PLAY rtsp://h/cam")), 200);
        scenario.hang_up(conn);
    }
    scenario.advance(Duration::from_secs(100));
    assert!(scenario.server.shares.is_empty());
}

#[test]
fn a_proxy_has_no_share_and_those_behind_it_have_theirs() {
    let proxy = "198.51.100.1";
    let mut scenario =
        scenario(|config| config.trusted_proxies([IpPrefix::from(proxy.parse::<IpAddr>().unwrap())]));
    let mut statuses = |client: &str, count: usize| {
        let answered = (0..count).filter(|_| {
            let conn = scenario.connect_from(from(proxy));
            let header = format!("PROXY TCP4 {client} {proxy} 40000 554\r\n");
            scenario.send(conn, format!("{header}OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").as_bytes());
            let status = status(&scenario.response(conn));
            assert_eq!(scenario.is_closed(conn), status == 503);
            status == 200
        });
        answered.count()
    };
    assert_eq!(statuses("192.0.2.1", 40), 25);
    assert_eq!(statuses("192.0.2.2", 40), 18);
}

#[test]
fn who_is_refused_behind_a_proxy_is_told_by_the_number_of_its_first_request_or_soon_without() {
    let proxy = "198.51.100.1";
    let mut scenario = scenario(|config| {
        let proxies = [IpPrefix::from(proxy.parse::<IpAddr>().unwrap())];
        config.conns_max(1000).address_share(1000).trusted_proxies(proxies)
    });
    let mut conns = (0..SHARE_LEAST + REFUSALS_MAX + 1).map(|_| {
        let conn = scenario.connect_from(from(proxy));
        scenario.send(conn, b"PROXY TCP4 192.0.2.1 198.51.100.1 40000 554\r\n");
        conn
    });
    let conns: Vec<_> = conns.by_ref().collect();
    let (refused, one_more) = (&conns[SHARE_LEAST..][..REFUSALS_MAX], conns[SHARE_LEAST + REFUSALS_MAX]);
    assert!(scenario.is_closed(one_more), "beyond a few at a time they are closed at once");
    let (asks, silent) = (refused[0], refused[1]);
    assert!(!scenario.is_closed(asks) && !scenario.is_closed(silent));
    scenario.send(asks, b"ANNOUNCE rtsp://h/cam RTSP/1.0\r\nCSeq: 77\r\n\r\n");
    let response = scenario.response(asks);
    assert_eq!((status(&response), response.cseq()), (503, Some(77)));
    assert!(scenario.is_closed(asks));
    scenario.advance(LINGER_LIMIT);
    let response = scenario.response(silent);
    assert_eq!((status(&response), response.cseq()), (503, None));
    assert!(scenario.is_closed(silent));
    let taken_on = scenario.request(conns[0], "OPTIONS *");
    assert_eq!(status(&taken_on), 200, "those before are not concerned");
}
