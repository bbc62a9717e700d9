use std::marker::PhantomData;

use super::{FRAGMENT_END, FRAGMENT_START, Syntax, body_of, header_of, type_of};
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Turns access units into packets: small NAL units together, large ones in fragments.
#[derive(Debug)]
pub struct Packetizer<S> {
    writer: PacketWriter,
    syntax: PhantomData<S>,
}

impl<S: Syntax> Packetizer<S> {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer(), syntax: PhantomData }
    }

    /// Gives the packets of one access unit to `sink`, the last with the marker.
    ///
    /// `nals` are its NAL units without start codes; empty ones are left out. `timestamp` is in units
    /// of 1/90,000 s.
    ///
    /// # Errors
    ///
    /// A NAL unit has no whole header, or its type is one that packets have. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        nals: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let most = self.writer.payload_bytes_max();
        let mut result = Ok(());
        let mut can_be_sent = |nal: &&[u8]| {
            let reason = match type_of::<S>(nal) {
                Some(nal_type) if S::is_unit(nal_type) => return true,
                Some(_) => "a NAL unit of a type that is kept for packets",
                None if nal.is_empty() => return false,
                None => "a NAL unit without a whole header",
            };
            result = Err(PacketizeError::Malformed(reason));
            false
        };
        let mut nals = nals.into_iter().filter(|nal| can_be_sent(nal)).peekable();
        while let Some(nal) = nals.next() {
            if nal.len() > most {
                let is_last = nals.peek().is_none();
                self.fragment(nal, timestamp, is_last, &mut sink);
                continue;
            }
            self.writer.begin(&mut sink);
            let alone = aggregate_bytes(S::HEADER_BYTES, nal);
            if nals.peek().is_some_and(|next| aggregate_bytes(alone, next) <= most) {
                let mut header = S::with_type(header_of::<S>(nal).unwrap_or_default(), S::AGGREGATE);
                let mut bytes = S::HEADER_BYTES;
                let mut unit = Some(nal);
                self.writer.put(header.get(..S::HEADER_BYTES).unwrap_or_default());
                while let Some(nal) = unit {
                    bytes = aggregate_bytes(bytes, nal);
                    header = S::joined(header, header_of::<S>(nal).unwrap_or_default());
                    self.writer.put(&u16::try_from(nal.len()).unwrap_or(u16::MAX).to_be_bytes());
                    self.writer.put(nal);
                    unit = nals.next_if(|next| aggregate_bytes(bytes, next) <= most);
                }
                self.writer
                    .payload()
                    .iter_mut()
                    .zip(header)
                    .take(S::HEADER_BYTES)
                    .for_each(|(to, byte)| *to = byte);
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
        let Some(header) = header_of::<S>(nal) else { return };
        let nal_type = S::type_of(header);
        let packet_header = S::with_type(header, S::FRAGMENT);
        let head_bytes = S::HEADER_BYTES.saturating_add(1);
        let room = self.writer.payload_bytes_max().saturating_sub(head_bytes);
        let mut chunks = body_of::<S>(nal).chunks(room).peekable();
        let mut position_bits = FRAGMENT_START;
        while let Some(chunk) = chunks.next() {
            let ends = chunks.peek().is_none();
            if ends {
                position_bits |= FRAGMENT_END | if is_last { S::FRAGMENT_ENDS_PICTURE } else { 0 };
            }
            let head = (timestamp, is_last && ends);
            let position = position_bits | nal_type;
            // Sizes that the compiler knows: a call for each few bytes would take as long as the rest of the packet.
            match (S::HEADER_BYTES, packet_header) {
                (1, [first, _]) => self.writer.write(sink, head, [&[first, position], chunk]),
                (_, [first, second]) => self.writer.write(sink, head, [&[first, second, position], chunk]),
            }
            position_bits = 0;
        }
    }
}

/// Bytes of an aggregate once `nal` has joined it.
fn aggregate_bytes(before: usize, nal: &[u8]) -> usize {
    before.saturating_add(2).saturating_add(nal.len())
}
