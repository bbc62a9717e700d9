//! Publishers that take what is not theirs, or never publish.

use rtspan_core::limits::{BODY_BYTES_MAX, MEDIAS_MAX, SDP_BYTES_MAX, SESSIONS_PER_CONN_MAX};
use rtspan_core::server::ServerConfig;

use super::memory::held;
use super::world::{SDP, TCP, World, attacker, packet, session_of};

const RECORD: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";

fn announce(world: &mut World, conn: rtspan_core::ConnId, path: &str, sdp: &str) -> u16 {
    world
        .ask_with(conn, &format!("ANNOUNCE rtsp://h{path}|Content-Type: application/sdp"), sdp)
        .status
        .as_u16()
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[b'$', channel, high, low], payload].concat()
}

#[test]
fn nobody_takes_over_a_path() {
    let mut world = World::new();
    let (first, second) = (world.attack(), world.rig.connect(attacker(50_001)).unwrap());
    assert_eq!(announce(&mut world, first, "/cam", SDP), 403, "the application publishes there");
    assert_eq!(announce(&mut world, first, "/live", SDP), 200);
    for path in ["/live", "/live/", "/live?token=mine", "/live//"] {
        assert_eq!(announce(&mut world, second, path, SDP), 403, "{path}");
    }
    let session = session_of(&world.ask(first, &format!("SETUP rtsp://h/live/streamid=0|{RECORD}")));
    for method in ["RECORD", "SETUP", "TEARDOWN", "PAUSE"] {
        let text = format!("{method} rtsp://h/live/streamid=0|Session: {session}|{RECORD}");
        assert_eq!(world.status(second, &text), 454, "{method}");
    }
    assert_eq!(world.status(first, &format!("RECORD rtsp://h/live|Session: {session}")), 200);
    assert_eq!(announce(&mut world, second, "/live", SDP), 403);
    world.nobody_else_notices();
}

#[test]
fn publishers_may_be_kept_out() {
    let mut world = World::with(ServerConfig::default().publishers(false));
    let conn = world.attack();
    assert_eq!(announce(&mut world, conn, "/live", SDP), 403);
    assert_eq!(world.status(conn, &format!("SETUP rtsp://h/live/streamid=0|{RECORD}")), 404);
    assert_eq!(world.status(conn, "RECORD rtsp://h/live"), 454);
}

#[test]
fn descriptions_beyond_the_limits_are_refused() {
    let medias = |count: usize| format!("v=0\r\ns=x\r\n{}", "m=video 0 RTP/AVP 96\r\n".repeat(count));
    let long = |bytes: usize| {
        let start = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=x:";
        format!("{start}{}\r\n", "y".repeat(bytes - start.len() - 2))
    };
    let mut world = World::new();
    let conn = world.attack();
    for (path, sdp, expected) in [
        ("/none", medias(0), 400),
        ("/most", medias(MEDIAS_MAX), 200),
        ("/more", medias(MEDIAS_MAX + 1), 400),
        ("/thousand", medias(1000), 400),
        ("/text", "no description at all".to_owned(), 400),
        ("/longest", long(SDP_BYTES_MAX), 200),
        ("/longer", long(SDP_BYTES_MAX + 1), 400),
        ("/body", long(BODY_BYTES_MAX), 400),
    ] {
        assert_eq!(announce(&mut world, conn, path, &sdp), expected, "{path}");
    }
    assert_eq!(announce(&mut world, conn, "/beyond", &long(BODY_BYTES_MAX + 1)), 413);
    assert!(!world.is_open(conn));
    world.nobody_else_notices();
}

#[test]
fn an_announcement_that_is_refused_anyway_is_not_read() {
    let sdp = format!("{SDP}{}", "a=x\r\n".repeat(4000));
    let mut world = World::with(ServerConfig::default().sessions_per_conn_max(1));
    let conn = world.attack();
    assert_eq!(announce(&mut world, conn, "/live", &sdp), 200);
    for (path, expected) in [("/cam", 403), ("/live", 403), ("/more", 503)] {
        let mut work = held(|| assert_eq!(announce(&mut world, conn, path, &sdp), expected));
        work.allocations -= held(|| drop(super::world::request("ANNOUNCE", &sdp))).allocations;
        assert!(work.allocations < 200, "{path}: {work:?}");
    }
}

#[test]
fn whoever_begins_and_pauses_again_and_again_has_nothing_long_copied() {
    let mut allocations = Vec::new();
    for lines in [1, 4000] {
        let sdp = format!("{SDP}{}", "a=x\r\n".repeat(lines));
        let mut world = World::new();
        let conn = world.attack();
        assert_eq!(announce(&mut world, conn, "/live", &sdp), 200);
        let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/live/streamid=0|{RECORD}")));
        let mut cycle = || {
            assert_eq!(world.status(conn, &format!("RECORD rtsp://h/live|Session: {session}")), 200);
            assert_eq!(world.status(conn, &format!("PAUSE rtsp://h/live|Session: {session}")), 200);
            world.rig.events.clear();
        };
        cycle();
        allocations.push(held(|| (0..10).for_each(|_| cycle())).allocations);
    }
    assert!(allocations[1] <= allocations[0] + 20, "{allocations:?}");
}

#[test]
fn numbers_in_a_description_buy_no_memory() {
    let lines = [
        "m=video 4294967295/4294967295 RTP/AVP 96",
        "a=rtpmap:96 H264/4294967295/65535",
        "a=fmtp:96 sprop-parameter-sets=////////////////,/////////;sizelength=99999999",
        "a=framerate:1e308",
        "b=AS:18446744073709551615",
        "z=0 1 2 3 4 5 6 7 8 9",
        "r=7d 1h 0 25h",
    ];
    let sdp = format!("v=0\r\ns=x\r\n{}\r\n", lines.join("\r\n"));
    let mut world = World::new();
    let conn = world.attack();
    let held = held(|| assert_eq!(announce(&mut world, conn, "/live", &sdp), 200));
    assert!(held.peak < 60_000, "{held:?}");
    let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/live|{RECORD}")));
    assert_eq!(world.status(conn, &format!("RECORD rtsp://h/live|Session: {session}")), 200);
    for sequence in 0..100 {
        let shapes = [&[0x7c, 0x85][..], &[0x78, 0xff, 0xff], &[0x65], &[]];
        world.rig.send(conn, &frame(0, packet(96, sequence, shapes[usize::from(sequence % 4)]).as_bytes()));
    }
    world.wait(6);
    world.nobody_else_notices();
}

#[test]
fn readers_are_never_sent_to_a_url_of_the_publisher() {
    let sdp = SDP
        .replace("a=control:streamid=0", "a=control:rtsp://10.0.0.1/private/track")
        .replace("s=-\r\n", "s=-\r\na=control:rtsp://10.0.0.1/private\r\n");
    let mut world = World::new();
    let conn = world.attack();
    assert_eq!(announce(&mut world, conn, "/live", &sdp), 200);
    let text = format!("SETUP rtsp://10.0.0.1/private/track|{RECORD}");
    let session = session_of(&world.ask(conn, &text));
    assert_eq!(world.status(conn, &format!("RECORD rtsp://h/live|Session: {session}")), 200);
    let described = world.ask(conn, "DESCRIBE rtsp://h/live");
    let body = String::from_utf8(described.body.to_vec()).unwrap();
    assert!(!body.contains("10.0.0.1") && body.contains("a=control:trackID=0"), "{body}");
}

#[test]
fn nothing_is_published_before_record_and_nothing_is_recorded_without_media() {
    let mut world = World::new();
    let conn = world.attack();
    assert_eq!(announce(&mut world, conn, "/live", SDP), 200);
    assert_eq!(world.status(conn, "RECORD rtsp://h/live"), 455, "nothing is set up");
    let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/live/streamid=0|{RECORD}")));
    for sequence in 0..100 {
        assert!(world.send(conn, &frame(0, packet(96, sequence, &[0x65]).as_bytes())).is_empty());
    }
    let reader = world.rig.connect(attacker(50_001)).unwrap();
    assert_eq!(world.status(reader, "DESCRIBE rtsp://h/live"), 404);
    assert_eq!(world.status(reader, &format!("SETUP rtsp://h/live/trackID=0|{TCP}")), 404);
    assert_eq!(world.rig.logs.len(), 1, "there is no stream yet");
    assert_eq!(world.status(conn, &format!("RECORD rtsp://h/cam|Session: {session}")), 404, "another path");
    assert_eq!(world.status(conn, &format!("PLAY rtsp://h/live|Session: {session}")), 455);
    world.nobody_else_notices();
}

#[test]
fn whoever_announces_and_leaves_leaves_nothing_behind() {
    let mut world = World::new();
    let mut cycle = |cycles: usize| {
        for _ in 0..cycles {
            let conn = world.attack();
            for number in 0..SESSIONS_PER_CONN_MAX + 1 {
                let expected = if number < SESSIONS_PER_CONN_MAX { 200 } else { 503 };
                assert_eq!(announce(&mut world, conn, &format!("/live{number}"), SDP), expected);
            }
            world.rig.hang_up(conn);
            world.rig.forget(conn);
            world.rig.events.clear();
        }
    };
    cycle(10);
    assert!(held(|| cycle(100)).left < 1000, "bytes are left");
    world.nobody_else_notices();
}
