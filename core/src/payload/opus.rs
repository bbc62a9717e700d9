//! Opus (RFC 7587), and Opus of more than two channels as web browsers send it (`multiopus`): each packet of the encoder is
//! a payload.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::opus::Packetizer;
//!
//! // Each packet tells how long it lasts, so the next one's timestamp follows: 20 ms, then 2.5 ms. The clock has 48,000
//! // units a second, whatever the encoder was given.
//! let mut times = Vec::new();
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(111, 7, 0));
//! packetizer.packetize([&[0xfc, 1][..], &[0xe4, 2], &[0xfc, 3]], 0, |packet| times.push(packet.timestamp()))?;
//! assert_eq!(times, [0, 960, 1080]);
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use super::{AudioParameters, PacketizeError, PacketizerConfig, Parameters};
use crate::description::Opus;
use crate::rtp::{PacketWriter, RtpPacket};

pub use super::whole::Depacketizer;

/// Units of 1/48,000 s that a decoder drops at the beginning: as many as the reference encoder needs to settle.
const PRE_SKIP: u16 = 312;
/// Units of 1/48,000 s that a packet lasts at most (RFC 6716, section 3.2.5).
const PACKET_UNITS_MAX: u32 = 5760;

/// Units of 1/48,000 s that a packet of Opus lasts; `None` if it cannot be one (RFC 6716, section 3).
///
/// # Examples
///
/// ```
/// use rtspan_core::payload::opus::duration;
///
/// assert_eq!(duration(&[0xfc, 0xff, 0xfe]), Some(960), "CELT, 20 ms, one frame");
/// assert_eq!(duration(&[0x0b, 0x02]), Some(1920), "SILK, 20 ms, two frames, which a byte of their own counts");
/// assert_eq!(duration(&[]), None);
/// ```
pub fn duration(packet: &[u8]) -> Option<u32> {
    let first = packet.first()?;
    let configuration = first >> 3;
    // Frames of 10, 20, 40, 60 ms; of 10 and 20; of 2.5, 5, 10, 20.
    let frame: u32 = match configuration {
        0..=11 => *[480, 960, 1920, 2880].get(usize::from(configuration & 3))?,
        12..=15 => *[480, 960].get(usize::from(configuration & 1))?,
        _ => *[120, 240, 480, 960].get(usize::from(configuration & 3))?,
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame.saturating_mul(frames)).filter(|units| (1..=PACKET_UNITS_MAX).contains(units))
}

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

    /// Gives a packet for each of `parts`, which follow each other in time as long as they last; the first has `timestamp`.
    /// Empty ones are left out.
    ///
    /// # Errors
    ///
    /// A part is no packet of Opus, or longer than a packet. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let most = self.writer.payload_bytes_max();
        let mut result = Ok(());
        let mut timestamp = timestamp;
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            match duration(part) {
                None => result = Err(PacketizeError::Malformed("no packet of Opus")),
                Some(_) if part.len() > most => {
                    result = Err(PacketizeError::TooLong { length: part.len(), most });
                }
                Some(_) => self.writer.write(&mut sink, (timestamp, false), [part]),
            }
            timestamp = timestamp.wrapping_add(duration(part).unwrap_or(0));
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}

/// Adds the parameters that a description tells.
pub(super) fn parameters(opus: &Opus, parameters: &mut Parameters) {
    parameters.codec = Some("opus".into());
    parameters.audio = Some(AudioParameters::new(48_000, opus.channels));
    parameters.configuration = Some(configuration(opus));
}

/// The content of `dOps` (Encapsulation of Opus in ISO Base Media File Format, section 4.3.2).
fn configuration(opus: &Opus) -> Bytes {
    const VERSION: u8 = 0;
    let mut bytes = BytesMut::with_capacity(16);
    bytes.put_u8(VERSION);
    bytes.put_u8(opus.channels);
    bytes.put_u16(PRE_SKIP);
    bytes.put_u32(48_000);
    bytes.put_u16(0);
    match &opus.streams {
        None => bytes.put_u8(0),
        Some(streams) => {
            // Family 1 says where the up to eight loudspeakers are, which are in this order in a browser too.
            bytes.put_u8(if opus.channels <= 8 { 1 } else { 255 });
            bytes.put_slice(&[streams.count, streams.coupled]);
            bytes.put_slice(&streams.mapping);
        }
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::{Codec, Format};
    use crate::payload::ParameterWatch;

    #[test]
    fn a_packet_tells_how_long_it_lasts() {
        // RFC 6716, table 2, and the codes of section 3.2.
        for (configurations, frames) in
            [(0..12_u8, &[480, 960, 1920, 2880][..]), (12..16, &[480, 960]), (16..32, &[120, 240, 480, 960])]
        {
            for configuration in configurations {
                let frame = frames[usize::from(configuration) % frames.len()];
                let first = configuration << 3;
                assert_eq!(duration(&[first | 4]), Some(frame), "{configuration}, stereo");
                assert_eq!(duration(&[first | 1, 0]), Some(2 * frame));
                assert_eq!(duration(&[first | 2, 0]), Some(2 * frame));
                let fits = 5760 / frame;
                assert_eq!(duration(&[first | 3, 0xc0 | fits as u8]), Some(5760));
                assert_eq!(duration(&[first | 3, fits as u8 + 1]), None, "120 ms are the most");
                assert_eq!(duration(&[first | 3, 0]), None);
                assert_eq!(duration(&[first | 3]), None);
            }
        }
    }

    #[test]
    fn each_part_is_a_packet_that_comes_when_the_one_before_is_over() {
        let config = PacketizerConfig { packet_bytes_max: 64, ..PacketizerConfig::new(96, 1, 9) };
        let mut packetizer = Packetizer::new(config);
        let mut depacketizer = Depacketizer::new();
        let mut back = Vec::new();
        let long = [0xfc; 53];
        let parts = [&[0xfc, 1][..], &[], &[0x0b], &long, &[0x80, 2], &[0x0b, 2]];
        let result = packetizer.packetize(parts, u32::MAX, |packet| {
            assert!(!packet.marker());
            depacketizer.push(&packet, 0).unwrap();
            let unit = depacketizer.poll().unwrap();
            back.push((unit.timestamp, unit.parts.to_bytes().to_vec()));
        });
        assert_eq!(result, Err(PacketizeError::TooLong { length: 53, most: 52 }));
        assert_eq!(back, [(u32::MAX, vec![0xfc, 1]), (1919, vec![0x80, 2]), (2039, vec![0x0b, 2])]);
        assert_eq!(packetizer.next_sequence(), 12);
        let result = packetizer.packetize([&[0x0b][..]], 0, |_| panic!("nothing is sent"));
        assert_eq!(result, Err(PacketizeError::Malformed("no packet of Opus")));
    }

    #[test]
    fn a_container_is_told_of_the_channels() {
        let parameters = ParameterWatch::new(&Format::opus(96, true)).parameters();
        assert_eq!(parameters.codec.as_deref(), Some("opus"));
        assert_eq!(
            parameters.configuration.as_deref(),
            Some(&[0, 2, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0][..])
        );
        let surround = Format::multiopus(96, 4, 2, &[0, 4, 1, 2, 3, 5]).unwrap();
        let parameters = ParameterWatch::new(&surround).parameters();
        assert_eq!(parameters.audio, Some(AudioParameters::new(48_000, 6)));
        assert_eq!(
            parameters.configuration.as_deref(),
            Some(&[0, 6, 0x01, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5][..])
        );
        assert!(matches!(surround.codec, Codec::Opus(_)));
    }
}
