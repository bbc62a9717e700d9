//! Media over UDP to an address from which nothing has come.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::scenario::{Scenario, peer, session_of, status, video};
use crate::conn::CloseReason;
use crate::limits::{PROOF_LASTS, UNPROVEN_PERIOD};
use crate::server::Event;
use crate::udp::Port;
use crate::{ConnId, StreamId};

const PUNCH: &[u8] = &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const EMPTY_REPORT: &[u8] = &[0x80, 0xc9, 0, 1, 0, 0, 0, 0];
/// Packets that are more than twice the bound.
const MANY: u16 = 300;

/// Bytes that an address which was not heard from is sent here.
const UNPROVEN_BYTES_MAX: usize = 1 << 20;

/// A reader of `/cam` over UDP that has set up ports from `port` on, and has not played.
fn set_up(scenario: &mut Scenario, port: u16) -> (ConnId, String) {
    let conn = scenario.connect();
    let offer = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}"));
    (conn, session_of(&setup))
}

fn play(scenario: &mut Scenario, conn: ConnId, session: &str) {
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
}

fn reader() -> (Scenario, ConnId, StreamId, String) {
    let mut scenario = Scenario::with_udp_and(|config| config.unproven_bytes_max(UNPROVEN_BYTES_MAX));
    let stream = scenario.publish("/cam");
    let (conn, session) = set_up(&mut scenario, 5000);
    (scenario, conn, stream, session)
}

/// Publishes packets that begin with a slice, from a sequence number on.
fn publish(scenario: &mut Scenario, stream: StreamId, from: u16) {
    let slice = [[0x41].as_slice(), &[1; 8000]].concat();
    (from..from + MANY).for_each(|sequence| scenario.push(stream, 0, video(sequence, &slice)));
}

/// The same, and every packet begins a picture that can be shown.
fn publish_pictures(scenario: &mut Scenario, stream: StreamId, from: u16) {
    let picture = [[0x65].as_slice(), &[1; 8000]].concat();
    (from..from + MANY).for_each(|sequence| scenario.push(stream, 0, video(sequence, &picture)));
}

/// Bytes of what was sent to each of two ports, reports and all.
fn sent(scenario: &Scenario, port: u16) -> usize {
    let own = scenario.datagrams.sent.iter().filter(|(_, to, _)| [port, port + 1].contains(&to.port()));
    own.map(|(.., datagram)| datagram.len()).sum()
}

fn packets(scenario: &Scenario, port: u16) -> Vec<u16> {
    let own = scenario.datagrams.sent.iter().filter(|(_, to, _)| to.port() == port);
    own.map(|(.., datagram)| u16::from_be_bytes([datagram[2], datagram[3]])).collect()
}

#[test]
fn an_address_that_is_silent_is_sent_no_more_than_the_bound() {
    let (mut scenario, conn, stream, session) = reader();
    play(&mut scenario, conn, &session);
    let (other, session) = set_up(&mut scenario, 6000);
    scenario.datagram(Port::Rtcp, peer(6001), Bytes::from_static(EMPTY_REPORT));
    play(&mut scenario, other, &session);
    for round in 0..5 {
        publish(&mut scenario, stream, round * MANY);
        scenario.advance(Duration::from_secs(7));
    }
    assert!((UNPROVEN_BYTES_MAX - 9000..=UNPROVEN_BYTES_MAX).contains(&sent(&scenario, 5000)));
    assert_eq!(packets(&scenario, 6000).len(), usize::from(5 * MANY), "the other reader has it all");
    let missed = scenario.events.iter().filter_map(|event| match event {
        Event::ReaderLagged { dropped, .. } => Some(*dropped),
        _ => None,
    });
    assert_eq!(missed.sum::<u64>(), u64::from(5 * MANY) - packets(&scenario, 5000).len() as u64);
    scenario.advance(Duration::from_secs(60));
    let reason = |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::Idle, .. });
    assert!(scenario.events.iter().any(reason), "and then its session is closed");
}

#[test]
fn a_stream_that_ends_is_not_told_beyond_the_bound() {
    let (mut scenario, conn, stream, session) = reader();
    play(&mut scenario, conn, &session);
    publish(&mut scenario, stream, 0);
    let before = sent(&scenario, 5000);
    scenario.server.remove_stream(scenario.now, stream);
    scenario.advance(Duration::from_secs(2));
    assert!(scenario.is_closed(conn));
    assert_eq!(sent(&scenario, 5000), before);
}

#[test]
fn whoever_shows_that_it_is_there_gets_everything() {
    type Show = fn(&mut Scenario, ConnId, &str);
    let ways: [(&str, bool, Show); 4] = [
        ("a punched hole before PLAY", true, |scenario, _, _| {
            scenario.datagram(Port::Rtp, peer(5000), Bytes::from_static(PUNCH));
        }),
        ("a report before PLAY", true, |scenario, _, _| {
            scenario.datagram(Port::Rtcp, peer(5001), Bytes::from_static(EMPTY_REPORT));
        }),
        ("a punched hole", false, |scenario, _, _| {
            scenario.datagram(Port::Rtp, peer(5000), Bytes::from_static(PUNCH));
        }),
        ("a report", false, |scenario, _, _| {
            scenario.datagram(Port::Rtcp, peer(5001), Bytes::from_static(EMPTY_REPORT));
        }),
    ];
    for (way, before_play, show) in ways {
        let (mut scenario, conn, stream, session) = reader();
        if before_play {
            show(&mut scenario, conn, &session);
        }
        play(&mut scenario, conn, &session);
        if !before_play {
            show(&mut scenario, conn, &session);
        }
        publish(&mut scenario, stream, 0);
        assert_eq!(packets(&scenario, 5000).len(), usize::from(MANY), "{way}");
    }
}

#[test]
fn what_comes_from_elsewhere_and_what_is_asked_before_play_shows_nothing() {
    let (mut scenario, conn, stream, session) = reader();
    scenario.request(conn, &format!("GET_PARAMETER rtsp://h/cam|Session: {session}"));
    play(&mut scenario, conn, &session);
    for (port, from) in [
        (Port::Rtp, peer(5001)),
        (Port::Rtcp, peer(5000)),
        (Port::Rtcp, peer(5003)),
        (Port::Rtcp, ([198, 51, 100, 9], 5001).into()),
    ] {
        scenario.datagram(port, from, Bytes::from_static(EMPTY_REPORT));
    }
    scenario.request(conn, "OPTIONS *");
    publish(&mut scenario, stream, 0);
    assert!(sent(&scenario, 5000) <= UNPROVEN_BYTES_MAX);
}

#[test]
fn a_reader_that_shows_itself_late_goes_on_at_the_next_keyframe() {
    let (mut scenario, conn, stream, session) = reader();
    play(&mut scenario, conn, &session);
    publish(&mut scenario, stream, 0);
    let before = packets(&scenario, 5000).len();
    scenario.datagram(Port::Rtcp, peer(5001), Bytes::from_static(EMPTY_REPORT));
    for (sequence, header) in [(300, 0x41), (301, 0x65), (302, 0x41)] {
        scenario.push(stream, 0, video(sequence, &[header, 1]));
    }
    assert_eq!(packets(&scenario, 5000)[before..], [301, 302]);
}

#[test]
fn who_has_shown_itself_need_not_do_so_after_a_short_pause() {
    let (mut scenario, conn, stream, session) = reader();
    scenario.datagram(Port::Rtp, peer(5000), Bytes::from_static(PUNCH));
    for from in [0, MANY] {
        play(&mut scenario, conn, &session);
        publish(&mut scenario, stream, from);
        scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {session}"));
    }
    let newest_again = 1;
    assert_eq!(packets(&scenario, 5000).len(), usize::from(2 * MANY + newest_again));
}

#[test]
fn an_address_is_not_known_any_more_when_its_session_is_over() {
    let (mut scenario, conn, stream, session) = reader();
    scenario.datagram(Port::Rtp, peer(5000), Bytes::from_static(PUNCH));
    assert_eq!(status(&scenario.request(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))), 200);
    scenario.datagram(Port::Rtp, peer(5000), Bytes::from_static(PUNCH));
    let (conn, session) = set_up(&mut scenario, 5000);
    play(&mut scenario, conn, &session);
    publish(&mut scenario, stream, 0);
    assert!(sent(&scenario, 5000) <= UNPROVEN_BYTES_MAX);
}

fn keepalive(scenario: &mut Scenario, conn: ConnId, session: &str) {
    let request = format!("GET_PARAMETER rtsp://h/cam|Session: {session}");
    assert_eq!(status(&scenario.request(conn, &request)), 200);
}

/// Lets time pass, and has a session ask in the middle and at the end of it.
fn wait(scenario: &mut Scenario, conn: ConnId, session: &str, time: Duration) {
    for _ in 0..2 {
        scenario.advance(time / 2);
        keepalive(scenario, conn, session);
    }
}

fn is_about(sent: usize, bound: usize) -> bool {
    (bound - bound / 50..=bound).contains(&sent)
}

#[test]
fn a_request_grants_what_time_has_earned_and_no_more() {
    let (mut scenario, conn, stream, session) = reader();
    play(&mut scenario, conn, &session);
    publish(&mut scenario, stream, 0);
    assert!(is_about(sent(&scenario, 5000), UNPROVEN_BYTES_MAX));
    (0..100).for_each(|_| keepalive(&mut scenario, conn, &session));
    publish(&mut scenario, stream, MANY);
    assert!(is_about(sent(&scenario, 5000), UNPROVEN_BYTES_MAX), "a flood of requests grants nothing");
    wait(&mut scenario, conn, &session, UNPROVEN_PERIOD / 2);
    publish_pictures(&mut scenario, stream, 2 * MANY);
    assert!(is_about(sent(&scenario, 5000), UNPROVEN_BYTES_MAX * 3 / 2), "{}", sent(&scenario, 5000));
    (0..20).for_each(|_| wait(&mut scenario, conn, &session, UNPROVEN_PERIOD));
    publish_pictures(&mut scenario, stream, 3 * MANY);
    assert!(is_about(sent(&scenario, 5000), UNPROVEN_BYTES_MAX * 5 / 2), "{}", sent(&scenario, 5000));
}

#[test]
fn a_request_over_another_connection_grants_as_much() {
    let (mut scenario, conn, stream, session) = reader();
    play(&mut scenario, conn, &session);
    publish(&mut scenario, stream, 0);
    let other = scenario.connect_from(peer(41_000));
    wait(&mut scenario, other, &session, UNPROVEN_PERIOD);
    publish_pictures(&mut scenario, stream, MANY);
    assert!(is_about(sent(&scenario, 5000), 2 * UNPROVEN_BYTES_MAX));
}

#[test]
fn who_pauses_and_plays_again_is_granted_no_more() {
    let (mut scenario, conn, stream, session) = reader();
    for round in 0..20 {
        play(&mut scenario, conn, &session);
        publish_pictures(&mut scenario, stream, round * MANY);
        scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {session}"));
    }
    assert!(is_about(sent(&scenario, 5000), UNPROVEN_BYTES_MAX));
}

#[test]
fn what_was_granted_and_not_sent_is_still_there_after_a_pause() {
    let (mut scenario, conn, stream, session) = reader();
    play(&mut scenario, conn, &session);
    scenario.push(stream, 0, video(0, &[0x65, 1]));
    scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {session}"));
    play(&mut scenario, conn, &session);
    publish_pictures(&mut scenario, stream, 1);
    assert!(is_about(sent(&scenario, 5000), UNPROVEN_BYTES_MAX));
}

#[test]
fn a_datagram_shows_for_a_while_that_a_reader_is_there_when_it_plays() {
    for (pause, is_still_known) in [(PROOF_LASTS - Duration::from_secs(1), true), (PROOF_LASTS, false)] {
        let (mut scenario, conn, stream, session) = reader();
        scenario.datagram(Port::Rtp, peer(5000), Bytes::from_static(PUNCH));
        play(&mut scenario, conn, &session);
        scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {session}"));
        (0..4).for_each(|_| wait(&mut scenario, conn, &session, pause / 4));
        play(&mut scenario, conn, &session);
        publish(&mut scenario, stream, 0);
        assert_eq!(sent(&scenario, 5000) > UNPROVEN_BYTES_MAX, is_still_known, "{pause:?}");
    }
}

#[test]
fn all_sessions_of_an_address_share_what_it_is_granted_and_each_has_a_part() {
    let (mut scenario, conn, stream, session) = reader();
    play(&mut scenario, conn, &session);
    let ports = [6000, 7000, 8000, 9000];
    for port in ports {
        let (conn, session) = set_up(&mut scenario, port);
        play(&mut scenario, conn, &session);
    }
    publish(&mut scenario, stream, 0);
    let parts: Vec<usize> = ports.iter().map(|port| sent(&scenario, *port)).collect();
    assert!(is_about(sent(&scenario, 5000), UNPROVEN_BYTES_MAX));
    assert!(parts.iter().all(|part| *part > 0), "{parts:?}");
    assert!(parts.iter().sum::<usize>() <= UNPROVEN_BYTES_MAX, "{parts:?}");
    // A session that shows that it wants its packets is not a neighbour's burden.
    scenario.datagram(Port::Rtp, peer(5000), Bytes::from_static(PUNCH));
    let (conn, session) = set_up(&mut scenario, 10_000);
    play(&mut scenario, conn, &session);
    publish(&mut scenario, stream, MANY);
    assert!(sent(&scenario, 10_000) > UNPROVEN_BYTES_MAX / 4);
}

#[test]
fn what_addresses_were_granted_is_forgotten_once_time_has_earned_it() {
    let mut scenario = Scenario::with_udp_and(|config| config.unproven_bytes_max(UNPROVEN_BYTES_MAX));
    scenario.publish("/cam");
    for number in 0..1000_u32 {
        let conn = scenario.connect_from(SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + number), 40_000)));
        let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001";
        scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}"));
        scenario.request(conn, "PLAY rtsp://h/cam");
        scenario.request(conn, "TEARDOWN rtsp://h/cam");
        scenario.hang_up(conn);
        scenario.advance(Duration::from_secs(1));
    }
    assert!(scenario.server.unproven.len() <= 128, "{}", scenario.server.unproven.len());
}
