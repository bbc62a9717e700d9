use std::net::SocketAddr;
use std::time::Duration;

use super::super::scenario::{SDP, Scenario, description, session_of, status, video};
use super::{OFFER, SLICE, VIDEO, from, groups, play, reader, scenario, scenario_of, sent, sessions, setup};
use crate::ConnId;
use crate::auth::Action;
use crate::description::Attribute;
use crate::limits::TICKET_DEADLINE;
use crate::server::{Asks, Event, MediaTransport, Multicast, ServerConfig, SetGroupsError, TrackChannels};
use crate::udp::{Port, UdpOpenError};

#[test]
fn setup_is_answered_with_the_group_its_ports_and_how_far_packets_go() {
    let (mut scenario, stream) = scenario_of(groups().ttl(7).source([192, 0, 2, 100].into()));
    scenario.push(stream, 0, video(1, SLICE));
    let conn = scenario.connect();
    let answer = setup(&mut scenario, conn, 0, ";mode=play");
    assert_eq!(
        answer.headers.get("Transport"),
        Some(
            "RTP/AVP;multicast;source=192.0.2.100;destination=239.1.0.0;port=26000-26001;ttl=7;\
             ssrc=00000ABC;mode=play"
        )
    );
    let session = session_of(&answer);
    let answer = setup(&mut scenario, conn, 1, &format!("|Session: {session}"));
    let transport = answer.headers.get("Transport").unwrap();
    assert!(
        transport.contains("destination=239.1.0.1;") && transport.contains("port=26002-26003"),
        "{transport}"
    );
    let pairs = scenario.udps.values().filter_map(|media| media.group());
    let pairs: Vec<_> = pairs.map(|group| (group.group.to_string(), group.ttl)).collect();
    assert_eq!(pairs, [("239.1.0.0".to_owned(), 7), ("239.1.0.1".to_owned(), 7)], "the sockets do the same");
    let info = scenario.server.sessions().next().unwrap();
    assert_eq!((info.transport, info.action), (Some(MediaTransport::Multicast), Action::Read));
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_eq!(info.tracks[0].channels, TrackChannels::Multicast(at(VIDEO), at("239.1.0.0:26001")));
}

#[test]
fn transports_are_taken_in_the_order_of_the_client() {
    for (offer, expected) in [
        ("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1", "multicast"),
        ("RTP/AVP;unicast;client_port=5000-5001,RTP/AVP;multicast", "unicast"),
        ("RTP/SAVP;multicast,RTP/AVP;multicast", "multicast"),
        ("RTP/AVP/TCP;multicast;interleaved=0-1,RTP/AVP;multicast", "multicast"),
    ] {
        let (mut scenario, _) = scenario();
        let conn = scenario.connect();
        let answer = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|Transport: {offer}"));
        let transport = answer.headers.get("Transport").unwrap_or_default();
        assert!(transport.contains(expected), "{offer}: {transport}");
    }
}

#[test]
fn groups_are_for_readers_of_streams_that_others_may_read_too() {
    let (mut scenario, _) = scenario();
    let conn = scenario.connect();
    let mixed = setup(&mut scenario, conn, 0, "");
    let session = session_of(&mixed);
    let other =
        format!("SETUP rtsp://h/cam/trackID=1|Session: {session}|Transport: RTP/AVP;client_port=5000-5001");
    assert_eq!(status(&scenario.request(conn, &other)), 461, "a session has one kind of transport");
    let other =
        format!("SETUP rtsp://h/cam/trackID=1|Session: {session}|Transport: RTP/AVP/TCP;interleaved=0-1");
    assert_eq!(status(&scenario.request(conn, &other)), 461);

    let conn = scenario.connect_from(from(2));
    scenario.post(conn, "ANNOUNCE rtsp://h/up|Content-Type: application/sdp", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let record = format!("SETUP rtsp://h/up/streamid=0|{OFFER};mode=record");
    assert_eq!(status(&scenario.request(conn, &record)), 461, "nobody publishes to a group");

    let (mut off, conn, _) = Scenario::with_stream(ServerConfig::default());
    assert_eq!(status(&off.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{OFFER}"))), 461);
}

#[test]
fn a_client_chooses_no_address_unless_it_may_and_never_one_outside_of_the_range() {
    let destination = |multicast: Multicast, wish: &str| {
        let (mut scenario, _) = scenario_of(multicast);
        let conn = scenario.connect();
        let answer = setup(&mut scenario, conn, 0, &format!(";destination={wish};port=7000-7001;ttl=255"));
        let transport = answer.headers.get("Transport").unwrap().to_owned();
        assert!(transport.contains("port=26000-26001;ttl=16"), "{transport}");
        transport.split(';').find_map(|part| part.strip_prefix("destination=")).unwrap().to_owned()
    };
    assert_eq!(destination(groups(), "239.1.2.3"), "239.1.0.0");
    let free = groups().client_groups(true);
    assert_eq!(destination(free.clone(), "239.1.2.3"), "239.1.2.3");
    for wish in ["239.2.0.1", "192.0.2.66", "255.255.255.255", "224.0.0.1", "ff02::1", "host", ""] {
        assert_eq!(destination(free.clone(), wish), "239.1.0.0", "{wish}");
    }
    // The first reader's group is that of the others.
    let (mut scenario, _) = scenario_of(free);
    for host in 1..3 {
        let conn = scenario.connect_from(from(host));
        let answer = setup(&mut scenario, conn, 0, &format!(";destination=239.1.2.{host}"));
        assert!(answer.headers.get("Transport").unwrap().contains("destination=239.1.2.1;"));
    }
}

#[test]
fn readers_over_ipv6_have_groups_of_ipv6_and_both_families_are_sent_to() {
    let both = groups().range("ff15::/16".parse().unwrap()).unwrap();
    let (mut scenario, stream) = scenario_of(both);
    reader(&mut scenario, 1);
    let conn = scenario.connect_from("[2001:db8::1]:40000".parse().unwrap());
    let answer = setup(&mut scenario, conn, 0, "");
    let transport = answer.headers.get("Transport").unwrap();
    assert!(transport.contains("destination=ff15::8000:0;port=26002-26003;ttl=16"), "{transport}");
    play(&mut scenario, conn, &session_of(&answer));
    scenario.push(stream, 0, video(1, SLICE));
    let to: Vec<_> = sent(&mut scenario).into_iter().filter(|(port, ..)| *port == Port::Rtp).collect();
    let to: Vec<_> = to.iter().map(|(_, to, _)| to.to_string()).collect();
    assert_eq!(to, [VIDEO, "[ff15::8000:0]:26002"]);
    let (mut only_v4, _) = self::scenario();
    let conn = only_v4.connect_from("[2001:db8::1]:40000".parse().unwrap());
    assert_eq!(status(&setup(&mut only_v4, conn, 0, "")), 461);
}

fn sdp(scenario: &mut Scenario, conn: ConnId, query: &str) -> String {
    let answer = scenario.request(conn, &format!("DESCRIBE rtsp://h/cam{query}"));
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[test]
fn the_description_tells_the_groups_that_setup_will_name_to_those_that_ask() {
    let (mut scenario, _) = scenario_of(groups().ttl(3));
    let conn = scenario.connect();
    let plain = sdp(&mut scenario, conn, "");
    assert!(
        plain.contains("c=IN IP4 0.0.0.0\r\n") && plain.contains("m=video 0 ") && !plain.contains("239.")
    );
    assert_eq!(scenario.server.group_count(), 0);
    let told = sdp(&mut scenario, conn, "?vlcmulticast");
    assert!(told.contains("m=video 26000 RTP/AVP 96\r\nc=IN IP4 239.1.0.0/3\r\n"), "{told}");
    assert!(told.contains("m=audio 26002 RTP/AVP 0\r\nc=IN IP4 239.1.0.1/3\r\n"), "{told}");
    assert!(!told.contains("source-filter"));
    let answer = setup(&mut scenario, conn, 0, "");
    assert!(
        answer.headers.get("Transport").unwrap().contains("destination=239.1.0.0;port=26000-26001;ttl=3")
    );
    let conn = scenario.connect_from("[2001:db8::1]:40000".parse().unwrap());
    assert_eq!(sdp(&mut scenario, conn, "?vlcmulticast"), sdp(&mut scenario, conn, ""), "no groups of IPv6");
    let (mut always, _) = scenario_of(groups().described(true));
    let conn = always.connect();
    assert!(sdp(&mut always, conn, "").contains("c=IN IP4 239.1.0.0/16\r\n"));
}

#[test]
fn groups_that_are_specific_to_a_source_are_described_with_it() {
    let of = |range: &str| Multicast::new(range.parse().unwrap()).unwrap().described(true);
    let (mut scenario, _) = scenario_of(of("232.1.0.0/16").source([192, 0, 2, 100].into()));
    let conn = scenario.connect();
    let told = sdp(&mut scenario, conn, "");
    assert!(told.contains("a=source-filter: incl IN IP4 232.1.0.0 192.0.2.100\r\n"), "{told}");
    let six = of("ff3e::/32").source("2001:db8::100".parse().unwrap());
    let (mut scenario, _) = scenario_of(six);
    let conn = scenario.connect_from("[2001:db8::1]:40000".parse().unwrap());
    let told = sdp(&mut scenario, conn, "");
    assert!(told.contains("c=IN IP6 ff3e::8000:0\r\n"), "without a time to live: {told}");
    assert!(told.contains("a=source-filter: incl IN IP6 ff3e::8000:0 2001:db8::100\r\n"), "{told}");
    let (mut unknown, _) = scenario_of(of("232.1.0.0/16"));
    let conn = unknown.connect();
    assert_eq!(status(&setup(&mut unknown, conn, 0, "")), 461, "nobody could read it");
}

#[test]
fn a_server_of_groups_only_refuses_readers_that_want_a_stream_for_themselves() {
    let (mut scenario, _) = scenario_of(groups().only(true));
    let conn = scenario.connect();
    assert!(sdp(&mut scenario, conn, "").contains("c=IN IP4 239.1.0.0/16"));
    for offer in ["RTP/AVP;unicast;client_port=5000-5001", "RTP/AVP/TCP;interleaved=0-1"] {
        let setup = format!("SETUP rtsp://h/cam/trackID=0|Transport: {offer}");
        assert_eq!(status(&scenario.request(conn, &setup)), 461);
    }
    assert_eq!(status(&setup(&mut scenario, conn, 0, "")), 200);
    let conn = scenario.connect_from(from(2));
    scenario.post(conn, "ANNOUNCE rtsp://h/up|Content-Type: application/sdp", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let record = "SETUP rtsp://h/up/streamid=0|Transport: RTP/AVP/TCP;interleaved=0-1;mode=record";
    assert_eq!(status(&scenario.request(conn, record)), 200, "publishers are not readers");
}

#[test]
fn the_application_gives_a_stream_the_groups_that_it_wants() {
    let (mut scenario, stream) = scenario();
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let now = scenario.now;
    let mut set = |groups: &[&str]| {
        let groups: Vec<_> = groups.iter().map(|text| at(text)).collect();
        scenario.server.set_groups(now, stream, &groups)
    };
    assert_eq!(set(&["239.9.9.9:5000", "239.9.9.9:5002", "239.9.9.9:5004"]), Err(SetGroupsError::Medias));
    for wrong in ["192.0.2.1:5000", "239.9.9.9:5001", "239.9.9.9:0", "232.1.1.1:5000"] {
        assert_eq!(set(&[wrong]), Err(SetGroupsError::NoGroup(at(wrong))));
    }
    let twice = Err(SetGroupsError::InUse(at("239.9.9.9:5000")));
    assert_eq!(set(&["239.9.9.9:5000", "239.9.9.8:5000"]), twice);
    assert_eq!(set(&["239.9.9.9:5000", "239.9.9.9:5002"]), Ok(()));
    let conn = scenario.connect_from(from(1));
    let answer = setup(&mut scenario, conn, 1, "");
    let transport = answer.headers.get("Transport").unwrap();
    assert!(transport.contains("destination=239.9.9.9;port=5002-5003"), "{transport}");
    let moved = scenario.server.set_groups(now, stream, &[at("239.9.9.9:5000"), at("239.9.9.7:5002")]);
    assert_eq!(moved, Err(SetGroupsError::HasReaders(1)));
    let (second, _) = scenario.server.add_stream(now, "/other", description()).unwrap();
    let taken = scenario.server.set_groups(now, second, &[at("239.9.9.1:5002")]);
    assert_eq!(taken, Err(SetGroupsError::InUse(at("239.9.9.1:5002"))));
    scenario.server.remove_stream(now, second);
    assert_eq!(scenario.server.set_groups(now, second, &[]), Err(SetGroupsError::Stream));
    let (mut off, _, stream) = Scenario::with_stream(ServerConfig::default());
    assert_eq!(off.server.set_groups(now, stream, &[]), Err(SetGroupsError::Off));
    off.drain();
}

#[test]
fn setup_is_answered_once_the_sockets_of_the_group_are_there() {
    let (mut scenario, _) = scenario();
    scenario.late_to_open = Some(Vec::new());
    let conns = [1, 2].map(|host| scenario.connect_from(from(host)));
    for conn in conns {
        scenario.post(conn, &format!("SETUP rtsp://h/cam/trackID=0|{OFFER}"), "");
        assert!(scenario.received(conn).is_none());
    }
    assert_eq!(scenario.late_to_open.as_ref().map(Vec::len), Some(1), "they are the same");
    scenario.open_late();
    for conn in conns {
        assert_eq!(status(&scenario.response(conn)), 200);
    }
    let conn = scenario.connect_from(from(3));
    assert_eq!(status(&setup(&mut scenario, conn, 0, "")), 200, "they are there");
}

#[test]
fn sockets_that_nobody_waits_for_any_more_are_closed() {
    for leaves in [
        |scenario: &mut Scenario, conn, _| scenario.hang_up(conn),
        |scenario: &mut Scenario, _, _| scenario.advance(TICKET_DEADLINE + Duration::from_secs(1)),
        |scenario: &mut Scenario, _, stream| scenario.server.remove_stream(scenario.now, stream),
    ] {
        let (mut scenario, stream) = scenario();
        scenario.late_to_open = Some(Vec::new());
        let conn = scenario.connect();
        scenario.post(conn, &format!("SETUP rtsp://h/cam/trackID=0|{OFFER}"), "");
        leaves(&mut scenario, conn, stream);
        scenario.open_late();
        assert!(scenario.udps.values().all(|media| media.group().is_none()));
    }
}

#[test]
fn ports_that_somebody_has_are_passed_over_and_where_there_is_no_way_to_a_group_nobody_has_one() {
    let (mut scenario, stream) = scenario();
    scenario.refused_ports.extend([26_000, 26_002]);
    let conn = scenario.connect();
    let answer = setup(&mut scenario, conn, 0, "");
    assert!(answer.headers.get("Transport").unwrap().contains("port=26004-26005"), "{answer:?}");
    let groups = [SocketAddr::from(([239, 9, 9, 9], 26_000)), SocketAddr::from(([239, 9, 9, 9], 26_002))];
    assert_eq!(scenario.server.set_groups(scenario.now, stream, &groups), Err(SetGroupsError::HasReaders(0)));
    scenario.server.close_session(scenario.now, sessions(&scenario)[0]);
    assert_eq!(scenario.server.set_groups(scenario.now, stream, &groups), Ok(()));
    let conn = scenario.connect_from(from(2));
    assert_eq!(status(&setup(&mut scenario, conn, 0, "")), 503, "the application has chosen those");

    let (mut scenario, _) = self::scenario();
    scenario.refused_ports.extend(26_000..28_000);
    scenario.refusal = UdpOpenError::Io(std::io::ErrorKind::NetworkUnreachable.into());
    let conn = scenario.connect();
    assert_eq!(status(&setup(&mut scenario, conn, 0, "")), 503);
    assert_eq!(sessions(&scenario), []);
    scenario.refused_ports.clear();
    assert_eq!(status(&setup(&mut scenario, conn, 0, "")), 200, "there is one now");
}

#[test]
fn the_application_is_asked_once_about_a_setup_that_waits_for_sockets() {
    let asks = |config: ServerConfig| config.multicast(Some(groups())).asks(Asks::SETUP);
    let mut scenario = Scenario::with_udp_and(asks);
    scenario.publish("/cam");
    scenario.late_to_open = Some(Vec::new());
    let conn = scenario.connect();
    scenario.post(conn, &format!("SETUP rtsp://h/cam/trackID=0|{OFFER}"), "");
    let asked = scenario.events.pop();
    let Some(Event::Setup(mut question)) = asked else { panic!("{asked:?}") };
    question.ticket.add_header("X-Node", "one").unwrap();
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    assert!(scenario.received(conn).is_none());
    scenario.open_late();
    let answer = scenario.response(conn);
    assert_eq!((status(&answer), answer.headers.get("X-Node")), (200, Some("one")));
}

#[test]
fn what_another_server_says_of_its_groups_is_not_told() {
    let (mut scenario, _) = scenario_of(groups().described(true));
    let mut relayed = description();
    let theirs = || Attribute::new("source-filter", " incl IN IP4 232.3.4.5 203.0.113.9");
    relayed.attributes.push(theirs());
    relayed.medias[0].attributes.extend([theirs(), Attribute::new("rtcp-unicast", "reflection")]);
    let (_, log) = scenario.server.add_stream(scenario.now, "/relay", relayed).unwrap();
    drop(log);
    let conn = scenario.connect();
    let answer = scenario.request(conn, "DESCRIBE rtsp://h/relay");
    let told = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(told.contains("c=IN IP4 239.1.0.0") && !told.contains("232.3.4.5") && !told.contains("unicast"));
}
