//! Formats that are neither picture nor sound.

use rtspan_std::{Format, MediaKind};

use super::{FFMPEG_HAS_NO_PACKETIZER, PICTURES, Row, Source};
use crate::formats::material::noise;
use crate::formats::units::Units;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(MediaKind::Video, ("MPEG transport stream", "RFC 2250"), TRANSPORT, |_| Format::mpeg_ts())
            .described("MP2T", &[])
            .units(Units::Stream)
            .kept(1)
            .noted("FFmpeg hands out the contents of the transport stream. The test compares these.")
            .ffmpeg_reads(Units::Whole)
            .ffmpeg_sends_not("over RTSP it sends no transport stream")
            .gstreamer_reads("rtpmp2tdepay")
            .gstreamer_sends("video/mpegts,systemstream=true,packetsize=188", "rtpmp2tpay"),
        Row::new(MediaKind::Application, ("KLV", "RFC 6597"), KLV, |_| Format::klv(96))
            .noted("FFmpeg hands out the payload of each packet instead of whole units.")
            .described("SMPTE336M", &[])
            .marked()
            .ffmpeg_reads(Units::Stream)
            .ffmpeg_sends_not(FFMPEG_HAS_NO_PACKETIZER)
            .gstreamer_reads("rtpklvdepay")
            .gstreamer_sends("meta/x-klv,parsed=true", "rtpklvpay"),
        Row::new(MediaKind::Other("text".into()), ("T.140 text", "RFC 4103"), TEXT, |_| Format::t140(96))
            .described("t140", &["cps"])
            .ffmpeg_sends_not(FFMPEG_HAS_NO_PACKETIZER),
    ]
}

const TRANSPORT: Source =
    Source::Cut { input: PICTURES, encoder: &["-c:v", "mpeg2video", "-q:v", "6"], bytes: 7 * 188 };

const TEXT: Source = Source::Made { frames: text, lasts: 300_000_000, head: None };

/// As fast as people type.
fn text() -> Vec<Vec<u8>> {
    (0..30).map(|number| format!("word {number} ").into_bytes()).collect()
}

/// A universal label of SMPTE.
const LABEL: [u8; 16] = [6, 14, 43, 52, 2, 11, 1, 1, 14, 1, 3, 1, 1, 0, 0, 0];

const KLV: Source = Source::Made { frames: || (0..60).map(klv).collect(), lasts: 40_000_000, head: None };

/// A set of items, which a few packets or a part of one hold.
fn klv(number: usize) -> Vec<u8> {
    let value = noise(1, 200 + number * 61, &[number as u8]).concat();
    let [high, low] = (value.len() as u16).to_be_bytes();
    [&LABEL[..], &[0x82, high, low], &value].concat()
}
