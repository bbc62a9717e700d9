use mp4_atom::{Stbl, StszSamples};

use super::{Sample, Times, Track};

/// Nanoseconds of a frame of sound that is not compressed.
const SOUND: i64 = 20_000_000;

/// The tables of the samples of a track, and a place in them.
#[derive(Debug)]
pub(super) struct Table {
    track: usize,
    boxes: Stbl,
    /// Samples, of which there are not more than fit the file.
    count: usize,
    at: Place,
}

/// The place of a sample in all tables.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    sample: usize,
    dts: i64,
    /// The run of equal durations, and the one of equal offsets, with how many of each were passed.
    duration: (usize, u32),
    ahead: (usize, u32),
    /// The chunk, how many of its samples were passed, and where in it the next one is.
    chunk: usize,
    of_chunk: u32,
    in_chunk: u64,
    /// The run of chunks that have as many samples.
    chunks: usize,
}

impl Table {
    /// The tables of a track, in a file of this length.
    pub(super) fn new(track: usize, boxes: Stbl, length: u64) -> Self {
        let count = match &boxes.stsz.samples {
            StszSamples::Identical { count, size } => {
                u64::from(*count).min(length / u64::from(*size).max(1)) as usize
            }
            StszSamples::Different { sizes } => sizes.len(),
        };
        Self { track, boxes, count, at: Place::default() }
    }

    fn bytes(&self, sample: usize) -> u32 {
        match &self.boxes.stsz.samples {
            StszSamples::Identical { size, .. } => *size,
            StszSamples::Different { sizes } => sizes.get(sample).copied().unwrap_or_default(),
        }
    }

    fn chunk_offset(&self, chunk: usize) -> Option<u64> {
        match (&self.boxes.stco, &self.boxes.co64) {
            (Some(offsets), _) => offsets.entries.get(chunk).copied().map(u64::from),
            (None, Some(offsets)) => offsets.entries.get(chunk).copied(),
            (None, None) => None,
        }
    }

    /// Keyframes count from one; without a table of them all samples are some.
    fn is_keyframe(&self, sample: usize) -> bool {
        let number = u32::try_from(sample + 1).unwrap_or(u32::MAX);
        self.boxes.stss.as_ref().is_none_or(|stss| stss.entries.binary_search(&number).is_ok())
    }

    /// The times of the next sample; `None` at the end.
    pub(super) fn times(&self) -> Option<Times> {
        if self.at.sample >= self.count {
            return None;
        }
        let ahead = self.boxes.ctts.as_ref().and_then(|ctts| ctts.entries.get(self.at.ahead.0));
        Some(Times { dts: self.at.dts, ahead: ahead.map_or(0, |entry| entry.sample_offset) })
    }

    /// The next sample.
    pub(super) fn next(&mut self, track: &Track) -> Option<Sample> {
        let (pts, dts) = track.times(self.times()?);
        let place = self.at;
        let mut sample = Sample {
            track: self.track,
            offset: self.chunk_offset(place.chunk)?.checked_add(place.in_chunk)?,
            bytes: self.bytes(place.sample),
            dts,
            pts,
            is_keyframe: self.is_keyframe(place.sample),
            ntp: None,
        };
        self.step();
        if track.entry.is_samples() {
            self.extend(&mut sample, track);
        }
        Some(sample)
    }

    /// Has a frame of sound be as long as in packets, where the file has one for each value of the sound.
    fn extend(&mut self, sample: &mut Sample, track: &Track) {
        let end = sample.dts.saturating_add(SOUND);
        // Another chunk may be elsewhere in the file.
        while self.at.of_chunk > 0 && self.times().is_some_and(|times| track.times(times).1 < end) {
            sample.bytes = sample.bytes.saturating_add(self.bytes(self.at.sample));
            self.step();
        }
    }

    /// Moves to the next sample.
    fn step(&mut self) {
        let bytes = self.bytes(self.at.sample);
        let Self { boxes, at, .. } = self;
        at.sample += 1;
        if let Some(entry) = boxes.stts.entries.get(at.duration.0) {
            at.dts = at.dts.saturating_add(entry.sample_delta.into());
            count(&mut at.duration, entry.sample_count);
        }
        if let Some(entry) = boxes.ctts.as_ref().and_then(|ctts| ctts.entries.get(at.ahead.0)) {
            count(&mut at.ahead, entry.sample_count);
        }
        at.in_chunk = at.in_chunk.saturating_add(bytes.into());
        at.of_chunk += 1;
        let runs = &boxes.stsc.entries;
        if runs.get(at.chunks).is_some_and(|run| at.of_chunk >= run.samples_per_chunk) {
            (at.chunk, at.of_chunk, at.in_chunk) = (at.chunk + 1, 0, 0);
            // Chunks count from one.
            if runs.get(at.chunks + 1).is_some_and(|run| at.chunk + 1 >= run.first_chunk as usize) {
                at.chunks += 1;
            }
        }
    }

    /// Goes to the last keyframe at or before a time, or to the first; returns its time.
    pub(super) fn seek(&mut self, track: &Track, to: i64) -> i64 {
        self.at = Place::default();
        let mut best = self.at;
        let mut start = self.times().map_or(0, |times| track.times(times).0);
        while let Some(times) = self.times() {
            let (pts, dts) = track.times(times);
            if dts > to {
                break;
            }
            if pts <= to && self.is_keyframe(self.at.sample) {
                (best, start) = (self.at, pts);
            }
            self.step();
        }
        self.at = best;
        start
    }
}

/// Counts one more of a run, and goes to the next run behind the last.
fn count((run, passed): &mut (usize, u32), length: u32) {
    *passed += 1;
    if *passed >= length {
        (*run, *passed) = (*run + 1, 0);
    }
}
