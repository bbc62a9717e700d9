use super::header::Fields;
use crate::description::Mpeg4Audio;
use crate::payload::bits::BitWriter;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Units that are put into one packet at most.
const BATCH: usize = 16;

/// Turns units of AAC into packets: several in one where they are given together and fit, large ones in fragments.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    fields: Fields,
    auxiliary_size: u8,
    unit_duration: u32,
    header: BitWriter,
}

impl Packetizer {
    /// A packetizer of a track with a clock of so many units a second.
    pub fn new(config: PacketizerConfig, audio: &Mpeg4Audio, clock_rate: u32) -> Self {
        Self {
            writer: config.writer(),
            fields: Fields::new(audio),
            auxiliary_size: audio.auxiliary_size_length,
            unit_duration: audio.unit_duration(clock_rate),
            header: BitWriter::default(),
        }
    }

    /// Gives packets of `parts`, raw units that follow each other, to `sink`; the first has `timestamp`.
    ///
    /// # Errors
    ///
    /// A unit is longer than its header can say. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let most =
            1_usize.checked_shl(self.fields.size.into()).map_or(usize::MAX, |end| end.saturating_sub(1));
        let mut result = Ok(());
        let mut timestamp = timestamp;
        let mut parts = parts.into_iter().filter(|unit| !unit.is_empty()).peekable();
        while let Some(unit) = parts.next() {
            let mut count = 1_usize;
            if unit.len() > most {
                result = Err(PacketizeError::TooLong { length: unit.len(), most });
            } else {
                let mut batch = [unit; BATCH];
                let mut bytes = unit.len();
                for place in batch.iter_mut().skip(1) {
                    let fits = |next: &&[u8]| {
                        let bytes = bytes.saturating_add(next.len());
                        next.len() <= most
                            && self.overhead(count.saturating_add(1)).saturating_add(bytes)
                                <= self.writer.payload_bytes_max()
                    };
                    let Some(next) = parts.next_if(fits) else { break };
                    bytes = bytes.saturating_add(next.len());
                    *place = next;
                    count = count.saturating_add(1);
                }
                self.write(batch.get(..count).unwrap_or_default(), timestamp, &mut sink);
            }
            timestamp = timestamp.wrapping_add(self.unit_duration.wrapping_mul(count as u32));
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    /// Bytes in front of so many units.
    fn overhead(&self, units: usize) -> usize {
        let further = self.fields.bits_min(false).saturating_mul(units.saturating_sub(1));
        let header = self.fields.bits_min(true).saturating_add(further).div_ceil(8);
        header.saturating_add(2).saturating_add(usize::from(self.auxiliary_size).div_ceil(8))
    }

    /// Writes a packet of several units, or as many as a single one takes.
    fn write(&mut self, units: &[&[u8]], timestamp: u32, sink: &mut impl FnMut(RtpPacket)) {
        self.header.clear();
        for (at, unit) in units.iter().enumerate() {
            self.fields.write(&mut self.header, unit.len(), at == 0);
        }
        let room = self.writer.payload_bytes_max().saturating_sub(self.overhead(units.len())).max(1);
        match units {
            [unit] => {
                let mut fragments = unit.chunks(room).peekable();
                while let Some(fragment) = fragments.next() {
                    self.begin(sink);
                    self.writer.put(fragment);
                    self.writer.end(timestamp, fragments.peek().is_none());
                }
            }
            _ => {
                self.begin(sink);
                units.iter().for_each(|unit| self.writer.put(unit));
                self.writer.end(timestamp, true);
            }
        }
    }

    /// Begins a packet with the headers, and an auxiliary section without content.
    fn begin(&mut self, sink: &mut impl FnMut(RtpPacket)) {
        self.writer.begin(sink);
        self.writer.put(&(self.header.bits() as u16).to_be_bytes());
        self.writer.put(self.header.bytes());
        let auxiliary = usize::from(self.auxiliary_size).div_ceil(8);
        self.writer.put([0; 4].get(..auxiliary).unwrap_or_default());
    }
}
