//! How much memory a peer can make the library hold.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rtspan_core::conn::CloseReason;
use rtspan_core::limits::{
    BODY_BYTES_MAX, DESCRIPTION_COST, HEAD_BYTES_MAX, LOG_BYTES, OUTBOX_BYTES_MAX, OUTBOX_HELD, WRITE_STALL,
};
use rtspan_core::server::ServerConfig;
use rtspan_core::stream::LogLimits;

use super::world::{SDP, TCP, World, packet, request, session_of};

/// Counts what the current thread allocates; others, such as the test harness's, do not disturb it.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
    ALLOCATIONS.set(ALLOCATIONS.get() + usize::from(bytes > 0));
}

// SAFETY: every call is passed on as it is; counting touches no memory that is allocated.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The effect of some work on the memory of its thread, in bytes.
#[derive(Debug)]
pub(super) struct Held {
    /// More than before, at most.
    pub(super) peak: isize,
    /// More than before, at the end.
    pub(super) left: isize,
    pub(super) allocations: usize,
}

pub(super) fn held(work: impl FnOnce()) -> Held {
    let (before, allocations) = (LIVE.get(), ALLOCATIONS.get());
    PEAK.set(before);
    work();
    Held {
        peak: PEAK.get() - before,
        left: LIVE.get() - before,
        allocations: ALLOCATIONS.get() - allocations,
    }
}

/// Bytes that the rig itself may hold of what is sent at once.
const RIG_BYTES: isize = 64 << 10;

#[test]
fn the_counter_counts() {
    let held = held(|| drop(vec![0_u8; 1000]));
    assert_eq!((held.peak, held.left, held.allocations), (1000, 0, 1));
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut world = World::new();
    let mut conns = Vec::new();
    for _ in 0..100 {
        let conn = world.attack();
        assert_eq!(world.status(conn, "OPTIONS *"), 200);
        conns.push(conn);
    }
    let mut conn = conns[0];
    let held = held(|| {
        for _ in 0..100 {
            conn = world.attack();
            assert_eq!(world.status(conn, "OPTIONS *"), 200);
        }
    });
    assert!(held.left < 100 * 4000, "{} bytes for each", held.left / 100);
}

#[test]
fn a_head_or_body_that_is_announced_and_does_not_come_holds_nothing() {
    let mut world = World::new();
    let conn = world.attack();
    let text = format!("ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n");
    let held = held(|| assert!(world.send(conn, text.as_bytes()).is_empty()));
    assert!(held.peak < 16 << 10, "{held:?}");
}

#[test]
fn a_message_that_comes_holds_no_more_than_twice_itself() {
    for (start, bytes) in [
        ("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: ".to_owned(), HEAD_BYTES_MAX - 1000),
        (
            format!("ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n"),
            BODY_BYTES_MAX - 1000,
        ),
    ] {
        let mut world = World::new();
        let conn = world.attack();
        let held = held(|| {
            world.send(conn, start.as_bytes());
            for _ in 0..bytes / 100 {
                world.send(conn, &[b'x'; 100]);
            }
        });
        assert!(world.is_open(conn));
        // While it is moved to a larger block there are two.
        assert!(held.left <= 2 * bytes as isize + RIG_BYTES, "{held:?}");
        assert!(held.peak <= 4 * bytes as isize + RIG_BYTES, "{held:?}");
    }
}

#[test]
fn what_is_read_and_left_out_is_not_held() {
    let mut world = World::new();
    let conn = world.attack();
    let frame = [&[b'$', 9, 0xff, 0xff][..], &[0; 65_535]].concat();
    let held = held(|| (0..200).for_each(|_| assert!(world.send(conn, &frame).is_empty())));
    assert!(held.left < 300 << 10, "{held:?}");
}

/// Sets up a publisher of `/live` over TCP.
fn publisher(world: &mut World) -> rtspan_core::ConnId {
    let conn = world.attack();
    assert_eq!(world.ask_with(conn, "ANNOUNCE rtsp://h/live", SDP).status.as_u16(), 200);
    let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/live/streamid=0|{TCP};mode=record")));
    assert_eq!(world.status(conn, &format!("RECORD rtsp://h/live|Session: {session}")), 200);
    conn
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[b'$', channel, high, low], payload].concat()
}

#[test]
fn a_log_holds_no_more_than_it_counts_whatever_its_publisher_sends_between_packets() {
    type Between = fn(u16) -> Vec<u8>;
    let betweens: [(&str, Between); 6] = [
        ("nothing", |_| Vec::new()),
        ("frames of no channel", |_| frame(9, &[0x80; 65_535])),
        ("reports that are none", |_| frame(1, &[0x80; 65_535])),
        ("packets of another format", |sequence| frame(0, packet(97, sequence, &[0; 65_000]).as_bytes())),
        ("the same packet again", |sequence| frame(0, packet(96, sequence, &[1; 65_000]).as_bytes())),
        ("requests", |_| request("GET_PARAMETER rtsp://h/cam", &"x".repeat(60_000))),
    ];
    for (name, between) in betweens {
        let mut world = World::with(ServerConfig::default().log(LogLimits::default().bytes(LOG_BYTES)));
        let conn = publisher(&mut world);
        let held = held(|| {
            for sequence in 1..300 {
                let media = frame(0, packet(96, sequence, &[0x41; 1000]).as_bytes());
                world.rig.send(conn, &[media, between(sequence)].concat());
                world.rig.received(conn);
            }
        });
        let counted = 300 * 1012;
        assert!(held.left < 3 * counted, "{name}: {} bytes are held for {counted}", held.left);
        world.nobody_else_notices();
    }
}

#[test]
fn a_log_holds_no_more_than_its_limit() {
    let mut world =
        World::with(ServerConfig::default().log(LogLimits::default().packets(1000).bytes(1 << 20)));
    let conn = publisher(&mut world);
    let held = held(|| {
        for sequence in 0..20_000 {
            world.rig.send(conn, &frame(0, packet(96, sequence, &[0x41; 1300]).as_bytes()));
            world.rig.received(conn);
        }
    });
    assert!(held.left < 2 << 20, "{held:?}");
}

/// A reader of the application's stream who takes only so many bytes.
fn reader(world: &mut World, reads: usize) -> rtspan_core::ConnId {
    let conn = world.attack();
    let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}")));
    assert_eq!(world.status(conn, &format!("PLAY rtsp://h/cam|Session: {session}")), 200);
    world.rig.set_reads(conn, reads);
    conn
}

#[test]
fn a_reader_that_stops_reading_holds_little_and_is_closed_in_time() {
    let mut world = World::with(ServerConfig::default().log(LogLimits::default().packets(100)));
    let conn = reader(&mut world, 0);
    let held = held(|| {
        // Ten megabits a second.
        for _ in 0..9 {
            (0..1000).for_each(|_| drop(world.publish(&[0x41; 1250])));
            world.nobody_else_notices();
            world.wait(1);
            world.rig.events.clear();
        }
    });
    assert!(world.is_open(conn));
    assert!(held.left < 600 << 10, "{held:?}");
    world.wait(WRITE_STALL.as_secs() - 8);
    assert_eq!(world.closed(conn), Some(CloseReason::WriteStalled));
    world.nobody_else_notices();
}

#[test]
fn readers_that_stop_reading_hold_a_frame_each_and_no_other_packets() {
    const PACKET: usize = 50_000;
    for reads in [0, 1] {
        let mut world = World::with(ServerConfig::default().log(LogLimits::default().packets(10)));
        let held = held(|| {
            // Each comes to packets of its own.
            for _ in 0..10 {
                reader(&mut world, reads);
                (0..40).for_each(|_| drop(world.publish(&[0x41; PACKET])));
                world.nobody_else_notices();
            }
            world.wait(OUTBOX_HELD.as_secs());
            world.rig.events.clear();
        });
        let log = 10 * PACKET as isize;
        let each = (held.left - log) / 10;
        assert!(each < PACKET as isize + 40_000, "{each} bytes each: {held:?}");
    }
}

#[test]
fn a_reader_that_takes_a_byte_a_second_is_closed_in_time() {
    let mut world = World::new();
    let conn = reader(&mut world, 0);
    let mut seconds = 0;
    while world.is_open(conn) {
        (0..10).for_each(|_| drop(world.publish(&[0x41; 1250])));
        world.rig.set_reads(conn, 1);
        world.wait(1);
        seconds += 1;
        assert!(seconds <= WRITE_STALL.as_secs() + 1);
    }
    assert_eq!(world.closed(conn), Some(CloseReason::WriteStalled));
    world.nobody_else_notices();
}

#[test]
fn answers_that_are_not_read_are_bounded_and_then_the_connection_is_closed() {
    let mut world = World::new();
    let conn = world.attack();
    world.rig.set_reads(conn, 0);
    let mut asked = 0;
    let held = held(|| {
        while world.is_open(conn) {
            world.rig.send(conn, &request("DESCRIBE rtsp://h/cam", "").repeat(100));
            asked += 100;
            assert!(asked < 10_000, "it goes on for ever");
            assert!(world.rig.waiting(conn) <= OUTBOX_BYTES_MAX + 64_000);
        }
    });
    assert_eq!(world.closed(conn), Some(CloseReason::OutboxFull));
    assert!(held.peak < 2 * OUTBOX_BYTES_MAX as isize, "{held:?}");
    world.nobody_else_notices();
}

/// A description of about so many bytes, in one long line or in as many as there may be.
fn long_descriptions(bytes: usize) -> [(&'static str, String); 3] {
    let one = format!("a=x:{}\r\n", "y".repeat(bytes - SDP.len()));
    let many = format!("a=x:{}\r\n", "y".repeat(bytes / 4000 - 6)).repeat(4000);
    let short = "a=x\r\n".repeat(4000);
    [
        ("one line", format!("{SDP}{one}")),
        ("many lines", format!("{SDP}{many}")),
        ("many short lines", format!("{SDP}{short}")),
    ]
}

#[test]
fn a_description_is_held_once_before_it_is_recorded_and_after() {
    const PUBLISHERS: isize = 8;
    for (name, sdp) in long_descriptions(236 << 10) {
        let mut world = World::new();
        let one = sdp.len() as isize;
        let mut sessions = Vec::new();
        let announced = held(|| {
            for number in 0..PUBLISHERS {
                let conn = world.attack();
                let url = format!("rtsp://h/{number}");
                assert_eq!(world.ask_with(conn, &format!("ANNOUNCE {url}"), &sdp).status.as_u16(), 200);
                let set_up = world.ask(conn, &format!("SETUP {url}/streamid=0|{TCP};mode=record"));
                sessions.push((conn, url, session_of(&set_up)));
            }
        });
        let recorded = held(|| {
            for (conn, url, session) in &sessions {
                assert_eq!(world.status(*conn, &format!("RECORD {url}|Session: {session}")), 200);
            }
        });
        let left = announced.left + recorded.left;
        // With what a connection and a session hold.
        let most = PUBLISHERS * (one * 11 / 10 + 8000);
        assert!(announced.left < most && left < most, "{name}: {announced:?} {recorded:?}");
        assert!(most < PUBLISHERS * one * DESCRIPTION_COST as isize, "{name}: it is counted for less");
        world.nobody_else_notices();
    }
}
