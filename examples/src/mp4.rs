//! Fragmented MP4 (ISO/IEC 14496-12): a file can be played up to its last fragment, whatever happens while it is written.

use std::io::{self, Write};

use mp4_atom::{Encode, Mfhd, Moof, Prft, ReferenceTime, Tfdt, Tfhd, Traf, Trun, TrunEntry};
use rtspan_core::frame::Frame;
use rtspan_core::payload::Parameters;

mod boxes;
mod entry;
mod movie;

use boxes::Bytes;
use entry::sample_entry;
use movie::Track;

pub(crate) use entry::holds;

/// How long the parameters of all medias are waited for, in nanoseconds of presentation time.
const PARAMETERS_WAIT: i64 = 2_000_000_000;
/// The longest fragment, in nanoseconds of decoding time.
const FRAGMENT_MAX: i64 = 5_000_000_000;
/// Bytes of frames that wait to be written.
const WAITING_BYTES_MAX: usize = 256 << 20;
/// The flags of a sample that needs no other, and of one that does (ISO/IEC 14496-12, section 8.8.3.1).
const IS_KEYFRAME: u32 = 0x0200_0000;
const NEEDS_OTHERS: u32 = 0x0101_0000;

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
/// The file begins when all medias have told their parameters, or without those that have not within two seconds. A fragment
/// begins with each keyframe of the picture, and tells its wall clock time (`prft`), if it is known.
#[derive(Debug)]
pub struct Mp4Writer<W> {
    out: W,
    medias: Vec<Media>,
    /// Those that are not yet written: of the fragment that is being collected, and all of them before the file begins.
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
}

impl Media {
    fn as_track(&self) -> Option<Track<'_>> {
        let (parameters, entry) = (self.parameters.as_ref()?, self.entry.as_deref()?);
        Some(Track { number: self.track?, timescale: self.timescale, parameters, entry })
    }
}

impl<W: Write> Mp4Writer<W> {
    /// A file of the medias with these indices.
    pub fn new(out: W, medias: impl IntoIterator<Item = usize>) -> Self {
        let media = |index| Media {
            index,
            parameters: None,
            entry: None,
            track: None,
            is_video: false,
            timescale: 0,
            has_begun: false,
        };
        Self {
            out,
            medias: medias.into_iter().map(media).collect(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            origin: None,
            fragments: 0,
            frames: 0,
        }
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
            if begun && media.track.is_some() && entry != media.entry {
                return Err(Mp4Error::ParametersChanged(frame.media));
            }
            if !begun && entry.is_some() {
                media.entry = entry;
                media.parameters = Some((**parameters).clone());
                media.is_video = parameters.video.is_some();
                media.timescale = parameters.format.clock_rate;
            }
        }
        let is_left_out = media.entry.is_none() || begun && media.track.is_none();
        if is_left_out || media.is_video && !media.has_begun && !frame.is_keyframe {
            return Ok(());
        }
        media.has_begun = true;
        let ends_fragment = self.ends_before(&frame);
        if begun && ends_fragment {
            self.write_fragment(Some(&frame))?;
        }
        self.waiting_bytes += frame.data.total_bytes();
        if self.waiting_bytes > WAITING_BYTES_MAX {
            return Err(Mp4Error::TooMuch);
        }
        let first = self.waiting.first().map_or(frame.time.pts, |first| first.time.pts);
        let is_late = frame.time.pts - first > PARAMETERS_WAIT;
        self.waiting.push(frame);
        if !begun && (is_late || self.medias.iter().all(|media| media.parameters.is_some())) {
            self.begin()?;
        }
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
        if self.origin.is_none() {
            self.begin()?;
        }
        self.write_fragment(None)?;
        Ok(self.out.flush()?)
    }

    /// A fragment ends before a keyframe of the picture; without pictures, or keyframes, when it is long.
    fn ends_before(&self, frame: &Frame) -> bool {
        let is_video = |index| self.medias.iter().any(|media| media.index == index && media.is_video);
        let Some(first) = self.waiting.first() else { return false };
        is_video(frame.media) && frame.is_keyframe || frame.dts - first.dts > FRAGMENT_MAX
    }

    /// Writes what comes before all fragments, and leaves out the medias of which too little is known.
    fn begin(&mut self) -> Result<(), Mp4Error> {
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
        Ok(self.out.write_all(&header)?)
    }

    /// Writes the frames that wait; `next` is the one behind them, which tells how long the last lasts.
    fn write_fragment(&mut self, next: Option<&Frame>) -> Result<(), Mp4Error> {
        let frames = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let Some(origin) = self.origin.filter(|_| !frames.is_empty()) else { return Ok(()) };
        self.fragments += 1;
        let mut moof = Moof { mfhd: Mfhd { sequence_number: self.fragments }, traf: Vec::new() };
        let mut data: Vec<&Frame> = Vec::with_capacity(frames.len());
        let mut clock = None;
        for media in self.medias.iter_mut() {
            let Some(track) = media.track else { continue };
            let its: Vec<&Frame> = frames.iter().filter(|frame| frame.media == media.index).collect();
            let Some(first) = its.first() else { continue };
            let units = |nanos: i64| to_units(nanos - origin, media.timescale);
            if clock.is_none() {
                clock = first.time.reported_ntp().map(|ntp| Prft {
                    reference_track_id: track,
                    ntp_timestamp: ntp.to_bits(),
                    media_time: units(first.time.pts).unsigned_abs(),
                    utc_time_semantics: ReferenceTime::Input,
                });
            }
            let next = next.filter(|next| next.media == media.index).map(|next| units(next.dts));
            let mut ends: Vec<i64> = its.iter().skip(1).map(|frame| units(frame.dts)).collect();
            let last = its.last().map_or(0, |last| units(last.dts));
            let before = its.len().checked_sub(2).and_then(|at| its.get(at)).map(|frame| units(frame.dts));
            // The last frame of all lasts as long as the one before it.
            ends.push(next.unwrap_or_else(|| last + before.map_or(0, |before| last - before)));
            let entries = its.iter().zip(ends).map(|(frame, end)| TrunEntry {
                duration: u32::try_from(end - units(frame.dts)).ok(),
                size: u32::try_from(frame.data.total_bytes()).ok(),
                flags: Some(if frame.is_keyframe { IS_KEYFRAME } else { NEEDS_OTHERS }),
                cts: Some(units(frame.time.pts) - units(frame.dts)),
            });
            moof.traf.push(Traf {
                tfhd: Tfhd { track_id: track, default_base_is_moof: true, ..Tfhd::default() },
                tfdt: Some(Tfdt { base_media_decode_time: units(first.dts).unsigned_abs() }),
                trun: vec![Trun { data_offset: Some(0), samples: entries.collect::<Vec<_>>().into() }],
                ..Traf::default()
            });
            data.extend(its);
        }
        self.frames += frames.len() as u64;
        self.write_boxes(clock, moof, &data)
    }

    fn write_boxes(&mut self, clock: Option<Prft>, mut moof: Moof, data: &[&Frame]) -> Result<(), Mp4Error> {
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
        if let Some(clock) = clock {
            encode(&clock, &mut bytes)?;
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
