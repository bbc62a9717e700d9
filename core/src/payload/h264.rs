//! H.264 (RFC 6184): single NAL units, STAP-A and FU-A; packetization modes 0 and 1.
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::h264::{Depacketizer, Packetizer};
//!
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 7, 0));
//! let mut depacketizer = Depacketizer::new();
//! let unit = [0x65, 0x88, 0x80]; // one NAL unit; a picture has one or more
//! packetizer.packetize([&unit[..]], 90_000, |packet| depacketizer.push(&packet, 0).expect("nothing is lost"))?;
//! assert_eq!(depacketizer.poll().expect("it is whole").parts.to_bytes()[..], unit[..]);
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

mod configuration;
mod sps;

pub(super) use configuration::parameters;
pub use sps::Sps;
pub(super) use sps::{read_appearance, read_pixel_aspect};

use super::nal::{Beginning, Header, Piece, for_each_piece, for_each_whole, sealed};
pub use super::nal::{split_annex_b, write_annex_b};
use super::parameter_sets::Key;
use super::probe::{AccessPoint, Consequence, Contents, Probe};
use super::rbsp;

/// Puts the access units of H.264 together.
pub type Depacketizer = super::nal::Depacketizer<Syntax>;

/// Makes packets of H.264: small NAL units together (STAP-A), large ones in fragments (FU-A).
///
/// The description of the stream has to say `packetization-mode=1`.
pub type Packetizer = super::nal::Packetizer<Syntax>;

/// The headers of H.264.
#[derive(Clone, Copy, Debug, Default)]
pub struct Syntax;

/// NAL unit types (H.264, table 7-1) and payload structures (RFC 6184, table 1).
mod nal {
    pub(super) const IDR: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
    pub(super) const DELIMITER: u8 = 9;
    pub(super) const STAP_A: u8 = 24;
    pub(super) const FU_A: u8 = 28;

    /// The type of the NAL unit or payload that begins with `header`.
    pub(super) fn type_of(header: u8) -> u8 {
        header & 0x1f
    }
}

impl sealed::Headers for Syntax {
    const HEADER_BYTES: usize = 1;
    const AGGREGATE: u8 = nal::STAP_A;
    const FRAGMENT: u8 = nal::FU_A;
    const FRAGMENT_TYPE: u8 = 0x1f;
    const FRAGMENT_ENDS_PICTURE: u8 = 0;

    #[inline]
    fn type_of([first, _]: Header) -> u8 {
        nal::type_of(first)
    }

    #[inline]
    fn with_type([first, _]: Header, nal_type: u8) -> Header {
        [first & 0xe0 | nal_type, 0]
    }

    /// The highest importance of the units and any forbidden bit (RFC 6184, section 5.7.1).
    fn joined([one, _]: Header, [other, _]: Header) -> Header {
        [(one | other) & 0x80 | (one & 0x60).max(other & 0x60) | nal::STAP_A, 0]
    }

    #[inline]
    fn is_unit(nal_type: u8) -> bool {
        matches!(nal_type, 1..=23)
    }

    #[inline]
    fn is_picture(nal_type: u8) -> bool {
        matches!(nal_type, 1..=5 | 19..=21)
    }

    fn is_keyframe(nal_type: u8) -> bool {
        nal_type == nal::IDR
    }

    /// H.264, section 7.4.1.2.3.
    fn beginning(nal_type: u8, body: &[u8]) -> Beginning {
        match nal_type {
            nal::DELIMITER | nal::SPS => Beginning::Certain,
            nal::SEI..=nal::DELIMITER | 14..=18 => Beginning::Possible,
            // first_mb_in_slice is zero, which ue(v) writes as a single 1.
            1 | 2 | 5 if body.first().is_some_and(|byte| byte & 0x80 != 0) => Beginning::Possible,
            _ => Beginning::No,
        }
    }
}

/// Where decoding can begin with a payload, as far as one packet can tell.
///
/// An SPS, an IDR picture and a recovery point are a refresh; a slice of type I that begins a picture is an I picture. Each
/// is told alone, in a STAP-A, or from the first fragment of an FU-A. A picture whose parameter sets travel in packets of
/// their own has several such packets with one timestamp; decoding begins at the first.
pub fn access_point(payload: &[u8]) -> Option<AccessPoint> {
    contents(payload).access_point
}

/// How a log reads packets.
pub(super) const PROBE: Probe = Probe {
    contents,
    for_each_unit: for_each_whole::<Syntax>,
    key,
    is_delimiter: |nal| nal.first().is_some_and(|header| nal::type_of(*header) == nal::DELIMITER),
    for_each_announced: |_, _| {},
    lists: &[("sprop-parameter-sets", &[nal::SPS, nal::PPS])],
    needed: &[nal::SPS, nal::PPS],
    consequences: |nal, tell| {
        if let [header, profile, constraints, level, ..] = nal {
            if nal::type_of(*header) == nal::SPS {
                let value = format!("{profile:02X}{constraints:02X}{level:02X}");
                tell(Consequence { name: "profile-level-id", value, is_optional: false });
            }
        }
    },
};

#[inline]
fn contents(payload: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for_each_piece::<Syntax>(payload, |piece| {
        let Some((nal_type, body)) = piece.split::<Syntax>() else { return };
        let access_point = match nal_type {
            nal::SPS | nal::IDR => Some(AccessPoint::Refresh),
            nal::SEI if rbsp::has_recovery_point(body) => Some(AccessPoint::Refresh),
            1 | 2 if body.first().is_some_and(|byte| begins_intra_picture(*byte)) => Some(AccessPoint::Intra),
            _ => None,
        };
        contents.access_point = contents.access_point.max(access_point);
        let is_whole = matches!(piece, Piece::Whole(_));
        contents.has_parameter_sets |= is_whole && matches!(nal_type, nal::SPS | nal::PPS);
    });
    contents
}

/// Returns `true` if the header of a slice says first_mb_in_slice 0, which ue(v) writes as `1`, and slice_type I: 2 as `011`,
/// or, for a picture of nothing else, 7 as `0001000`.
fn begins_intra_picture(byte: u8) -> bool {
    byte & 0xf0 == 0b1011_0000 || byte == 0b1000_1000
}

/// The id of an SPS stands behind profile, constraints and level, that of a PPS at the beginning.
fn key(nal: &[u8]) -> Option<Key> {
    let (header, body) = nal.split_first()?;
    let kind = nal::type_of(*header);
    let before_id = match kind {
        nal::SPS => 3,
        nal::PPS => 0,
        _ => return None,
    };
    Some(Key { kind, id: rbsp::exp_golomb(rbsp::unescaped(body).skip(before_id))? })
}

#[cfg(test)]
mod tests;
