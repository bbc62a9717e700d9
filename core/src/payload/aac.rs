//! AAC, and any MPEG-4 audio with AU headers (RFC 3640, `mpeg4-generic`): modes AAC-hbr and AAC-lbr, and headers of any
//! other lengths. Interleaved units are refused.

mod adts;
mod depacketizer;
mod header;
mod packetizer;

pub use adts::adts_header;
pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

#[cfg(test)]
mod tests;
