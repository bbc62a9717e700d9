//! Tests of a server of ours with real programs when things do not go the usual way.

use std::process::Command;

use crate::clip::Clip;
use crate::matrix::{DEMANDED, ENDING};
use crate::peer::{Publisher, Reader, Reading, Transport, expect, stop};
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::rtspan::{Runtime, Server};

/// Memory that a server may need at most, beside the pages of its program: the log of a stream, which is 8 MiB, and as much again
/// for blocks that are held by a part and for all else.
const MEMORY: usize = 16 << 20;

#[test]
fn ffprobe_sees_picture_and_sound_of_the_demo() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    for runtime in Runtime::ALL {
        let server = Server::start(runtime);
        for transport in [Transport::Tcp, Transport::Udp] {
            let mut command = Command::new("ffprobe");
            command.args(["-v", "error", "-rtsp_transport", transport.name(), "-of", "csv=p=0"]);
            command.args(["-show_entries", "stream=codec_name", &server.url("/demo")]);
            let mut program = Program::start(format!("ffprobe over {transport}"), &mut command);
            program.finish();
            assert_eq!(program.said(), "h264\npcm_mulaw\n", "{runtime:?} over {transport}");
        }
    }
}

#[test]
fn a_second_publisher_is_refused_and_does_not_harm_the_first() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let server = Server::start(Runtime::Smol);
    let clip = Clip::high();
    let url = server.url("/live");
    let mut first = Publisher::Ffmpeg.publish(Transport::Tcp, clip, &url);
    server.published("/live");
    let mut readings = Reader::Ffmpeg.read_both(&url).map(Reading::cut_short);
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut second = Publisher::Ffmpeg.publish(transport, clip, &url);
        let status = second.wait(ENDING).expect("it ends soon");
        assert!(!status.success());
        assert!(second.said().contains("403 Forbidden"), "{}", second.said());
    }
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    stop(&mut first);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}

#[test]
fn readers_end_when_the_publisher_is_killed() {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer]) {
        return;
    }
    let server = Server::start(Runtime::Smol);
    let clip = Clip::baseline();
    let url = server.url("/live");
    let publisher = Publisher::Ffmpeg.publish(Transport::Tcp, clip, &url);
    server.published("/live");
    let readers = [Reader::Ffmpeg, Reader::Gstreamer, Reader::Rtspan(Runtime::Smol)];
    let mut readings: Vec<Reading> =
        readers.into_iter().flat_map(|reader| reader.read_both(&url)).map(Reading::cut_short).collect();
    readings.iter().for_each(|reading| reading.has_read(1, clip));
    publisher.signal("KILL");
    expect(&mut readings, ENDING, &clip.units, 1);
}

/// One reader of much is stopped, as by a debugger, and another is not.
fn stop_a_reader(runtime: Runtime) {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let clip = Clip::heavy();
    let server = Server::start(runtime);
    let url = server.url("/live");
    let mut publisher = Publisher::Ffmpeg.publish(Transport::Tcp, clip, &url);
    server.published("/live");
    let stopped = Reader::Ffmpeg.read(Transport::Tcp, &url);
    server.played("/live", 1);
    stopped.signal("STOP");
    let mut others = [Reader::Ffmpeg.read(Transport::Tcp, &url).cut_short()];
    server.said("has missed");
    others.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    stop(&mut publisher);
    let peak = server.memory_peak();
    assert!(peak < MEMORY, "{peak} bytes");
    expect(&mut others, ENDING, &clip.units, DEMANDED);
}

#[test]
fn a_reader_that_is_stopped_costs_nobody_anything_on_std() {
    stop_a_reader(Runtime::Std);
}

#[test]
fn a_reader_that_is_stopped_costs_nobody_anything_on_smol() {
    stop_a_reader(Runtime::Smol);
}

#[test]
fn a_reader_that_is_stopped_costs_nobody_anything_on_tokio() {
    stop_a_reader(Runtime::Tokio);
}
