//! RTP packets, the receiving and the sending end of one source, and RTCP (RFC 3550).
//!
//! ```text
//! received bytes ─ RtpPacket::parse ─▶ Receiver::handle_packet ─▶ Receiver::poll_packet ─▶ a depacketizer
//! a packetizer ─▶ Sender::handle_sent ─▶ RtpPacket::into_bytes ─▶ sent bytes
//! ```
//!
//! # Examples
//!
//! ```
//! use bytes::Bytes;
//! use rtspan_core::Instant;
//! use rtspan_core::rtp::{Delivery, Receiver, RtpHeader, RtpPacket};
//!
//! let header = RtpHeader { payload_type: 96, marker: true, sequence: 1, timestamp: 90_000, ssrc: 7 };
//! let wire: Bytes = RtpPacket::build(header, b"payload").into_bytes();
//!
//! let mut receiver = Receiver::new(90_000, Delivery::Unordered, 8);
//! receiver.handle_packet(Instant::ZERO, RtpPacket::parse(wire)?);
//! let received = receiver.poll_packet().expect("nothing is missing before the first packet");
//! assert_eq!((received.packet.payload(), received.lost), (&b"payload"[..], 0));
//! # Ok::<(), rtspan_core::rtp::RtpError>(())
//! ```

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use rtp_types::RtpParseError;

use crate::{Tolerance, Tolerances};

mod clock;
mod onvif;
mod past;
mod receiver;
mod receivers;
pub mod rtcp;
mod sender;
mod senders;
mod splice;
mod wall;
mod writer;

pub(crate) use clock::{ClockRates, round_trip, to_units, units_to_nanos, units_to_time};
pub use onvif::OnvifExtension;
#[cfg(test)]
pub(crate) use onvif::tests as onvif_tests;
pub(crate) use past::Past;
pub use receiver::{Delivery, Received, Receiver, ReceiverStats};
pub(crate) use receivers::Receivers;
pub use sender::{Sender, SenderStats};
pub(crate) use senders::Senders;
pub(crate) use splice::Splice;
pub(crate) use writer::PacketWriter;

/// Bytes of an RTP header without contributing sources and extension.
pub const HEADER_BYTES: usize = 12;

/// The first byte of a header: the version, without padding, extension and contributing sources.
const VERSION_2: u8 = 2 << 6;

/// The bit that says that padding follows the payload.
const PADDING_BIT: u8 = 0x20;

/// The bit of the first byte that says that there is a header extension.
const EXTENSION_BIT: u8 = 0x10;

/// An RTP packet: its bytes and the fields of its header (RFC 3550, section 5.1).
///
/// A clone shares the bytes.
///
/// ```
/// use rtspan_core::rtp::{RtpHeader, RtpPacket};
///
/// let header = RtpHeader { payload_type: 0, marker: true, sequence: 1, timestamp: 160, ssrc: 7 };
/// let packet = RtpPacket::build(header, b"sound");
/// let read = RtpPacket::parse(packet.as_bytes().clone())?;
/// assert_eq!((read.sequence(), read.timestamp(), read.payload()), (1, 160, &b"sound"[..]));
/// # Ok::<(), rtspan_core::rtp::RtpError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct RtpPacket {
    bytes: Bytes,
    timestamp: u32,
    ssrc: u32,
    payload_start: u32,
    sequence: u16,
    payload_type: u8,
    marker: bool,
    padding: u8,
}

impl RtpPacket {
    /// Reads a packet without copying it.
    ///
    /// # Errors
    ///
    /// When the packet is not of version 2, or shorter than its header, its extension or its padding.
    pub fn parse(bytes: Bytes) -> Result<Self, RtpError> {
        Self::parse_with(bytes, &mut Tolerances::default())
    }

    /// Reads a packet as [`parse`](Self::parse) does, and records what was read all the same.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    #[inline]
    pub fn parse_with(bytes: Bytes, tolerances: &mut Tolerances) -> Result<Self, RtpError> {
        match RtpHeader::read(&bytes) {
            Some(header) => Ok(Self::from_parts(header, bytes)),
            None => Self::parse_longer(bytes, tolerances),
        }
    }

    /// Reads a packet with a longer header or with padding, and all that are none.
    fn parse_longer(bytes: Bytes, tolerances: &mut Tolerances) -> Result<Self, RtpError> {
        let view = match rtp_types::RtpPacket::parse(&bytes) {
            Ok(view) => view,
            Err(RtpParseError::PaddingInvalid(0)) => {
                tolerances.record(Tolerance::PaddingWithoutCount);
                return Self::parse(without_padding_bit(&bytes));
            }
            Err(RtpParseError::UnsupportedVersion(version)) => return Err(RtpError::Version(version)),
            Err(RtpParseError::Truncated { expected, actual }) => {
                return Err(RtpError::Truncated { needed: expected, length: actual });
            }
            Err(RtpParseError::PaddingInvalid(_)) => {
                return Err(RtpError::Truncated { needed: HEADER_BYTES, length: bytes.len() });
            }
        };
        Ok(Self {
            timestamp: view.timestamp(),
            ssrc: view.ssrc(),
            payload_start: u32::try_from(view.payload_offset()).unwrap_or(u32::MAX),
            sequence: view.sequence_number(),
            payload_type: view.payload_type(),
            marker: view.marker_bit(),
            padding: view.padding().unwrap_or(0),
            bytes,
        })
    }

    /// Makes a packet of a header and a payload, which is copied.
    pub fn build(header: RtpHeader, payload: &[u8]) -> Self {
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES.saturating_add(payload.len()));
        header.write(&mut bytes);
        bytes.extend_from_slice(payload);
        Self::from_parts(header, bytes.freeze())
    }

    /// A copy of the packet with another sequence number, timestamp and SSRC; all else stays as it is.
    ///
    /// A relay that goes on with another source keeps the numbers that its readers know by this.
    pub fn with_numbers(&self, sequence: u16, timestamp: u32, ssrc: u32) -> Self {
        let numbers = RtpHeader { sequence, timestamp, ssrc, ..RtpHeader::default() }.to_bytes();
        let mut bytes = BytesMut::from(&self.bytes[..]);
        for (byte, number) in bytes.iter_mut().zip(numbers).skip(2) {
            *byte = number;
        }
        Self { bytes: bytes.freeze(), sequence, timestamp, ssrc, ..*self }
    }

    /// The packet as it is sent once it is protected: the same header, and behind it what only its receiver can read.
    #[cfg(feature = "srtp")]
    pub(crate) fn with_protected(&self, bytes: Bytes) -> Self {
        Self { bytes, padding: 0, ..*self }
    }

    /// The same packet with so many bytes more in front of its payload.
    fn with_extension(&self, bytes: Bytes, added: usize) -> Self {
        let added = u32::try_from(added).unwrap_or_default();
        Self { bytes, payload_start: self.payload_start.saturating_add(added), ..*self }
    }

    /// The packet whose `bytes` begin with `header` as written.
    #[inline]
    fn from_parts(header: RtpHeader, bytes: Bytes) -> Self {
        Self {
            bytes,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            payload_start: HEADER_BYTES as u32,
            sequence: header.sequence,
            payload_type: header.payload_type & 0x7f,
            marker: header.marker,
            padding: 0,
        }
    }

    /// The payload type, whose format the description tells (0 to 127).
    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// The marker bit: for video, that this packet ends an access unit.
    pub fn marker(&self) -> bool {
        self.marker
    }

    /// The sequence number.
    pub fn sequence(&self) -> u16 {
        self.sequence
    }

    /// The media time, in units of the format's clock rate.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The synchronization source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The payload, without padding.
    pub fn payload(&self) -> &[u8] {
        let (start, end) = self.payload_range();
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The payload, without padding, sharing the packet's bytes.
    #[inline]
    pub fn payload_bytes(&self) -> Bytes {
        let (start, end) = self.payload_range();
        self.bytes.slice(start..end)
    }

    /// The identifier of the header extension, and its bytes (RFC 3550, section 5.3.1); `None` if there is none.
    #[inline]
    pub(crate) fn extension(&self) -> Option<([u8; 2], &[u8])> {
        let first = *self.bytes.first()?;
        if first & EXTENSION_BIT == 0 { None } else { self.read_extension(first) }
    }

    #[cold]
    fn read_extension(&self, first: u8) -> Option<([u8; 2], &[u8])> {
        // Behind the contributing sources.
        let start = usize::from(first & 0xf).saturating_mul(4).saturating_add(HEADER_BYTES);
        let (profile, rest) = self.bytes.get(start..)?.split_first_chunk::<2>()?;
        let (words, rest) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*words)).saturating_mul(4);
        Some((*profile, rest.get(..length)?))
    }

    /// The whole packet.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole packet.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Bytes of the whole packet.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns `true` if the packet has no bytes, which never happens.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    #[inline]
    fn payload_range(&self) -> (usize, usize) {
        let end = self.bytes.len().saturating_sub(usize::from(self.padding));
        ((self.payload_start as usize).min(end), end)
    }
}

impl fmt::Debug for RtpPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpPacket")
            .field("payload_type", &self.payload_type)
            .field("marker", &self.marker)
            .field("sequence", &self.sequence)
            .field("timestamp", &self.timestamp)
            .field("ssrc", &format_args!("{:08X}", self.ssrc))
            .field("payload", &format_args!("{} bytes", self.payload().len()))
            .finish()
    }
}

/// The fields of an RTP header that a sender chooses.
///
/// ```
/// use rtspan_core::rtp::{RtpHeader, RtpPacket};
///
/// let header = RtpHeader { payload_type: 96, marker: true, sequence: 65_535, timestamp: 3_000, ssrc: 0x5eed };
/// assert_eq!(RtpPacket::build(header, &[]).len(), header.to_bytes().len());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RtpHeader {
    /// The payload type; only the lower 7 bits count.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// The sequence number.
    pub sequence: u16,
    /// The media time, in units of the format's clock rate.
    pub timestamp: u32,
    /// The synchronization source.
    pub ssrc: u32,
}

/// The SSRC in the header of a packet; `None` for fewer bytes than a header has.
pub(crate) fn ssrc_of(packet: &[u8]) -> Option<u32> {
    let [.., c3, c2, c1, c0] = *packet.first_chunk::<HEADER_BYTES>()?;
    Some(u32::from_be_bytes([c3, c2, c1, c0]))
}

impl RtpHeader {
    /// Reads a header of 12 bytes, as nearly all are; `None` for any other.
    #[inline]
    fn read(bytes: &[u8]) -> Option<Self> {
        let [VERSION_2, second, s1, s0, t3, t2, t1, t0, c3, c2, c1, c0] = *bytes.first_chunk()? else {
            return None;
        };
        Some(Self {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            sequence: u16::from_be_bytes([s1, s0]),
            timestamp: u32::from_be_bytes([t3, t2, t1, t0]),
            ssrc: u32::from_be_bytes([c3, c2, c1, c0]),
        })
    }

    /// Appends the 12 bytes of the header.
    pub fn write(&self, to: &mut BytesMut) {
        to.put_slice(&self.to_bytes());
    }

    /// The 12 bytes of the header.
    #[inline]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        let kind = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        [VERSION_2, kind, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]
    }
}

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// The version is not 2.
    #[error("RTP version {0} is not 2")]
    Version(u8),
    /// The header, its extension or the padding is longer than the packet.
    #[error("RTP packet of {length} bytes needs {needed}")]
    Truncated {
        /// Bytes that the header asks for.
        needed: usize,
        /// Bytes that there are.
        length: usize,
    },
}

/// A copy of a packet that tells of no padding, so that the next receiver can read it too.
fn without_padding_bit(bytes: &[u8]) -> Bytes {
    let mut copy = BytesMut::from(bytes);
    if let Some(first) = copy.first_mut() {
        *first &= !PADDING_BIT;
    }
    copy.freeze()
}

#[cfg(test)]
mod tests;
