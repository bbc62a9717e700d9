use super::{Event, SEGMENT_UNITS};
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Packets that tell the end of an event, since nothing follows that would (RFC 4733, section 2.5.1.4).
const END_PACKETS: usize = 3;

/// Makes the packets of events.
///
/// Parts with the same timestamp are of the same event. The first packet of an event has the marker, and each update is one
/// more packet; 50 ms between them are usual. The end of an event is told three times.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    /// When the last event began, and the segments of it that have been told to their end.
    current: Option<(u32, usize)>,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer(), current: None }
    }

    /// Gives the packets of an event to `sink`, which began at `timestamp` and of which `parts` say how long it has lasted, as
    /// [`Event::to_parts`] makes them.
    ///
    /// # Errors
    ///
    /// A part is not of four bytes. Nothing is sent then.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let read =
            |part| Event::read_payload(part).ok_or(PacketizeError::Malformed("no event of four bytes"));
        let segments = parts.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let (begins, told) = match self.current {
            Some((start, told)) if start == timestamp => (false, told),
            _ => (true, 0),
        };
        let mut marker = begins;
        let mut start = timestamp;
        for (at, segment) in segments.iter().enumerate() {
            let is_last = at.saturating_add(1) == segments.len();
            let count = match (is_last, segment.is_end) {
                (true, true) => END_PACKETS,
                (true, false) => 1,
                (false, _) => usize::from(at >= told),
            };
            for _ in 0..count {
                let head = (start, std::mem::take(&mut marker));
                self.writer.write(&mut sink, head, [&segment.to_payload()]);
            }
            start = start.wrapping_add(SEGMENT_UNITS);
        }
        self.writer.flush(&mut sink);
        let told = told.max(segments.len().saturating_sub(1));
        self.current = Some((timestamp, told));
        Ok(())
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}
