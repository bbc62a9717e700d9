//! The WebSockets of this library against those of another one, tungstenite, in both roles.
#![cfg(unix)]

use std::io::{IoSlice, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use rtspan_core::tunnel::http::{Request, RequestKind};
use rtspan_core::tunnel::websocket::{
    CloseCode, End, FrameHeader, Handshake, ONVIF_PROTOCOL, Origins, WebSocket,
};
use tungstenite::handshake::server::{Request as TheirRequest, Response};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode as TheirCode;
use tungstenite::{ClientRequestBuilder, Message};

/// Lengths at which headers change, and beyond.
const LENGTHS: [usize; 8] = [0, 1, 125, 126, 1_416, 65_535, 65_536, 300_000];
const PROTOCOL: &str = "Sec-WebSocket-Protocol";

fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    for socket in [&ours, &theirs] {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    }
    (ours, theirs)
}

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// The head in front of what is read, as `parse` sees it, and what has come behind it.
fn read_head<T>(socket: &mut UnixStream, parse: impl Fn(&[u8]) -> Option<(T, usize)>) -> (T, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
        if let Some((parsed, len)) = parse(&bytes) {
            return (parsed, bytes.split_off(len));
        }
    }
}

/// Reads until the peer has closed; gives what it has said in messages.
fn read_all(socket: &mut UnixStream, ours: &mut WebSocket, mut bytes: Vec<u8>) -> (Vec<u8>, End) {
    let mut said = Vec::new();
    loop {
        let decoded = ours.decode(&mut bytes);
        said.extend_from_slice(&bytes[..decoded.len]);
        while let Some(control) = ours.poll_control() {
            socket.write_all(&control).unwrap();
        }
        if let Some(end) = decoded.end {
            return (said, end);
        }
        bytes.resize(10_000, 0);
        let read = socket.read(&mut bytes).unwrap();
        assert!(read > 0, "the peer is gone");
        bytes.truncate(read);
    }
}

#[test]
fn a_server_understands_tungstenite() {
    let (mut socket, theirs) = pair();
    let client = thread::spawn(move || {
        let request = ClientRequestBuilder::new("ws://camera/cam?a=b".parse().unwrap())
            .with_sub_protocol(ONVIF_PROTOCOL);
        let (mut client, response) = tungstenite::client(request, theirs).unwrap();
        assert_eq!(response.headers()[PROTOCOL], ONVIF_PROTOCOL);
        // One side at a time: sockets hold less than all of it.
        for len in LENGTHS {
            assert_eq!(client.read().unwrap().into_data(), message(len), "{len}");
        }
        for len in LENGTHS {
            client.send(Message::Binary(message(len).into())).unwrap();
        }
        client.send(Message::Ping(b"ping".as_slice().into())).unwrap();
        assert_eq!(client.read().unwrap(), Message::Pong(b"ping".as_slice().into()));
        let frame = CloseFrame { code: TheirCode::Away, reason: "done".into() };
        client.close(Some(frame)).unwrap();
        // The answer has the code that was sent.
        let Message::Close(Some(answer)) = client.read().unwrap() else { panic!("a close") };
        assert_eq!(answer.code, TheirCode::Away);
    });

    let (request, rest) = read_head(&mut socket, |bytes| Request::parse(bytes).unwrap());
    assert_eq!(request.target(), "/cam?a=b");
    let RequestKind::WebSocket(upgrade) = request.kind() else { panic!("{request:?}") };
    socket.write_all(&upgrade.accept(&Origins::default()).unwrap().answer).unwrap();
    for len in LENGTHS {
        socket.write_all(&FrameHeader::binary(len)).unwrap();
        socket.write_all(&message(len)).unwrap();
    }
    let (said, end) = read_all(&mut socket, &mut WebSocket::server(), rest);
    assert_eq!(said, LENGTHS.map(message).concat());
    let End::Closed(close) = end else { panic!("{end:?}") };
    assert_eq!((close.code, &*close.reason), (Some(CloseCode::GOING_AWAY), "done"));
    client.join().unwrap();
}

#[test]
fn a_client_understands_tungstenite() {
    let (mut socket, theirs) = pair();
    let server = thread::spawn(move || {
        #[allow(clippy::result_large_err, reason = "the type is that of tungstenite")]
        let callback = |request: &TheirRequest, mut response: Response| {
            assert_eq!(request.headers()[PROTOCOL], ONVIF_PROTOCOL);
            response.headers_mut().insert(PROTOCOL, HeaderValue::from_static(ONVIF_PROTOCOL));
            Ok(response)
        };
        let mut server = tungstenite::accept_hdr(theirs, callback).unwrap();
        server.send(Message::Ping(b"ping".as_slice().into())).unwrap();
        for len in LENGTHS {
            assert_eq!(server.read().unwrap().into_data(), message(len), "{len}");
        }
        for len in LENGTHS {
            server.send(Message::Binary(message(len).into())).unwrap();
        }
        assert_eq!(server.read().unwrap(), Message::Pong(b"ping".as_slice().into()));
        server.close(None).unwrap();
        assert!(matches!(server.read().unwrap(), Message::Close(None)));
    });

    let handshake = Handshake::new("camera", "/cam", [7; 32]);
    socket.write_all(&handshake.request()).unwrap();
    let (confirmed, rest) = read_head(&mut socket, |bytes| {
        handshake.check(bytes).unwrap().map(|confirmed| (confirmed, confirmed.len))
    });
    assert!(confirmed.tolerances.is_empty(), "{confirmed:?}");
    let mut client = WebSocket::client([7; 32]);
    for len in LENGTHS {
        let (message, mut out) = (message(len), BytesMut::new());
        let (one, other) = message.split_at(len / 3);
        client.frame(&[IoSlice::new(one), IoSlice::new(other)], &mut out);
        socket.write_all(&out).unwrap();
    }
    let (said, end) = read_all(&mut socket, &mut client, rest);
    assert_eq!(said, LENGTHS.map(message).concat());
    assert!(matches!(end, End::Closed(ref close) if close.code.is_none()), "{end:?}");
    server.join().unwrap();
}
