//! Metadata of ONVIF, against GStreamer's client and server: documents come out whole, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::clip::file;
use crate::policy::{Needs, PYTHON, installed};
use crate::program::Program;
use crate::rtspan::{Runtime, Server, listening, rtspan};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/gst_metadata.py");

/// A document of several packets, as cameras send it.
fn document() -> (PathBuf, Vec<u8>) {
    let frame = |number: usize| {
        format!(
            "    <tt:Frame UtcTime=\"2026-06-01T12:24:57.{number:03}Z\">\n      <tt:Object ObjectId=\"{number}\"/>\n    \
             </tt:Frame>\n"
        )
    };
    let frames: String = (0..60).map(frame).collect();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tt:MetadataStream xmlns:tt=\"http://www.onvif.org/ver10/schema\">\n  \
         <tt:VideoAnalytics>\n{frames}  </tt:VideoAnalytics>\n</tt:MetadataStream>"
    );
    let path = file().with_extension("xml");
    fs::write(&path, &text).expect("there is room for a file");
    (path, text.into_bytes())
}

/// Some documents, one behind the other, with what is written behind each.
#[track_caller]
fn is_whole(path: &Path, document: &[u8], behind: &[u8]) {
    let written = fs::read(path).expect("it is written");
    let one = [document, behind].concat();
    let count = written.len() / one.len();
    assert!(
        count > 0 && written == one.repeat(count),
        "{} bytes of documents of {}",
        written.len(),
        one.len()
    );
}

fn publish(runtime: Runtime, server: &Server, path: &Path) -> Program {
    let mut command = rtspan(runtime);
    command.args(["publish", &server.url("/x"), "--file"]).arg(path);
    let publisher = Program::start(format!("rtspan publish on {runtime:?}"), &mut command);
    server.published("/x");
    publisher
}

#[test]
fn documents_that_rtspan_publishes_are_read_by_gstreamer_and_rtspan() {
    let (path, document) = document();
    for runtime in Runtime::ALL {
        let server = Server::start(runtime);
        let _publisher = publish(runtime, &server, &path);
        for transport in ["tcp", "udp"] {
            if installed(&[Needs::Gstreamer, Needs::GstRtspServer]) {
                let read = file();
                let mut command = Command::new(PYTHON);
                command.args([SCRIPT, "read", transport, &server.url("/x")]).arg(&read);
                let reader = Program::start(format!("GStreamer over {transport}"), &mut command);
                reader.lines("read", 2, |line| line == "read");
                drop(reader);
                // It was ended where it may have been writing.
                let file = fs::OpenOptions::new().write(true).open(&read).unwrap();
                let bytes = file.metadata().unwrap().len();
                file.set_len(bytes - bytes % document.len() as u64).unwrap();
                is_whole(&read, &document, b"");
            }
            let written = file().with_extension("xml");
            let mut command = rtspan(runtime);
            command.args(["play", &server.url("/x"), "--seconds", "3", "--transport", transport, "--out"]);
            Program::start("rtspan play", command.arg(&written)).finish();
            is_whole(&written, &document, b"\n");
        }
    }
}

#[test]
fn documents_of_gstreamers_server_are_read() {
    if !installed(&[Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let (path, document) = document();
    for runtime in Runtime::ALL {
        for transport in ["tcp", "udp"] {
            let mut command = Command::new(PYTHON);
            let server = Program::start("GStreamer's server", command.args([SCRIPT, "serve"]).arg(&path));
            let (url, written) = (listening(&server), file().with_extension("xml"));
            let mut command = rtspan(runtime);
            command.args(["play", &url, "--seconds", "2", "--transport", transport, "--out"]);
            Program::start("rtspan play", command.arg(&written)).finish();
            is_whole(&written, &document, b"\n");
        }
    }
}
