use bytes::Bytes;

use super::blocks::Layout;
use super::parameter_sets::ParameterSets;
use super::{
    AccessUnit, AudioParameters, Parameters, Parts, VideoParameters, ac3, amr, av1, h264, h265, h266, jpeg,
    latm, mpeg_audio, mpeg_video, mpeg4_video, opus, vorbis, vp8, vp9,
};
use crate::description::{Codec, Format};

/// Watches the units of a stream for parameters that differ from those that are known.
///
/// # Examples
///
/// ```
/// use rtspan_core::Format;
/// use rtspan_core::payload::ParameterWatch;
///
/// let watch = ParameterWatch::new(&Format::pcma());
/// let sound = watch.parameters().audio.expect("the description tells");
/// assert_eq!((sound.sample_rate, sound.channels), (8_000, 1));
/// ```
#[derive(Debug)]
pub struct ParameterWatch {
    format: Format,
    source: Source,
}

/// The source of the parameters.
#[derive(Debug)]
enum Source {
    /// Parameter sets among the parts, and the parameters that follow from them.
    Sets(ParameterSets, fn(&ParameterSets, &mut Parameters)),
    /// The header of each unit.
    Headers(Parameters, fn(&[u8], &mut Parameters)),
    /// The headers of keyframes, and the parameters of the last one.
    Keyframes(fn(&Parts) -> Option<Told>, Option<Told>),
    /// The configuration that units have with them.
    Configurations(Parameters, fn(&Bytes, &mut Parameters)),
    /// Nothing but the description.
    Description(Parameters),
}

/// The parameters that a keyframe tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Told {
    pub(super) codec: Box<str>,
    pub(super) configuration: Option<Bytes>,
    pub(super) video: VideoParameters,
}

impl ParameterWatch {
    /// Knows what a description tells of `format`.
    pub fn new(format: &Format) -> Self {
        let sets = |probe, parameters| Source::Sets(ParameterSets::announced(probe, format), parameters);
        let source = match &format.codec {
            Codec::H264(_) => sets(&h264::PROBE, h264::parameters),
            Codec::H265(_) => sets(&h265::PROBE, h265::parameters),
            Codec::Ac3 | Codec::Eac3 => Source::Headers(described(format), ac3::told),
            Codec::MpegAudio => Source::Headers(described(format), mpeg_audio::told),
            Codec::Latm(_) => Source::Configurations(described(format), latm::told),
            Codec::Vorbis(_) => Source::Configurations(described(format), vorbis::told),
            Codec::H266(_) => sets(&h266::PROBE, h266::parameters),
            Codec::Av1(_) => Source::Keyframes(av1::told, None),
            Codec::Vp8(_) => Source::Keyframes(vp8::told, None),
            Codec::Vp9(_) => Source::Keyframes(vp9::told, None),
            Codec::Jpeg => Source::Keyframes(jpeg::told, None),
            Codec::Mpeg4Video(video) => {
                let announced = mpeg4_video::told(&video.config.clone().into());
                Source::Keyframes(mpeg4_video::told, announced)
            }
            Codec::MpegVideo => Source::Keyframes(mpeg_video::told, None),
            _ => Source::Description(described(format)),
        };
        Self { format: format.clone(), source }
    }

    /// Looks at the next unit; says if the parameters have changed with it.
    pub fn look(&mut self, unit: &AccessUnit) -> bool {
        match &mut self.source {
            Source::Sets(sets, _) => {
                let before = sets.changes();
                unit.parts.iter().for_each(|nal| sets.learn(nal));
                sets.changes() != before
            }
            Source::Headers(parameters, read) => {
                let before = parameters.audio;
                if let Some(part) = unit.parts.first() {
                    read(part, parameters);
                }
                parameters.audio != before
            }
            Source::Keyframes(read, told) => {
                let now = Some(&unit.parts).filter(|_| unit.is_keyframe).and_then(*read);
                let is_new = now.is_some() && now != *told;
                if is_new {
                    *told = now;
                }
                is_new
            }
            Source::Configurations(parameters, read) => match &unit.configuration {
                Some(told) if parameters.configuration.as_ref() != Some(told) => {
                    read(told, parameters);
                    true
                }
                _ => false,
            },
            Source::Description(_) => false,
        }
    }

    /// The parameters as they are now.
    pub fn parameters(&self) -> Parameters {
        match &self.source {
            Source::Sets(sets, read) => {
                let mut parameters = Parameters::of(sets.tell(self.format.clone()));
                read(sets, &mut parameters);
                parameters
            }
            Source::Keyframes(_, told) => {
                let mut parameters = Parameters::of(self.format.clone());
                if let Some(told) = told.clone() {
                    parameters.codec = Some(told.codec);
                    parameters.configuration = told.configuration;
                    parameters.video = Some(told.video);
                    mpeg4_video::announce(&mut parameters);
                }
                parameters
            }
            Source::Headers(parameters, _)
            | Source::Configurations(parameters, _)
            | Source::Description(parameters) => parameters.clone(),
        }
    }

    /// The configuration that a container keeps for the decoder, where units bring it or the description alone tells it.
    pub(crate) fn configuration(&self) -> Option<&Bytes> {
        match &self.source {
            Source::Configurations(parameters, _) | Source::Description(parameters) => {
                parameters.configuration.as_ref()
            }
            _ => None,
        }
    }

    /// The parameter sets that a decoder has to have before anything else, in their order.
    pub(crate) fn sets(&self) -> impl Iterator<Item = &Bytes> {
        match &self.source {
            Source::Sets(sets, _) => Some(sets.in_order()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }

    /// The part is what comes before everything else in its unit.
    pub(crate) fn is_delimiter(&self, part: &[u8]) -> bool {
        match &self.source {
            Source::Sets(sets, _) => sets.is_delimiter(part),
            _ => false,
        }
    }

    /// The part is a parameter set, which a container keeps elsewhere.
    pub(crate) fn is_set(&self, part: &[u8]) -> bool {
        match &self.source {
            Source::Sets(sets, _) => sets.is_set(part),
            _ => false,
        }
    }
}

/// The parameters that a description alone tells.
fn described(format: &Format) -> Parameters {
    let mut parameters = Parameters::of(format.clone());
    let channels = format.channels.unwrap_or(1);
    let sound = |rate| AudioParameters::new(rate, u8::try_from(channels).unwrap_or(u8::MAX));
    match &format.codec {
        // Its clock counts every second sample.
        Codec::G722 => parameters.audio = Some(sound(format.clock_rate.saturating_mul(2))),
        Codec::Ac3 => parameters.codec = Some("ac-3".into()),
        Codec::Eac3 => parameters.codec = Some("ec-3".into()),
        // As most streams are; those of MPEG-2 tell it with their frames.
        Codec::MpegAudio => parameters.codec = Some("mp4a.6B".into()),
        Codec::Opus(opus) => opus::parameters(opus, &mut parameters),
        Codec::Amr(amr) => amr::parameters(amr, &mut parameters),
        Codec::Latm(latm) => {
            if let Some(config) = &latm.config {
                latm::told(&config.audio_specific_config, &mut parameters);
            }
        }
        Codec::Vorbis(vorbis) => match vorbis.headers.first() {
            Some(headers) => vorbis::told(&headers.to_private(), &mut parameters),
            None => parameters.audio = Some(sound(format.clock_rate)),
        },
        Codec::Mpeg4Audio(aac) => {
            parameters.codec =
                aac.audio_config().map(|config| format!("mp4a.40.{}", config.object_type).into());
            parameters.audio = Some(AudioParameters::new(aac.sample_rate, aac.channels));
            parameters.configuration = Some(aac.config.clone());
        }
        _ if Layout::of(format).is_some() => parameters.audio = Some(sound(format.clock_rate)),
        _ => {}
    }
    parameters
}
