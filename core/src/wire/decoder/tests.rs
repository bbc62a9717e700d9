use bytes::Bytes;

use super::*;
use crate::limits::SMALL_PAYLOAD_BYTES;
use crate::wire::{Method, Request, Response, StatusCode};

fn frame(channel: u8, payload: impl Into<Bytes>) -> Item {
    Item::Frame(Frame { channel, payload: payload.into() })
}

fn frame_bytes(channel: u8, payload: &[u8]) -> Vec<u8> {
    [&Frame::header(channel, payload.len().try_into().unwrap()), payload].concat()
}

fn item(message: impl Into<Message>) -> Item {
    Item::Message(message.into())
}

/// All items that come out, and the error that ends them, if one does.
fn drain(decoder: &mut Decoder) -> (Vec<Item>, Option<WireError>) {
    let mut items = Vec::new();
    loop {
        match decoder.poll() {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return (items, None),
            Err(error) => return (items, Some(error)),
        }
    }
}

fn decode_chunks<'a>(
    limits: DecoderLimits,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Item>, Option<WireError>, Decoder) {
    let mut decoder = Decoder::new(limits);
    decoder.set_known_channels([0, 1, 2, 3]);
    let mut items = Vec::new();
    for chunk in chunks {
        decoder.feed(chunk);
        let (more, error) = drain(&mut decoder);
        items.extend(more);
        if error.is_some() {
            return (items, error, decoder);
        }
    }
    (items, None, decoder)
}

fn decode(bytes: &[u8]) -> (Vec<Item>, Option<WireError>) {
    let (items, error, _) = decode_chunks(DecoderLimits::default(), [bytes]);
    (items, error)
}

fn error_of(limits: DecoderLimits, bytes: &[u8]) -> Option<WireError> {
    let (_, whole, _) = decode_chunks(limits, [bytes]);
    let (_, single, _) = decode_chunks(limits, bytes.chunks(1));
    assert_eq!(whole, single, "the error does not depend on the portions");
    whole
}

/// The items that a session may carry, and more; every item with the bytes that it is in.
fn transcript() -> Vec<(Vec<u8>, Option<Item>)> {
    let sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\n$\x00\x00\x04abcd\r\n\r\nRTSP/1.0 200 OK\r\n";
    let options = Request::new(Method::Options, "*").with_header("CSeq", 1);
    let described = Response::new(StatusCode::OK).with_header("CSeq", 2).with_body("application/sdp", sdp);
    let setup = Request::new(Method::Setup, "rtsp://h/a/trackID=0").with_header("CSeq", 3);
    let zoom = Request::new(Method::from("ZOOM"), "rtsp://h/a").with_header("CSeq", 4);
    let refused = Response::new(StatusCode::NOT_FOUND).with_header("CSeq", 5);
    let parameter =
        Request::new(Method::SetParameter, "rtsp://h/a").with_header("CSeq", 6).with_body("text/x", "a: b");
    let large = vec![0x24; SMALL_PAYLOAD_BYTES + 1];
    vec![
        (b"\r\n\r\n".into(), None),
        (options.to_bytes().into(), Some(item(options))),
        (described.to_bytes().into(), Some(item(described))),
        (b"SETUP rtsp://h/a/trackID=0 RTSP/1.0\ncseq:3\n\n".into(), Some(item(setup))),
        (
            frame_bytes(0, b"\x80\x60$$RTSP/1.0 200 OK\r\n\r\n"),
            Some(frame(0, &b"\x80\x60$$RTSP/1.0 200 OK\r\n\r\n"[..])),
        ),
        // Canon VB-H47.
        (b"\x9c\x01\x24\xf0RTSPLAY \x00$".into(), None),
        (frame_bytes(1, &large), Some(frame(1, large.clone()))),
        // An unnamed server, in front of a frame.
        (b"\r\n".into(), None),
        (frame_bytes(0, b""), Some(frame(0, Bytes::new()))),
        // A session that is gone, of a server built on live555.
        (frame_bytes(255, b"stale"), Some(frame(255, &b"stale"[..]))),
        (zoom.to_bytes().into(), Some(item(zoom))),
        (b"o=- 1 1 IN IP4 rest of a body\r\n".into(), None),
        (refused.to_bytes().into(), Some(item(refused))),
        (b"\0\0\n".into(), None),
        (parameter.to_bytes().into(), Some(item(parameter))),
        (frame_bytes(3, b"last"), Some(frame(3, &b"last"[..]))),
    ]
}

#[test]
fn a_transcript_gives_the_same_items_wherever_it_is_cut() {
    let transcript = transcript();
    let bytes: Vec<u8> = transcript.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    let items: Vec<Item> = transcript.into_iter().filter_map(|(_, item)| item).collect();
    assert_eq!(decode(&bytes), (items.clone(), None));
    for cut in 0..=bytes.len() {
        let (got, error, decoder) = decode_chunks(DecoderLimits::default(), [&bytes[..cut], &bytes[cut..]]);
        assert_eq!((got, error), (items.clone(), None), "cut at {cut}");
        assert_eq!(decoder.offset(), bytes.len() as u64, "cut at {cut}");
        assert_eq!((decoder.buffered(), decoder.begun(), decoder.skipped()), (0, false, 45), "cut at {cut}");
    }
    for size in 1..64 {
        let (got, error, _) = decode_chunks(DecoderLimits::default(), bytes.chunks(size));
        assert_eq!((got, error), (items.clone(), None), "portions of {size}");
    }
}

#[test]
fn every_deviation_of_the_transcript_is_recorded_once() {
    let bytes: Vec<u8> = transcript().into_iter().flat_map(|(bytes, _)| bytes).collect();
    let (_, _, mut decoder) = decode_chunks(DecoderLimits::default(), [&bytes[..]]);
    let fired: Vec<_> = decoder.take_tolerances().iter().collect();
    assert_eq!(fired, [Tolerance::BareLineFeed, Tolerance::Garbage, Tolerance::StrayLineEnd]);
    assert!(decoder.take_tolerances().is_empty());
}

#[test]
fn what_was_encoded_is_read_as_it_was() {
    let long = "x".repeat(5000);
    let mut silent = Response::new(StatusCode::OK);
    silent.reason = "".into();
    for message in [
        Message::from(Request::new(Method::Options, "*")),
        Request::new(Method::from("X.y-z_1"), "rtsp://h/%20?a=b").with_header("CSeq", u32::MAX).into(),
        Request::new(Method::Announce, "rtsp://u@h:1/").with_header("CSeq", 1).with_body("a/b", long).into(),
        Request::new(Method::Play, "rtsp://h/ü")
            .with_header("Range", "npt=0-")
            .with_header("X-Ü", "ü: ü")
            .into(),
        Response::new(StatusCode::new(299).unwrap())
            .with_header("Require", "a")
            .with_header("Require", "b")
            .into(),
        Response::new(StatusCode::UNAUTHORIZED)
            .with_header("Empty", "")
            .with_body("a/b", &b"\0\r\n$"[..])
            .into(),
        silent.into(),
    ] {
        assert_eq!(decode(&message.to_bytes()), (vec![Item::Message(message)], None));
    }
}

#[test]
fn frames_of_every_length_come_out_whole() {
    for len in [0, 1, SMALL_PAYLOAD_BYTES, SMALL_PAYLOAD_BYTES + 1, 1400, 65535] {
        let payload: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let bytes = frame_bytes(9, &payload).repeat(3);
        for size in [1, 1000, 1 << 20] {
            let (items, error, _) = decode_chunks(DecoderLimits::default(), bytes.chunks(size));
            assert!(error.is_none() && items.len() == 3, "{len} bytes in portions of {size}");
            assert!(
                items.iter().all(|item| *item == frame(9, payload.clone())),
                "{len} bytes in portions of {size}"
            );
        }
    }
}

#[test]
fn large_frames_are_slices_of_what_was_read() {
    let mut decoder = Decoder::default();
    let bytes = frame_bytes(0, &[7; 1000]);
    let room = decoder.read_buf();
    room[..bytes.len()].copy_from_slice(&bytes);
    let read_at = room.as_ptr();
    decoder.handle_read(bytes.len());
    let Ok(Some(Item::Frame(frame))) = decoder.poll() else { panic!("no frame") };
    assert_eq!(frame.payload.as_ptr(), read_at.wrapping_add(4));
}

#[test]
fn a_head_as_long_as_the_limit_is_read_and_one_byte_more_is_not() {
    let limits = DecoderLimits::default().head_bytes(100);
    let head = |pad: usize| format!("OPTIONS * RTSP/1.0\r\nCSeq: 8\r\nA: {}\r\n\r\n", "b".repeat(pad));
    let pad = 100 - head(0).len();
    assert_eq!(error_of(limits, head(pad).as_bytes()), None);
    let error = error_of(limits, head(pad + 1).as_bytes()).unwrap();
    assert_eq!(
        error,
        WireError::HeadTooLong { kind: MessageKind::Request, offset: 0, limit: 100, cseq: Some(8) }
    );
    assert_eq!(error.status(), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    assert_eq!(error.cseq(), Some(8));
}

#[test]
fn a_start_line_that_fills_the_head_is_answered_with_414() {
    let limits = DecoderLimits::default().head_bytes(100);
    let line = format!("\r\nDESCRIBE rtsp://{}", "h".repeat(200));
    let error = error_of(limits, line.as_bytes()).unwrap();
    assert_eq!(error, WireError::StartLineTooLong { kind: MessageKind::Request, offset: 2, limit: 100 });
    assert_eq!(error.status(), Some(StatusCode::REQUEST_URI_TOO_LARGE));
    let response = format!("RTSP/1.0 200 {}", "x".repeat(200));
    assert_eq!(error_of(limits, response.as_bytes()).unwrap().status(), None);
}

#[test]
fn the_default_head_limit_holds_against_one_endless_header_and_many_folded_lines() {
    for filler in ["b", " b\r\n", " \r\n", "b\r\n", ":\r\n", "A: b\r\n"] {
        let head =
            format!("OPTIONS * RTSP/1.0\r\nCSeq: 8\r\nA:{}", filler.repeat((64 << 10) / filler.len() + 1));
        let (items, error) = decode(head.as_bytes());
        assert_eq!((items.len(), error.unwrap().status().unwrap().as_u16()), (0, 431), "{filler:?}");
    }
}

#[test]
fn a_body_as_long_as_the_limit_is_read_and_one_byte_more_is_refused_at_once() {
    let limits = DecoderLimits::default().body_bytes(10);
    let request =
        |bytes: usize| format!("ANNOUNCE * RTSP/1.0\r\nCSeq: 8\r\nContent-Length: {bytes}\r\n\r\n0123456789");
    assert_eq!(error_of(limits, request(10).as_bytes()), None);
    let error = error_of(limits, request(11).as_bytes()).unwrap();
    let (kind, cseq) = (MessageKind::Request, Some(8));
    assert_eq!(error, WireError::BodyTooLong { kind, offset: 0, length: 11, limit: 10, cseq });
}

#[test]
fn as_much_garbage_as_the_limit_is_skipped_and_one_byte_more_is_not() {
    let limits = DecoderLimits::default().garbage_bytes(10);
    let garbage = |n: usize| [&frame_bytes(0, b"abc"), &vec![0xff; n][..], &frame_bytes(0, b"abc")].concat();
    assert_eq!(error_of(limits, &garbage(10)), None);
    let error = error_of(limits, &garbage(11)).unwrap();
    assert_eq!(error, WireError::Garbage { offset: 7, limit: 10 });
    assert_eq!((error.status(), error.cseq(), error.offset()), (None, None, 7));
    let twice = [garbage(10), vec![0xff; 10], frame_bytes(1, b"x")].concat();
    let (items, error, decoder) = decode_chunks(limits, [&twice[..]]);
    assert_eq!((items.len(), error, decoder.skipped()), (3, None, 20), "each item starts the count anew");
}

#[test]
fn endless_bytes_without_an_item_end_in_an_error() {
    for byte in [0xff, b'a', b'R', b'$', b' ', 0x80] {
        let mut decoder = Decoder::default();
        decoder.set_known_channels([0, 1]);
        let ended = (0..200).any(|_| {
            decoder.feed(&[byte; 1024]);
            loop {
                match decoder.poll() {
                    Ok(Some(_)) => {}
                    Ok(None) => return false,
                    Err(_) => return true,
                }
            }
        });
        // `$$$$` is a frame that follows a frame.
        assert_eq!(ended, byte != b'$', "{byte:#x}");
        assert!(decoder.buffered() < 128 << 10, "{byte:#x}");
    }
}

#[test]
fn line_ends_between_items_cost_nothing_however_many() {
    let mut decoder = Decoder::new(DecoderLimits::default().garbage_bytes(0));
    for _ in 0..1000 {
        decoder.feed(b"\r\n\0\n");
        assert_eq!(decoder.poll(), Ok(None));
        assert!(!decoder.begun());
    }
    assert_eq!((decoder.buffered(), decoder.skipped(), decoder.offset()), (0, 0, 4000));
}

#[test]
fn after_garbage_only_known_channels_count() {
    let stale = frame_bytes(7, b"stale");
    let bytes = [&b"\xff"[..], &stale, &frame_bytes(2, b"fresh"), &stale].concat();
    assert_eq!(decode(&bytes), (vec![frame(2, &b"fresh"[..]), frame(7, &b"stale"[..])], None));
}

#[test]
fn a_version_other_than_1_0_is_answered_with_505_and_the_cseq() {
    let error = error_of(DecoderLimits::default(), b"OPTIONS * RTSP/2.0\r\nCSeq: 77\r\n\r\n").unwrap();
    assert_eq!((error.status(), error.cseq()), (Some(StatusCode::RTSP_VERSION_NOT_SUPPORTED), Some(77)));
}

#[test]
fn http_is_told_apart_with_its_bytes_left_in_place() {
    for bytes in [
        "GET /a HTTP/1.1\r\nHost: h\r\n\r\nrest",
        "POST /a HTTP/1.0\r\n\r\nrest",
        "HTTP/1.1 400 Bad Request\r\n",
    ] {
        let (_, error, decoder) = decode_chunks(DecoderLimits::default(), [bytes.as_bytes()]);
        assert_eq!(error, Some(WireError::Foreign { protocol: Protocol::Http, offset: 0 }), "{bytes:?}");
        assert_eq!(error.unwrap().status(), None);
        assert_eq!(decoder.buffered_bytes(), bytes.as_bytes());
    }
}

#[test]
fn after_an_error_the_same_error_comes_for_ever() {
    let mut decoder = Decoder::default();
    decoder.feed(b"OPTIONS * RTSP/1.0\r\nContent-Length: x\r\n\r\n");
    let error = decoder.poll().unwrap_err();
    decoder.feed(b"OPTIONS * RTSP/1.0\r\n\r\n");
    assert_eq!(decoder.poll(), Err(error.clone()));
    assert_eq!(decoder.poll(), Err(error));
    assert!(!decoder.begun());
}

#[test]
fn an_item_has_begun_from_its_first_byte_to_its_last_but_one() {
    let request = Request::new(Method::Announce, "rtsp://h/").with_header("CSeq", 1).with_body("a/b", "v=0");
    for bytes in [&request.to_bytes()[..], &frame_bytes(0, b"payload")] {
        let mut decoder = Decoder::default();
        decoder.feed(b"\r\n");
        assert_eq!((decoder.poll(), decoder.begun()), (Ok(None), false));
        for (at, byte) in bytes.iter().enumerate() {
            decoder.feed(&[*byte]);
            let whole = decoder.poll().unwrap().is_some();
            assert_eq!((whole, decoder.begun()), (at + 1 == bytes.len(), at + 1 != bytes.len()), "byte {at}");
        }
    }
}

#[test]
fn while_messages_are_paused_frames_in_front_of_one_come_out_and_nothing_behind_it() {
    let request = Request::new(Method::Announce, "rtsp://h/").with_header("CSeq", 1).with_body("a/b", "v=0");
    let bytes = [&frame_bytes(0, b"front"), &request.to_bytes()[..], &frame_bytes(0, b"behind")].concat();
    for cut in 0..=bytes.len() {
        let mut decoder = Decoder::default();
        decoder.feed(&bytes[..cut]);
        decoder.set_pause_messages(true);
        let mut items = drain(&mut decoder).0;
        decoder.feed(&bytes[cut..]);
        items.extend(drain(&mut decoder).0);
        assert_eq!(items, [frame(0, &b"front"[..])], "cut at {cut}");
        assert!(decoder.is_held() && !decoder.begun(), "cut at {cut}");
        decoder.set_pause_messages(false);
        let rest = drain(&mut decoder);
        assert_eq!(rest, (vec![item(request.clone()), frame(0, &b"behind"[..])], None), "cut at {cut}");
        assert!(!decoder.is_held());
    }
}

#[test]
fn a_pause_that_begins_within_a_body_holds_the_message() {
    let request = Request::new(Method::Announce, "rtsp://h/").with_body("a/b", "v=0");
    let bytes = request.to_bytes();
    let mut decoder = Decoder::default();
    decoder.feed(&bytes[..bytes.len() - 1]);
    assert_eq!(decoder.poll(), Ok(None));
    decoder.set_pause_messages(true);
    assert_eq!((decoder.poll(), decoder.begun(), decoder.is_held()), (Ok(None), true, false));
    decoder.feed(&bytes[bytes.len() - 1..]);
    assert_eq!((decoder.poll(), decoder.begun(), decoder.is_held()), (Ok(None), false, true));
    decoder.set_pause_messages(false);
    assert_eq!(decoder.poll(), Ok(Some(item(request))));
}

#[test]
fn read_buf_is_never_empty() {
    let mut decoder = Decoder::default();
    for _ in 0..10 {
        let room = decoder.read_buf().len();
        assert!(room > 0);
        decoder.handle_read(room);
    }
}
