//! FFmpeg goes to places in films that our server plays.
//!
//! FFmpeg knows no time of the first frame that a session, or a seek, gives it: it shows that picture whatever is asked for, unless
//! it keeps the times of the stream (`-copyts`). Where there are pictures alone, it counts from the second one.

use std::path::PathBuf;
use std::process::Command;

use super::{RATE, places, serve_file};
use crate::clip::{ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::rtspan::Runtime;

const SECONDS: usize = 6;
/// Pictures that are compared at a place.
const COUNT: usize = 5;

/// A file of pictures with B-frames, a keyframe each second, and noise.
fn film(name: &str, video: &[&str], sound: &[&str]) -> PathBuf {
    let file = folder().join(name);
    let pictures = format!("testsrc2=size=320x240:rate={RATE}:duration={SECONDS}");
    let noise = format!("anoisesrc=sample_rate=48000:duration={SECONDS}");
    let mut encode = ffmpeg();
    encode.args(["-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &noise]);
    encode.args(["-pix_fmt", "yuv420p", "-preset", "ultrafast"]).args(video);
    encode.args(["-g", &RATE.to_string()]).args(sound).arg(&file);
    Program::start("ffmpeg, making a film", &mut encode).finish();
    file
}

const H264: [&str; 4] = ["-c:v", "libx264", "-x264-params", "bframes=2:b-adapt=0:scenecut=0"];
const H265: [&str; 4] =
    ["-c:v", "libx265", "-x265-params", "bframes=2:b-adapt=0:scenecut=0:keyint=25:log-level=none"];

/// The lines that FFmpeg prints for the frames that it reads, without comments: the fields of each line.
fn frames(options: &[&str], input: &str, output: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]).args(options).args(["-i", input]).args(output);
    let output = command.args(["-f", "framemd5", "-"]).output().expect("ffmpeg starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(',').map(|field| field.trim().to_owned()).collect()).collect()
}

/// The hashes of the pictures that FFmpeg shows from a place on.
fn pictures(options: &[&str], input: &str, millis: u64) -> Vec<String> {
    let place = format!("{}.{:03}", millis / 1000, millis % 1000);
    let options = [options, &["-ss", &place]].concat();
    let count = COUNT.to_string();
    let output = ["-map", "0:v", "-frames:v", &count, "-fps_mode", "passthrough"];
    frames(&options, input, &output).into_iter().filter_map(|mut fields| fields.pop()).collect()
}

/// Goes to ten places, over TCP and UDP in turn, and compares the pictures with those of the file.
fn compare(file: &std::path::Path) {
    let (_server, url) = serve_file(Runtime::Std, file);
    for (index, place) in places(SECONDS - 1).into_iter().enumerate() {
        // Between two pictures.
        let place = place / 40 * 40 + 20;
        let transport = if index % 2 == 0 { "tcp" } else { "udp" };
        let expected = pictures(&[], file.to_str().unwrap(), place);
        let shown = pictures(&["-rtsp_transport", transport, "-copyts"], &url, place);
        assert_eq!(expected.len(), COUNT);
        assert_eq!(shown, expected, "from {place} ms over {transport}");
    }
}

#[test]
fn ffmpeg_shows_the_pictures_of_h264_at_any_place() {
    if installed(&[Needs::Ffmpeg]) {
        compare(&film("seek.mp4", &H264, &["-c:a", "aac"]));
    }
}

#[test]
fn ffmpeg_shows_the_pictures_of_h265_at_any_place() {
    if installed(&[Needs::Ffmpeg]) {
        compare(&film("seek-h265.mp4", &H265, &["-c:a", "libopus"]));
    }
}

#[test]
fn sound_goes_on_where_the_pictures_do() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    for (name, codec) in [("sound-aac.mp4", "aac"), ("sound-opus.mp4", "libopus")] {
        let file = film(name, &H264, &["-c:a", codec]);
        let sound = ["-map", "0:a", "-c", "copy"];
        let whole = frames(&[], file.to_str().unwrap(), &sound);
        let (_server, url) = serve_file(Runtime::Smol, &file);
        let place = places(SECONDS - 2)[0];
        let seconds = format!("{}.{:03}", place / 1000, place % 1000);
        let options = ["-rtsp_transport", "tcp", "-copyts", "-ss", &seconds];
        let heard = frames(&options, &url, &[&sound[..], &["-frames:a", "20"]].concat());
        assert_eq!(heard.len(), 20, "{codec}");
        // Fields are: stream, DTS, PTS, duration, bytes, MD5. FFmpeg guesses the time of the first packet.
        let of_file = |packet: &[String]| whole.iter().position(|known| known[5] == packet[5]);
        let first = of_file(&heard[0]).unwrap_or_else(|| panic!("{codec}: a packet of the file"));
        for (index, packet) in heard.iter().enumerate() {
            assert_eq!(of_file(packet), Some(first + index), "{codec} from {place} ms: none is missing");
            let apart = whole[first + index][2].parse::<i64>().unwrap() - packet[2].parse::<i64>().unwrap();
            assert!(index == 0 || apart.abs() <= 48, "{codec} from {place} ms: {apart} samples apart");
        }
        let begin = whole[first][2].parse::<i64>().unwrap() / 48;
        // FFmpeg asks for 130 ms before a place where pictures may be out of order. There is a keyframe at each second.
        let keyframes = [place, place.saturating_sub(131)].map(|place| (place / 1000 * 1000) as i64);
        let is_there = keyframes.iter().any(|keyframe| (-1..30).contains(&(begin - keyframe)));
        assert!(is_there, "{codec}: {begin} ms for {place} ms");
    }
}

#[test]
fn samples_of_a_quicktime_file_go_on_where_the_pictures_do() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let file = film("sound-pcm.mov", &H264, &["-c:a", "pcm_s16be", "-ac", "1"]);
    let raw = |options: &[&str], input: &str| {
        let mut command = Command::new("ffmpeg");
        command
            .args(["-nostdin", "-v", "error"])
            .args(options)
            .args(["-i", input, "-map", "0:a", "-c", "copy"]);
        command.args(["-frames:a", "280", "-f", "s16be", "-"]).output().expect("ffmpeg starts").stdout
    };
    let whole = raw(&[], file.to_str().unwrap());
    let (_server, url) = serve_file(Runtime::Std, &file);
    let heard = raw(&["-rtsp_transport", "tcp", "-ss", "2.5", "-t", "0.5"], &url);
    assert!(heard.len() > 4800, "a tenth of a second: {} bytes", heard.len());
    let at = whole.windows(heard.len()).position(|window| window == heard);
    assert_eq!(at, Some(2 * 48_000 * 2), "from the keyframe at two seconds on");
}
