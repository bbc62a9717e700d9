//! G.711: samples survive the packetizer, and so does their time.

use bytes::Bytes;
use rtspan_core::payload::PacketizerConfig;
use rtspan_core::payload::g711::{Depacketizer, Packetizer};
use rtspan_core::rtp::RtpPacket;

use super::input::Input;

/// Takes the bytes for channels, the size of packets and portions of samples; and all of them for a packet.
pub fn run(data: &[u8]) {
    if let Ok(packet) = RtpPacket::parse(Bytes::copy_from_slice(data)) {
        let mut depacketizer = Depacketizer::new();
        if depacketizer.push(&packet, 0).is_ok() {
            let unit = depacketizer.poll().expect("just pushed");
            assert_eq!(unit.parts.to_bytes(), packet.payload());
        }
        assert_eq!(depacketizer.poll(), None);
    }
    let mut input = Input::new(data);
    let (channels, packet_bytes_max) = (input.byte(), usize::from(input.word()));
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(0, 7, 65_530) };
    let mut packetizer = Packetizer::new(config, channels);
    let mut depacketizer = Depacketizer::new();
    let channels = usize::from(channels.max(1));
    while !input.is_empty() {
        let (timestamp, samples) = (u32::from(input.word()) << 16, input.chunk());
        let mut back = Vec::new();
        let sent = packetizer.packetize([samples], timestamp, |packet| {
            assert!(packet.len() <= packet_bytes_max.max(64).max(12 + channels));
            depacketizer.push(&packet, 0).expect("a packet of our own");
            let own = depacketizer.poll().expect("just pushed");
            assert_eq!(own.timestamp, timestamp.wrapping_add((back.len() / channels) as u32));
            back.extend_from_slice(&own.parts.to_bytes());
        });
        let left_over = samples.len() % channels;
        assert_eq!(sent.is_err(), left_over > 0);
        assert_eq!(back, samples[..samples.len() - left_over]);
    }
}
