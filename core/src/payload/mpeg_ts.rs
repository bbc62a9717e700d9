//! MPEG transport streams (RFC 2250, section 2): several packets of 188 bytes in a payload.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::mpeg_ts::{Depacketizer, Packetizer, TS_PACKET_BYTES};
//!
//! // Ten null packets of a transport stream.
//! let packet = [&[0x47, 0x1f, 0xff, 0x10][..], &[0xff; TS_PACKET_BYTES - 4]].concat();
//! let mut payloads = Vec::new();
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(33, 7, 0));
//! packetizer.packetize([&packet.repeat(10)[..]], 90_000, |packet| payloads.push(packet))?;
//! let sizes: Vec<_> = payloads.iter().map(|packet| packet.payload().len() / TS_PACKET_BYTES).collect();
//! assert_eq!(sizes, [6, 4]);
//!
//! let mut depacketizer = Depacketizer::new();
//! depacketizer.push(&payloads[1], 0)?;
//! assert_eq!(depacketizer.poll().expect("whole packets").parts.to_bytes(), packet.repeat(4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::{AccessUnit, PacketizeError, PacketizerConfig, Parts, PayloadError};
use crate::Tolerances;
use crate::rtp::{HEADER_BYTES, PacketWriter, RtpPacket};
use crate::tolerance::Tolerance;

/// Bytes of a packet of a transport stream.
pub const TS_PACKET_BYTES: usize = 188;
const SYNC: u8 = 0x47;

/// Gives the transport packets of each payload as a unit, which shares its memory.
///
/// No transport packet has two payloads, so that a loss damages none; their own counters show the missing ones. Bytes that
/// belong to none are left out, the packets behind them are found again, and the unit is marked as damaged.
#[derive(Debug, Default)]
pub struct Depacketizer {
    ready: Option<AccessUnit>,
    tolerances: Tolerances,
}

impl Depacketizer {
    /// A depacketizer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet. A loss before it does not matter.
    ///
    /// # Errors
    ///
    /// The packet is empty, has no packet of a transport stream, or the one before was not polled.
    pub fn push(&mut self, packet: &RtpPacket, _lost: u16) -> Result<(), PayloadError> {
        if self.ready.is_some() {
            return Err(PayloadError::Unpolled);
        }
        let payload = packet.payload_bytes();
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        let is_whole = run_bytes(&payload) == payload.len();
        let parts: Parts = if is_whole {
            payload.into()
        } else {
            self.tolerances.record(Tolerance::TransportPacketsOutOfStep);
            runs(&payload).map(|run| payload.slice_ref(run)).collect()
        };
        if parts.is_empty() {
            return Err(PayloadError::Malformed("no packet of a transport stream"));
        }
        self.ready = Some(AccessUnit {
            timestamp: packet.timestamp(),
            parts,
            is_keyframe: true,
            is_damaged: !is_whole,
            configuration: None,
        });
        Ok(())
    }

    /// The transport packets of the packet that was pushed.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.take()
    }

    /// Does nothing, since no unit waits for another packet.
    pub fn flush(&mut self) {}

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }
}

/// Bytes of the transport packets that `bytes` begin with.
fn run_bytes(bytes: &[u8]) -> usize {
    let packets = bytes.chunks_exact(TS_PACKET_BYTES);
    let count = packets.take_while(|packet| packet.first() == Some(&SYNC)).count();
    count.saturating_mul(TS_PACKET_BYTES)
}

/// The runs of transport packets in bytes that also have others. One begins where another follows, or nothing at all.
fn runs(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let begins = |at: &usize| {
            let next = rest.get(at.saturating_add(TS_PACKET_BYTES));
            rest.get(*at) == Some(&SYNC) && next.is_none_or(|next| *next == SYNC)
        };
        let last = rest.len().checked_sub(TS_PACKET_BYTES)?;
        let from = (0..=last).find(begins)?;
        let behind = rest.get(from..)?;
        let (run, left) = behind.split_at_checked(run_bytes(behind).max(TS_PACKET_BYTES))?;
        rest = left;
        Some(run)
    })
}

/// Turns transport packets into payloads, as many in each as fit: six by default.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says. A payload has room for one transport packet at least, whatever
    /// it says.
    pub fn new(config: PacketizerConfig) -> Self {
        let room = config.packet_bytes().saturating_sub(HEADER_BYTES) / TS_PACKET_BYTES;
        let payload_bytes_max = room.max(1).saturating_mul(TS_PACKET_BYTES);
        let packet_bytes_max = payload_bytes_max.saturating_add(HEADER_BYTES);
        Self { writer: PacketizerConfig { packet_bytes_max, ..config }.writer() }
    }

    /// Gives payloads of `parts`, each of whole transport packets, to `sink`.
    ///
    /// # Errors
    ///
    /// A part has something else, and is sent up to there.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        for part in parts {
            let (whole, rest) = part.split_at_checked(run_bytes(part)).unwrap_or_default();
            if !rest.is_empty() {
                result = Err(PacketizeError::Malformed("no whole packets of a transport stream"));
            }
            for payload in whole.chunks(self.writer.payload_bytes_max()) {
                // The marker says that time has jumped, which is not known here.
                self.writer.write(&mut sink, (timestamp, false), [payload]);
            }
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::RtpHeader;

    const CONFIG: PacketizerConfig = PacketizerConfig::new(33, 1, 65_530);

    fn ts(count: usize) -> Vec<u8> {
        let packet =
            |at: usize| std::iter::once(SYNC).chain((1..188).map(move |byte| (byte * 3 + at) as u8 | 0x80));
        (0..count).flat_map(packet).collect()
    }

    fn packet(payload: &[u8]) -> RtpPacket {
        RtpPacket::build(RtpHeader { payload_type: 33, timestamp: 9, ..RtpHeader::default() }, payload)
    }

    #[test]
    fn six_transport_packets_share_a_payload_and_its_memory() {
        let stream = ts(17);
        let mut packetizer = Packetizer::new(CONFIG);
        let mut depacketizer = Depacketizer::new();
        let (mut back, mut lengths) = (Vec::new(), Vec::new());
        let sent = packetizer.packetize([&stream[..188 * 8], &stream[188 * 8..]], 7, |packet| {
            depacketizer.push(&packet, 3).unwrap();
            let unit = depacketizer.poll().unwrap();
            assert_eq!(
                (unit.timestamp, unit.is_damaged, packet.marker(), unit.parts.len()),
                (7, false, false, 1)
            );
            assert!(packet.as_bytes().as_ptr_range().contains(&unit.parts[0].as_ptr()));
            lengths.push(packet.payload().len() / 188);
            back.extend_from_slice(&unit.parts[0]);
        });
        assert_eq!((sent, lengths, packetizer.next_sequence()), (Ok(()), vec![6, 2, 6, 3], 65_534));
        assert_eq!((back == stream, depacketizer.take_tolerances().is_empty()), (true, true));
        let small = PacketizerConfig { packet_bytes_max: 64, ..CONFIG };
        let result = Packetizer::new(small).packetize([&stream[..200]], 7, |packet| {
            assert_eq!(packet.payload(), &stream[..188]);
        });
        assert_eq!(result, Err(PacketizeError::Malformed("no whole packets of a transport stream")));
    }

    #[test]
    fn transport_packets_are_found_between_other_bytes() {
        let stream = ts(4);
        let mut depacketizer = Depacketizer::new();
        for (payload, found) in [
            (stream[50..].to_vec(), &[564][..]),
            ([&[0x47, 1, 2][..], &stream].concat(), &[752]),
            (stream[..700].to_vec(), &[564]),
            ([&stream[..188], &[9; 7], &stream[188..]].concat(), &[564]),
            ([&stream[..376], &[9; 7], &stream[376..]].concat(), &[376, 376]),
        ] {
            depacketizer.push(&packet(&payload), 0).unwrap();
            let unit = depacketizer.poll().unwrap();
            assert!(unit.is_damaged && unit.parts.iter().all(|run| run[0] == SYNC));
            assert_eq!(unit.parts.iter().map(|run| run.len()).collect::<Vec<_>>(), found);
            let tolerances: Vec<_> = depacketizer.take_tolerances().iter().collect();
            assert_eq!(tolerances, [Tolerance::TransportPacketsOutOfStep]);
        }
        assert_eq!(depacketizer.push(&packet(&[]), 0), Err(PayloadError::Empty));
        let none = PayloadError::Malformed("no packet of a transport stream");
        assert_eq!(depacketizer.push(&packet(&[0; 400]), 0), Err(none));
        assert_eq!(depacketizer.push(&packet(&stream), 0), Ok(()));
        assert_eq!(depacketizer.push(&packet(&stream), 0), Err(PayloadError::Unpolled));
    }
}
