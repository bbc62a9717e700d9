use super::nal;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{HEADER_BYTES, PacketWriter, RtpPacket};

/// Turns access units into packets: small NAL units together (STAP-A), large ones in fragments (FU-A).
///
/// The description of the stream has to say `packetization-mode=1`.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    payload_bytes_max: usize,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self {
            writer: config.writer(),
            payload_bytes_max: config.packet_bytes().saturating_sub(HEADER_BYTES),
        }
    }

    /// Gives the packets of one access unit to `sink`, the last with the marker.
    ///
    /// `nals` are its NAL units without start codes; empty ones are left out. `timestamp` is in units
    /// of 1/90,000 s.
    ///
    /// # Errors
    ///
    /// The type of a NAL unit is one that RFC 6184 uses for packets. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        nals: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        let mut can_be_sent = |nal: &&[u8]| match nal.first() {
            None => false,
            Some(header) if matches!(nal::type_of(*header), 1..=23) => true,
            Some(_) => {
                result = Err(PacketizeError::Malformed("a NAL unit of a type that is kept for packets"));
                false
            }
        };
        let mut nals = nals.into_iter().filter(|nal| can_be_sent(nal)).peekable();
        while let Some(nal) = nals.next() {
            if nal.len() > self.payload_bytes_max {
                let is_last = nals.peek().is_none();
                self.fragment(nal, timestamp, is_last, &mut sink);
                continue;
            }
            self.writer.begin(&mut sink);
            let alone = aggregate_bytes(1, nal);
            if nals.peek().is_some_and(|next| aggregate_bytes(alone, next) <= self.payload_bytes_max) {
                // The type, then the highest importance of the units and any forbidden bit (RFC 6184, 5.7.1).
                let mut header = nal::STAP_A;
                let mut bytes = 1;
                let mut unit = Some(nal);
                self.writer.put(&[header]);
                while let Some(nal) = unit {
                    bytes = aggregate_bytes(bytes, nal);
                    let first = nal.first().copied().unwrap_or(0);
                    header = (header & 0x80 | first & 0x80) | (header & 0x60).max(first & 0x60) | nal::STAP_A;
                    self.writer.put(&u16::try_from(nal.len()).unwrap_or(u16::MAX).to_be_bytes());
                    self.writer.put(nal);
                    unit = nals.next_if(|next| aggregate_bytes(bytes, next) <= self.payload_bytes_max);
                }
                if let Some(first) = self.writer.first_byte() {
                    *first = header;
                }
            } else {
                self.writer.put(nal);
            }
            self.writer.end(timestamp, nals.peek().is_none());
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    fn fragment(&mut self, nal: &[u8], timestamp: u32, is_last: bool, sink: &mut impl FnMut(RtpPacket)) {
        let Some((header, body)) = nal.split_first() else { return };
        let indicator = header & 0xe0 | nal::FU_A;
        let mut chunks = body.chunks(self.payload_bytes_max.saturating_sub(2)).peekable();
        let mut position = nal::FU_START;
        while let Some(chunk) = chunks.next() {
            let ends = chunks.peek().is_none();
            if ends {
                position |= nal::FU_END;
            }
            self.writer.begin(sink);
            self.writer.put(&[indicator, position | nal::type_of(*header)]);
            self.writer.put(chunk);
            self.writer.end(timestamp, is_last && ends);
            position = 0;
        }
    }
}

/// Bytes of an aggregate once `nal` has joined it.
fn aggregate_bytes(before: usize, nal: &[u8]) -> usize {
    before.saturating_add(2).saturating_add(nal.len())
}
