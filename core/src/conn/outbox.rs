use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;

use bytes::Bytes;

use super::recent::{Place, Recent};
use crate::wire::{FRAME_HEADER_BYTES, Frame};

/// The messages and interleaved frames that wait to be written to one connection, in order and never cut.
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
    /// A frame in memory of its own.
    Kept(Bytes),
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
    /// The parts of the item, one behind the other.
    fn parts<'a>(&'a self, recent: &'a Recent) -> [&'a [u8]; 2] {
        match self {
            Self::Message(bytes) | Self::Kept(bytes) => [&[], bytes],
            Self::Frame(header, payload) => [header, payload.bytes(recent)],
            Self::Run(run) => [&[], recent.frames(run.clone())],
        }
    }

    /// Bytes of the message or of the first frame.
    fn unit(&self, recent: &Recent) -> usize {
        match self {
            Self::Message(bytes) | Self::Kept(bytes) => bytes.len(),
            Self::Frame(header, payload) => header.len().saturating_add(payload.bytes(recent).len()),
            Self::Run(run) => recent.frames(run.start..run.start.saturating_add(1)).len(),
        }
    }
}

/// Slices, and how many of them are filled; parts without a slice are left out.
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
        // Both are bounded: by what a connection may have waiting, and by what there is in memory.
        self.frames = self.frames.wrapping_add(1);
        self.rest = self.rest.wrapping_add(FRAME_HEADER_BYTES).wrapping_add(len);
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
                Item::Frame(..) | Item::Kept(_) => self.frames = self.frames.saturating_sub(1),
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

    /// Bytes that are still to be written.
    pub(super) fn rest(&self) -> usize {
        self.rest
    }

    /// The frames that are not wholly written, the first of them perhaps in part: where each ends, counted from what is
    /// written, its channel and its payload.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = (usize, u8, &[u8])> {
        let mut end = 0_usize;
        let units = self.items.iter().flat_map(|item| {
            match item {
                Item::Run(run) => run.clone().map(Some).collect(),
                _ => vec![None],
            }
            .into_iter()
            .map(move |index| (item, index))
        });
        units.filter_map(move |(item, index)| {
            let [head, body] = match index {
                Some(index) => [&[], self.recent.frames(index..index.saturating_add(1))],
                None => item.parts(&self.recent),
            };
            end = end.saturating_add(head.len()).saturating_add(body.len());
            let (header, payload) = match (item, body.split_at_checked(FRAME_HEADER_BYTES)) {
                (Item::Message(_), _) | (Item::Run(_) | Item::Kept(_), None) => return None,
                (Item::Run(_) | Item::Kept(_), Some(frame)) => frame,
                (Item::Frame(..), _) => (head, body),
            };
            Some((end.saturating_sub(self.written), *header.get(1)?, payload))
        })
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
        if self.is_empty() {
            let recent = std::mem::take(&mut self.recent);
            return Some(Room { items: std::mem::take(&mut self.items), recent });
        }
        self.own_frames();
        Some(Room { items: VecDeque::new(), recent: std::mem::take(&mut self.recent) })
    }

    /// Takes out those frames of which `is_dropped` says so by channel and payload, from the last one on, but not what is
    /// in front: that may have begun to leave, and is what the socket is waited for with.
    pub(crate) fn drop_frames(&mut self, mut is_dropped: impl FnMut(u8, &Bytes) -> bool) {
        self.own_frames();
        let mut rest = VecDeque::new();
        while self.items.len() > 1 {
            match self.items.pop_back() {
                Some(Item::Frame([_, channel, ..], Payload::Own(payload)))
                    if is_dropped(channel, &payload) =>
                {
                    let len = FRAME_HEADER_BYTES.saturating_add(payload.len());
                    self.frames = self.frames.saturating_sub(1);
                    self.rest = self.rest.saturating_sub(len);
                }
                item => item.into_iter().for_each(|item| rest.push_front(item)),
            }
        }
        self.items.append(&mut rest);
    }

    /// Copies the frames that wait to memory of their own: no block is held for them, and none is
    /// [taken out](Self::drop_frames) from then on.
    pub(crate) fn keep_frames(&mut self) {
        if self.frames == 0 {
            return;
        }
        self.own_frames();
        for item in &mut self.items {
            if let Item::Frame(header, Payload::Own(payload)) = item {
                *item = Item::Kept([&header[..], payload].concat().into());
            }
        }
        self.items.shrink_to_fit();
    }

    /// Takes references of its own of what others write as well.
    fn own_frames(&mut self) {
        let recent = &self.recent;
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
mod tests;
