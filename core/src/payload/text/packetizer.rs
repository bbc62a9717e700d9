use std::collections::VecDeque;

use bytes::Bytes;

use super::{AGE_MAX, BLOCK_BYTES_MAX, REPEATED_BYTES};
use crate::description::Redundant;
use crate::limits::REDUNDANT_BLOCKS_MAX;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Makes a packet of each block of text, which repeats those before as often as the description says.
///
/// The marker is set where typing begins: on the first packet, and on one behind an empty block.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    /// The payload type of the text, if it is repeated, and how often.
    repeats: Option<(u8, usize)>,
    /// The blocks that were sent last, with their timestamps.
    before: VecDeque<(u32, Bytes)>,
    is_idle: bool,
}

impl Packetizer {
    /// A packetizer of text, with what the description says of its repetition.
    pub fn new(config: PacketizerConfig, redundant: Option<&Redundant>) -> Self {
        let repeats = redundant.and_then(|redundant| {
            let (text, repeated) = redundant.payload_types.split_first()?;
            Some((*text, repeated.len().min(REDUNDANT_BLOCKS_MAX)))
        });
        Self { writer: config.writer(), repeats, before: VecDeque::new(), is_idle: true }
    }

    /// Gives a packet for each of `parts` to `sink`, all with the same timestamp.
    ///
    /// RFC 4103 collects what is typed for 300 ms, and when nothing more comes, sends empty blocks at that pace until all has
    /// been repeated: an empty part does that.
    ///
    /// # Errors
    ///
    /// A block is longer than a packet, or than 1,023 bytes, where it could not be repeated. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        let overhead = usize::from(self.repeats.is_some());
        let room = self.writer.payload_bytes_max().saturating_sub(overhead);
        let most = if self.repeats.is_some() { room.min(BLOCK_BYTES_MAX) } else { room };
        for part in parts {
            if part.len() > most {
                result = Err(PacketizeError::TooLong { length: part.len(), most });
                continue;
            }
            self.writer.begin(&mut sink);
            if let Some((payload_type, repeats)) = self.repeats {
                self.put_repeated(payload_type, timestamp, room.saturating_sub(part.len()));
                self.before.push_back((timestamp, Bytes::copy_from_slice(part)));
                while self.before.len() > repeats {
                    self.before.pop_front();
                }
            }
            self.writer.put(part);
            self.writer.end(timestamp, self.is_idle && !part.is_empty());
            self.is_idle = part.is_empty();
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    /// Writes the last blocks that are not too old and fit into so many bytes, and the header of the one that follows.
    fn put_repeated(&mut self, payload_type: u8, timestamp: u32, room: usize) {
        let mut left = room;
        let fits = |(sent, block): &&(u32, Bytes)| {
            let needed = block.len().saturating_add(REPEATED_BYTES);
            let is_new = timestamp.wrapping_sub(*sent) <= AGE_MAX && needed <= left;
            left = left.saturating_sub(needed);
            is_new
        };
        let count = self.before.iter().rev().take_while(fits).count();
        let from = self.before.len().saturating_sub(count);
        for (sent, block) in self.before.iter().skip(from) {
            let head = 0x80 | u32::from(payload_type & 0x7f);
            let word = head << 24 | timestamp.wrapping_sub(*sent) << 10 | block.len() as u32;
            self.writer.put(&word.to_be_bytes());
        }
        self.writer.put(&[payload_type & 0x7f]);
        for (_, block) in self.before.iter().skip(from) {
            self.writer.put(block);
        }
    }
}
