use super::*;
use crate::wire::Method;

fn parse(kind: MessageKind, head: &[u8]) -> (Result<Head, WireError>, Tolerances) {
    let mut tolerances = Tolerances::NONE;
    let parsed = Head::parse(kind, head, 7, &DecoderLimits::default(), &mut tolerances);
    (parsed, tolerances)
}

fn set(list: &[Tolerance]) -> Tolerances {
    let mut set = Tolerances::NONE;
    list.iter().for_each(|tolerance| set.record(*tolerance));
    set
}

fn read(head: &[u8]) -> (Headers, Tolerances) {
    let head = [b"OPTIONS * RTSP/1.0\r\n", head, b"\r\n"].concat();
    let (parsed, tolerances) = parse(MessageKind::Request, &head);
    (parsed.unwrap().message.headers().clone(), tolerances)
}

#[test]
fn request_lines_are_read_leniently() {
    use Tolerance::{BlankInUri, ExtraBlank, HeadNotUtf8};
    for (line, method, uri, tolerances) in [
        (&b"SETUP rtsp://h/a/trackID=0 RTSP/1.0\r\n"[..], "SETUP", "rtsp://h/a/trackID=0", &[][..]),
        (b"OPTIONS * RTSP/1.0\n", "OPTIONS", "*", &[]),
        (b"X-ZOOM RTSP://H:1/%41?a=b&c RTSP/1.0\r\n", "X-ZOOM", "RTSP://H:1/%41?a=b&c", &[]),
        (b"PLAY \t rtsp://h/  RTSP/1.0 \r\n", "PLAY", "rtsp://h/", &[ExtraBlank]),
        (b"PLAY rtsp://h/ RTSP/1.0 \r\n", "PLAY", "rtsp://h/", &[ExtraBlank]),
        (b"PLAY\trtsp://h/ RTSP/1.0\r\n", "PLAY", "rtsp://h/", &[ExtraBlank]),
        (b"PLAY rtsp://h/\tRTSP/1.0\r\n", "PLAY", "rtsp://h/", &[ExtraBlank]),
        (b"PLAY rtsp://h/my cam RTSP/1.0\r\n", "PLAY", "rtsp://h/my cam", &[BlankInUri]),
        (b"PLAY rtsp://h/\xfc RTSP/1.0\r\n", "PLAY", "rtsp://h/\u{fc}", &[HeadNotUtf8]),
        ("PLAY rtsp://h/ü RTSP/1.0\r\n".as_bytes(), "PLAY", "rtsp://h/ü", &[]),
        (b"PLAY /a RTSP/1.0\r\n", "PLAY", "/a", &[]),
        (b"PLAY rtsp://[fe80::1%eth0]:99999/ RTSP/1.0\r\n", "PLAY", "rtsp://[fe80::1%eth0]:99999/", &[]),
    ] {
        let (parsed, fired) = parse(MessageKind::Request, &[line, b"\r\n"].concat());
        let expected = Request::new(Method::from(method), uri);
        assert_eq!(parsed.unwrap().message, expected.into(), "{}", line.escape_ascii());
        assert_eq!(fired, set(tolerances), "{}", line.escape_ascii());
    }
}

#[test]
fn malformed_request_lines_are_refused_with_what_they_lack() {
    let lacks = |expected| WireError::BadStartLine { kind: MessageKind::Request, offset: 7, expected };
    let version = WireError::Version { kind: MessageKind::Request, offset: 7, cseq: Some(4) };
    for (line, error, status) in [
        ("OPTIONS", lacks(Expected::Uri), Some(400)),
        ("OPTIONS RTSP/1.0", lacks(Expected::Uri), Some(400)),
        ("OPTIONS   RTSP/1.0", lacks(Expected::Uri), Some(400)),
        ("OPTIONS\rX * RTSP/1.0", lacks(Expected::Uri), Some(400)),
        ("OPTIONS rtsp://h/\0 RTSP/1.0", lacks(Expected::Uri), Some(400)),
        ("OPTIONS rtsp://h/\rX RTSP/1.0", lacks(Expected::Uri), Some(400)),
        ("OPTIONS *", lacks(Expected::Version), Some(400)),
        ("OPTIONS * SIP/2.0", WireError::Foreign { protocol: Protocol::Sip, offset: 7 }, Some(400)),
        ("OPTIONS * rtsp/1.0", lacks(Expected::Version), Some(400)),
        ("OPTIONS * RTSP/2.0", version.clone(), Some(505)),
        ("OPTIONS * RTSP/1.1", version.clone(), Some(505)),
        ("OPTIONS * RTSP/", version.clone(), Some(505)),
        ("OPTIONS * RTSP/1.0\0", version, Some(505)),
        ("GET / HTTP/1.1", WireError::Foreign { protocol: Protocol::Http, offset: 7 }, None),
    ] {
        let head = format!("{line}\r\ncseq:  4 \r\n\r\n");
        let (parsed, _) = parse(MessageKind::Request, head.as_bytes());
        let parsed = parsed.unwrap_err();
        assert_eq!(parsed, error, "{line:?}");
        assert_eq!(parsed.status().map(StatusCode::as_u16), status, "{line:?}");
    }
}

#[test]
fn status_lines_are_read_leniently() {
    use Tolerance::{ExtraBlank, MissingReason};
    for (line, status, reason, tolerances) in [
        ("RTSP/1.0 200 OK", 200, "OK", &[][..]),
        ("RTSP/1.0 454 Session Not Found", 454, "Session Not Found", &[]),
        ("RTSP/1.0 200 ", 200, "", &[MissingReason]),
        ("RTSP/1.0 200", 200, "", &[MissingReason]),
        ("RTSP/1.0  200 OK", 200, "OK", &[ExtraBlank]),
        ("RTSP/1.0 599 x", 599, "x", &[]),
    ] {
        let (parsed, fired) = parse(MessageKind::Response, format!("{line}\r\n\r\n").as_bytes());
        let Message::Response(response) = parsed.unwrap().message else { panic!("{line}") };
        assert_eq!((response.status.as_u16(), &*response.reason), (status, reason), "{line}");
        assert_eq!(fired, set(tolerances), "{line}");
    }
}

#[test]
fn malformed_status_lines_are_refused_and_get_no_answer() {
    let lacks = |expected| WireError::BadStartLine { kind: MessageKind::Response, offset: 7, expected };
    for (line, error) in [
        ("RTSP/1.0", lacks(Expected::StatusCode)),
        ("RTSP/1.0 ", lacks(Expected::StatusCode)),
        ("RTSP/1.0 OK", lacks(Expected::StatusCode)),
        ("RTSP/1.0 20 OK", lacks(Expected::StatusCode)),
        ("RTSP/1.0 +20 OK", lacks(Expected::StatusCode)),
        ("RTSP/1.0 099 OK", lacks(Expected::StatusCode)),
        ("RTSP/1.0 600 OK", lacks(Expected::StatusCode)),
        ("RTSP/1.0 2000 OK", lacks(Expected::StatusCode)),
        ("RTSP/2.0 200 OK", WireError::Version { kind: MessageKind::Response, offset: 7, cseq: None }),
    ] {
        let (parsed, _) = parse(MessageKind::Response, format!("{line}\r\n\r\n").as_bytes());
        let parsed = parsed.unwrap_err();
        assert_eq!(parsed, error, "{line:?}");
        assert_eq!(parsed.status(), None, "{line:?}");
    }
}

#[test]
fn header_lines_are_read_leniently() {
    use Tolerance::{HeadNotUtf8, MalformedHeader};
    for (lines, headers, tolerances) in [
        // Longse, Hikvision, VStarcam, Hipcam.
        (&b"CSeq: 1 \r\n"[..], &[("CSeq", "1")][..], &[][..]),
        (b"Session:        708345999;timeout=60\r\n", &[("Session", "708345999;timeout=60")], &[]),
        (b"Cseq: 2\r\n", &[("CSeq", "2")], &[]),
        (b"Content-type:\tapplication/sdp\r\n", &[("Content-Type", "application/sdp")], &[]),
        // Legal, though a strict parser refuses it.
        (
            b"Public: PLAY,\r\n  PAUSE\r\n\tSETUP \r\n  \r\nCSeq: 1\r\n",
            &[("Public", "PLAY, PAUSE SETUP"), ("CSeq", "1")],
            &[],
        ),
        (b"Server:\r\nCSeq:1\r\n", &[("Server", ""), ("CSeq", "1")], &[]),
        (b"Server: a:b\r\n", &[("Server", "a:b")], &[]),
        (b"Server: caf\xe9\r\n", &[("Server", "café")], &[HeadNotUtf8]),
        ("Server: café\r\n".as_bytes(), &[("Server", "café")], &[]),
        (b"CSeq : 3\r\n", &[("CSeq", "3")], &[MalformedHeader]),
        (b"My Name: x\r\nCSeq: 3\r\n", &[("My Name", "x"), ("CSeq", "3")], &[MalformedHeader]),
        (b"no colon\r\nCSeq: 3\r\n", &[("CSeq", "3")], &[MalformedHeader]),
        (b": x\r\nCSeq: 3\r\n", &[("CSeq", "3")], &[MalformedHeader]),
        (b"  folded onto nothing\r\nCSeq: 3\r\n", &[("CSeq", "3")], &[MalformedHeader]),
        (b"Server: a\rb\0c\x01\r\nCSeq: 3\r\n", &[("Server", "abc\u{1}"), ("CSeq", "3")], &[MalformedHeader]),
        (b"Server: caf\xe9\r\n folded\r\n", &[("Server", "café folded")], &[HeadNotUtf8]),
        (b"Server: \xe9\r\nX: \xc3\xa9\r\n", &[("Server", "é"), ("X", "é")], &[HeadNotUtf8]),
        (b"Server:\r\n a\r\nX: b\r\r\n\t\0 \n c\r\n", &[("Server", "a"), ("X", "b c")], &[MalformedHeader]),
        (b"no colon\r\n folded\r\nCSeq:1\nX:2\r\n", &[("CSeq", "1"), ("X", "2")], &[MalformedHeader]),
    ] {
        let (parsed, fired) = read(lines);
        assert_eq!(parsed.iter().collect::<Vec<_>>(), headers, "{}", lines.escape_ascii());
        assert_eq!(fired, set(tolerances), "{}", lines.escape_ascii());
    }
}

#[test]
fn both_ways_to_read_headers_read_the_same() {
    for block in [
        "CSeq: 1\r\nSession: 2;timeout=60\r\n\r\n",
        "CSeq:1\nSession:\t 2 \n\n",
        "Server: café\r\nDate:\r\nX-y: a: b\r\n\r\n",
        "\r\n",
    ] {
        let mut tolerances = Tolerances::NONE;
        let plain = plain_headers(block, 8).unwrap();
        assert_eq!(Some(plain), split_headers(block, 8, &mut tolerances), "{block:?}");
        assert_eq!(tolerances, Tolerances::NONE, "{block:?}");
    }
}

#[test]
fn the_body_is_as_long_as_content_length_says() {
    enum Is {
        Bytes(usize),
        Bad,
        TooLong(u64),
    }
    use Is::{Bad, Bytes, TooLong};
    for (headers, expected) in [
        ("", Bytes(0)),
        ("Content-Length: 0\r\n", Bytes(0)),
        ("Content-length: 5\r\n", Bytes(5)),
        ("Content-Length: 005 \r\n", Bytes(5)),
        ("Content-Length: 1048576\r\n", Bytes(1 << 20)),
        ("Content-Length: 5\r\ncontent-length: 5\r\n", Bytes(5)),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Bad),
        ("Content-Length: 5\r\nContent-Length: x\r\n", Bad),
        ("Content-Length: x\r\nContent-Length: x\r\n", Bad),
        ("Content-Length: 5\r\n 6\r\n", Bad),
        ("Content-Length:\r\n", Bad),
        ("Content-Length: -1\r\n", Bad),
        ("Content-Length: +5\r\n", Bad),
        ("Content-Length: 0x10\r\n", Bad),
        ("Content-Length: 1e3\r\n", Bad),
        ("Content-Length: 5, 5\r\n", Bad),
        ("Content-Length: 1048577\r\n", TooLong(1_048_577)),
        ("Content-Length: 2147483648\r\n", TooLong(1 << 31)),
        ("Content-Length: 4294967296\r\n", TooLong(1 << 32)),
        ("Content-Length: 9223372036854775808\r\n", TooLong(1 << 63)),
        ("Content-Length: 18446744073709551616\r\n", TooLong(u64::MAX)),
        ("Content-Length: 18446744073709551621\r\n", TooLong(u64::MAX)),
    ] {
        let head = format!("ANNOUNCE rtsp://h/ RTSP/1.0\r\nCSeq: 3\r\n{headers}\r\n");
        let (parsed, tolerances) = parse(MessageKind::Request, head.as_bytes());
        let (kind, offset, cseq) = (MessageKind::Request, 7, Some(3));
        match expected {
            Bytes(bytes) => {
                let head = parsed.unwrap();
                assert_eq!(head.body_bytes, bytes, "{headers:?}");
                assert_eq!(head.message.headers().len(), 1, "content length stays out of {headers:?}");
                let repeated = headers.matches(':').count() > 1;
                assert_eq!(tolerances.contains(Tolerance::RepeatedContentLength), repeated, "{headers:?}");
            }
            Bad => {
                let error = parsed.unwrap_err();
                assert_eq!(error, WireError::BadContentLength { kind, offset, cseq }, "{headers:?}");
                assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST));
            }
            TooLong(length) => {
                let error = parsed.unwrap_err();
                assert_eq!(
                    error,
                    WireError::BodyTooLong { kind, offset, length, limit: 1 << 20, cseq },
                    "{headers:?}"
                );
                assert_eq!(error.status(), Some(StatusCode::REQUEST_ENTITY_TOO_LARGE));
            }
        }
    }
}

#[test]
fn as_many_headers_as_the_limit_are_read_and_one_more_is_not() {
    for (max, line) in [(255, "A: b\r\n"), (255, "A : b\r\n"), (20, "A: b\r\n"), (20, "A : b\r\n")] {
        let limits = DecoderLimits::default().headers(max);
        let parse = |count: usize| {
            let head = format!("OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n{}\r\n", line.repeat(count - 1));
            Head::parse(MessageKind::Request, head.as_bytes(), 7, &limits, &mut Tolerances::NONE.clone())
        };
        assert_eq!(parse(max).unwrap().message.headers().len(), max);
        let error = parse(max + 1).unwrap_err();
        let expected =
            WireError::TooManyHeaders { kind: MessageKind::Request, offset: 7, limit: max, cseq: Some(9) };
        assert_eq!(error, expected);
        assert_eq!(error.status(), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
}

#[test]
fn a_head_ends_at_the_first_empty_line_wherever_the_bytes_are_cut() {
    for (bytes, end, bare) in [
        ("A\r\n\r\nrest", Some(5), false),
        ("A\r\nB: c\r\n\r\n", Some(11), false),
        ("A\n\n", Some(3), true),
        ("A\nB: c\r\n\r\n", Some(10), true),
        ("A\r\nB: c\n\r\n", Some(10), true),
        ("A\r\nB: c\r\n\nrest", Some(10), true),
        ("A\rB\n\rC\r\n\r\n", Some(10), true),
        ("A\r\r\n", None, false),
        ("A\r\nB\r\r\r\n", None, false),
        ("A\r\n\r", None, false),
    ] {
        for cut in 0..=bytes.len() {
            let mut search = Search::default();
            let early = search.find_end(&bytes.as_bytes()[..cut]);
            assert!(early.is_none_or(|_| cut >= end.unwrap()), "{bytes:?} cut at {cut}");
            assert_eq!(search.find_end(bytes.as_bytes()), end, "{bytes:?} cut at {cut}");
            assert_eq!(search.find_end(bytes.as_bytes()), end, "again");
            assert_eq!(search.bare, bare, "{bytes:?} cut at {cut}");
        }
    }
}
