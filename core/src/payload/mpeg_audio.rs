//! MPEG audio, layers I to III, such as MP3 (RFC 2250, section 3.5).

use super::AudioParameters;

mod depacketizer;
mod header;
mod packetizer;

pub use depacketizer::Depacketizer;
pub use header::FrameHeader;
pub use packetizer::Packetizer;

/// Returns the parameters that a frame tells.
pub(super) fn audio(frame: &[u8]) -> Option<AudioParameters> {
    let header = FrameHeader::read(frame)?;
    Some(AudioParameters::new(header.sample_rate, header.channels))
}

#[cfg(test)]
mod tests;
