use super::{Header, code, header};
use crate::payload::pictures::{first_start_code, start_codes};
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Makes packets of pictures: headers with the slice behind them, as many slices as fit, and slices that are longer than a
/// packet in fragments.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer() }
    }

    /// Gives the packets of each of `parts`, which are pictures of one time, to `sink`, the last of each with the marker.
    ///
    /// `timestamp` is that of presentation, in units of 1/90,000 s. Empty parts are left out.
    ///
    /// # Errors
    ///
    /// A part does not begin with the header of a sequence, a group or a picture. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        for picture in parts.into_iter().filter(|part| !part.is_empty()) {
            if begins_with_header(picture) {
                self.send(picture, timestamp, &mut sink);
            } else {
                result =
                    Err(PacketizeError::Malformed("a picture of MPEG video does not begin with a header"));
            }
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    fn send(&mut self, picture: &[u8], timestamp: u32, sink: &mut impl FnMut(RtpPacket)) {
        let room = self.writer.payload_bytes_max().saturating_sub(header::BYTES);
        let mut header = Header::default();
        let mut groups = Groups(picture).peekable();
        while let Some(group) = groups.next() {
            if begins_with_header(group) {
                header.learn(group);
            }
            let has_slice = start_codes(group).any(|(_, code)| code::SLICES.contains(&code));
            header.has_sequence = first_start_code(group) == Some(code::SEQUENCE);
            header.begins_slice = has_slice;
            let mut chunks = group.chunks(room).peekable();
            while let Some(chunk) = chunks.next() {
                let ends = chunks.peek().is_none();
                header.ends_slice = has_slice && ends;
                self.writer.begin(sink);
                self.writer.put(&header.to_bytes());
                self.writer.put(chunk);
                // Behind a slice that is whole others have place.
                let mut left = if chunk.len() == group.len() { room.saturating_sub(chunk.len()) } else { 0 };
                while let Some(slice) = groups.next_if(|next| !begins_with_header(next) && next.len() <= left)
                {
                    self.writer.put(slice);
                    left = left.saturating_sub(slice.len());
                }
                self.writer.end(timestamp, ends && groups.peek().is_none());
                (header.has_sequence, header.begins_slice) = (false, false);
            }
        }
    }
}

fn begins_with_header(bytes: &[u8]) -> bool {
    matches!(first_start_code(bytes), Some(code::SEQUENCE | code::GROUP | code::PICTURE))
}

/// The slices of a picture, each with the headers in front of it.
#[derive(Debug)]
struct Groups<'a>(&'a [u8]);

impl<'a> Iterator for Groups<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut has_slice = false;
        let mut ends = |code: u8| {
            let is_slice = code::SLICES.contains(&code);
            let begins = is_slice || matches!(code, code::SEQUENCE | code::GROUP | code::PICTURE);
            let ends = has_slice && begins;
            has_slice |= is_slice;
            ends
        };
        let end = start_codes(self.0).find(|(_, code)| ends(*code));
        let (group, rest) = self.0.split_at_checked(end.map_or(self.0.len(), |(at, _)| at))?;
        self.0 = rest;
        (!group.is_empty()).then_some(group)
    }
}
