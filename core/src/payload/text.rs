//! Text as it is typed (T.140 over RTP; RFC 4103), with and without the repetition of RFC 2198.
//!
//! A unit is a block of text in UTF-8: the text typed since the one before. Characters of control are as T.140 has them, such
//! as backspace. Anything else that travels with repetition, block for block, is read alike.

mod depacketizer;
mod packetizer;

pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

/// Bytes of the header of a block that is repeated: a flag, the payload type, how long ago it was, and its bytes.
const REPEATED_BYTES: usize = 4;
const AGE_MAX: u32 = 0x3fff;
const BLOCK_BYTES_MAX: usize = 0x3ff;

#[cfg(test)]
mod tests;
