use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::REPEATED_BYTES;
use crate::Tolerances;
use crate::limits::{ACCESS_UNITS_READY_MAX, REDUNDANT_BLOCKS_MAX};
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;

/// Gives each block of text with its own timestamp.
///
/// Behind a loss, the blocks that are missing are taken from the packet that repeats them. If it does not repeat all, the
/// next unit is marked as damaged: there text is missing in front. Empty blocks, which only repeat, give no unit.
#[derive(Debug)]
pub struct Depacketizer {
    has_repeats: bool,
    ready: VecDeque<AccessUnit>,
    /// Text is missing in front of the next unit.
    has_hole: bool,
    /// Source and sequence number of the packet before.
    last: Option<(u32, u16)>,
}

/// A block of a packet, and how long before it it was sent first.
#[derive(Debug, Default)]
struct Block {
    age: u32,
    bytes: Bytes,
}

impl Depacketizer {
    /// A depacketizer of packets that repeat others, or not.
    pub fn new(has_repeats: bool) -> Self {
        Self { has_repeats, ready: VecDeque::new(), has_hole: false, last: None }
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read, or units wait to be polled; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        if self.ready.len() >= ACCESS_UNITS_READY_MAX {
            return Err(PayloadError::Unpolled);
        }
        let (ssrc, sequence) = (packet.ssrc(), packet.sequence());
        let follows = self.last.is_none_or(|last| last == (ssrc, sequence.wrapping_sub(1)));
        self.last = Some((ssrc, sequence));
        self.has_hole |= lost == 0 && !follows;
        let mut payload = packet.payload_bytes();
        let missing = usize::from(lost);
        if !self.has_repeats {
            self.has_hole |= missing > 0;
            self.give(packet, Block { age: 0, bytes: payload });
            return Ok(());
        }
        let blocks = read_blocks(&mut payload);
        let (repeated, count) = blocks.inspect_err(|_| self.has_hole = true)?;
        self.has_hole |= missing > count;
        for block in repeated.into_iter().take(count).skip(count.saturating_sub(missing)) {
            self.give(packet, block);
        }
        self.give(packet, Block { age: 0, bytes: payload });
        Ok(())
    }

    /// The next block.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }

    /// Forgets which packet was the last, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        self.last = None;
    }

    /// Nothing: there is nothing to put up with.
    pub fn take_tolerances(&mut self) -> Tolerances {
        Tolerances::default()
    }

    fn give(&mut self, packet: &RtpPacket, block: Block) {
        if !block.bytes.is_empty() {
            self.ready.push_back(AccessUnit {
                timestamp: packet.timestamp().wrapping_sub(block.age),
                parts: block.bytes.into(),
                is_keyframe: true,
                is_damaged: std::mem::take(&mut self.has_hole),
                configuration: None,
            });
        }
    }
}

/// The last blocks that a packet repeats, the oldest first, and their number; the rest is the new one.
fn read_blocks(payload: &mut Bytes) -> Result<([Block; REDUNDANT_BLOCKS_MAX], usize), PayloadError> {
    let truncated = |needed, length| PayloadError::Truncated { needed, length };
    let mut blocks: [Block; REDUNDANT_BLOCKS_MAX] = Default::default();
    let mut headers = payload.clone();
    let mut total = 0_usize;
    // First it is counted which are the last.
    while headers.first().is_some_and(|first| first & 0x80 != 0) {
        headers.try_get_u32().map_err(|_| truncated(REPEATED_BYTES, headers.len()))?;
        total = total.saturating_add(1);
    }
    headers.try_get_u8().map_err(|_| if total == 0 { PayloadError::Empty } else { truncated(1, 0) })?;
    let passed_over = total.saturating_sub(REDUNDANT_BLOCKS_MAX);
    let mut places = blocks.iter_mut();
    for at in 0..total {
        let word = payload.try_get_u32().unwrap_or(0);
        let (age, length) = (word >> 10 & 0x3fff, (word & 0x3ff) as usize);
        if length > headers.len() {
            return Err(truncated(length, headers.len()));
        }
        let bytes = headers.split_to(length);
        if at >= passed_over {
            if let Some(place) = places.next() {
                *place = Block { age, bytes };
            }
        }
    }
    *payload = headers;
    Ok((blocks, total.saturating_sub(passed_over)))
}
