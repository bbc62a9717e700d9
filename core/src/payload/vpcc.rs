use bytes::{BufMut, Bytes, BytesMut};

/// The record that MP4 keeps of VP8 and VP9 (VP Codec ISO Media File Format Binding, version 1.0).
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) codec: &'static str,
    pub(super) profile: u8,
    pub(super) level: u8,
    pub(super) bit_depth: u8,
    /// 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub(super) subsampling: u8,
    pub(super) is_full_range: bool,
    /// Primaries, transfer and matrix (ISO/IEC 23001-8); 2 is not told.
    pub(super) colours: [u8; 3],
}

/// Pixels of a picture at most in each level.
const LEVELS: [(u8, u32); 8] = [
    (10, 36_864),
    (11, 73_728),
    (20, 122_880),
    (21, 245_760),
    (30, 552_960),
    (31, 983_040),
    (40, 2_228_224),
    (50, 8_912_896),
];

impl Record {
    /// The configuration of pictures of this size, in eight bits of 4:2:0, at the lowest level that allows them.
    pub(super) fn of_size(width: u32, height: u32) -> Self {
        let pixels = width.saturating_mul(height);
        let level = LEVELS.iter().find(|(_, most)| pixels <= *most).map_or(60, |(level, _)| *level);
        Self {
            codec: "",
            profile: 0,
            level,
            bit_depth: 8,
            subsampling: 1,
            is_full_range: false,
            colours: [2; 3],
        }
    }

    /// The name of the codec, such as `vp09.00.31.08`.
    pub(super) fn codec(&self) -> String {
        let Self { codec, profile, level, bit_depth, .. } = self;
        format!("{codec}.{profile:02}.{level:02}.{bit_depth:02}")
    }

    /// The content of the box `vpcC`, which begins with its version and flags.
    pub(super) fn to_bytes(self) -> Bytes {
        let mut record = BytesMut::new();
        record.put_u32(1 << 24);
        let sample = self.bit_depth << 4 | self.subsampling << 1 | u8::from(self.is_full_range);
        record.put_slice(&[self.profile, self.level, sample]);
        record.put_slice(&self.colours);
        record.put_u16(0);
        record.freeze()
    }
}
