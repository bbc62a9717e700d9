//! The layers beneath RTSP: TLS, and RTSP in two requests of HTTP. FFmpeg and GStreamer publish and read through each layer that
//! they have, from the same port of our server, on every runtime; and our client goes through HTTP to GStreamer's server.

use std::thread;

use rtspan_std::{Client, MediaKind, Transports};

use crate::clip::{Clip, ffmpeg, file};
use crate::foreign::gst_server;
use crate::matrix::{DEMANDED, ENDING};
use crate::peer::{Reading, expect, launch, stop};
use crate::policy::{Needs, installed};
use crate::program::{PATIENCE, Program};
use crate::rtspan::{Runtime, Server, rtspan};

/// How FFmpeg is told a layer: the scheme, and its own name for the transport.
const OF_FFMPEG: [(&str, &str); 3] = [("rtsps", "tcp"), ("rtsp", "http"), ("rtsp", "https")];
/// The schemes of GStreamer.
const OF_GSTREAMER: [&str; 3] = ["rtsps", "rtsph", "rtspsh"];

fn with_scheme(scheme: &str, url: &str) -> String {
    url.replacen("rtsp://", &format!("{scheme}://"), 1)
}

fn read_by_ffmpeg((scheme, transport): (&str, &str), url: &str) -> Reading {
    let (file, url) = (file(), with_scheme(scheme, url));
    let mut command = ffmpeg();
    command.args(["-rtsp_transport", transport, "-i", &url, "-map", "0:v", "-c", "copy", "-f", "h264"]);
    let name = format!("FFmpeg reading {scheme} over {transport}");
    let program = Program::start(&name, command.arg(&file));
    Reading::of(name, program, file)
}

fn read_by_gstreamer(scheme: &str, url: &str) -> Reading {
    let (file, url) = (file(), with_scheme(scheme, url));
    let source = format!("rtspsrc name=source location={url} tls-validation-flags=0");
    let video = "source. ! rtph264depay ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au";
    let name = format!("GStreamer reading {scheme}");
    let sink = format!("filesink buffer-mode=unbuffered location={}", file.display());
    let program = launch(&name, &format!("{source} {video} ! {sink}"));
    Reading::of(name, program, file)
}

fn publish_by_ffmpeg(clip: &Clip, url: &str) -> Program {
    let mut command = ffmpeg();
    command.arg("-re").arg("-i").arg(&clip.mov).args(["-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp"]);
    Program::start("FFmpeg publishing over TLS", command.arg(with_scheme("rtsps", url)))
}

fn publish_by_gstreamer(scheme: &str, clip: &Clip, url: &str) -> Program {
    let url = with_scheme(scheme, url);
    let sink = format!("rtspclientsink name=sink location={url} protocols=tcp tls-validation-flags=0");
    let source = format!("filesrc location={} ! qtdemux name=demux", clip.mov.display());
    let video = "demux.video_0 ! queue ! h264parse ! sink.sink_0";
    let audio = "demux.audio_0 ! queue ! sink.sink_1";
    launch(format!("GStreamer publishing by {scheme}"), &[&sink, &source, video, audio].join(" "))
}

fn relay(runtime: Runtime, publish: impl Fn(&Clip, &str) -> Program) {
    let clip = Clip::high();
    let server = Server::start_with(runtime, &["--tls-self-signed", "127.0.0.1"]);
    let url = server.url("/live");
    let mut publishing = publish(clip, &url);
    server.published("/live");
    let readings = OF_FFMPEG.iter().map(|how| read_by_ffmpeg(*how, &url));
    let readings = readings.chain(OF_GSTREAMER.iter().map(|scheme| read_by_gstreamer(scheme, &url)));
    let mut readings: Vec<_> = readings.map(Reading::cut_short).collect();
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    stop(&mut publishing);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}

fn relay_on_each(publish: impl Fn(&Clip, &str) -> Program + Copy + Send) {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer, Needs::TlsOfGlib]) {
        return;
    }
    thread::scope(|scope| {
        for runtime in Runtime::ALL {
            scope.spawn(move || relay(runtime, publish));
        }
    });
}

#[test]
fn ffmpeg_publishes_over_tls_and_both_read_through_every_layer() {
    relay_on_each(publish_by_ffmpeg);
}

#[test]
fn gstreamer_publishes_over_tls_and_both_read_through_every_layer() {
    relay_on_each(|clip, url| publish_by_gstreamer("rtsps", clip, url));
}

#[test]
fn gstreamer_publishes_through_http_and_both_read_through_every_layer() {
    relay_on_each(|clip, url| publish_by_gstreamer("rtsph", clip, url));
}

#[test]
fn gstreamer_publishes_through_https_and_both_read_through_every_layer() {
    relay_on_each(|clip, url| publish_by_gstreamer("rtspsh", clip, url));
}

#[test]
fn our_client_reads_from_gstreamers_server_through_http() {
    if !installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        return;
    }
    let (_server, url) = gst_server("play", &Clip::brief_high().mov);
    let played = |url: &str| {
        // How packets of several medias are mixed is chance.
        let builder = Client::builder(url).unwrap().transport(Transports::Tcp).medias(MediaKind::Video);
        let packets = builder.play().unwrap();
        packets.map(|received| received.unwrap().packet.payload().to_vec()).take(100).collect::<Vec<_>>()
    };
    let through = played(&with_scheme("rtsp+http", &url));
    assert_eq!(through.len(), 100);
    assert!(through == played(&url), "the same as without a tunnel");
}

#[test]
fn our_tool_reads_and_publishes_through_every_layer_by_the_pin_that_its_server_says() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let clip = Clip::baseline();
    let server = Server::start_with(Runtime::Smol, &["--tls-self-signed", "127.0.0.1", "--require-tls"]);
    let pin = server.certificate();
    let ways = [&[][..], &["--tunnel", "http"], &["--tunnel", "ws"]];
    let mut publishing = Vec::new();
    for (path, way) in ["/plain", "/http", "/ws"].iter().zip(ways) {
        let seconds = clip.seconds_published().to_string();
        let mut command = rtspan(Runtime::Smol);
        command.args([
            "publish",
            "--no-reconnect",
            "--transport",
            "tcp",
            "--pin",
            &pin,
            "--seconds",
            &seconds,
        ]);
        command.args(way).arg(with_scheme("rtsps", &server.url(path))).arg("--file").arg(&clip.h264);
        publishing.push(Program::start(format!("rtspan publishing at {path}"), &mut command));
        server.published(path);
    }
    let mut readings = Vec::new();
    for path in ["/plain", "/http", "/ws"] {
        for way in ways {
            let file = file();
            let mut command = rtspan(Runtime::Std);
            let seconds = PATIENCE.as_secs().to_string();
            command.args(["play", "--no-reconnect", "--transport", "tcp", "--pin", &pin]);
            command.args(["--seconds", &seconds]);
            command.args(way).arg(with_scheme("rtsps", &server.url(path))).arg("--out").arg(&file);
            let name = format!("rtspan reading {path} {way:?}");
            let program = Program::start(&name, &mut command);
            readings.push(Reading::of(name, program, file).cut_short());
        }
    }
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    publishing.iter_mut().for_each(stop);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}
