/// The beginning of a keyframe (RFC 6386, section 9.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FrameHeader {
    /// The version of the bitstream, 0 to 3.
    pub profile: u8,
    /// Pixels in a row, without the scaling that is wished for.
    pub width: u16,
    /// Rows, without the scaling that is wished for.
    pub height: u16,
}

impl FrameHeader {
    /// Reads the header of a keyframe; `None` if the frame is none, or its header is cut off.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = frame else { return None };
        let [width, height] = [[w0, w1], [h0, h1]].map(|side| u16::from_le_bytes(side) & 0x3fff);
        (tag & 1 == 0 && width > 0 && height > 0).then_some(Self { profile: tag >> 1 & 7, width, height })
    }

    /// The frame begins as a keyframe does.
    pub(super) fn is_keyframe(frame: &[u8]) -> bool {
        frame.first().is_some_and(|tag| tag & 1 == 0)
    }
}
