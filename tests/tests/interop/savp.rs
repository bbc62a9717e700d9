//! SRTP between our server and GStreamer, which reads and publishes by it over TCP and over UDP on every runtime. FFmpeg, which knows
//! nothing of it, reads what is offered so as before.

use std::thread;

use crate::clip::{Clip, ffmpeg, file};
use crate::matrix::{DEMANDED, ENDING};
use crate::peer::{Reading, Transport, expect, launch, stop};
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::rtspan::{Runtime, Server};

/// A server that offers SRTP, and tells every message.
const SERVER: [&str; 4] = ["--tls-self-signed", "127.0.0.1", "--srtp", "--trace"];

fn over_tls(url: &str) -> String {
    url.replacen("rtsp://", "rtsps://", 1)
}

/// Reads the pictures, by SRTP since that is offered.
fn read_by_gstreamer(transport: Transport, url: &str) -> Reading {
    let (file, url) = (file(), over_tls(url));
    let source = format!("rtspsrc name=source location={url} protocols={transport} tls-validation-flags=0");
    let video = "source. ! rtph264depay ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au";
    let name = format!("GStreamer reading SRTP over {transport}");
    let sink = format!("filesink buffer-mode=unbuffered location={}", file.display());
    let program = launch(&name, &format!("{source} {video} ! {sink}"));
    Reading::of(name, program, file)
}

/// Reads the pictures in the clear within TLS, as it always does.
fn read_by_ffmpeg(url: &str) -> Reading {
    let (file, url) = (file(), over_tls(url));
    let mut command = ffmpeg();
    command.args(["-rtsp_transport", "tcp", "-i", &url, "-map", "0:v", "-c", "copy", "-f", "h264"]);
    let name = "FFmpeg reading what is offered by SRTP".to_owned();
    let program = Program::start(name.clone(), command.arg(&file));
    Reading::of(name, program, file)
}

fn publish_by_gstreamer(transport: Transport, clip: &Clip, url: &str) -> Program {
    let url = over_tls(url);
    let sink = format!(
        "rtspclientsink name=sink location={url} protocols={transport} profiles=savp tls-validation-flags=0"
    );
    let source = format!("filesrc location={} ! qtdemux name=demux", clip.mov.display());
    let video = "demux.video_0 ! queue ! h264parse ! sink.sink_0";
    let audio = "demux.audio_0 ! queue ! sink.sink_1";
    launch(
        format!("GStreamer publishing by SRTP over {transport}"),
        &[&sink, &source, video, audio].join(" "),
    )
}

fn relay(runtime: Runtime, transport: Transport) {
    let clip = Clip::high();
    let server = Server::start_with(runtime, &SERVER);
    let url = server.url("/live");
    let mut publishing = publish_by_gstreamer(transport, clip, &url);
    server.published("/live");
    let readings = [Transport::Tcp, Transport::Udp].map(|way| read_by_gstreamer(way, &url));
    let mut readings: Vec<_> =
        readings.into_iter().chain([read_by_ffmpeg(&url)]).map(Reading::cut_short).collect();
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    for asked in ["RTP/SAVP/TCP;unicast;interleaved=", "RTP/SAVP;unicast;client_port=", "RTP/AVP/TCP;"] {
        server.said(&format!("< Transport: {asked}"));
    }
    stop(&mut publishing);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}

fn relay_on_each(transport: Transport) {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer, Needs::TlsOfGlib]) {
        return;
    }
    thread::scope(|scope| {
        for runtime in Runtime::ALL {
            scope.spawn(move || relay(runtime, transport));
        }
    });
}

#[test]
fn gstreamer_publishes_by_srtp_over_tcp_and_reads_by_it_over_both() {
    relay_on_each(Transport::Tcp);
}

#[test]
fn gstreamer_publishes_by_srtp_over_udp_and_reads_by_it_over_both() {
    relay_on_each(Transport::Udp);
}
