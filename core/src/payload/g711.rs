//! G.711, A-law and µ-law (RFC 3551, section 4.5.14): one byte per sample and channel.
//!
//! ```
//! use rtspan_core::Format;
//! use rtspan_core::payload::{Depacketizer, PacketizerConfig, g711};
//!
//! let mut packetizer = g711::Packetizer::new(PacketizerConfig::new(8, 7, 0), 1);
//! let mut depacketizer = Depacketizer::new(&Format::pcma())?;
//! packetizer.packetize([&[0xd5; 160][..]], 320, |packet| depacketizer.push(&packet, 0).expect("nothing is lost"))?;
//! assert_eq!(depacketizer.poll().expect("it is whole").parts.total_bytes(), 160);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::blocks::{self, Layout};
use super::{PacketizeError, PacketizerConfig};
use crate::rtp::RtpPacket;

pub use super::whole::Depacketizer;

/// Turns samples into packets.
#[derive(Debug)]
pub struct Packetizer(blocks::Packetizer);

impl Packetizer {
    /// A packetizer of samples of `channels` channels, at least one, that are interleaved.
    pub fn new(config: PacketizerConfig, channels: u8) -> Self {
        Self(blocks::Packetizer::new(config, Layout::samples(8, channels.into())))
    }

    /// Gives packets of `parts`, pieces of sound that follow each other, to `sink`; the first sample has `timestamp`.
    ///
    /// How long a packet lasts is up to the caller: samples are cut only where they exceed a packet, and
    /// 20 ms are usual. The timestamp counts samples of one channel.
    ///
    /// # Errors
    ///
    /// A part has not as many samples of each channel. It is sent without those that are left over.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        self.0.packetize(parts, timestamp, sink)
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.0.next_sequence()
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
                let parts = samples.chunks(usize::from(channels) * 150);
                let sent = packetizer.packetize(parts, u32::MAX - 5, |packet| {
                    assert!(packet.len() <= 100);
                    assert!(!packet.marker());
                    depacketizer.push(&packet, 0).unwrap();
                    let unit = depacketizer.poll().unwrap();
                    let before = (back.len() / usize::from(channels)) as u32;
                    assert_eq!(unit.timestamp, (u32::MAX - 5).wrapping_add(before));
                    assert_eq!(unit.parts.total_bytes() % usize::from(channels), 0);
                    back.extend_from_slice(&unit.parts.to_bytes());
                });
                assert_eq!((sent, back), (Ok(()), samples), "{len} samples of {channels} channels");
            }
        }
    }

    #[test]
    fn a_sample_that_one_channel_lacks_is_not_sent() {
        let mut packetizer = Packetizer::new(PacketizerConfig::new(8, 1, 0), 2);
        let mut lens = Vec::new();
        let sent = packetizer
            .packetize([&[1; 5][..], &[2; 4]], 0, |packet| lens.push((packet.len(), packet.timestamp())));
        assert_eq!(sent, Err(PacketizeError::Malformed("a block that is not whole")));
        assert_eq!(lens, [(16, 0), (16, 2)]);
    }
}
