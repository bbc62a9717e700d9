//! The formats that containers describe.

use bytes::Bytes;
use mp4_atom::{
    Any, Atom as _, Audio, Av1c, Avcc, Codec as SampleEntry, Decode as _, DecodeMaybe as _, Hvcc, Visual,
};
use rtspan_core::description::G711Law;
use rtspan_core::payload::Parts;
use rtspan_core::{Codec, Format, MediaKind};

use super::nal::Syntax;

/// The types of parameter sets (H.265, table 7-1).
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
/// The object types of pictures and sound (ISO/IEC 14496-1, table 5).
const MPEG4_VIDEO: u8 = 0x20;
const MPEG_VIDEO: [u8; 7] = [0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x6a];
const JPEG: u8 = 0x6c;
const AAC: u8 = 0x40;
const AAC_OF_MPEG2: std::ops::RangeInclusive<u8> = 0x66..=0x68;
const MPEG_AUDIO: [u8; 2] = [0x69, 0x6b];

/// How a container keeps a media.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) kind: MediaKind,
    pub(super) format: Format,
    packing: Packing,
}

#[derive(Clone, Debug)]
enum Packing {
    /// NAL units behind their lengths. The parameter sets go in front of each keyframe where there is more than one of a kind, which
    /// a description has no room for.
    Nals { length_bytes: u8, sets: Vec<Bytes>, are_in_band: bool },
    /// As it is sent.
    Whole,
    /// Samples with their lowest byte first, each of so many bytes.
    Turned(u8),
}

impl Entry {
    pub(super) fn video(format: Format) -> Self {
        Self { kind: MediaKind::Video, format, packing: Packing::Whole }
    }

    pub(super) fn audio(format: Format) -> Self {
        Self { kind: MediaKind::Audio, format, packing: Packing::Whole }
    }

    /// Linear samples.
    pub(super) fn pcm(payload_type: u8, bits: u8, (rate, channels): (u32, u16), is_big_endian: bool) -> Self {
        let packing = if is_big_endian || bits == 8 { Packing::Whole } else { Packing::Turned(bits / 8) };
        Self { packing, ..Self::audio(Format::pcm(payload_type, bits, rate, channels)) }
    }

    /// G.711 of so many samples a second and channels, with its fixed payload type where it has one.
    pub(super) fn g711(payload_type: u8, law: G711Law, (rate, channels): (u32, u16)) -> Self {
        let (fixed, name) = match law {
            G711Law::Mu => (Format::pcmu(), "PCMU"),
            G711Law::A => (Format::pcma(), "PCMA"),
        };
        let is_fixed = rate == fixed.clock_rate() && channels == 1;
        let other = || Format::new(payload_type, name, rate).with_channels(channels.max(1));
        Self::audio(if is_fixed { fixed } else { other() })
    }

    /// H.264 as `avcC` tells it.
    pub(super) fn avc(payload_type: u8, avcc: &Avcc) -> Self {
        let [sps, pps] = [&avcc.sequence_parameter_sets, &avcc.picture_parameter_sets];
        let format = match (sps.first(), pps.first()) {
            (Some(sps), Some(pps)) => Format::h264(payload_type, sps, pps),
            _ => Format::new(payload_type, "H264", 90_000).with_fmtp("packetization-mode=1"),
        };
        let are_in_band = sps.len() > 1 || pps.len() > 1;
        let sets = sps.iter().chain(pps).map(|set| Bytes::copy_from_slice(set)).collect();
        let packing = Packing::Nals { length_bytes: avcc.length_size, sets, are_in_band };
        Self { packing, ..Self::video(format) }
    }

    /// H.265 as `hvcC` tells it.
    pub(super) fn hevc(payload_type: u8, hvcc: &Hvcc) -> Self {
        let of = |kind| {
            let arrays = hvcc.arrays.iter().filter(move |array| array.nal_unit_type & 0x3f == kind);
            arrays.flat_map(|array| &array.nalus)
        };
        let format = match [VPS, SPS, PPS].map(|kind| of(kind).next()) {
            [Some(vps), Some(sps), Some(pps)] => Format::h265(payload_type, vps, sps, pps),
            _ => Format::new(payload_type, "H265", 90_000),
        };
        let are_in_band = [VPS, SPS, PPS].into_iter().any(|kind| of(kind).count() > 1);
        let sets = [VPS, SPS, PPS].into_iter().flat_map(of).map(|set| Bytes::copy_from_slice(set)).collect();
        let length_bytes = (hvcc.length_size_minus_one & 3) + 1;
        Self { packing: Packing::Nals { length_bytes, sets, are_in_band }, ..Self::video(format) }
    }

    /// AAC as its AudioSpecificConfig tells it.
    pub(super) fn aac(payload_type: u8, config: &[u8]) -> Option<Self> {
        Some(Self::audio(Format::mpeg4_audio(payload_type, config).ok()?))
    }

    /// The format that MP4 describes; `None` if it cannot be sent.
    pub(super) fn of_mp4(payload_type: u8, entry: &SampleEntry) -> Option<Self> {
        let sound = |audio: &Audio| (u32::from(audio.sample_rate.integer()), audio.channel_count);
        Some(match entry {
            SampleEntry::Avc1(avc) => Self::avc(payload_type, &avc.avcc),
            SampleEntry::Avc3(avc) => Self::avc(payload_type, &avc.avcc),
            SampleEntry::Hvc1(hevc) => Self::hevc(payload_type, &hevc.hvcc),
            SampleEntry::Hev1(hevc) => Self::hevc(payload_type, &hevc.hvcc),
            SampleEntry::Av01(av1) => {
                Self::video(Format::av1(payload_type, av1.av1c.seq_profile, av1.av1c.seq_level_idx_0))
            }
            SampleEntry::Vp08(_) => Self::video(Format::vp8(payload_type)),
            SampleEntry::Vp09(vp9) => Self::video(Format::vp9(payload_type, vp9.vpcc.profile)),
            SampleEntry::Jpeg(_) => Self::video(Format::jpeg()),
            SampleEntry::Mp4a(sound) => {
                let config = &sound.esds.es_desc.dec_config;
                match config.object_type_indication {
                    object if object == AAC || AAC_OF_MPEG2.contains(&object) => {
                        Self::aac(payload_type, &config.dec_specific.as_ref()?.raw)?
                    }
                    object if MPEG_AUDIO.contains(&object) => Self::audio(Format::mpeg_audio()),
                    _ => return None,
                }
            }
            SampleEntry::Mp3(_) => Self::audio(Format::mpeg_audio()),
            SampleEntry::Opus(opus) if opus.dops.channel_mapping.is_none() => {
                Self::audio(Format::opus(payload_type, opus.dops.output_channel_count == 2))
            }
            SampleEntry::Ac3(ac3) => {
                let (rate, channels) = sound(&ac3.audio);
                Self::audio(Format::ac3(payload_type, rate, channels))
            }
            SampleEntry::Eac3(eac3) => {
                let (rate, channels) = sound(&eac3.audio);
                Self::audio(Format::eac3(payload_type, rate, channels))
            }
            SampleEntry::Sowt(pcm) => Self::pcm(payload_type, 16, sound(&pcm.audio), false),
            SampleEntry::Twos(pcm) => Self::pcm(payload_type, 16, sound(&pcm.audio), true),
            SampleEntry::In24(pcm) => Self::pcm(payload_type, 24, sound(&pcm.audio), true),
            SampleEntry::Unknown(name, body) => Self::of_bytes(payload_type, name.as_ref(), body)?,
            _ => return None,
        })
    }

    /// Those formats of MP4 whose entries are read here.
    fn of_bytes(payload_type: u8, name: &[u8], mut body: &[u8]) -> Option<Self> {
        if name == b"mp4v" {
            Visual::decode(&mut body).ok()?;
            // Other boxes may stand beside the descriptor.
            while let Some(inner) = Any::decode_maybe(&mut body).ok()? {
                let Any::Esds(esds) = inner else { continue };
                let config = esds.es_desc.dec_config;
                return Some(Self::video(match config.object_type_indication {
                    MPEG4_VIDEO => Format::mpeg4_video(payload_type, &config.dec_specific?.raw),
                    object if MPEG_VIDEO.contains(&object) => Format::mpeg_video(),
                    JPEG => Format::jpeg(),
                    _ => return None,
                }));
            }
            return None;
        }
        let audio = Audio::decode(&mut body).ok()?;
        let (rate, channels) = (u32::from(audio.sample_rate.integer()).max(1), audio.channel_count);
        Some(match name {
            b"ulaw" => Self::g711(payload_type, G711Law::Mu, (rate, channels)),
            b"alaw" => Self::g711(payload_type, G711Law::A, (rate, channels)),
            b"raw " => Self::pcm(payload_type, 8, (rate, channels), true),
            _ => return None,
        })
    }

    /// The format that Matroska describes; `None` if it cannot be sent.
    pub(super) fn of_mkv(payload_type: u8, track: &matroska_demuxer::TrackEntry) -> Option<Self> {
        let private = track.codec_private().unwrap_or_default();
        let sound = track.audio().map(|audio| {
            let channels = u16::try_from(audio.channels().get()).unwrap_or(u16::MAX);
            (audio.sampling_frequency() as u32, channels)
        });
        let bits = track.audio().and_then(|audio| u8::try_from(audio.bit_depth()?.get()).ok());
        Some(match track.codec_id() {
            "V_MPEG4/ISO/AVC" => Self::avc(payload_type, &Avcc::decode_body(&mut &*private).ok()?),
            "V_MPEGH/ISO/HEVC" => Self::hevc(payload_type, &Hvcc::decode_body(&mut &*private).ok()?),
            "V_AV1" => {
                let av1c = Av1c::decode_body(&mut &*private).ok()?;
                Self::video(Format::av1(payload_type, av1c.seq_profile, av1c.seq_level_idx_0))
            }
            "V_VP8" => Self::video(Format::vp8(payload_type)),
            // The profile stands in its first field, if there is one.
            "V_VP9" => Self::video(Format::vp9(
                payload_type,
                match private {
                    [1, 1, profile, ..] => *profile,
                    _ => 0,
                },
            )),
            "V_MJPEG" => Self::video(Format::jpeg()),
            "V_MPEG1" | "V_MPEG2" => Self::video(Format::mpeg_video()),
            "V_MPEG4/ISO/SP" | "V_MPEG4/ISO/ASP" | "V_MPEG4/ISO/AP" => {
                Self::video(Format::mpeg4_video(payload_type, private))
            }
            "A_AAC" => Self::aac(payload_type, private)?,
            "A_MPEG/L3" | "A_MPEG/L2" | "A_MPEG/L1" => Self::audio(Format::mpeg_audio()),
            "A_OPUS" => {
                let (_, channels) = sound.filter(|(_, channels)| *channels <= 2)?;
                Self::audio(Format::opus(payload_type, channels == 2))
            }
            "A_AC3" => {
                sound.map(|(rate, channels)| Self::audio(Format::ac3(payload_type, rate, channels)))?
            }
            "A_EAC3" => {
                sound.map(|(rate, channels)| Self::audio(Format::eac3(payload_type, rate, channels)))?
            }
            "A_PCM/INT/LIT" => Self::pcm(payload_type, bits?, sound?, false),
            "A_PCM/INT/BIG" => Self::pcm(payload_type, bits?, sound?, true),
            _ => return None,
        })
    }

    /// Has parameter sets go in front of each keyframe, also where a description has room for them.
    pub(super) fn put_sets_in_band(&mut self) {
        if let Packing::Nals { are_in_band, .. } = &mut self.packing {
            *are_in_band = true;
        }
    }

    /// Its samples are the values of a sound that is not compressed, and not frames.
    pub(super) fn is_samples(&self) -> bool {
        matches!(self.format.codec(), Codec::Pcm(_) | Codec::G711(_))
    }

    /// The sample is one that decoding can begin at, as far as its bytes tell.
    pub(super) fn is_keyframe(&self, sample: &[u8]) -> bool {
        let Packing::Nals { length_bytes, .. } = self.packing else { return false };
        let nals = Parts::from_length_prefixed(&Bytes::copy_from_slice(sample), length_bytes);
        Syntax::of(self.format.codec()).is_some_and(|syntax| nals.slices().any(|nal| syntax.is_keyframe(nal)))
    }

    /// The parts of a sample.
    pub(super) fn parts(&self, sample: Vec<u8>, is_keyframe: bool) -> Parts {
        match &self.packing {
            Packing::Whole => sample.into(),
            Packing::Turned(bytes) => {
                let mut sample = sample;
                sample.chunks_mut(usize::from(*bytes).max(1)).for_each(<[u8]>::reverse);
                sample.into()
            }
            Packing::Nals { length_bytes, sets, are_in_band } => {
                let nals = Parts::from_length_prefixed(&sample.into(), *length_bytes);
                let sets = sets.iter().filter(|_| is_keyframe && *are_in_band);
                sets.chain(nals.iter()).cloned().collect()
            }
        }
    }
}
