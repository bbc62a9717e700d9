//! H.266, or VVC (RFC 9328): single NAL units, aggregation packets and fragmentation units, with decoding order numbers and
//! without.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::h266::{Depacketizer, Sps};
//! use rtspan_core::rtp::{RtpHeader, RtpPacket};
//!
//! // The size of the pictures is in the sequence parameter set, which the description has as `sprop-sps`.
//! let sps = [0x00, 0x79, 0x00, 0x0d, 0x02, 0x43, 0x80, 0x00, 0x00, 0x0f, 0x02, 0x00, 0x44, 0x1f, 0x2a];
//! let sps = Sps::read(&sps)?;
//! assert_eq!((sps.profile, sps.width, sps.height), (1, 1920, 1080));
//!
//! // If `sprop-max-don-diff` is above zero, an order number (here 10) stands behind the header of each NAL unit.
//! let header = RtpHeader { payload_type: 96, marker: true, sequence: 1, timestamp: 90_000, ssrc: 7 };
//! let mut depacketizer = Depacketizer::with_order_numbers();
//! depacketizer.push(&RtpPacket::build(header, &[0x00, 0x39, 0, 10, 0xc4]), 0)?;
//! let unit = depacketizer.poll().expect("the packet carries the marker");
//! assert_eq!((&unit.parts[0][..], unit.is_keyframe), (&[0x00, 0x39, 0xc4][..], true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod configuration;
mod sps;

pub(super) use configuration::parameters;
pub use sps::Sps;

use super::nal::{Beginning, Header, Piece, body_of, for_each_piece, for_each_whole, sealed, type_of};
use super::parameter_sets::Key;
use super::probe::{AccessPoint, Consequence, Contents, Probe};

/// Puts the access units of H.266 together; `Depacketizer::with_order_numbers` where `sprop-max-don-diff`
/// is above zero.
pub type Depacketizer = super::nal::Depacketizer<Syntax>;

/// Makes packets of H.266, without decoding order numbers: small NAL units together (AP), large ones in fragments (FU).
pub type Packetizer = super::nal::Packetizer<Syntax>;

/// The headers of H.266.
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

/// NAL unit types (H.266, table 5) and payload structures (RFC 9328, section 4.3).
const IDR_W_RADL: u8 = 7;
const CRA: u8 = 9;
const GDR: u8 = 10;
const OPERATING_POINT: u8 = 12;
const DCI: u8 = 13;
const VPS: u8 = 14;
const SPS: u8 = 15;
const PPS: u8 = 16;
const PREFIX_APS: u8 = 17;
const PICTURE_HEADER: u8 = 19;
const DELIMITER: u8 = 20;
const PREFIX_SEI: u8 = 23;
const AGGREGATE: u8 = 28;
const FRAGMENT: u8 = 29;

/// Bytes of the header of a NAL unit.
const HEADER_BYTES: usize = 2;

impl sealed::Headers for Syntax {
    const HEADER_BYTES: usize = HEADER_BYTES;
    const AGGREGATE: u8 = AGGREGATE;
    const FRAGMENT: u8 = FRAGMENT;
    const FRAGMENT_TYPE: u8 = 0x1f;
    const FRAGMENT_ENDS_PICTURE: u8 = 0x20;

    #[inline]
    fn type_of([_, second]: Header) -> u8 {
        second >> 3
    }

    #[inline]
    fn with_type([first, second]: Header, nal_type: u8) -> Header {
        [first, nal_type << 3 | second & 7]
    }

    /// The lowest layer and the lowest sub-layer of the units, and any forbidden bit (RFC 9328, section 4.3.2).
    fn joined([one, one_second]: Header, [other, other_second]: Header) -> Header {
        let layer = (one & 0x3f).min(other & 0x3f);
        let sub_layer = (one_second & 7).min(other_second & 7);
        [(one | other) & 0x80 | layer, AGGREGATE << 3 | sub_layer]
    }

    #[inline]
    fn is_unit(nal_type: u8) -> bool {
        nal_type < AGGREGATE
    }

    #[inline]
    fn is_picture(nal_type: u8) -> bool {
        nal_type < OPERATING_POINT
    }

    /// IDR and CRA; a gradual refresh (GDR) is whole only some pictures later.
    fn is_keyframe(nal_type: u8) -> bool {
        matches!(nal_type, IDR_W_RADL..=CRA)
    }

    /// H.266, section 7.4.2.4.3.
    fn beginning(nal_type: u8, body: &[u8]) -> Beginning {
        match nal_type {
            DELIMITER | OPERATING_POINT | DCI | VPS => Beginning::Certain,
            SPS | PPS | PREFIX_APS | PICTURE_HEADER | PREFIX_SEI | 26 => Beginning::Possible,
            // sh_picture_header_in_slice_header_flag: the only slice of its picture.
            0..OPERATING_POINT if body.first().is_some_and(|byte| byte & 0x80 != 0) => Beginning::Possible,
            _ => Beginning::No,
        }
    }

    #[inline]
    fn has_order_numbers(&self) -> bool {
        self.has_order_numbers
    }
}

/// Where decoding can begin with a payload, as far as one packet can tell.
///
/// A DCI, a VPS, an SPS, an IDR or CRA picture and a gradual refresh (GDR) are a refresh: alone, in an aggregation packet, or
/// as the first of its fragments. A picture whose parameter sets travel in packets of their own has several such packets with
/// one timestamp; decoding begins at the first. Aggregates with decoding order numbers are not looked into.
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
    lists: &[("sprop-dci", &[DCI]), ("sprop-vps", &[VPS]), ("sprop-sps", &[SPS]), ("sprop-pps", &[PPS])],
    needed: &[SPS, PPS],
    consequences,
};

#[inline]
fn contents(payload: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for_each_piece::<Syntax>(payload, |piece| {
        let Some((nal_type, _)) = piece.split::<Syntax>() else { return };
        let is_refresh = matches!(nal_type, IDR_W_RADL..=GDR | DCI | VPS | SPS);
        contents.access_point = contents.access_point.max(is_refresh.then_some(AccessPoint::Refresh));
        let is_whole = matches!(piece, Piece::Whole(_));
        contents.has_parameter_sets |= is_whole && matches!(nal_type, DCI..=PPS);
    });
    contents
}

/// The key of a parameter set: the id stands at the beginning, in four bits, or in six.
fn key(nal: &[u8]) -> Option<Key> {
    let kind = type_of::<Syntax>(nal)?;
    let first = *body_of::<Syntax>(nal).first()?;
    let id = match kind {
        DCI => 0,
        VPS | SPS => first >> 4,
        PPS => first >> 2,
        _ => return None,
    };
    Some(Key { kind, id: id.into() })
}

/// Profile, tier and level of an SPS, for descriptions that tell them (RFC 9328, section 7.2).
fn consequences(nal: &[u8], tell: &mut dyn FnMut(Consequence)) {
    let Ok(sps) = Sps::read(nal) else { return };
    let mut optional = |name, value: u8| {
        tell(Consequence { name, value: value.to_string(), is_optional: true });
    };
    optional("profile-id", sps.profile);
    optional("tier-flag", sps.is_high_tier.into());
    optional("level-id", sps.level);
}

#[cfg(test)]
mod tests;
