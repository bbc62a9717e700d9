//! The files of a recorder, played as if they were one long film for each camera.
//!
//! The footage of a camera is all of its [segments](crate::archive) that have the formats of the newest one. Its times are those of
//! the wall clock. A file is opened when it is reached; what is there is known by the index of the archive, which all readers of a
//! camera share and which is read again when somebody has come to its end.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rtspan_core::frame::Frame;
use rtspan_core::{Description, MediaKind};

use super::{Footage, Library, Section};
use crate::archive::{self, Segment};
use crate::source::{FileSource, SourceError};

mod index;
mod matching;

use index::{Index, Shared};
use matching::assign;

/// A segment that has not ended is being written as long as its file was written to within this time. Behind one that has ended
/// another may have begun of which nothing is whole yet, for so long.
const WRITTEN_WITHIN: Duration = Duration::from_secs(30);
const ENDED_WITHIN: Duration = Duration::from_secs(3);
/// The clean point of a segment is where the index says, but for rounding, in nanoseconds.
const ROUNDING: i64 = 1_000_000;
/// From one frame of a media to the next there is at least so much, in nanoseconds.
const STEP_MIN: i64 = 1_000_000;

/// A folder of recordings, each at the name of its camera.
#[derive(Debug)]
pub struct Recordings {
    folder: PathBuf,
    cameras: Mutex<HashMap<String, Arc<Shared>>>,
}

impl Recordings {
    /// The cameras of an archive.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), cameras: Mutex::default() }
    }

    /// The knowledge about a camera; `None` if it has no folder.
    fn camera(&self, name: &str) -> Option<Arc<Shared>> {
        let folder = self.folder.join(name);
        let mut cameras = self.cameras.lock().unwrap_or_else(PoisonError::into_inner);
        if !archive::is_camera(name) || !folder.is_dir() {
            cameras.remove(name);
            return None;
        }
        let shared = cameras.entry(name.to_owned()).or_insert_with(|| Arc::new(Shared::new(folder)));
        Some(Arc::clone(shared))
    }
}

impl Library for Recordings {
    fn open(&self, path: &str) -> Option<Result<Box<dyn Footage>, SourceError>> {
        let camera = self.camera(path.trim_matches('/'))?;
        Camera::open(camera).transpose().map(|camera| Ok(Box::new(camera?) as Box<dyn Footage>))
    }
}

/// The recordings of a camera, and a place in them.
#[derive(Debug)]
struct Camera {
    shared: Arc<Shared>,
    /// All that is known of the camera, and what of it can be played.
    whole: Arc<Index>,
    index: Arc<Index>,
    /// The first segment that can be played, if that is not the first of all.
    since: Option<PathBuf>,
    description: Description,
    /// The number of the segment that was opened last, and what is read of it.
    place: Option<usize>,
    reading: Option<Reading>,
    /// Nothing of that segment was whole when it was opened.
    is_empty: bool,
    /// The medias whose next frame is the first one behind a gap.
    anew: Vec<bool>,
    /// The decoding time of the last frame of each media.
    reached: Vec<Option<i64>>,
}

/// A segment that is open.
#[derive(Debug)]
struct Reading {
    source: FileSource,
    /// Which media of the footage each of its medias is.
    medias: Vec<Option<usize>>,
    /// Frames that were read already.
    ahead: VecDeque<Frame>,
    /// How much later its times are than the file says, where they are rounded otherwise.
    shift: i64,
}

impl Camera {
    /// The footage of a camera; `None` if nothing was recorded.
    fn open(shared: Arc<Shared>) -> Result<Option<Self>, SourceError> {
        let whole = shared.whole()?;
        let opens = |segment: &Segment| FileSource::recorded(&segment.path, segment.start).ok();
        let Some(newest) = whole.segments.iter().rev().find_map(opens) else { return Ok(None) };
        let mut description = newest.description().clone();
        description.title = shared.name();
        let is_other = |segment: &Segment| {
            opens(segment).is_some_and(|its| assign(its.description(), &description).is_none())
        };
        // Before the camera had these formats, it is other footage.
        let since = whole.segments.first().filter(|first| is_other(first)).and_then(|_| {
            let place = whole.segments.partition_point(is_other);
            Some(whole.segments.get(place)?.path.clone())
        });
        let index = playable(&whole, since.as_deref());
        let medias = description.medias.len();
        let (anew, reached) = (vec![true; medias], vec![None; medias]);
        Ok(Some(Self {
            shared,
            whole,
            index,
            since,
            description,
            place: None,
            reading: None,
            is_empty: false,
            anew,
            reached,
        }))
    }

    fn lead(&self) -> usize {
        self.description.medias.iter().position(|media| media.kind == MediaKind::Video).unwrap_or(0)
    }

    /// Opens a segment; `false` if it is gone, or cannot be read.
    fn begin(&mut self, place: usize) -> Result<bool, SourceError> {
        (self.place, self.reading, self.is_empty) = (Some(place), None, false);
        let Some(segment) = self.index.segments.get(place) else { return Ok(false) };
        let Ok(source) = FileSource::recorded(&segment.path, segment.start) else { return Ok(false) };
        let Some(medias) = assign(source.description(), &self.description) else {
            return Err(SourceError::FormatChanged(segment.path.clone()));
        };
        let mut reading = Reading { source, medias, ahead: VecDeque::new(), shift: 0 };
        let first = reading.peek(self.lead());
        self.is_empty = matches!(first, Ok(None));
        let Ok(Some(first)) = first else { return Ok(false) };
        let shift = segment.start.saturating_sub(first);
        if shift.abs() <= ROUNDING {
            reading.shift = shift;
        }
        self.reading = Some(reading);
        Ok(true)
    }

    /// Goes on to the next segment that can be read; `false` if there is none.
    fn advance(&mut self) -> Result<bool, SourceError> {
        for place in self.place.map_or(0, |place| place + 1)..self.index.segments.len() {
            if self.index.opens_section(place) {
                self.anew.fill(true);
            }
            if self.begin(place)? {
                return Ok(true);
            }
            // Its frames are missing.
            self.anew.fill(true);
        }
        Ok(false)
    }

    /// Opens the last segment again if nothing of it was whole; `false` if nothing is yet.
    fn begin_again(&mut self) -> Result<bool, SourceError> {
        match self.place.filter(|_| self.is_empty) {
            Some(place) => self.begin(place),
            None => Ok(false),
        }
    }

    /// The segment that was opened last is the last of all.
    fn is_at_last(&self) -> bool {
        self.place.is_some_and(|place| place + 1 >= self.index.segments.len())
    }

    /// Looks what was recorded meanwhile; `true` if there is a segment behind the one that was opened last.
    fn has_more(&mut self) -> Result<bool, SourceError> {
        let newest = self.shared.newest()?;
        if !Arc::ptr_eq(&newest, &self.whole) {
            let index = playable(&newest, self.since.as_deref());
            self.place = self.place.and_then(|place| index.place_of(self.index.segments.get(place)?));
            (self.whole, self.index) = (newest, index);
        }
        Ok(!self.is_at_last())
    }

    /// A frame as it is in the footage; `None` if its media is not.
    fn placed(&mut self, mut frame: Frame) -> Option<Frame> {
        let reading = self.reading.as_ref()?;
        let media = reading.medias.get(frame.media).copied().flatten()?;
        let begins_anew = std::mem::take(&mut self.anew[media]);
        let mut by = reading.shift;
        if let Some(reached) = self.reached[media].filter(|_| !begins_anew) {
            // A clock that was set back a little does not take decoding back.
            by = by.max(reached + STEP_MIN - frame.dts);
        }
        frame.media = media;
        frame.dts = frame.dts.saturating_add(by);
        frame.time.pts = frame.time.pts.saturating_add(by);
        frame.time.begins_anew = begins_anew;
        self.reached[media] = Some(frame.dts);
        Some(frame)
    }
}

impl Reading {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        match self.ahead.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => self.source.next(),
        }
    }

    /// The presentation time of the next frame of a media of the footage, or of any if there is none.
    fn peek(&mut self, media: usize) -> Result<Option<i64>, SourceError> {
        let has_lead = self.medias.contains(&Some(media));
        let is_it = |frame: &Frame, medias: &[Option<usize>]| {
            !has_lead || medias.get(frame.media).copied().flatten() == Some(media)
        };
        if let Some(frame) = self.ahead.iter().find(|frame| is_it(frame, &self.medias)) {
            return Ok(Some(frame.time.pts));
        }
        while let Some(frame) = self.source.next()? {
            let found = is_it(&frame, &self.medias).then_some(frame.time.pts);
            self.ahead.push_back(frame);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Goes to the last clean point at or before a time, which is looked at next.
    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        self.ahead.clear();
        self.source.seek(to.saturating_sub(self.shift))
    }
}

impl Footage for Camera {
    fn description(&self) -> &Description {
        &self.description
    }

    fn has_wall_clock(&self) -> bool {
        true
    }

    fn sections(&self) -> &[Section] {
        &self.index.sections
    }

    fn is_growing(&self) -> bool {
        let Some(last) = self.index.segments.last() else { return false };
        let within = if last.is_ended { ENDED_WITHIN } else { WRITTEN_WITHIN };
        let written = last.path.metadata().and_then(|file| file.modified());
        // A clock that was set may have it written in times to come.
        written.is_ok_and(|at| SystemTime::now().duration_since(at).map_or(true, |since| since <= within))
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        self.has_more()?;
        self.reached.fill(None);
        // The one that begins at or before that time; those before it, if it is gone, and at last those behind it.
        let found = self.index.segments.iter().rposition(|segment| segment.start <= to);
        let behind = found.map_or(0, |found| found + 1);
        for place in (0..behind).rev().chain(behind..self.index.segments.len()) {
            self.begin(place)?;
            let (lead, start) = (self.lead(), self.index.segments[place].start);
            let Some(reading) = &mut self.reading else { continue };
            if let Ok(Some(first)) = reading.seek(to).and_then(|()| reading.peek(lead)) {
                let is_start = first.saturating_add(reading.shift) <= start;
                self.anew.fill(is_start && self.index.opens_section(place));
                return Ok(());
            }
        }
        self.reading = None;
        self.anew.fill(true);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        loop {
            // Until another segment has begun, this one may have been written to: then it is looked at once more.
            let is_last = self.is_at_last();
            match self.reading.as_mut().map(Reading::next) {
                Some(Ok(Some(frame))) => {
                    if let Some(frame) = self.placed(frame) {
                        return Ok(Some(frame));
                    }
                }
                Some(Ok(None)) | None => {
                    let goes_on = match is_last {
                        true => self.has_more()? || self.begin_again()?,
                        false => self.advance()?,
                    };
                    if !goes_on {
                        return Ok(None);
                    }
                }
                // The rest of a broken segment is missing.
                Some(Err(_)) => {
                    self.reading = None;
                    self.anew.fill(true);
                }
            }
        }
    }
}

/// The part of an index that can be played.
fn playable(whole: &Arc<Index>, since: Option<&Path>) -> Arc<Index> {
    match since {
        Some(since) => Arc::new(whole.since(since)),
        None => Arc::clone(whole),
    }
}

#[cfg(test)]
mod tests;
