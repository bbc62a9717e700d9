use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;

use bytes::Bytes;

use super::recent::{Place, Recent};
use crate::wire::{FRAME_HEADER_BYTES, Frame};

/// What waits to be written to one connection, in order: messages and interleaved frames, never cut.
///
/// It remembers how far a partial write got, so that a frame always leaves whole.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    items: VecDeque<Item>,
    /// The packets that are held on to for all who use the same memory, while it is lent.
    recent: Recent,
    is_lent: bool,
    /// Bytes of the first item that are already written.
    written: usize,
    /// Bytes that are still to be written.
    rest: usize,
    message_bytes: usize,
    frames: usize,
}

/// Memory for what waits to be written to a connection, to be lent to one that has something to write.
///
/// It also holds the packets that were pulled last, [`RECENT_PACKETS_MAX`](crate::limits::RECENT_PACKETS_MAX) at most:
/// readers that use it one behind the other do not have to hold on to them each.
#[derive(Debug, Default)]
pub struct Room {
    items: VecDeque<Item>,
    recent: Recent,
}

#[derive(Debug)]
enum Item {
    Message(Bytes),
    Frame([u8; 4], Payload),
    /// Packets whose frames stand one behind the other.
    Run(Range<usize>),
}

#[derive(Debug)]
enum Payload {
    Own(Bytes),
    Recent(usize),
}

impl Payload {
    fn bytes<'a>(&'a self, recent: &'a Recent) -> &'a Bytes {
        match self {
            Self::Own(payload) => payload,
            Self::Recent(index) => recent.packet(*index),
        }
    }
}

impl Item {
    /// What it is made of, one part behind the other.
    fn parts<'a>(&'a self, recent: &'a Recent) -> [&'a [u8]; 2] {
        match self {
            Self::Message(message) => [&[], message],
            Self::Frame(header, payload) => [header, payload.bytes(recent)],
            Self::Run(run) => [&[], recent.frames(run.clone())],
        }
    }

    /// Bytes of the message or of the first frame.
    fn unit(&self, recent: &Recent) -> usize {
        match self {
            Self::Message(message) => message.len(),
            Self::Frame(header, payload) => header.len().saturating_add(payload.bytes(recent).len()),
            Self::Run(run) => recent.frames(run.start..run.start.saturating_add(1)).len(),
        }
    }
}

/// Slices, and how many of them are filled; what there is no slice for is left out.
struct Filled<'s, 'a> {
    slices: &'s mut [IoSlice<'a>],
    count: usize,
}

impl<'a> Filled<'_, 'a> {
    fn push(&mut self, bytes: &'a [u8]) {
        if let (false, Some(slice)) = (bytes.is_empty(), self.slices.get_mut(self.count)) {
            *slice = IoSlice::new(bytes);
            self.count = self.count.saturating_add(1);
        }
    }

    fn is_full(&self) -> bool {
        self.count >= self.slices.len()
    }
}

impl Outbox {
    /// Appends an encoded message.
    pub(crate) fn push_message(&mut self, message: Bytes) {
        self.message_bytes = self.message_bytes.saturating_add(message.len());
        self.rest = self.rest.saturating_add(message.len());
        self.items.push_back(Item::Message(message));
    }

    /// Appends an interleaved frame; a payload that its 16-bit length cannot hold is left out, and `false` comes back.
    pub(crate) fn push_frame(&mut self, channel: u8, payload: Bytes) -> bool {
        let len = payload.len();
        self.push(channel, len, Payload::Own(payload))
    }

    /// Appends a packet, as [`push_frame`](Self::push_frame) does, that others are going to append as well.
    #[inline]
    pub(crate) fn push_packet(&mut self, channel: u8, packet: &Bytes) -> bool {
        let place = if self.is_lent { self.recent.place(channel, packet) } else { None };
        match place {
            None => self.push(channel, packet.len(), Payload::Own(packet.clone())),
            Some(Place { index, is_framed: false }) => {
                self.push(channel, packet.len(), Payload::Recent(index))
            }
            Some(Place { index, is_framed: true }) => {
                self.count_frame(packet.len());
                let behind = index.saturating_add(1);
                match self.items.back_mut() {
                    Some(Item::Run(run)) if run.end == index => run.end = behind,
                    _ => self.items.push_back(Item::Run(index..behind)),
                }
                true
            }
        }
    }

    fn push(&mut self, channel: u8, len: usize, payload: Payload) -> bool {
        let Ok(short) = u16::try_from(len) else { return false };
        self.count_frame(len);
        self.items.push_back(Item::Frame(Frame::header(channel, short), payload));
        true
    }

    #[inline]
    fn count_frame(&mut self, len: usize) {
        self.frames = self.frames.saturating_add(1);
        self.rest = self.rest.saturating_add(FRAME_HEADER_BYTES).saturating_add(len);
    }

    /// Fills `slices` from the front with what is to be written, and says how many it filled.
    pub(crate) fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = Filled { slices, count: 0 };
        let mut skip = self.written;
        for item in &self.items {
            for part in item.parts(&self.recent) {
                filled.push(part.get(skip..).unwrap_or_default());
                skip = skip.saturating_sub(part.len());
            }
            if filled.is_full() {
                break;
            }
        }
        filled.count
    }

    /// Takes out `n` bytes that were written.
    pub(crate) fn handle_written(&mut self, n: usize) {
        self.rest = self.rest.saturating_sub(n);
        if self.rest == 0 {
            self.items.clear();
            (self.written, self.message_bytes, self.frames) = (0, 0, 0);
            self.recent.release();
            return;
        }
        self.written = self.written.saturating_add(n);
        while let Some(first) = self.items.front_mut() {
            let len = first.unit(&self.recent);
            if self.written < len {
                return;
            }
            self.written = self.written.saturating_sub(len);
            match first {
                Item::Message(_) => self.message_bytes = self.message_bytes.saturating_sub(len),
                Item::Frame(..) => self.frames = self.frames.saturating_sub(1),
                Item::Run(run) => {
                    self.frames = self.frames.saturating_sub(1);
                    run.start = run.start.saturating_add(1);
                    if run.start < run.end {
                        continue;
                    }
                }
            }
            self.items.pop_front();
        }
    }

    /// Uses this memory, if nothing waits in its own.
    pub(crate) fn lend(&mut self, room: Room) {
        if self.is_empty() {
            (self.items, self.recent, self.is_lent) = (room.items, room.recent, true);
            self.recent.restart();
        }
    }

    /// Gives lent memory back, except what something waits in.
    pub(crate) fn take_room(&mut self) -> Option<Room> {
        if !std::mem::take(&mut self.is_lent) {
            return None;
        }
        let recent = std::mem::take(&mut self.recent);
        if self.is_empty() {
            return Some(Room { items: std::mem::take(&mut self.items), recent });
        }
        let own = |index: usize| Payload::Own(recent.packet(index).clone());
        for item in std::mem::take(&mut self.items) {
            match item {
                Item::Frame(header, Payload::Recent(index)) => {
                    self.items.push_back(Item::Frame(header, own(index)));
                }
                Item::Run(run) => {
                    let frames = run.map(|index| Item::Frame(recent.header(index), own(index)));
                    self.items.extend(frames);
                }
                item => self.items.push_back(item),
            }
        }
        Some(Room { items: VecDeque::new(), recent })
    }

    /// Bytes of the messages that wait; frames are not counted.
    pub(crate) fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    /// Frames that wait.
    #[inline]
    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Outbox {
        let mut outbox = Outbox::default();
        outbox.push_message(Bytes::from_static(b"RTSP/1.0 200 OK\r\n\r\n"));
        assert!(outbox.push_frame(2, Bytes::from_static(b"payload")));
        assert!(outbox.push_frame(3, Bytes::new()));
        outbox.push_message(Bytes::from_static(b"OPTIONS"));
        outbox
    }

    fn drain(outbox: &mut Outbox, slices: usize, at_once: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !outbox.is_empty() {
            let mut buffers = vec![IoSlice::new(&[]); slices];
            let filled = outbox.io_slices(&mut buffers);
            assert!(filled > 0);
            let bytes: Vec<u8> = buffers[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
            let n = bytes.len().min(at_once);
            all.extend_from_slice(&bytes[..n]);
            outbox.handle_written(n);
        }
        all
    }

    #[test]
    fn any_partial_write_gives_the_same_bytes() {
        let whole = b"RTSP/1.0 200 OK\r\n\r\n$\x02\x00\x07payload$\x03\x00\x00OPTIONS";
        for at_once in 1..=whole.len() {
            for slices in 1..8 {
                let mut outbox = filled();
                assert_eq!(drain(&mut outbox, slices, at_once), whole, "{at_once} bytes, {slices} slices");
                assert_eq!((outbox.message_bytes(), outbox.frames()), (0, 0));
            }
        }
    }

    #[test]
    fn a_frame_that_its_length_field_cannot_hold_is_left_out() {
        let mut outbox = Outbox::default();
        assert!(!outbox.push_frame(0, Bytes::from(vec![0; 65536])));
        assert!(outbox.push_frame(0, Bytes::from(vec![0; 65535])));
        assert_eq!(outbox.frames(), 1);
    }

    #[test]
    fn memory_goes_from_one_to_the_next_unless_something_waits_in_it() {
        let mut first = Outbox::default();
        first.lend(Room::default());
        first.push_message(Bytes::from_static(b"x"));
        drain(&mut first, 8, usize::MAX);
        let room = first.take_room().unwrap();
        let memory = room.items.capacity();
        assert!(memory > 0 && first.items.capacity() == 0);
        assert!(first.take_room().is_none(), "nothing is lent");
        let mut second = Outbox::default();
        second.lend(room);
        second.push_message(Bytes::from_static(b"y"));
        second.lend(Room::default());
        assert_eq!(second.items.capacity(), memory);
        assert_eq!(second.take_room().unwrap().items.capacity(), 0);
        assert_eq!(drain(&mut second, 1, 1), b"y");
    }

    #[test]
    fn packets_that_others_write_as_well_are_the_same_bytes_however_far_each_gets() {
        let block = Bytes::from((0..40).collect::<Vec<u8>>());
        let packets = [0, 10, 20, 30].map(|from| block.slice(from..from + 10));
        let expected: Vec<u8> =
            packets.iter().flat_map(|packet| [&[b'$', 4, 0, 10], &packet[..]].concat()).collect();
        for (readers_before, slices_filled) in [(0, 8), (1, 1), (2, 1)] {
            for at_once in 1..=expected.len() {
                let mut room = Room::default();
                for _ in 0..readers_before {
                    let mut outbox = Outbox::default();
                    outbox.lend(room);
                    assert!(packets.iter().all(|packet| outbox.push_packet(4, packet)));
                    outbox.handle_written(expected.len());
                    room = outbox.take_room().unwrap();
                }
                let mut outbox = Outbox::default();
                outbox.lend(room);
                assert!(packets.iter().all(|packet| outbox.push_packet(4, packet)));
                let mut buffers = [IoSlice::new(&[]); 9];
                let filled = outbox.io_slices(&mut buffers);
                assert_eq!(filled, slices_filled, "what is one behind the other is one slice");
                let mut written: Vec<u8> =
                    buffers[..filled].iter().flat_map(|slice| slice.iter().copied()).take(at_once).collect();
                outbox.handle_written(at_once);
                if at_once % 2 == 0 {
                    // The socket has no room for the rest, and another connection goes on with the memory.
                    let mut other = Outbox::default();
                    other.lend(outbox.take_room().unwrap());
                    assert!(other.push_packet(4, &Bytes::from(vec![1; 10])));
                }
                written.extend(drain(&mut outbox, 8, 7));
                assert_eq!(written, expected, "{at_once} bytes at once");
            }
        }
    }

    #[test]
    fn frames_messages_and_packets_without_a_frame_keep_their_order() {
        let packets = [1, 2, 3].map(|byte| Bytes::from(vec![byte; 3]));
        let mut room = Room::default();
        for slices_filled in [7, 3, 3] {
            let mut outbox = Outbox::default();
            outbox.lend(room);
            assert!(outbox.push_packet(0, &packets[0]));
            assert!(outbox.push_packet(0, &packets[1]));
            outbox.push_message(Bytes::from_static(b"OPTIONS"));
            assert!(outbox.push_packet(0, &packets[2]));
            let mut buffers = [IoSlice::new(&[]); 9];
            assert_eq!(outbox.io_slices(&mut buffers), slices_filled);
            let whole = b"$\x00\x00\x03\x01\x01\x01$\x00\x00\x03\x02\x02\x02OPTIONS$\x00\x00\x03\x03\x03\x03";
            for slices in 1..5 {
                let mut buffers = vec![IoSlice::new(&[]); slices];
                let filled = outbox.io_slices(&mut buffers);
                let bytes: Vec<u8> =
                    buffers[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
                assert!(whole.starts_with(&bytes) && filled > 0, "{slices} slices");
            }
            assert_eq!(drain(&mut outbox, 2, 5), whole);
            room = outbox.take_room().unwrap();
        }
    }

    #[test]
    fn more_written_than_there_was_is_harmless() {
        let mut outbox = filled();
        outbox.handle_written(usize::MAX);
        assert!(outbox.is_empty());
        outbox.push_message(Bytes::from_static(b"x"));
        assert_eq!(drain(&mut outbox, 1, 1), b"x");
    }
}
