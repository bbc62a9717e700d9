//! A publisher goes without a word, and its stream waits for it.

use super::*;
use crate::limits::TICKET_DEADLINE;
use crate::rtp::RtpHeader;

const GRACE: Duration = Duration::from_secs(20);

/// A server whose streams wait, its publisher, and readers over TCP and UDP.
fn waiting(ports: Option<u16>) -> (Scenario, [ConnId; 3], StreamId) {
    let mut scenario = Scenario::with_udp_and(|config| config.resume(GRACE));
    let (publisher, stream) = publisher(&mut scenario, ports);
    let over_tcp = reader(&mut scenario);
    let over_udp = scenario.connect_from(peer(45_001));
    let offer = "Transport: RTP/AVP;unicast;client_port=7000-7001";
    let setup = scenario.request(over_udp, &format!("SETUP rtsp://h/live/trackID=0|{offer}"));
    let play = format!("PLAY rtsp://h/live|Session: {}", session_of(&setup));
    assert_eq!(status(&scenario.request(over_udp, &play)), 200);
    (scenario, [publisher, over_tcp, over_udp], stream)
}

fn datagrams(scenario: &mut Scenario) -> Vec<u16> {
    let sent = std::mem::take(&mut scenario.datagrams.sent);
    let packets = sent.into_iter().filter(|(port, to, _)| *port == Port::Rtp && to.port() == 7000);
    packets.map(|(_, _, data)| u16::from_be_bytes([data[2], data[3]])).collect()
}

fn unpublished(scenario: &mut Scenario) -> Vec<CloseReason> {
    scenario.drain();
    let told = |event: &Event| match event {
        Event::Unpublished { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    scenario.events.iter().filter_map(told).collect()
}

#[test]
fn a_publisher_that_comes_back_within_the_grace_goes_on_and_readers_notice_nothing() {
    let (mut scenario, [publisher, over_tcp, over_udp], stream) = waiting(None);
    give(&mut scenario, publisher, &video(1, &[0x65, 1]));
    assert_eq!((read(&mut scenario, over_tcp), datagrams(&mut scenario)), (vec![1], vec![1]));
    scenario.hang_up(publisher);
    scenario.drain();
    let gone = |event: &Event| matches!(event, Event::PublisherGone { stream: own, .. } if *own == stream);
    assert_eq!(scenario.events.iter().filter(|event| gone(event)).count(), 1);
    let info = scenario.server.stream(stream).unwrap();
    assert_eq!((info.publisher, info.readers.len()), (None, 2));
    scenario.advance(GRACE - Duration::from_nanos(1));
    let late = scenario.connect_from(peer(45_002));
    assert_eq!(status(&scenario.request(late, "DESCRIBE rtsp://h/live")), 200);
    assert_eq!(read(&mut scenario, over_tcp), Vec::<u16>::new());
    let stranger = scenario.connect_from("198.51.100.7:40000".parse().unwrap());
    assert_eq!(announce(&mut scenario, stranger, SAME), 403, "it is kept for its publisher");
    let conn = scenario.connect_from(peer(40_001));
    assert_eq!(announce(&mut scenario, conn, SAME), 200);
    let second = scenario.connect_from(peer(40_002));
    assert_eq!(announce(&mut scenario, second, SAME), 403, "it has come back");
    record(&mut scenario, conn, SECOND, None);
    assert_eq!(taken_over(&scenario).len(), 1);
    give(&mut scenario, conn, &video(2, &[0x65, 2]));
    give(&mut scenario, conn, &video(3, &[0x65, 2]));
    assert_eq!((read(&mut scenario, over_tcp), datagrams(&mut scenario)), (vec![2, 3], vec![2, 3]));
    // The grace that has begun is over, and begins anew when the publisher goes again.
    scenario.advance(GRACE);
    assert_eq!(unpublished(&mut scenario), []);
    scenario.hang_up(conn);
    scenario.advance(GRACE - Duration::from_nanos(1));
    assert!(!scenario.is_closed(over_udp));
    assert_eq!(unpublished(&mut scenario), []);
    scenario.advance(Duration::from_secs(2));
    assert_eq!(unpublished(&mut scenario), [CloseReason::ConnectionLost]);
}

#[test]
fn what_a_publisher_repeats_when_it_comes_back_is_left_out() {
    for ports in [None, Some(6000)] {
        let (mut scenario, [publisher, over_tcp, over_udp], _) = waiting(None);
        for sequence in 65_530..=65_535 {
            give(&mut scenario, publisher, &video(sequence, &[0x65, 1]));
        }
        assert_eq!(read(&mut scenario, over_tcp).len(), 6);
        datagrams(&mut scenario);
        scenario.hang_up(publisher);
        let conn = scenario.connect_from(peer(40_001));
        assert_eq!(announce(&mut scenario, conn, SAME), 200);
        record(&mut scenario, conn, SECOND, ports);
        for sequence in [65_533, 65_534, 65_535, 0, 1] {
            let packet = video(sequence, &[0x65, 1]);
            match ports {
                None => give(&mut scenario, conn, &packet),
                Some(first) => scenario.datagram(Port::Rtp, peer(first), packet.into_bytes()),
            }
        }
        scenario.drain();
        assert_eq!((read(&mut scenario, over_tcp), datagrams(&mut scenario)), (vec![0, 1], vec![0, 1]));
        let lost = scenario.events.iter().any(|event| matches!(event, Event::PacketsLost { .. }));
        assert!(!lost && scenario.server.connection(over_udp).is_some(), "{ports:?}");
    }
}

#[test]
fn a_publisher_that_comes_back_and_begins_anew_with_the_same_ssrc_is_taken_from_its_first_packet() {
    let anew = |sequence, timestamp| {
        let ssrc = video(0, &[]).ssrc();
        let header = RtpHeader { payload_type: 96, sequence, timestamp, ssrc, marker: true };
        RtpPacket::build(header, &[0x65, 1])
    };
    // Another sequence, and other timestamps.
    for (sequence, timestamp) in [(7_000, 0), (60, 0x4000_0000)] {
        let (mut scenario, [publisher, over_tcp, _], _) = waiting(None);
        for sequence in 50..100 {
            give(&mut scenario, publisher, &anew(sequence, 0));
        }
        assert_eq!(read(&mut scenario, over_tcp).len(), 50);
        scenario.hang_up(publisher);
        let conn = scenario.connect_from(peer(40_001));
        assert_eq!(announce(&mut scenario, conn, SAME), 200);
        record(&mut scenario, conn, SECOND, None);
        for packet in [anew(sequence, timestamp), anew(sequence + 1, timestamp)] {
            give(&mut scenario, conn, &packet);
        }
        assert_eq!(read(&mut scenario, over_tcp), [100, 101], "readers see that it goes on");
    }
}

#[test]
fn a_stream_whose_publisher_does_not_come_back_ends_as_it_would_have() {
    let (mut scenario, [publisher, over_tcp, _], stream) = waiting(None);
    give(&mut scenario, publisher, &video(1, &[0x65, 1]));
    assert_eq!(read(&mut scenario, over_tcp), [1]);
    scenario.hang_up(publisher);
    scenario.advance(GRACE + TICKET_DEADLINE);
    assert_eq!(unpublished(&mut scenario), [CloseReason::ConnectionLost]);
    assert_eq!(scenario.server.stream_at("/live"), None);
    assert!(scenario.is_closed(over_tcp));
    assert!(!scenario.logs.0.borrow().contains_key(&stream));
    let conn = scenario.connect_from(peer(40_001));
    assert_eq!(announce(&mut scenario, conn, SAME), 200);
}

#[test]
fn a_publisher_over_udp_that_falls_silent_is_waited_for_as_well() {
    let (mut scenario, _, stream) = waiting(Some(6000));
    while !ends(&scenario).contains(&CloseReason::Idle) {
        scenario.advance(Duration::from_secs(1));
        assert!(scenario.server.stream(stream).is_some());
    }
    assert_eq!(unpublished(&mut scenario), []);
    let conn = scenario.connect_from(peer(40_001));
    assert_eq!(announce(&mut scenario, conn, SAME), 200);
    assert_eq!(scenario.server.stream_at("/live"), Some(stream));
    record(&mut scenario, conn, SECOND, Some(6100));
    assert_eq!(taken_over(&scenario).len(), 1);
}

#[test]
fn a_publisher_that_says_goodbye_is_not_waited_for() {
    let mut scenario = Scenario::new(ServerConfig::default().resume(GRACE));
    let conn = scenario.connect();
    assert_eq!(announce(&mut scenario, conn, SDP), 200);
    let session = record(&mut scenario, conn, FIRST, None);
    assert_eq!(status(&scenario.request(conn, &format!("TEARDOWN rtsp://h/live|{session}"))), 200);
    assert_eq!(unpublished(&mut scenario), [CloseReason::Teardown]);
}

#[test]
fn a_stream_that_waits_ends_when_its_publisher_announces_other_medias_or_it_is_removed() {
    let (mut scenario, [publisher, ..], stream) = waiting(None);
    scenario.hang_up(publisher);
    let conn = scenario.connect_from(peer(40_001));
    assert_eq!(announce(&mut scenario, conn, OTHER), 200);
    assert_eq!(unpublished(&mut scenario), [CloseReason::TakenOver]);
    record(&mut scenario, conn, SECOND, None);
    let other = scenario.server.stream_at("/live").unwrap();
    assert_ne!(other, stream);
    scenario.hang_up(conn);
    assert_eq!(scenario.server.stream_at("/live"), Some(other));
    scenario.server.remove_stream(scenario.now, other);
    scenario.drain();
    assert_eq!(scenario.server.stream_at("/live"), None);
}
