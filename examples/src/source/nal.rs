//! Where pictures begin among NAL units.

use rtspan_core::Codec;

/// How NAL units are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Syntax {
    H264,
    H265,
}

impl Syntax {
    pub(crate) fn of(codec: &Codec) -> Option<Self> {
        match codec {
            Codec::H264(_) => Some(Self::H264),
            Codec::H265(_) => Some(Self::H265),
            _ => None,
        }
    }

    /// The type of a NAL unit (H.264, table 7-1; H.265, table 7-1).
    pub(crate) fn kind(self, nal: &[u8]) -> u8 {
        let first = nal.first().copied().unwrap_or_default();
        match self {
            Self::H264 => first & 0x1f,
            Self::H265 => first >> 1 & 0x3f,
        }
    }

    /// It is a part of a picture.
    pub(crate) fn is_slice(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(self.kind(nal), 1..=5),
            Self::H265 => self.kind(nal) < 32,
        }
    }

    /// It is a parameter set that a description tells.
    pub(crate) fn is_set(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(self.kind(nal), 7..=8),
            Self::H265 => matches!(self.kind(nal), 32..=34),
        }
    }

    /// It is a part of a picture that decoding can begin at.
    pub(crate) fn is_keyframe(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => self.kind(nal) == 5,
            Self::H265 => matches!(self.kind(nal), 16..=21),
        }
    }

    /// It is a part of a picture that others are decoded from (H.264, nal_ref_idc; H.265, table 7-1).
    pub(crate) fn is_reference(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => nal.first().is_some_and(|first| first & 0x60 != 0),
            Self::H265 => self.kind(nal) > 14 || self.kind(nal) % 2 == 1,
        }
    }

    /// Behind a slice it begins another picture (H.264, 7.4.1.2.3; H.265, 7.4.2.4.4).
    pub(crate) fn begins_picture(self, nal: &[u8]) -> bool {
        let bit_is_set = |byte: usize| nal.get(byte).is_some_and(|byte| byte & 0x80 != 0);
        match (self, self.kind(nal)) {
            // first_mb_in_slice is zero, which ue(v) writes as a single 1.
            (Self::H264, 1..=5) => bit_is_set(1),
            (Self::H264, kind) => matches!(kind, 6..=9 | 14..=18),
            // first_slice_segment_in_pic_flag.
            (Self::H265, 0..=31) => bit_is_set(2),
            (Self::H265, kind) => matches!(kind, 32..=35 | 39 | 41..=44 | 48..=55),
        }
    }
}
