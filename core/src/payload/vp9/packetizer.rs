use super::FrameHeader;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Makes packets of pictures of one layer.
///
/// Each has a PictureID of 15 bits and is of non-flexible mode; the first of a keyframe tells the size, and that each picture
/// refers to the one before it.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    picture_id: u16,
}

const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PICTURE: u8 = 0x40;
const BEGINS: u8 = 0x08;
const ENDS: u8 = 0x04;
const HAS_STRUCTURE: u8 = 0x02;
const NOT_FOR_UPPER_LAYERS: u8 = 0x01;

/// Bytes of a descriptor without the structure of layers.
const DESCRIPTOR_BYTES: usize = 3;

impl Packetizer {
    /// A packetizer that makes its packets as `config` says; the first PictureID follows from the first sequence number.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer(), picture_id: config.first_sequence & 0x7fff }
    }

    /// Gives the packets of each of `parts`, which are pictures of one time, to `sink`, the last of each with the marker.
    ///
    /// `timestamp` is in units of 1/90,000 s. Empty parts are left out.
    ///
    /// # Errors
    ///
    /// None: every picture can be sent.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        for picture in parts.into_iter().filter(|part| !part.is_empty()) {
            self.put_picture(picture, timestamp, &mut sink);
            self.picture_id = self.picture_id.wrapping_add(1) & 0x7fff;
        }
        self.writer.flush(&mut sink);
        Ok(())
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    fn put_picture(&mut self, picture: &[u8], timestamp: u32, sink: &mut impl FnMut(RtpPacket)) {
        let keyframe = FrameHeader::read(picture);
        let structure = keyframe.and_then(|header| structure(&header));
        let inter = if FrameHeader::is_keyframe(picture) { 0 } else { INTER_PICTURE };
        let mut rest = picture;
        let mut begins = BEGINS;
        while !rest.is_empty() {
            let structure: &[u8] = structure.as_ref().filter(|_| begins != 0).map_or(&[], |bytes| bytes);
            let described = DESCRIPTOR_BYTES.saturating_add(structure.len());
            let room = self.writer.payload_bytes_max().saturating_sub(described);
            let (chunk, behind) = rest.split_at(room.min(rest.len()));
            let ends = if behind.is_empty() { ENDS } else { 0 };
            let told = if structure.is_empty() { 0 } else { HAS_STRUCTURE };
            let [high, low] = (self.picture_id | 0x8000).to_be_bytes();
            let flags = HAS_PICTURE_ID | inter | begins | ends | told | NOT_FOR_UPPER_LAYERS;
            self.writer.write(sink, (timestamp, ends != 0), [&[flags, high, low], structure, chunk]);
            rest = behind;
            begins = 0;
        }
    }
}

/// One spatial layer with its size (Y), and a group (G) of one picture, which refers to the one before (RFC 9628, section
/// 4.2.1); `None` if the size has no room.
fn structure(header: &FrameHeader) -> Option<[u8; 8]> {
    let [width, height] = [header.width, header.height].map(|side| u16::try_from(side).ok());
    let ([w0, w1], [h0, h1]) = (width?.to_be_bytes(), height?.to_be_bytes());
    Some([0x18, w0, w1, h0, h1, 1, 0x04, 1])
}
