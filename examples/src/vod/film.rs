use std::collections::VecDeque;
use std::time::Duration;

use rtspan_core::frame::{Frame, FrameWriter};
use rtspan_core::header::{NptTime, Range};
use rtspan_core::rtp::RtpPacket;
use rtspan_core::{Description, MediaKind};

use super::Footage;
use crate::source::SourceError;

/// How slowly and how fast a film is played, also backwards.
const SCALES: std::ops::RangeInclusive<f32> = 0.25..=16.0;
/// Played faster than this, or backwards, only keyframes are sent.
const ALL_FRAMES_MAX: f32 = 2.0;
/// The time between two frames, where nothing tells it yet, and the longest that is believed.
const STEP: i64 = 40_000_000;
const STEP_MAX: i64 = 1_000_000_000;

/// Footage that one reader sees from where and as fast as that one likes.
///
/// Its packets have one time line, which goes on where PLAY leads to another place.
#[derive(Debug)]
pub struct Film {
    source: Box<dyn Footage>,
    description: Description,
    writer: FrameWriter,
    /// The media that its places are counted by: the pictures, if there are any.
    lead: usize,
    /// The presentation time in the file of its first frame, and of its end.
    span: (i64, i64),
    run: Run,
    /// The frame that comes next, at its time in the file.
    next: Option<Frame>,
    /// Frames behind it that were read already.
    ahead: VecDeque<Frame>,
    /// Where the time line of what is sent has come to.
    reached: i64,
    /// The time between the last two frames of the lead.
    step: i64,
}

/// The run since the last PLAY.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Where it began in the file, and on the time line of what is sent.
    from: i64,
    at: i64,
    scale: f32,
    /// Where it ends in the file.
    until: Option<i64>,
    /// Backwards: no frame behind this one comes any more.
    before: i64,
}

/// The range and the scale that are played, as the answer to PLAY tells them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Started {
    /// From where to where.
    pub range: Range,
    /// How many times as fast as it was recorded.
    pub scale: f32,
}

/// A frame as it is sent.
#[derive(Debug)]
pub struct Step {
    /// When it is presented, in nanoseconds since PLAY.
    pub presented: i64,
    /// The index of its media.
    pub media: usize,
    /// Its packets.
    pub packets: Vec<RtpPacket>,
}

/// Why a film cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilmError {
    /// The file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The range is none of the film.
    #[error("the film has no such place")]
    NoSuchPlace,
}

impl Film {
    /// A film at its beginning. SSRCs, sequence numbers and timestamps come from `seed`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is a pipe, or a format in it is used in a way that is not supported.
    pub fn new(mut source: Box<dyn Footage>, seed: [u8; 32]) -> Result<Self, SourceError> {
        let writer = FrameWriter::new(source.description(), seed)?;
        source.seek(i64::MIN)?;
        let [first, last] =
            [source.sections().first(), source.sections().last()].map(|section| section.copied());
        let span = (first.map_or(0, |first| first.start), last.map_or(0, |last| last.end));
        let mut description = source.description().clone();
        description.range = Some(npt(0, span.1 - span.0).to_string());
        let lead = description.medias.iter().position(|media| media.kind == MediaKind::Video);
        let run = Run { from: span.0, at: 0, scale: 1.0, until: None, before: i64::MAX };
        let (lead, ahead) = (lead.unwrap_or(0), VecDeque::new());
        Ok(Self { source, description, writer, lead, span, run, next: None, ahead, reached: 0, step: STEP })
    }

    /// The description, which tells how long the film is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Plays from another place, which is the last keyframe at or before the one that is asked for, or goes on from where it is.
    ///
    /// # Errors
    ///
    /// The range is none of the film, or the file cannot be read.
    pub fn play(&mut self, asked: Option<Range>, scale: Option<f32>) -> Result<Started, FilmError> {
        let scale = possible(scale.unwrap_or(1.0));
        let (start, until) = self.places(asked)?;
        let from = match start {
            None if scale == self.run.scale => self.position()?,
            start => {
                let to = start.map_or_else(|| self.position(), Ok)?;
                let from = self.go_to(to)?;
                self.run = Run { from, at: self.reached, scale, until, before: i64::MAX };
                from
            }
        };
        self.run.until = until;
        let last = if scale < 0.0 { self.span.0 } else { self.span.1 };
        let range = npt(from - self.span.0, until.unwrap_or(last) - self.span.0);
        Ok(Started { range, scale })
    }

    /// When the next frame is to be sent, since the PLAY that has led here; `None` at the end of what is played.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is broken.
    pub fn due(&mut self) -> Result<Option<Duration>, SourceError> {
        if self.next.is_none() {
            self.next = self.next_frame()?;
        }
        let first = self.next.as_ref().map(|next| {
            let sent = if self.run.scale < 0.0 { next.time.pts } else { next.dts };
            self.sent(sent) - self.run.at
        });
        Ok(first.map(|first| Duration::from_nanos(u64::try_from(first).unwrap_or_default())))
    }

    /// Takes the frame that is [due](Self::due).
    pub fn take(&mut self) -> Option<Step> {
        let mut frame = self.next.take()?;
        let (pts, dts) = (self.sent(frame.time.pts), self.sent(frame.dts));
        if frame.media == self.lead {
            let step = (pts - self.reached + self.step).abs();
            if (1..=STEP_MAX).contains(&step) {
                self.step = step;
            }
        }
        self.reached = self.reached.max(pts + self.step);
        (frame.time.pts, frame.dts) = (pts, dts);
        let mut packets = Vec::new();
        // A part of a frame that no packet can carry is left out.
        let _ = self.writer.write(&frame, |packet| packets.push(packet));
        Some(Step { presented: pts - self.run.at, media: frame.media, packets })
    }

    /// Where a time of the file is on the time line of what is sent.
    fn sent(&self, time: i64) -> i64 {
        let Run { from, at, scale, .. } = self.run;
        at + ((time - from) as f64 / f64::from(scale)) as i64
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        let Run { scale, until, .. } = self.run;
        if scale < 0.0 {
            return self.next_backwards();
        }
        while let Some(frame) = self.read()? {
            if until.is_some_and(|until| frame.dts >= until) {
                return Ok(None);
            }
            let is_wanted = match frame.media == self.lead {
                true => scale <= ALL_FRAMES_MAX || frame.is_keyframe,
                // At another speed it would be another sound.
                false => scale == 1.0 && frame.time.pts >= self.run.from,
            };
            if is_wanted && until.is_none_or(|until| frame.time.pts < until) {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// The keyframe before the one that came last.
    fn next_backwards(&mut self) -> Result<Option<Frame>, SourceError> {
        let Run { until, before, .. } = self.run;
        let is_next = |pts: i64| pts <= before && until.is_none_or(|until| pts >= until);
        // At the beginning the first one comes again.
        let frame = self.next_keyframe()?.filter(|frame| is_next(frame.time.pts));
        if let Some(frame) = &frame {
            self.run.before = frame.time.pts - 1;
            self.ahead.clear();
            self.source.seek(self.run.before)?;
        }
        Ok(frame)
    }

    fn next_keyframe(&mut self) -> Result<Option<Frame>, SourceError> {
        while let Some(frame) = self.read()? {
            if frame.media == self.lead && frame.is_keyframe {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> Result<Option<Frame>, SourceError> {
        match self.ahead.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => self.source.next(),
        }
    }

    /// Goes to the last keyframe at or before a time; returns its time.
    fn go_to(&mut self, to: i64) -> Result<i64, SourceError> {
        self.next = None;
        self.ahead.clear();
        self.source.seek(to)?;
        self.position()
    }

    /// The time of the next frame of the lead; of the end, if there is none.
    fn position(&mut self) -> Result<i64, SourceError> {
        let is_lead = |frame: &Frame| frame.media == self.lead;
        if let Some(frame) = self.next.iter().chain(&self.ahead).find(|frame| is_lead(frame)) {
            return Ok(frame.time.pts);
        }
        while let Some(frame) = self.source.next()? {
            let (is_lead, pts) = (frame.media == self.lead, frame.time.pts);
            self.ahead.push_back(frame);
            if is_lead {
                return Ok(pts);
            }
        }
        Ok(self.span.1)
    }

    /// Where a range begins and ends in the file.
    fn places(&self, asked: Option<Range>) -> Result<(Option<i64>, Option<i64>), FilmError> {
        let Some(asked) = asked else { return Ok((None, None)) };
        let Range::Npt { start, end } = asked else { return Err(FilmError::NoSuchPlace) };
        let place = |time| match time {
            Some(NptTime::At(time)) => i64::try_from(time.as_nanos()).ok().map(|time| self.span.0 + time),
            _ => None,
        };
        let start = place(start);
        if start.is_some_and(|start| start > self.span.1) {
            return Err(FilmError::NoSuchPlace);
        }
        Ok((start, place(end)))
    }
}

/// A scale that a film can be played at.
fn possible(scale: f32) -> f32 {
    scale.abs().clamp(*SCALES.start(), *SCALES.end()).copysign(scale)
}

fn npt(from: i64, to: i64) -> Range {
    let time = |nanos: i64| NptTime::At(Duration::from_nanos(u64::try_from(nanos).unwrap_or_default()));
    Range::Npt { start: Some(time(from)), end: Some(time(to)) }
}
