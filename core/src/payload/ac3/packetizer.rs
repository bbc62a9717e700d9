use super::header::first_unit;
use super::{FURTHER, HEADER_BYTES, LARGE_FIRST, SMALL_FIRST, WHOLE};
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Frames that are put into one packet at most.
const BATCH: usize = 16;

/// Turns frames into packets: several in one where they are given together and fit, large ones in fragments.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    /// Bytes of frames in a packet.
    room: usize,
    clock_rate: u32,
    is_enhanced: bool,
}

impl Packetizer {
    /// A packetizer of a track with a clock of so many units a second, of Enhanced AC-3 or of AC-3.
    pub fn new(config: PacketizerConfig, clock_rate: u32, is_enhanced: bool) -> Self {
        let writer = config.writer();
        Self {
            room: writer.payload_bytes_max().saturating_sub(HEADER_BYTES),
            writer,
            clock_rate,
            is_enhanced,
        }
    }

    /// Gives packets of `parts`, frames that follow each other, to `sink`; the first has `timestamp`.
    ///
    /// # Errors
    ///
    /// A part is no frame, not a whole one, or takes more than 255 packets. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let (room, clock_rate) = (self.room, self.clock_rate);
        let most = room.saturating_mul(255);
        let mut result = Ok(());
        let duration = |part: &[u8]| {
            let whole =
                first_unit(part, clock_rate).filter(|(bytes, _)| *bytes == part.len() && *bytes <= most);
            whole.map(|(_, duration)| duration)
        };
        let mut timestamp = timestamp;
        let mut parts = parts.into_iter().filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let Some(mut passed) = duration(part) else {
                result = Err(PacketizeError::Malformed("no whole frame of AC-3"));
                continue;
            };
            let mut batch = [part; BATCH];
            let (mut bytes, mut count) = (part.len(), 1_usize);
            for place in batch.iter_mut().skip(1) {
                let fits =
                    |next: &&[u8]| duration(next).is_some() && bytes.saturating_add(next.len()) <= room;
                let Some(next) = parts.next_if(fits) else { break };
                bytes = bytes.saturating_add(next.len());
                passed = passed.wrapping_add(duration(next).unwrap_or(0));
                *place = next;
                count = count.saturating_add(1);
            }
            if bytes > room {
                self.fragment(part, timestamp, &mut sink);
            } else {
                self.begin(WHOLE, count, &mut sink);
                batch.iter().take(count).for_each(|frame| self.writer.put(frame));
                self.writer.end(timestamp, true);
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

    fn begin(&mut self, kind: u8, count: usize, sink: &mut impl FnMut(RtpPacket)) {
        // Enhanced AC-3 has a flag for all kinds of fragments.
        let kind = if self.is_enhanced { kind.min(1) } else { kind };
        self.writer.begin(sink);
        self.writer.put(&[kind, u8::try_from(count).unwrap_or(u8::MAX)]);
    }

    fn fragment(&mut self, frame: &[u8], timestamp: u32, sink: &mut impl FnMut(RtpPacket)) {
        let count = frame.len().div_ceil(self.room);
        let has_most = self.room.saturating_mul(8) >= frame.len().saturating_mul(5);
        let mut kind = if has_most { LARGE_FIRST } else { SMALL_FIRST };
        for (fragment, at) in frame.chunks(self.room).zip(1..) {
            self.begin(kind, count, sink);
            self.writer.put(fragment);
            self.writer.end(timestamp, at == count);
            kind = FURTHER;
        }
    }
}
