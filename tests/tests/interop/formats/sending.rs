//! Our packets, put together again by a program.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rtspan_std::frame::Frame;
use rtspan_std::payload::Parts;
use rtspan_std::{Codec, Description, Event, Media};

use super::frames::{self, Apart};
use super::material::{Material, frames_of};
use super::server::{serve, until};
use super::table::{Peer, Row, Source};
use super::{GST_FRAMES, TAIL};
use crate::clip::{ffmpeg, file};
use crate::peer::Transport;
use crate::policy::PYTHON;
use crate::program::Program;

/// Frames are sent so many times faster than they are played.
const FASTER: u32 = 4;

/// Sends the frames of a format to a program, which has to get all of them.
pub(super) fn try_out(row: &Row, peer: Peer, transport: Transport) {
    if !peer.reads(row) {
        return;
    }
    let material = Material::of(row);
    let server = serve();
    let format = (row.format)(material);
    let codec = format.codec().clone();
    row.is_right_of(&format);
    row.has_all_of(&format);
    let media = Media::new(row.kind.clone(), vec![format]);
    let stream = server.publish("/x", Description::new(vec![media])).expect("the path is free");
    let mut stream = stream.into_frames().expect("the format can be sent");
    let url = format!("rtsp://{}/x", server.local_addr());
    let mut reading = Reading::start(row, peer, transport, &url);
    until(&server, &reading.program, |event| matches!(event, Event::Playing { .. }).then_some(()));
    let mut before = 0;
    for known in &material.frames {
        let wait = u64::try_from(known.pts - before).unwrap_or(0);
        thread::sleep(Duration::from_nanos(wait) / FASTER);
        before = before.max(known.pts);
        stream.write(&Frame::new(0, known.pts, parts(&codec, &known.bytes))).expect("the frame can be sent");
    }
    drop(stream);
    // The end of the session may come before the last packets over UDP.
    let mut tail = if transport == Transport::Tcp { 0 } else { TAIL };
    let mut read = reading.finish();
    let units = match peer {
        Peer::Ffmpeg if row.ffmpeg.units.is_some() => {
            tail += row.kept;
            row.ffmpeg.units.unwrap_or(row.units)
        }
        Peer::Ffmpeg => row.units,
        Peer::Gstreamer => {
            drop(read.drain(..(row.gstreamer.headers)(material).len().min(read.len())));
            row.units
        }
    };
    let spoilt = if peer == Peer::Gstreamer { row.gstreamer.spoils } else { 0 };
    let sent = match (peer, &row.source, &material.file) {
        (Peer::Ffmpeg, Source::Cut { .. }, Some(file)) => frames_of(file, &[]),
        _ => material.frames.clone(),
    };
    let sent = units.of(sent.into_iter().skip(spoilt).map(|known| known.bytes));
    let result = units.expect_all(&sent, &units.of(read.into_iter().skip(spoilt)), tail);
    assert_eq!(result, Ok(()), "{} to {peer:?} over {transport}", row.name);
}

/// A frame as our packetizers take it.
fn parts(codec: &Codec, bytes: &Bytes) -> Parts {
    match codec {
        Codec::H264(_) | Codec::H265(_) => Parts::from_annex_b(bytes),
        _ => bytes.clone().into(),
    }
}

/// A program that reads.
struct Reading {
    program: Program,
    frames: Frames,
}

enum Frames {
    OfFfmpeg(Apart),
    OfGstreamer(PathBuf),
}

impl Reading {
    fn start(row: &Row, peer: Peer, transport: Transport, url: &str) -> Self {
        let name = format!("{peer:?} reading {} over {transport}", row.name);
        match peer {
            Peer::Ffmpeg => {
                let apart = Apart::new();
                let mut command = ffmpeg();
                command.args(["-rtsp_transport", transport.name(), "-i", url]);
                apart.of(&mut command);
                Self { program: Program::start(name, &mut command), frames: Frames::OfFfmpeg(apart) }
            }
            Peer::Gstreamer => {
                let file = file();
                let chain = row.gstreamer.reads.expect("it is not left out");
                let mut command = Command::new(PYTHON);
                command.args([GST_FRAMES, "read", url, transport.name(), chain]).arg(&file);
                Self { program: Program::start(name, &mut command), frames: Frames::OfGstreamer(file) }
            }
        }
    }

    /// Waits until the program has ended by itself, and returns what it has read.
    fn finish(&mut self) -> Vec<Bytes> {
        self.program.finish();
        match &self.frames {
            Frames::OfFfmpeg(apart) => apart.frames().into_iter().map(|known| known.bytes).collect(),
            Frames::OfGstreamer(file) => frames::read(file),
        }
    }
}
