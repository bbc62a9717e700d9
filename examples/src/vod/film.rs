use std::collections::VecDeque;
use std::time::Duration;

use rtspan_core::Description;
use rtspan_core::NtpTime;
use rtspan_core::frame::{Frame, FrameWriter};
use rtspan_core::header::{Range, Replay};
use rtspan_core::rtp::{OnvifExtension, RtpPacket};

use super::Footage;
use super::course::{Choice, Course, End, Next, Pick};
use super::places::{Span, Units};
use super::reel::Reel;
use super::timing::Timing;
use crate::source::SourceError;

/// How slowly and how fast a film is played, also backwards.
const RATES: std::ops::RangeInclusive<f32> = 0.25..=16.0;
/// How far ahead is read to learn whether a frame is the last one of its media.
const AHEAD: i64 = 1_000_000_000;

/// Footage that one reader sees from where and as fast as that one likes.
///
/// Its packets have one time line, which goes on where PLAY leads to another place or a gap is passed over. A reader that sets
/// the pace itself ([`Replayed`]) gets the time line of the recording.
#[derive(Debug)]
pub struct Film {
    reel: Reel,
    description: Description,
    writer: FrameWriter,
    timing: Timing,
    course: Course,
    choice: Choice,
    replayed: Option<Replayed>,
    /// Frames that come next.
    queue: VecDeque<Pick>,
    /// Why none are read behind those.
    end: Option<End>,
}

/// The wish of a PLAY.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// From where to where; from where it is without it.
    pub range: Option<Range>,
    /// How many times as fast as it was recorded; backwards below zero.
    pub scale: Option<f32>,
    /// How many times as fast as it is presented it is sent.
    pub speed: Option<f32>,
    /// The further wish of a client of ONVIF replay; `None` for others.
    pub replayed: Option<Replayed>,
}

/// The wish of a client of ONVIF replay beyond RTSP's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Replayed {
    /// Which frames, and who sets the pace.
    pub replay: Replay,
    /// The lowest byte of the CSeq of its PLAY.
    pub cseq: u8,
}

/// The range and the scale that are played, as the answer to PLAY tells them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Started {
    /// From where to where.
    pub range: Range,
    /// How many times as fast as it was recorded.
    pub scale: f32,
    /// How many times as fast as it is presented it is sent; `None` if that was not asked for.
    pub speed: Option<f32>,
}

/// When the next frame is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// A time after the PLAY that has led here. All frames are due at once if the reader sets the pace.
    In(Duration),
    /// It is not recorded yet.
    Later,
    /// There is none any more.
    Never,
}

/// A frame as it is sent.
#[derive(Debug)]
pub struct Step {
    /// When it is presented, in nanoseconds since the PLAY that has led here; `None` where it is sent at another pace.
    pub presented: Option<i64>,
    /// The index of its media.
    pub media: usize,
    /// Its packets.
    pub packets: Vec<RtpPacket>,
}

/// Why a film cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilmError {
    /// The footage cannot be read.
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
    /// The footage cannot be read, or a format in it is used in a way that is not supported.
    pub fn new(footage: Box<dyn Footage>, seed: [u8; 32]) -> Result<Self, SourceError> {
        let mut reel = Reel::new(footage);
        let mut description = reel.footage.description().clone();
        name_tracks(&mut description);
        let writer = FrameWriter::with_room(&description, seed, OnvifExtension::BYTES)?;
        let sections = reel.footage.sections();
        let start = sections.first().map_or(0, |first| first.start);
        let units = if reel.footage.has_wall_clock() { Units::Clock } else { Units::Npt };
        let end = sections.last().map(|last| last.end).filter(|_| !reel.footage.is_growing());
        description.range = Some(units.range(start, end, sections).to_string());
        reel.seek(i64::MIN)?;
        let choice = Choice::of(&Wish::default());
        Ok(Self {
            timing: Timing::new(start),
            course: Course::new(choice, start, None),
            choice,
            replayed: None,
            queue: VecDeque::new(),
            end: None,
            reel,
            description,
            writer,
        })
    }

    /// The description, which tells how long the film is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How many of its medias are sent.
    pub fn medias_sent(&self) -> usize {
        if self.course.has_others() { self.description.medias.len() } else { 1 }
    }

    /// Returns `true` if it is the reader that sets the pace.
    pub fn is_paced_by_reader(&self) -> bool {
        self.replayed.is_some_and(|replayed| !replayed.replay.is_rate_controlled)
    }

    /// Plays from another place, which is the last keyframe at or before the one that is asked for, or goes on from where it is.
    ///
    /// In a gap it plays from the section that comes next in the direction of play. Without a range it ends where it would have,
    /// unless it has ended there.
    ///
    /// # Errors
    ///
    /// The range is none of the film, or the footage cannot be read.
    pub fn play(&mut self, wish: &Wish) -> Result<Started, FilmError> {
        let choice = Choice::of(wish);
        let has_wall_clock = self.reel.footage.has_wall_clock();
        let units = match &wish.range {
            Some(range) => Units::of(range, has_wall_clock)?,
            None if has_wall_clock => Units::Clock,
            None => Units::Npt,
        };
        let mut span = self.span(wish.range.as_ref(), choice.scale)?;
        let is_over = self.end == Some(End::Range) && self.queue.is_empty();
        if wish.range.is_none() && !is_over && (choice.scale < 0.0) == (self.choice.scale < 0.0) {
            span.end = self.course.end();
        }
        let goes_on = span.start.is_none() && choice == self.choice;
        let to = span.start.map_or_else(|| self.position(), Ok)?;
        let from = if goes_on { to } else { self.go_to(to, choice.scale)? };
        if goes_on {
            self.course.set_end(span.end);
        } else {
            self.course = Course::new(choice, if choice.scale < 0.0 { to } else { from }, span.end);
            self.timing.start(from, choice.scale);
        }
        (self.choice, self.replayed, self.end) = (choice, wish.replayed, None);
        let speed = wish.speed.map(possible).filter(|_| !self.is_paced_by_reader());
        self.timing.set_pace(if self.is_paced_by_reader() { None } else { Some(speed.unwrap_or(1.0)) });
        let sections = self.reel.footage.sections();
        let last = match choice.scale < 0.0 {
            true => sections.first().map(|first| first.start),
            false => sections.last().map(|last| last.end).filter(|_| !self.reel.footage.is_growing()),
        };
        let range = units.range(from, span.end.or(last), sections);
        Ok(Started { range, scale: choice.scale, speed })
    }

    /// When the next frame is to be sent.
    ///
    /// # Errors
    ///
    /// The footage cannot be read, or is broken.
    pub fn due(&mut self) -> Result<Due, SourceError> {
        if self.end == Some(End::Later) {
            self.end = None;
        }
        while !self.knows_next() {
            match self.course.next(&mut self.reel)? {
                Next::Pick(pick) => self.queue.push_back(pick),
                Next::End(end) => self.end = Some(end),
            }
        }
        Ok(match self.queue.front() {
            Some(next) => Due::In(self.timing.due(next)),
            None if self.end == Some(End::Later) => Due::Later,
            None => Due::Never,
        })
    }

    /// Takes the frame that is [due](Self::due).
    pub fn take(&mut self) -> Option<Step> {
        let pick = self.queue.pop_front()?;
        let extension = self.replayed.map(|replayed| self.extension(&pick, replayed));
        let Pick { mut frame, .. } = pick;
        let presented = self.timing.set(&mut frame, &self.reel);
        let mut packets = Vec::new();
        // A part of a frame that no packet can carry is left out.
        let _ = self.writer.write(&frame, |packet| packets.push(packet));
        if let (Some(extension), Some(first)) = (extension, packets.first_mut()) {
            *first = extension.add_to(first);
        }
        Some(Step { presented, media: frame.media, packets })
    }

    /// Enough was read to send the next frame, and to tell a client of ONVIF replay whether it is the last one.
    fn knows_next(&self) -> bool {
        let Some(next) = self.queue.front() else { return self.end.is_some() };
        let is_answer = |pick: &Pick| pick.frame.media == next.frame.media || pick.section != next.section;
        let is_far = |pick: &Pick| pick.frame.dts - next.frame.dts > AHEAD;
        self.replayed.is_none()
            || self.end.is_some()
            || self.queue.iter().skip(1).any(|pick| is_answer(pick) || is_far(pick))
    }

    /// The extension of a frame for a client of ONVIF replay. All frames behind it that are known stand in the queue.
    fn extension(&self, pick: &Pick, replayed: Replayed) -> OnvifExtension {
        let mut same = self.queue.iter().filter(|next| next.frame.media == pick.frame.media).peekable();
        let is_last = same.peek().is_none() && matches!(self.end, Some(End::Footage | End::Range));
        let follows = same.any(|next| next.section == pick.section);
        let mut sections =
            self.queue.iter().map(|next| next.section).chain(self.end.map(|_| self.course.section()));
        let is_left = sections.any(|section| section != pick.section) || self.end == Some(End::Footage);
        let mut extension = OnvifExtension::default();
        extension.ntp = recorded(&pick.frame);
        extension.is_clean_point = pick.frame.is_keyframe;
        extension.ends_section = is_left && !follows;
        extension.is_discontinuous = pick.is_discontinuous;
        extension.is_last = is_last;
        extension.cseq = replayed.cseq;
        extension
    }

    /// Goes to the last keyframe at or before a time; in a gap to the section that comes next in this direction. Returns where it is.
    fn go_to(&mut self, to: i64, scale: f32) -> Result<i64, FilmError> {
        self.queue.clear();
        let sections = self.reel.footage.sections();
        let is_within = sections.iter().any(|section| (section.start..section.end).contains(&to));
        let next = sections.iter().map(|section| section.start).find(|start| *start > to);
        let to = if is_within || scale < 0.0 { to } else { next.unwrap_or(to) };
        self.reel.seek(to)?;
        self.position()
    }

    /// The time of the next frame of the lead; of the end, if there is none.
    fn position(&mut self) -> Result<i64, FilmError> {
        if let Some(pick) = self.queue.iter().find(|pick| self.reel.is_lead(&pick.frame)) {
            return Ok(pick.frame.time.pts);
        }
        let next = self.reel.position()?;
        let end = self.reel.footage.sections().last().map(|last| last.end);
        next.or(end).ok_or(FilmError::NoSuchPlace)
    }

    /// From where to where a range leads.
    fn span(&self, range: Option<&Range>, scale: f32) -> Result<Span, FilmError> {
        let Some(range) = range else { return Ok(Span::default()) };
        let sections = self.reel.footage.sections();
        let is_growing = self.reel.footage.is_growing();
        let last = sections.last().map(|last| last.end);
        let now = if is_growing { i64::MAX } else { last.unwrap_or_default() };
        let Span { start, end } = Units::read(range, sections, now);
        // It goes on as it is recorded.
        let end = end.filter(|end| *end != i64::MAX);
        let is_reversed = start.zip(end).is_some_and(|(start, end)| end < start);
        let is_beyond = start > last && !is_growing;
        match scale < 0.0 {
            // From its later end to its earlier one, whichever comes first.
            true if !is_reversed && start.is_some() && end.is_some() => Ok(Span { start: end, end: start }),
            true => Ok(Span { start, end }),
            false if is_reversed || is_beyond => Err(FilmError::NoSuchPlace),
            false => Ok(Span { start, end }),
        }
    }
}

impl Choice {
    /// The scale that a film can be played at, and the frames that are asked for.
    fn of(wish: &Wish) -> Self {
        let scale = wish.scale.unwrap_or(1.0);
        let replay = wish.replayed.map_or_else(Replay::new, |replayed| replayed.replay);
        let is_controlled = replay.is_rate_controlled;
        let scale = if is_controlled { possible(scale) } else { scale.signum() };
        Self { frames: replay.frames, scale, by_groups: !is_controlled }
    }
}

/// A scale or a speed that a film can be played at.
fn possible(rate: f32) -> f32 {
    rate.abs().clamp(*RATES.start(), *RATES.end()).copysign(rate)
}

/// Names each media that has no name as a track of a recording (ONVIF Streaming Specification, section 6.2).
fn name_tracks(description: &mut Description) {
    for (media, number) in description.medias.iter_mut().zip(1..) {
        let name = || format!("{}{number:03}", media.kind.to_string().to_uppercase());
        media.onvif_track = media.onvif_track.take().or_else(|| Some(name()));
    }
}

/// When a frame was recorded; without a wall clock, the time of the footage counted from 1970.
fn recorded(frame: &Frame) -> NtpTime {
    let pts = Duration::from_nanos(u64::try_from(frame.time.pts).unwrap_or_default());
    frame.time.reported_ntp().unwrap_or_else(|| NtpTime::from_unix(pts))
}

#[cfg(test)]
mod tests;
