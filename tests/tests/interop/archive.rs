//! Recordings in segments of what FFmpeg publishes: coded pictures and sound are those of the file, each once and in order.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rtspan_examples::archive::{Archive, ArchiveConfig, segments};
use rtspan_std::{Client, Form, NtpTime, Server, Transports};

use crate::clip::{ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::program::Program;

/// Pictures that are decoded in another order than they are shown in, and sound; a keyframe each second.
fn source(name: &str, codecs: &[&str]) -> PathBuf {
    let path = folder().join(format!("archived-{name}.mp4"));
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=14"]);
    command.args(["-f", "lavfi", "-i", "sine=sample_rate=48000:duration=14"]).args(codecs).arg(&path);
    assert!(command.status().unwrap().success());
    path
}

/// The coded frames of a media, as hashes.
fn coded(path: &Path, media: &str) -> Vec<String> {
    let mut command = ffmpeg();
    command.args(["-v", "error", "-i"]).arg(path).args(["-map", media, "-c", "copy", "-f", "framemd5", "-"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    // Further fields may follow: they tell of padding.
    let hash = |line: &str| line.split(',').nth(5).unwrap().trim().to_owned();
    lines.lines().filter(|line| !line.starts_with('#')).map(hash).collect()
}

fn now() -> NtpTime {
    NtpTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap())
}

/// Records what FFmpeg publishes in segments of two seconds, and compares it with the file.
fn recorded(name: &str, codecs: &[&str]) {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let source = source(name, codecs);
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/live", server.local_addr());
    let mut publish = ffmpeg();
    publish.args(["-v", "error", "-re", "-i"]).arg(&source).args([
        "-c",
        "copy",
        "-f",
        "rtsp",
        "-rtsp_transport",
        "tcp",
    ]);
    let _publisher = Program::start("ffmpeg", publish.arg(&url));
    while server.streams().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }

    let dir = folder().join(format!("archive-{name}"));
    let _ = std::fs::remove_dir_all(&dir);
    let config = ArchiveConfig::new(Duration::from_secs(2));
    let mut archive = Archive::open(&dir, config, now()).unwrap();
    let client = Client::builder(&url).unwrap().transport(Transports::Tcp);
    let frames = client.play_frames().unwrap().form(Form::Container);
    let camera = archive.camera("live", &frames.client().description().unwrap()).unwrap();
    for frame in frames {
        archive.write(camera, frame.unwrap(), now());
    }
    drop(archive);

    let segments = segments(&dir.join("live")).unwrap();
    assert!(segments.len() >= 3 && segments[1..].iter().all(|segment| segment.follows), "{segments:?}");
    for media in ["0:v", "0:a"] {
        let written: Vec<String> = segments.iter().flat_map(|segment| coded(&segment.path, media)).collect();
        let published = coded(&source, media);
        let place = (0..published.len()).find(|place| published[*place..].starts_with(&written));
        println!("{media}: {} of {} from {place:?} on", written.len(), published.len());
        assert!(place.is_some() && written.len() > published.len() / 2, "{media}: {segments:?}");
    }
}

#[test]
fn h264_and_aac_are_in_the_segments_once_and_in_order() {
    recorded("h264", &["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-c:a", "aac"]);
}

#[test]
fn h265_and_opus_are_in_the_segments_once_and_in_order() {
    let order = "log-level=none:keyint=25:min-keyint=25:bframes=2";
    recorded("h265", &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", order, "-c:a", "libopus"]);
}
