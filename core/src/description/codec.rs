use super::sound::{self, G711Law, G726, IlbcMode, Pcm, Speech, Speex};
use super::{
    Amr, Av1, Format, H264, H265, H266, Latm, MetadataCoding, Mpeg4Audio, Mpeg4Video, Opus, Redundant, T140,
    Vorbis, Vp8, Vp9,
};
use crate::Tolerances;

/// A codec that the library knows, with what its parameters say.
///
/// ```
/// use rtspan_core::{Codec, Format};
///
/// fn tell(format: &Format) -> String {
///     match format.codec() {
///         Codec::H264(h264) if h264.parameter_sets().is_some() => "H.264 that can be decoded at once".to_owned(),
///         Codec::H264(_) => "H.264 with parameter sets in the stream".to_owned(),
///         Codec::Mpeg4Audio(_) => format!("AAC at {} Hz", format.clock_rate()),
///         _ => format.encoding().to_owned(),
///     }
/// }
///
/// assert_eq!(tell(&Format::new(96, "H264", 90_000)), "H.264 with parameter sets in the stream");
/// assert_eq!(tell(&Format::pcmu()), "PCMU");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 (RFC 6184).
    H264(H264),
    /// H.265 (RFC 7798).
    H265(H265),
    /// H.266 (RFC 9328).
    H266(H266),
    /// AV1 (AOMedia's RTP Payload Format For AV1).
    Av1(Av1),
    /// VP8 (RFC 7741).
    Vp8(Vp8),
    /// VP9 (RFC 9628).
    Vp9(Vp9),
    /// Motion JPEG (RFC 2435).
    Jpeg,
    /// MPEG-4 Part 2 video (RFC 6416).
    Mpeg4Video(Mpeg4Video),
    /// MPEG-1 and MPEG-2 video (RFC 2250).
    MpegVideo,
    /// MPEG-4 audio with AU headers: AAC (RFC 3640).
    Mpeg4Audio(Mpeg4Audio),
    /// MPEG-4 audio in LATM (RFC 6416).
    Latm(Latm),
    /// Opus (RFC 7587), and that of many channels as web browsers have it (`multiopus`).
    Opus(Opus),
    /// Vorbis (RFC 5215).
    Vorbis(Vorbis),
    /// AMR and AMR-WB (RFC 4867).
    Amr(Amr),
    /// AC-3 (RFC 4184).
    Ac3,
    /// Enhanced AC-3 (RFC 4598).
    Eac3,
    /// MPEG audio, layers I to III, such as MP3 (RFC 2250).
    MpegAudio,
    /// G.711 (RFC 3551, section 4.5.14).
    G711(G711Law),
    /// G.722, whose clock counts every second sample (RFC 3551, section 4.5.2).
    G722,
    /// G.723.1 (RFC 3551, section 4.5.3).
    G723(Speech),
    /// G.726 (RFC 3551, section 4.5.4).
    G726(G726),
    /// G.728 (RFC 3551, section 4.5.5).
    G728,
    /// G.729 (RFC 3551, section 4.5.6).
    G729(Speech),
    /// GSM full rate (RFC 3551, section 4.5.8).
    Gsm,
    /// iLBC (RFC 3952).
    Ilbc(IlbcMode),
    /// Linear samples (RFC 3551, sections 4.5.10 and 4.5.11; RFC 3190).
    Pcm(Pcm),
    /// Speex (RFC 5574).
    Speex(Speex),
    /// A transport stream of MPEG (RFC 2250, section 2).
    MpegTs,
    /// KLV (RFC 6597).
    Klv,
    /// Metadata of ONVIF (Streaming Specification, section 5.1.2.1.1).
    OnvifMetadata(MetadataCoding),
    /// Text as it is typed (RFC 4103).
    T140(T140),
    /// Packets that repeat those before (RFC 2198).
    Redundant(Redundant),
    /// Keys of a telephone (RFC 4733).
    TelephoneEvent,
    /// Any other; the format has its name and its parameters.
    Other,
}

impl Codec {
    /// Reads the codec from the other fields of a format.
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let is = |name: &str| format.encoding.eq_ignore_ascii_case(name);
        if is("H264") {
            Self::H264(H264::read(format, tolerances))
        } else if is("H265") {
            Self::H265(H265::read(format, tolerances))
        } else if is("H266") {
            Self::H266(H266::read(format, tolerances))
        } else if is("AV1") {
            Self::Av1(Av1::read(format, tolerances))
        } else if is("VP8") {
            Self::Vp8(Vp8::read(format, tolerances))
        } else if is("VP9") {
            Self::Vp9(Vp9::read(format, tolerances))
        } else if is("JPEG") {
            Self::Jpeg
        } else if is("MP4V-ES") {
            Self::Mpeg4Video(Mpeg4Video::read(format, tolerances))
        } else if is("MPV") {
            Self::MpegVideo
        } else if is("mpeg4-generic") {
            Mpeg4Audio::read(format, tolerances).map_or(Self::Other, Self::Mpeg4Audio)
        } else if is("MP4A-LATM") {
            Self::Latm(Latm::read(format, tolerances))
        } else if is("opus") {
            Self::Opus(Opus::read(format))
        } else if is("multiopus") {
            Opus::read_streams(format, tolerances).map_or(Self::Other, Self::Opus)
        } else if is("vorbis") {
            Self::Vorbis(Vorbis::read(format, tolerances))
        } else if is("AMR") {
            Self::Amr(Amr::read(format, false, tolerances))
        } else if is("AMR-WB") {
            Self::Amr(Amr::read(format, true, tolerances))
        } else if is("AC3") {
            Self::Ac3
        } else if is("eac3") {
            Self::Eac3
        } else if is("MPA") {
            Self::MpegAudio
        } else if is("PCMU") {
            Self::G711(G711Law::Mu)
        } else if is("PCMA") {
            Self::G711(G711Law::A)
        } else if is("G722") {
            Self::G722
        } else if is("G723") {
            Self::G723(Speech::read(format, "annexa"))
        } else if let Some(g726) = sound::g726(&format.encoding) {
            Self::G726(g726)
        } else if is("G728") {
            Self::G728
        } else if is("G729") {
            Self::G729(Speech::read(format, "annexb"))
        } else if is("GSM") {
            Self::Gsm
        } else if is("iLBC") {
            Self::Ilbc(IlbcMode::read(format, tolerances))
        } else if let Some(pcm) = sound::pcm(&format.encoding) {
            Self::Pcm(pcm)
        } else if is("speex") {
            Self::Speex(Speex::read(format))
        } else if is("MP2T") {
            Self::MpegTs
        } else if is("t140") {
            Self::T140(T140::read(format, tolerances))
        } else if is("red") {
            Redundant::read(format, tolerances).map_or(Self::Other, Self::Redundant)
        } else if is("telephone-event") {
            Self::TelephoneEvent
        } else if is("SMPTE336M") {
            Self::Klv
        } else if let Some(coding) = MetadataCoding::of(&format.encoding) {
            Self::OnvifMetadata(coding)
        } else {
            Self::Other
        }
    }
}
