use super::aggregation::{BEGINS_SEQUENCE, CONTINUES, IS_CONTINUED};
use super::kind;
use super::obu::{Obu, leb128};
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Makes packets of temporal units: up to three OBUs, or fragments of them, in each.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
}

/// Elements that the aggregation header can count; the last of them needs no length.
const ELEMENTS_MAX: u8 = 3;

/// Room in a packet for which another element is not begun.
const FRAGMENT_BYTES_MIN: usize = 8;

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer() }
    }

    /// Gives the packets of one temporal unit to `sink`, the last with the marker.
    ///
    /// `parts` are its OBUs, with sizes or without; a part may be the whole unit in the low-overhead format. Temporal
    /// delimiters and tile lists are left out. `timestamp` is in units of 1/90,000 s.
    ///
    /// # Errors
    ///
    /// A part is no OBU, or ends before its OBU does. The OBUs that can be read are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        let mut obus = parts
            .into_iter()
            .flat_map(Obu::all)
            .filter_map(|obu| {
                if obu.is_err() {
                    result = Err(PacketizeError::Malformed("an OBU is cut off, or none"));
                }
                obu.ok().filter(Obu::is_sent)
            })
            .peekable();
        let begins = obus.peek().is_some_and(|first| first.kind() == kind::SEQUENCE_HEADER);
        let mut flags = if begins { BEGINS_SEQUENCE } else { 0 };
        // The OBU that is being sent, and how much of it was.
        let mut rest = obus.next().map(|first| (first, 0));
        while rest.is_some() {
            self.writer.begin(&mut sink);
            self.writer.put(&[0]);
            let mut room = self.writer.payload_bytes_max().saturating_sub(1);
            let mut elements = 0_u8;
            while let Some((obu, sent)) = rest {
                elements = elements.saturating_add(1);
                let left = obu.len().saturating_sub(sent);
                let (size, size_bytes) = leb128(left);
                let with_size = left.saturating_add(size_bytes);
                let has_another = elements < ELEMENTS_MAX
                    && with_size.saturating_add(FRAGMENT_BYTES_MIN) <= room
                    && obus.peek().is_some();
                if has_another {
                    self.writer.put(size.get(..size_bytes).unwrap_or_default());
                    self.put(&obu, sent, left);
                    room = room.saturating_sub(with_size);
                    rest = obus.next().map(|next| (next, 0));
                    continue;
                }
                let now = left.min(room);
                self.put(&obu, sent, now);
                if now < left {
                    rest = Some((obu, sent.saturating_add(now)));
                    flags |= IS_CONTINUED;
                } else {
                    rest = obus.next().map(|next| (next, 0));
                }
                break;
            }
            if let Some(first) = self.writer.payload().first_mut() {
                *first = flags | elements << 4;
            }
            self.writer.end(timestamp, rest.is_none());
            flags = if flags & IS_CONTINUED != 0 { CONTINUES } else { 0 };
        }
        self.writer.flush(&mut sink);
        drop(obus);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    /// Puts `count` bytes of an OBU from `from` on.
    fn put(&mut self, obu: &Obu<'_>, from: usize, count: usize) {
        let header = obu.header();
        let of_header = header.get(from.min(header.len())..).unwrap_or_default();
        let of_header = of_header.get(..count.min(of_header.len())).unwrap_or_default();
        self.writer.put(of_header);
        let from = from.saturating_sub(header.len());
        let count = count.saturating_sub(of_header.len());
        self.writer.put(obu.payload.get(from..from.saturating_add(count)).unwrap_or_default());
    }
}
