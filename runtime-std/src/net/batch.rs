use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use rtspan_core::udp::Port;

use super::socket::is_too_big;

/// Messages that are handed to the system in one call.
pub(super) const MESSAGES_MAX: usize = 64;
/// Bytes of segments in one message, below what one datagram may carry.
const MESSAGE_BYTES_MAX: usize = 64_000;
/// The largest datagram that is one of several in a message: a segment must not be cut into fragments.
const SEGMENT_BYTES_MAX: usize = 1472;
/// Bytes of datagrams that are copied at most, before those that wait have to go: a full burst and as much again.
const BYTES_MAX: usize = 192 << 10;
/// Datagrams that were too big for their paths and are remembered, until they are told of.
const TOO_BIG_MAX: usize = 256;
/// Refusals without a success between them, after which a socket is asked no more for segments.
const REFUSALS_MAX: u8 = 4;

/// Datagrams that leave together: many destinations in one call to the system.
///
/// The readers of a stream are sent the same, one right behind the other: bytes in place for one are in place for the next.
#[derive(Debug)]
pub(crate) struct Batch {
    port: Port,
    /// The address of this host that they leave from; the system's choice if there is none.
    from: Option<IpAddr>,
    room: Room,
    /// The destination of the last datagram.
    to: SocketAddr,
    /// Where the first datagram for that destination stands, and where the next one would.
    first: Place,
    next: Place,
    /// Messages that have left, and up to which they go without segments.
    sent: usize,
    plain: usize,
    /// The next one was refused with segments, and not tried without yet.
    is_in_doubt: bool,
    /// The destinations and sizes of datagrams that were too big for their paths, in a number that is told of.
    too_big: Vec<(SocketAddr, usize)>,
}

/// The memory of a batch, which a thread lends.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Datagrams, one behind the other; they are held on to, so that nobody else can have their memory.
    bytes: Vec<u8>,
    copied: Vec<Bytes>,
    messages: Vec<Message>,
}

/// The bytes for one destination: a datagram, or several of one size of which the last may be shorter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) to: SocketAddr,
    segment: usize,
    at: usize,
    len: usize,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Place {
    index: usize,
    at: usize,
}

/// The ability of a socket to cut what it is given into segments (GSO).
#[derive(Debug)]
pub(crate) struct Offload {
    segments_max: usize,
    refusals: u8,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            port: Port::Rtp,
            from: None,
            room: Room::default(),
            to: SocketAddr::from(([0; 4], 0)),
            first: Place::default(),
            next: Place::default(),
            sent: 0,
            plain: 0,
            is_in_doubt: false,
            too_big: Vec::new(),
        }
    }

    /// Takes a datagram; `false` if those that wait have to leave first.
    pub(crate) fn add(
        &mut self,
        (port, from): (Port, Option<IpAddr>),
        to: SocketAddr,
        datagram: &Bytes,
        segments_max: usize,
    ) -> bool {
        let is_empty = self.room.messages.is_empty();
        if self.sent > 0 || ((port, from) != (self.port, self.from) && !is_empty) {
            return false;
        }
        let is_next = to == self.to;
        let mut place = if is_next { self.next } else { self.first };
        let is_copied = self.room.copied.get(place.index).is_some_and(|own| is_same(own, datagram));
        if !is_copied {
            if self.room.bytes.len() + datagram.len() > BYTES_MAX {
                if !is_empty {
                    return false;
                }
                self.clear();
            }
            place = self.room.end();
        }
        let is_full = self.room.messages.len() >= MESSAGES_MAX;
        let last = self.room.messages.last_mut().filter(|_| is_next);
        match last.filter(|message| message.continues_with(place, datagram.len(), segments_max)) {
            Some(message) => message.len += datagram.len(),
            None if is_full => return false,
            None => {
                let (at, len) = (place.at, datagram.len());
                self.room.messages.push(Message { to, segment: len, at, len });
            }
        }
        if !is_copied {
            self.room.bytes.extend_from_slice(datagram);
            self.room.copied.push(datagram.clone());
        }
        if !is_next {
            self.first = place;
        }
        (self.port, self.from, self.to) = (port, from, to);
        self.next = Place { index: place.index + 1, at: place.at + datagram.len() };
        true
    }

    /// Sends what is there. Returns `false` if the socket would block before the end.
    ///
    /// `send` gets all bytes, the messages within that come next, and the size of segments if any of them has some. It returns
    /// how many it has sent. A message that the system refuses, though the socket would not block, is tried again without
    /// segments, and then lost, as datagrams are.
    pub(crate) fn flush(
        &mut self,
        offload: &mut Offload,
        mut send: impl FnMut(&[u8], &[Message], Option<u16>) -> io::Result<usize>,
    ) -> bool {
        while let Some(first) = self.room.messages.get(self.sent) {
            if first.has_segments() && offload.segments_max == 1 {
                self.split();
            }
            let (group, segment) = self.group();
            match send(&self.room.bytes, group, segment) {
                Ok(taken) => {
                    let taken = taken.clamp(1, group.len());
                    offload.handle_taken(&group[..taken]);
                    if std::mem::take(&mut self.is_in_doubt) {
                        offload.handle_refused();
                    }
                    self.sent += taken;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if segment.is_some() => {
                    self.is_in_doubt = true;
                    self.split();
                }
                Err(error) => {
                    if is_too_big(&error) && self.too_big.len() < TOO_BIG_MAX {
                        self.too_big.extend(group.first().map(|refused| (refused.to, refused.len)));
                    }
                    self.is_in_doubt = false;
                    self.sent += 1;
                }
            }
        }
        self.room.messages.clear();
        (self.sent, self.plain) = (0, 0);
        true
    }

    /// The datagrams that were too big for their paths since it was last asked: where they went, and their bytes.
    pub(crate) fn take_too_big(&mut self) -> impl Iterator<Item = (SocketAddr, usize)> {
        std::mem::take(&mut self.too_big).into_iter()
    }

    pub(crate) fn port(&self) -> Port {
        self.port
    }

    /// The address of this host that they leave from, if it matters.
    pub(crate) fn from(&self) -> Option<IpAddr> {
        self.from
    }

    /// Takes `room` if it has none.
    pub(crate) fn lend(&mut self, room: impl FnOnce() -> Room) {
        if self.room.bytes.capacity() == 0 {
            self.room = room();
        }
    }

    /// Takes away the room if nothing waits in it.
    pub(crate) fn take_room(&mut self) -> Option<Room> {
        if !self.room.messages.is_empty() || self.room.bytes.capacity() == 0 {
            return None;
        }
        self.clear();
        Some(std::mem::take(&mut self.room))
    }

    fn clear(&mut self) {
        self.room.clear();
        (self.first, self.next) = Default::default();
    }

    /// The messages that can go in one call: without segments, or with segments of one size and shorter ones.
    fn group(&self) -> (&[Message], Option<u16>) {
        let rest = self.room.messages.get(self.sent..).unwrap_or_default();
        let rest = &rest[..rest.len().min(MESSAGES_MAX)];
        if self.sent < self.plain {
            return (&rest[..rest.len().min(self.plain - self.sent)], None);
        }
        let (mut segment, mut longest) = (None, 0);
        for (count, message) in rest.iter().enumerate() {
            let wanted = if message.has_segments() { Some(message.segment) } else { segment };
            longest = longest.max(message.segment);
            if segment.is_some_and(|own| wanted != Some(own)) || wanted.is_some_and(|own| longest > own) {
                return (&rest[..count], segment.and_then(|segment| u16::try_from(segment).ok()));
            }
            segment = wanted;
        }
        (rest, segment.and_then(|segment| u16::try_from(segment).ok()))
    }

    /// Has the datagrams of the next message go one by one.
    fn split(&mut self) {
        let Some(message) = self.room.messages.get(self.sent).copied() else { return };
        let end = message.at + message.len;
        let singles = (message.at..end).step_by(message.segment.max(1)).map(|at| {
            let len = message.segment.min(end - at);
            Message { segment: len, at, len, ..message }
        });
        let before = self.room.messages.len();
        self.room.messages.splice(self.sent..=self.sent, singles);
        self.plain = self.sent + 1 + self.room.messages.len() - before;
    }
}

impl Room {
    fn clear(&mut self) {
        self.bytes.clear();
        self.copied.clear();
    }

    /// Where the next datagram is copied to.
    fn end(&self) -> Place {
        Place { index: self.copied.len(), at: self.bytes.len() }
    }
}

impl Message {
    /// Its part of all bytes.
    pub(crate) fn within<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.at..self.at + self.len).unwrap_or_default()
    }

    fn has_segments(&self) -> bool {
        self.len > self.segment
    }

    /// Returns `true` if a datagram at this place can be its next segment.
    fn continues_with(&self, place: Place, len: usize, segments_max: usize) -> bool {
        let Self { segment, at, len: own, .. } = *self;
        at + own == place.at
            && (1..=segment).contains(&len)
            && segment <= SEGMENT_BYTES_MAX
            && own % segment == 0
            && own / segment < segments_max
            && own + len <= MESSAGE_BYTES_MAX
    }
}

impl Offload {
    /// At first a socket is believed that it takes so many segments.
    pub(crate) fn new(segments_max: usize) -> Self {
        Self { segments_max, refusals: 0 }
    }

    /// Segments of one message; 1 if the socket takes none.
    pub(crate) fn segments_max(&self) -> usize {
        self.segments_max
    }

    fn handle_taken(&mut self, messages: &[Message]) {
        if messages.iter().any(Message::has_segments) {
            self.refusals = 0;
        }
    }

    /// A message that was refused with segments was taken without. The path to one destination may be the reason, or the
    /// device that all of them are reached by.
    fn handle_refused(&mut self) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= REFUSALS_MAX {
            self.segments_max = 1;
        }
    }
}

/// Returns `true` if both are one buffer, which is what the readers of a stream are sent.
fn is_same(own: &Bytes, datagram: &Bytes) -> bool {
    own.as_ptr() == datagram.as_ptr() && own.len() == datagram.len()
}

#[cfg(test)]
mod tests;
