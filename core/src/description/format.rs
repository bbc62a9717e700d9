use super::audio_config::AudioConfig;
use super::codec::Codec;
use super::mpeg4_audio::{self, BadAudioConfig, Mpeg4Audio};
use super::static_types::static_type;
use super::{MediaKind, fmtp, mpeg4_video, names, sprop, video};
use crate::Tolerances;
use crate::header::number;
use crate::tolerance::Tolerance;

/// The format of the packets of one payload type.
///
/// ```
/// use rtspan_core::{Codec, Format};
///
/// // A format that the library knows, by its own function or by its name; and one that it does not know.
/// let aac = Format::mpeg4_audio(97, &[0x12, 0x10])?; // the AudioSpecificConfig: AAC-LC, 44.1 kHz, stereo
/// assert_eq!((aac.clock_rate(), aac.channels()), (44_100, Some(2)));
/// let h264 = Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1");
/// assert!(matches!(h264.codec(), Codec::H264(_)));
/// let other = Format::new(98, "x-own", 90_000);
/// assert_eq!(*other.codec(), Codec::Other);
/// # Ok::<(), rtspan_core::description::BadAudioConfig>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Format {
    /// The payload type, 0 to 127, unique within the media.
    pub payload_type: u8,
    // The codec is read from these fields, so they change only together.
    pub(crate) encoding: Box<str>,
    pub(crate) clock_rate: u32,
    pub(crate) channels: Option<u16>,
    pub(crate) fmtp: Option<Box<str>>,
    pub(crate) codec: Codec,
}

impl Format {
    /// A format of any encoding, such as `Format::new(97, "vnd.onvif.metadata", 90_000)`.
    pub fn new(payload_type: u8, encoding: impl Into<Box<str>>, clock_rate: u32) -> Self {
        let format = Self {
            payload_type,
            encoding: encoding.into(),
            clock_rate,
            channels: None,
            fmtp: None,
            codec: Codec::Other,
        };
        format.with_codec(&mut Tolerances::default())
    }

    /// H.264 with its parameter sets as whole NAL units (RFC 6184, packetization mode 1).
    ///
    /// When they are not known beforehand, `Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1")` does.
    pub fn h264(payload_type: u8, sps: &[u8], pps: &[u8]) -> Self {
        Self::new(payload_type, "H264", 90_000).with_fmtp(video::h264_fmtp(sps, pps))
    }

    /// H.265 with its parameter sets as whole NAL units (RFC 7798).
    pub fn h265(payload_type: u8, vps: &[u8], sps: &[u8], pps: &[u8]) -> Self {
        Self::new(payload_type, "H265", 90_000).with_fmtp(video::h265_fmtp(vps, sps, pps))
    }

    /// H.266 with its parameter sets as whole NAL units (RFC 9328); streams of one layer have no VPS.
    pub fn h266(payload_type: u8, vps: Option<&[u8]>, sps: &[u8], pps: &[u8]) -> Self {
        Self::new(payload_type, "H266", 90_000).with_fmtp(video::h266_fmtp(vps, sps, pps))
    }

    /// AV1 with its profile, 0 to 2, and its level as `seq_level_idx` has it: 8 is level 4.0, in the main tier (RTP Payload
    /// Format For AV1).
    pub fn av1(payload_type: u8, profile: u8, level: u8) -> Self {
        Self::new(payload_type, "AV1", 90_000)
            .with_fmtp(format!("profile={profile}; level-idx={level}; tier=0"))
    }

    /// VP8 (RFC 7741).
    pub fn vp8(payload_type: u8) -> Self {
        Self::new(payload_type, "VP8", 90_000)
    }

    /// VP9 with its profile, 0 to 3 (RFC 9628).
    pub fn vp9(payload_type: u8, profile: u8) -> Self {
        Self::new(payload_type, "VP9", 90_000).with_fmtp(format!("profile-id={profile}"))
    }

    /// Motion JPEG (RFC 2435).
    pub fn jpeg() -> Self {
        Self::new(26, "JPEG", 90_000)
    }

    /// MPEG-4 Part 2 video with the headers that stand in front of its pictures: sequence, object and layer (RFC 6416).
    pub fn mpeg4_video(payload_type: u8, config: &[u8]) -> Self {
        Self::new(payload_type, "MP4V-ES", 90_000).with_fmtp(mpeg4_video::fmtp(config))
    }

    /// MPEG-1 or MPEG-2 video (RFC 2250).
    pub fn mpeg_video() -> Self {
        Self::new(32, "MPV", 90_000)
    }

    /// MPEG-4 audio (AAC, for the most part) with its AudioSpecificConfig (RFC 3640, mode AAC-hbr).
    ///
    /// # Errors
    ///
    /// If the configuration does not name a sample rate and a channel layout.
    pub fn mpeg4_audio(payload_type: u8, config: &[u8]) -> Result<Self, BadAudioConfig> {
        let AudioConfig { sample_rate, channels, .. } = AudioConfig::read(config).ok_or(BadAudioConfig)?;
        let mut format = Self::new(payload_type, "mpeg4-generic", sample_rate);
        format.channels = (channels > 0).then_some(channels.into());
        Ok(format.with_fmtp(mpeg4_audio::fmtp(config)))
    }

    /// The name of the encoding, in its usual spelling where the library knows it; empty if nobody says.
    pub fn encoding(&self) -> &str {
        &self.encoding
    }

    /// Ticks of the RTP timestamp in a second; never zero when read.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// The third part of the rtpmap: for audio the number of channels, one if it is missing.
    pub fn channels(&self) -> Option<u16> {
        self.channels
    }

    /// The parameters as they were written, but for parameter sets in broken base64, which are written as RFC 6184 and
    /// RFC 7798 have them.
    pub fn fmtp(&self) -> Option<&str> {
        self.fmtp.as_deref()
    }

    /// The meaning of the encoding and its parameters, for the codecs that the library knows.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// Sets the number of channels.
    #[must_use]
    pub fn with_channels(mut self, channels: u16) -> Self {
        self.channels = Some(channels);
        self.with_codec(&mut Tolerances::default())
    }

    /// Sets the parameters, such as `profile-id=0; max-fr=30`.
    #[must_use]
    pub fn with_fmtp(mut self, fmtp: impl Into<Box<str>>) -> Self {
        self.fmtp = Some(fmtp.into());
        self.with_codec(&mut Tolerances::default())
    }

    /// Sets one parameter, and leaves the others as they are.
    #[must_use]
    pub(crate) fn with_parameter(self, name: &str, value: &str) -> Self {
        let fmtp = fmtp::set(self.fmtp.as_deref().unwrap_or_default(), name, value);
        self.with_fmtp(fmtp)
    }

    /// The value of a parameter, by its name in any case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.as_deref().and_then(|text| fmtp::get(text, name))
    }

    /// The format as the rtpmap names it, such as `opus/48000/2`; `None` if the encoding is not known.
    pub fn rtpmap(&self) -> Option<String> {
        let Self { encoding, clock_rate, .. } = self;
        (!encoding.is_empty()).then(|| match self.channels {
            Some(channels) => format!("{encoding}/{clock_rate}/{channels}"),
            None => format!("{encoding}/{clock_rate}"),
        })
    }

    /// Reads a format of which a description has said so much.
    pub(super) fn read(
        payload_type: u8,
        kind: &MediaKind,
        rtpmap: Option<&str>,
        fmtp: Option<String>,
        tolerances: &mut Tolerances,
    ) -> Self {
        let rtpmap = Rtpmap::read(payload_type, rtpmap, tolerances).repaired(tolerances);
        let Rtpmap { encoding, clock_rate, channels } = rtpmap;
        let clock_rate = clock_rate.unwrap_or_else(|| {
            tolerances.record(Tolerance::RtpmapClockRate);
            if *kind == MediaKind::Audio { 8_000 } else { 90_000 }
        });
        // The parameters of these are lists.
        let has_pairs = !matches!(encoding, "red" | "telephone-event");
        if has_pairs && fmtp.as_deref().is_some_and(fmtp::is_malformed) {
            tolerances.record(Tolerance::FmtpParameter);
        }
        let has_parameter_sets = matches!(encoding, "H264" | "H265");
        let repaired =
            fmtp.as_deref().filter(|_| has_parameter_sets).and_then(|text| sprop::repair(text, tolerances));
        let fmtp = repaired.or(fmtp).map(Into::into);
        let format =
            Self { payload_type, encoding: encoding.into(), clock_rate, channels, fmtp, codec: Codec::Other };
        format.with_codec(tolerances).with_channels_of_codec(tolerances)
    }

    /// Without channels an rtpmap means one; MPEG-4 audio has its own count of them.
    fn with_channels_of_codec(mut self, tolerances: &mut Tolerances) -> Self {
        if let (None, Codec::Mpeg4Audio(Mpeg4Audio { channels: channels @ 2.., .. })) =
            (self.channels, &self.codec)
        {
            tolerances.record(Tolerance::RtpmapChannels);
            self.channels = Some((*channels).into());
        }
        self
    }

    fn with_codec(mut self, tolerances: &mut Tolerances) -> Self {
        self.codec = Codec::read(&self, tolerances);
        self
    }
}

/// The parts of an rtpmap, completed from the static payload types.
#[derive(Default)]
struct Rtpmap<'a> {
    encoding: &'a str,
    clock_rate: Option<u32>,
    channels: Option<u16>,
}

impl<'a> Rtpmap<'a> {
    fn read(payload_type: u8, text: Option<&'a str>, tolerances: &mut Tolerances) -> Self {
        let known = static_type(payload_type);
        let mut parts = text.unwrap_or_default().split('/');
        let mut part = |tolerances: &mut Tolerances| {
            let part = parts.next()?;
            let trimmed = part.trim_ascii();
            if trimmed.len() != part.len() {
                tolerances.record(Tolerance::SdpBlanks);
            }
            Some(trimmed)
        };
        let encoding = part(tolerances).unwrap_or_default();
        if encoding.is_empty() {
            return known.map_or_else(Self::default, |known| Self {
                encoding: known.encoding,
                clock_rate: Some(known.clock_rate),
                channels: known.channels,
            });
        }
        let same = known.filter(|known| known.encoding.eq_ignore_ascii_case(encoding));
        if known.is_some() && same.is_none() {
            tolerances.record(Tolerance::StaticPayloadTypeRemapped);
        }
        let clock_rate = part(tolerances).and_then(number).filter(|rate| *rate > 0);
        if let (None, Some(known)) = (clock_rate, same) {
            tolerances.record(Tolerance::RtpmapClockRate);
            return Self { encoding, clock_rate: Some(known.clock_rate), channels: known.channels };
        }
        let written = part(tolerances);
        let channels = written.and_then(number).filter(|count| *count > 0);
        let usual =
            same.filter(|known| Some(known.clock_rate) == clock_rate).and_then(|known| known.channels);
        let is_unreadable = written.is_some() && channels.is_none() || part(tolerances).is_some();
        if is_unreadable || channels.is_none() && usual.is_some() {
            tolerances.record(Tolerance::RtpmapChannels);
        }
        Self { encoding, clock_rate, channels: channels.or(usual) }
    }

    /// Sets the values that RFC 7587 (section 7), RFC 3551 (section 4.5.2) and RFC 6597 (section 6.1) prescribe, even where
    /// others are meant.
    fn repaired(self, tolerances: &mut Tolerances) -> Self {
        let mut rtpmap = Self { encoding: names::canonical(self.encoding), ..self };
        if rtpmap.encoding.eq_ignore_ascii_case("smtpe336m") {
            tolerances.record(Tolerance::EncodingMisspelt);
            rtpmap.encoding = "SMPTE336M";
        }
        match (rtpmap.encoding, rtpmap.clock_rate, rtpmap.channels) {
            ("opus", Some(_), None | Some(1)) => {
                tolerances.record(Tolerance::RtpmapChannels);
                rtpmap.channels = Some(2);
            }
            ("G722", Some(16_000), _) => {
                tolerances.record(Tolerance::G722ClockRate);
                rtpmap.clock_rate = Some(8_000);
            }
            _ => {}
        }
        rtpmap
    }
}
