use std::mem;

use bytes::{Bytes, BytesMut};

use super::block::Block;
use super::head::{Head, Search, check_start_line, find_cseq};
use super::start::{self, Start};
use super::{DecoderLimits, FRAME_HEADER_BYTES, Frame, Item, Message, MessageKind, Protocol, WireError};
use crate::{Tolerance, Tolerances};

/// Gives the messages and frames in the bytes of a connection.
///
/// Bytes come in by [`read_buf`](Self::read_buf) and [`handle_read`](Self::handle_read), in any
/// portions; [`poll`](Self::poll) gives the items. An item that has not come as a whole is not read
/// anew when more comes.
///
/// ```text
///          ┌────────────── garbage: skipped, counted, bounded ─────────────┐
///          ▼                                                               │
/// first ▶ start ── `$` ── frame whole ──▶ Item::Frame ──▶ start             │
///          ├── start line ──▶ head ── empty line ──▶ body ── whole ──▶ Item::Message ──▶ start
///          └── neither ────────────────────────────────────────────────────┘
/// any ── framing broken ──▶ failed
/// ```
///
/// After garbage (Canon VB-H47 sends some between frames) the next item is found by `$` and a known
/// channel, by a status line or by a method of RFC 2326.
#[derive(Debug)]
pub struct Decoder {
    limits: DecoderLimits,
    channels: Option<Vec<u8>>,
    /// The stream has to begin with an item.
    strict: bool,
    paused: bool,

    block: Block,
    state: State,
    /// Bytes of the item in front, once its length is known; else 0.
    need: usize,
    /// A whole message is in front and messages are paused.
    held: bool,
    /// Bytes of garbage since the last item; above 0 the stream is out of step.
    garbage: usize,

    offset: u64,
    skipped: u64,
    tolerances: Tolerances,
}

#[derive(Debug)]
enum State {
    /// Nothing but line ends has come yet.
    First,
    Start,
    Head {
        kind: MessageKind,
        search: Search,
        /// The start line has come, and may be that of a message.
        begins_well: bool,
    },
    /// Rare, and so not a part of every connection.
    Body {
        message: Box<Message>,
        bytes: usize,
    },
    Failed(WireError),
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: DecoderLimits) -> Self {
        Self {
            limits,
            channels: None,
            strict: false,
            paused: false,
            block: Block::new(),
            state: State::First,
            need: 0,
            held: false,
            garbage: 0,
            offset: 0,
            skipped: 0,
            tolerances: Tolerances::NONE,
        }
    }

    /// Takes nothing but an item for the beginning of the stream, as a server may; cameras may begin with garbage.
    pub fn set_strict_beginning(&mut self) {
        self.strict = true;
    }

    /// Room to read into, never empty.
    ///
    /// Memory is taken here: call it when there is something to read. Read only as long as
    /// [`is_held`](Self::is_held) says no, or what is buffered grows.
    pub fn read_buf(&mut self) -> &mut [u8] {
        self.block.room(self.need)
    }

    /// Takes the first `n` bytes of [`read_buf`](Self::read_buf) as read.
    pub fn handle_read(&mut self, n: usize) {
        self.block.fill(n);
    }

    /// Lends the free part of the buffer to `read`, which appends the bytes that it reads. For runtimes that can read into
    /// uninitialised memory.
    ///
    /// The capacity is as large as the room of [`read_buf`](Self::read_buf); append no more than that.
    pub fn read_with<T>(&mut self, read: impl FnOnce(&mut BytesMut) -> T) -> T {
        self.block.read_with(self.need, read)
    }

    /// Reads into this memory as long as it has none of its own.
    pub(crate) fn lend(&mut self, memory: impl FnOnce() -> BytesMut) {
        self.block.lend(memory);
    }

    /// Gives lent memory back, except what something was taken out of that is held on to.
    pub(crate) fn take_lent(&mut self) -> Option<BytesMut> {
        self.block.take_lent()
    }

    /// Takes a copy of `bytes` as read.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = self.read_with(|into| {
                let room = into.capacity().saturating_sub(into.len());
                let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
                into.extend_from_slice(now);
                later
            });
        }
    }

    /// Gives the next whole item, or none before more has come.
    ///
    /// # Errors
    ///
    /// When the peer broke the framing; from then on every call gives the same error.
    pub fn poll(&mut self) -> Result<Option<Item>, WireError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        self.need = 0;
        self.held = false;
        if matches!(self.state, State::Start) && self.garbage == 0 {
            match self.block.as_slice().first() {
                None => return Ok(None),
                // Nearly all that comes while media flows.
                Some(b'$') => return Ok(self.frame()),
                Some(_) => {}
            }
        }
        let polled = self.advance();
        if let Err(error) = &polled {
            self.state = State::Failed(error.clone());
        }
        polled
    }

    /// The channel of the frame in front, if a whole frame is there, as it is nearly always while media flows. Then it can be
    /// [taken](Self::take_frame).
    ///
    /// [`poll`](Self::poll) puts an item together and moves it, and each move waits for the writes before it: that takes
    /// longer than all else that a frame needs, bar its reading and counting its owners.
    #[inline]
    pub(crate) fn next_frame(&mut self) -> Option<u8> {
        let is_due = matches!(self.state, State::Start) && self.garbage == 0;
        if is_due { self.whole_frame() } else { None }
    }

    /// Takes the frame in front, which is whole; gives its payload.
    #[inline]
    pub(crate) fn take_frame(&mut self) -> Bytes {
        let bytes = mem::take(&mut self.need);
        self.garbage = 0;
        self.count(bytes);
        self.block.take(FRAME_HEADER_BYTES, bytes.saturating_sub(FRAME_HEADER_BYTES))
    }

    /// Pauses messages: a whole one in front stays there, and so does all behind it.
    ///
    /// Frames in front of it still come out.
    pub fn set_pause_messages(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Sets the channels that frames may come on; only these count when the end of garbage is looked for.
    ///
    /// Frames on other channels are still given when they follow an item: servers built on live555 send
    /// those of sessions whose connection is gone.
    pub fn set_known_channels(&mut self, channels: impl IntoIterator<Item = u8>) {
        self.channels = Some(channels.into_iter().collect());
    }

    /// Takes note that so many bytes of the payloads that came out are held on to.
    ///
    /// As long as few are, payloads are copied, so that they do not keep alive the bytes that came with them.
    pub fn handle_kept(&mut self, bytes: usize) {
        self.block.keep(bytes);
    }

    /// Drops the first `n` bytes of what was read, which were taken in another way.
    pub(crate) fn discard(&mut self, n: usize) {
        self.skip(n.min(self.block.len()));
    }

    /// The deviations that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        mem::take(&mut self.tolerances)
    }

    /// Bytes that were read and are in no item yet.
    pub fn buffered(&self) -> usize {
        self.block.len()
    }

    /// The bytes that were read and are in no item yet, for applications that go on in another protocol after an error.
    pub fn buffered_bytes(&self) -> &[u8] {
        self.block.as_slice()
    }

    /// Returns `true` if an item has begun and is not whole, as of the last [`poll`](Self::poll).
    pub fn begun(&self) -> bool {
        match &self.state {
            State::Failed(_) => false,
            State::Body { .. } => !self.held,
            State::First | State::Start | State::Head { .. } => !self.held && self.block.len() > 0,
        }
    }

    /// Returns `true` if a whole message waits for the end of the pause, as of the last [`poll`](Self::poll).
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The place of the next byte that is in no item, in everything that was read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of garbage skipped so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn advance(&mut self) -> Result<Option<Item>, WireError> {
        loop {
            match &self.state {
                State::First | State::Start => match self.find_start()? {
                    Start::Frame => {
                        self.state = State::Start;
                        return Ok(self.frame());
                    }
                    Start::Message(kind) => {
                        self.garbage = 0;
                        self.state = State::Head { kind, search: Search::default(), begins_well: false };
                    }
                    Start::Foreign(protocol) => {
                        return Err(WireError::Foreign { protocol, offset: self.offset });
                    }
                    Start::Open | Start::Garbage => return Ok(None),
                },
                State::Head { .. } => return self.head(),
                State::Body { bytes, .. } => return Ok(self.body(*bytes)),
                State::Failed(error) => return Err(error.clone()),
            }
        }
    }

    fn find_start(&mut self) -> Result<Start, WireError> {
        if self.garbage == 0 {
            let stray =
                self.block.as_slice().iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
            if stray > 0 {
                self.tolerances.record(Tolerance::StrayLineEnd);
                self.skip(stray);
            }
            let bytes = self.block.as_slice();
            let is_first = matches!(self.state, State::First);
            match if is_first { start::at_beginning(bytes) } else { start::at_item(bytes) } {
                Start::Garbage if is_first && self.strict => return Ok(Start::Foreign(Protocol::Unknown)),
                Start::Garbage => self.skip_garbage(1)?,
                start => return Ok(start),
            }
        }
        let (garbage, start) = start::after_garbage(self.block.as_slice(), self.channels.as_deref());
        self.skip_garbage(garbage)?;
        Ok(start)
    }

    fn frame(&mut self) -> Option<Item> {
        let channel = self.whole_frame()?;
        Some(Item::Frame(Frame { channel, payload: self.take_frame() }))
    }

    /// The channel of the frame in front, once it has come as a whole.
    #[inline]
    fn whole_frame(&mut self) -> Option<u8> {
        let [b'$', channel, high, low] = *self.block.as_slice().first_chunk()? else { return None };
        self.need = usize::from(u16::from_be_bytes([high, low])).saturating_add(FRAME_HEADER_BYTES);
        (self.block.len() >= self.need).then_some(channel)
    }

    fn head(&mut self) -> Result<Option<Item>, WireError> {
        let State::Head { kind, search, begins_well } = &mut self.state else { return Ok(None) };
        let kind = *kind;
        let (bytes, offset, limit) = (self.block.as_slice(), self.offset, self.limits.head_bytes);
        let end = search.find_end(bytes);
        if end.map_or(bytes.len() >= limit, |end| end > limit) {
            let head = bytes.get(..limit).unwrap_or(bytes);
            return Err(if head.contains(&b'\n') {
                WireError::HeadTooLong { kind, offset, limit, cseq: find_cseq(head) }
            } else {
                WireError::StartLineTooLong { kind, offset, limit }
            });
        }
        if end.is_none() && !*begins_well {
            if let Some(line) = bytes.iter().position(|byte| *byte == b'\n') {
                check_start_line(kind, bytes.get(..line).unwrap_or(bytes), offset)?;
                *begins_well = true;
            }
        }
        self.held = self.paused && end.is_some();
        let Some(end) = end.filter(|_| !self.paused) else { return Ok(None) };
        if search.bare {
            self.tolerances.record(Tolerance::BareLineFeed);
        }
        let head = bytes.get(..end).unwrap_or(bytes);
        let Head { message, body_bytes } =
            Head::parse(kind, head, offset, &self.limits, &mut self.tolerances)?;
        self.skip(end);
        if body_bytes > 0 {
            self.state = State::Body { message: Box::new(message), bytes: body_bytes };
            return Ok(self.body(body_bytes));
        }
        self.state = State::Start;
        Ok(Some(Item::Message(message)))
    }

    fn body(&mut self, bytes: usize) -> Option<Item> {
        if self.block.len() < bytes {
            self.need = bytes;
            return None;
        }
        self.held = self.paused;
        if self.held {
            return None;
        }
        let State::Body { message, .. } = mem::replace(&mut self.state, State::Start) else {
            return None;
        };
        let body = self.block.take(0, bytes);
        self.count(bytes);
        Some(Item::Message(message.with_raw_body(body)))
    }

    fn skip_garbage(&mut self, n: usize) -> Result<(), WireError> {
        let garbage = self.garbage.saturating_add(n);
        if garbage > self.limits.garbage_bytes {
            let offset = self.offset.saturating_sub(widen(self.garbage));
            return Err(WireError::Garbage { offset, limit: self.limits.garbage_bytes });
        }
        if n > 0 {
            self.tolerances.record(Tolerance::Garbage);
        }
        self.garbage = garbage;
        self.skipped = self.skipped.saturating_add(widen(n));
        self.skip(n);
        Ok(())
    }

    fn skip(&mut self, n: usize) {
        self.block.skip(n);
        self.count(n);
    }

    fn count(&mut self, n: usize) {
        self.offset = self.offset.saturating_add(widen(n));
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DecoderLimits::default())
    }
}

fn widen(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
