//! Streams that change, that begin in the middle of a group of pictures, and that tell no parameters beforehand: those that come
//! later can decode from their first picture on.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtspan_core::payload::Parts;
use rtspan_core::{Description, Format, Media, MediaKind};
use rtspan_examples::recorder::{FileKind, Recorder};
use rtspan_std::{Client, Form, Frame, Transports};

use crate::clip::{ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::rtspan::{Runtime, Server};

/// The size at first, and the one that it changes to.
const SIZES: [(u32, u32); 2] = [(320, 240), (176, 144)];
/// Pictures a second, and from one keyframe to the next.
const RATE: usize = 25;
const GROUP: usize = 50;
/// Pictures that a reader takes.
const PICTURES: usize = 60;

/// A format whose parameters a description tells.
#[derive(Clone, Copy)]
struct Kind {
    /// The end of a raw file, and how FFmpeg calls it.
    name: &'static str,
    encoding: &'static str,
    encoder: &'static [&'static str],
    has_nals: bool,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "h264",
        encoding: "H264",
        encoder: &["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0"],
        has_nals: true,
    },
    Kind {
        name: "hevc",
        encoding: "H265",
        encoder: &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:bframes=0"],
        has_nals: true,
    },
    Kind { name: "m4v", encoding: "MP4V-ES", encoder: &["-c:v", "mpeg4"], has_nals: false },
];

/// The hashes of the pictures of a source, decoded, in their order.
fn pictures(input: &[&str], count: Option<usize>) -> Vec<String> {
    let mut command = ffmpeg();
    command.args(["-xerror", "-err_detect", "explode"]).args(input).args(["-map", "0:v:0"]);
    if let Some(count) = count {
        command.args(["-frames:v", &count.to_string()]);
    }
    let hash = ["-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"];
    let output = command.args(hash).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.to_lowercase().contains("error"), "{input:?}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// The pictures are some of the source, one behind the other, and begin with a keyframe.
fn compare(read: &[String], source: &[String], reader: &str) {
    let at = source.windows(read.len()).position(|window| window == read);
    let at =
        at.unwrap_or_else(|| panic!("{reader}: {} pictures are others than those of the source", read.len()));
    assert!(read.len() >= PICTURES && at % GROUP == 0, "{reader}: {} pictures from {at} on", read.len());
}

/// Encodes so many seconds of pictures of a size into a raw file.
fn raw(kind: Kind, (width, height): (u32, u32), seconds: usize) -> PathBuf {
    let file = folder().join(format!("changing-{width}.{}", kind.name));
    let input = format!("testsrc2=size={width}x{height}:rate={RATE}:duration={seconds}");
    let mut command = ffmpeg();
    command.args(["-f", "lavfi", "-i", &input]).args(kind.encoder).args(["-g", &GROUP.to_string()]);
    command.args(["-keyint_min", &GROUP.to_string(), "-sc_threshold", "0", "-threads", "1"]);
    assert!(command.args(["-f", kind.name]).arg(&file).status().unwrap().success(), "{}", kind.name);
    file
}

/// Waits for a frame from which on the pictures have a size.
fn until_size(url: &str, size: (u32, u32)) {
    let frames = Client::builder(url).unwrap().transport(Transports::Tcp).play_frames().unwrap();
    for frame in frames {
        let video = frame.unwrap().new_parameters.and_then(|parameters| parameters.video);
        if video.is_some_and(|video| (video.width, video.height) == size) {
            return;
        }
    }
    panic!("{url} never has {size:?}");
}

/// The recording of a client of ours.
fn record(url: &str, name: &str, kind: Option<FileKind>) -> PathBuf {
    let file = folder().join(name);
    let form = kind.map_or(Form::ByteStream, FileKind::form);
    let frames = Client::builder(url).unwrap().transport(Transports::Tcp).play_frames().unwrap().form(form);
    let (medias, mut out) = (frames.medias(), BufWriter::new(File::create(&file).unwrap()));
    let frames = frames.map(Result::unwrap).take(PICTURES);
    match kind {
        Some(kind) => {
            let mut recorder = Recorder::new(kind, out, medias);
            frames.for_each(|frame| recorder.write(frame).unwrap());
            recorder.finish().unwrap();
        }
        None => frames.for_each(|frame| out.write_all(&frame.data.to_bytes()).unwrap()),
    }
    file
}

/// Readers that come now decode the pictures of a raw file, from the first on that they get.
fn check_readers(url: &str, kind: Kind, source: &Path, size: (u32, u32)) {
    let source = pictures(&["-f", kind.name, "-i", source.to_str().unwrap()], None);
    thread::scope(|scope| {
        scope.spawn(|| {
            let read = pictures(&["-rtsp_transport", "tcp", "-i", url], Some(PICTURES));
            compare(&read, &source, &format!("FFmpeg reading {}", kind.name));
        });
        let path = url.rsplit('/').next().unwrap();
        let file = record(url, &format!("{path}-out.{}", kind.name), None);
        let read = pictures(&["-f", kind.name, "-i", file.to_str().unwrap()], None);
        compare(&read, &source, &format!("our byte stream of {}", kind.name));
        let file = record(url, &format!("{path}-out.mp4"), Some(FileKind::Mp4));
        let read = pictures(&["-i", file.to_str().unwrap()], None);
        compare(&read, &source, &format!("our MP4 of {}", kind.name));
        assert_eq!(size_of(&file), size, "{}", file.display());
    });
}

/// The size that a file tells.
fn size_of(file: &Path) -> (u32, u32) {
    let entries = ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(entries).arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (width, height) = text.trim().split_once(',').expect("a size");
    (width.parse().unwrap(), height.parse().unwrap())
}

#[test]
fn readers_that_come_after_a_change_of_the_size_can_decode() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let serving = Server::start_with(Runtime::Smol, &["--start", "keyframe"]);
    thread::scope(|scope| {
        for kind in KINDS {
            let serving = &serving;
            scope.spawn(move || {
                let [before, after] = [raw(kind, SIZES[0], 2), raw(kind, SIZES[1], 60)];
                let both = folder().join(format!("changing.{}", kind.name));
                fs::write(&both, [&before, &after].map(|file| fs::read(file).unwrap()).concat()).unwrap();
                let url = serving.url(&format!("/changing-{}", kind.name));
                let mut command = ffmpeg();
                command.args(["-re", "-f", kind.name, "-i"]).arg(&both).args(["-c", "copy"]);
                command.args(["-f", "rtsp", "-rtsp_transport", "tcp", &url]);
                let _publisher = Program::start(format!("publisher of {}", kind.name), &mut command);
                serving.published(&format!("/changing-{}", kind.name));
                until_size(&url, SIZES[1]);
                check_readers(&url, kind, &after, SIZES[1]);
            });
        }
    });
}

/// The access units of a raw file, one behind the other, as FFmpeg parses them.
fn units(kind: Kind, file: &Path) -> Vec<Bytes> {
    let entries = ["-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", "-f", kind.name];
    let output = Command::new("ffprobe").args(entries).arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut rest = Bytes::from(fs::read(file).unwrap());
    let sizes = text.lines().map(|line| line.trim_end_matches(',').parse().unwrap());
    let units: Vec<_> = sizes.map(|size: usize| rest.split_to(size)).collect();
    assert!(rest.is_empty() && units.len() > 10 * GROUP, "{}", file.display());
    units
}

/// Announces a format without any parameters, and publishes a raw file from a picture in the middle of a group on.
fn publish_bare(url: &str, kind: Kind, units: &[Bytes], until: &AtomicBool) {
    let format = Format::new(96, kind.encoding, 90_000);
    let description = Description::new(vec![Media::new(MediaKind::Video, vec![format])]);
    let builder = Client::builder(url).unwrap().transport(Transports::Tcp);
    let mut publisher = builder.publish_frames(description).unwrap();
    let start = Instant::now();
    for (number, unit) in (0_u32..).zip(&units[GROUP / 3..]) {
        if until.load(Ordering::Relaxed) {
            break;
        }
        let due = Duration::from_secs(1) * number / RATE as u32;
        thread::sleep(due.saturating_sub(start.elapsed()));
        let parts = if kind.has_nals { Parts::from_annex_b(unit) } else { unit.clone().into() };
        publisher.write(&Frame::new(0, due.as_nanos() as i64, parts)).unwrap();
    }
    publisher.teardown().unwrap();
}

#[test]
fn readers_of_a_stream_without_announced_parameters_that_begins_in_the_middle_of_a_group_can_decode() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let serving = Server::start_with(Runtime::Std, &["--start", "keyframe"]);
    thread::scope(|scope| {
        for kind in KINDS {
            let serving = &serving;
            scope.spawn(move || {
                let file = raw(kind, (160, 120), 60);
                let units = units(kind, &file);
                let path = format!("/bare-{}", kind.name);
                let (url, is_over) = (serving.url(&path), AtomicBool::new(false));
                thread::scope(|scope| {
                    let publisher = scope.spawn(|| publish_bare(&url, kind, &units, &is_over));
                    serving.published(&path);
                    // The first readers come before the first keyframe, the next ones in the middle of a later group.
                    check_readers(&url, kind, &file, (160, 120));
                    check_readers(&url, kind, &file, (160, 120));
                    is_over.store(true, Ordering::Relaxed);
                    publisher.join().unwrap();
                });
            });
        }
    });
}
