//! SRTP in sessions, with keys by MIKEY: our client plays from GStreamer's server, and publishes to it.

use std::fs;
use std::path::PathBuf;

use crate::access_unit::compare;
use crate::clip::{Clip, file, units_of};
use crate::foreign::secured_gst_server;
use crate::peer::{Reading, Transport, expect};
use crate::policy::{Needs, installed};
use crate::program::{PATIENCE, Program};
use crate::rtspan::{Runtime, rtspan};

/// Access units that may be missing at the end.
const TAIL: usize = 5;
const NEEDED: &[Needs] = &[Needs::Ffmpeg, Needs::Gstreamer, Needs::GstRtspServer, Needs::TlsOfGlib];

/// A certificate with its key, in a file.
fn certificate() -> PathBuf {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let path = file().with_extension("pem");
    fs::write(&path, made.cert.pem() + &made.signing_key.serialize_pem()).expect("a file");
    path
}

#[test]
fn our_client_plays_srtp_from_gstreamers_server() {
    if !installed(NEEDED) {
        return;
    }
    let clip = Clip::brief_high();
    let (_server, url) = secured_gst_server("play", &clip.mov, &certificate());
    let mut readings = Vec::new();
    for runtime in Runtime::ALL {
        for transport in [Transport::Tcp, Transport::Udp] {
            let (name, file) = (format!("{runtime:?} over {transport}"), file());
            let mut command = rtspan(runtime);
            command.args(["play", "--no-reconnect", "--insecure", "--seconds", "60"]);
            command.args(["--transport", transport.name(), &url, "--out"]).arg(&file);
            readings.push(Reading::of(name.clone(), Program::start(name, &mut command), file));
        }
    }
    expect(&mut readings, PATIENCE, &clip.units, clip.units.len() - TAIL);
}

#[test]
fn our_client_publishes_srtp_to_gstreamers_server() {
    if !installed(NEEDED) {
        return;
    }
    let (clip, certificate) = (Clip::brief_high(), certificate());
    let seconds = clip.seconds_published().to_string();
    let start = |(runtime, transport): (Runtime, Transport)| {
        let file = file();
        let (server, url) = secured_gst_server("record", &file, &certificate);
        let mut command = rtspan(runtime);
        command.args(["publish", "--no-reconnect", "--insecure", "--seconds", &seconds, "--srtp"]);
        command.args(["--transport", transport.name(), &url, "--file"]).arg(&clip.h264);
        let name = format!("{runtime:?} publishing over {transport}");
        (name.clone(), transport, server, Program::start(name, &mut command), file)
    };
    let each = |runtime| [Transport::Tcp, Transport::Udp].map(|transport| (runtime, transport));
    let mut runs: Vec<_> = Runtime::ALL.into_iter().flat_map(each).map(start).collect();
    for (name, transport, server, publisher, file) in &mut runs {
        publisher.finish();
        server.finish();
        let mut units = units_of(file);
        if *transport == Transport::Udp {
            // The last unit is in the server's socket when it obeys TEARDOWN, and is lost.
            units.pop();
        }
        let difference = compare(&clip.units, &units, clip.units_published() - TAIL);
        assert!(difference.is_ok(), "{name}: {difference:?}");
    }
}
