//! Packets to measure with.

use rtspan_core::rtp::{HEADER_BYTES, RtpHeader, RtpPacket};
use rtspan_core::{Description, Format, Media, MediaKind};

use crate::stamp;

/// Pictures from one keyframe to the next.
const KEYFRAME_EVERY: u32 = 50;
const PAYLOAD_TYPE: u8 = 96;
/// The indicator of a fragment (FU-A), and the bits of its first and of its last one (RFC 6184, 5.8).
const FRAGMENT: u8 = 0x7c;
const BEGINS: u8 = 0x80;
const ENDS: u8 = 0x40;
const IDR: u8 = 5;
const SLICE: u8 = 1;
/// What a decoder would need; nobody decodes what is published.
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

/// Pictures of H.264 of any number of packets of any size, one keyframe in fifty, with nothing to see.
#[derive(Debug)]
pub struct Synthetic {
    payload: Vec<u8>,
    burst: u32,
    sequence: u16,
    pictures: u32,
}

impl Synthetic {
    /// Pictures of `burst` packets of `size` bytes, at least [`stamp::PACKET_BYTES_MIN`].
    pub fn new(size: u16, burst: u32) -> Self {
        let payload = vec![0x55; usize::from(size).max(stamp::PACKET_BYTES_MIN) - HEADER_BYTES];
        Self { payload, burst, sequence: 0, pictures: 0 }
    }

    /// Packets of a picture.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// What is announced of them.
    pub fn description() -> Description {
        Description::new(vec![Media::new(MediaKind::Video, vec![Format::h264(PAYLOAD_TYPE, SPS, PPS)])])
    }

    /// The packets of the next picture, at a time in units of 1/90,000 s.
    pub fn picture(&mut self, timestamp: u32, packets: &mut Vec<RtpPacket>) {
        packets.clear();
        let kind = if self.pictures % KEYFRAME_EVERY == 0 { IDR } else { SLICE };
        let stamp = stamp::now();
        self.payload[2..2 + stamp.len()].copy_from_slice(&stamp);
        for number in 0..self.burst {
            let is_last = number + 1 == self.burst;
            let position = if number == 0 { BEGINS } else { 0 } | if is_last { ENDS } else { 0 };
            self.payload[..2].copy_from_slice(&[FRAGMENT, position | kind]);
            let (sequence, ssrc) = (self.sequence, 1);
            let header = RtpHeader { payload_type: PAYLOAD_TYPE, marker: is_last, sequence, timestamp, ssrc };
            packets.push(RtpPacket::build(header, &self.payload));
            self.sequence = self.sequence.wrapping_add(1);
        }
        self.pictures += 1;
    }
}

#[cfg(test)]
mod tests {
    use rtspan_core::payload::h264::Depacketizer;

    use super::*;

    #[test]
    fn bursts_are_pictures_that_can_be_put_together() {
        let mut synthetic = Synthetic::new(100, 3);
        let mut depacketizer = Depacketizer::new();
        let mut packets = Vec::new();
        for number in 0..=KEYFRAME_EVERY {
            synthetic.picture(number * 3600, &mut packets);
            assert!(packets.len() == 3 && packets.iter().all(|packet| packet.len() == 100));
            assert!(packets.iter().all(|packet| stamp::age(packet.as_bytes()).is_some()));
            packets.iter().for_each(|packet| depacketizer.push(packet, 0).unwrap());
            let unit = depacketizer.poll().unwrap();
            assert_eq!(unit.is_keyframe, number % KEYFRAME_EVERY == 0);
            assert!(!unit.damaged);
        }
    }
}
