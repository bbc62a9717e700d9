use super::durations::Durations;
use super::{HEADER_BYTES, LENGTH_BYTES, RAW};
use crate::description::Vorbis;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Packets of Vorbis that a payload has at most.
const BATCH: usize = 15;

/// The place of a payload in a packet of Vorbis.
const WHOLE: u8 = 0;
const FIRST: u8 = 1;
const FURTHER: u8 = 2;
const LAST: u8 = 3;

/// Turns packets of Vorbis into payloads: several in one where they are given together and fit, large ones in fragments.
///
/// The headers are those of the description; they are not sent again.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    /// Bytes of packets in a payload, with their lengths.
    room: usize,
    ident: u32,
    durations: Durations,
}

impl Packetizer {
    /// A packetizer with the first headers of a description; `None` if it has none that can be read.
    pub fn new(config: PacketizerConfig, vorbis: &Vorbis) -> Option<Self> {
        let headers = vorbis.headers.first()?;
        let writer = config.writer();
        Some(Self {
            room: writer.payload_bytes_max().saturating_sub(HEADER_BYTES),
            writer,
            ident: headers.ident,
            durations: Durations::read(headers)?,
        })
    }

    /// Gives payloads of `parts`, packets of sound that follow each other, to `sink`; the first has `timestamp`.
    ///
    /// # Errors
    ///
    /// A part is a header. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        let mut timestamp = timestamp;
        let mut parts = parts.into_iter().filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            if is_header(part) {
                result = Err(PacketizeError::Malformed("a header of Vorbis, which the description has"));
                continue;
            }
            let mut passed = self.durations.next(part);
            let mut batch = [part; BATCH];
            let (mut bytes, mut count) = (part.len().saturating_add(LENGTH_BYTES), 1_usize);
            if bytes > self.room {
                self.fragment(part, timestamp, &mut sink);
            } else {
                for place in batch.iter_mut().skip(1) {
                    let with = |next: &[u8]| bytes.saturating_add(next.len()).saturating_add(LENGTH_BYTES);
                    let fits = |next: &&[u8]| !is_header(next) && with(next) <= self.room;
                    let Some(next) = parts.next_if(fits) else { break };
                    bytes = with(next);
                    passed = passed.saturating_add(self.durations.next(next));
                    *place = next;
                    count = count.saturating_add(1);
                }
                self.begin(WHOLE, count as u8, &mut sink);
                batch.iter().take(count).for_each(|part| self.put(part));
                self.writer.end(timestamp, false);
            }
            timestamp = timestamp.wrapping_add(passed);
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    fn begin(&mut self, place: u8, count: u8, sink: &mut impl FnMut(RtpPacket)) {
        self.writer.begin(sink);
        self.writer.put(&(self.ident << 8 | u32::from(place << 6 | RAW << 4 | count)).to_be_bytes());
    }

    fn put(&mut self, part: &[u8]) {
        self.writer.put(&(part.len() as u16).to_be_bytes());
        self.writer.put(part);
    }

    fn fragment(&mut self, part: &[u8], timestamp: u32, sink: &mut impl FnMut(RtpPacket)) {
        let mut fragments = part.chunks(self.room.saturating_sub(LENGTH_BYTES)).peekable();
        let mut place = FIRST;
        while let Some(fragment) = fragments.next() {
            if fragments.peek().is_none() {
                place = LAST;
            }
            self.begin(place, 0, sink);
            self.put(fragment);
            self.writer.end(timestamp, false);
            place = FURTHER;
        }
    }
}

fn is_header(part: &[u8]) -> bool {
    part.first().is_some_and(|first| first & 1 == 1)
}
