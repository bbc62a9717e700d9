//! Files of frames: those that `gst_frames.py` reads and writes, and those that FFmpeg takes apart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::clip::file;

/// A frame: its presentation time in nanoseconds, and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) pts: i64,
    pub(super) bytes: Bytes,
}

/// Writes frames to a file for `gst_frames.py`.
pub(super) fn write(frames: impl IntoIterator<Item = Known>) -> PathBuf {
    let mut bytes = BytesMut::new();
    for frame in frames {
        bytes.put_i64(frame.pts);
        bytes.put_u32(frame.bytes.len() as u32);
        bytes.put_slice(&frame.bytes);
    }
    let path = file();
    fs::write(&path, bytes).expect("there is room for a file");
    path
}

/// The frames of a file that `gst_frames.py` has written.
pub(super) fn read(path: &Path) -> Vec<Bytes> {
    let mut rest = Bytes::from(fs::read(path).expect("GStreamer has made the file"));
    let mut frames = Vec::new();
    while rest.len() >= 12 {
        rest.advance(8);
        let length = rest.get_u32() as usize;
        frames.push(rest.split_to(length));
    }
    frames
}

/// Two files into which FFmpeg writes what it has read: the bytes of all frames, and a line for each.
#[derive(Debug)]
pub(super) struct Apart {
    bytes: PathBuf,
    lines: PathBuf,
}

impl Apart {
    pub(super) fn new() -> Self {
        Self { bytes: file(), lines: file() }
    }

    /// Has FFmpeg write the first stream of its input as it is.
    pub(super) fn of(&self, command: &mut Command) {
        for (path, format) in [(&self.bytes, "data"), (&self.lines, "framehash")] {
            command.args(["-map", "0:0", "-c", "copy", "-copyinkf"]);
            command.args(["-flush_packets", "1", "-f", format]).arg(path);
        }
    }

    /// The frames that FFmpeg has written.
    pub(super) fn frames(&self) -> Vec<Known> {
        let mut rest = Bytes::from(fs::read(&self.bytes).expect("FFmpeg has made the file"));
        let text = fs::read_to_string(&self.lines).expect("FFmpeg has made the file");
        let base = text.lines().find_map(|line| line.strip_prefix("#tb 0: ")).expect("a time base");
        let (over, under) = base.split_once('/').expect("a fraction");
        let [over, under] = [over, under].map(|number| number.parse::<i128>().expect("a number"));
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let frames = lines.map(|line| {
            let mut fields = line.split(',').map(str::trim).skip(2);
            let mut number = || fields.next().and_then(|field| field.parse::<i128>().ok()).expect("a number");
            let (time, _, size) = (number(), number(), number());
            let pts = time * over * 1_000_000_000 / under;
            Known { pts: pts as i64, bytes: rest.split_to(size as usize) }
        });
        frames.collect()
    }
}
