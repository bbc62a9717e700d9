//! Bytes that are no message, too long a message, or a message that never ends.

use rtspan_core::conn::CloseReason;
use rtspan_core::limits::{
    BODY_BYTES_MAX, CONN_IDLE, GARBAGE_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX, MESSAGE_DEADLINE,
    METHOD_BYTES_MAX,
};

use super::world::World;

/// Sends a piece again and again until the connection is closed. Returns how many bytes that took.
fn until_closed(
    world: &mut World,
    conn: rtspan_core::ConnId,
    start: &[u8],
    piece: &[u8],
) -> (usize, Vec<u16>) {
    let mut statuses = world.send(conn, start);
    let mut sent = start.len();
    while world.is_open(conn) {
        statuses.extend(world.send(conn, piece));
        sent += piece.len();
        assert!(sent < 16 << 20, "it goes on for ever");
    }
    (sent, statuses)
}

#[test]
fn what_is_too_long_is_answered_and_closed_before_it_ends() {
    type Case<'a> = (&'a str, &'a [u8], &'a [u8], usize, &'a [u16]);
    let cases: [Case<'_>; 8] = [
        ("a method", b"", &[b'M'; 4096], METHOD_BYTES_MAX, &[400]),
        ("a URI", b"DESCRIBE rtsp://h/", &[b'u'; 4096], HEAD_BYTES_MAX, &[414]),
        ("a header", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: ", &[b'x'; 4096], HEAD_BYTES_MAX, &[431]),
        ("a CSeq", b"OPTIONS * RTSP/1.0\r\nCSeq: ", &[b'1'; 4096], HEAD_BYTES_MAX, &[431]),
        (
            "a folded header",
            b"OPTIONS * RTSP/1.0\r\nX: 1",
            &b"\r\n yyyyyyyyyyyyyy".repeat(256),
            HEAD_BYTES_MAX,
            &[431],
        ),
        ("a list of headers", b"OPTIONS * RTSP/1.0\r\n", &b"X: 1\r\n".repeat(512), HEAD_BYTES_MAX, &[431]),
        ("garbage", b"", &[0xff; 4096], 0, &[400]),
        ("garbage behind a frame", b"$\0\0\0", &[0xff; 4096], GARBAGE_BYTES_MAX, &[]),
    ];
    for (name, start, piece, limit, expected) in cases {
        let mut world = World::new();
        let conn = world.attack();
        let (sent, statuses) = until_closed(&mut world, conn, start, piece);
        assert!(sent <= limit + 2 * piece.len(), "{name}: {sent} bytes");
        assert_eq!(statuses, expected, "{name}");
        world.nobody_else_notices();
    }
}

#[test]
fn one_byte_or_one_header_more_than_the_limit_is_refused() {
    let head = |bytes: usize| {
        let frame = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: \r\n\r\n".len();
        format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: {}\r\n\r\n", "x".repeat(bytes - frame))
    };
    let headers =
        |count: usize| format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n{}\r\n", "X: 1\r\n".repeat(count - 1));
    let body = |bytes: usize| {
        let body = "x".repeat(bytes);
        format!("SET_PARAMETER rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {bytes}\r\n\r\n{body}")
    };
    for (name, text, expected) in [
        ("head", head(HEAD_BYTES_MAX), 200),
        ("head", head(HEAD_BYTES_MAX + 1), 431),
        ("headers", headers(HEADERS_MAX), 200),
        ("headers", headers(HEADERS_MAX + 1), 431),
        ("body", body(BODY_BYTES_MAX), 451),
        ("body", body(BODY_BYTES_MAX + 1), 413),
    ] {
        let mut world = World::new();
        let conn = world.attack();
        assert_eq!(world.send(conn, text.as_bytes()), [expected], "{name}");
        assert_eq!(world.is_open(conn), matches!(expected, 200 | 451), "{name}: {expected}");
        world.nobody_else_notices();
    }
}

#[test]
fn lengths_that_are_no_length_are_refused_at_once() {
    for (lengths, expected) in [
        (&["-1"][..], 400),
        (&["+5"], 400),
        (&["0x10"], 400),
        (&["1e3"], 400),
        (&[""], 400),
        (&["5 5"], 400),
        (&["5", "6"], 400),
        (&["2147483648"], 413),
        (&["4294967296"], 413),
        (&["9223372036854775808"], 413),
        (&["18446744073709551616"], 413),
        (&["18446744073709551621"], 413),
    ] {
        let mut world = World::new();
        let conn = world.attack();
        let headers: String = lengths.iter().map(|length| format!("Content-Length: {length}\r\n")).collect();
        let text = format!("ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n");
        assert_eq!(world.send(conn, text.as_bytes()), [expected], "{lengths:?}");
        assert!(matches!(world.closed(conn), Some(CloseReason::Application)), "{lengths:?}");
        world.nobody_else_notices();
    }
}

#[test]
fn numbers_of_requests_may_be_anything_and_cost_only_an_answer() {
    let mut world = World::new();
    let conn = world.attack();
    for (headers, expected) in [
        ("", 400),
        ("CSeq: 0\r\n", 200),
        ("CSeq: 4294967295\r\n", 200),
        ("CSeq: 4294967296\r\n", 400),
        ("CSeq: -1\r\n", 400),
        ("CSeq: 1 2\r\n", 400),
        ("CSeq: 5\r\nCSeq: 6\r\n", 200),
        ("CSeq: 1\r\n", 200),
        ("CSeq: 1\r\n", 200),
    ] {
        let text = format!("OPTIONS * RTSP/1.0\r\n{headers}\r\n");
        assert_eq!(world.send(conn, text.as_bytes()), [expected], "{headers:?}");
    }
    let long = format!("OPTIONS * RTSP/1.0\r\nCSeq: {}\r\n\r\n", "1".repeat(HEAD_BYTES_MAX - 100));
    assert_eq!(world.send(conn, long.as_bytes()), [400]);
    assert!(world.is_open(conn));
}

#[test]
fn a_body_is_a_body_whatever_it_looks_like() {
    let mut world = World::new();
    let conn = world.attack();
    let inner = "$\0\0\x04abcdTEARDOWN rtsp://h/cam RTSP/1.0\r\nCSeq: 8\r\n\r\nRTSP/1.0 200 OK\r\n\r\n";
    let text =
        format!("SET_PARAMETER rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n", inner.len());
    assert_eq!(world.send(conn, format!("{text}{inner}{text}{inner}").as_bytes()), [451, 451]);
    assert_eq!(world.status(conn, "OPTIONS *"), 200);
    // One that is longer than it says is followed by garbage, which is skipped.
    assert_eq!(world.send(conn, format!("{text}{inner}=abababab").as_bytes()), [451]);
    assert_eq!(world.status(conn, "OPTIONS *"), 200);
    world.nobody_else_notices();
}

#[test]
fn frames_that_nobody_asked_for_are_left_out() {
    let mut world = World::new();
    let conn = world.attack();
    for (channel, len) in [(0, 0), (0, 1), (1, 65_535), (255, 12), (7, 4)] {
        let [high, low] = u16::to_be_bytes(len);
        let frame = [&[b'$', channel, high, low], &vec![0x80; len.into()][..]].concat();
        assert!(world.send(conn, &frame.repeat(50)).is_empty());
    }
    assert_eq!(world.status(conn, "OPTIONS *"), 200);
    world.nobody_else_notices();
}

#[test]
fn whoever_begins_and_does_not_go_on_is_closed_in_time() {
    let body = "SET_PARAMETER rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1000\r\n\r\n";
    let deadline = MESSAGE_DEADLINE.as_secs();
    for (name, start, byte, within) in [
        ("a start line", "", b'O', deadline),
        ("a head", "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: ", b'x', deadline),
        ("a body", body, b'x', deadline),
        ("a frame's length", "$", b'x', deadline),
        ("a frame", "$\0\x08\0", b'x', deadline),
        ("a word", "", b'O', deadline),
        ("garbage behind a frame", "$\0\0\0", 0xff, CONN_IDLE.as_secs()),
        ("empty lines", "", b'\n', CONN_IDLE.as_secs()),
    ] {
        let mut world = World::new();
        let conn = world.attack();
        assert!(world.send(conn, start.as_bytes()).is_empty());
        let mut seconds = 0;
        while world.is_open(conn) {
            assert!(world.send(conn, &[byte]).is_empty());
            world.wait(3);
            seconds += 3;
            assert!(seconds <= within + 3, "{name} is waited for {seconds} s");
        }
        world.nobody_else_notices();
    }
}

#[test]
fn whoever_announces_a_body_and_sends_nothing_is_closed_in_time() {
    let mut world = World::new();
    let conn = world.attack();
    let text = format!("ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n");
    assert!(world.send(conn, text.as_bytes()).is_empty());
    world.wait(MESSAGE_DEADLINE.as_secs() - 1);
    assert!(world.is_open(conn));
    world.wait(1);
    assert!(!world.is_open(conn));
}

#[test]
fn what_is_no_request_is_closed_with_its_reason() {
    for (bytes, expected) in [
        (&b"OPTIONS * RTSP/1.0\0\r\nCSeq: 1\r\n\r\n"[..], &[505][..]),
        (b"OPTIONS \0 RTSP/1.0\r\nCSeq: 1\r\n\r\n", &[400]),
        (b"OPTIONS * RTSP/1.1\r\nCSeq: 1\r\n\r\n", &[505]),
        (b"OPTIONS *\r\nCSeq: 1\r\n\r\n", &[400]),
        (b"OPTIONS\r\nCSeq: 1\r\n\r\n", &[400]),
        (b"OPTIONS *\r\n", &[400]),
        (b"OPTIONS * RTSP\n", &[400]),
        (b"PLAY\r\n", &[400]),
        (b"GET /\r\n", &[400]),
        (b"PLAYER\r\n", &[400]),
        (b"RTSP/1.0 999 Nothing\r\n", &[]),
    ] {
        let mut world = World::new();
        let conn = world.attack();
        let shown = bytes.escape_ascii();
        assert_eq!(world.send(conn, bytes), expected, "{shown}");
        assert!(!world.is_open(conn), "{shown}");
        world.nobody_else_notices();
    }
}

#[test]
fn responses_that_nobody_waits_for_are_ignored() {
    let mut world = World::new();
    let conn = world.attack();
    let flood = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: x\r\n\r\n".repeat(1000);
    assert!(world.send(conn, &flood).is_empty());
    assert_eq!(world.status(conn, "OPTIONS *"), 200);
    world.nobody_else_notices();
}
