//! Servers that are not ours, with readers and publishers of ours; and with readers that are not ours either, to see
//! that the tests themselves are right.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::access_unit::compare;
use crate::clip::{Clip, ffmpeg, file, units_of};
use crate::peer::{Publisher, Reader, Reading, Transport, expect};
use crate::policy::{Needs, PYTHON, installed};
use crate::ports::own_port;
use crate::program::{PATIENCE, Program};
use crate::rtspan::{Runtime, listening};

/// Access units that may be missing at the end, which over UDP overtakes what comes before it.
const TAIL: usize = 5;

/// Starts GStreamer's server and returns it with its URL.
pub(crate) fn gst_server(mode: &str, file: &Path) -> (Program, String) {
    start_gst_server(mode, &[file])
}

/// The same over TLS, with media in SRTP.
pub(crate) fn secured_gst_server(mode: &str, file: &Path, certificate: &Path) -> (Program, String) {
    start_gst_server(mode, &[file, certificate])
}

fn start_gst_server(mode: &str, files: &[&Path]) -> (Program, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/gst_server.py");
    let name = format!("GStreamer's server, to {mode}");
    let program = Program::start(name, Command::new(PYTHON).args([script, mode]).args(files));
    let url = listening(&program);
    (program, url)
}

/// Starts FFmpeg's server, which takes one publisher and then ends, and returns it with its URL.
fn ffmpeg_server(file: &Path) -> (Program, String) {
    let port = own_port();
    let url = format!("rtsp://127.0.0.1:{port}/x");
    let mut command = ffmpeg();
    command.args(["-rtsp_flags", "listen", "-i", &url, "-map", "0:v", "-c", "copy", "-f", "h264"]);
    let program = Program::start("FFmpeg's server", command.arg(file));
    // It does not say when it listens, and a connection to find out would be the only one that it takes.
    let deadline = Instant::now() + PATIENCE;
    while !is_listened_on(port) {
        assert!(program.is_running() && Instant::now() < deadline, "FFmpeg's server does not listen");
        thread::sleep(Duration::from_millis(10));
    }
    (program, url)
}

/// Returns `true` if some program listens on a port, by what the kernel says.
fn is_listened_on(port: u16) -> bool {
    const LISTEN: &str = "0A";
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux has the table");
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next(), fields.nth(1));
        state == Some(LISTEN) && local.is_some_and(|local| local.ends_with(&format!(":{port:04X}")))
    })
}

/// Every reader gets the whole clip from GStreamer's server, which serves it to each from its start to its end.
///
/// GStreamer's own reader is left out: it was seen to wait for the end for ever over TCP, after the whole clip.
fn read_from_gstreamer(clip: fn() -> &'static Clip) {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let clip = clip();
    let (_server, url) = gst_server("play", &clip.mov);
    let others = Reader::FOREIGN.iter().copied().filter(|reader| *reader != Reader::Gstreamer);
    let readers = others.chain(Runtime::ALL.map(Reader::Rtspan));
    let mut readings: Vec<Reading> = readers.flat_map(|reader| reader.read_both(&url)).collect();
    expect(&mut readings, PATIENCE, &clip.units, clip.units.len() - TAIL);
}

#[test]
fn every_reader_reads_from_gstreamer() {
    read_from_gstreamer(Clip::brief_baseline);
}

#[test]
fn every_reader_reads_b_pictures_from_gstreamer() {
    read_from_gstreamer(Clip::brief_high);
}

/// Our publisher, on every runtime, publishes to a server of its own, which writes what it gets to a file.
fn publish_to(start: fn(&Path) -> (Program, String), transport: Transport) {
    let clip = Clip::brief_high();
    let mut runs = Runtime::ALL.map(|runtime| {
        let file = file();
        let (server, url) = start(&file);
        let publisher = Publisher::Rtspan(runtime).publish(transport, clip, &url);
        (runtime, server, publisher, file)
    });
    for (runtime, server, publisher, file) in &mut runs {
        publisher.finish();
        server.finish();
        let mut units = units_of(file);
        if transport == Transport::Udp {
            // The last unit is in the server's socket when it obeys TEARDOWN, and is lost.
            units.pop();
        }
        let difference = compare(&clip.units, &units, clip.units_published() - TAIL);
        assert!(difference.is_ok(), "{runtime:?}: {difference:?}");
    }
}

#[test]
fn rtspan_publishes_to_gstreamer_over_tcp() {
    if installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        publish_to(|file| gst_server("record", file), Transport::Tcp);
    }
}

#[test]
fn rtspan_publishes_to_gstreamer_over_udp() {
    if installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        publish_to(|file| gst_server("record", file), Transport::Udp);
    }
}

#[test]
fn rtspan_publishes_to_ffmpeg_over_tcp() {
    if installed(&[Needs::Ffmpeg]) {
        publish_to(ffmpeg_server, Transport::Tcp);
    }
}

#[test]
fn rtspan_publishes_to_ffmpeg_over_udp() {
    if installed(&[Needs::Ffmpeg]) {
        publish_to(ffmpeg_server, Transport::Udp);
    }
}
