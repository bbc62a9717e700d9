use crate::limits::PACKET_BYTES_MAX;
use crate::rtp::PacketWriter;

/// Bytes of a packet that every packetizer can work with.
const PACKET_BYTES_MIN: usize = 64;

/// How a packetizer makes its packets.
///
/// ```
/// use rtspan_core::payload::{PacketizerConfig, h264};
///
/// let config = PacketizerConfig::new(96, 0x5eed, 0); // payload type, SSRC, first sequence number
/// let mut packetizer = h264::Packetizer::new(config);
/// packetizer.packetize([&[0x65, 0x88][..]], 3_000, |packet| assert_eq!(packet.ssrc(), 0x5eed))?;
/// # Ok::<(), rtspan_core::payload::PacketizeError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketizerConfig {
    /// The payload type of the format in the description.
    pub payload_type: u8,
    /// The synchronization source.
    pub ssrc: u32,
    /// The sequence number of the first packet.
    pub first_sequence: u16,
    /// Bytes of a packet with its header; taken to be within 64 and 65,535, and from 384 on for Motion JPEG, whose
    /// first packets hold the tables of an image.
    pub packet_bytes_max: usize,
}

impl PacketizerConfig {
    /// A configuration with packets that fit an Ethernet frame over IPv6.
    pub const fn new(payload_type: u8, ssrc: u32, first_sequence: u16) -> Self {
        Self { payload_type, ssrc, first_sequence, packet_bytes_max: PACKET_BYTES_MAX }
    }

    pub(super) fn packet_bytes(&self) -> usize {
        self.packet_bytes_max.clamp(PACKET_BYTES_MIN, usize::from(u16::MAX))
    }

    pub(super) fn writer(&self) -> PacketWriter {
        PacketWriter::new(self.payload_type, self.ssrc, self.first_sequence, self.packet_bytes())
    }
}
