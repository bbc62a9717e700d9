//! The message decoder: the cuts between bytes change nothing, and a message is written so that it reads the same.

use bytes::Bytes;
use rtspan_core::wire::{Decoder, DecoderLimits, Frame, Item, Message, WireError, name};

/// Reads the bytes in portions of several sizes, and writes every message again.
pub fn run(data: &[u8]) {
    let (seed, data) = data.split_first().map_or((0, data), |(seed, data)| (*seed, data));
    let whole = read(data, |_| usize::MAX, false);
    assert_eq!(read(data, |_| 1, false), whole, "byte by byte");
    let mut state = u32::from(seed);
    let odd = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1 + (state >> 24) as usize % 97
    };
    assert_eq!(read(data, odd, false), whole, "in odd portions");
    assert_eq!(read(data, |at| 1 + at % 7, true), whole, "with messages paused");
    for item in &whole.0 {
        match item {
            Item::Message(message) => round_trip(message),
            Item::Frame(Frame { channel, payload }) => {
                let len = u16::try_from(payload.len()).expect("a frame's length has 16 bits");
                let bytes = [&Frame::header(*channel, len)[..], payload].concat();
                let (items, error) = read(&bytes, |_| usize::MAX, false);
                assert_eq!((items.first(), error), (Some(item), None));
            }
        }
    }
}

/// Limits that short inputs reach.
fn limits() -> DecoderLimits {
    DecoderLimits::default().head_bytes(1024).headers(40).body_bytes(1024).garbage_bytes(256)
}

type Read = (Vec<Item>, Option<WireError>);

/// The items of `data` in portions of `size` of the offset.
fn read(mut data: &[u8], mut size: impl FnMut(usize) -> usize, with_pauses: bool) -> Read {
    let mut decoder = Decoder::new(limits());
    let mut items = Vec::new();
    let mut at = 0;
    while !data.is_empty() {
        let (portion, rest) = data.split_at(size(at).min(data.len()));
        decoder.feed(portion);
        (at, data) = (at + portion.len(), rest);
        decoder.set_pause_messages(with_pauses);
        loop {
            match decoder.poll() {
                Ok(Some(item)) => items.push(item),
                Ok(None) if decoder.is_held() => decoder.set_pause_messages(false),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.poll(), Err(error.clone()), "a failure stays");
                    return (items, Some(error));
                }
            }
        }
        // A message with head and body at their limits, and one byte less than another head.
        assert!(decoder.buffered() <= 2048 + 65_540, "{} bytes are held", decoder.buffered());
        assert!(decoder.offset() + decoder.buffered() as u64 <= at as u64);
    }
    (items, None)
}

/// A message that was written reads the same, and writing it again changes nothing.
fn round_trip(message: &Message) {
    let read = again(message);
    assert_eq!(contents(&read), contents(message));
    assert_eq!(again(&read), read);
}

fn again(message: &Message) -> Message {
    let written = message.to_bytes();
    let mut decoder = Decoder::default();
    decoder.feed(&written);
    let Ok(Some(Item::Message(read))) = decoder.poll() else {
        panic!("{:?} is no message", written.escape_ascii().to_string())
    };
    assert_eq!(decoder.buffered(), 0);
    read
}

/// The contents of a message: headers by name, since CSeq is written first and once, and nothing that cannot be written.
fn contents(message: &Message) -> (String, Vec<(String, String)>, Bytes) {
    let plain = |text: &str| text.replace(|c: char| c.is_ascii_control(), "");
    let (start, body) = match message {
        Message::Request(request) => {
            (format!("{} {}", request.method, plain(&request.uri.replace(' ', "%20"))), request.body.clone())
        }
        Message::Response(response) => (
            format!("{} {}", response.status.as_u16(), plain(&response.reason).trim()),
            response.body.clone(),
        ),
    };
    let mut headers: Vec<(String, String)> =
        message.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    headers.dedup_by(|(later, _), (first, _)| later == first && later == name::CSEQ);
    (start, headers, body)
}
