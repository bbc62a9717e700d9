//! FFmpeg encodes and publishes, the server relays, a client plays frames, the examples' recorder writes them to files, and FFmpeg
//! reads those again.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use rtspan_examples::recorder::{FileKind, Recorder};
use rtspan_std::{Client, Transports};

use crate::clip::{ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::rtspan::{Runtime, Server};

pub(crate) const PICTURES: &str = "testsrc2=size=320x240:rate=25";
pub(crate) const SOUND: &str = "sine=frequency=440:beep_factor=4:sample_rate=48000";
/// How long is published, in seconds.
const LASTS: &str = "10";
/// Frames of each stream that have to be there: a reader begins at a keyframe.
const FRAMES_MIN: usize = 40;
/// By how many nanoseconds the time between two frames may differ from that of the source. Matroska has milliseconds, and so
/// has what FFmpeg publishes from it.
const ERROR_MAX: u64 = 1_100_000;

/// A stream of a file: what FFmpeg is told to do with it to get at its frames.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    name: &'static str,
    /// How its frames are compared: decoded, or as they are behind a filter.
    pub(crate) how: &'static [&'static str],
}

pub(crate) const VIDEO: Stream = Stream { name: "v", how: &["-fps_mode", "passthrough"] };
pub(crate) const AUDIO: Stream = Stream { name: "a", how: &["-c", "copy"] };
pub(crate) const ADTS: Stream = Stream { name: "a", how: &["-c", "copy", "-bsf:a", "aac_adtstoasc"] };

/// A frame of a file: its PTS and DTS in nanoseconds, and the hash of what is in it.
pub(crate) type Hashed = (i64, i64, String);

/// The frames of a stream of a file, as FFmpeg reads them.
pub(crate) fn frames(file: &Path, stream: Stream) -> Vec<Hashed> {
    let mut command = ffmpeg();
    command.arg("-copyts").arg("-i").arg(file).args(["-map", &format!("0:{}:0", stream.name)]);
    command.args(stream.how).args(["-f", "framehash", "-hash", "md5", "-"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.to_lowercase().contains("error"), "{}: {said}", file.display());
    hashed(&String::from_utf8(output.stdout).unwrap())
}

/// The frames that FFmpeg tells the hashes of.
pub(crate) fn hashed(text: &str) -> Vec<Hashed> {
    let base = text.lines().find_map(|line| line.strip_prefix("#tb 0: ")).expect("a time base");
    let (over, under) = base.split_once('/').unwrap();
    let [over, under] = [over, under].map(|number| number.parse::<i128>().unwrap());
    let nanoseconds = |units: &str| {
        i64::try_from(units.trim().parse::<i128>().unwrap() * over * 1_000_000_000 / under).unwrap()
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let frames = lines.map(|line| {
        let fields: Vec<_> = line.split(',').collect();
        (nanoseconds(fields[2]), nanoseconds(fields[1]), fields[5].trim().to_owned())
    });
    frames.collect()
}

/// Two numbers of each packet of a stream, where the file tells both.
fn packets(file: &Path, stream: Stream, numbers: &str) -> Vec<(f64, f64)> {
    let entries = ["-show_entries", &format!("packet={numbers}"), "-of", "csv=p=0"];
    let mut command = Command::new("ffprobe");
    let output =
        command.args(["-v", "error", "-select_streams", stream.name]).args(entries).arg(file).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let pairs = text.lines().filter_map(|line| line.trim_end_matches(',').split_once(','));
    pairs.filter_map(|(first, second)| Some((first.parse().ok()?, second.parse().ok()?))).collect()
}

fn nanoseconds(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

/// How many nanoseconds before its presentation each picture is decoded, where the file tells.
fn delays(file: &Path) -> Vec<i64> {
    let times = packets(file, VIDEO, "pts_time,dts_time");
    times.into_iter().map(|(pts, dts)| nanoseconds(pts) - nanoseconds(dts)).collect()
}

/// The recorded frames are frames of the source, one behind the other, and so far apart as there.
pub(crate) fn compare(source: (&Path, Stream), recorded: (&Path, Stream)) {
    let ours = frames(recorded.0, recorded.1);
    compare_frames(&recorded.0.display().to_string(), &ours, &frames(source.0, source.1));
}

/// The same of frames that were read.
pub(crate) fn compare_frames(name: &str, ours: &[Hashed], theirs: &[Hashed]) {
    assert!(ours.len() >= FRAMES_MIN, "{name} has {} frames only", ours.len());
    let hashes = |frames: &[Hashed]| frames.iter().map(|frame| frame.2.clone()).collect::<Vec<_>>();
    let (our_hashes, their_hashes) = (hashes(ours), hashes(theirs));
    let at = their_hashes.windows(our_hashes.len()).position(|window| window == our_hashes);
    let at = at.unwrap_or_else(|| panic!("{name} has other frames than the source"));
    let theirs = &theirs[at..];
    let worst =
        ours.iter().zip(theirs).map(|(our, their)| (our.0 - ours[0].0).abs_diff(their.0 - theirs[0].0));
    let worst = worst.max().expect("there are frames");
    assert!(worst < ERROR_MAX, "{name}: {worst} ns apart");
}

/// The decoding times are so far from the presentation times as in the source, up to one constant.
fn compare_decoding(source: &Path, recorded: &Path) {
    let (ours, theirs) = (delays(recorded), delays(source));
    let is_near = |window: &[i64]| {
        ours.iter().zip(window).all(|(a, b)| (a - ours[0]).abs_diff(b - window[0]) < ERROR_MAX)
    };
    assert!(theirs.windows(ours.len()).any(is_near), "{}: {ours:?}\n{theirs:?}", recorded.display());
}

/// The recorded samples are samples of the source, without a gap, and each packet of them has its time.
fn compare_samples(source: &Path, recorded: &Path) {
    let bytes = |file: &Path| {
        let mut command = ffmpeg();
        let output =
            command.arg("-i").arg(file).args(["-map", "0:a:0", "-c", "copy", "-f", "data", "-"]).output();
        output.unwrap().stdout
    };
    let (name, ours, theirs) = (recorded.display(), bytes(recorded), bytes(source));
    let is_there = theirs.windows(ours.len()).any(|window| window == ours);
    assert!(ours.len() > theirs.len() / 4 && is_there, "{name}: {} of {}", ours.len(), theirs.len());
    let packets = packets(recorded, AUDIO, "pts_time,size");
    let lasts = packets.last().unwrap().0 - packets[0].0;
    let before = packets.iter().scan(0.0, |sum, (_, size)| Some(std::mem::replace(sum, *sum + size)));
    let before: Vec<_> = before.collect();
    let per_second = before[before.len() - 1] / lasts;
    for ((pts, _), before) in packets.iter().zip(before) {
        let apart = nanoseconds(pts - packets[0].0 - before / per_second);
        assert!(apart.unsigned_abs() < 2 * ERROR_MAX, "{name}: {apart} ns apart");
    }
}

/// Encodes four seconds into a file.
fn source(name: &str, encoders: &[&str]) -> PathBuf {
    source_in(&format!("{name}.mkv"), encoders)
}

/// The same in the container that the end of the name stands for.
fn source_in(name: &str, encoders: &[&str]) -> PathBuf {
    let file = folder().join(format!("relayed-{name}"));
    let mut command = ffmpeg();
    command.arg("-y");
    let has = |kind: &str| encoders.contains(&kind);
    for (kind, input) in [("-c:v", PICTURES), ("-c:a", SOUND)] {
        if has(kind) {
            command.args(["-f", "lavfi", "-i", input]);
        }
    }
    command.args(encoders).args(["-t", LASTS]).arg(&file);
    assert!(command.status().unwrap().success(), "{name}");
    file
}

/// Publishes a file once, and writes what is played to files of these kinds.
fn relay(serving: &Server, name: &str, source: &Path, ends: &[&str]) -> Vec<PathBuf> {
    relay_as(serving, name, source, &[], ends)
}

/// The same with options of FFmpeg's for what it sends.
fn relay_as(serving: &Server, name: &str, source: &Path, sending: &[&str], ends: &[&str]) -> Vec<PathBuf> {
    let path = format!("/{name}");
    let mut command = ffmpeg();
    command.arg("-re").arg("-i").arg(source).args(["-c", "copy", "-strict", "experimental"]).args(sending);
    command.args(["-f", "rtsp", "-rtsp_transport", "tcp", &serving.url(&path)]);
    let mut publisher = Program::start(format!("publisher of {name}"), &mut command);
    serving.published(&path);
    until_all_flow(&serving.url(&path));
    let readings: Vec<_> = ends
        .iter()
        .map(|end| {
            let file = folder().join(format!("relayed-{name}-out.{end}"));
            let kind = FileKind::of(&file).expect("a kind");
            let builder = Client::builder(&serving.url(&path)).unwrap().transport(Transports::Tcp);
            let frames = builder.play_frames().unwrap().form(kind.form());
            thread::spawn(move || {
                let medias = match kind {
                    FileKind::Mp4 | FileKind::Ts => frames.medias(),
                    _ => frames.medias().into_iter().take(1).collect(),
                };
                let out = BufWriter::new(File::create(&file).unwrap());
                let mut recorder = Recorder::new(kind, out, medias);
                for frame in frames {
                    recorder.write(frame.unwrap()).unwrap();
                }
                recorder.finish().unwrap();
                file
            })
        })
        .collect();
    let files = readings.into_iter().map(|reading| reading.join().expect("a file")).collect();
    publisher.finish();
    files
}

/// Waits until each media flows, so that the server knows how they belong together.
pub(crate) fn until_all_flow(url: &str) {
    let packets = Client::builder(url).unwrap().transport(Transports::Tcp).play().unwrap();
    let medias = packets.client().description().expect("it is described").medias.len();
    let mut seen = vec![false; medias];
    for received in packets {
        seen[received.unwrap().media] = true;
        if seen.iter().all(|seen| *seen) {
            return;
        }
    }
    panic!("not all medias of {url} flow");
}

#[test]
fn pictures_and_sound_that_are_relayed_are_recorded_frame_for_frame() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let h264 = ["-c:v", "libx264", "-bf", "2", "-g", "25", "-threads", "1", "-c:a", "aac"];
    let h265 = ["-c:v", "libx265", "-x265-params", "log-level=error:bframes=2:keyint=25", "-c:a", "libopus"];
    let serving = Server::start(Runtime::Smol);
    let made = source("h264", &h264);
    let files = relay(&serving, "h264", &made, &["mp4", "ts"]);
    for (file, sound) in files.iter().zip([AUDIO, ADTS]) {
        compare((&made, VIDEO), (file, VIDEO));
        compare((&made, AUDIO), (file, sound));
        compare_decoding(&made, file);
    }
    let made = source("h265", &h265);
    let files = relay(&serving, "h265", &made, &["mp4"]);
    compare((&made, VIDEO), (&files[0], VIDEO));
    compare((&made, AUDIO), (&files[0], AUDIO));
    compare_decoding(&made, &files[0]);
}

/// The samples of a file, decoded.
pub(crate) fn samples(file: &Path) -> Vec<u8> {
    let output = ffmpeg().arg("-i").arg(file).args(["-f", "s16le", "-"]).output().unwrap();
    assert!(output.status.success(), "{}", file.display());
    output.stdout
}

#[test]
fn sound_that_is_relayed_is_recorded_in_files_of_its_own() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let serving = Server::start(Runtime::Std);
    let compressed: [(&str, &[&str], &str, Stream); 4] = [
        ("aac", &["-c:a", "aac"], "aac", ADTS),
        ("opus", &["-c:a", "libopus"], "ogg", AUDIO),
        ("mp2", &["-c:a", "mp2"], "mp3", AUDIO),
        ("mono", &["-c:a", "aac", "-ac", "1", "-ar", "16000"], "mp4", AUDIO),
    ];
    let check_compressed = &|(name, encoder, end, stream): (&str, &[&str], &str, Stream)| {
        let made = source(name, encoder);
        let files = relay(&serving, name, &made, &[end]);
        compare((&made, AUDIO), (&files[0], stream));
    };
    let plain = [
        ("ulaw", ["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"]),
        ("alaw", ["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"]),
        ("l16", ["-c:a", "pcm_s16be", "-ar", "44100", "-ac", "2"]),
    ];
    let check_plain = &|(name, encoder): (&str, [&str; 6])| {
        let made = source(name, &encoder);
        let files = relay(&serving, name, &made, &["wav"]);
        let (ours, theirs) = (samples(&files[0]), samples(&made));
        let is_there = theirs.windows(ours.len()).any(|window| window == ours);
        assert!(ours.len() > theirs.len() / 4 && is_there, "{name}: {} of {}", ours.len(), theirs.len());
    };
    thread::scope(|scope| {
        for row in compressed {
            scope.spawn(move || check_compressed(row));
        }
        for row in plain {
            scope.spawn(move || check_plain(row));
        }
    });
}

/// Pictures and sound that are kept in MP4 together: the file that they are encoded into, how FFmpeg encodes them, and what it is
/// told for sending them.
const ROWS: [(&str, &str, &str); 9] = [
    ("mpeg4.mp4", "-c:v mpeg4 -c:a libmp3lame", ""),
    ("mpeg2.mp4", "-c:v mpeg2video -c:a mp2", ""),
    ("mpeg1.mp4", "-c:v mpeg1video -c:a libmp3lame -ar 24000", ""),
    (
        "jpeg.mkv",
        "-c:v mjpeg -pix_fmt yuvj420p -huffman default -force_duplicated_matrix 1 -c:a libvorbis",
        "",
    ),
    ("vp8.mkv", "-c:v libvpx -deadline realtime -cpu-used 8 -g 25 -c:a pcm_mulaw -ar 8000 -ac 1", ""),
    ("vp9.mkv", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -c:a pcm_alaw -ar 8000 -ac 1", ""),
    ("l16.mkv", "-c:a pcm_s16be -ar 44100 -ac 2", ""),
    ("l24.mkv", "-c:a pcm_s24be", ""),
    ("latm.mkv", "-c:a aac", "-rtpflags latm"),
];

/// B pictures, for what goes into MP4, which tells decoding times. No group of pictures refers to another, so that decoding times
/// are those of the source from the first picture on.
const B_PICTURES: &str = "-q:v 6 -bf 2 -g 25 -flags +cgop -sc_threshold 1000000000";

#[test]
fn all_that_ffmpeg_publishes_is_kept_in_mp4_frame_for_frame() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let serving = Server::start(Runtime::Smol);
    let check = &|(file, encoders, sending): (&str, &str, &str)| {
        let has_b_pictures = file.ends_with(".mp4");
        let encoders =
            encoders.split_whitespace().chain(B_PICTURES.split_whitespace().filter(|_| has_b_pictures));
        let encoders: Vec<_> = encoders.collect();
        let made = source_in(file, &encoders);
        let sending: Vec<_> = sending.split_whitespace().collect();
        let files = relay_as(&serving, file, &made, &sending, &["mp4"]);
        if encoders.contains(&"-c:v") {
            compare((&made, VIDEO), (&files[0], VIDEO));
        }
        if has_b_pictures {
            compare_decoding(&made, &files[0]);
        }
        match encoders.iter().any(|encoder| encoder.starts_with("pcm_")) {
            true => compare_samples(&made, &files[0]),
            false => compare((&made, AUDIO), (&files[0], AUDIO)),
        }
    };
    thread::scope(|scope| ROWS.iter().for_each(|row| drop(scope.spawn(move || check(*row)))));
}
