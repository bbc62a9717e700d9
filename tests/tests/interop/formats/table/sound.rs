//! Music, and sound without compression.

use bytes::Bytes;
use rtspan_std::description::VorbisHeaders;
use rtspan_std::{Format, MediaKind};

use super::{FFMPEG_HAS_NO_PACKETIZER, Row, Source};
use crate::formats::material::{Material, noise};
use crate::formats::units::Units;

const AAC: &str =
    "audio/mpeg,mpegversion=4,stream-format=raw,rate=48000,channels=1,codec_data=(buffer){config}";

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::sound(("AAC, MPEG-4 generic", "RFC 3640"), &["-c:a", "aac"], aac)
            .described(
                "mpeg4-generic",
                &[
                    "profile-level-id",
                    "mode",
                    "config",
                    "sizelength",
                    "indexlength",
                    "indexdeltalength",
                    "ctsdeltalength",
                    "dtsdeltalength",
                    "randomaccessindication",
                    "streamstateindication",
                    "auxiliarydatasizelength",
                    "maxdisplacement",
                    "streamtype",
                ],
            )
            .container("AudioSpecificConfig")
            .kept(5)
            .gstreamer_reads("rtpmp4gdepay")
            .gstreamer_sends(AAC, "rtpmp4gpay"),
        Row::sound(("AAC, LATM", "RFC 6416"), &["-c:a", "aac"], latm)
            .doubted()
            .described("MP4A-LATM", &["profile-level-id", "cpresent", "config"])
            .container("AudioSpecificConfig")
            .ffmpeg_sends(&["-rtpflags", "latm"])
            .kept(5)
            .noted("GStreamer takes each packet for a frame until it has seen a marker, and so spoils the first frame.")
            .gstreamer_spoils(1)
            .gstreamer_reads("rtpmp4adepay")
            .gstreamer_sends(AAC, "rtpmp4apay"),
        Row::sound(("Opus", "RFC 7587"), &["-c:a", "libopus"], |_| Format::opus(96, false))
            .described("opus", &["sprop-stereo"])
            .container("`dOps`")
            .gstreamer_reads("rtpopusdepay")
            .gstreamer_sends("audio/x-opus,channel-mapping-family=0,channels=1,rate=48000", "rtpopuspay"),
        Row::sound(("Opus of many channels", "libwebrtc"), &OPUS_5_1, |_| {
            Format::multiopus(96, 4, 2, &[0, 4, 1, 2, 3, 5]).expect("5.1 is what it can be")
        })
        .described("multiopus", &["num_streams", "coupled_streams", "channel_mapping"])
        .container("`dOps`")
        .ffmpeg_reads_not("it has no depacketizer")
        .ffmpeg_sends_not(FFMPEG_HAS_NO_PACKETIZER)
        .gstreamer_reads("rtpopusdepay")
        .gstreamer_sends(
            "audio/x-opus,channel-mapping-family=1,channels=6,rate=48000,stream-count=4,coupled-count=2,channel-mapping=(int)<0,4,1,2,3,5>",
            "rtpopuspay",
        ),
        Row::sound(("Vorbis", "RFC 5215"), &["-c:a", "libvorbis"], vorbis)
            .described("vorbis", &["configuration"])
            .container("the headers, as Matroska has them")
            .kept(10)
            .gstreamer_headers(|material| vorbis_headers(material).to_vec())
            .gstreamer_reads("rtpvorbisdepay")
            .gstreamer_sends("audio/x-vorbis,rate=48000,channels=1", "rtpvorbispay"),
        Row::sound(("MPEG audio, layer II", "RFC 2250"), &["-c:a", "mp2"], |_| Format::mpeg_audio())
            .described("MPA", &[])
            .kept(5)
            .gstreamer_reads("rtpmpadepay ! mpegaudioparse")
            .gstreamer_sends(
                "audio/mpeg,mpegversion=1,layer=2,rate=48000,channels=1,parsed=true",
                "rtpmpapay",
            ),
        Row::sound(("MPEG audio, layer III", "RFC 2250"), &["-c:a", "libmp3lame"], |_| Format::mpeg_audio())
            .described("MPA", &[])
            .kept(5)
            .gstreamer_reads("rtpmpadepay ! mpegaudioparse")
            .gstreamer_sends(
                "audio/mpeg,mpegversion=1,layer=3,rate=48000,channels=1,parsed=true",
                "rtpmpapay",
            ),
        Row::new(MediaKind::Audio, ("MPEG audio, layer I", "RFC 2250"), LAYER_I, |_| Format::mpeg_audio())
            .described("MPA", &[])
            .ffmpeg_sends_not("it has no encoder")
            .gstreamer_reads("rtpmpadepay ! mpegaudioparse")
            .gstreamer_sends(
                "audio/mpeg,mpegversion=1,layer=1,rate=48000,channels=1,parsed=true",
                "rtpmpapay",
            ),
        Row::sound(("AC-3", "RFC 4184"), &["-c:a", "ac3"], |_| Format::ac3(96, 48_000, 1))
            .described("AC3", &[])
            .container("`dac3`")
            .ffmpeg_sends_not(FFMPEG_HAS_NO_PACKETIZER)
            .gstreamer_reads("rtpac3depay ! ac3parse")
            .gstreamer_sends("audio/x-ac3,framed=true,rate=48000,channels=1", "rtpac3pay"),
        Row::sound(("L8", "RFC 3551"), &["-c:a", "pcm_u8"], |_| Format::pcm(96, 8, 48_000, 1))
            .described("L8", &[])
            .ffmpeg_sends_not("its description does not name it")
            .units(Units::Stream)
            .gstreamer_reads("rtpL8depay")
            .gstreamer_sends("audio/x-raw,format=U8,layout=interleaved,rate=48000,channels=1", "rtpL8pay"),
        Row::sound(("L16", "RFC 3551"), &["-c:a", "pcm_s16be", "-ac", "2"], |_| {
            Format::pcm(96, 16, 48_000, 2)
        })
        .described("L16", &[])
        .units(Units::Stream)
        .gstreamer_reads("rtpL16depay")
        .gstreamer_sends("audio/x-raw,format=S16BE,layout=interleaved,rate=48000,channels=2", "rtpL16pay"),
        Row::sound(("L24", "RFC 3190"), &["-c:a", "pcm_s24be"], |_| Format::pcm(96, 24, 48_000, 1))
            .described("L24", &[])
            .units(Units::Stream)
            .gstreamer_reads("rtpL24depay")
            .gstreamer_sends(
                "audio/x-raw,format=S24BE,layout=interleaved,rate=48000,channels=1",
                "rtpL24pay",
            ),
    ]
}

const OPUS_5_1: [&str; 6] = ["-c:a", "libopus", "-ac", "6", "-mapping_family", "1"];

/// Frames of 384 kbit/s.
const LAYER_I: Source = Source::Made { frames: layer_i, lasts: 8_000_000, head: None };

fn layer_i() -> Vec<Vec<u8>> {
    let mut frames = noise(150, 384, &[0xff, 0xff, 0xc4, 0xc0]);
    // Nothing in them looks like another header.
    frames.iter_mut().flat_map(|frame| &mut frame[4..]).for_each(|byte| *byte &= 0x7f);
    frames
}

fn aac(material: &Material) -> Format {
    Format::mpeg4_audio(96, &material.extradata).expect("a file has the configuration")
}

fn latm(material: &Material) -> Format {
    Format::latm(96, &material.extradata).expect("a file has the configuration")
}

fn vorbis(material: &Material) -> Format {
    let [identification, comment, setup] = vorbis_headers(material);
    Format::vorbis(96, &VorbisHeaders::new(7, identification, comment, setup).expect("they are headers"))
}

fn vorbis_headers(material: &Material) -> [Bytes; 3] {
    let headers = VorbisHeaders::from_private(0, &material.extradata).expect("a file has the headers");
    [headers.identification, headers.comment, headers.setup]
}
