use super::*;

/// Decodes in portions of `size`; gives what came out, and how it ended.
fn decode(socket: &mut WebSocket, bytes: &[u8], size: usize) -> (Vec<u8>, Option<End>) {
    let mut out = Vec::new();
    for portion in bytes.chunks(size.max(1)) {
        let mut portion = portion.to_vec();
        let Decoded { len, end } = socket.decode(&mut portion);
        out.extend_from_slice(&portion[..len]);
        if end.is_some() {
            return (out, end);
        }
    }
    (out, None)
}

/// The bytes that come out, whatever the portions, and those that are to be written in the end.
fn everywhere(new: impl Fn() -> WebSocket, bytes: &[u8]) -> (Vec<u8>, Option<End>, Vec<u8>) {
    let read = |size| {
        let mut socket = new();
        let (out, end) = decode(&mut socket, bytes, size);
        let written = std::iter::from_fn(|| socket.poll_control()).flatten().collect();
        (out, end, written)
    };
    let whole = read(bytes.len());
    (1..bytes.len().min(200)).for_each(|size| assert_eq!(read(size), whole, "in portions of {size}"));
    whole
}

fn server(bytes: &[u8]) -> (Vec<u8>, Option<End>, Vec<u8>) {
    everywhere(WebSocket::server, bytes)
}

fn client(bytes: &[u8]) -> (Vec<u8>, Option<End>, Vec<u8>) {
    everywhere(|| WebSocket::client([7; 32]), bytes)
}

/// A frame as it stands in the standard, whatever it says.
fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut header = FrameHeader::new(Opcode::Binary, payload.len(), key).to_vec();
    header[0] = first;
    let mut payload = payload.to_vec();
    key.into_iter().for_each(|key| Mask::new(key).apply(&mut payload));
    [header, payload].concat()
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload, Some([0x37, 0xfa, 0x21, 0x3d]))
}

#[test]
fn the_examples_of_rfc_6455_section_5_7_are_read() {
    // Those of text are binary here.
    assert_eq!(client(b"\x82\x05Hello"), (b"Hello".to_vec(), None, vec![]));
    assert_eq!(server(b"\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), (b"Hello".to_vec(), None, vec![]));
    assert_eq!(client(b"\x02\x03Hel\x80\x02lo"), (b"Hello".to_vec(), None, vec![]));
    // A ping, and the pong that the RFC has for it.
    let pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(server(&masked(0x89, b"Hello")), (vec![], None, b"\x8a\x05Hello".to_vec()));
    assert_eq!(server(pong), (vec![], None, vec![]));
    let bytes = [b"\x82\x7e\x01\x00".as_slice(), &[7; 256]].concat();
    assert_eq!(client(&bytes), (vec![7; 256], None, vec![]));
    let bytes = [b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00".as_slice(), &[7; 65536]].concat();
    assert_eq!(client(&bytes), (vec![7; 65536], None, vec![]));
}

#[test]
fn headers_are_written_as_rfc_6455_has_them() {
    for (len, header) in [
        (0, &b"\x82\x00"[..]),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (256, b"\x82\x7e\x01\x00"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ] {
        assert_eq!(&*FrameHeader::binary(len), header, "{len}");
    }
    let mut out = BytesMut::new();
    WebSocket::server().frame(&[IoSlice::new(b"Hel"), IoSlice::new(b"lo")], &mut out);
    assert_eq!(&out[..], b"\x82\x05Hello");
}

/// The bytes that Python's websockets 17.4 sent: a message, a ping, a message in fragments with an empty one at its end, and a close.
const WEBSOCKETS: &[u8] =
    b"\x82\x94T2\xf4\xe1\x1bb\xa0\xa8\x1b|\xa7\xc1~\x12\xa6\xb5\x07b\xdb\xd0z\x02\xf9\xeb\
    \x89\x82\x91\xb3\xb9\x98\xf9\xda\x02\x84\xac\x8b\x82\xdc\xef\xd8\xe7\xad\
    \x00\x85N\xae\x13\x1at\x8e\"\x17D\x00\x82%\xc0!\"(\xca\x80\x80r\x08}\x9f\x88\x82\xde\xd3\xe1w\xdd;";
/// The bytes that the `WebSocket` of node 20 sent.
const NODE: &[u8] = b"\x82\x9f\xc4T|\xe5\x8b\x04(\xac\x8b\x1a/\xc5\xeet.\xb1\x97\x04S\xd4\xeadq\xef\x87\x07\
    \x19\x94\xfetM\xe8\xceYv";

#[test]
fn what_other_clients_send_is_read() {
    let closed = Close { code: Some(CloseCode::NORMAL), reason: String::new() };
    assert_eq!(
        server(WEBSOCKETS),
        (
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec(),
            Some(End::Closed(closed)),
            b"\x8a\x02hi\x88\x02\x03\xe8".to_vec()
        )
    );
    assert_eq!(server(NODE).0, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
}

#[test]
fn a_client_and_a_server_understand_each_other() {
    let (mut ours, mut theirs) = (WebSocket::client([7; 32]), WebSocket::server());
    let packet = [b"$\x00\x05\x84".as_slice(), &[0x41; 1412]].concat();
    let mut out = BytesMut::new();
    for _ in 0..3 {
        ours.frame(&[IoSlice::new(&packet[..4]), IoSlice::new(&packet[4..])], &mut out);
    }
    assert_ne!(out[2..6], out[packet.len() + 10..packet.len() + 14], "each frame has a key of its own");
    assert_eq!(decode(&mut theirs, &out, 1000), (packet.repeat(3), None));

    ours.close(CloseCode::GOING_AWAY);
    let close = ours.poll_control().unwrap();
    assert_eq!(ours.poll_control(), None);
    let closed = End::Closed(Close { code: Some(CloseCode::GOING_AWAY), reason: String::new() });
    assert_eq!(decode(&mut theirs, &close, 1), (vec![], Some(closed.clone())));
    let answer = theirs.poll_control().unwrap();
    assert_eq!(answer, &b"\x88\x02\x03\xe9"[..]);
    // Frames before the answer are read, later ones are not.
    let bytes = [&b"\x82\x02hi"[..], &answer, b"\x82\x02ho"].concat();
    assert_eq!(decode(&mut ours, &bytes, 3), (b"hi".to_vec(), Some(closed)));
    assert_eq!(ours.poll_control(), None, "it has closed before");
}

#[test]
fn control_frames_between_fragments_are_answered_and_of_pings_the_newest() {
    let bytes = [
        masked(0x02, b"OPT"),
        masked(0x89, b"one"),
        masked(0x8a, b""),
        masked(0x00, b"IO"),
        masked(0x89, b"two"),
        masked(0x80, b"NS"),
    ]
    .concat();
    assert_eq!(server(&bytes), (b"OPTIONS".to_vec(), None, b"\x8a\x03two".to_vec()));
    let longest = [7; 125];
    assert_eq!(server(&masked(0x89, &longest)).2[2..], longest);
}

#[test]
fn a_close_is_answered_with_its_code_and_told_with_its_reason() {
    let reason = End::Closed(Close { code: CloseCode::new(4000), reason: "\u{1b}[2J".to_owned() });
    assert_eq!(reason.to_string(), "closed: 4000 \\u{1b}[2J");
    assert_eq!(
        server(&masked(0x88, b"\x0f\xa0\x1b[2J")),
        (vec![], Some(reason), b"\x88\x02\x0f\xa0".to_vec())
    );
    let none = End::Closed(Close::default());
    assert_eq!(none.to_string(), "closed: without a code");
    assert_eq!(server(&masked(0x88, b"")), (vec![], Some(none), b"\x88\x00".to_vec()));
}

#[test]
fn what_breaks_the_protocol_is_told_by_a_code() {
    use Fault::*;
    let good = masked(0x82, b"hi");
    let bare = |first| frame(first, b"x", None);
    let long = [0; 126];
    for (bad, fault, code) in [
        (masked(0xc2, b"x"), ReservedBits, 1002),
        (masked(0x92, b"x"), ReservedBits, 1002),
        (masked(0x83, b"x"), Opcode(3), 1002),
        (masked(0x8b, b"x"), Opcode(11), 1002),
        (bare(0x82), NotMasked, 1002),
        (bare(0x89), NotMasked, 1002),
        (masked(0x81, b"x"), Text, 1003),
        (masked(0x01, b"x"), Text, 1003),
        (masked(0x80, b"x"), Continuation, 1002),
        ([masked(0x02, b""), masked(0x82, b"x")].concat(), Interrupted, 1002),
        ([masked(0x02, b""), masked(0x81, b"x")].concat(), Interrupted, 1002),
        (masked(0x09, b"x"), Control, 1002),
        (masked(0x89, &long), Control, 1002),
        (masked(0x88, b"x"), CloseCode, 1002),
        (masked(0x88, b"\x03\xe7"), CloseCode, 1002),
        (masked(0x88, b"\x03\xed"), CloseCode, 1002),
        (masked(0x88, b"\x03\xf7"), CloseCode, 1002),
        (masked(0x88, b"\x13\x88"), CloseCode, 1002),
        (masked(0x88, b"\x03\xe8\xff"), CloseReason, 1007),
        (b"\x82\xfe\x00\x7d\x00\x00\x00\x00".to_vec(), Length, 1002),
        (b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00".to_vec(), Length, 1002),
        (b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec(), Length, 1002),
    ] {
        // A message before it comes out, and nothing behind it does.
        let (out, end, written) = server(&[&good[..], &bad, &good].concat());
        let Some(End::Failed(error)) = end else { panic!("{fault}: {end:?}") };
        let interrupted = u64::from(fault == Interrupted) * 6;
        assert_eq!((error.offset(), error.fault), (good.len() as u64 + interrupted, fault));
        assert_eq!((out, error.code().as_u16()), (b"hi".to_vec(), code), "{fault}");
        assert_eq!(written, [b"\x88\x02".as_slice(), &code.to_be_bytes()].concat(), "{fault}");
        assert!(error.to_string().starts_with(&format!("frame at offset {}: ", error.offset())));
    }
    let (out, end, written) = client(&[&b"\x82\x02hi"[..], &good].concat());
    let error = FrameError::new(4, Masked);
    assert_eq!((out, end), (b"hi".to_vec(), Some(End::Failed(error))));
    assert_eq!(written[..2], *b"\x88\x82", "a client masks its close too");
}

#[test]
fn a_message_has_its_bound_whatever_its_fragments() {
    let limited = || WebSocket::server().with_message_limit(10);
    let within = [masked(0x02, &[7; 6]), masked(0x80, &[7; 4]), masked(0x82, &[7; 10])].concat();
    assert_eq!(everywhere(limited, &within), (vec![7; 20], None, vec![]));
    for beyond in [masked(0x82, &[7; 11]), [masked(0x02, &[7; 6]), masked(0x00, &[7; 5])].concat()] {
        let (out, end, written) = everywhere(limited, &beyond);
        let Some(End::Failed(error)) = end else { panic!("{end:?}") };
        assert_eq!((error.fault, error.code()), (Fault::TooLong { limit: 10 }, CloseCode::MESSAGE_TOO_LONG));
        assert_eq!((out.len() % 6, &written[..]), (0, &b"\x88\x02\x03\xf1"[..]));
    }
    let header = |len: u64| [&b"\x82\xff"[..], &len.to_be_bytes(), &[0; 4]].concat();
    let end = |len| WebSocket::server().decode(&mut header(len)).end;
    assert_eq!(end(WEBSOCKET_MESSAGE_BYTES_MAX), None);
    assert!(end(WEBSOCKET_MESSAGE_BYTES_MAX + 1).is_some());
}

#[test]
fn nothing_is_written_behind_a_close() {
    let mut socket = WebSocket::server();
    socket.close(CloseCode::TRY_AGAIN_LATER);
    assert_eq!(socket.poll_control().unwrap(), &b"\x88\x02\x03\xf5"[..]);
    assert_eq!(decode(&mut socket, &masked(0x89, b"x"), 100), (vec![], None));
    assert_eq!(socket.poll_control(), None, "no pong");
    socket.close(CloseCode::NORMAL);
    assert_eq!(socket.poll_control(), None, "no second close");
}
