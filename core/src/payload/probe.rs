//! The contents of packets that the log of a stream looks for.

use super::parameter_sets::Key;
use super::{av1, h264, h265, h266, jpeg, mpeg_video, mpeg4_video, vp8, vp9};
use crate::description::{Codec, Format};

/// Where decoding can begin, as far as one packet can tell; the greater, the better.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum AccessPoint {
    /// A picture that refers to no other; those behind it may refer to pictures before it.
    Intra,
    /// A refresh, a recovery point, or parameter sets in front of one.
    Refresh,
}

/// The contents of a packet that matter to those who come later.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Contents {
    pub(crate) access_point: Option<AccessPoint>,
    /// It holds whole parameter sets.
    pub(crate) has_parameter_sets: bool,
}

/// A function that is called with each unit of a packet.
pub(crate) type EachUnit<'a> = dyn FnMut(&[u8]) + 'a;

/// How the packets of a format are read: each format that can be has one.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Called for each packet.
    pub(crate) contents: fn(&[u8]) -> Contents,
    /// Calls back with each unit that is whole in a packet.
    pub(crate) for_each_unit: fn(&[u8], &mut EachUnit<'_>),
    /// The key of a parameter set; `None` for other units.
    pub(crate) key: fn(&[u8]) -> Option<Key>,
    /// A unit is a delimiter of access units.
    pub(crate) is_delimiter: fn(&[u8]) -> bool,
    /// Calls back with the units that a description announces otherwise than in those lists.
    pub(crate) for_each_announced: fn(&Format, &mut EachUnit<'_>),
    /// The parameters of a description that list parameter sets, each with the kinds that it lists, in their order.
    pub(crate) lists: &'static [(&'static str, &'static [u8])],
    /// The kinds without which a decoder cannot start.
    pub(crate) needed: &'static [u8],
    /// Calls back with other parameters of a description that follow from a parameter set. Those that are said to be
    /// optional are only told if they were before.
    pub(crate) consequences: fn(&[u8], &mut dyn FnMut(Consequence)),
}

/// A parameter of a description that follows from a parameter set.
#[derive(Debug)]
pub(crate) struct Consequence {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) is_optional: bool,
}

impl Probe {
    /// The probe of a format without parameter sets.
    pub(crate) const WITHOUT_SETS: Self = Self {
        contents: |_| Contents { access_point: None, has_parameter_sets: false },
        for_each_unit: |_, _| {},
        key: |_| None,
        is_delimiter: |_| false,
        for_each_announced: |_, _| {},
        lists: &[],
        needed: &[],
        consequences: |_, _| {},
    };

    /// How packets of this codec are read; `None` if nothing can be read off them.
    pub(crate) fn of(codec: &Codec) -> Option<&'static Self> {
        match codec {
            Codec::H264(_) => Some(&h264::PROBE),
            Codec::H265(_) => Some(&h265::PROBE),
            Codec::H266(_) => Some(&h266::PROBE),
            Codec::Av1(_) => Some(&av1::PROBE),
            Codec::Vp8(_) => Some(&vp8::PROBE),
            Codec::Vp9(_) => Some(&vp9::PROBE),
            Codec::Jpeg => Some(&jpeg::PROBE),
            Codec::Mpeg4Video(_) => Some(&mpeg4_video::PROBE),
            Codec::MpegVideo => Some(&mpeg_video::PROBE),
            _ => None,
        }
    }
}
