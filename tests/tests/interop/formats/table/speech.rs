//! Speech.

use bytes::Bytes;
use rtspan_std::description::{AmrPacking, G726Order, IlbcMode};
use rtspan_std::{Format, MediaKind};

use super::{FFMPEG_HAS_NO_PACKETIZER, Row, Source};
use crate::formats::material::{Material, noise};
use crate::formats::units::Units;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::sound(("G.711 µ-law", "RFC 3551"), &["-ar", "8000", "-c:a", "pcm_mulaw"], |_| Format::pcmu())
            .described("PCMU", &[])
            .units(Units::Stream)
            .gstreamer_reads("rtppcmudepay")
            .gstreamer_sends("audio/x-mulaw,rate=8000,channels=1", "rtppcmupay"),
        Row::sound(("G.711 A-law", "RFC 3551"), &["-ar", "8000", "-c:a", "pcm_alaw"], |_| Format::pcma())
            .described("PCMA", &[])
            .units(Units::Stream)
            .gstreamer_reads("rtppcmadepay")
            .gstreamer_sends("audio/x-alaw,rate=8000,channels=1", "rtppcmapay"),
        Row::sound(("G.722", "RFC 3551"), &["-ar", "16000", "-c:a", "g722"], |_| Format::g722())
            .described("G722", &[])
            .units(Units::Stream)
            .gstreamer_reads("rtpg722depay")
            .gstreamer_sends("audio/G722,rate=16000,channels=1", "rtpg722pay"),
        Row::sound(("G.723.1", "RFC 3551"), &["-ar", "8000", "-c:a", "g723_1"], |_| Format::g723())
            .described("G723", &["annexa"])
            .ffmpeg_sends_not(FFMPEG_HAS_NO_PACKETIZER)
            .units(Units::Stream)
            .gstreamer_reads("rtpg723depay")
            .gstreamer_sends("audio/G723,rate=8000,channels=1", "rtpg723pay"),
        Row::sound(("G.726, 32 kbit/s", "RFC 3551"), &G726_LE, |_| Format::g726(96, 4, G726Order::Rfc3551))
            .described("G726-32", &[])
            .units(Units::Stream)
            .file("g726le", &["-f", "g726le", "-code_size", "4"])
            .gstreamer_reads("rtpg726depay")
            .noted("By default GStreamer announces `G726-32` and passes samples on as it has them, in either order.")
            .gstreamer_sends(G726_OF_GSTREAMER, "rtpg726pay"),
        Row::sound(("G.726, 16 kbit/s", "RFC 3551"), &G726_16, |_| Format::g726(96, 2, G726Order::Rfc3551))
            .described("G726-16", &[])
            .units(Units::Stream)
            .file("g726le", &["-f", "g726le", "-code_size", "2"])
            .gstreamer_reads("rtpg726depay")
            .gstreamer_sends(
                "audio/x-adpcm,layout=g726,bitrate=16000,rate=8000,channels=1,block_align=2",
                "rtpg726pay",
            ),
        Row::sound(("G.726, 24 kbit/s", "RFC 3551"), &G726_24, |_| Format::g726(96, 3, G726Order::Rfc3551))
            .described("G726-24", &[])
            .units(Units::Stream)
            .file("g726le", &["-f", "g726le", "-code_size", "3"])
            .gstreamer_reads("rtpg726depay")
            .gstreamer_sends(
                "audio/x-adpcm,layout=g726,bitrate=24000,rate=8000,channels=1,block_align=3",
                "rtpg726pay",
            ),
        Row::sound(("G.726, 40 kbit/s", "RFC 3551"), &G726_40, |_| Format::g726(96, 5, G726Order::Rfc3551))
            .described("G726-40", &[])
            .units(Units::Stream)
            .file("g726le", &["-f", "g726le", "-code_size", "5"])
            .gstreamer_reads("rtpg726depay")
            .gstreamer_sends(
                "audio/x-adpcm,layout=g726,bitrate=40000,rate=8000,channels=1,block_align=5",
                "rtpg726pay",
            ),
        Row::sound(("G.726 in the order of AAL2", "RFC 3551"), &G726, |_| {
            Format::g726(96, 4, G726Order::Aal2)
        })
        .described("AAL2-G726-32", &[])
        .units(Units::Stream)
        .file("g726", &["-f", "g726", "-code_size", "4"])
        .gstreamer_reads("rtpg726depay")
        .gstreamer_sends(
            G726_OF_GSTREAMER,
            "rtpg726pay ! application/x-rtp,encoding-name=AAL2-G726-32 ! identity",
        ),
        made(
            ("G.729", "RFC 3551"),
            Made { frames: || noise(200, 10, &[]), milliseconds: 10, head: b"" },
            |_| Format::g729(),
        )
        .described("G729", &["annexb"])
        .units(Units::Stream)
        .ffmpeg_sends_not(FFMPEG_HAS_NO_PACKETIZER)
        .file("", &["-f", "g729"])
        .gstreamer_reads("rtpg729depay")
        .gstreamer_sends("audio/G729,rate=8000,channels=1", "rtpg729pay"),
        Row::sound(("GSM full rate", "RFC 3551"), &["-ar", "8000", "-c:a", "libgsm"], |_| Format::gsm())
            .described("GSM", &[])
            .units(Units::Stream)
            .file("gsm", &[])
            .ffmpeg_sends_not(FFMPEG_HAS_NO_PACKETIZER)
            .gstreamer_reads("rtpgsmdepay")
            .gstreamer_sends("audio/x-gsm,rate=8000,channels=1", "rtpgsmpay"),
        made(("iLBC, 30 ms", "RFC 3952"), ILBC, |_| Format::ilbc(96, IlbcMode::Milliseconds30))
            .kept(24)
            .described("iLBC", &["mode"])
            .units(Units::Stream)
            .file("", &["-f", "ilbc"])
            .gstreamer_reads("rtpilbcdepay")
            .gstreamer_sends("audio/x-iLBC,mode=30", "rtpilbcpay"),
        made(("iLBC, 20 ms", "RFC 3952"), ILBC_20, |_| Format::ilbc(96, IlbcMode::Milliseconds20))
            .kept(32)
            .described("iLBC", &["mode"])
            .units(Units::Stream)
            .file("", &["-f", "ilbc"])
            .gstreamer_reads("rtpilbcdepay")
            .gstreamer_sends("audio/x-iLBC,mode=20", "rtpilbcpay"),
        made(("AMR", "RFC 4867"), AMR, |_| Format::amr(96, AmrPacking::OctetAligned))
            .described("AMR", &["octet-align", "mode-set", "crc", "robust-sorting", "interleaving"])
            .file("", &["-f", "amr"])
            .kept(50)
            .gstreamer_reads("rtpamrdepay")
            .gstreamer_sends("audio/AMR,rate=8000,channels=1", "rtpamrpay"),
        made(("AMR-WB", "RFC 4867"), AMR_WB, |_| Format::amr_wb(96, AmrPacking::OctetAligned))
            .described("AMR-WB", &["octet-align", "mode-set", "crc", "robust-sorting", "interleaving"])
            .file("", &["-f", "amr"])
            .kept(50)
            .gstreamer_reads("rtpamrdepay")
            .gstreamer_sends("audio/AMR-WB,rate=16000,channels=1", "rtpamrpay"),
        Row::sound(("Speex", "RFC 5574"), &["-ar", "16000", "-c:a", "libspeex"], |_| {
            Format::speex(96, 16_000)
        })
        .described("speex", &["vbr"])
        .gstreamer_headers(speex)
        .gstreamer_reads("rtpspeexdepay")
        .gstreamer_sends("audio/x-speex,rate=16000,channels=1", "rtpspeexpay"),
    ]
}

const G726_16: [&str; 6] = ["-ar", "8000", "-c:a", "g726le", "-b:a", "16k"];
const G726_24: [&str; 6] = ["-ar", "8000", "-c:a", "g726le", "-b:a", "24k"];
const G726_40: [&str; 6] = ["-ar", "8000", "-c:a", "g726le", "-b:a", "40k"];
const G726: [&str; 6] = ["-ar", "8000", "-c:a", "g726", "-b:a", "32k"];
const G726_LE: [&str; 6] = ["-ar", "8000", "-c:a", "g726le", "-b:a", "32k"];

const G726_OF_GSTREAMER: &str = "audio/x-adpcm,layout=g726,bitrate=32000,rate=8000,channels=1,block_align=4";

/// Frames of one length, of which a decoder would make some noise.
struct Made {
    frames: fn() -> Vec<Vec<u8>>,
    milliseconds: i64,
    head: &'static [u8],
}

const ILBC: Made = Made { frames: || noise(100, 50, &[]), milliseconds: 30, head: b"#!iLBC30\n" };
const ILBC_20: Made = Made { frames: || noise(100, 38, &[]), milliseconds: 20, head: b"#!iLBC20\n" };
/// At 12.2 kbit/s.
const AMR: Made = Made { frames: || amr(32, 0x3c, 4), milliseconds: 20, head: b"#!AMR\n" };
/// At 23.85 kbit/s.
const AMR_WB: Made = Made { frames: || amr(61, 0x44, 3), milliseconds: 20, head: b"#!AMR-WB\n" };

/// Frames that name their type in front, and have so many bits at the end that are not theirs.
fn amr(bytes: usize, kind: u8, padding: u8) -> Vec<Vec<u8>> {
    let mut frames = noise(150, bytes, &[kind]);
    frames.iter_mut().for_each(|frame| frame[bytes - 1] &= 0xff << padding);
    frames
}

fn made(
    names: (&'static str, &'static str),
    Made { frames, milliseconds, head }: Made,
    format: fn(&Material) -> Format,
) -> Row {
    let source = Source::Made { frames, lasts: milliseconds * 1_000_000, head: Some(head) };
    Row::new(MediaKind::Audio, names, source, format)
}

/// A header and a comment, which files have.
fn speex(material: &Material) -> Vec<Bytes> {
    vec![material.extradata.clone(), Bytes::from_static(&[0; 8])]
}
