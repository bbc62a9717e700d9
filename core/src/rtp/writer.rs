use bytes::{BufMut, BytesMut};

use super::{HEADER_BYTES, RtpHeader, RtpPacket};
use crate::limits::PACKET_BLOCK_BYTES;

/// Writes the packets of one source, in sequence, one behind the other into shared blocks.
#[derive(Debug)]
pub(crate) struct PacketWriter {
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    packet_bytes_max: usize,
    block: BytesMut,
}

impl PacketWriter {
    pub(crate) fn new(payload_type: u8, ssrc: u32, first_sequence: u16, packet_bytes_max: usize) -> Self {
        Self { payload_type, ssrc, sequence: first_sequence, packet_bytes_max, block: BytesMut::new() }
    }

    /// The sequence number of the next packet.
    pub(crate) fn sequence(&self) -> u16 {
        self.sequence
    }

    /// Begins a packet; its header is filled in at the end, when the marker is known.
    #[inline]
    pub(crate) fn begin(&mut self) {
        let spare = self.block.capacity().saturating_sub(self.block.len());
        if spare < self.packet_bytes_max {
            self.block = BytesMut::with_capacity(PACKET_BLOCK_BYTES.max(self.packet_bytes_max));
        }
        self.block.put_slice(&[0; HEADER_BYTES]);
    }

    /// Appends to the payload of the packet that was begun.
    #[inline]
    pub(crate) fn put(&mut self, payload: &[u8]) {
        self.block.extend_from_slice(payload);
    }

    /// The payload byte at `index` of the packet that was begun.
    #[inline]
    pub(crate) fn payload_byte(&mut self, index: usize) -> Option<&mut u8> {
        self.block.get_mut(HEADER_BYTES.saturating_add(index))
    }

    /// Ends the packet that was begun.
    #[inline]
    pub(crate) fn finish(&mut self, timestamp: u32, marker: bool) -> RtpPacket {
        let header = RtpHeader {
            payload_type: self.payload_type,
            marker,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        if let Some(head) = self.block.get_mut(..HEADER_BYTES) {
            head.copy_from_slice(&header.to_bytes());
        }
        self.sequence = self.sequence.wrapping_add(1);
        RtpPacket::from_parts(header, self.block.split().freeze())
    }
}
