//! Each payload format, between this library and the programs that have it, frame by frame.
//!
//! The frames of a format are known. One side makes packets of them and the other puts frames together again, which have to
//! be those, to the byte: ours and FFmpeg's, ours and GStreamer's, both ways, over TCP and over UDP. Where the packets are
//! ours to read, those that came over UDP also pass a [`link`] that loses one of fifty and has others change places. Then
//! frames are missing, and each one that comes out unmarked has to be whole.
//!
//! `docs/formats.md` says which of these were run; it is made from the [`table`].

mod frames;
mod link;
mod material;
mod page;
mod reading;
mod sending;
mod server;
mod table;
mod units;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::peer::Transport;
use crate::policy::{Needs, installed};

use table::{Peer, ROWS, Row};

/// The script that GStreamer is driven by.
const GST_FRAMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/formats/gst_frames.py");

/// Frames at the end that a reader may not have when it hears that the stream has ended.
const TAIL: usize = 5;

/// Formats that are tried at the same time; the programs wait most of the time.
const AT_ONCE: usize = 12;

/// Tries each format, and then says which have failed.
fn each(attempt: impl Fn(&'static Row) + Sync) {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let work = || {
        while let Some(row) = ROWS.get(next.fetch_add(1, Ordering::Relaxed)) {
            if catch_unwind(AssertUnwindSafe(|| attempt(row))).is_err() {
                failed.lock().expect("no one panics with it").push(row.name);
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().expect("no one panics with it");
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn ffmpeg_reads_what_we_send_over_tcp() {
    each(|row| sending::try_out(row, Peer::Ffmpeg, Transport::Tcp));
}

#[test]
fn ffmpeg_reads_what_we_send_over_udp() {
    each(|row| sending::try_out(row, Peer::Ffmpeg, Transport::Udp));
}

#[test]
fn gstreamer_reads_what_we_send_over_tcp() {
    each(|row| sending::try_out(row, Peer::Gstreamer, Transport::Tcp));
}

#[test]
fn gstreamer_reads_what_we_send_over_udp() {
    each(|row| sending::try_out(row, Peer::Gstreamer, Transport::Udp));
}

#[test]
fn we_read_what_ffmpeg_sends_over_tcp() {
    each(|row| reading::try_out(row, Peer::Ffmpeg, Transport::Tcp));
}

#[test]
fn we_read_what_ffmpeg_sends_over_udp_with_losses() {
    each(|row| reading::try_out(row, Peer::Ffmpeg, Transport::Udp));
}

#[test]
fn we_read_what_gstreamer_sends_over_tcp() {
    each(|row| reading::try_out(row, Peer::Gstreamer, Transport::Tcp));
}

#[test]
fn we_read_what_gstreamer_sends_over_udp_with_losses() {
    each(|row| reading::try_out(row, Peer::Gstreamer, Transport::Udp));
}
