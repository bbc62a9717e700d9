//! Sessions: stolen, guessed, hoarded, churned.

use rtspan_core::limits::{SESSION_TIMEOUT, SESSIONS_PER_CONN_MAX};
use rtspan_core::server::ServerConfig;

use super::memory::held;
use super::world::{SDP, TCP, UDP, World, attacker, request, session_of};

const METHODS: [&str; 9] =
    ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "RECORD", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN"];

#[test]
fn nobody_can_do_anything_with_the_session_of_another() {
    for (transport, same_address) in [(TCP, false), (TCP, true), (UDP, false)] {
        let mut world = World::new();
        let victim = world.rig.connect(([198, 51, 100, 1], 40_000).into()).unwrap();
        let session = session_of(&world.ask(victim, &format!("SETUP rtsp://h/cam/trackID=0|{transport}")));
        assert_eq!(world.status(victim, &format!("PLAY rtsp://h/cam|Session: {session}")), 200);
        let from = if same_address { ([198, 51, 100, 1], 50_000).into() } else { attacker(50_000) };
        let thief = world.rig.connect(from).unwrap();
        for method in METHODS {
            let status =
                world.status(thief, &format!("{method} rtsp://h/cam/trackID=0|Session: {session}|{TCP}"));
            assert_eq!(status, 454, "{method} over {transport}");
        }
        world.rig.hang_up(thief);
        world.rig.datagrams.clear();
        let published = world.publish(&[0x65, 9]);
        let over_tcp = world.frames(victim, 0).iter().any(|frame| *frame == *published.as_bytes());
        let over_udp = world.rig.datagrams.iter().any(|(_, _, data)| data == published.as_bytes());
        assert!(if transport == TCP { over_tcp } else { over_udp }, "the victim is still served");
        assert_eq!(world.status(victim, &format!("TEARDOWN rtsp://h/cam|Session: {session}")), 200);
        world.nobody_else_notices();
    }
}

#[test]
fn a_client_cannot_choose_the_id_of_its_session() {
    let mut world = World::new();
    let (one, other) = (world.attack(), world.attack());
    for id in ["12345678", "00000000000000000000000000000000", "a;timeout=999999", &"s".repeat(4000)] {
        assert_eq!(world.status(one, &format!("SETUP rtsp://h/cam/trackID=0|Session: {id}|{TCP}")), 454);
        assert_eq!(world.status(other, &format!("PLAY rtsp://h/cam|Session: {id}")), 454);
    }
}

#[test]
fn ids_of_sessions_cannot_be_guessed_from_one_another() {
    let mut world = World::new();
    let conn = world.attack();
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}")));
        world.ask(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"));
        assert!(session.len() == 32 && ids.insert(session));
    }
    // Each of the 128 bits is set about half the time.
    for bit in 0..128 {
        let set = ids.iter().filter(|id| u128::from_str_radix(id, 16).unwrap() >> bit & 1 == 1).count();
        assert!((150..350).contains(&set), "bit {bit} is set {set} times");
    }
}

#[test]
fn sessions_that_are_set_up_and_not_used_are_capped_and_end() {
    let mut world = World::with(ServerConfig::default().sessions_max(20).address_share(1));
    let mut conns = Vec::new();
    let (mut granted, mut refused) = (0, 0);
    for number in 0..10 {
        let conn = world.attack();
        conns.push(conn);
        for session in 0..SESSIONS_PER_CONN_MAX + 2 {
            let port = 6000 + 100 * number + 2 * session;
            let path = format!("/hoard{number}-{session}");
            // Without a name, a session is meant that exists.
            let text = format!("ANNOUNCE rtsp://h{path}|Content-Type: application/sdp|X-Port: {port}");
            match world.ask_with(conn, &text, SDP).status.as_u16() {
                200 => granted += 1,
                503 => refused += 1,
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!((granted, refused), (19, 81), "the bystander has one");
    world.nobody_else_notices();
    for _ in 0..6 {
        // Other requests keep the connections, not the sessions.
        world.wait(SESSION_TIMEOUT.as_secs() / 5);
        conns.iter().for_each(|conn| world.rig.send(*conn, &request("OPTIONS *", "")));
    }
    assert_eq!(world.rig.logs.len(), 1);
    let conn = world.attack();
    let retry = world.ask_with(conn, "ANNOUNCE rtsp://h/hoard0-0|Content-Type: application/sdp", SDP);
    assert_eq!(retry.status.as_u16(), 200, "the paths are free again");
}

#[test]
fn no_two_sessions_are_sent_media_at_the_same_ports() {
    let mut world = World::new();
    let (one, other) = (world.attack(), world.attack());
    assert_eq!(world.status(one, &format!("SETUP rtsp://h/cam/trackID=0|{UDP}")), 200);
    for ports in ["5000-5001", "4999-5000", "5001-5002", "5001-5000"] {
        let transport = format!("Transport: RTP/AVP;unicast;client_port={ports}");
        assert_eq!(world.status(other, &format!("SETUP rtsp://h/cam/trackID=0|{transport}")), 461, "{ports}");
    }
}

#[test]
fn churn_of_connections_leaves_nothing_behind() {
    let mut world = World::new();
    let mut cycle = |cycles: usize| {
        for number in 0..cycles {
            let conn = world.attack();
            if number % 3 == 1 {
                world.rig.send(conn, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n");
            } else if number % 3 == 2 {
                world.rig.send(conn, &request(&format!("SETUP rtsp://h/cam/trackID=0|{UDP}"), ""));
            }
            world.rig.hang_up(conn);
            world.rig.forget(conn);
            world.rig.events.clear();
            world.rig.datagrams.clear();
        }
    };
    cycle(300);
    assert!(held(|| cycle(3000)).left < 1000, "bytes are left");
    world.nobody_else_notices();
}

#[test]
fn churn_of_sessions_leaves_nothing_behind() {
    for over_udp in [false, true] {
        let mut world = World::new();
        let conn = world.attack();
        let mut port = 5000;
        let mut cycle = |cycles: usize| {
            for _ in 0..cycles {
                // Each at an address of its own.
                port += 2;
                let transport = match over_udp {
                    true => format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1),
                    false => TCP.to_owned(),
                };
                let session =
                    session_of(&world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{transport}")));
                assert_eq!(world.status(conn, &format!("PLAY rtsp://h/cam|Session: {session}")), 200);
                assert_eq!(world.status(conn, &format!("PAUSE rtsp://h/cam|Session: {session}")), 200);
                assert_eq!(world.status(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}")), 200);
                assert_eq!(world.status(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}")), 454);
                world.rig.events.clear();
                world.rig.datagrams.clear();
            }
        };
        cycle(100);
        assert!(held(|| cycle(1000)).left < 1000, "bytes are left");
        world.nobody_else_notices();
    }
}

#[test]
fn paths_at_which_nothing_is_leave_nothing_behind() {
    let mut world = World::new();
    let conn = world.attack();
    let mut cycle = |from: usize, cycles: usize| {
        for number in from..from + cycles {
            assert_eq!(world.status(conn, &format!("DESCRIBE rtsp://h/none{number}")), 404);
            assert_eq!(world.status(conn, &format!("SETUP rtsp://h/none{number}/trackID=0|{TCP}")), 404);
        }
    };
    cycle(0, 100);
    assert!(held(|| cycle(100, 2000)).left < 1000, "bytes are left");
}

#[test]
fn the_work_of_a_session_does_not_depend_on_how_many_others_there_are() {
    let mut world = World::new();
    let mut readers = Vec::new();
    let mut allocated = Vec::new();
    for count in [0, 100] {
        while readers.len() < count {
            let port = 6000 + 2 * readers.len();
            let conn = world.attack();
            let transport = format!("Transport: RTP/AVP;unicast;client_port={port}-{}", port + 1);
            let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{transport}")));
            world.ask(conn, &format!("PLAY rtsp://h/cam|Session: {session}"));
            readers.push(conn);
        }
        let conn = world.attack();
        let mut cycle = || {
            let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{UDP}")));
            world.ask(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"));
        };
        cycle();
        allocated.push(held(|| (0..50).for_each(|_| cycle())).allocations);
    }
    let (few, many) = (allocated[0], allocated[1]);
    assert!(many < few + few / 4, "{few} allocations became {many}");
}
