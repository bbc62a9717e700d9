//! MP4 as the examples write it, read by FFmpeg.

use std::fs::File;
use std::process::Command;

use rtspan_examples::mp4::Mp4Writer;
use rtspan_std::{Client, Form, MediaKind, Transports};

use crate::clip::{Clip, folder, units_of};
use crate::decoding::of_file;
use crate::foreign::gst_server;
use crate::policy::{Needs, installed};
use crate::rtspan::{Runtime, rtspan};

#[test]
fn a_recording_has_the_pictures_of_its_source_at_their_times() {
    if !installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        return;
    }
    let clip = Clip::brief_high();
    let (_server, url) = gst_server("play", &clip.mov);
    let [mp4, h264] = ["recording.mp4", "recording.h264"].map(|name| folder().join(name));
    let builder = Client::builder(&url).unwrap().transport(Transports::Tcp).medias(MediaKind::Video);
    let frames = builder.play_frames().unwrap().form(Form::Container);
    let mut file = Mp4Writer::new(File::create(&mp4).unwrap(), frames.medias());
    for frame in frames {
        file.write(frame.unwrap()).unwrap();
    }
    file.finish().unwrap();

    let (recorded, source) = (of_file(&mp4), of_file(&clip.mov));
    assert_eq!(recorded.len(), source.len());
    assert_eq!(recorded[0].0, 0, "the edit takes back the time before the first picture is shown");
    let [first, start] = [source[0], recorded[0]];
    let apart = recorded.iter().zip(&source).flat_map(|(recorded, source)| {
        let shown = recorded.0.abs_diff(source.0 - first.0);
        let decoded = (recorded.1 - start.1).abs_diff(source.1 - first.1);
        [shown, decoded]
    });
    let worst = apart.max().expect("there are pictures");
    println!("{} pictures, {} µs apart at most", recorded.len(), worst / 1000);
    assert!(worst < 1_000_000, "{recorded:?}\n{source:?}");

    let mut extract = Command::new("ffmpeg");
    extract.args(["-v", "error", "-y", "-i"]).arg(&mp4).args(["-c", "copy", "-f", "h264"]).arg(&h264);
    assert!(extract.status().unwrap().success());
    assert!(units_of(&h264) == clip.units, "the bytes of all pictures are those of the source");
}

/// The pixels of a picture as FFmpeg reads them.
fn pixels(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-nostdin"])
        .args(arguments)
        .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn a_snapshot_is_the_first_picture_of_its_source() {
    if !installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        return;
    }
    let clip = Clip::brief_high();
    let (_server, url) = gst_server("play", &clip.mov);
    let file = folder().join("snapshot.png");
    let mut snapshot = rtspan(Runtime::Smol);
    snapshot.args(["snapshot", "--transport", "tcp", &url]).arg(&file);
    assert!(snapshot.status().unwrap().success());
    let ours = pixels(&["-i", file.to_str().unwrap()]);
    let theirs = pixels(&["-i", clip.mov.to_str().unwrap(), "-frames:v", "1", "-sws_flags", "accurate_rnd"]);
    assert_eq!(ours.len(), theirs.len());
    let apart: u64 = ours.iter().zip(&theirs).map(|(ours, theirs)| u64::from(ours.abs_diff(*theirs))).sum();
    let mean = apart as f64 / ours.len() as f64;
    println!("{mean} of 255 apart on average");
    // Colours are stretched to the size of the picture in different ways.
    assert!(mean < 2.0, "{mean} of 255 apart on average");
}
