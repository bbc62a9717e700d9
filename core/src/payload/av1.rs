//! AV1 (AOMedia's RTP Payload Format For AV1, version 1.0): the OBUs of a temporal unit, whole or in fragments.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::av1::{Depacketizer, Packetizer, SequenceHeader};
//!
//! // A temporal unit as files have it: a delimiter, then OBUs with their sizes. Packets carry neither.
//! let sequence = [0x0a, 11, 0, 0, 0, 0x04, 0x3c, 0xff, 0xbc, 0xda, 0xf9, 0, 0x40];
//! let unit = [&[0x12, 0][..], &sequence, &[0x32, 2, 0x10, 7]].concat();
//! let (mut packetizer, mut depacketizer) = (Packetizer::new(PacketizerConfig::new(96, 7, 0)), Depacketizer::new());
//! packetizer.packetize([&unit[..]], 90_000, |packet| depacketizer.push(&packet, 0).expect("nothing is lost"))?;
//! let unit = depacketizer.poll().expect("the last packet carries the marker");
//! assert_eq!((unit.parts.len(), unit.is_keyframe, &unit.parts[1][..]), (2, true, &[0x30, 0x10, 7][..]));
//! let header = SequenceHeader::read(&unit.parts[0]).expect("it describes what follows");
//! assert_eq!((header.width, header.height), (320, 240));
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

mod depacketizer;
mod obu;
mod packetizer;
mod sequence;

use bytes::{BufMut, Bytes, BytesMut};

use super::probe::{AccessPoint, Contents, Probe};
use super::watch::Told;
use super::{Parts, VideoParameters};

pub use depacketizer::Depacketizer;
pub(crate) use obu::write_low_overhead;
pub use packetizer::Packetizer;
pub use sequence::SequenceHeader;

use obu::{Elements, kind};

/// The bits of the aggregation header, the first byte of each payload (section 4.4).
mod aggregation {
    /// The first element continues an OBU of the packet before (Z).
    pub(super) const CONTINUES: u8 = 0x80;
    /// The last element is continued in the next packet (Y).
    pub(super) const IS_CONTINUED: u8 = 0x40;
    /// A coded video sequence begins with the packet (N).
    pub(super) const BEGINS_SEQUENCE: u8 = 0x08;
}

/// How a log reads packets.
pub(super) const PROBE: Probe = Probe { contents, ..Probe::WITHOUT_SETS };

/// A packet that says so begins a sequence; so does a sequence header that begins in it.
fn contents(payload: &[u8]) -> Contents {
    let begins = payload.split_first().is_some_and(|(header, elements)| {
        let has_sequence = |(at, element): (usize, &[u8])| {
            let continues = at == 0 && header & aggregation::CONTINUES != 0;
            !continues && element.first().is_some_and(|first| kind::of(*first) == kind::SEQUENCE_HEADER)
        };
        header & aggregation::BEGINS_SEQUENCE != 0
            || Elements::new(*header, elements).map_while(Result::ok).enumerate().any(has_sequence)
    });
    Contents { access_point: begins.then_some(AccessPoint::Refresh), has_parameter_sets: false }
}

/// Returns the parameters that a sequence header tells.
pub(super) fn told(parts: &Parts) -> Option<Told> {
    let obu = parts
        .iter()
        .find(|part| part.first().is_some_and(|first| kind::of(*first) == kind::SEQUENCE_HEADER))?;
    let header = SequenceHeader::read(obu)?;
    Some(Told {
        codec: header.codec().into(),
        configuration: Some(configuration(&header, obu)),
        video: VideoParameters {
            width: header.width,
            height: header.height,
            pixel_aspect: None,
            frame_rate: header.frame_rate,
            // Pictures that are decoded ahead are not shown; they come in one unit with one that is.
            reordering: Some(0),
        },
    })
}

/// The AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding, section 2.3).
fn configuration(header: &SequenceHeader, obu: &[u8]) -> Bytes {
    let SequenceHeader { profile, level, is_high_tier, is_monochrome, .. } = *header;
    let flag = |is: bool, place: u8| u8::from(is) << place;
    let mut record = BytesMut::new();
    record.put_slice(&[
        0x81,
        profile << 5 | level,
        flag(is_high_tier, 7)
            | flag(header.bit_depth > 8, 6)
            | flag(header.bit_depth > 10, 5)
            | flag(is_monochrome, 4)
            | flag(header.subsampling.0, 3)
            | flag(header.subsampling.1, 2)
            | header.sample_position,
        0,
    ]);
    write_low_overhead([obu], &mut record);
    record.freeze()
}

#[cfg(test)]
mod tests;
