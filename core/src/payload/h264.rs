//! H.264 (RFC 6184): single NAL units, STAP-A and FU-A; packetization modes 0 and 1.

mod annex_b;
mod configuration;
mod depacketizer;
mod packetizer;
mod sps;
mod unit;

pub use annex_b::{split_annex_b, write_annex_b};
pub(super) use configuration::parameters;
pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;
pub use sps::Sps;
pub(super) use sps::{read_pixel_aspect, skip_appearance};

use super::parameter_sets::Key;
use super::probe::{AccessPoint, Consequence, Contents, Probe};
use super::rbsp;

/// NAL unit types (H.264, table 7-1) and payload structures (RFC 6184, table 1).
mod nal {
    pub(super) const IDR: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
    pub(super) const DELIMITER: u8 = 9;
    pub(super) const STAP_A: u8 = 24;
    pub(super) const FU_A: u8 = 28;

    /// The first and the last fragment of a NAL unit, in the second byte of an FU-A.
    pub(super) const FU_START: u8 = 0x80;
    pub(super) const FU_END: u8 = 0x40;

    /// The type of the NAL unit or payload that begins with `header`.
    pub(super) fn type_of(header: u8) -> u8 {
        header & 0x1f
    }

    /// Whether a NAL unit of this type holds a part of a picture.
    pub(super) fn is_picture(nal_type: u8) -> bool {
        matches!(nal_type, 1..=5 | 19..=21)
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
    for_each_unit: |payload, each| {
        for_each_unit(payload, |unit| {
            if let Unit::Whole(nal) = unit {
                // Start codes that a device has left in separate NAL units.
                split_annex_b(nal).for_each(&mut *each);
            }
        });
    },
    key,
    is_delimiter: |nal| nal.first().is_some_and(|header| nal::type_of(*header) == nal::DELIMITER),
    lists: &[("sprop-parameter-sets", &[nal::SPS, nal::PPS])],
    consequences: |nal, tell| {
        if let [header, profile, constraints, level, ..] = nal {
            if nal::type_of(*header) == nal::SPS {
                let value = format!("{profile:02X}{constraints:02X}{level:02X}");
                tell(Consequence { name: "profile-level-id", value, is_optional: false });
            }
        }
    },
};

/// A NAL unit in a payload.
enum Unit<'a> {
    /// With its header.
    Whole(&'a [u8]),
    /// The header, and the beginning of what comes behind it.
    FirstFragment(u8, &'a [u8]),
}

#[inline]
fn for_each_unit<'a>(payload: &'a [u8], mut each: impl FnMut(Unit<'a>)) {
    let payload = without_start_code(payload);
    match payload {
        [first, fragment, body @ ..] if nal::type_of(*first) == nal::FU_A => {
            if fragment & nal::FU_START != 0 {
                each(Unit::FirstFragment(*fragment, body));
            }
        }
        [first, aggregate @ ..] if nal::type_of(*first) == nal::STAP_A => {
            aggregate_units(aggregate).for_each(|unit| each(Unit::Whole(unit)));
        }
        _ => each(Unit::Whole(payload)),
    }
}

#[inline]
fn contents(payload: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for_each_unit(payload, |unit| {
        let (header, body, is_whole) = match unit {
            Unit::Whole([header, body @ ..]) => (*header, body, true),
            Unit::Whole([]) => return,
            Unit::FirstFragment(header, body) => (header, body, false),
        };
        let nal_type = nal::type_of(header);
        let access_point = match nal_type {
            nal::SPS | nal::IDR => Some(AccessPoint::Refresh),
            nal::SEI if rbsp::has_recovery_point(body) => Some(AccessPoint::Refresh),
            1 | 2 if body.first().is_some_and(|byte| begins_intra_picture(*byte)) => Some(AccessPoint::Intra),
            _ => None,
        };
        contents.access_point = contents.access_point.max(access_point);
        contents.has_parameter_sets |= is_whole && matches!(nal_type, nal::SPS | nal::PPS);
    });
    contents
}

/// Whether the header of a slice says first_mb_in_slice 0, which ue(v) writes as `1`, and slice_type I: 2 as `011`, or, for
/// a picture of nothing else, 7 as `0001000`.
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

/// Whether the first NAL unit of a payload is the first of its access unit.
enum Beginning {
    /// It is: a delimiter or an SPS comes before everything else (H.264, 7.4.1.2.3).
    Certain,
    /// It begins a picture, but others may belong before it.
    Possible,
    /// It continues one.
    No,
}

/// How an access unit may begin with a payload.
fn beginning(payload: &[u8]) -> Beginning {
    let payload = without_start_code(payload);
    let (header, slice) = match payload {
        [first, fragment, slice @ ..] if nal::type_of(*first) == nal::FU_A => {
            if fragment & nal::FU_START == 0 {
                return Beginning::No;
            }
            (*fragment, slice)
        }
        [first, aggregate @ ..] if nal::type_of(*first) == nal::STAP_A => {
            match aggregate_units(aggregate).next() {
                Some([header, slice @ ..]) => (*header, slice),
                _ => return Beginning::No,
            }
        }
        [header, slice @ ..] => (*header, slice),
        [] => return Beginning::No,
    };
    match nal::type_of(header) {
        nal::DELIMITER | nal::SPS => Beginning::Certain,
        nal::SEI..=nal::DELIMITER | 14..=18 => Beginning::Possible,
        // first_mb_in_slice is zero, which ue(v) writes as a single 1.
        1 | 2 | 5 if slice.first().is_some_and(|byte| byte & 0x80 != 0) => Beginning::Possible,
        _ => Beginning::No,
    }
}

/// The units of an aggregate that are whole.
fn aggregate_units(mut aggregate: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (size, rest) = aggregate.split_first_chunk::<2>()?;
        let (unit, rest) = rest.split_at_checked(u16::from_be_bytes(*size).into())?;
        aggregate = rest;
        Some(unit)
    })
}

/// A payload without the start code that some cameras leave in front of it.
fn without_start_code(payload: &[u8]) -> &[u8] {
    match payload {
        [0, 0, 0, 1, rest @ ..] | [0, 0, 1, rest @ ..] => rest,
        _ => payload,
    }
}

#[cfg(test)]
mod tests;
