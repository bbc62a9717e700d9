//! Decoding times of pictures with B-frames, against those that FFmpeg has written.

use std::collections::HashMap;
use std::process::Command;

use rtspan_core::payload::DecodingTimes;
use rtspan_core::payload::h264::{Depacketizer, Sps};
use rtspan_std::{Client, MediaKind, Transports};

use crate::clip::Clip;
use crate::foreign::gst_server;
use crate::policy::{Needs, installed};
use crate::program::PATIENCE;

/// The presentation and decoding time of a picture, in nanoseconds.
pub(crate) type Times = (i64, i64);

/// The times of the pictures of a file, in their order.
pub(crate) fn of_file(file: &std::path::Path) -> Vec<Times> {
    let entries = ["-select_streams", "v", "-show_entries", "packet=pts_time,dts_time", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(["-v", "error"]).args(entries).arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let nanoseconds = |seconds: &str| (seconds.parse::<f64>().unwrap() * 1e9).round() as i64;
    let lines = text.lines().filter_map(|line| line.trim_end_matches(',').split_once(','));
    lines.map(|(pts, dts)| (nanoseconds(pts), nanoseconds(dts))).collect()
}

/// The times of the pictures that come from a server.
fn of_server(url: &str) -> Vec<Times> {
    let builder = Client::builder(url).unwrap().transport(Transports::Tcp).medias(MediaKind::Video);
    let mut packets = builder.play().unwrap();
    let (mut depacketizer, mut decoding) = (Depacketizer::new(), DecodingTimes::new());
    let mut presentation = HashMap::new();
    let mut times = Vec::new();
    loop {
        let received = packets.next_timeout(PATIENCE).expect("a packet, or the end").transpose().unwrap();
        match &received {
            Some(received) => {
                presentation.insert(received.packet.timestamp(), received.time.pts);
                depacketizer.push(&received.packet, received.lost).unwrap();
            }
            None => depacketizer.flush(),
        }
        while let Some(unit) = depacketizer.poll() {
            for sps in unit.parts.iter().filter_map(|nal| Sps::read(nal).ok()) {
                decoding.set_order(sps.reordering, sps.frame_rate);
            }
            let pts = presentation[&unit.timestamp];
            times.push((pts, decoding.next(pts).expect("as many are decoded ahead as the stream says")));
        }
        if received.is_none() {
            return times;
        }
    }
}

#[test]
fn decoding_times_of_pictures_with_b_frames_are_those_that_ffmpeg_writes() {
    if !installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        return;
    }
    let clip = Clip::brief_high();
    let (_server, url) = gst_server("play", &clip.mov);
    let (read, written) = (of_server(&url), of_file(&clip.mov));
    assert_eq!((read.len(), written.len()), (clip.units.len(), clip.units.len()));
    assert!(read.iter().any(|(pts, dts)| pts - dts > 40_000_000), "some are decoded ahead");
    let (ours, theirs) = (read[0].0, written[0].0);
    let worst = read.iter().zip(&written).flat_map(|(read, written)| {
        [(read.0 - ours).abs_diff(written.0 - theirs), (read.1 - ours).abs_diff(written.1 - theirs)]
    });
    let worst = worst.max().expect("there are pictures");
    println!("{} pictures, {} µs apart at most", read.len(), worst / 1000);
    assert!(worst < 1_000_000, "{read:?}\n{written:?}");
}
