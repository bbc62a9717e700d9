//! Tunnels over HTTP: the cuts between bytes change nothing, answers cannot be split by what was asked, and base64 is read
//! back as it was written.

use std::io::IoSlice;

use bytes::BytesMut;
use rtspan_core::tunnel::http::{self, Base64Decoder, Base64Error, Request, RequestError, RequestKind};
use rtspan_core::tunnel::websocket::{self, Origins};
use rtspan_core::tunnel::{Decoded, Greeting};

use super::input::Input;

/// Takes the bytes for the beginning of a connection of either role, and for the body of a POST.
pub fn run(data: &[u8]) {
    greeting(data);
    request(data);
    answer(data);
    let whole = decode(data, usize::MAX);
    for portion in [1, 3, 97] {
        assert_eq!(decode(data, portion), whole, "in portions of {portion}");
    }
    round_trip(data);
}

/// The protocol that the bytes begin is told once, and the same when more comes.
fn greeting(data: &[u8]) {
    let told = Greeting::of(data);
    let first = (0..=data.len()).find_map(|cut| Greeting::of(&data[..cut]));
    assert_eq!(first, told);
    assert_eq!(Greeting::header_of_proxy(&[b"PROXY UNKNOWN\r\n", data].concat()), Some((15, None)));
}

fn request(data: &[u8]) {
    let read = Request::parse(data).transpose();
    assert_eq!((0..=data.len()).find_map(|cut| Request::parse(&data[..cut]).transpose()), read);
    match read {
        None => {}
        Some(Err(error)) => {
            let is_bound =
                matches!(error, RequestError::HeadTooLong { .. } | RequestError::TooManyHeaders { .. });
            assert!(!is_bound || data.len() > 300, "{error} of {} bytes", data.len());
            is_whole(&error.answer(), 1);
        }
        Some(Ok((request, len))) => {
            assert!(len <= data.len() && request.target().starts_with('/'), "{request:?}");
            if let RequestKind::WebSocket(upgrade) = request.kind() {
                match upgrade.accept(&Origins::default()) {
                    Ok(accepted) => is_whole(&accepted.answer, 0),
                    Err(error) => is_whole(&error.answer(), 1),
                }
            }
        }
    }
}

/// A head with an empty line behind it, and a body of that many lines.
fn is_whole(answer: &[u8], lines: usize) {
    let text = std::str::from_utf8(answer).expect("an answer is text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head has an end");
    assert!(head.starts_with("HTTP/1.1 ") && !head.contains("\n\n"), "{head}");
    assert_eq!(body.matches('\n').count(), lines, "{body}");
    assert!(body.is_empty() || head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{text}");
}

fn answer(data: &[u8]) {
    let prefixes = || (0..=data.len()).map(|cut| &data[..cut]);
    let tunnel = http::Handshake::new("h", "/", [7; 32]);
    assert_eq!(prefixes().find_map(|data| tunnel.check(data).transpose()), tunnel.check(data).transpose());
    let socket = websocket::Handshake::new("h", "/", [7; 32]);
    assert_eq!(prefixes().find_map(|data| socket.check(data).transpose()), socket.check(data).transpose());
}

fn decode(text: &[u8], size: usize) -> (Vec<u8>, Option<Base64Error>) {
    let (mut decoder, mut out, mut failed) = (Base64Decoder::default(), Vec::new(), None);
    for portion in text.chunks(size) {
        let mut portion = portion.to_vec();
        let Decoded { len, end, .. } = decoder.decode(&mut portion);
        assert!(failed.is_none() || (len, end) == (0, failed), "a failure stays");
        out.extend_from_slice(&portion[..len]);
        failed = end;
    }
    (out, failed)
}

fn round_trip(data: &[u8]) {
    let (mut text, mut expected, mut input) = (BytesMut::new(), Vec::new(), Input::new(data));
    while !input.is_empty() {
        let (one, other) = (input.chunk(), input.chunk());
        http::encode_base64(&[IoSlice::new(one), IoSlice::new(other)], &mut text);
        expected.extend_from_slice(&[one, other].concat());
    }
    assert_eq!(decode(&text, 1 + data.len()), (expected, None));
}
