//! AC-3 (RFC 4184) and Enhanced AC-3 (RFC 4598).

use super::AudioParameters;

mod depacketizer;
mod header;
mod packetizer;

pub use depacketizer::Depacketizer;
pub use header::FrameHeader;
pub use packetizer::Packetizer;

/// What a frame tells of itself.
pub(super) fn audio(frame: &[u8]) -> Option<AudioParameters> {
    let header = FrameHeader::read(frame)?;
    Some(AudioParameters::new(header.sample_rate, header.channels))
}

#[cfg(test)]
mod tests;

/// Bytes in front of each payload: what it holds, and how many frames or fragments.
const HEADER_BYTES: usize = 2;

/// What a payload holds (RFC 4184, section 4.1.1): whole frames, the first fragment of one with at least or less than 5/8 of
/// it, or another fragment. Enhanced AC-3 only tells whole frames and fragments.
const WHOLE: u8 = 0;
const LARGE_FIRST: u8 = 1;
const SMALL_FIRST: u8 = 2;
const FURTHER: u8 = 3;
