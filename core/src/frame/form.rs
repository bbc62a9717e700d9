use bytes::{BufMut, Bytes, BytesMut};

use crate::description::{AudioConfig, Codec, Format};
use crate::payload::{AccessUnit, ParameterWatch, Parts, aac, av1, mpeg4_video, nal};

/// How the bytes of frames are wanted.
///
/// ```
/// use rtspan_core::client::Received;
/// use rtspan_core::frame::{Form, FrameReader};
/// use rtspan_core::payload::{PacketizerConfig, h264};
/// use rtspan_core::timeline::Timeline;
/// use rtspan_core::{Description, Format, Instant, Media, MediaKind};
///
/// let format = Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1");
/// let mut reader = FrameReader::new(&Description::new(vec![Media::new(MediaKind::Video, vec![format])]));
/// reader.set_form(Form::ByteStream);
/// let mut timeline = Timeline::new();
/// let nal = [0x65_u8, 0x88, 0x80];
/// h264::Packetizer::new(PacketizerConfig::new(96, 7, 0)).packetize([&nal[..]], 0, |packet| {
///     let time = timeline.time_of(Instant::ZERO, 0, &packet, 90_000);
///     reader.push(&Received::new(0, packet, time)).expect("a picture");
/// })?;
/// let frame = reader.poll().expect("the last packet carries the marker");
/// assert_eq!(frame.data.to_bytes()[..], [0, 0, 0, 1, 0x65, 0x88, 0x80]);
/// # Ok::<(), rtspan_core::payload::PacketizeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Form {
    /// In the parts that the format has ([`Parts`]): a NAL unit or an OBU each, with nothing around it. Nothing is
    /// copied.
    #[default]
    Parts,
    /// In one piece, as decoders and raw files take it: NAL units behind start codes (annex B), OBUs with their sizes
    /// behind a temporal delimiter, AAC behind an ADTS header where it can have one.
    ByteStream,
    /// In one piece, as MP4 and Matroska keep it: NAL units behind their length in four bytes, OBUs with their sizes.
    Container,
}

/// Where parameter sets, without which a decoder cannot begin, are wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ParameterSetsIn {
    /// In the frames that they were sent with.
    AsSent,
    /// In each keyframe, also those that were announced or sent before; in a stream like that a decoder can begin anywhere.
    Keyframes,
    /// In no frame, since the configuration of a container has them.
    NoFrame,
}

/// A temporal delimiter with its size, zero.
const AV1_DELIMITER: [u8; 2] = [0x12, 0];

impl Form {
    /// Where parameter sets are usual in this form.
    fn usual_sets(self) -> ParameterSetsIn {
        match self {
            Self::Parts => ParameterSetsIn::AsSent,
            Self::ByteStream => ParameterSetsIn::Keyframes,
            Self::Container => ParameterSetsIn::NoFrame,
        }
    }
}

/// The form of all frames of a reader.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    pub(super) form: Form,
    /// `None` stands for what is usual.
    pub(super) sets: Option<ParameterSetsIn>,
}

impl Wish {
    /// The bytes of a unit in the form that is wanted.
    pub(super) fn apply(self, format: &Format, watch: &ParameterWatch, unit: AccessUnit) -> Parts {
        if matches!(format.codec, Codec::Av1(_)) {
            return self.apply_to_obus(unit.parts);
        }
        let unit = match format.codec {
            Codec::Mpeg4Video(_) => AccessUnit { parts: self.with_headers_of_mpeg4(watch, &unit), ..unit },
            _ => unit,
        };
        let has_nals = matches!(format.codec, Codec::H264(_) | Codec::H265(_) | Codec::H266(_));
        if !has_nals {
            return match self.form {
                Form::Parts => unit.parts,
                Form::ByteStream => {
                    with_header(format, watch, &unit.parts).unwrap_or_else(|| unit.parts.to_bytes()).into()
                }
                Form::Container => unit.parts.to_bytes().into(),
            };
        }
        let parts = match self.sets.unwrap_or_else(|| self.form.usual_sets()) {
            ParameterSetsIn::Keyframes if unit.is_keyframe => with_sets(watch, &unit.parts),
            ParameterSetsIn::NoFrame => without_sets(watch, &unit.parts),
            ParameterSetsIn::AsSent | ParameterSetsIn::Keyframes => unit.parts,
        };
        match self.form {
            Form::Parts => parts,
            Form::ByteStream => {
                let mut bytes = BytesMut::with_capacity(bytes_with_prefixes(&parts));
                nal::write_annex_b(&parts, &mut bytes);
                bytes.freeze().into()
            }
            Form::Container => length_prefixed(&parts).into(),
        }
    }

    /// A picture of MPEG-4 video with its headers in front, or without, as is wanted.
    fn with_headers_of_mpeg4(self, watch: &ParameterWatch, unit: &AccessUnit) -> Parts {
        let changed = match self.sets.unwrap_or_else(|| self.form.usual_sets()) {
            ParameterSetsIn::Keyframes if unit.is_keyframe => {
                let headers = watch.parameters().configuration.unwrap_or_default();
                mpeg4_video::with_headers(&unit.parts, &headers)
            }
            ParameterSetsIn::NoFrame => mpeg4_video::without_headers(&unit.parts),
            ParameterSetsIn::AsSent | ParameterSetsIn::Keyframes => None,
        };
        changed.map_or_else(|| unit.parts.clone(), Parts::from)
    }

    /// The OBUs of a temporal unit of AV1, in which each sequence header stays where it is.
    fn apply_to_obus(self, parts: Parts) -> Parts {
        let delimiter: &[u8] = match self.form {
            Form::Parts => return parts,
            Form::ByteStream => &AV1_DELIMITER,
            Form::Container => &[],
        };
        let mut bytes = BytesMut::with_capacity(bytes_with_prefixes(&parts).saturating_add(delimiter.len()));
        bytes.extend_from_slice(delimiter);
        av1::write_low_overhead(&parts, &mut bytes);
        bytes.freeze().into()
    }
}

/// A unit of AAC behind its ADTS header, if it can have one.
fn with_header(format: &Format, watch: &ParameterWatch, parts: &Parts) -> Option<Bytes> {
    if !matches!(format.codec, Codec::Mpeg4Audio(_) | Codec::Latm(_)) {
        return None;
    }
    let config = AudioConfig::read(watch.configuration()?)?;
    let header = aac::adts_header(&config, parts.total_bytes())?;
    let mut bytes = BytesMut::with_capacity(header.len().saturating_add(parts.total_bytes()));
    bytes.put_slice(&header);
    parts.iter().for_each(|part| bytes.put_slice(part));
    Some(bytes.freeze())
}

/// The newest parameter sets in front of all but a delimiter, and no others.
fn with_sets(watch: &ParameterWatch, parts: &Parts) -> Parts {
    let delimiters = parts.iter().take_while(|part| watch.is_delimiter(part)).count();
    let (front, rest) = parts.split_at_checked(delimiters).unwrap_or_default();
    let rest = rest.iter().filter(|part| !watch.is_set(part));
    front.iter().chain(watch.sets()).chain(rest).cloned().collect()
}

fn without_sets(watch: &ParameterWatch, parts: &Parts) -> Parts {
    parts.iter().filter(|part| !watch.is_set(part)).cloned().collect()
}

/// Bytes of all parts with four more each.
fn bytes_with_prefixes(parts: &Parts) -> usize {
    parts.total_bytes().saturating_add(parts.len().saturating_mul(4))
}

fn length_prefixed(parts: &Parts) -> Bytes {
    let mut bytes = BytesMut::with_capacity(bytes_with_prefixes(parts));
    for part in parts {
        bytes.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
        bytes.put_slice(part);
    }
    bytes.freeze()
}
