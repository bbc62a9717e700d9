//! Formats that are neither picture nor sound, and are described by little more than their names.

use super::Format;
use super::video::readable;
use crate::Tolerances;
use crate::limits::REDUNDANT_BLOCKS_MAX;

/// The parameters of a track of text (RFC 4103).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct T140 {
    /// Characters a second that the receiver takes, over ten seconds: `cps`, or 30.
    pub characters_per_second: u32,
}

/// The parameters of packets that repeat those before (RFC 2198).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Redundant {
    /// The payload types of the blocks in a packet: that of the new block, and of each that is repeated.
    pub payload_types: Vec<u8>,
}

impl T140 {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let told = readable(format.parameter("cps"), tolerances, |text| text.parse().ok());
        Self { characters_per_second: told.unwrap_or(30) }
    }
}

impl Redundant {
    /// The parameters are no pairs, but payload types: `98/98/98`. `None` if they are not there, as with video.
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Option<Self> {
        let mut payload_types = readable(format.fmtp.as_deref(), tolerances, |text| {
            let read = |item: &str| item.trim_ascii().parse().ok().filter(|number: &u8| *number < 128);
            text.trim_ascii().trim_end_matches(';').split('/').map(read).collect::<Option<Vec<_>>>()
        })?;
        payload_types.truncate(REDUNDANT_BLOCKS_MAX.saturating_add(1));
        Some(Self { payload_types })
    }
}

/// How the XML documents of ONVIF's metadata travel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MetadataCoding {
    /// As they are: `vnd.onvif.metadata`.
    Xml,
    /// Compressed: `vnd.onvif.metadata+gzip`, formerly `vnd.onvif.metadata.gzip`.
    Gzip,
    /// As Efficient XML Interchange: `vnd.onvif.metadata.exi.ext`, formerly also `vnd.onvif.metadata.exi.onvif`.
    Exi,
}

impl MetadataCoding {
    /// The coding that the name of an encoding says, in any case and with a plus sign in place of a point.
    pub(super) fn of(encoding: &str) -> Option<Self> {
        let name = encoding.to_ascii_lowercase();
        match name.strip_prefix("vnd.onvif.metadata")? {
            "" => Some(Self::Xml),
            ".gzip" | "+gzip" => Some(Self::Gzip),
            ".exi.onvif" | ".exi.ext" | "+exi.onvif" | "+exi.ext" => Some(Self::Exi),
            _ => None,
        }
    }
}

impl Format {
    /// Text as it is typed (RFC 4103).
    pub fn t140(payload_type: u8) -> Self {
        Self::new(payload_type, "t140", 1_000)
    }

    /// Text that is sent `repeats` times more (RFC 4103, section 3): twice is usual. `text` is the payload type of the
    /// text itself, which the media has to list as well.
    pub fn redundant_text(payload_type: u8, text: u8, repeats: u8) -> Self {
        let repeats = usize::from(repeats).min(REDUNDANT_BLOCKS_MAX);
        let listed = vec![text.to_string(); repeats.saturating_add(1)];
        Self::new(payload_type, "red", 1_000).with_fmtp(listed.join("/"))
    }

    /// Keys of a telephone, with the clock of the sound that they belong to (RFC 4733).
    pub fn telephone_event(payload_type: u8, clock_rate: u32) -> Self {
        Self::new(payload_type, "telephone-event", clock_rate).with_fmtp("0-15")
    }

    /// A transport stream of MPEG with its static payload type.
    pub fn mpeg_ts() -> Self {
        Self::new(33, "MP2T", 90_000)
    }

    /// KLV (RFC 6597).
    pub fn klv(payload_type: u8) -> Self {
        Self::new(payload_type, "SMPTE336M", 90_000)
    }

    /// Metadata of ONVIF.
    pub fn onvif_metadata(payload_type: u8, coding: MetadataCoding) -> Self {
        let encoding = match coding {
            MetadataCoding::Xml => "vnd.onvif.metadata",
            MetadataCoding::Gzip => "vnd.onvif.metadata+gzip",
            MetadataCoding::Exi => "vnd.onvif.metadata.exi.ext",
        };
        Self::new(payload_type, encoding, 90_000)
    }
}
