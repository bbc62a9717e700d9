//! Formats that the library does not take apart: each payload is a unit, and each unit a payload.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::whole::{Depacketizer, Packetizer};
//!
//! // A format of one's own: each message is a packet, and comes back as it was.
//! let (mut packetizer, mut depacketizer) = (Packetizer::new(PacketizerConfig::new(98, 7, 0)), Depacketizer::new());
//! let mut received = Vec::new();
//! packetizer.packetize([&b"pan left"[..], b"tilt up"], 9_000, |packet| {
//!     depacketizer.push(&packet, 0).expect("it is not empty");
//!     received.extend(depacketizer.poll().map(|unit| unit.parts.to_bytes()));
//! })?;
//! assert_eq!(received, [&b"pan left"[..], b"tilt up"]);
//! // What is longer than a packet is refused.
//! assert!(packetizer.packetize([&[0; 2000][..]], 9_000, |_| ()).is_err());
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

use super::{AccessUnit, PacketizeError, PacketizerConfig, PayloadError};
use crate::Tolerances;
use crate::rtp::{PacketWriter, RtpPacket};

/// Makes a packet of each part.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer() }
    }

    /// Gives a packet for each of `parts` to `sink`, the last with the marker; empty ones are left out.
    ///
    /// # Errors
    ///
    /// A part is longer than a packet.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let most = self.writer.payload_bytes_max();
        let mut result = Ok(());
        let mut fits = |part: &&[u8]| {
            if part.len() > most {
                result = Err(PacketizeError::TooLong { length: part.len(), most });
            }
            (1..=most).contains(&part.len())
        };
        let mut parts = parts.into_iter().filter(|part| fits(part)).peekable();
        while let Some(part) = parts.next() {
            self.writer.write(&mut sink, (timestamp, parts.peek().is_none()), [part]);
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}

/// Gives the payload of each packet as a unit.
#[derive(Debug, Default)]
pub struct Depacketizer {
    ready: Option<AccessUnit>,
}

impl Depacketizer {
    /// A depacketizer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet. A loss before it does not matter: no unit has two packets.
    ///
    /// # Errors
    ///
    /// The packet is empty, or the one before was not polled.
    pub fn push(&mut self, packet: &RtpPacket, _lost: u16) -> Result<(), PayloadError> {
        if self.ready.is_some() {
            return Err(PayloadError::Unpolled);
        }
        let payload = packet.payload_bytes();
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        self.ready = Some(AccessUnit {
            timestamp: packet.timestamp(),
            parts: payload.into(),
            is_keyframe: true,
            is_damaged: false,
            configuration: None,
        });
        Ok(())
    }

    /// The payload of the packet that was pushed.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.take()
    }

    /// Does nothing, since no unit waits for another packet.
    pub fn flush(&mut self) {}

    /// Nothing: there is nothing to read.
    pub fn take_tolerances(&mut self) -> Tolerances {
        Tolerances::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_a_packet_and_each_packet_a_unit() {
        let config = PacketizerConfig { packet_bytes_max: 64, ..PacketizerConfig::new(98, 1, 65_535) };
        let mut packetizer = Packetizer::new(config);
        let mut packets = Vec::new();
        let long = [1; 53];
        let parts = [&b"one"[..], b"", &long, &long[..52]];
        let result = packetizer.packetize(parts, 9, |packet| packets.push(packet));
        assert_eq!(result, Err(PacketizeError::TooLong { length: 53, most: 52 }));
        assert_eq!((packets.len(), packetizer.next_sequence()), (2, 1));
        assert_eq!([packets[0].marker(), packets[1].marker()], [false, true]);
        let mut depacketizer = Depacketizer::new();
        assert_eq!(depacketizer.push(&packets[0], 3), Ok(()));
        assert_eq!(depacketizer.push(&packets[1], 0), Err(PayloadError::Unpolled));
        let unit = depacketizer.poll().unwrap();
        assert_eq!((unit.timestamp, &unit.parts[0][..], unit.is_keyframe), (9, &b"one"[..], true));
        assert_eq!(
            depacketizer.push(&RtpPacket::build(Default::default(), b""), 0),
            Err(PayloadError::Empty)
        );
    }
}
