//! Frames of WebSockets: the cuts between bytes change nothing, nothing that comes out is longer than what went in, and what one
//! end writes the other reads.

use std::io::IoSlice;

use bytes::BytesMut;
use rtspan_core::tunnel::websocket::{End, WebSocket};

use super::input::Input;

/// Of the first byte, the lowest bit says whether a server reads or a client, and all of them how the bytes are cut.
pub fn run(data: &[u8]) {
    let (seed, data) = data.split_first().map_or((0, data), |(seed, data)| (*seed, data));
    let new = || match seed & 1 {
        0 => WebSocket::server().with_message_limit(1000),
        _ => WebSocket::client([7; 32]).with_message_limit(1000),
    };
    let whole = read(new(), data, |_| usize::MAX);
    assert_eq!(read(new(), data, |_| 1), whole, "byte by byte");
    assert_eq!(read(new(), data, |at| 1 + (at * 7 + usize::from(seed)) % 97), whole, "in odd portions");
    round_trip(seed, data);
}

/// The bytes that came out, the end, and the bytes to be written back.
type Read = (Vec<u8>, Option<End>, Vec<u8>);

fn read(mut socket: WebSocket, mut data: &[u8], mut size: impl FnMut(usize) -> usize) -> Read {
    let (mut out, mut at, mut ended) = (Vec::new(), 0, None);
    while !data.is_empty() {
        let (portion, rest) = data.split_at(size(at).min(data.len()));
        (at, data) = (at + portion.len(), rest);
        let mut portion = portion.to_vec();
        let decoded = socket.decode(&mut portion);
        assert!(ended.is_none() || (decoded.len, &decoded.end) == (0, &ended), "an end stays");
        out.extend_from_slice(&portion[..decoded.len]);
        ended = decoded.end;
    }
    let written: Vec<u8> = std::iter::from_fn(|| socket.poll_control()).flatten().collect();
    assert!(written.len() <= 2 * (125 + 6), "one pong and one close at most: {} bytes", written.len());
    (out, ended, written)
}

/// Both ends take the bytes in messages of several lengths, and each reads what the other writes.
fn round_trip(seed: u8, data: &[u8]) {
    for (mut writer, reader) in [
        (WebSocket::client([seed; 32]), WebSocket::server()),
        (WebSocket::server(), WebSocket::client([seed; 32])),
    ] {
        let (mut frames, mut expected, mut input) = (BytesMut::new(), Vec::new(), Input::new(data));
        while !input.is_empty() {
            let (one, other) = (input.chunk(), input.chunk());
            writer.frame(&[IoSlice::new(one), IoSlice::new(other)], &mut frames);
            expected.extend_from_slice(&[one, other].concat());
        }
        let portion = 1 + usize::from(seed);
        assert_eq!(read(reader, &frames, |_| portion), (expected, None, Vec::new()));
    }
}
