use rtspan_core::wire::{Decoder, DecoderLimits, Item, Message};

use super::trouble::Trouble;

/// Bytes of a payload that are shown even when it comes in pieces: they hold an RTP sequence number.
const START: usize = 4;
/// A message longer than this is none.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// A piece of what a connection carries.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Piece<'a> {
    /// An interleaved frame: its channel, the length of its payload, and as much of the payload as has come with it, at
    /// least the first four bytes if it has them.
    Frame {
        channel: u8,
        len: usize,
        start: &'a [u8],
    },
    Message(Message),
}

/// Cuts the bytes of a connection into frames, whose payloads it passes over, and messages.
///
/// It keeps nothing of a frame but how much of it is still to come.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// Bytes to pass over.
    skip: usize,
    /// An item that has begun, and of which too little has come.
    held: Vec<u8>,
}

/// The item in front.
enum Front {
    Incomplete,
    Frame { channel: u8, len: usize },
    Message { len: usize },
}

impl Splitter {
    /// Takes what was read, and gives each item to `each` until that fails.
    pub(super) fn split(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(Piece<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        loop {
            let passed = self.skip.min(bytes.len());
            self.skip -= passed;
            bytes = &bytes[passed..];
            if bytes.is_empty() {
                return Ok(());
            }
            if self.held.is_empty() {
                let taken = take_front(bytes, &mut each)?;
                if taken == 0 {
                    self.held.extend_from_slice(bytes);
                    return Ok(());
                }
                self.skip = taken;
            } else {
                let before = self.held.len();
                // The beginning of a frame is short; a message is held as a whole.
                let more = if self.held[0] == b'$' { 4 + START - before } else { bytes.len() };
                self.held.extend_from_slice(&bytes[..more.min(bytes.len())]);
                let taken = take_front(&self.held, &mut each)?;
                if taken == 0 {
                    if self.held.len() > MESSAGE_BYTES_MAX {
                        return Err(Trouble::Garbled);
                    }
                    bytes = &bytes[self.held.len() - before..];
                } else {
                    self.held.clear();
                    self.skip = taken - before;
                }
            }
        }
    }
}

/// Gives what stands in front of `bytes`, and says how long it is; 0 if too little of it is there.
fn take_front(
    bytes: &[u8],
    each: &mut impl FnMut(Piece<'_>) -> Result<(), Trouble>,
) -> Result<usize, Trouble> {
    match front(bytes) {
        Front::Incomplete => Ok(0),
        Front::Frame { channel, len } => {
            let end = bytes.len().min(4 + len);
            each(Piece::Frame { channel, len, start: &bytes[4..end] })?;
            Ok(4 + len)
        }
        Front::Message { len } => {
            let mut decoder = Decoder::new(DecoderLimits::default());
            decoder.feed(&bytes[..len]);
            if let Some(Item::Message(message)) = decoder.poll().map_err(|_| Trouble::Garbled)? {
                each(Piece::Message(message))?;
            }
            Ok(len)
        }
    }
}

fn front(bytes: &[u8]) -> Front {
    if let [b'$', rest @ ..] = bytes {
        return match *rest {
            [channel, high, low, ref start @ ..] => {
                let len = usize::from(u16::from_be_bytes([high, low]));
                if start.len() >= len.min(START) { Front::Frame { channel, len } } else { Front::Incomplete }
            }
            _ => Front::Incomplete,
        };
    }
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
        return Front::Incomplete;
    };
    let len = head.saturating_add(content_length(&bytes[..head]));
    if bytes.len() >= len { Front::Message { len } } else { Front::Incomplete }
}

fn content_length(head: &[u8]) -> usize {
    let lines = head.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let mut values = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    values.next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-length: 4\r\n\r\nbody\
        $\x02\x00\x06\x80\x60\x01\x02ab$\x03\x00\x00$\x02\x00\x03abcRTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n\
        $\x02\x00\x05\x80\x60\x01\x03c";

    fn split(parts: &[&[u8]]) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut pieces = Vec::new();
        for part in parts {
            let each = |piece: Piece<'_>| {
                pieces.push(match piece {
                    Piece::Frame { channel, len, start } => {
                        format!("{channel} {len} {:?}", &start[..len.min(START)])
                    }
                    Piece::Message(Message::Response(response)) => {
                        format!("{:?} {:?}", response.cseq(), response.body)
                    }
                    Piece::Message(request) => panic!("{request:?}"),
                });
                Ok(())
            };
            splitter.split(part, each).unwrap();
        }
        pieces
    }

    #[test]
    fn pieces_are_the_same_wherever_the_bytes_are_cut() {
        let whole = split(&[STREAM]);
        assert_eq!(
            whole,
            [
                "Some(1) b\"body\"",
                "2 6 [128, 96, 1, 2]",
                "3 0 []",
                "2 3 [97, 98, 99]",
                "Some(2) b\"\"",
                "2 5 [128, 96, 1, 3]"
            ]
        );
        for first in 0..=STREAM.len() {
            for second in first..=STREAM.len() {
                assert_eq!(split(&[&STREAM[..first], &STREAM[first..second], &STREAM[second..]]), whole);
            }
        }
        assert_eq!(split(&STREAM.chunks(1).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn what_is_no_rtsp_is_an_error() {
        let mut splitter = Splitter::default();
        let none = |piece: Piece<'_>| panic!("{piece:?}");
        splitter.split(b"\r\nHTTP/1.0 200 OK\r\n\r\n", none).unwrap_err();
    }
}
