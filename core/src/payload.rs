//! Payload formats: from media to RTP packets and back.
//!
//! A packetizer takes whole units and gives packets to a sink. A depacketizer takes packets in order,
//! as [`Receiver`](crate::rtp::Receiver) hands them out, and gives whole units.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::{PacketizerConfig, h264};
//!
//! let mut packetizer = h264::Packetizer::new(PacketizerConfig::new(96, 7, 0));
//! let mut depacketizer = h264::Depacketizer::new();
//! let picture = vec![0x65; 4000];
//! packetizer.packetize([&picture[..]], 90_000, |packet| {
//!     depacketizer.push(&packet, 0).expect("nothing is lost");
//! });
//! let unit = depacketizer.poll().expect("the last packet carries the marker");
//! assert_eq!((unit.timestamp, unit.is_keyframe, &unit.nals[0][..]), (90_000, true, &picture[..]));
//! ```

use bytes::Bytes;

use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNIT_NALS_MAX, ACCESS_UNITS_READY_MAX, PACKET_BYTES_MAX};
use crate::rtp::PacketWriter;

mod access;
mod bits;
mod decoding_times;
pub mod g711;
pub mod h264;
pub mod h265;
pub(crate) mod parameter_sets;
mod picture;
pub(crate) mod probe;
mod rbsp;

pub(crate) use access::Access;
pub use decoding_times::DecodingTimes;
pub use picture::{FrameRate, ParameterSetError};
pub use probe::AccessPoint;

/// Bytes of a packet that every packetizer can work with.
const PACKET_BYTES_MIN: usize = 64;

/// How a packetizer makes its packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PacketizerConfig {
    /// The payload type of the format in the description.
    pub payload_type: u8,
    /// The synchronization source.
    pub ssrc: u32,
    /// The sequence number of the first packet.
    pub first_sequence: u16,
    /// Bytes of a packet with its header; taken to be within 64 and 65,535.
    pub packet_bytes_max: usize,
}

impl PacketizerConfig {
    /// A configuration with packets that fit an Ethernet frame over IPv6.
    pub const fn new(payload_type: u8, ssrc: u32, first_sequence: u16) -> Self {
        Self { payload_type, ssrc, first_sequence, packet_bytes_max: PACKET_BYTES_MAX }
    }

    fn packet_bytes(&self) -> usize {
        self.packet_bytes_max.clamp(PACKET_BYTES_MIN, usize::from(u16::MAX))
    }

    fn writer(&self) -> PacketWriter {
        PacketWriter::new(self.payload_type, self.ssrc, self.first_sequence, self.packet_bytes())
    }
}

/// The NAL units of one picture, in the order in which they are decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessUnit {
    /// The media time, in units of 1/90,000 s.
    pub timestamp: u32,
    /// The NAL units, each with its header and without a start code; never empty.
    pub nals: Vec<Bytes>,
    /// Whether decoding can begin here: the unit holds an instantaneous refresh.
    pub is_keyframe: bool,
    /// Whether a part of the unit is missing, or may be: a packet was lost inside or just before it.
    pub damaged: bool,
}

/// Why a packet could not be depacketized.
///
/// The depacketizer goes on with the next packet; the unit that suffers is marked as damaged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The payload is empty.
    #[error("the payload is empty")]
    Empty,
    /// A NAL unit is longer than the payload that holds it.
    #[error("a NAL unit of {needed} bytes is cut off after {length}")]
    Truncated {
        /// Bytes that its length field, or its header, asks for.
        needed: usize,
        /// Bytes that there are.
        length: usize,
    },
    /// The payload is of a structure that is not read: interleaved, or reserved.
    #[error("payload structure {0} is not supported")]
    Unsupported(u8),
    /// A fragment continues a NAL unit that never started, though no packet was lost.
    #[error("a fragment has no start")]
    FragmentWithoutStart,
    /// The access unit is longer than [`ACCESS_UNIT_BYTES_MAX`]; the rest of it is left out.
    #[error("an access unit exceeds {ACCESS_UNIT_BYTES_MAX} bytes")]
    TooLong,
    /// The access unit has more NAL units than [`ACCESS_UNIT_NALS_MAX`]; the rest of it is left out.
    #[error("an access unit exceeds {ACCESS_UNIT_NALS_MAX} NAL units")]
    TooManyNals,
    /// As many units as are kept ([`ACCESS_UNITS_READY_MAX`]) wait to be polled; the packet was not taken.
    #[error("{ACCESS_UNITS_READY_MAX} units wait to be polled")]
    Unpolled,
}
