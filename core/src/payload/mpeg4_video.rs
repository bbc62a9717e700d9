//! MPEG-4 Part 2 video (RFC 6416): pictures that packets split wherever they are full.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::mpeg4_video::{Packetizer, VideoObjectLayer};
//!
//! // The headers that FFmpeg writes, and the first picture behind them.
//! let headers = b"\0\0\x01\xb0\xf1\0\0\x01\xb5\xa9\x13\0\0\x01\0\0\0\x01\x20\x08\xd4\x8d\x08\0\xcd\x02\x04\x06\x14\x10\x3f";
//! let layer = VideoObjectLayer::read(headers).expect("the header of a layer");
//! assert_eq!((layer.width, layer.height, layer.is_low_delay), (64, 48, Some(false)));
//!
//! let picture = [&headers[..], b"\0\0\x01\xb6\x10", &[0x55; 3000]].concat();
//! let mut payloads = Vec::new();
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 7, 0));
//! packetizer.packetize([&picture[..]], 90_000, |packet| payloads.push(packet.payload_bytes()))?;
//! assert_eq!((payloads.len(), payloads.concat()), (3, picture));
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

mod vol;

use bytes::{Bytes, BytesMut};

use super::bits::BitReader;
use super::parameter_sets::Key;
use super::pictures::{Beginning, Look, Pictures, behind_start_code, first_start_code, start_codes};
use super::probe::{AccessPoint, Consequence, Contents, Probe};
use super::watch::Told;
use super::{AccessUnit, PacketizeError, PacketizerConfig, Parameters, Parts, PayloadError, VideoParameters};
use crate::Tolerances;
use crate::description::Codec;
use crate::rtp::{PacketWriter, RtpPacket};

pub use vol::VideoObjectLayer;

/// The last bytes of start codes (ISO/IEC 14496-2, table 6-3).
mod code {
    pub(super) const VOL: std::ops::RangeInclusive<u8> = 0x20..=0x2f;
    pub(super) const SEQUENCE: u8 = 0xb0;
    pub(super) const USER_DATA: u8 = 0xb2;
    pub(super) const GROUP: u8 = 0xb3;
    pub(super) const OBJECT: u8 = 0xb5;
    pub(super) const PICTURE: u8 = 0xb6;
}

/// Puts pictures together, with the headers in front of them.
///
/// A picture ends with the packet that carries the marker, or before a packet that begins another. After a loss inside a
/// picture, the part before the hole is kept and marked as damaged; a picture whose beginning is lost is dropped.
#[derive(Debug, Default)]
pub struct Depacketizer(Pictures);

impl Depacketizer {
    /// A depacketizer that waits for the beginning of a picture.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet, before which `lost` packets are missing; a gap in the sequence numbers counts as a loss, too.
    ///
    /// # Errors
    ///
    /// When the payload is empty or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let bytes = packet.payload_bytes();
        let beginning = beginning(&bytes);
        let picture = beginning.and_then(|_| picture_in(&bytes));
        let look = Look {
            beginning,
            has_picture: picture.is_some(),
            is_keyframe: picture.is_some_and(is_intra),
            bytes,
        };
        let look = if look.bytes.is_empty() { Err(PayloadError::Empty) } else { Ok(look) };
        self.0.push(packet, lost, look)
    }

    /// The next picture, which has one part.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.0.poll()
    }

    /// Ends the picture that is being put together, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        self.0.flush();
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        self.0.take_tolerances()
    }
}

/// Makes packets of pictures, in fragments where they are longer than one.
///
/// Headers go where they are: in front of the picture that they are given with. So they begin a packet, and are whole in it.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer() }
    }

    /// Gives the packets of each of `parts`, which are pictures of one time, to `sink`, the last of each with the marker.
    ///
    /// `timestamp` is that of presentation, in units of the clock rate. Empty parts are left out.
    ///
    /// # Errors
    ///
    /// A part does not begin with the start code of a picture or of headers. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        for picture in parts.into_iter().filter(|part| !part.is_empty()) {
            if beginning(picture).is_none() {
                result =
                    Err(PacketizeError::Malformed("a picture of MPEG-4 does not begin with a start code"));
                continue;
            }
            let mut chunks = picture.chunks(self.writer.payload_bytes_max()).peekable();
            while let Some(chunk) = chunks.next() {
                self.writer.write(&mut sink, (timestamp, chunks.peek().is_none()), [chunk]);
            }
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}

fn beginning(bytes: &[u8]) -> Option<Beginning> {
    match first_start_code(bytes)? {
        code::PICTURE => Some(Beginning::Picture),
        ..=0x2f | code::SEQUENCE | code::USER_DATA | code::GROUP | code::OBJECT => Some(Beginning::Headers),
        _ => None,
    }
}

/// The first picture, behind its start code.
fn picture_in(bytes: &[u8]) -> Option<&[u8]> {
    behind_start_code(bytes, |code| code == code::PICTURE)
}

/// The picture, which begins behind its start code, refers to no other.
fn is_intra(picture: &[u8]) -> bool {
    picture.first().is_some_and(|first| first >> 6 == 0)
}

/// The headers in front of the first picture, or group of pictures, that a container keeps for the decoder; they may be empty.
pub(crate) fn configuration(unit: &[u8]) -> &[u8] {
    let end = start_codes(unit).find(|(_, code)| matches!(*code, code::GROUP | code::PICTURE));
    let headers = end.map_or(unit, |(at, _)| unit.get(..at).unwrap_or_default());
    if behind_start_code(headers, |code| code::VOL.contains(&code)).is_some() { headers } else { &[] }
}

/// The profile and level that the headers tell.
pub(crate) fn profile_level(headers: &[u8]) -> Option<u8> {
    behind_start_code(headers, |code| code == code::SEQUENCE)?.first().copied()
}

/// How a log reads packets.
///
/// The headers in front of a picture are its only parameter set.
pub(super) const PROBE: Probe = Probe {
    contents,
    for_each_unit: |payload, each| each(configuration(payload)),
    key: |headers| VideoObjectLayer::read(headers).map(|_| HEADERS_KEY),
    for_each_announced: |format, each| {
        if let Codec::Mpeg4Video(video) = &format.codec {
            each(&video.config);
        }
    },
    needed: &[HEADERS_KEY.kind],
    consequences,
    ..Probe::WITHOUT_SETS
};

const HEADERS_KEY: Key = Key { kind: 0, id: 0 };

/// Headers in front of an I picture are a place to begin at; such a picture alone is the next best.
fn contents(payload: &[u8]) -> Contents {
    let picture = beginning(payload).and_then(|_| picture_in(payload));
    let has_headers = first_start_code(payload)
        .is_some_and(|code| code <= 0x2f || matches!(code, code::SEQUENCE | code::OBJECT));
    let access_point = match picture {
        Some(picture) if !is_intra(picture) => None,
        _ if has_headers => Some(AccessPoint::Refresh),
        picture => picture.map(|_| AccessPoint::Intra),
    };
    Contents { access_point, has_parameter_sets: has_headers }
}

/// The parameters of a description that follow from headers.
fn consequences(headers: &[u8], tell: &mut dyn FnMut(Consequence)) {
    if let Some(profile_level) = profile_level(headers) {
        tell(Consequence { name: "profile-level-id", value: profile_level.to_string(), is_optional: false });
    }
    let value = headers.iter().map(|byte| format!("{byte:02X}")).collect();
    tell(Consequence { name: "config", value, is_optional: false });
}

/// Returns the parameters that the headers of a keyframe tell, or those of a description.
pub(super) fn told(unit: &Parts) -> Option<Told> {
    let part = unit.first()?;
    let headers = configuration(part);
    let layer = VideoObjectLayer::read(headers)?;
    let VideoObjectLayer { width, height, pixel_aspect, frame_rate, .. } = layer;
    Some(Told {
        codec: format!("mp4v.20.{}", profile_level(headers).unwrap_or(1)).into(),
        configuration: Some(part.slice_ref(headers)),
        video: VideoParameters {
            width: width.into(),
            height: height.into(),
            pixel_aspect,
            frame_rate,
            reordering: layer.reordering(),
        },
    })
}

/// Puts the headers that the stream has told into the description.
pub(super) fn announce(parameters: &mut Parameters) {
    let (Codec::Mpeg4Video(announced), Some(told)) = (&parameters.format.codec, &parameters.configuration)
    else {
        return;
    };
    if announced.config != *told {
        let mut format = parameters.format.clone();
        consequences(told, &mut |Consequence { name, value, .. }| {
            format = format.clone().with_parameter(name, &value);
        });
        parameters.format = format;
    }
}

/// The unit with these headers in front of its picture, if it has none; `None` if it has some.
pub(crate) fn with_headers(unit: &Parts, headers: &[u8]) -> Option<Bytes> {
    let part = unit.first().filter(|part| configuration(part).is_empty())?;
    let mut bytes = BytesMut::with_capacity(headers.len().saturating_add(part.len()));
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(part);
    Some(bytes.freeze())
}

/// The unit without the headers that a container keeps.
pub(crate) fn without_headers(unit: &Parts) -> Option<Bytes> {
    let part = unit.first()?;
    Some(part.slice(configuration(part).len()..))
}

#[cfg(test)]
mod tests;
