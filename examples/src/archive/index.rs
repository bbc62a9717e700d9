//! The index of a day: a line for each segment that has ended.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Segment;
use super::name::{Stamp, is_camera, is_day};
use super::scan::{Tally, scan_file};

/// The name of an index.
pub(super) const INDEX: &str = "index.jsonl";
/// Bytes of an index that are read: lines of more than 300,000 segments.
const INDEX_BYTES_MAX: u64 = 64 << 20;

/// The cameras of which there are recordings in a folder.
///
/// # Errors
///
/// The folder cannot be read.
pub fn cameras(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = folders(dir)?;
    names.retain(|name| is_camera(name));
    Ok(names)
}

/// The segments of a camera, in the order in which they were recorded. The index tells what is in them; those that it does not
/// know, such as the one that is being written, are looked into.
///
/// # Errors
///
/// The folder cannot be read. A segment that is gone meanwhile is left out.
pub fn segments(camera: &Path) -> io::Result<Vec<Segment>> {
    segments_from(camera, "")
}

/// The same from a day on, such as `20261129`: what has come since is in the folder of the newest day.
///
/// # Errors
///
/// As [`segments`].
pub fn segments_from(camera: &Path, day: &str) -> io::Result<Vec<Segment>> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut before: Option<Stamp> = None;
    for its in days(camera)?.into_iter().filter(|its| its.as_str() >= day) {
        for (stamp, known) in Day::read(&camera.join(its))?.segments {
            let Some(mut segment) = known.segment else { continue };
            let follows = known.follows.as_deref().and_then(Stamp::parse);
            // Behind a segment that was removed there is a gap.
            segment.follows = follows.is_some_and(|follows| match before {
                Some(before) => before == follows,
                None => camera.join(follows.day()).join(follows.file()).exists(),
            });
            before = Some(stamp);
            segments.push(segment);
        }
    }
    Ok(segments)
}

/// The days of a camera, in order.
pub(super) fn days(camera: &Path) -> io::Result<Vec<String>> {
    let mut names = folders(camera)?;
    names.retain(|name| is_day(name));
    Ok(names)
}

/// The folders in a folder, in order. One that is not there has none.
fn folders(dir: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = entries(dir)?
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    Ok(names)
}

fn entries(dir: &Path) -> io::Result<impl Iterator<Item = fs::DirEntry>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        entries => Some(entries?),
    };
    Ok(entries.into_iter().flatten().filter_map(Result::ok))
}

/// The segments of a day, in order.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) segments: Vec<(Stamp, Known)>,
}

/// The knowledge of a segment.
#[derive(Debug)]
pub(super) struct Known {
    /// `None` if not one whole fragment is in it.
    pub(super) segment: Option<Segment>,
    /// The file of the segment that it follows.
    pub(super) follows: Option<String>,
    /// Bytes of the file, of which those behind the last whole fragment are of no use.
    pub(super) length: u64,
}

impl Day {
    /// Looks at the folder of a day.
    pub(super) fn read(dir: &Path) -> io::Result<Self> {
        let mut lines = lines(&dir.join(INDEX))?;
        let mut segments = Vec::new();
        for entry in entries(dir)? {
            let Some(stamp) = entry.file_name().to_str().and_then(Stamp::parse) else { continue };
            let path = entry.path();
            let length = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?.len(),
            };
            let known = match lines.remove(&stamp).filter(|line| line.bytes == length) {
                Some(line) => line.known(path),
                None => match scan_file(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    tally => Known::scanned(tally?, &path, length),
                },
            };
            segments.push((stamp, known));
        }
        segments.sort_unstable_by_key(|(stamp, _)| *stamp);
        Ok(Self { segments })
    }
}

impl Known {
    fn scanned(tally: Option<Tally>, path: &Path, length: u64) -> Self {
        let segment = tally.as_ref().and_then(|tally| tally.segment(path));
        Self { segment, follows: tally.and_then(|tally| tally.follows), length }
    }
}

/// A line of the index.
#[derive(Debug)]
struct Line {
    start: i64,
    end: i64,
    bytes: u64,
    frames: u64,
    follows: Option<String>,
}

impl Line {
    fn parse(line: &str) -> Option<(Stamp, Self)> {
        let line: Value = serde_json::from_str(line).ok()?;
        let (time, count) = (|name| line.get(name)?.as_i64(), |name| line.get(name)?.as_u64());
        let its = Self {
            start: time("start")?,
            end: time("end")?,
            bytes: count("bytes")?,
            frames: count("frames")?,
            follows: line.get("follows")?.as_str().map(ToOwned::to_owned),
        };
        Some((Stamp::parse(line.get("file")?.as_str()?)?, its))
    }

    fn known(self, path: PathBuf) -> Known {
        let Self { start, end, bytes, frames, follows } = self;
        let segment = Segment { path, start, end, bytes, frames, follows: follows.is_some(), is_ended: true };
        Known { segment: Some(segment), follows, length: bytes }
    }
}

/// The lines of an index; of two for one segment the later counts, and what is torn counts for nothing.
fn lines(index: &Path) -> io::Result<HashMap<Stamp, Line>> {
    let file = match File::open(index) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(INDEX_BYTES_MAX).read_to_end(&mut bytes)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    Ok(lines.filter_map(Line::parse).collect())
}

/// The line of a segment that has ended.
pub(super) fn line(stamp: Stamp, segment: &Segment, follows: Option<&str>) -> String {
    let Segment { start, end, bytes, frames, .. } = segment;
    let line = json!({
        "file": stamp.file(), "start": start, "end": end, "bytes": bytes, "frames": frames, "follows": follows,
    });
    format!("{line}\n")
}

/// Appends lines to an index as a whole or not at all. A torn line at its end is made one of its own, which counts for nothing.
pub(super) fn append(index: &Path, lines: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(index)?;
    let length = file.metadata()?.len();
    let mut is_torn = false;
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        is_torn = last != *b"\n";
    }
    let text = if is_torn { format!("\n{lines}") } else { lines.to_owned() };
    file.write_all(text.as_bytes()).inspect_err(|_| drop(file.set_len(length)))
}
