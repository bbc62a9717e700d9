//! H.264 (RFC 6184): single NAL units, STAP-A and FU-A; packetization modes 0 and 1.

mod annex_b;
mod depacketizer;
mod packetizer;
mod unit;

pub use annex_b::{split_annex_b, write_annex_b};
pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

/// NAL unit types (H.264, table 7-1) and payload structures (RFC 6184, table 1).
mod nal {
    pub(super) const IDR: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
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

/// Whether a payload begins a picture that decoding can begin with, as far as one packet can tell.
///
/// True for an SPS and for an IDR picture: alone, in a STAP-A, or as the first fragment of an FU-A. A
/// picture whose parameter sets travel in packets of their own has several such packets with one
/// timestamp; decoding begins at the first.
pub fn is_keyframe_packet(payload: &[u8]) -> bool {
    let is_key = |header: u8| matches!(nal::type_of(header), nal::SPS | nal::IDR);
    let payload = without_start_code(payload);
    match payload {
        [first, fragment, ..] if nal::type_of(*first) == nal::FU_A => {
            fragment & nal::FU_START != 0 && is_key(*fragment)
        }
        [first, aggregate @ ..] if nal::type_of(*first) == nal::STAP_A => {
            aggregate_units(aggregate).any(|unit| unit.first().is_some_and(|header| is_key(*header)))
        }
        [first, ..] => is_key(*first),
        [] => false,
    }
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
