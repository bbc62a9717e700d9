//! Several frames in one piece: the frames, and an index of their sizes (VP9 bitstream specification, annex B).

use bytes::{BufMut, Bytes, BytesMut};

/// Frames that an index can have.
const FRAMES_MAX: usize = 8;

/// Joins frames into a superframe; more than eight, which no index can have, are only joined.
pub(super) fn join(frames: &[Bytes]) -> Bytes {
    let total = frames.iter().map(Bytes::len).sum::<usize>();
    let mut joined = BytesMut::with_capacity(total.saturating_add(34));
    frames.iter().for_each(|frame| joined.extend_from_slice(frame));
    if frames.len() <= FRAMES_MAX {
        // Sizes of four bytes, the lowest first, between two bytes that tell their number and width.
        let marker = 0b1101_1000 | u8::try_from(frames.len().saturating_sub(1)).unwrap_or_default();
        joined.put_u8(marker);
        frames.iter().for_each(|frame| joined.put_u32_le(u32::try_from(frame.len()).unwrap_or(u32::MAX)));
        joined.put_u8(marker);
    }
    joined.freeze()
}
