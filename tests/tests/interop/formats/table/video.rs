//! Pictures.

use bytes::Bytes;
use rtspan_std::Format;
use rtspan_std::payload::Parts;

use super::Row;
use crate::formats::material::Material;
use crate::formats::units::{Units, h264_slices, h265_slices, picture, scan};

const H264: &str = "video/x-h264,stream-format=byte-stream,alignment=au";
const H265: &str = "video/x-h265,stream-format=byte-stream,alignment=au";

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::video(("H.264", "RFC 6184"), &X264, h264)
            .described("H264", &["packetization-mode", "profile-level-id", "sprop-parameter-sets"])
            .container("`avcC`")
            .marked()
            .units(Units::Part(h264_slices))
            .gstreamer_reads(H264_READS)
            .gstreamer_sends(H264, "h264parse ! rtph264pay aggregate-mode=none"),
        Row::video(("H.264 in small slices", "RFC 6184"), &X264_SLICES, h264)
            .described("H264", &["packetization-mode", "profile-level-id", "sprop-parameter-sets"])
            .container("`avcC`")
            .marked()
            .units(Units::Part(h264_slices))
            .gstreamer_reads(H264_READS)
            .gstreamer_sends(H264, "h264parse ! rtph264pay aggregate-mode=zero-latency"),
        Row::video(("H.264 in packets that are full", "RFC 6184"), &X264_SLICES, h264)
            .described("H264", &["packetization-mode", "profile-level-id", "sprop-parameter-sets"])
            .container("`avcC`")
            .marked()
            .units(Units::Part(h264_slices))
            .gstreamer_reads(H264_READS)
            .gstreamer_sends(H264, "h264parse ! rtph264pay aggregate-mode=max-stap"),
        Row::video(("H.265", "RFC 7798"), &X265, h265)
            .described("H265", &["sprop-vps", "sprop-sps", "sprop-pps", "sprop-max-don-diff"])
            .container("`hvcC`")
            .marked()
            .units(Units::Part(h265_slices))
            .gstreamer_reads(H265_READS)
            .gstreamer_sends(H265, "h265parse ! rtph265pay aggregate-mode=zero-latency"),
        Row::video(("VP8", "RFC 7741"), &["-c:v", "libvpx", "-b:v", "600k"], |_| Format::vp8(96))
            .described("VP8", &["max-fr", "max-fs"])
            .container("`vpcC`")
            .marked()
            .gstreamer_reads("rtpvp8depay")
            .gstreamer_sends("video/x-vp8", "rtpvp8pay"),
        Row::video(("VP9", "RFC 9628"), &["-c:v", "libvpx-vp9", "-b:v", "600k"], |_| Format::vp9(96, 0))
            .described("VP9", &["profile-id", "max-fr", "max-fs"])
            .container("`vpcC`")
            .marked()
            .ffmpeg_sends(&["-strict", "experimental"])
            .gstreamer_reads("rtpvp9depay")
            .gstreamer_sends("video/x-vp9,width=320,height=240", "rtpvp9pay"),
        Row::video(("Motion JPEG", "RFC 2435"), &MJPEG, |_| Format::jpeg())
            .described("JPEG", &[])
            .marked()
            .units(Units::Part(scan))
            .gstreamer_reads("rtpjpegdepay")
            .gstreamer_sends("image/jpeg,width=320,height=240,framerate=25/1", "rtpjpegpay"),
        Row::video(("MPEG-4 Part 2", "RFC 6416"), &["-c:v", "mpeg4", "-q:v", "6"], mpeg4)
            .described("MP4V-ES", &["profile-level-id", "config"])
            .container("the headers of the decoder (`esds`)")
            .marked()
            .units(Units::Part(picture))
            .gstreamer_reads("rtpmp4vdepay ! mpeg4videoparse")
            .gstreamer_sends(
                "video/mpeg,mpegversion=4,systemstream=false,codec_data=(buffer){config}",
                "mpeg4videoparse ! rtpmp4vpay",
            ),
        Row::video(("MPEG-2", "RFC 2250"), &MPEG2, |_| Format::mpeg_video())
            .described("MPV", &[])
            .marked()
            .gstreamer_reads("rtpmpvdepay ! mpegvideoparse")
            .gstreamer_sends(
                "video/mpeg,mpegversion=2,systemstream=false",
                "mpegvideoparse ! rtpmpvpay max-ptime=1",
            ),
        Row::video(("MPEG-2, pictures together", "RFC 2250"), &MPEG2, |_| Format::mpeg_video())
            .described("MPV", &[])
            .marked()
            .noted(
                "GStreamer fills packets with several pictures and gives all of them one timestamp, unless its property `max-ptime` \
                 bounds the time that a packet lasts. Such pictures come out as one frame. The test compares their bytes.",
            )
            .units(Units::Stream)
            .gstreamer_reads("rtpmpvdepay ! mpegvideoparse")
            .gstreamer_sends("video/mpeg,mpegversion=2,systemstream=false", "mpegvideoparse ! rtpmpvpay"),
        Row::video(("MPEG-1", "RFC 2250"), &["-c:v", "mpeg1video", "-q:v", "6"], |_| Format::mpeg_video())
            .described("MPV", &[])
            .marked()
            .gstreamer_reads("rtpmpvdepay ! mpegvideoparse"),
    ]
}

const H264_READS: &str = "rtph264depay ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au";
const H265_READS: &str = "rtph265depay ! h265parse ! video/x-h265,stream-format=byte-stream,alignment=au";

const X264: [&str; 12] = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p",
    "-g",
    "25",
    "-bf",
    "0",
    "-bsf:v",
    "dump_extra=freq=keyframe",
];
const X264_SLICES: [&str; 14] = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p",
    "-g",
    "25",
    "-bf",
    "2",
    "-x264-params",
    "slice-max-size=400",
    "-bsf:v",
    "dump_extra=freq=keyframe",
];
const X265: [&str; 8] = [
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=error:keyint=25:slices=2:bframes=0",
    "-bsf:v",
    "dump_extra=freq=keyframe",
];
const MPEG2: [&str; 4] = ["-c:v", "mpeg2video", "-q:v", "6"];
/// With the usual tables, which the packets leave out.
const MJPEG: [&str; 8] = ["-c:v", "mjpeg", "-huffman", "default", "-pix_fmt", "yuvj420p", "-q:v", "6"];

/// The parameter sets that a file keeps, whose first bytes satisfy each of the conditions.
fn sets<const N: usize>(material: &Material, kinds: [fn(u8) -> bool; N]) -> [Bytes; N] {
    let nals = Parts::from_annex_b(&material.extradata);
    kinds.map(|is| nals.iter().find(|nal| is(nal[0])).cloned().expect("a file has its parameter sets"))
}

fn h264(material: &Material) -> Format {
    let [sps, pps] = sets(material, [|first| first & 0x1f == 7, |first| first & 0x1f == 8]);
    Format::h264(96, &sps, &pps)
}

fn h265(material: &Material) -> Format {
    let [vps, sps, pps] =
        sets(material, [|first| first >> 1 == 32, |first| first >> 1 == 33, |first| first >> 1 == 34]);
    Format::h265(96, &vps, &sps, &pps)
}

fn mpeg4(material: &Material) -> Format {
    Format::mpeg4_video(96, &material.extradata)
}
