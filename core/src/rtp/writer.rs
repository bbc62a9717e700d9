use bytes::BytesMut;

use super::{EXTENSION_BIT, HEADER_BYTES, RtpHeader, RtpPacket};
use crate::limits::PACKET_BLOCK_BYTES;

/// Writes the packets of one source, in sequence, one behind the other into shared blocks.
///
/// They are cut out of their block together, once it is full or nothing more follows. To count one more owner of a block,
/// the processor first has to finish every write that is under way; after each packet by itself that takes as long as
/// copying its bytes.
#[derive(Debug)]
pub(crate) struct PacketWriter {
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    packet_bytes_max: usize,
    block: BytesMut,
    /// Where the packet that was begun starts in the block.
    start: usize,
    /// The packets that stand in the block, each with its length.
    written: Vec<(RtpHeader, usize)>,
}

impl PacketWriter {
    pub(crate) fn new(payload_type: u8, ssrc: u32, first_sequence: u16, packet_bytes_max: usize) -> Self {
        Self {
            payload_type,
            ssrc,
            sequence: first_sequence,
            packet_bytes_max,
            block: BytesMut::new(),
            start: 0,
            written: Vec::new(),
        }
    }

    /// The sequence number of the next packet.
    pub(crate) fn sequence(&self) -> u16 {
        self.sequence
    }

    /// Bytes of payload that a packet has room for.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        self.packet_bytes_max.saturating_sub(HEADER_BYTES)
    }

    /// Writes a packet whose payload are these pieces, one behind the other.
    ///
    /// Gives those before it to `sink` if their block is full.
    #[inline(always)]
    pub(crate) fn write<const PIECES: usize>(
        &mut self,
        sink: &mut impl FnMut(RtpPacket),
        (timestamp, marker): (u32, bool),
        payload: [&[u8]; PIECES],
    ) {
        self.make_room(sink);
        let header = self.next_header(timestamp, marker);
        self.put(&header.to_bytes());
        payload.into_iter().for_each(|piece| self.put(piece));
        let len = payload.into_iter().fold(HEADER_BYTES, |len, piece| len.saturating_add(piece.len()));
        self.written.push((header, len));
    }

    /// Begins a packet that is put together piece by piece; its header is filled in at the end, when the marker is known.
    ///
    /// Gives those before it to `sink` if their block is full.
    #[inline]
    pub(crate) fn begin(&mut self, sink: &mut impl FnMut(RtpPacket)) {
        self.make_room(sink);
        self.start = self.block.len();
        self.block.extend_from_slice(&[0; HEADER_BYTES]);
    }

    /// Appends to the payload of the packet that was begun.
    #[inline]
    pub(crate) fn put(&mut self, payload: &[u8]) {
        self.block.extend_from_slice(payload);
    }

    /// The payload of the packet that was begun, as far as it was put.
    #[inline]
    pub(crate) fn payload(&mut self) -> &mut [u8] {
        self.block.get_mut(self.start.saturating_add(HEADER_BYTES)..).unwrap_or_default()
    }

    /// Ends the packet that was begun.
    #[inline]
    pub(crate) fn end(&mut self, timestamp: u32, marker: bool) {
        let header = self.next_header(timestamp, marker);
        let packet = self.block.get_mut(self.start..).unwrap_or_default();
        if let Some(head) = packet.first_chunk_mut() {
            *head = header.to_bytes();
        }
        self.written.push((header, packet.len()));
    }

    /// Writes a packet by itself whose header has an extension, the first of the pieces, behind those before it.
    pub(crate) fn write_extended(
        &mut self,
        sink: &mut impl FnMut(RtpPacket),
        head: (u32, bool),
        extension_and_payload: [&[u8]; 3],
    ) {
        self.flush(sink);
        self.write(sink, head, extension_and_payload);
        if let Some(first) = self.block.get_mut(self.start) {
            *first |= EXTENSION_BIT;
        }
        let written = self.written.pop().map(|(_, len)| self.block.split_to(len).freeze());
        if let Some(Ok(packet)) = written.map(RtpPacket::parse) {
            sink(packet);
        }
    }

    /// Gives the packets that were ended, and not yet given, to `sink`.
    #[inline]
    pub(crate) fn flush(&mut self, sink: &mut impl FnMut(RtpPacket)) {
        for (header, len) in self.written.drain(..) {
            sink(RtpPacket::from_parts(header, self.block.split_to(len).freeze()));
        }
    }

    /// Begins another block if this one has no room for a packet, and gives the packets in it to `sink`.
    #[inline]
    fn make_room(&mut self, sink: &mut impl FnMut(RtpPacket)) {
        let spare = self.block.capacity().saturating_sub(self.block.len());
        if spare < self.packet_bytes_max {
            self.flush(sink);
            self.block = BytesMut::with_capacity(PACKET_BLOCK_BYTES.max(self.packet_bytes_max));
        }
    }

    #[inline]
    fn next_header(&mut self, timestamp: u32, marker: bool) -> RtpHeader {
        let Self { payload_type, ssrc, sequence, .. } = *self;
        self.sequence = sequence.wrapping_add(1);
        RtpHeader { payload_type, marker, sequence, timestamp, ssrc }
    }
}
