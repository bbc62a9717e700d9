use super::FrameHeader;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Turns frames into packets: several in one where they are given together and fit, large ones in fragments.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    /// Bytes of frames in a packet, behind four of header.
    room: usize,
}

/// A packet that may take further frames.
struct Begun {
    timestamp: u32,
    bytes: usize,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        let writer = config.writer();
        Self { room: writer.payload_bytes_max().saturating_sub(4), writer }
    }

    /// Gives packets of `parts`, frames that follow each other, to `sink`; the first has `timestamp`, in units of 1/90,000 s.
    ///
    /// # Errors
    ///
    /// A part is no frame, or not a whole one. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        let mut timestamp = timestamp;
        let mut begun: Option<Begun> = None;
        for frame in parts.into_iter().filter(|frame| !frame.is_empty()) {
            let is_whole = |header: &FrameHeader| match header.bytes {
                Some(bytes) => bytes == frame.len(),
                // Only a frame that is alone in one packet needs no length.
                None => frame.len() <= self.room,
            };
            let Some(header) = FrameHeader::read(frame).filter(is_whole) else {
                result = Err(PacketizeError::Malformed("no whole frame of MPEG audio"));
                continue;
            };
            let is_told = header.bytes.is_some();
            let fits = |begun: &Begun| is_told && begun.bytes.saturating_add(frame.len()) <= self.room;
            if !begun.as_ref().is_some_and(fits) {
                self.end(&mut begun);
                self.begin(0, &mut sink);
                begun = Some(Begun { timestamp, bytes: 0 });
            }
            if let Some(begun) = &mut begun {
                begun.bytes = begun.bytes.saturating_add(frame.len());
            }
            let mut fragments = frame.chunks(self.room);
            self.writer.put(fragments.next().unwrap_or_default());
            if frame.len() > self.room {
                begun = None;
                self.writer.end(timestamp, false);
                for (fragment, at) in fragments.zip(1_usize..) {
                    self.begin(at.saturating_mul(self.room), &mut sink);
                    self.writer.put(fragment);
                    self.writer.end(timestamp, false);
                }
            }
            if !is_told {
                self.end(&mut begun);
            }
            timestamp = timestamp.wrapping_add(header.duration());
        }
        self.end(&mut begun);
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    fn begin(&mut self, offset: usize, sink: &mut impl FnMut(RtpPacket)) {
        self.writer.begin(sink);
        self.writer.put(&(offset as u32).to_be_bytes());
    }

    fn end(&mut self, begun: &mut Option<Begun>) {
        if let Some(begun) = begun.take() {
            self.writer.end(begun.timestamp, false);
        }
    }
}
