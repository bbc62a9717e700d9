//! Where media goes to: never where a peer points.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bytes::Bytes;
use rtspan_core::limits::{EARLY_BYTES_MAX, TRANSPORTS_MAX, UNPROVEN_PERIOD, UNPROVEN_SESSIONS};
use rtspan_core::server::ServerConfig;
use rtspan_core::udp::Port;

use super::memory::held;
use super::world::{UDP, World, attacker, session_of};

#[test]
fn no_transport_has_media_sent_to_anybody_else() {
    for destination in [
        "192.0.2.99",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[fe80::1%25eth0]",
        "victim.example",
        "192.0.2.99:53",
        "",
    ] {
        let mut world = World::new();
        let conn = world.attack();
        for extra in [
            format!("destination={destination}"),
            format!("destination={destination};source=192.0.2.99"),
            format!("destination=\"{destination}\";client_addr={destination};ttl=255"),
        ] {
            let text = format!("SETUP rtsp://h/cam/trackID=0|{UDP};{extra}");
            let response = world.ask(conn, &text);
            let status = response.status.as_u16();
            assert!(matches!(status, 200 | 400 | 461), "{extra}: {status}");
            if status != 200 {
                continue;
            }
            let granted = response.headers.get("Transport").unwrap_or_default();
            assert!(!granted.contains("destination"), "{granted}");
            let session = session_of(&response);
            assert_eq!(world.status(conn, &format!("PLAY rtsp://h/cam|Session: {session}")), 200);
            world.publish(&[0x65, 1]);
            world.wait(6);
            let to: BTreeSet<IpAddr> = world.rig.datagrams.drain(..).map(|(_, to, _)| to.ip()).collect();
            assert_eq!(to, [attacker(0).ip()].into(), "{extra}");
            assert_eq!(world.status(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}")), 200);
        }
        world.nobody_else_notices();
    }
}

#[test]
fn transports_that_make_no_sense_are_refused_and_set_nothing_up() {
    let many = vec!["RTP/AVP/FOO;unicast"; 3000].join(",");
    let beyond = format!("{}RTP/AVP/TCP;interleaved=0-1", "RTP/AVP/FOO,".repeat(TRANSPORTS_MAX));
    let mut world = World::new();
    let conn = world.attack();
    for (transport, expected) in [
        ("", 400),
        (";", 400),
        ("RTP/AVP;unicast", 461),
        ("RTP/AVP;unicast;client_port=0-0", 461),
        ("RTP/AVP;unicast;client_port=0-1", 461),
        ("RTP/AVP;unicast;client_port=65535-65536", 400),
        ("RTP/AVP;unicast;client_port=99999", 400),
        ("RTP/AVP;unicast;client_port=-1", 400),
        ("RTP/AVP;unicast;client_port=5000-5000", 461),
        ("RTP/AVP/TCP;interleaved=255-256", 400),
        ("RTP/AVP/TCP;interleaved=99999999999999999999-1", 400),
        ("RTP/AVP/TCP;interleaved=-1-0", 400),
        ("RTP/AVP;multicast;ttl=-1", 400),
        ("RTP/AVP;multicast;port=5000-5001", 461),
        ("RTP/SAVP;unicast;client_port=5000-5001", 461),
        ("RTP/AVP;unicast;client_port=5000-5001;mode=record", 461),
        ("RAW/RAW/UDP;unicast;client_port=5000-5001", 461),
        ("RTP/AVP/TCP;interleaved=0-1;x=\"", 400),
        (&many, 461),
        (&beyond, 461),
    ] {
        let status = world.status(conn, &format!("SETUP rtsp://h/cam/trackID=0|Transport: {transport}"));
        assert_eq!(status, expected, "{transport:.60}");
    }
    assert_eq!(world.status(conn, "PLAY rtsp://h/cam"), 454, "no session came of it");
    for (transport, granted) in [
        ("RTP/AVP/TCP;interleaved=0-0", "RTP/AVP/TCP;unicast;interleaved=0-1"),
        (
            "RTP/AVP/TCP;interleaved=255-254;ssrc=99999999999999999999",
            "RTP/AVP/TCP;unicast;interleaved=255-254",
        ),
        ("RTP/AVP/TCP;layers=99999999999;ttl=1", "RTP/AVP/TCP;unicast;interleaved=0-1"),
    ] {
        let response = world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|Transport: {transport}"));
        assert_eq!(response.headers.get("Transport"), Some(granted), "{transport}");
        let session = session_of(&response);
        world.ask(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"));
    }
    world.nobody_else_notices();
}

#[test]
fn ranges_that_make_no_sense_are_refused_and_speeds_are_not_obeyed() {
    let mut world = World::new();
    let conn = world.attack();
    let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{UDP}")));
    let play = format!("PLAY rtsp://h/cam|Session: {session}");
    for (header, status) in [
        ("Range: npt=1e308-", 457),
        ("Range: npt=nan-", 457),
        ("Range: npt=99999999999999999999-0", 457),
        ("Range: npt=-", 457),
        ("Range: npt=5-3", 457),
        ("Range: clock=99999999T999999Z-", 457),
        ("Range: smpte=99:99:99:99-", 457),
        ("Range: x=y", 501),
    ] {
        assert_eq!(world.status(conn, &format!("{play}|{header}")), status, "{header}");
    }
    for header in ["Scale: NaN|Speed: inf", "Scale: 0", "Scale: -1e400"] {
        assert_eq!(world.status(conn, &format!("{play}|{header}")), 200, "{header}");
        assert_eq!(world.status(conn, &format!("PAUSE rtsp://h/cam|Session: {session}")), 200);
    }
    world.nobody_else_notices();
}

/// A reader over UDP.
fn reader(world: &mut World) -> (rtspan_core::ConnId, String) {
    let conn = world.attack();
    let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{UDP}")));
    assert_eq!(world.status(conn, &format!("PLAY rtsp://h/cam|Session: {session}")), 200);
    (conn, session)
}

fn sent_to(world: &World, port: u16) -> usize {
    let own = world.rig.datagrams.iter().filter(|(_, to, _)| [port, port + 1].contains(&to.port()));
    own.map(|(.., data)| data.len()).sum()
}

/// A bound that a second of what is published here comes nowhere near.
const BOUND: usize = 1 << 20;

#[test]
fn whoever_plays_to_a_port_asks_once_more_and_hangs_up_has_little_sent_there() {
    let mut world = World::with(ServerConfig::default().unproven_bytes_max(BOUND));
    let (conn, session) = reader(&mut world);
    assert_eq!(world.status(conn, &format!("OPTIONS *|Session: {session}")), 200);
    world.rig.hang_up(conn);
    for _ in 0..100 {
        (0..100).for_each(|_| drop(world.publish(&[0x41; 1000])));
        world.wait(1);
    }
    assert!((BOUND - 2000..=BOUND).contains(&sent_to(&world, 5000)));
    assert!(!world.rig.has_udp_readers(), "and the session is over");
    world.nobody_else_notices();
}

#[test]
fn whoever_keeps_asking_has_no_more_sent_to_a_neighbours_ports_than_time_earns() {
    const SECONDS: usize = 300;
    let mut world = World::with(ServerConfig::default().unproven_bytes_max(BOUND));
    let mut sessions = Vec::new();
    for port in (5000..5100).step_by(10) {
        let conn = world.attack();
        let offer = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
        let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}")));
        assert_eq!(world.status(conn, &format!("PLAY rtsp://h/cam|Session: {session}")), 200);
        sessions.push((conn, session));
    }
    for second in 0..SECONDS {
        for (conn, session) in &sessions {
            let text = ["OPTIONS *", "PAUSE rtsp://h/cam", "PLAY rtsp://h/cam"][second % 3];
            assert_eq!(world.status(*conn, &format!("{text}|Session: {session}")), 200);
        }
        (0..200).for_each(|_| drop(world.publish(&[0x65; 1000])));
        world.wait(1);
    }
    let sent: usize = world.rig.datagrams.iter().map(|(.., data)| data.len()).sum();
    let earned = BOUND * UNPROVEN_SESSIONS * (1 + SECONDS / UNPROVEN_PERIOD.as_secs() as usize);
    assert!(sent <= earned && sent > BOUND, "{sent} of {earned}");
    world.nobody_else_notices();
}

const EMPTY_REPORT: &[u8] = &[0x80, 0xc9, 0, 1, 0, 0, 0, 0];
/// BYE of the reader, and of the stream's own source.
const GOODBYE: &[u8] = &[0x82, 203, 0, 2, 0, 0, 0, 0, 0, 0, 0x0a, 0xbc];

#[test]
fn a_goodbye_ends_no_session_whoever_sends_it() {
    let mut world = World::new();
    let (conn, _) = reader(&mut world);
    let address = attacker(5001);
    for from in [address, attacker(5000), ([192, 0, 2, 1], 5001).into()] {
        world.rig.datagram(Port::Rtcp, from, Bytes::from_static(GOODBYE));
        world.rig.datagram(Port::Rtp, from, Bytes::from_static(GOODBYE));
    }
    world.rig.send(conn, &[&[b'$', 1, 0, 12], GOODBYE].concat());
    world.rig.datagrams.clear();
    world.publish(&[0x65, 1]);
    assert!(sent_to(&world, 5000) > 0);
    world.nobody_else_notices();
}

#[test]
fn a_flood_of_reports_is_told_of_once_a_second_and_hardly_held() {
    let mut world = World::new();
    let (conn, _) = reader(&mut world);
    let reports = || Bytes::from(EMPTY_REPORT.repeat(180));
    world.rig.datagram(Port::Rtcp, attacker(5001), reports());
    let flood = held(|| {
        for number in 0..10_000_u16 {
            world.rig.datagram(Port::Rtcp, attacker(5001), reports());
            // From anybody else, a few are kept for a moment.
            world.rig.datagram(Port::Rtcp, attacker(number), reports());
            world.rig.datagram(Port::Rtp, ([192, 0, 2, 1], number).into(), reports());
        }
    });
    assert!(flood.peak < EARLY_BYTES_MAX as isize + 20_000, "{flood:?}");
    let frame = [&[b'$', 1, 0, 8], EMPTY_REPORT].concat().repeat(5000);
    assert!(world.send(conn, &frame).is_empty());
    assert_eq!(world.status(conn, "OPTIONS *"), 200);
    world.nobody_else_notices();
}
