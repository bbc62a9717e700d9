use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Format;
use super::video::readable;
use crate::limits::VORBIS_HEADERS_MAX;
use crate::{Tolerances, base64};

/// The parameters of a Vorbis track (RFC 5215).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Vorbis {
    /// The headers that the description tells, of which each packet names one.
    pub headers: Vec<VorbisHeaders>,
    /// Channels, by the rtpmap.
    pub channels: u8,
}

/// The headers without which a Vorbis decoder cannot begin (Vorbis I specification, section 4.2).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct VorbisHeaders {
    /// The number of 24 bits by which packets name them.
    pub ident: u32,
    /// The identification header.
    pub identification: Bytes,
    /// The comment header; senders leave it out.
    pub comment: Bytes,
    /// The setup header.
    pub setup: Bytes,
}

/// Bytes that are no headers of Vorbis.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "these are not the headers of Vorbis; give the identification and the setup as the encoder wrote them, 65,535 bytes at most"
)]
pub struct BadVorbisHeaders;

/// Bytes of the identification header, and the beginnings of that and of the setup header.
const IDENTIFICATION_BYTES: usize = 30;
const IDENTIFICATION: &[u8] = b"\x01vorbis";
const SETUP: &[u8] = b"\x05vorbis";
/// A comment header that says nothing: no name of an encoder, no comments, and the bit that ends it (section 5.2.1).
const NO_COMMENT: &[u8] = b"\x03vorbis\0\0\0\0\0\0\0\0\x01";

impl Vorbis {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let headers = readable(format.parameter("configuration"), tolerances, |text| {
            VorbisHeaders::read_all(base64::decode(text)?.into()).filter(|headers| !headers.is_empty())
        });
        let channels = u8::try_from(format.channels.unwrap_or(1)).unwrap_or(u8::MAX);
        Self { headers: headers.unwrap_or_default(), channels }
    }
}

impl VorbisHeaders {
    /// Headers that packets name by the low 24 bits of `ident`. The comment may be empty.
    ///
    /// # Errors
    ///
    /// A header is none, or they are too long to be sent: 65,535 bytes are the most.
    pub fn new(
        ident: u32,
        identification: impl Into<Bytes>,
        comment: impl Into<Bytes>,
        setup: impl Into<Bytes>,
    ) -> Result<Self, BadVorbisHeaders> {
        let ident = ident & 0xff_ffff;
        let [identification, comment, setup] = [identification.into(), comment.into(), setup.into()];
        let headers = Self { ident, identification, comment, setup };
        let is_right = headers.identification.len() == IDENTIFICATION_BYTES
            && headers.identification.starts_with(IDENTIFICATION)
            && headers.setup.starts_with(SETUP)
            && headers.sample_rate() > 0
            && headers.channels() > 0
            && headers.total_bytes() <= usize::from(u16::MAX);
        if is_right { Ok(headers) } else { Err(BadVorbisHeaders) }
    }

    /// Samples a second.
    pub fn sample_rate(&self) -> u32 {
        self.identification.get(12..16).map_or(0, |mut bytes| bytes.get_u32_le())
    }

    /// Channels.
    pub fn channels(&self) -> u8 {
        self.identification.get(11).copied().unwrap_or(0)
    }

    /// Samples of a short and of a long block.
    pub(crate) fn block_sizes(&self) -> [u32; 2] {
        let sizes = self.identification.get(28).copied().unwrap_or(0);
        [1 << (sizes & 15), 1 << (sizes >> 4)]
    }

    /// The headers as Matroska keeps them for the decoder (CodecPrivate): their number less one, the lengths of all but
    /// the last in Xiph's lacing, and the headers.
    ///
    /// Files have all three: a comment that is left out is one that says nothing.
    pub fn to_private(&self) -> Bytes {
        let comment = if self.comment.is_empty() { NO_COMMENT } else { &self.comment };
        let mut bytes = BytesMut::with_capacity(self.total_bytes().saturating_add(32));
        bytes.put_u8(2);
        for header in [&self.identification[..], comment] {
            bytes.put_bytes(255, header.len() / 255);
            bytes.put_u8((header.len() % 255) as u8);
        }
        for header in [&self.identification[..], comment, &self.setup] {
            bytes.put_slice(header);
        }
        bytes.freeze()
    }

    /// Reads what [`to_private`](Self::to_private) has written.
    pub fn from_private(ident: u32, private: &Bytes) -> Result<Self, BadVorbisHeaders> {
        let mut rest = private.clone();
        let count = rest.try_get_u8().map_err(|_| BadVorbisHeaders)?;
        let mut laced = || {
            let mut length = 0_usize;
            loop {
                let byte = rest.try_get_u8().ok()?;
                length = length.saturating_add(byte.into());
                if byte < 255 {
                    return Some(length);
                }
            }
        };
        let (Some(first), Some(second), 2) = (laced(), laced(), count) else { return Err(BadVorbisHeaders) };
        let [identification, comment] = split_two(&mut rest, first, second).ok_or(BadVorbisHeaders)?;
        Self::new(ident, identification, comment, rest)
    }

    /// Reads the headers of all configurations of a description (RFC 5215, section 3.2.1); `None` if it is cut off.
    ///
    /// Those that are not right are left out.
    fn read_all(mut packed: Bytes) -> Option<Vec<Self>> {
        let mut all = Vec::new();
        let count = packed.try_get_u32().ok()?;
        for _ in 0..count.min(VORBIS_HEADERS_MAX as u32) {
            let ident = packed.try_get_u16().ok().map(u32::from)?;
            let ident = ident << 8 | u32::from(packed.try_get_u8().ok()?);
            let length = usize::from(packed.try_get_u16().ok()?);
            let lengths_from = packed.clone();
            let prefix = Self::prefix_bytes(&lengths_from)?;
            let whole = prefix.saturating_add(length).min(packed.len());
            all.extend(Self::read_packed(ident, packed.split_to(whole)));
        }
        Some(all)
    }

    /// Bytes of the number of headers and of their lengths.
    fn prefix_bytes(packed: &[u8]) -> Option<usize> {
        let (count, mut rest) = packed.split_first()?;
        for _ in 0..*count {
            read_length(&mut rest)?;
        }
        Some(packed.len().saturating_sub(rest.len()))
    }

    /// Reads the headers of one configuration, as packets have them: their number less one, the lengths of all but the
    /// last, and the headers.
    pub(crate) fn read_packed(ident: u32, mut packed: Bytes) -> Option<Self> {
        let count = packed.try_get_u8().ok()?;
        let mut lengths: &[u8] = &packed.clone();
        let (first, second) = match count {
            2 => (read_length(&mut lengths)?, read_length(&mut lengths)?),
            // The comment is left out.
            1 => (read_length(&mut lengths)?, 0),
            _ => return None,
        };
        packed.advance(packed.len().saturating_sub(lengths.len()));
        let [identification, comment] = split_two(&mut packed, first, second)?;
        Self::new(ident, identification, comment, packed).ok()
    }

    /// Writes what [`read_packed`](Self::read_packed) reads.
    pub(crate) fn to_packed(&self) -> Bytes {
        let mut packed = BytesMut::with_capacity(self.total_bytes().saturating_add(8));
        packed.put_u8(2);
        for header in [&self.identification, &self.comment] {
            put_length(&mut packed, header.len());
        }
        self.each().into_iter().for_each(|header| packed.put_slice(header));
        packed.freeze()
    }

    /// The parameter `configuration` of a description with these headers alone.
    pub(crate) fn configuration(&self) -> String {
        let mut bytes = BytesMut::with_capacity(self.total_bytes().saturating_add(17));
        bytes.put_u32(1);
        bytes.put_u8((self.ident >> 16) as u8);
        bytes.put_u16(self.ident as u16);
        bytes.put_u16(self.total_bytes() as u16);
        bytes.put_slice(&self.to_packed());
        base64::encode(&bytes)
    }

    fn each(&self) -> [&Bytes; 3] {
        [&self.identification, &self.comment, &self.setup]
    }

    fn total_bytes(&self) -> usize {
        self.each().iter().fold(0, |sum, header| sum.saturating_add(header.len()))
    }
}

fn split_two(bytes: &mut Bytes, first: usize, second: usize) -> Option<[Bytes; 2]> {
    if first.checked_add(second)? > bytes.len() {
        return None;
    }
    Some([bytes.split_to(first), bytes.split_to(second)])
}

/// A number in bytes of seven bits each, of which all but the last have their highest bit set.
fn read_length(bytes: &mut &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length = length.checked_mul(128)?.saturating_add(usize::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
}

fn put_length(bytes: &mut BytesMut, length: usize) {
    for shift in [14_u32, 7] {
        if length >> shift > 0 {
            bytes.put_u8((length >> shift) as u8 | 0x80);
        }
    }
    bytes.put_u8(length as u8 & 0x7f);
}

impl Format {
    /// Vorbis with its headers (RFC 5215).
    pub fn vorbis(payload_type: u8, headers: &VorbisHeaders) -> Self {
        Self::new(payload_type, "vorbis", headers.sample_rate())
            .with_channels(headers.channels().into())
            .with_fmtp(format!("configuration={}", headers.configuration()))
    }
}
