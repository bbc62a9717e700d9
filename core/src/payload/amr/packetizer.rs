use super::shape::{Entry, Shape};
use crate::description::Amr;
use crate::payload::bits::BitWriter;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Frame-blocks that are put into one packet at most: 240 ms.
const BATCH: usize = 12;

/// Turns frame-blocks into packets: several in one where they are given together and fit.
///
/// The marker is set where speech begins: at first, and behind silence.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    shape: Shape,
    mode_request: u8,
    /// The block before was speech.
    is_speaking: bool,
    bits: BitWriter,
}

impl Packetizer {
    /// A packetizer of frames that are not interleaved, not sorted, and without checksums.
    pub fn new(config: PacketizerConfig, amr: &Amr) -> Self {
        Self {
            writer: config.writer(),
            shape: Shape::new(amr),
            mode_request: 15,
            is_speaking: false,
            bits: BitWriter::default(),
        }
    }

    /// Asks the other side, with each packet from now on, to send a mode, 0 to 8; `None` asks for nothing (CMR).
    pub fn set_mode_request(&mut self, mode: Option<u8>) {
        self.mode_request = mode.unwrap_or(15).min(15);
    }

    /// Gives packets of `parts`, frame-blocks that follow each other, to `sink`; the first has `timestamp`.
    ///
    /// # Errors
    ///
    /// A part is no whole frame-block, or longer than a packet. The others are sent all the same, and the time of those that
    /// are left out passes.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let shape = self.shape;
        let most = self.writer.payload_bytes_max().saturating_mul(8);
        let mut result = Ok(());
        let mut timestamp = timestamp;
        let mut parts = parts.into_iter().filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let mut batch = [part; BATCH];
            let mut count = 1_usize;
            match block_bits(shape, part) {
                None => result = Err(PacketizeError::Malformed("no whole frame-block of AMR")),
                Some(bits) if shape.header_bits().saturating_add(bits) > most => {
                    result = Err(PacketizeError::TooLong { length: part.len(), most: most / 8 });
                }
                Some(bits) => {
                    let mut bits = shape.header_bits().saturating_add(bits);
                    for place in batch.iter_mut().skip(1) {
                        let with = |next: &&[u8]| Some(bits.saturating_add(block_bits(shape, next)?));
                        let Some(with_next) = parts.peek().and_then(with).filter(|bits| *bits <= most) else {
                            break;
                        };
                        let Some(next) = parts.next() else { break };
                        *place = next;
                        bits = with_next;
                        count = count.saturating_add(1);
                    }
                    self.write(batch.get(..count).unwrap_or_default(), timestamp, &mut sink);
                }
            }
            timestamp = timestamp.wrapping_add(shape.units().wrapping_mul(count as u32));
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    /// Writes a packet of whole blocks.
    fn write(&mut self, blocks: &[&[u8]], timestamp: u32, sink: &mut impl FnMut(RtpPacket)) {
        let shape = self.shape;
        let entry_padding = if shape.is_aligned { 2 } else { 0 };
        let has_speech =
            |block: &[u8]| frames(shape, block).flatten().any(|(entry, _)| shape.is_speech(entry.frame_type));
        let begins = !self.is_speaking && blocks.first().is_some_and(|block| has_speech(block));
        self.is_speaking = blocks.last().is_some_and(|block| has_speech(block));
        self.bits.clear();
        self.bits.put(self.mode_request.into(), 4);
        self.bits.put(0, if shape.is_aligned { 4 } else { 0 });
        let all = || blocks.iter().flat_map(|block| frames(shape, block)).flatten();
        let mut entries = all().peekable();
        while let Some((entry, _)) = entries.next() {
            self.bits.put(entries.peek().is_some().into(), 1);
            self.bits.put(entry.frame_type.into(), 4);
            self.bits.put(entry.is_good.into(), 1);
            self.bits.put(0, entry_padding);
        }
        for (entry, frame) in all() {
            let mut left = shape.frame_bits(entry.frame_type).unwrap_or(0);
            for byte in frame {
                let count = left.min(8) as u8;
                self.bits.put(u32::from(byte >> 8_u8.saturating_sub(count).min(7)), count);
                left = left.saturating_sub(count.into());
            }
            if shape.is_aligned {
                self.bits.align();
            }
        }
        self.writer.write(sink, (timestamp, begins), [self.bits.bytes()]);
    }
}

/// The frames of a block; `None` where one is not whole or of a reserved type, and then nothing more.
fn frames(shape: Shape, block: &[u8]) -> impl Iterator<Item = Option<(Entry, &[u8])>> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let (byte, behind) = rest.split_first()?;
        let entry = Entry::from_byte(*byte);
        let bytes = shape.frame_bits(entry.frame_type).map(|bits| bits.div_ceil(8));
        let frame = bytes.and_then(|bytes| behind.split_at_checked(bytes));
        rest = frame.map_or(&[], |(_, rest)| rest);
        Some(frame.map(|(frame, _)| (entry, frame)))
    })
}

/// Bits of a block in a packet, with its entries; `None` if it is not exactly a frame for each channel.
fn block_bits(shape: Shape, block: &[u8]) -> Option<usize> {
    let (mut count, mut bits) = (0_usize, 0_usize);
    for frame in frames(shape, block) {
        let (entry, _) = frame?;
        let frame_bits = shape.bits_in_packet(shape.frame_bits(entry.frame_type)?);
        bits = bits.saturating_add(shape.entry_bits()).saturating_add(frame_bits);
        count = count.saturating_add(1);
    }
    (count == shape.channels).then_some(bits)
}
