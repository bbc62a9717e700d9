//! Streams through pipes: what is played goes to other programs, and what they write is published.

use std::path::Path;
use std::process::{Command, Output};

use rtspan_examples::recorder::FileKind;

use crate::program::{Program, beside, rtspan};

/// Runs a line of the shell in which `rtspan` is the tool. `None` where a program of it is not installed.
fn run(script: &str, needs: &str) -> Option<Output> {
    let has = Command::new("sh").args(["-c", &format!("command -v {needs}")]).output().unwrap();
    if !has.status.success() {
        assert_ne!(std::env::var("INTEROP").as_deref(), Ok("require"), "{needs} is not installed");
        return None;
    }
    let script = script.replace("rtspan ", &format!("{} ", rtspan().display()));
    Some(Command::new("bash").args(["-c", &script]).output().unwrap())
}

fn file(name: &str) -> String {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

#[test]
fn other_programs_read_what_is_played_to_standard_output() {
    let (_server, url) = Program::serve("smol");
    let kinds = [
        ("", "h264"),
        ("--format ts", "h264"),
        ("--format h264", "h264"),
        ("--format mp4", "pcm_mulaw"),
        ("--format wav", "pcm_mulaw"),
    ];
    beside(&kinds, |(format, codec)| {
        let probe = "ffprobe -v error -show_entries stream=codec_name -of csv=p=0 -";
        let script = format!("rtspan play {url}/demo --transport tcp --seconds 3 --out - {format} | {probe}");
        let Some(output) = run(&script, "ffprobe") else { return };
        let found = String::from_utf8(output.stdout).unwrap();
        assert!(
            found.lines().any(|line| line == *codec),
            "{format}: {found} {:?}",
            String::from_utf8_lossy(&output.stderr)
        );
    });
}

#[test]
fn a_reader_that_goes_away_ends_the_player_silently() {
    let (_server, url) = Program::serve("smol");
    let script = format!(
        "rtspan play {url}/demo --out - --format ts | head -c 1000 > /dev/null; echo ${{PIPESTATUS[0]}}"
    );
    let output = run(&script, "head").unwrap();
    assert_eq!(output.stdout, b"141\n", "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("rtspan: "), "{output:?}");
}

#[test]
fn what_comes_through_a_pipe_is_published() {
    let (_server, url) = Program::serve("smol");
    // As long as it takes to be read again, with its kind told or found out.
    let made = [
        ("ts", "-t 60 -c copy -f mpegts", "", "h264"),
        ("ts", "-t 60 -c copy -f mpegts", "--format ts", "h264"),
        ("h264", "-t 60 -an -c copy -f h264", "", "h264"),
        ("aac", "-t 60 -vn -c:a aac -f adts", "", "aac"),
        ("wav", "-t 60 -vn -c:a pcm_mulaw -f wav", "", "pcm_mulaw"),
    ];
    let clip = file("piped.mp4");
    let play = format!("rtspan play {url}/demo --transport tcp --seconds 2 --out {clip}");
    if run(&play, "ffmpeg").is_none() {
        return;
    }
    beside(&made, |(kind, options, format, codec)| {
        let path = format!("{}{}", kind, format.len());
        let publish = format!(
            "ffmpeg -v error -stream_loop -1 -i {clip} {options} - | rtspan publish {url}/{path} --file - {format} --seconds 30 & \
             for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
             ffprobe -v error -rtsp_transport tcp -show_entries stream=codec_name -of csv=p=0 {url}/{path} 2>/dev/null && break; \
             sleep 0.2; done; wait"
        );
        let output = run(&publish, "ffmpeg").unwrap();
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(
            found.lines().any(|line| line == *codec),
            "{kind}: {found} {}",
            String::from_utf8_lossy(&output.stderr)
        );
    });
}

#[test]
fn what_cannot_come_through_a_pipe_is_refused_with_what_can() {
    for (begins, told) in [
        ("\\x1a\\x45\\xdf\\xa3aaaaaaaa", "mkv cannot be read through a pipe"),
        ("\\0\\0\\0\\x20ftypisom", "mp4 cannot be read through a pipe"),
        ("hello, this is text", "of no kind that is known"),
        ("", "of no kind that is known"),
    ] {
        let script = format!("printf '{begins}' | rtspan publish 127.0.0.1:9/x --file - --json");
        let output = run(&script, "printf").unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(told), "{begins}: {said}");
        assert_eq!(output.status.code(), Some(8), "{begins}: {said}");
    }
}

#[test]
fn the_first_bytes_of_files_tell_their_kind() {
    for (head, kind) in [
        (&b"\0\0\0\x01\x67\x64"[..], Some(FileKind::H264)),
        (b"\0\0\x01\x09\xf0", Some(FileKind::H264)),
        (b"\0\0\0\x01\x40\x01\x0c", Some(FileKind::H265)),
        (b"\0\0\0\x01\x46\x01\x50", Some(FileKind::H265)),
        (b"\x47\x40\x11\x10", Some(FileKind::Ts)),
        (b"OggS\0", Some(FileKind::Ogg)),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", Some(FileKind::Wav)),
        (b"\xff\xd8\xff\xe0", Some(FileKind::Mjpeg)),
        (b"\xff\xf1\x50", Some(FileKind::Aac)),
        (b"\xff\xfb\x90", Some(FileKind::Mp3)),
        (b"ID3\x04", Some(FileKind::Mp3)),
        (b"RIFF", None),
        (b"G'day", None),
        (b"", None),
    ] {
        let mut head = head.to_vec();
        if kind == Some(FileKind::Ts) {
            head.resize(188, 0);
            head.push(0x47);
        } else if head.starts_with(b"G") {
            head.resize(300, b' ');
        }
        assert_eq!(FileKind::beginning_with(&head), kind, "{head:?}");
    }
}
