//! MP4 and QuickTime (ISO/IEC 14496-12), with tables of samples or in fragments.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use mp4_atom::{Atom as _, Moov, Trak};
use rtspan_core::MediaKind;
use rtspan_core::frame::Frame;

use super::entry::Entry;
use super::{Demuxer, FRAME_BYTES_MAX, Opened, SourceError, frame, media, nanos, payload_type};

mod fragments;
mod tables;

use fragments::Fragments;
use tables::Table;

/// Bytes of the description of all tracks, or of a fragment.
const BOX_BYTES_MAX: u64 = 256 << 20;

/// A track that is read.
#[derive(Debug)]
struct Track {
    id: u32,
    entry: Entry,
    timescale: u32,
    /// The shift of times in the track, in nanoseconds: edits shift it.
    shift: i64,
}

/// Where a frame is in the file, and when.
#[derive(Clone, Copy, Debug)]
struct Sample {
    track: usize,
    offset: u64,
    bytes: u32,
    /// In nanoseconds.
    dts: i64,
    pts: i64,
    is_keyframe: bool,
}

/// Times of a sample, in units of the track.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    dts: i64,
    ahead: i64,
}

#[derive(Debug)]
struct Mp4 {
    file: File,
    tracks: Vec<Track>,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    Tables(Vec<Table>),
    Fragments(Fragments),
}

pub(super) fn open(mut file: File) -> Result<Opened, SourceError> {
    let (mut moov, mut fragments, mut at) = (None, Vec::new(), 0);
    // The boxes of the file: all of a description is read, of fragments only where they are.
    while let Some((kind, body, end)) = next_box(&mut file, at)? {
        match &kind {
            b"moov" => moov = Some(Moov::decode_body(&mut &*read(&mut file, body, end)?).map_err(malformed)?),
            b"moof" => fragments.push(at),
            _ => {}
        }
        if moov.as_ref().is_some_and(|moov| moov.mvex.is_none()) {
            break;
        }
        at = end;
    }
    let Some(moov) = moov else { return Err(malformed("it has no moov box")) };
    let (mut tracks, mut tables, mut medias, mut left_out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for trak in &moov.trak {
        let codecs = &trak.mdia.minf.stbl.stsd.codecs;
        let known = codecs.first().and_then(|entry| Entry::of_mp4(payload_type(tracks.len()), entry));
        let Some(entry) = known else {
            left_out.push(name(trak));
            continue;
        };
        medias.push(media(entry.kind.clone(), entry.format.clone()));
        let timescale = trak.mdia.mdhd.timescale.max(1);
        let shift = shift_of(trak, timescale, moov.mvhd.timescale);
        let track = Track { id: trak.tkhd.track_id, entry, timescale, shift };
        tables.push(Table::new(tracks.len(), trak.mdia.minf.stbl.clone()));
        tracks.push(track);
    }
    let samples = match &moov.mvex {
        Some(mvex) => Samples::Fragments(Fragments::new(fragments, mvex.trex.clone())),
        None => Samples::Tables(tables),
    };
    Ok(Opened { medias, left_out, demuxer: Box::new(Mp4 { file, tracks, samples }) })
}

fn malformed(reason: impl ToString) -> SourceError {
    SourceError::Malformed { kind: "MP4", reason: reason.to_string() }
}

/// The kind of the box at a place, and where its body begins and ends; `None` at the end of the file.
fn next_box(file: &mut File, at: u64) -> Result<Option<([u8; 4], u64, u64)>, SourceError> {
    let length = file.metadata()?.len();
    if at + 8 > length {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    let mut header = [0; 8];
    file.read_exact(&mut header)?;
    let [s0, s1, s2, s3, kind @ ..] = header;
    let (body, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
        // To the end of the file.
        0 => (at + 8, length - at),
        1 => {
            let mut size = [0; 8];
            file.read_exact(&mut size)?;
            (at + 16, u64::from_be_bytes(size))
        }
        size => (at + 8, size.into()),
    };
    let end = at.checked_add(size).filter(|end| *end >= body);
    let end = end.ok_or_else(|| malformed("a box is shorter than its header"))?;
    Ok(Some((kind, body, end)))
}

fn read(file: &mut File, from: u64, to: u64) -> Result<Vec<u8>, SourceError> {
    if to - from > BOX_BYTES_MAX || to > file.metadata()?.len() {
        return Err(malformed("a box is longer than the file, or than any that is read"));
    }
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = vec![0; (to - from) as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// How a track that cannot be sent is named.
fn name(trak: &Trak) -> String {
    let handler = trak.mdia.hdlr.handler;
    format!("{handler} of an unknown format")
}

/// Presentation begins with a part of the first edit that is not empty, and behind those that are (section 8.6.6).
fn shift_of(trak: &Trak, timescale: u32, movie: u32) -> i64 {
    let edits = trak.edts.iter().filter_map(|edts| edts.elst.as_ref()).flat_map(|elst| &elst.entries);
    let mut empty = 0;
    for edit in edits {
        match edit.media_time {
            Some(start) => return empty - nanos(i64::try_from(start).unwrap_or(i64::MAX), timescale),
            None => empty += nanos(i64::try_from(edit.segment_duration).unwrap_or(i64::MAX), movie),
        }
    }
    empty
}

impl Track {
    /// The times of a sample in nanoseconds.
    fn times(&self, Times { dts, ahead }: Times) -> (i64, i64) {
        let nanos = |units| nanos(units, self.timescale).saturating_add(self.shift);
        (nanos(dts.saturating_add(ahead)), nanos(dts))
    }

    fn is_video(&self) -> bool {
        self.entry.kind == MediaKind::Video
    }
}

impl Mp4 {
    fn next_sample(&mut self) -> Result<Option<Sample>, SourceError> {
        match &mut self.samples {
            Samples::Tables(tables) => {
                let next = tables.iter().enumerate().filter_map(|(place, table)| {
                    let times = table.times()?;
                    Some((self.tracks[place].times(times).1, place))
                });
                let Some((_, place)) = next.min() else { return Ok(None) };
                Ok(tables[place].next(&self.tracks[place]))
            }
            Samples::Fragments(fragments) => fragments.next(&mut self.file, &self.tracks),
        }
    }
}

impl Demuxer for Mp4 {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        let Some(sample) = self.next_sample()? else { return Ok(None) };
        if sample.bytes as usize > FRAME_BYTES_MAX {
            return Err(malformed("a sample is longer than any that is read"));
        }
        self.file.seek(SeekFrom::Start(sample.offset))?;
        let mut data = vec![0; sample.bytes as usize];
        self.file.read_exact(&mut data)?;
        let parts = self.tracks[sample.track].entry.parts(data, sample.is_keyframe);
        Ok(Some(frame(sample.track, (sample.pts, sample.dts), sample.is_keyframe, parts)))
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        let lead = self.tracks.iter().position(Track::is_video).unwrap_or(0);
        match &mut self.samples {
            Samples::Tables(tables) => {
                let start = tables[lead].seek(&self.tracks[lead], to);
                let others = tables.iter_mut().zip(&self.tracks).enumerate();
                for (_, (table, track)) in others.filter(|(place, _)| *place != lead) {
                    table.seek(track, start);
                }
                Ok(())
            }
            Samples::Fragments(fragments) => fragments.seek(&mut self.file, &self.tracks, lead, to),
        }
    }
}
