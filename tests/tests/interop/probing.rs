//! The findings of `rtspan probe` about streams that FFmpeg has encoded, against what ffprobe says of their files.

use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::clip::{ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::rtspan::{Runtime, Server, rtspan};

const PICTURES: &str = "testsrc2=size=352x288:rate=25";
const SOUND: &str = "sine=frequency=440:sample_rate=48000";

/// The encoders of picture and sound.
const ROWS: [(&str, &[&str]); 7] = [
    ("h264", &["-c:v", "libx264", "-profile:v", "high", "-c:a", "aac", "-ac", "2"]),
    ("baseline", &["-c:v", "libx264", "-profile:v", "baseline", "-c:a", "libmp3lame", "-ar", "44100"]),
    (
        "h265",
        &["-c:v", "libx265", "-x265-params", "log-level=error:keyint=25", "-c:a", "libopus", "-ac", "2"],
    ),
    ("mpeg4", &["-c:v", "mpeg4", "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"]),
    ("mpeg2", &["-c:v", "mpeg2video", "-c:a", "mp2", "-ac", "2"]),
    (
        "jpeg",
        &[
            "-c:v",
            "mjpeg",
            "-pix_fmt",
            "yuvj420p",
            "-huffman",
            "default",
            "-force_duplicated_matrix",
            "1",
            "-c:a",
            "pcm_mulaw",
            "-ar",
            "8000",
            "-ac",
            "1",
        ],
    ),
    ("vp8", &["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "pcm_s16be", "-ar", "44100", "-ac", "2"]),
];

/// The streams that ffprobe tells of a file, the picture first.
fn ffprobe(file: &Path) -> Value {
    let entries = "stream=profile,width,height,avg_frame_rate,sample_rate,channels:packet=size,stream_index";
    let mut command = Command::new("ffprobe");
    let output = command.args(["-v", "error", "-show_entries", entries, "-of", "json"]).arg(file).output();
    serde_json::from_slice(&output.unwrap().stdout).unwrap()
}

/// Bits a second of a stream that lasts so long.
fn bitrate(said: &Value, stream: usize, seconds: f64) -> f64 {
    let packets = said["packets"].as_array().unwrap().iter();
    let own = packets.filter(|packet| packet["stream_index"] == stream);
    own.map(|packet| packet["size"].as_str().unwrap().parse::<f64>().unwrap()).sum::<f64>() * 8.0 / seconds
}

#[test]
fn probe_says_of_a_stream_what_ffprobe_says_of_its_file() {
    const SECONDS: f64 = 16.0;
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let serving = Server::start(Runtime::Smol);
    let check = |(name, encoders): (&str, &[&str])| {
        let file = folder().join(format!("probing-{name}.mkv"));
        let mut command = ffmpeg();
        command.args(["-f", "lavfi", "-i", PICTURES, "-f", "lavfi", "-i", SOUND]).args(encoders);
        command.args(["-g", "25", "-q:v", "6", "-t", &SECONDS.to_string()]).arg(&file);
        assert!(command.status().unwrap().success(), "{name}");
        let theirs = ffprobe(&file);

        let url = serving.url(&format!("/{name}"));
        let mut command = ffmpeg();
        command.arg("-re").arg("-i").arg(&file).args([
            "-c",
            "copy",
            "-f",
            "rtsp",
            "-rtsp_transport",
            "tcp",
            &url,
        ]);
        let _publisher = Program::start(format!("publisher of {name}"), &mut command);
        serving.published(&format!("/{name}"));
        let mut probe = rtspan(Runtime::Smol);
        let output = probe.args(["probe", &url, "--transport", "tcp", "--json"]).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let [picture, sound] = [0, 1].map(|media: usize| &said["medias"][media]["measured"]);
        let [their_picture, their_sound] = [0, 1].map(|stream: usize| &theirs["streams"][stream]);

        for (ours, theirs) in [(picture, their_picture), (sound, their_sound)] {
            let is_same = |profile: &str| {
                theirs["profile"].as_str().is_some_and(|own| own.contains(profile) || profile.contains(own))
            };
            assert!(ours["profile"].as_str().is_none_or(is_same), "{name}: {ours} {theirs}");
        }
        assert_eq!(
            [&picture["width"], &picture["height"]],
            [&their_picture["width"], &their_picture["height"]]
        );
        assert_eq!(their_picture["avg_frame_rate"], "25/1");
        let is_near = |ours: &Value, theirs: f64, error: f64| {
            ours.as_f64().is_some_and(|ours| (ours - theirs).abs() <= theirs * error)
        };
        assert!(is_near(&picture["frame_rate"], 25.0, 0.01), "{name}: {picture}");
        let interval = if name == "jpeg" { 0.04 } else { 1.0 };
        assert!(is_near(&picture["keyframe_interval"], interval, 0.02), "{name}: {picture}");
        let their_rate: f64 = their_sound["sample_rate"].as_str().unwrap().parse().unwrap();
        assert!(is_near(&sound["sample_rate"], their_rate, 0.0), "{name}: {sound} {their_sound}");
        assert_eq!(sound["channels"], their_sound["channels"], "{name}");
        // Only a part of the pictures was seen.
        assert!(is_near(&picture["bitrate"], bitrate(&theirs, 0, SECONDS), 0.4), "{name}: {picture}");
        assert!(is_near(&sound["bitrate"], bitrate(&theirs, 1, SECONDS), 0.1), "{name}: {sound}");
        let profiles: Vec<&str> =
            [picture, sound].iter().filter_map(|media| media["profile"].as_str()).collect();
        println!("{name}: {profiles:?}");
        let told = match name {
            "h264" => vec!["High", "LC"],
            "baseline" => vec!["Constrained Baseline"],
            "h265" | "mpeg2" => vec!["Main"],
            "mpeg4" => vec!["Simple"],
            "vp8" => vec!["Profile 0"],
            _ => vec![],
        };
        assert_eq!(profiles, told, "{name}");
    };
    thread::scope(|scope| {
        for row in ROWS {
            scope.spawn(move || check(row));
        }
    });
}
