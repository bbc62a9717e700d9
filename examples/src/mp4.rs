//! Fragmented MP4 (ISO/IEC 14496-12): a file can be played up to its last fragment, even if writing stops at any moment.

use std::io::{self, Write};
use std::time::Duration;

use mp4_atom::{Encode, Moof, Prft};
use rtspan_core::frame::Frame;
use rtspan_core::payload::Parameters;

mod boxes;
mod entry;
mod fragment;
mod movie;

use boxes::Bytes;
use entry::sample_entry;
use movie::Track;

pub(crate) use entry::holds;

/// How long the parameters of all medias are waited for, in nanoseconds of presentation time.
const PARAMETERS_WAIT: i64 = 2_000_000_000;
/// The longest fragment, if nothing else is said.
const FRAGMENT_MAX: Duration = Duration::from_secs(5);
/// By how many nanoseconds the wall clock time of a frame may differ from what the fragment tells.
const CLOCK_TOLERANCE: u64 = 250_000;
/// Bytes of frames that wait to be written.
const WAITING_BYTES_MAX: usize = 256 << 20;

/// Why a frame was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mp4Error {
    /// The output fails.
    #[error("the file cannot be written")]
    Write(#[from] io::Error),
    /// No media has told what MP4 needs to know of it.
    #[error("none of the medias can be kept in MP4: {0}")]
    NoTrack(String),
    /// A media goes on with other parameters, such as another size, which no fragment can tell.
    #[error("media {0} goes on with other parameters: begin another file")]
    ParametersChanged(usize),
    /// More than is held comes between two keyframes.
    #[error("more than {WAITING_BYTES_MAX} bytes come before a fragment can end")]
    TooMuch,
}

/// Writes frames as fragments of MP4. They have to be in [`Form::Container`](rtspan_core::frame::Form::Container).
///
/// The file begins with its first fragment, once all medias have told their parameters, or without those that have not within
/// two seconds. A fragment begins with each keyframe of the picture, where it would be too long, and where the wall clock time of
/// a media is another than before by more than a fraction of a millisecond. It tells the wall clock time (`prft`) of its first
/// track that has one, and of each track that differs from that.
#[derive(Debug)]
pub struct Mp4Writer<W> {
    out: W,
    medias: Vec<Media>,
    /// The longest fragment, in nanoseconds of decoding time.
    fragment_max: i64,
    /// Those that are not yet written: of the fragment that is being collected.
    waiting: Vec<Frame>,
    waiting_bytes: usize,
    /// The time of the first frame, once the file has begun; all others are counted from there.
    origin: Option<i64>,
    fragments: u32,
    frames: u64,
}

/// A media of the file.
#[derive(Debug)]
struct Media {
    index: usize,
    parameters: Option<Parameters>,
    /// How the file describes it, once enough is known.
    entry: Option<Bytes>,
    /// Its number in the file; `None` if it is left out.
    track: Option<u32>,
    is_video: bool,
    timescale: u32,
    /// It has begun with a keyframe.
    has_begun: bool,
    /// The decoding time of its last sample, in its units.
    last: Option<i64>,
}

impl Media {
    fn new(index: usize) -> Self {
        Self {
            index,
            parameters: None,
            entry: None,
            track: None,
            is_video: false,
            timescale: 0,
            has_begun: false,
            last: None,
        }
    }

    fn describe(&mut self, parameters: &Parameters, entry: Bytes) {
        self.is_video = parameters.video.is_some();
        self.timescale = parameters.format.clock_rate();
        self.parameters = Some(parameters.clone());
        self.entry = Some(entry);
    }

    fn as_track(&self) -> Option<Track<'_>> {
        let (parameters, entry) = (self.parameters.as_ref()?, self.entry.as_deref()?);
        Some(Track { number: self.track?, timescale: self.timescale, parameters, entry })
    }
}

impl<W: Write> Mp4Writer<W> {
    /// A file of the medias with these indices.
    pub fn new(out: W, medias: impl IntoIterator<Item = usize>) -> Self {
        Self {
            out,
            medias: medias.into_iter().map(Media::new).collect(),
            fragment_max: nanos(FRAGMENT_MAX),
            waiting: Vec::new(),
            waiting_bytes: 0,
            origin: None,
            fragments: 0,
            frames: 0,
        }
    }

    /// Sets how long a fragment is at most, in time of decoding: what is lost if the program ends at once. Without keyframes it is
    /// five seconds.
    #[must_use]
    pub fn fragment_max(mut self, fragment_max: Duration) -> Self {
        self.fragment_max = nanos(fragment_max);
        self
    }

    /// Tells the parameters of a media that are known already, so that none of its frames has to. If the file `goes_on` with what
    /// another one has begun, its pictures need not begin with a keyframe.
    pub fn describe(&mut self, media: usize, parameters: &Parameters, goes_on: bool) {
        let Some(media) = self.medias.iter_mut().find(|its| its.index == media) else { return };
        if let Some(entry) = sample_entry(parameters).filter(|_| media.track.is_none()) {
            media.describe(parameters, entry);
            media.has_begun = goes_on;
        }
    }

    /// The output. What is still collected for a fragment is not in it.
    pub fn out_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Frames that the file holds so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Takes a frame, and writes the fragment before it if that is whole. Pictures before the first keyframe are left out, and
    /// all that comes before the parameters of its media.
    ///
    /// # Errors
    ///
    /// The output fails, nothing can be kept, or the parameters of a media have changed; nothing of this frame is written then.
    pub fn write(&mut self, frame: Frame) -> Result<(), Mp4Error> {
        let begun = self.origin.is_some();
        let Some(media) = self.medias.iter_mut().find(|media| media.index == frame.media) else {
            return Ok(());
        };
        if let Some(parameters) = &frame.new_parameters {
            let entry = sample_entry(parameters);
            let is_other = entry != media.entry && (entry.is_some() || begun);
            if is_other
                && media.has_begun
                && if begun { media.track.is_some() } else { media.entry.is_some() }
            {
                return Err(Mp4Error::ParametersChanged(frame.media));
            }
            if let Some(entry) = entry.filter(|_| !begun) {
                media.describe(parameters, entry);
            }
        }
        let is_left_out = media.entry.is_none() || begun && media.track.is_none();
        if is_left_out || media.is_video && !media.has_begun && !frame.is_keyframe {
            return Ok(());
        }
        media.has_begun = true;
        if self.may_end_before(&frame) && self.ends_before(&frame) {
            self.write_fragment(Some(&frame))?;
        }
        self.waiting_bytes += frame.data.total_bytes();
        if self.waiting_bytes > WAITING_BYTES_MAX {
            return Err(Mp4Error::TooMuch);
        }
        self.waiting.push(frame);
        Ok(())
    }

    /// Writes what waits, and ends the file.
    ///
    /// # Errors
    ///
    /// The output fails, or nothing could be kept.
    pub fn finish(mut self) -> Result<W, Mp4Error> {
        self.end()?;
        Ok(self.out)
    }

    /// Writes what waits.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub(crate) fn end(&mut self) -> Result<(), Mp4Error> {
        self.write_fragment(None)?;
        Ok(self.out.flush()?)
    }

    /// The file has begun, or can begin: all parameters are known, or some have been waited for long enough.
    fn may_end_before(&self, frame: &Frame) -> bool {
        let first = self.waiting.first().map_or(frame.time.pts, |first| first.time.pts);
        let is_late = frame.time.pts.saturating_sub(first) > PARAMETERS_WAIT;
        self.origin.is_some() || is_late || self.medias.iter().all(|media| media.parameters.is_some())
    }

    /// A fragment ends before a keyframe of the picture, where it would be too long, and where the wall clock is another one.
    fn ends_before(&self, frame: &Frame) -> bool {
        let Some(first) = self.waiting.first() else { return false };
        let is_video = self.medias.iter().any(|media| media.index == frame.media && media.is_video);
        let same = self.waiting.iter().find(|waiting| waiting.media == frame.media);
        is_video && frame.is_keyframe
            || frame.dts.saturating_sub(first.dts) > self.fragment_max
            || same.is_some_and(|same| !agree(clock_zero(same), clock_zero(frame)))
    }

    /// Writes what comes before all fragments, and leaves out the medias of which too little is known.
    fn begin(&mut self) -> Result<i64, Mp4Error> {
        for (media, number) in self.medias.iter_mut().filter(|media| media.entry.is_some()).zip(1..) {
            media.track = Some(number);
        }
        if self.medias.iter().all(|media| media.track.is_none()) {
            let medias: Vec<String> = self.medias.iter().map(|media| media.index.to_string()).collect();
            return Err(Mp4Error::NoTrack(format!("media {}", medias.join(", "))));
        }
        self.waiting.retain(|frame| {
            self.medias.iter().any(|media| media.index == frame.media && media.track.is_some())
        });
        let earliest =
            self.waiting.iter().map(|frame| frame.dts.min(frame.time.pts)).min().unwrap_or_default();
        let shown = self.waiting.iter().map(|frame| frame.time.pts).min().unwrap_or_default();
        self.origin = Some(earliest);
        let tracks: Vec<_> = self.medias.iter().filter_map(Media::as_track).collect();
        let header = movie::header(&tracks, shown - earliest).map_err(not_encoded)?;
        self.out.write_all(&header)?;
        Ok(earliest)
    }

    /// Writes the frames that wait; `next` is the one behind them, which tells how long the last lasts.
    fn write_fragment(&mut self, next: Option<&Frame>) -> Result<(), Mp4Error> {
        let origin = match self.origin {
            Some(origin) => origin,
            None => self.begin()?,
        };
        let frames = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if frames.is_empty() {
            return Ok(());
        }
        self.fragments += 1;
        let (clocks, moof, data) = fragment::of(&mut self.medias, self.fragments, origin, &frames, next);
        self.frames += data.len() as u64;
        self.write_boxes(&clocks, moof, &data)
    }

    fn write_boxes(&mut self, clocks: &[Prft], mut moof: Moof, data: &[&Frame]) -> Result<(), Mp4Error> {
        let mut bytes = Vec::new();
        encode(&moof, &mut bytes)?;
        // The size of the box does not depend on the offsets in it, which count from its beginning to behind the header of
        // the data.
        let mut offset = bytes.len() + 8;
        for traf in &mut moof.traf {
            for trun in &mut traf.trun {
                trun.data_offset = i32::try_from(offset).ok();
                offset += trun
                    .samples
                    .iter()
                    .filter_map(|sample| sample.size)
                    .map(|size| size as usize)
                    .sum::<usize>();
            }
        }
        bytes.clear();
        for clock in clocks {
            encode(clock, &mut bytes)?;
        }
        encode(&moof, &mut bytes)?;
        let total: usize = data.iter().map(|frame| frame.data.total_bytes()).sum();
        let size = u32::try_from(total + 8).map_err(|_| Mp4Error::TooMuch)?;
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        self.out.write_all(&bytes)?;
        for part in data.iter().flat_map(|frame| &frame.data) {
            self.out.write_all(part)?;
        }
        Ok(())
    }
}

/// The wall clock time of presentation time zero by a frame, in nanoseconds since 1970, if its sender tells it.
fn clock_zero(frame: &Frame) -> Option<i64> {
    let wall = frame.time.reported_ntp()?.to_unix()?;
    Some(nanos(wall).saturating_sub(frame.time.pts))
}

/// Two frames are on the same clock.
fn agree(one: Option<i64>, other: Option<i64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.abs_diff(other) <= CLOCK_TOLERANCE,
        (one, other) => one == other,
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Nanoseconds in units of a clock, to the nearest.
fn to_units(nanos: i64, timescale: u32) -> i64 {
    let units = i128::from(nanos) * i128::from(timescale) + 500_000_000;
    i64::try_from(units.div_euclid(1_000_000_000)).unwrap_or(i64::MAX)
}

fn encode(part: &impl Encode, bytes: &mut Bytes) -> Result<(), Mp4Error> {
    part.encode(bytes).map_err(not_encoded)
}

fn not_encoded(error: mp4_atom::Error) -> Mp4Error {
    Mp4Error::Write(io::Error::other(error))
}

#[cfg(test)]
mod tests;
