//! FFmpeg encodes files, our program publishes them, FFmpeg reads them from our server, and our program records them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use rtspan_examples::source::{FileSource, Looped};
use rtspan_std::Frame;

use crate::clip::{ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::relayed::{
    ADTS, AUDIO, PICTURES, SOUND, Stream, VIDEO, compare, compare_frames, frames, hashed, samples,
    until_all_flow,
};
use crate::rtspan::{Runtime, Server, rtspan};

/// A file, and how FFmpeg makes it.
struct Row {
    file: &'static str,
    encoders: &'static [&'static str],
    /// How the sound of the file is compared with what FFmpeg reads.
    sound: Stream,
    /// FFmpeg cannot read the format over RTP.
    is_unknown: bool,
    /// The file that our program records, if it can be compared.
    recorded: Option<(&'static str, Stream)>,
}

const H264: [&str; 8] = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-threads", "1"];

/// Frames whose times FFmpeg guesses when it begins to read.
const FIRST_READ: usize = 4;

const ROW: Row = Row { file: "", encoders: &[], sound: AUDIO, is_unknown: false, recorded: None };

fn encode(row: &Row) -> PathBuf {
    encode_as("publishing", row)
}

fn encode_as(test: &str, row: &Row) -> PathBuf {
    let file = folder().join(format!("{test}-{}", row.file));
    let mut command = ffmpeg();
    for (kind, input) in [("-c:v", PICTURES), ("-c:a", SOUND)] {
        if row.encoders.contains(&kind) {
            command.args(["-f", "lavfi", "-i", input]);
        }
    }
    command.args(row.encoders).args(["-g", "25", "-t", "12"]).arg(&file);
    assert!(command.status().unwrap().success(), "{}", row.file);
    file
}

/// Publishes a file once, and has FFmpeg tell the hashes of what it reads.
fn check(serving: &Server, row: &Row) {
    let made = encode(row);
    let url = serving.url(&format!("/{}", row.file));
    let mut command = rtspan(Runtime::Smol);
    command.args(["publish", &url, "--once", "--no-reconnect", "--file"]).arg(&made);
    let mut publisher = Program::start(format!("publisher of {}", row.file), &mut command);
    serving.published(&format!("/{}", row.file));
    until_all_flow(&url);
    let recording = row.recorded.map(|(end, sound)| {
        let file = folder().join(format!("publishing-{}-out.{end}", row.file));
        let mut command = rtspan(Runtime::Smol);
        command.args(["play", &url, "--transport", "tcp", "--no-reconnect", "--out"]).arg(&file);
        (Program::start(format!("player of {}", row.file), &mut command), file, sound)
    });
    let kinds = [("v", "-c:v", VIDEO), ("a", "-c:a", AUDIO)];
    let kinds: Vec<_> = kinds.into_iter().filter(|(_, encoder, _)| row.encoders.contains(encoder)).collect();
    if !row.is_unknown {
        let mut command = ffmpeg();
        command.args(["-rtsp_transport", "tcp", "-i", &url]);
        let text = |name: &str| folder().join(format!("publishing-{}-{name}.txt", row.file));
        for (name, _, stream) in &kinds {
            command.args(["-map", &format!("0:{name}:0")]).args(stream.how);
            command.args(["-f", "framehash", "-hash", "md5"]).arg(text(name));
        }
        let mut reader = Program::start(format!("FFmpeg reading {}", row.file), &mut command);
        reader.finish();
        for (name, _, _) in &kinds {
            let source = if *name == "v" { VIDEO } else { row.sound };
            let read = hashed(&fs::read_to_string(text(name)).unwrap());
            let label = format!("{name} of {}, read by FFmpeg,", row.file);
            compare_frames(&label, &read[FIRST_READ..], &frames(&made, source));
        }
    }
    publisher.finish();
    if let Some((mut player, file, sound)) = recording {
        player.finish();
        for (name, _, _) in kinds {
            let (source, own) = if name == "v" { (VIDEO, VIDEO) } else { (row.sound, sound) };
            compare((&made, source), (&file, own));
        }
    }
}

/// Files with picture and sound.
fn containers() -> [Row; 9] {
    let aac: &[&str] = &["-c:a", "aac"];
    let leak = |parts: &[&[&'static str]]| -> &'static [&'static str] { parts.concat().leak() };
    let h265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:bframes=2"];
    [
        Row { file: "plain.mp4", encoders: leak(&[&H264, aac]), recorded: Some(("ts", ADTS)), ..ROW },
        Row {
            file: "fragments.mp4",
            encoders: leak(&[&h265, &["-c:a", "libopus", "-movflags", "frag_keyframe+empty_moov"]]),
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
        Row {
            file: "h264.ts",
            encoders: leak(&[&H264, aac]),
            sound: ADTS,
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
        Row {
            file: "mpeg2.ts",
            encoders: &["-c:v", "mpeg2video", "-c:a", "mp2"],
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
        Row {
            file: "h265.mkv",
            encoders: leak(&[&h265, &["-c:a", "libopus"]]),
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
        Row {
            file: "mpeg4.mkv",
            encoders: &["-c:v", "mpeg4", "-c:a", "libmp3lame"],
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
        Row {
            file: "vp8.webm",
            encoders: &["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"],
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
        Row {
            file: "vp9.mp4",
            encoders: &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "aac"],
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
        Row {
            file: "av1.mp4",
            encoders: &["-c:v", "libsvtav1", "-preset", "12", "-c:a", "aac"],
            is_unknown: true,
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
    ]
}

/// Files of one media.
fn raw_files() -> [Row; 6] {
    let jpeg =
        ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-huffman", "default", "-force_duplicated_matrix", "1"];
    [
        Row { file: "raw.h264", encoders: &["-c:v", "libx264", "-bf", "0", "-preset", "ultrafast"], ..ROW },
        Row {
            file: "raw.hevc",
            encoders: &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                "log-level=error:bframes=0",
            ],
            ..ROW
        },
        Row {
            file: "pictures.mjpeg",
            encoders: jpeg.to_vec().leak(),
            recorded: Some(("mjpeg", AUDIO)),
            ..ROW
        },
        Row {
            file: "sound.aac",
            encoders: &["-c:a", "aac"],
            sound: ADTS,
            recorded: Some(("aac", ADTS)),
            ..ROW
        },
        Row { file: "sound.mp3", encoders: &["-c:a", "libmp3lame"], recorded: Some(("mp3", AUDIO)), ..ROW },
        Row { file: "sound.ogg", encoders: &["-c:a", "libopus"], recorded: Some(("ogg", AUDIO)), ..ROW },
    ]
}

/// Sound that FFmpeg does not send over RTP.
fn ac3() -> [Row; 2] {
    [
        Row { file: "ac3.mkv", encoders: &["-c:a", "ac3"], recorded: Some(("mp4", AUDIO)), ..ROW },
        Row {
            file: "eac3.mkv",
            encoders: &["-c:a", "eac3"],
            is_unknown: true,
            recorded: Some(("mp4", AUDIO)),
            ..ROW
        },
    ]
}

#[test]
fn pictures_and_sound_of_files_are_published_frame_for_frame() {
    if installed(&[Needs::Ffmpeg]) {
        check_all(&containers());
    }
}

#[test]
fn raw_files_are_published_frame_for_frame() {
    if installed(&[Needs::Ffmpeg]) {
        check_all(&raw_files());
    }
}

#[test]
fn ac3_of_files_is_published_frame_for_frame() {
    if installed(&[Needs::Ffmpeg]) {
        check_all(&ac3());
    }
}

fn check_all(rows: &[Row]) {
    let serving = Server::start_with(Runtime::Smol, &["--start", "keyframe"]);
    thread::scope(|scope| {
        for row in rows {
            let serving = &serving;
            scope.spawn(move || check(serving, row));
        }
    });
}

#[test]
fn a_file_of_samples_is_published_sample_for_sample() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let serving = Server::start(Runtime::Std);
    let check = |file: &'static str, encoders: &'static [&'static str]| {
        let made = encode(&Row { file, encoders, ..ROW });
        let url = serving.url(&format!("/{file}"));
        let mut command = rtspan(Runtime::Std);
        command.args(["publish", &url, "--once", "--file"]).arg(&made);
        let mut publisher = Program::start(format!("publisher of {file}"), &mut command);
        serving.published(&format!("/{file}"));
        let out = folder().join(format!("publishing-out-{file}"));
        let mut command = ffmpeg();
        command.args(["-rtsp_transport", "tcp", "-i", &url]).arg(&out);
        Program::start(format!("FFmpeg reading {file}"), &mut command).finish();
        publisher.finish();
        let (ours, theirs): (Vec<u8>, Vec<u8>) = (samples(&out), samples(Path::new(&made)));
        let is_there = theirs.windows(ours.len()).any(|window| window == ours);
        assert!(ours.len() > theirs.len() / 4 && is_there, "{file}: {} of {}", ours.len(), theirs.len());
    };
    thread::scope(|scope| {
        let check = &check;
        scope.spawn(move || check("ulaw.wav", &["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"]));
        scope.spawn(move || check("linear.wav", &["-c:a", "pcm_s16le", "-ar", "44100", "-ac", "2"]));
    });
}

/// All frames from where a file stands.
fn rest(source: &mut FileSource) -> Vec<Frame> {
    std::iter::from_fn(|| source.next().unwrap()).collect()
}

/// The frames of a media.
fn of(media: usize, frames: &[Frame]) -> Vec<Frame> {
    frames.iter().filter(|frame| frame.media == media).cloned().collect()
}

#[test]
fn a_file_goes_to_the_keyframe_before_a_time() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    for row in containers().iter().chain(&raw_files()) {
        let file = encode_as("seeking", row);
        let mut source = FileSource::open(&file, 25.0).unwrap();
        let all = rest(&mut source);
        let lead = of(0, &all);
        let (first, last) = (lead[0].time.pts, lead[lead.len() - 1].time.pts);
        assert!(lead[0].is_keyframe && last - first > 5_000_000_000, "{}: {first} to {last}", row.file);
        for to in [i64::MIN, first, first + 1_700_000_000, first + 3_000_000_000, last - 100_000_000, first] {
            source.seek(to).unwrap();
            let (found, name) = (rest(&mut source), row.file);
            let has_video = row.encoders.contains(&"-c:v");
            // Of sound alone the first frame at the time or behind it.
            let start = match has_video {
                true => lead.iter().rposition(|frame| frame.is_keyframe && frame.time.pts <= to),
                false => lead.iter().position(|frame| frame.time.pts >= to),
            };
            let start = start.unwrap_or(0);
            let own = of(0, &found);
            assert!(!own.is_empty(), "{name}: nothing from {to} on");
            let is_wav = Path::new(name).extension().is_some_and(|end| end == "wav");
            assert!(is_wav || own[0].time.pts == lead[start].time.pts, "{name}: {to} {}", own[0].time.pts);
            let data = |frames: &[Frame]| frames.iter().map(|frame| frame.data.clone()).collect::<Vec<_>>();
            assert!(data(&own) == data(&lead[start..]), "{name}: other frames from {to} on");
            let (sound, all_sound) = (of(1, &found), of(1, &all));
            if let (Some(heard), Some(end)) = (sound.first(), all_sound.last()) {
                let apart = heard.time.pts - own[0].time.pts;
                assert!(apart.abs() < 1_000_000_000, "{name}: sound begins {apart} ns behind the picture");
                assert_eq!(sound.last().map(|frame| &frame.data), Some(&end.data), "{name}");
            }
        }
    }
}

#[test]
fn a_file_begins_again_without_a_jump_in_time() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    for row in containers().iter().chain(&raw_files()) {
        let file = encode_as("looped", row);
        let count = rest(&mut FileSource::open(&file, 25.0).unwrap()).len();
        let mut source = Looped::new(FileSource::open(&file, 25.0).unwrap());
        let frames: Vec<_> =
            (0..count * 5 / 2).map(|_| source.next().unwrap().expect("it goes on")).collect();
        for media in 0..source.source().description().medias.len() {
            let mut times: Vec<_> = of(media, &frames).iter().map(|frame| frame.time.pts).collect();
            // Where it is cut off, pictures are missing that come later and are presented before.
            times.truncate(times.len() - 4);
            times.sort_unstable();
            let widest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            let narrowest = times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
            // The sound of the file may begin before its pictures, or end behind them.
            assert!(widest < 200_000_000 && narrowest >= 0, "{} {media}: {narrowest} to {widest}", row.file);
        }
    }
}

#[test]
fn a_file_that_is_cut_off_or_damaged_is_read_as_far_as_it_goes() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    for row in containers().iter().chain(&raw_files()) {
        let file = encode_as("damaged", row);
        let whole = fs::read(&file).unwrap();
        for (number, cut) in (1..12).map(|part| whole.len() * part / 12).enumerate() {
            let mut bytes = whole[..cut].to_vec();
            // Also with bytes that are others, here and there.
            if number % 2 == 1 {
                bytes.iter_mut().skip(number * 7).step_by(997).for_each(|byte| *byte ^= 0x55);
            }
            fs::write(&file, &bytes).unwrap();
            let Ok(mut source) = FileSource::open(&file, 25.0) else { continue };
            let read = std::iter::from_fn(|| source.next().ok().flatten()).count();
            let _ = source.seek(2_000_000_000);
            assert!(read < 10_000, "{}: {read} frames of {cut} bytes", row.file);
        }
    }
}
