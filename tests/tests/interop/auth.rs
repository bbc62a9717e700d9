//! Servers that ask for passwords: a client with the right one reads and publishes, and nobody else.

use std::process::Command;
use std::thread;

use crate::clip::{Clip, ffmpeg};
use crate::matrix::{DEMANDED, ENDING};
use crate::peer::{Publisher, Reader, Reading, Transport, expect, stop};
use crate::policy::{Needs, installed};
use crate::program::{PATIENCE, Program};
use crate::rtspan::{Runtime, Server, rtspan};

/// `wall` may read `/live`, and `studio` may publish there.
const USERS: [&str; 4] = ["--user", "wall:horse:read:/live", "--user", "studio:staple:publish:/live"];

fn guarded(runtime: Runtime, scheme: &str) -> Server {
    Server::start_with(runtime, &[&USERS[..], &["--auth", scheme]].concat())
}

/// Those with the right read what those with the right publish.
fn relay(runtime: Runtime, scheme: &str, publisher: Publisher) {
    let clip = Clip::high();
    let server = guarded(runtime, scheme);
    let mut publishing = publisher.publish(Transport::Tcp, clip, &server.url_as("studio:staple", "/live"));
    server.published("/live");
    let url = server.url_as("wall:horse", "/live");
    let readers = Reader::FOREIGN.iter().copied().chain([Reader::Rtspan(runtime)]);
    let readings = readers.map(|reader| reader.read(Transport::Tcp, &url));
    let mut readings: Vec<Reading> = readings.map(Reading::cut_short).collect();
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    stop(&mut publishing);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}

/// Each publisher with each scheme on each runtime.
#[test]
fn who_has_the_password_reads_and_publishes() {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer]) {
        return;
    }
    thread::scope(|scope| {
        for runtime in Runtime::ALL {
            scope.spawn(move || {
                for scheme in ["digest", "basic"] {
                    for publisher in [Publisher::Ffmpeg, Publisher::Gstreamer] {
                        relay(runtime, scheme, publisher);
                    }
                }
            });
        }
    });
}

/// Our own publisher and reader know SHA-256 too.
#[test]
fn rtspan_proves_itself_by_sha_256() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let server = guarded(Runtime::Smol, "sha256");
    let clip = Clip::high();
    let url = server.url_as("studio:staple", "/live");
    let mut publishing = Publisher::Rtspan(Runtime::Std).publish(Transport::Tcp, clip, &url);
    server.published("/live");
    let url = server.url_as("wall:horse", "/live");
    let mut readings = Reader::Rtspan(Runtime::Smol).read_both(&url).map(Reading::cut_short);
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    stop(&mut publishing);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}

/// The commands with which programs read, or publish a clip, at a URL.
fn commands(url: &str, clip: &Clip) -> Vec<(&'static str, Command)> {
    let mut commands = Vec::new();
    let mut command = ffmpeg();
    command.args(["-rtsp_transport", "tcp", "-i", url, "-f", "null", "-"]);
    commands.push(("FFmpeg reads", command));
    let mut command = ffmpeg();
    command.arg("-re").arg("-i").arg(&clip.mov);
    command.args(["-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", url]);
    commands.push(("FFmpeg publishes", command));
    let mut command = Command::new("gst-launch-1.0");
    command.args(["rtspsrc", &format!("location={url}"), "protocols=tcp", "!", "fakesink"]);
    commands.push(("GStreamer reads", command));
    let mut command = rtspan(Runtime::Smol);
    command.args(["probe", url]);
    commands.push(("rtspan probes", command));
    commands
}

#[test]
fn who_has_not_the_password_or_not_the_right_is_refused() {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer]) {
        return;
    }
    let clip = Clip::high();
    for scheme in ["digest", "basic"] {
        let server = guarded(Runtime::Smol, scheme);
        // A wrong password, and a right one for a path, and for an action, that is not the user's.
        for (credentials, path, words) in [
            ("wall:wrong", "/live", ["401", "nauthorized", "refuses user and password"]),
            ("nobody:horse", "/live", ["401", "nauthorized", "refuses user and password"]),
            ("wall:horse", "/demo", ["403", "orbidden", "403"]),
        ] {
            for (name, mut command) in commands(&server.url_as(credentials, path), clip) {
                let mut program = Program::start(name, &mut command);
                let status = program.wait(PATIENCE).expect("it ends soon");
                assert!(!status.success(), "{name} as {credentials} at {path}");
                let said = program.said();
                assert!(words.iter().any(|words| said.contains(words)), "{name} as {credentials}:\n{said}");
            }
        }
    }
}
