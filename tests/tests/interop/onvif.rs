//! ONVIF back channels, against GStreamer's client and server: every word is heard, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::clip::file;
use crate::policy::{Needs, PYTHON, installed};
use crate::program::{PATIENCE, Program};
use crate::rtspan::{Runtime, Server, listening, rtspan};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/gst_onvif.py");

/// A second of speech: bytes that are all different from their neighbours.
fn speech() -> (PathBuf, Vec<u8>) {
    let samples: Vec<u8> = (0..8000_u32).map(|number| (number * 7 + number / 160) as u8).collect();
    let path = file();
    fs::write(&path, &samples).expect("there is room for a file");
    (path, samples)
}

/// Waits until a file has all that is to be heard; the first of a folder, if it is one.
#[track_caller]
fn has_heard(place: &Path, samples: &[u8]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let path = fs::read_dir(place).ok().map(|mut files| files.find_map(|file| Some(file.ok()?.path())));
        let path = path.unwrap_or_else(|| Some(place.to_owned()));
        let heard = path.and_then(|path| fs::read(path).ok()).unwrap_or_default();
        if heard.len() >= samples.len() || Instant::now() > deadline {
            let same = heard.iter().zip(samples).take_while(|(heard, sample)| heard == sample).count();
            let other = heard.get(same..heard.len().min(same + 64)).unwrap_or_default().escape_ascii();
            let [of, length] = [samples.len(), heard.len()];
            assert!(heard == samples, "{length} bytes of {of} were heard, from byte {same} on: {other}");
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Over TCP: over UDP `rtspsrc` 1.22 crashes in one run of six before it sends the first packet, and is heard in the others.
#[test]
fn gstreamer_speaks_to_rtspan() {
    if !installed(&[Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let (path, samples) = speech();
    for runtime in Runtime::ALL {
        let dir = file();
        let server = Server::start_with(runtime, &["--backchannel", &dir.to_string_lossy()]);
        let mut command = Command::new(PYTHON);
        command.args([SCRIPT, "speak", "tcp", &server.url("/demo")]).arg(&path);
        let speaker = Program::start("GStreamer, speaking", &mut command);
        speaker.line("spoken", |line| line == "spoken");
        has_heard(&dir, &samples);
    }
}

#[test]
fn rtspan_speaks_to_gstreamer() {
    if !installed(&[Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let (path, samples) = speech();
    for runtime in Runtime::ALL {
        for transport in ["tcp", "udp"] {
            let heard = file();
            let mut command = Command::new(PYTHON);
            let listener =
                Program::start("GStreamer's ONVIF server", command.args([SCRIPT, "listen"]).arg(&heard));
            let url = listening(&listener);
            let mut command = rtspan(runtime);
            command.args(["play", &url, "--transport", transport, "--backchannel"]).arg(&path);
            let _player = Program::start(format!("rtspan play on {runtime:?}"), &mut command);
            has_heard(&heard, &samples);
        }
    }
}
