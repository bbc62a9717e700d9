//! Speaking into the back channel of a server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::program::{LIMIT, Program, RUNTIMES};

/// Half a second of speech, in a file of this name.
fn speech(name: &str) -> (PathBuf, Vec<u8>) {
    let samples: Vec<u8> = (0..4000_u32).map(|number| (number * 7 + number / 160) as u8).collect();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, &samples).unwrap();
    (path, samples)
}

/// Waits until one file in a folder has so many bytes.
fn heard(dir: &Path, bytes: usize) -> Vec<u8> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let file = fs::read_dir(dir).ok().and_then(|mut files| files.next()).map(|file| file.unwrap().path());
        let heard = file.and_then(|file| fs::read(file).ok()).unwrap_or_default();
        if heard.len() >= bytes || Instant::now() > deadline {
            return heard;
        }
        std::thread::yield_now();
    }
}

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&dir);
    dir
}

#[test]
fn what_play_says_is_written_by_serve_on_every_runtime_over_tcp_and_udp() {
    let (file, samples) = speech("said.ulaw");
    for runtime in RUNTIMES {
        for transport in ["tcp", "udp"] {
            let dir = folder(&format!("heard-{runtime}-{transport}"));
            let serve =
                format!("serve --listen 127.0.0.1:0 --runtime {runtime} --backchannel {}", dir.display());
            let mut server = Program::rtspan(&serve);
            let url = server.url();
            let mut player = Program::rtspan(&format!(
                "play {url}/demo --transport {transport} --runtime {runtime} --json --backchannel {}",
                file.display()
            ));
            server.line(" speaks to /demo");
            assert!(heard(&dir, samples.len()) == samples, "{runtime} {transport}");
            player.line("all has been said");
            player.signal("INT");
            let report = player.end().json();
            assert_eq!(report["tracks"].as_array().unwrap().len(), 2, "{report}");
            server.line(" speaks to /demo no more");
            server.interrupt().well();
        }
    }
}

#[test]
fn who_cannot_be_heard_is_told_so() {
    let (file, _) = speech("unheard.alaw");
    let (server, url) = Program::serve("smol");
    let play = format!("play {url}/demo --seconds 5 --backchannel {}", file.display());
    let reason = Program::rtspan(&play).end().reason();
    assert!(reason.contains("no back channel for PCMA"), "{reason}");
    server.interrupt().well();
}

#[test]
fn the_example_talks_to_a_door_station() {
    let (file, samples) = speech("talk.ulaw");
    let dir = folder("heard-talk");
    let mut server = Program::rtspan(&format!("serve --listen 127.0.0.1:0 --backchannel {}", dir.display()));
    let url = server.url();
    let said = Program::example("talk", &format!("{url}/demo {}", file.display())).end().well();
    assert!(said.starts_with("said 4000 bytes, and received "), "{said}");
    assert!(heard(&dir, samples.len()) == samples);
    server.interrupt().well();
}
