//! H.265 (RFC 7798): what one packet tells without putting units together.

mod sps;

pub use sps::Sps;

use super::h264::split_annex_b;
use super::parameter_sets::{Key, ParameterSets};
use super::probe::{AccessPoint, Consequence, Contents, Probe};
use super::{Parameters, VideoParameters, rbsp};

/// NAL unit types (H.265, table 7-1) and payload structures (RFC 7798, section 4.4).
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const DELIMITER: u8 = 35;
const PREFIX_SEI: u8 = 39;
const AGGREGATE: u8 = 48;
const FRAGMENT: u8 = 49;

/// The first fragment of a NAL unit, in the third byte of a fragmentation unit.
const FRAGMENT_START: u8 = 0x80;
/// Bytes of the header of a NAL unit.
const HEADER_BYTES: usize = 2;

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
    for_each_unit: |payload, each| {
        for_each_unit(payload, |unit| {
            if let Unit::Whole(nal) = unit {
                // Start codes that a device has left in separate NAL units.
                split_annex_b(nal).for_each(&mut *each);
            }
        });
    },
    key,
    is_delimiter: |nal| nal.first().is_some_and(|header| type_of(*header) == DELIMITER),
    lists: &[("sprop-vps", &[VPS]), ("sprop-sps", &[SPS]), ("sprop-pps", &[PPS])],
    consequences,
};

/// A NAL unit in a payload.
enum Unit<'a> {
    /// With its header.
    Whole(&'a [u8]),
    /// The type, and the beginning of what comes behind the header.
    FirstFragment(u8, &'a [u8]),
}

#[inline]
fn for_each_unit<'a>(payload: &'a [u8], mut each: impl FnMut(Unit<'a>)) {
    let payload = match payload {
        [0, 0, 0, 1, rest @ ..] | [0, 0, 1, rest @ ..] => rest,
        _ => payload,
    };
    match payload {
        // Units, each after its size.
        [first, _, rest @ ..] if type_of(*first) == AGGREGATE => {
            let mut rest = rest;
            while let Some((size, after)) = rest.split_first_chunk::<2>() {
                let Some((unit, after)) = after.split_at_checked(u16::from_be_bytes(*size).into()) else {
                    return;
                };
                each(Unit::Whole(unit));
                rest = after;
            }
        }
        [first, _, header, body @ ..] if type_of(*first) == FRAGMENT => {
            if header & FRAGMENT_START != 0 {
                each(Unit::FirstFragment(header & 0x3f, body));
            }
        }
        _ => each(Unit::Whole(payload)),
    }
}

#[inline]
fn contents(payload: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for_each_unit(payload, |unit| {
        let (nal_type, body, is_whole) = match unit {
            Unit::Whole(nal @ [header, ..]) => {
                (type_of(*header), nal.get(HEADER_BYTES..).unwrap_or_default(), true)
            }
            Unit::Whole([]) => return,
            Unit::FirstFragment(nal_type, body) => (nal_type, body, false),
        };
        let is_refresh = matches!(nal_type, 16..=21 | VPS | SPS)
            || (nal_type == PREFIX_SEI && rbsp::has_recovery_point(body));
        contents.access_point = contents.access_point.max(is_refresh.then_some(AccessPoint::Refresh));
        contents.has_parameter_sets |= is_whole && matches!(nal_type, VPS..=PPS);
    });
    contents
}

/// The type of the NAL unit or payload that begins with `header`.
fn type_of(header: u8) -> u8 {
    header >> 1 & 0x3f
}

/// Which parameter set it is. The id of an SPS stands behind much else; there is only one in practice.
fn key(nal: &[u8]) -> Option<Key> {
    let kind = type_of(*nal.first()?);
    let body = nal.get(HEADER_BYTES..)?;
    let id = match kind {
        VPS => u32::from(*body.first()? >> 4),
        SPS if !body.is_empty() => 0,
        PPS => rbsp::exp_golomb(rbsp::unescaped(body))?,
        _ => return None,
    };
    Some(Key { kind, id })
}

/// The parameters that follow from the newest parameter sets.
pub(super) fn parameters(sets: &ParameterSets, parameters: &mut Parameters) {
    let sps = sets.of(SPS).next().and_then(|newest| Sps::read(newest).ok());
    parameters.video = sps.map(|sps| VideoParameters {
        width: sps.width,
        height: sps.height,
        pixel_aspect: sps.pixel_aspect,
        frame_rate: sps.frame_rate,
        reordering: Some(sps.reordering),
    });
}

/// Profile, tier and level of an SPS, for descriptions that tell them (RFC 7798, section 7.1).
fn consequences(nal: &[u8], tell: &mut dyn FnMut(Consequence)) {
    if nal.first().is_none_or(|header| type_of(*header) != SPS) {
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
mod tests {
    use super::*;

    #[test]
    fn access_points_are_told_from_one_packet() {
        let table: &[(&str, &[u8], bool)] = &[
            ("nothing", &[], false),
            ("VPS", &[0x40, 1, 0x0c], true),
            ("SPS", &[0x42, 1, 1], true),
            ("PPS", &[0x44, 1, 0xc1], false),
            ("IDR_W_RADL", &[0x26, 1, 0xaf], true),
            ("IDR_N_LP", &[0x28, 1, 0xaf], true),
            ("CRA", &[0x2a, 1, 0xaf], true),
            ("BLA", &[0x20, 1, 0xaf], true),
            ("reserved IRAP", &[0x2c, 1, 0xaf], false),
            ("TRAIL_R", &[0x02, 1, 0xd0], false),
            ("start code, then VPS", &[0, 0, 0, 1, 0x40, 1], true),
            ("aggregate of SEI and SPS", &[0x60, 1, 0, 2, 0x4e, 1, 0, 2, 0x42, 1], true),
            ("aggregate of SEI and TRAIL_R", &[0x60, 1, 0, 2, 0x4e, 1, 0, 2, 0x02, 1], false),
            ("aggregate cut off", &[0x60, 1, 0, 9, 0x42, 1], false),
            ("aggregate of empty units", &[0x60, 1, 0, 0, 0, 0, 0, 0], false),
            ("first fragment of IDR", &[0x62, 1, 0x93], true),
            ("second fragment of IDR", &[0x62, 1, 0x13], false),
            ("first fragment of TRAIL_R", &[0x62, 1, 0x81], false),
            ("fragment cut off", &[0x62, 1], false),
            ("recovery point", &[0x4e, 1, 6, 1, 0xc0, 0x80], true),
            ("recovery point in an aggregate", &[0x60, 1, 0, 6, 0x4e, 1, 6, 1, 0xc0, 0x80], true),
            ("other SEI", &[0x4e, 1, 1, 1, 0xc0, 0x80], false),
            ("suffix SEI", &[0x50, 1, 6, 1, 0xc0, 0x80], false),
        ];
        for (name, payload, is_refresh) in table {
            assert_eq!(access_point(payload) == Some(AccessPoint::Refresh), *is_refresh, "{name}");
            assert!(*is_refresh || access_point(payload).is_none(), "{name}");
        }
    }
}
