//! G.711, A-law and µ-law (RFC 3551, section 4.5.14): one byte per sample and channel.

use bytes::Bytes;

use super::{PacketizerConfig, PayloadError};
use crate::rtp::{HEADER_BYTES, PacketWriter, RtpPacket};

/// Turns samples into packets.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    channels: u8,
    payload_bytes_max: usize,
}

impl Packetizer {
    /// A packetizer of samples of `channels` channels, at least one, that are interleaved.
    pub fn new(config: PacketizerConfig, channels: u8) -> Self {
        let channels = channels.max(1);
        let room = config.packet_bytes().saturating_sub(HEADER_BYTES);
        let odd = room.checked_rem(channels.into()).unwrap_or(0);
        let payload_bytes_max = room.saturating_sub(odd).max(channels.into());
        let packet_bytes_max = payload_bytes_max.saturating_add(HEADER_BYTES);
        let writer = PacketizerConfig { packet_bytes_max, ..config }.writer();
        Self { writer, channels, payload_bytes_max }
    }

    /// Gives packets of `samples`, the first of which has `timestamp`, to `sink`.
    ///
    /// How long a packet lasts is up to the caller: samples are cut only where they exceed a packet, and
    /// 20 ms are usual. The timestamp counts samples of one channel.
    pub fn packetize(&mut self, samples: &[u8], timestamp: u32, mut sink: impl FnMut(RtpPacket)) {
        let mut timestamp = timestamp;
        for chunk in samples.chunks(self.payload_bytes_max) {
            self.writer.begin(&mut sink);
            self.writer.put(chunk);
            self.writer.end(timestamp, false);
            let passed = chunk.len().checked_div(self.channels.into()).unwrap_or(0);
            timestamp = timestamp.wrapping_add(passed as u32);
        }
        self.writer.flush(&mut sink);
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}

/// The samples of one packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Samples {
    /// The media time of the first sample, in samples of one channel.
    pub timestamp: u32,
    /// One byte per sample and channel.
    pub data: Bytes,
    /// Packets that are missing before these samples.
    pub lost: u16,
}

/// Takes the samples out of packets.
#[derive(Debug, Default)]
pub struct Depacketizer {
    ready: Option<Samples>,
}

impl Depacketizer {
    /// A depacketizer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the packet is empty, or the samples of the one before were not polled.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        if self.ready.is_some() {
            return Err(PayloadError::Unpolled);
        }
        let data = packet.payload_bytes();
        if data.is_empty() {
            return Err(PayloadError::Empty);
        }
        self.ready = Some(Samples { timestamp: packet.timestamp(), data, lost });
        Ok(())
    }

    /// The samples of the packet that was pushed.
    #[must_use]
    pub fn poll(&mut self) -> Option<Samples> {
        self.ready.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_whole_at_every_size_and_count_of_channels() {
        for channels in 1..=3_u8 {
            for len in 0..400 {
                let config =
                    PacketizerConfig { packet_bytes_max: 100, ..PacketizerConfig::new(8, 1, 65_530) };
                let mut packetizer = Packetizer::new(config, channels);
                let mut depacketizer = Depacketizer::new();
                let samples: Vec<u8> = (0..len * usize::from(channels)).map(|at| at as u8).collect();
                let mut back = Vec::new();
                packetizer.packetize(&samples, u32::MAX - 5, |packet| {
                    assert!(packet.len() <= 100);
                    assert!(!packet.marker());
                    depacketizer.push(&packet, 0).unwrap();
                    let part = depacketizer.poll().unwrap();
                    let before = (back.len() / usize::from(channels)) as u32;
                    assert_eq!(part.timestamp, (u32::MAX - 5).wrapping_add(before));
                    assert_eq!(part.data.len() % usize::from(channels), 0);
                    back.extend_from_slice(&part.data);
                });
                assert_eq!(back, samples, "{len} samples of {channels} channels");
            }
        }
    }

    #[test]
    fn an_empty_packet_and_one_too_many_are_refused() {
        let mut depacketizer = Depacketizer::new();
        let packet = |payload: &[u8]| RtpPacket::build(Default::default(), payload);
        assert_eq!(depacketizer.push(&packet(&[]), 0), Err(PayloadError::Empty));
        assert_eq!(depacketizer.push(&packet(&[0xd5]), 3), Ok(()));
        assert_eq!(depacketizer.push(&packet(&[0xd5]), 0), Err(PayloadError::Unpolled));
        assert_eq!(
            depacketizer.poll(),
            Some(Samples { timestamp: 0, data: Bytes::from_static(&[0xd5]), lost: 3 })
        );
    }
}
