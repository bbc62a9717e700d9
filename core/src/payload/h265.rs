//! H.265 (RFC 7798): single NAL units, aggregation packets and fragmentation units, with decoding order numbers and without.
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::h265::{Depacketizer, Packetizer};
//!
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 7, 0));
//! let mut depacketizer = Depacketizer::new();
//! let unit = [0x26, 0x01, 0xaf]; // one NAL unit; a picture has one or more
//! packetizer.packetize([&unit[..]], 90_000, |packet| depacketizer.push(&packet, 0).expect("nothing is lost"))?;
//! assert_eq!(depacketizer.poll().expect("it is whole").parts.to_bytes()[..], unit[..]);
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

mod configuration;
mod sps;

pub(super) use configuration::parameters;
pub use sps::Sps;

use super::nal::{Beginning, Header, Piece, body_of, for_each_piece, for_each_whole, sealed, type_of};
use super::parameter_sets::Key;
use super::probe::{AccessPoint, Consequence, Contents, Probe};
use super::rbsp;

/// Puts the access units of H.265 together; `Depacketizer::with_order_numbers` where `sprop-max-don-diff`
/// is above zero. Packets with extended headers (PACI) are refused, each by itself.
pub type Depacketizer = super::nal::Depacketizer<Syntax>;

/// Makes packets of H.265, without decoding order numbers: small NAL units together (AP), large ones in fragments (FU).
pub type Packetizer = super::nal::Packetizer<Syntax>;

/// The headers of H.265.
#[derive(Clone, Copy, Debug, Default)]
pub struct Syntax {
    has_order_numbers: bool,
}

impl Depacketizer {
    /// A depacketizer of packets that carry decoding order numbers (DONL and DOND).
    pub fn with_order_numbers() -> Self {
        Self::of(Syntax { has_order_numbers: true })
    }
}

/// NAL unit types (H.265, table 7-1) and payload structures (RFC 7798, section 4.4).
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const DELIMITER: u8 = 35;
const PREFIX_SEI: u8 = 39;
const AGGREGATE: u8 = 48;
const FRAGMENT: u8 = 49;

/// Bytes of the header of a NAL unit.
const HEADER_BYTES: usize = 2;

impl sealed::Headers for Syntax {
    const HEADER_BYTES: usize = HEADER_BYTES;
    const AGGREGATE: u8 = AGGREGATE;
    const FRAGMENT: u8 = FRAGMENT;
    const FRAGMENT_TYPE: u8 = 0x3f;
    const FRAGMENT_ENDS_PICTURE: u8 = 0;

    #[inline]
    fn type_of([first, _]: Header) -> u8 {
        first >> 1 & 0x3f
    }

    #[inline]
    fn with_type([first, second]: Header, nal_type: u8) -> Header {
        [first & 0x81 | nal_type << 1, second]
    }

    /// The lowest layer and the lowest sub-layer of the units, and any forbidden bit (RFC 7798, section 4.4.2).
    fn joined(one: Header, other: Header) -> Header {
        let layer = |[first, second]: Header| (first & 1) << 5 | second >> 3;
        let layer = layer(one).min(layer(other));
        let [[first, one], [forbidden, other]] = [one, other];
        let sub_layer = (one & 7).min(other & 7);
        [(first | forbidden) & 0x80 | AGGREGATE << 1 | layer >> 5, layer << 3 | sub_layer]
    }

    #[inline]
    fn is_unit(nal_type: u8) -> bool {
        nal_type < AGGREGATE
    }

    #[inline]
    fn is_picture(nal_type: u8) -> bool {
        nal_type < VPS
    }

    fn is_keyframe(nal_type: u8) -> bool {
        is_random_access(nal_type)
    }

    /// H.265, section 7.4.2.4.4.
    fn beginning(nal_type: u8, body: &[u8]) -> Beginning {
        match nal_type {
            DELIMITER | VPS => Beginning::Certain,
            SPS | PPS | PREFIX_SEI | 41..=44 => Beginning::Possible,
            // first_slice_segment_in_pic_flag
            0..VPS if body.first().is_some_and(|byte| byte & 0x80 != 0) => Beginning::Possible,
            _ => Beginning::No,
        }
    }

    #[inline]
    fn has_order_numbers(&self) -> bool {
        self.has_order_numbers
    }
}

/// The intra random access pictures: BLA, IDR and CRA.
fn is_random_access(nal_type: u8) -> bool {
    matches!(nal_type, 16..=21)
}

/// Where decoding can begin with a payload, as far as one packet can tell.
///
/// A VPS, an SPS, the intra random access pictures (IDR, CRA, BLA) and a recovery point are a refresh: alone, in an
/// aggregation packet, or as the first of its fragments. A picture whose parameter sets travel in packets of their own has
/// several such packets with one timestamp; decoding begins at the first. Other I pictures cannot be told, since where a
/// slice says its type depends on its PPS. Aggregates with decoding order numbers are not looked into.
pub fn access_point(payload: &[u8]) -> Option<AccessPoint> {
    contents(payload).access_point
}

/// How a log reads packets.
pub(super) const PROBE: Probe = Probe {
    contents,
    for_each_unit: for_each_whole::<Syntax>,
    key,
    is_delimiter: |nal| type_of::<Syntax>(nal) == Some(DELIMITER),
    for_each_announced: |_, _| {},
    lists: &[("sprop-vps", &[VPS]), ("sprop-sps", &[SPS]), ("sprop-pps", &[PPS])],
    needed: &[VPS, SPS, PPS],
    consequences,
};

#[inline]
fn contents(payload: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for_each_piece::<Syntax>(payload, |piece| {
        let Some((nal_type, body)) = piece.split::<Syntax>() else { return };
        let is_refresh = is_random_access(nal_type)
            || matches!(nal_type, VPS | SPS)
            || (nal_type == PREFIX_SEI && rbsp::has_recovery_point(body));
        contents.access_point = contents.access_point.max(is_refresh.then_some(AccessPoint::Refresh));
        let is_whole = matches!(piece, Piece::Whole(_));
        contents.has_parameter_sets |= is_whole && matches!(nal_type, VPS..=PPS);
    });
    contents
}

/// The key of a parameter set. The id of an SPS stands behind much else; there is only one in practice.
fn key(nal: &[u8]) -> Option<Key> {
    let kind = type_of::<Syntax>(nal)?;
    let body = body_of::<Syntax>(nal);
    let id = match kind {
        VPS => u32::from(*body.first()? >> 4),
        SPS if !body.is_empty() => 0,
        PPS => rbsp::exp_golomb(rbsp::unescaped(body))?,
        _ => return None,
    };
    Some(Key { kind, id })
}

/// Profile, tier and level of an SPS, for descriptions that tell them (RFC 7798, section 7.1).
fn consequences(nal: &[u8], tell: &mut dyn FnMut(Consequence)) {
    if type_of::<Syntax>(nal) != Some(SPS) {
        return;
    }
    // Ids and sub-layers in a byte, then profile space, tier and profile, four bytes of compatibility and six of
    // constraints, then the level.
    let mut general = rbsp::unescaped(nal).skip(HEADER_BYTES.saturating_add(1));
    let (Some(profile), Some(level)) = (general.next(), general.nth(10)) else { return };
    let mut optional = |name, value: u8| {
        tell(Consequence { name, value: value.to_string(), is_optional: true });
    };
    optional("profile-space", profile >> 6);
    optional("tier-flag", profile >> 5 & 1);
    optional("profile-id", profile & 0x1f);
    optional("level-id", level);
}

#[cfg(test)]
mod tests;
