//! How MP4 describes a media: its sample entry.

use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
use mp4_atom::{Audio, Encode, Esds, Visual};
use rtspan_core::description::G711Law;
use rtspan_core::payload::Parameters;
use rtspan_core::{Codec, Format};

use super::boxes::{Bytes, boxed};

/// The types of streams (ISO/IEC 14496-1, table 6).
const VISUAL_STREAM: u8 = 4;
const AUDIO_STREAM: u8 = 5;

/// The name of an entry, and the box in it that keeps the configuration.
struct Entry(&'static [u8; 4], Within);

enum Within {
    /// The configuration as it is, in the box of this name.
    Record(&'static [u8; 4]),
    /// The configuration in an `esds`, with this number of the codec (ISO/IEC 14496-1, table 5).
    Descriptor(u8),
    /// An `esds` with the number that the codec's name has in it (RFC 6381), and the configuration, if it has one.
    Named,
    /// No box.
    Nothing,
}

impl Entry {
    /// That of a format, if MP4 holds it.
    ///
    /// Samples that are not compressed have the entries of QuickTime, which players know better than that of ISO/IEC 23003-5.
    /// The number of Vorbis is in use and not in the standard.
    fn of(format: &Format) -> Option<Self> {
        Some(match format.codec() {
            Codec::H264(_) => Self(b"avc1", Within::Record(b"avcC")),
            Codec::H265(_) => Self(b"hvc1", Within::Record(b"hvcC")),
            Codec::Av1(_) => Self(b"av01", Within::Record(b"av1C")),
            Codec::Vp8(_) => Self(b"vp08", Within::Record(b"vpcC")),
            Codec::Vp9(_) => Self(b"vp09", Within::Record(b"vpcC")),
            Codec::Mpeg4Video(_) => Self(b"mp4v", Within::Descriptor(0x20)),
            Codec::MpegVideo | Codec::Jpeg => Self(b"mp4v", Within::Named),
            Codec::Mpeg4Audio(_) | Codec::Latm(_) => Self(b"mp4a", Within::Descriptor(0x40)),
            Codec::Vorbis(_) => Self(b"mp4a", Within::Descriptor(0xdd)),
            Codec::MpegAudio => Self(b"mp4a", Within::Named),
            Codec::Opus(_) => Self(b"Opus", Within::Record(b"dOps")),
            Codec::Ac3 => Self(b"ac-3", Within::Record(b"dac3")),
            Codec::Eac3 => Self(b"ec-3", Within::Record(b"dec3")),
            Codec::G711(G711Law::Mu) => Self(b"ulaw", Within::Nothing),
            Codec::G711(G711Law::A) => Self(b"alaw", Within::Nothing),
            Codec::Pcm(pcm) => match pcm.bits {
                8 => Self(b"raw ", Within::Nothing),
                16 => Self(b"twos", Within::Nothing),
                24 => Self(b"in24", Within::Nothing),
                _ => return None,
            },
            _ => return None,
        })
    }
}

/// Returns `true` if MP4 can hold a format.
pub(crate) fn holds(format: &Format) -> bool {
    Entry::of(format).is_some()
}

/// The whole box that describes a media; `None` if MP4 does not hold it, or too little is known.
pub(super) fn sample_entry(parameters: &Parameters) -> Option<Bytes> {
    let Entry(name, within) = Entry::of(&parameters.format)?;
    let mut content = Bytes::new();
    match visual(parameters) {
        Some(visual) => visual.encode(&mut content).ok()?,
        None => audio(parameters)?.encode(&mut content).ok()?,
    }
    let configuration = parameters.configuration.as_deref();
    match within {
        Within::Record(name) => content.extend(boxed(name, configuration?)?),
        Within::Descriptor(object_type) => {
            configuration?;
            esds(object_type, parameters).encode(&mut content).ok()?;
        }
        Within::Named => esds(object_type(parameters)?, parameters).encode(&mut content).ok()?,
        Within::Nothing => {}
    }
    boxed(name, &content)
}

fn visual(parameters: &Parameters) -> Option<Visual> {
    let video = parameters.video?;
    let side = |side: u32| u16::try_from(side).ok();
    let (width, height) = (side(video.width)?, side(video.height)?);
    Some(Visual { data_reference_index: 1, width, height, ..Visual::default() })
}

fn audio(parameters: &Parameters) -> Option<Audio> {
    let audio = parameters.audio?;
    let sample_size = match parameters.format.codec() {
        Codec::Pcm(pcm) => pcm.bits.into(),
        _ => 16,
    };
    // Rates beyond 16 bits stand in the configuration, or are that of the track's clock.
    let sample_rate = u16::try_from(audio.sample_rate).unwrap_or(0).into();
    Some(Audio { data_reference_index: 1, channel_count: audio.channels.into(), sample_size, sample_rate })
}

/// The number in the name of a codec, such as `mp4v.61`.
fn object_type(parameters: &Parameters) -> Option<u8> {
    let (_, number) = parameters.codec.as_deref()?.split_once('.')?;
    u8::from_str_radix(number, 16).ok()
}

fn esds(object_type_indication: u8, parameters: &Parameters) -> Esds {
    let specific = |configuration: &bytes::Bytes| DecoderSpecific {
        profile: 0,
        freq_index: 0,
        chan_conf: 0,
        raw: configuration.to_vec(),
    };
    let dec_config = DecoderConfig {
        object_type_indication,
        stream_type: if parameters.video.is_some() { VISUAL_STREAM } else { AUDIO_STREAM },
        up_stream: 0,
        buffer_size_db: Default::default(),
        max_bitrate: 0,
        avg_bitrate: 0,
        dec_specific: parameters.configuration.as_ref().map(specific),
    };
    let es_desc = EsDescriptor {
        es_id: 0,
        depends_on_es_id: None,
        url: None,
        ocr_es_id: None,
        stream_priority: 0,
        dec_config,
        sl_config: SLConfig::default(),
    };
    Esds { es_desc }
}

#[cfg(test)]
mod tests;
