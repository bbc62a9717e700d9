//! Documents that come every now and then: KLV (RFC 6597, `SMPTE336M`), and the metadata of ONVIF (Streaming Specification,
//! section 5.1.2.1.1; `vnd.onvif.metadata`), plain or compressed.
//!
//! A unit is what one timestamp has: a KLVunit, or an XML document. It is cut into packets, of which the last has the marker. With
//! the feature `gzip`, `gunzip` unpacks one that travels compressed, and `gzip` packs it.
//!
//! # Examples
//!
//! A KLVunit that is longer than a packet:
//!
//! ```
//! use rtspan_core::Format;
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::document::{Depacketizer, Packetizer};
//!
//! // The universal label of a set (SMPTE ST 336), the length of what follows, and that.
//! let key = *b"\x06\x0e\x2b\x34\x02\x0b\x01\x01\x0e\x01\x03\x01\x01\x00\x00\x00";
//! let set = [&key[..], &[0x82, 0x07, 0xd0], &[5; 2000]].concat();
//! let mut packets = Vec::new();
//! Packetizer::new(PacketizerConfig::new(97, 7, 0)).packetize([&set[..]], 9_000, |packet| packets.push(packet))?;
//! assert_eq!(packets.iter().map(|packet| packet.marker()).collect::<Vec<_>>(), [false, true]);
//!
//! let mut depacketizer = Depacketizer::new(&Format::klv(97)).expect("KLV");
//! packets.iter().try_for_each(|packet| depacketizer.push(packet, 0))?;
//! assert_eq!(depacketizer.poll().expect("it is whole").parts.to_bytes(), set);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::assembly::{Assembly, Piece, Place};
use super::{AccessUnit, PacketizeError, PacketizerConfig, PayloadError};
use crate::Tolerances;
use crate::description::{Codec, Format, MetadataCoding};
use crate::rtp::{PacketWriter, RtpPacket};

#[cfg(feature = "gzip")]
mod gzip;

#[cfg(feature = "gzip")]
pub use gzip::{UnpackError, gunzip, gzip};

/// The kind of a document, which its first bytes tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Klv,
    Xml,
    Gzip,
    Exi,
}

impl Kind {
    /// The packet begins a document, by its first bytes.
    fn begins(self, payload: &[u8]) -> bool {
        match self {
            // A universal label of SMPTE.
            Self::Klv => payload.starts_with(&[0x06, 0x0e, 0x2b, 0x34]),
            Self::Xml => begins_xml(payload),
            Self::Gzip => payload.starts_with(&[0x1f, 0x8b, 8]),
            // The cookie, or its absence: the two bits that no text begins with.
            Self::Exi => payload.starts_with(b"$EXI") || payload.first().is_some_and(|first| first >> 6 == 2),
        }
    }
}

/// An XML declaration, or the element that all documents of ONVIF have.
fn begins_xml(payload: &[u8]) -> bool {
    let text = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload).trim_ascii_start();
    let name = text.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/')).next();
    let name = name.unwrap_or_default();
    text.starts_with(b"<?xml") || name.starts_with(b"<") && name.ends_with(b"MetadataStream")
}

/// Puts documents together.
///
/// A document ends with the packet that carries the marker, or before one with another timestamp; cameras that never set the
/// marker are read that way, and one document later. After a loss inside a document, the part before the hole is kept and
/// marked as damaged; of KLV those items can still be read (RFC 6597, section 4.3). A document whose beginning is lost is
/// dropped, and behind a loss one has to begin as those of its kind do.
#[derive(Debug)]
pub struct Depacketizer {
    kind: Kind,
    assembly: Assembly,
    last: Option<Last>,
    seen_marker: bool,
}

/// The packet before.
#[derive(Clone, Copy, Debug)]
struct Last {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
}

impl Depacketizer {
    /// A depacketizer of documents in the `format` of a description; `None` if that is none of documents.
    pub fn new(format: &Format) -> Option<Self> {
        let kind = match format.codec {
            Codec::Klv => Kind::Klv,
            Codec::OnvifMetadata(MetadataCoding::Xml) => Kind::Xml,
            Codec::OnvifMetadata(MetadataCoding::Gzip) => Kind::Gzip,
            Codec::OnvifMetadata(MetadataCoding::Exi) => Kind::Exi,
            _ => return None,
        };
        Some(Self { kind, assembly: Assembly::default(), last: None, seen_marker: false })
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the payload is empty or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let bytes = packet.payload_bytes();
        let piece = if bytes.is_empty() {
            Err(PayloadError::Empty)
        } else {
            Ok(Piece { place: self.place(packet, lost), bytes, is_keyframe: true })
        };
        let result = self.assembly.push(packet, lost, piece);
        if result != Err(PayloadError::Unpolled) {
            self.seen_marker |= packet.marker();
            self.last = Some(Last {
                ssrc: packet.ssrc(),
                sequence: packet.sequence(),
                timestamp: packet.timestamp(),
                marker: packet.marker(),
            });
        }
        result
    }

    /// The next document, which has one part.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.assembly.poll()
    }

    /// Ends the document that is being put together, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        self.assembly.flush();
        self.last = None;
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        self.assembly.take_tolerances()
    }

    /// Where a packet belongs, which nothing in front of its bytes says.
    fn place(&self, packet: &RtpPacket, lost: u16) -> Place {
        let looks_like_one = || self.kind.begins(packet.payload());
        let begins = match self.last {
            Some(last) if last.ssrc == packet.ssrc() => {
                let intact = lost == 0 && packet.sequence() == last.sequence.wrapping_add(1);
                if last.timestamp == packet.timestamp() && !last.marker {
                    // Some know neither markers nor time; an XML declaration stands nowhere else.
                    !self.seen_marker && self.kind == Kind::Xml && looks_like_one()
                } else {
                    intact || looks_like_one()
                }
            }
            _ => looks_like_one(),
        };
        if begins { Place::BeginsUnit } else { Place::Continues }
    }
}

/// Cuts documents into packets.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer() }
    }

    /// Gives the packets of a document, whose bytes are those of `parts` one behind the other, to `sink`.
    ///
    /// # Errors
    ///
    /// None: all documents can be sent.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        // Bytes that the open packet has room for.
        let mut room: Option<usize> = None;
        for part in parts {
            let mut rest = part;
            while !rest.is_empty() {
                let left = match room {
                    Some(left @ 1..) => left,
                    full => {
                        if full.is_some() {
                            self.writer.end(timestamp, false);
                        }
                        self.writer.begin(&mut sink);
                        self.writer.payload_bytes_max()
                    }
                };
                let (now, later) = rest.split_at_checked(left).unwrap_or((rest, &[]));
                self.writer.put(now);
                room = Some(left.saturating_sub(now.len()));
                rest = later;
            }
        }
        if room.is_some() {
            self.writer.end(timestamp, true);
        }
        self.writer.flush(&mut sink);
        Ok(())
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}

#[cfg(test)]
mod tests;
