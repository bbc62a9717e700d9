//! The common parts of H.264, H.265 and H.266: access units of NAL units, alone, aggregated or in fragments.
//!
//! Each of the three describes its numbers and its headers in a [`Syntax`]; everything else stands here once. Their modules
//! name the [`Packetizer`] and the [`Depacketizer`] of each.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::nal::{split_annex_b, write_annex_b};
//!
//! // As an encoder writes them into a file; packets and access units have them without start codes.
//! let stream = [0, 0, 0, 1, 0x67, 0x64, 0x00, 0x28, 0, 0, 1, 0x68, 0xeb];
//! let nals: Vec<_> = split_annex_b(&stream).collect();
//! assert_eq!(nals, [&[0x67, 0x64, 0x00, 0x28][..], &[0x68, 0xeb]]);
//! let mut file = Vec::new();
//! write_annex_b(nals, &mut file);
//! assert_eq!(file, [0, 0, 0, 1, 0x67, 0x64, 0x00, 0x28, 0, 0, 0, 1, 0x68, 0xeb]);
//! ```

mod annex_b;
mod depacketizer;
mod packetizer;

pub(super) use annex_b::find_start_code;
pub use annex_b::{split_annex_b, write_annex_b};
pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;
pub(super) use sealed::{Beginning, Header};

/// The first and the last fragment of a NAL unit, in the byte behind the header of a fragment.
const FRAGMENT_START: u8 = 0x80;
const FRAGMENT_END: u8 = 0x40;

/// The headers of NAL units and of packets: implemented by [`h264::Syntax`](super::h264::Syntax),
/// [`h265::Syntax`](super::h265::Syntax) and [`h266::Syntax`](super::h266::Syntax).
pub trait Syntax: sealed::Headers {}

impl<S: sealed::Headers> Syntax for S {}

pub(super) mod sealed {
    /// The header of a NAL unit or a packet; of one byte, the second is zero.
    pub(in crate::payload) type Header = [u8; 2];

    /// How certain it is that the first NAL unit of a payload is the first of its access unit.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub enum Beginning {
        /// It comes before everything else.
        Certain,
        /// It begins a picture, but others may belong before it.
        Possible,
        /// It continues one.
        No,
    }

    /// How headers are read and written.
    pub trait Headers: Copy + Default + std::fmt::Debug {
        /// Bytes of the header of a NAL unit, one or two.
        const HEADER_BYTES: usize;
        /// The type of a packet that holds several NAL units, each behind its size.
        const AGGREGATE: u8;
        /// The type of a packet that holds a fragment.
        const FRAGMENT: u8;
        /// The bits of the type in the byte behind the header of a fragment.
        const FRAGMENT_TYPE: u8;
        /// The bit of the last fragment that ends a picture, if there is such a bit.
        const FRAGMENT_ENDS_PICTURE: u8;

        /// The type of a NAL unit or a packet.
        fn type_of(header: Header) -> u8;

        /// The same header with another type.
        fn with_type(header: Header, nal_type: u8) -> Header;

        /// The header of an aggregate of the units that `one` and `other` stand for.
        fn joined(one: Header, other: Header) -> Header;

        /// A NAL unit may have this type; the others are those of packets, or reserved for them.
        fn is_unit(nal_type: u8) -> bool;

        /// NAL units of this type hold a part of a picture.
        fn is_picture(nal_type: u8) -> bool;

        /// Decoding can begin at a picture of this type.
        fn is_keyframe(nal_type: u8) -> bool;

        /// How an access unit may begin with a NAL unit of this type; `body` holds the bytes behind its header.
        fn beginning(nal_type: u8, body: &[u8]) -> Beginning;

        /// Packets carry decoding order numbers.
        fn has_order_numbers(&self) -> bool {
            false
        }
    }
}

/// The header of a NAL unit or a packet; `None` if it is cut off.
#[inline]
pub(super) fn header_of<S: Syntax>(nal: &[u8]) -> Option<Header> {
    match (S::HEADER_BYTES, nal) {
        (1, [first, ..]) => Some([*first, 0]),
        (_, [first, second, ..]) => Some([*first, *second]),
        _ => None,
    }
}

/// The type of a NAL unit or a packet; `None` if its header is cut off.
#[inline]
pub(super) fn type_of<S: Syntax>(nal: &[u8]) -> Option<u8> {
    header_of::<S>(nal).map(S::type_of)
}

/// The bytes behind the header.
#[inline]
pub(super) fn body_of<S: Syntax>(nal: &[u8]) -> &[u8] {
    nal.get(S::HEADER_BYTES..).unwrap_or_default()
}

/// A NAL unit in a payload.
pub(super) enum Piece<'a> {
    /// With its header.
    Whole(&'a [u8]),
    /// The type, and the first bytes behind the header.
    FirstFragment(u8, &'a [u8]),
}

impl<'a> Piece<'a> {
    /// The type, and the bytes behind the header.
    #[inline]
    pub(super) fn split<S: Syntax>(&self) -> Option<(u8, &'a [u8])> {
        match self {
            Self::Whole(nal) => Some((type_of::<S>(nal)?, body_of::<S>(nal))),
            Self::FirstFragment(nal_type, body) => Some((*nal_type, body)),
        }
    }
}

/// Calls `each` with the NAL units in a payload without decoding order numbers, as far as they begin in it.
#[inline]
pub(super) fn for_each_piece<'a, S: Syntax>(payload: &'a [u8], mut each: impl FnMut(Piece<'a>)) {
    let payload = without_start_code(payload);
    let Some(packet_type) = type_of::<S>(payload) else { return };
    let body = body_of::<S>(payload);
    if packet_type == S::FRAGMENT {
        if let [position, body @ ..] = body {
            if position & FRAGMENT_START != 0 {
                each(Piece::FirstFragment(position & S::FRAGMENT_TYPE, body));
            }
        }
    } else if packet_type == S::AGGREGATE {
        aggregate_units(body).for_each(|unit| each(Piece::Whole(unit)));
    } else {
        each(Piece::Whole(payload));
    }
}

/// Calls `each` with the NAL units that are whole in a payload, for a log that learns parameter sets.
pub(super) fn for_each_whole<S: Syntax>(payload: &[u8], each: &mut super::probe::EachUnit<'_>) {
    for_each_piece::<S>(payload, |piece| {
        if let Piece::Whole(nal) = piece {
            // Start codes that a device has left in separate NAL units.
            split_annex_b(nal).for_each(&mut *each);
        }
    });
}

/// How an access unit may begin with a payload. Where there are decoding order numbers, nothing is certain.
fn beginning<S: Syntax>(syntax: S, payload: &[u8]) -> Beginning {
    let payload = without_start_code(payload);
    let Some(packet_type) = type_of::<S>(payload) else { return Beginning::No };
    let body = body_of::<S>(payload);
    if packet_type == S::FRAGMENT {
        return match body {
            [position, slice @ ..] if position & FRAGMENT_START != 0 => {
                let slice = if syntax.has_order_numbers() { slice.get(2..) } else { Some(slice) };
                S::beginning(position & S::FRAGMENT_TYPE, slice.unwrap_or_default())
            }
            _ => Beginning::No,
        };
    }
    let body = if syntax.has_order_numbers() { body.get(2..).unwrap_or_default() } else { body };
    if packet_type != S::AGGREGATE {
        return S::beginning(packet_type, body);
    }
    match aggregate_units(body).next() {
        Some(first) => {
            type_of::<S>(first).map_or(Beginning::No, |kind| S::beginning(kind, body_of::<S>(first)))
        }
        None => Beginning::No,
    }
}

/// The units of an aggregate that are whole.
#[inline]
fn aggregate_units(mut aggregate: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (size, rest) = aggregate.split_first_chunk::<2>()?;
        let (unit, rest) = rest.split_at_checked(u16::from_be_bytes(*size).into())?;
        aggregate = rest;
        Some(unit)
    })
}

/// A payload without the start code that some cameras leave in front of it.
#[inline]
fn without_start_code(payload: &[u8]) -> &[u8] {
    match payload {
        [0, 0, 0, 1, rest @ ..] | [0, 0, 1, rest @ ..] => rest,
        _ => payload,
    }
}

#[cfg(test)]
mod tests;
