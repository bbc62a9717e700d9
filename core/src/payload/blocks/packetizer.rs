use super::Layout;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{HEADER_BYTES, PacketWriter, RtpPacket};

/// Turns blocks into packets.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    layout: Layout,
}

impl Packetizer {
    /// A packetizer of blocks of a layout. A packet has room for one block at least, whatever `config` says.
    pub fn new(config: PacketizerConfig, layout: Layout) -> Self {
        let room = config.packet_bytes().saturating_sub(HEADER_BYTES);
        let payload_bytes_max = room.max(layout.block_bytes());
        let packet_bytes_max = payload_bytes_max.saturating_add(HEADER_BYTES);
        let writer = PacketizerConfig { packet_bytes_max, ..config }.writer();
        Self { writer, layout }
    }

    /// Gives packets of `parts`, pieces of sound that follow each other, to `sink`; the first block has `timestamp`.
    ///
    /// How long a packet lasts is up to the caller: parts are cut only where they exceed a packet, between blocks, and 20 ms
    /// are usual. The timestamp counts samples of one channel, of G.722 every second one. Of Speex each part is a packet, and
    /// taken to last 20 ms.
    ///
    /// # Errors
    ///
    /// A part ends inside a block and is sent without it, or exceeds a packet and cannot be cut.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let most = self.writer.payload_bytes_max();
        let mut timestamp = timestamp;
        let mut result = Ok(());
        for part in parts {
            let mut rest = part;
            while !rest.is_empty() {
                let (bytes, units) = self.layout.run(rest, most);
                if bytes > most {
                    result = Err(PacketizeError::TooLong { length: bytes, most });
                } else if bytes == 0 {
                    result = Err(PacketizeError::Malformed("a block that is not whole"));
                    break;
                } else {
                    let payload = rest.get(..bytes).unwrap_or_default();
                    self.writer.write(&mut sink, (timestamp, false), [payload]);
                }
                timestamp = timestamp.wrapping_add(units);
                rest = rest.get(bytes..).unwrap_or_default();
            }
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}
