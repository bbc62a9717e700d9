use super::Layout;
use crate::Tolerances;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;

/// Gives the blocks of each packet as a unit, which shares its memory.
///
/// No unit has two packets, so that a loss damages none. A block that is cut off at the end of a packet is left out, and the
/// unit marked as damaged.
#[derive(Debug)]
pub struct Depacketizer {
    layout: Layout,
    ready: Option<AccessUnit>,
}

impl Depacketizer {
    /// A depacketizer of blocks of a layout.
    pub fn new(layout: Layout) -> Self {
        Self { layout, ready: None }
    }

    /// Takes the next packet. A loss before it does not matter.
    ///
    /// # Errors
    ///
    /// The packet is empty, ends inside a block, or the one before was not polled.
    pub fn push(&mut self, packet: &RtpPacket, _lost: u16) -> Result<(), PayloadError> {
        if self.ready.is_some() {
            return Err(PayloadError::Unpolled);
        }
        let payload = packet.payload_bytes();
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        let (whole, _) = self.layout.run(&payload, usize::MAX);
        let left_over = payload.len().saturating_sub(whole);
        if whole > 0 {
            self.ready = Some(AccessUnit {
                timestamp: packet.timestamp(),
                parts: payload.slice(..whole).into(),
                is_keyframe: true,
                is_damaged: left_over > 0,
                configuration: None,
            });
        }
        match left_over {
            0 => Ok(()),
            length => Err(PayloadError::Truncated { needed: self.layout.block_bytes().max(length), length }),
        }
    }

    /// The blocks of the packet that was pushed.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.take()
    }

    /// Does nothing, since no unit waits for another packet.
    pub fn flush(&mut self) {}

    /// Nothing: there is nothing to put up with.
    pub fn take_tolerances(&mut self) -> Tolerances {
        Tolerances::default()
    }
}
