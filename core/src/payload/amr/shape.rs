use crate::description::{Amr, AmrPacking};

/// Bits of the frames of AMR by their type (RFC 4867, section 3.6); the reserved ones are not read. The last but
/// one that is used describes silence, the last has no data.
const NARROW: [Option<u16>; 16] = [
    Some(95),
    Some(103),
    Some(118),
    Some(134),
    Some(148),
    Some(159),
    Some(204),
    Some(244),
    Some(39),
    None,
    None,
    None,
    None,
    None,
    None,
    Some(0),
];

/// Bits of the frames of AMR-WB by their type; 14 is a frame that was lost.
const WIDE: [Option<u16>; 16] = [
    Some(132),
    Some(177),
    Some(253),
    Some(285),
    Some(317),
    Some(365),
    Some(397),
    Some(461),
    Some(477),
    Some(40),
    None,
    None,
    None,
    None,
    Some(0),
    Some(0),
];

/// How packets of a track are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    is_wideband: bool,
    pub(super) is_aligned: bool,
    pub(super) channels: usize,
}

/// The entry in front of a frame, in packets and in files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) frame_type: u8,
    /// The frame is not damaged.
    pub(super) is_good: bool,
}

impl Entry {
    /// The byte in front of a frame in a file.
    pub(super) fn to_byte(self) -> u8 {
        self.frame_type << 3 | u8::from(self.is_good) << 2
    }

    pub(super) fn from_byte(byte: u8) -> Self {
        Self { frame_type: byte >> 3 & 15, is_good: byte & 4 != 0 }
    }
}

impl Shape {
    pub(super) fn new(amr: &Amr) -> Self {
        Self {
            is_wideband: amr.is_wideband,
            is_aligned: amr.packing == AmrPacking::OctetAligned,
            channels: usize::from(amr.channels.max(1)),
        }
    }

    /// Bits of a frame; `None` if its type is reserved.
    pub(super) fn frame_bits(self, frame_type: u8) -> Option<usize> {
        let sizes = if self.is_wideband { &WIDE } else { &NARROW };
        sizes.get(usize::from(frame_type)).copied().flatten().map(usize::from)
    }

    /// Bits that an entry takes in a packet.
    pub(super) fn entry_bits(self) -> usize {
        if self.is_aligned { 8 } else { 6 }
    }

    /// Bits in front of the entries: the mode that is asked for.
    pub(super) fn header_bits(self) -> usize {
        if self.is_aligned { 8 } else { 4 }
    }

    /// Bits that a frame takes in a packet.
    pub(super) fn bits_in_packet(self, frame_bits: usize) -> usize {
        if self.is_aligned { frame_bits.next_multiple_of(8) } else { frame_bits }
    }

    /// The frame is speech, and neither silence nor nothing.
    pub(super) fn is_speech(self, frame_type: u8) -> bool {
        frame_type < if self.is_wideband { 9 } else { 8 }
    }

    /// Units of the clock that a frame lasts: 20 ms.
    pub(super) fn units(self) -> u32 {
        if self.is_wideband { 320 } else { 160 }
    }
}
