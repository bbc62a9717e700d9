//! MP4 and QuickTime (ISO/IEC 14496-12), with tables of samples or in fragments.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use mp4_atom::{Atom as _, Moov, Trak};
use rtspan_core::frame::Frame;
use rtspan_core::{MediaKind, NtpTime};

use super::entry::Entry;
use super::{Demuxer, FRAME_BYTES_MAX, Opened, SourceError, frame, media, nanos, payload_type};

mod fragments;
mod tables;

use fragments::Fragments;
use tables::Table;

/// Bytes of the description of all tracks, with the tables of all samples.
const MOVIE_BYTES_MAX: u64 = 256 << 20;

/// No time in a file is further from zero, in nanoseconds, so that times can be counted from each other.
const TIME_MAX: i64 = i64::MAX / 4;

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
    /// When it was recorded.
    ntp: Option<NtpTime>,
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

pub(super) fn open(file: File) -> Result<Opened, SourceError> {
    open_as(file, None)
}

/// Opens a fragmented file whose times are to be those of the wall clock, in nanoseconds since 1970: `zero` is time zero of the
/// file, where nothing in it tells. Keyframes have their parameter sets in front.
pub(super) fn open_recorded(file: File, zero: i64) -> Result<Opened, SourceError> {
    open_as(file, Some(zero))
}

fn open_as(mut file: File, wall: Option<i64>) -> Result<Opened, SourceError> {
    let length = file.metadata()?.len();
    let (moov, end) = find_movie(&mut file, length)?;
    let (mut tracks, mut tables, mut medias, mut left_out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for trak in &moov.trak {
        let codecs = &trak.mdia.minf.stbl.stsd.codecs;
        let known = codecs.first().and_then(|entry| Entry::of_mp4(payload_type(tracks.len()), entry));
        let Some(mut entry) = known else {
            left_out.push(name(trak));
            continue;
        };
        if wall.is_some() {
            entry.put_sets_in_band();
        }
        medias.push(media(entry.kind.clone(), entry.format.clone()));
        let timescale = trak.mdia.mdhd.timescale.max(1);
        let shift = shift_of(trak, timescale, moov.mvhd.timescale);
        let track = Track { id: trak.tkhd.track_id, entry, timescale, shift };
        tables.push(Table::new(tracks.len(), trak.mdia.minf.stbl.clone(), length));
        tracks.push(track);
    }
    let samples = match &moov.mvex {
        Some(mvex) => {
            let mut fragments = Fragments::new(end, mvex.trex.clone());
            fragments.find_more(&mut file)?;
            if let Some(zero) = wall {
                fragments.set_wall(zero);
            }
            Samples::Fragments(fragments)
        }
        None if wall.is_some() => return Err(malformed("it has no fragments")),
        None => Samples::Tables(tables),
    };
    Ok(Opened { medias, left_out, demuxer: Box::new(Mp4 { file, tracks, samples }) })
}

fn malformed(reason: impl ToString) -> SourceError {
    SourceError::Malformed { kind: "MP4", reason: reason.to_string() }
}

/// The description of all tracks in a file of this length, and where it ends.
fn find_movie(file: &mut File, length: u64) -> Result<(Moov, u64), SourceError> {
    let mut at = 0;
    while let Some((kind, body, end)) = next_box(file, length, at)? {
        if &kind == b"moov" {
            let moov = read(file, length, (body, end), MOVIE_BYTES_MAX)?;
            return Ok((Moov::decode_body(&mut &*moov).map_err(malformed)?, end));
        }
        at = end;
    }
    Err(malformed("it has no moov box"))
}

/// The kind of the box at a place of a file of this length, and where its body begins and ends; `None` at the end of the file, and
/// of what can be boxes.
fn next_box(file: &mut File, length: u64, at: u64) -> Result<Option<([u8; 4], u64, u64)>, SourceError> {
    let mut read = |at: u64| {
        let mut bytes = [0; 8];
        if at.checked_add(8).is_none_or(|end| end > length) {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes)?;
        Ok::<_, SourceError>(Some(bytes))
    };
    let Some([s0, s1, s2, s3, kind @ ..]) = read(at)? else { return Ok(None) };
    let (body, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
        // To the end of the file.
        0 => (at + 8, length - at),
        1 => match read(at + 8)? {
            Some(size) => (at + 16, u64::from_be_bytes(size)),
            None => return Ok(None),
        },
        size => (at + 8, size.into()),
    };
    Ok(at.checked_add(size).filter(|end| *end >= body).map(|end| (kind, body, end)))
}

/// Bytes of a file of this length.
fn read(
    file: &mut File,
    length: u64,
    (from, to): (u64, u64),
    bytes_max: u64,
) -> Result<Vec<u8>, SourceError> {
    if to - from > bytes_max || to > length {
        return Err(malformed("a box or a sample is longer than the file, or than any that is read"));
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
    let mut empty = 0_i64;
    for edit in edits {
        match edit.media_time {
            Some(start) => {
                return empty.saturating_sub(nanos(i64::try_from(start).unwrap_or(i64::MAX), timescale));
            }
            None => {
                let lasts = nanos(i64::try_from(edit.segment_duration).unwrap_or(i64::MAX), movie);
                empty = empty.saturating_add(lasts);
            }
        }
    }
    empty
}

impl Track {
    /// The times of a sample in nanoseconds.
    fn times(&self, Times { dts, ahead }: Times) -> (i64, i64) {
        let nanos =
            |units| nanos(units, self.timescale).saturating_add(self.shift).clamp(-TIME_MAX, TIME_MAX);
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
        let end = sample.offset.saturating_add(sample.bytes.into());
        let length = self.file.metadata()?.len();
        let data = read(&mut self.file, length, (sample.offset, end), FRAME_BYTES_MAX as u64)?;
        let parts = self.tracks[sample.track].entry.parts(data, sample.is_keyframe);
        let frame = frame(sample.track, (sample.pts, sample.dts), sample.is_keyframe, parts);
        Ok(Some(match sample.ntp {
            Some(ntp) => frame.with_ntp(ntp),
            None => frame,
        }))
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

#[cfg(test)]
mod tests;
