//! Readers of the multicast groups of our server: FFmpeg and GStreamer. Each gets what was published, to the byte, and
//! reports to the group.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use rtspan_std::{Interface, MediaTransport, Multicast, Server};

use crate::clip::{Clip, ffmpeg, file};
use crate::matrix::{DEMANDED, ENDING};
use crate::namespace;
use crate::peer::{Publisher, Reading, Transport, expect, launch, stop};
use crate::policy::{Needs, installed};
use crate::program::{PATIENCE, Program};

fn read_by_ffmpeg(url: &str, _: &str) -> Reading {
    let file = file();
    let mut command = ffmpeg();
    command.args(["-rtsp_transport", "udp_multicast", "-i", url, "-map", "0:v", "-c", "copy", "-f", "h264"]);
    let name = "FFmpeg reading a group";
    let program = Program::start(name, command.arg(&file));
    Reading::of(name.to_owned(), program, file)
}

fn read_by_gstreamer(url: &str, interface: &str) -> Reading {
    let file = file();
    let source =
        format!("rtspsrc name=source location={url} protocols=udp-mcast multicast-iface={interface}");
    let video = "source. ! rtph264depay ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au";
    let name = "GStreamer reading a group";
    let sink = format!("filesink buffer-mode=unbuffered location={}", file.display());
    Reading::of(name.to_owned(), launch(name, &format!("{source} {video} ! {sink}")), file)
}

fn groups(range: &str) -> Multicast {
    Multicast::new(range.parse().unwrap()).unwrap()
}

/// Relays a clip to each by groups, at an address of this interface.
///
/// They do not share a group: FFmpeg takes the goodbye of another reader for that of the stream, and on one host GStreamer says one when
/// it hears itself.
fn relay(multicast: &Multicast, ip: IpAddr, interface: &str) {
    for read in [read_by_ffmpeg, read_by_gstreamer] {
        relay_to(read, multicast.clone(), ip, interface);
    }
}

fn relay_to(read: fn(&str, &str) -> Reading, multicast: Multicast, ip: IpAddr, interface: &str) {
    let clip = Clip::baseline();
    let builder = Server::builder().multicast(multicast, Interface::Address(ip));
    let server = builder.bind(SocketAddr::new(ip, 0)).unwrap();
    let url = format!("rtsp://{}/live", server.local_addr());
    let mut publishing = Publisher::Ffmpeg.publish(Transport::Tcp, clip, &url);
    wait("it is published", || !server.streams().is_empty());
    let mut readings = vec![read(&url, interface).cut_short()];
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    wait("the reader has reported", || {
        let stats = server.stats();
        let readers =
            stats.sessions.iter().filter(|(info, _)| info.transport == Some(MediaTransport::Multicast));
        let reports: Vec<_> = readers.map(|(_, stats)| stats.received().rtcp.packets).collect();
        reports.len() == readings.len() && reports.iter().all(|reports| *reports > 0)
    });
    stop(&mut publishing);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not after {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn ffmpeg_and_gstreamer_read_a_stream_from_its_groups() {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer]) {
        return;
    }
    namespace::within("multicast::ffmpeg_and_gstreamer_read_a_stream_from_its_groups", || {
        relay(&groups("239.1.0.0/16"), Ipv4Addr::LOCALHOST.into(), "lo");
    });
}

#[test]
fn ffmpeg_and_gstreamer_read_a_stream_from_groups_of_one_source() {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer]) {
        return;
    }
    namespace::within("multicast::ffmpeg_and_gstreamer_read_a_stream_from_groups_of_one_source", || {
        relay(&groups("232.1.0.0/16").described(true), Ipv4Addr::LOCALHOST.into(), "lo");
    });
}
