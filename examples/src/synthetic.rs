//! Packets to measure with.

use std::time::Duration;

use rtspan_core::rtp::{HEADER_BYTES, RtpHeader, RtpPacket};
use rtspan_core::{Description, Format, Media, MediaKind};

use crate::stamp;

const PAYLOAD_TYPE: u8 = 96;
/// The indicator of a fragment (FU-A), and the bits of its first and of its last one (RFC 6184, 5.8).
const FRAGMENT: u8 = 0x7c;
const BEGINS: u8 = 0x80;
const ENDS: u8 = 0x40;
const IDR: u8 = 5;
const SLICE: u8 = 1;
/// Parameter sets that a decoder would need; nobody decodes what is published.
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

/// Pictures from one keyframe to the next, if nothing else is said.
pub const KEYFRAME_EVERY: u32 = 50;

/// Pictures of H.264 of any number of packets of any size, with nothing to see.
#[derive(Debug)]
pub struct Synthetic {
    payload: Vec<u8>,
    burst: u32,
    keyframe_burst: u32,
    keyframe_every: u32,
    sequence: u16,
    pictures: u32,
}

impl Synthetic {
    /// Pictures of `burst` packets of `size` bytes, at least [`stamp::PACKET_BYTES_MIN`]; one in [`KEYFRAME_EVERY`] is
    /// a keyframe.
    pub fn new(size: u16, burst: u32) -> Self {
        let payload = vec![0x55; usize::from(size).max(stamp::PACKET_BYTES_MIN) - HEADER_BYTES];
        let (keyframe_burst, keyframe_every) = (burst, KEYFRAME_EVERY);
        Self { payload, burst, keyframe_burst, keyframe_every, sequence: 0, pictures: 0 }
    }

    /// Has every `every`th picture be a keyframe, beginning with the first, and keyframes be of `burst` packets.
    #[must_use]
    pub fn keyframes(self, burst: u32, every: u32) -> Self {
        Self { keyframe_burst: burst, keyframe_every: every.max(1), ..self }
    }

    /// Packets of a picture that is no keyframe.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// From one picture to the next, if there are `rate` packets in a second.
    pub fn period(&self, rate: f64) -> Duration {
        let (burst, keyframe_burst) = (f64::from(self.burst), f64::from(self.keyframe_burst));
        let average = burst + (keyframe_burst - burst) / f64::from(self.keyframe_every);
        Duration::from_secs_f64(average / rate)
    }

    /// The description that announces them.
    pub fn description() -> Description {
        Description::new(vec![Media::new(MediaKind::Video, vec![Format::h264(PAYLOAD_TYPE, SPS, PPS)])])
    }

    /// The packets of the next picture, at a time in units of 1/90,000 s.
    pub fn picture(&mut self, timestamp: u32, packets: &mut Vec<RtpPacket>) {
        packets.clear();
        let is_keyframe = self.pictures.is_multiple_of(self.keyframe_every);
        let (kind, burst) = if is_keyframe { (IDR, self.keyframe_burst) } else { (SLICE, self.burst) };
        let stamp = stamp::now();
        self.payload[2..2 + stamp.len()].copy_from_slice(&stamp);
        for number in 0..burst {
            let is_last = number + 1 == burst;
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
        const EVERY: u32 = 8;
        let mut synthetic = Synthetic::new(100, 3).keyframes(5, EVERY);
        assert_eq!(synthetic.period(26.0), Duration::from_secs(1) / EVERY);
        let mut depacketizer = Depacketizer::new();
        let mut packets = Vec::new();
        for number in 0..=EVERY {
            synthetic.picture(number * 3600, &mut packets);
            assert_eq!(packets.len(), if number % EVERY == 0 { 5 } else { 3 });
            assert!(packets.iter().all(|packet| packet.len() == 100));
            assert!(packets.iter().all(|packet| stamp::age(packet.as_bytes(), stamp::clock()).is_some()));
            packets.iter().for_each(|packet| depacketizer.push(packet, 0).unwrap());
            let unit = depacketizer.poll().unwrap();
            assert_eq!(unit.is_keyframe, number % EVERY == 0);
            assert!(!unit.is_damaged);
        }
    }
}
