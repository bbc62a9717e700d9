//! The frames of each format, made once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;

use super::frames::{Apart, Known};
use super::table::{Row, Source};
use crate::clip::{ffmpeg, folder};
use crate::program::Program;

/// Known frames.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) frames: Vec<Known>,
    /// The configuration that a container keeps for the decoder.
    pub(super) extradata: Bytes,
    /// A file of them that FFmpeg reads, if there is one.
    pub(super) file: Option<PathBuf>,
}

impl Material {
    /// The frames of a format, which are made at first.
    pub(super) fn of(row: &Row) -> &Self {
        row.material.get_or_init(|| Self::make(row))
    }

    fn make(row: &Row) -> Self {
        let name: String = row.name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        match &row.source {
            Source::Encoded { input, encoder, end } => {
                let file = folder().join(format!("format-{name}.{end}"));
                let mut command = ffmpeg();
                command
                    .args(["-f", "lavfi", "-i", input, "-flags", "bitexact"])
                    .args(*encoder)
                    .args(["-f", end])
                    .arg(&file);
                Program::start(format!("ffmpeg, making {}", row.name), &mut command).finish();
                let frames = frames_of(&file, row.demuxer);
                Self { frames, extradata: extradata_of(&file, row.demuxer), file: Some(file) }
            }
            Source::Cut { input, encoder, bytes } => {
                let file = folder().join(format!("format-{name}.ts"));
                let mut command = ffmpeg();
                command.args(["-f", "lavfi", "-i", input, "-flags", "bitexact"]).args(*encoder).arg(&file);
                Program::start(format!("ffmpeg, making {}", row.name), &mut command).finish();
                let stream = Bytes::from(fs::read(&file).expect("FFmpeg has made the file"));
                let lasts = 2_000_000_000 * *bytes as i64 / stream.len() as i64;
                let pieces = stream.chunks(*bytes).map(|piece| stream.slice_ref(piece));
                let frames = (0..).zip(pieces).map(|(n, bytes)| Known { pts: n * lasts, bytes });
                Self { frames: frames.collect(), extradata: Bytes::new(), file: Some(file) }
            }
            Source::Made { frames, lasts, head } => {
                let frames = frames();
                let file = head.map(|head| {
                    let file = folder().join(format!("format-{name}"));
                    let bytes = head.iter().chain(frames.iter().flatten()).copied();
                    fs::write(&file, bytes.collect::<Vec<u8>>()).expect("there is room for a file");
                    file
                });
                let frames =
                    (0..).zip(frames).map(|(n, bytes)| Known { pts: n * lasts, bytes: bytes.into() });
                Self { frames: frames.collect(), extradata: Bytes::new(), file }
            }
        }
    }
}

/// The frames of a file, as FFmpeg tells them apart.
pub(super) fn frames_of(file: &Path, demuxer: &[&str]) -> Vec<Known> {
    let apart = Apart::new();
    let mut command = ffmpeg();
    command.args(demuxer).arg("-i").arg(file);
    apart.of(&mut command);
    Program::start(format!("ffmpeg, taking apart {}", file.display()), &mut command).finish();
    apart.frames()
}

/// The configuration that a file has for the decoder, from a hex dump.
fn extradata_of(file: &Path, demuxer: &[&str]) -> Bytes {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", "stream=extradata", "-show_data"]).args(demuxer);
    let output = command.arg(file).output().expect("ffprobe runs");
    let text = String::from_utf8(output.stdout).expect("a dump");
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    // Sixteen bytes to a line, in groups of two, and then the same as text.
    let digits = lines.flat_map(|(_, line)| line.chars().take(40).filter(char::is_ascii_hexdigit));
    let digits: Vec<u8> = digits.map(|digit| digit.to_digit(16).expect("it is one") as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Frames of one length that all differ, each with these bytes in front.
pub(super) fn noise(count: usize, bytes: usize, front: &[u8]) -> Vec<Vec<u8>> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count)
        .map(|_| front.iter().copied().chain(std::iter::repeat_with(&mut next)).take(bytes).collect())
        .collect()
}
