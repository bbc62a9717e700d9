//! A camera that is recorded: where its segments begin and end.

use std::time::Duration;

use rtspan_core::frame::Frame;
use rtspan_core::payload::{ParameterWatch, Parameters};
use rtspan_core::{Description, Format, NtpTime};

use super::Store;
use super::clock::Clock;
use super::event::{ArchiveEvent, TroubleError};
use super::name::Stamp;
use super::open::Open;
use super::scan::{ntp_of, since_1970};
use crate::mp4::{self, Mp4Error};

/// Trouble is tried again after so long, in nanoseconds; so is a media that may have fallen silent taken to have.
const AGAIN: u64 = 1_000_000_000;
/// Without a picture for so long a segment goes on with sound alone, and ends without waiting for a keyframe.
const SILENT: i64 = 10_000_000_000;
/// A camera that sends nothing for so long has what it has sent written.
const IDLE: u64 = 2_000_000_000;
/// A segment may end so many nanoseconds early: keyframes come by whole seconds, for the most part, and clocks are not quite even.
const EARLY: i64 = 20_000_000;
/// By how many nanoseconds the wall clock time of pictures may jump within a segment.
const JUMP_MAX: u64 = 500_000_000;

#[derive(Debug)]
pub(super) struct Camera {
    pub(super) name: String,
    /// Its number among all of which there are recordings.
    pub(super) number: usize,
    description: Description,
    medias: Vec<Media>,
    /// The index of the media that segments are cut by, and whether it has pictures.
    lead: Option<usize>,
    has_pictures: bool,
    clock: Clock,
    /// The last wall clock time at which something came.
    came: i64,
    open: Option<Open>,
    /// The segment that the next frame follows, with nothing between.
    pub(super) follows: Option<Stamp>,
    /// The newest segment.
    pub(super) newest: Option<Stamp>,
    /// The end of the last frame that was written.
    pub(super) ended: Option<i64>,
    trouble: Option<Trouble>,
    /// Pictures that came before a keyframe.
    left_out: u64,
}

/// A media that is recorded.
#[derive(Debug)]
pub(super) struct Media {
    pub(super) index: usize,
    /// As it is described.
    format: Format,
    /// The parameters that are known by now.
    pub(super) parameters: Parameters,
}

/// Nothing can be written.
#[derive(Debug)]
struct Trouble {
    /// When it was tried last.
    tried: i64,
    /// Frames that are lost.
    lost: u64,
}

impl Camera {
    pub(super) fn new(name: &str, number: usize, newest: Option<Stamp>) -> Self {
        Self {
            name: name.to_owned(),
            number,
            description: Description::default(),
            medias: Vec::new(),
            lead: None,
            has_pictures: false,
            clock: Clock::default(),
            came: 0,
            open: None,
            follows: None,
            newest,
            ended: None,
            trouble: None,
            left_out: 0,
        }
    }

    /// Takes what is known of its medias. What was recorded so far ends if that is something else than before.
    pub(super) fn describe(&mut self, description: &Description, store: &mut Store) {
        if self.description == *description {
            return;
        }
        self.gap(store);
        let mut known = std::mem::take(&mut self.medias);
        let medias = description.medias.iter().enumerate().filter_map(|(index, media)| {
            let format = media.formats.first().filter(|format| mp4::holds(format))?;
            // Its frames do not tell again the parameters that they have told.
            let same = known.iter().position(|known| known.index == index && known.format == *format);
            Some(same.map(|same| known.swap_remove(same)).unwrap_or_else(|| Media {
                index,
                format: format.clone(),
                parameters: ParameterWatch::new(format).parameters(),
            }))
        });
        self.medias = medias.collect();
        let is_video = |media: &&Media| description.medias[media.index].kind == rtspan_core::MediaKind::Video;
        let video = self.medias.iter().find(is_video);
        self.has_pictures = video.is_some();
        self.lead = video.or_else(|| self.medias.first()).map(|media| media.index);
        self.description = description.clone();
    }

    /// The wall clock time at which the last frame came.
    pub(super) fn came(&self) -> i64 {
        self.came
    }

    /// The medias that are recorded.
    pub(super) fn medias(&self) -> impl Iterator<Item = usize> {
        self.medias.iter().map(|media| media.index)
    }

    pub(super) fn write(&mut self, frame: Frame, now: NtpTime, store: &mut Store) {
        let Some(media) = self.medias.iter_mut().find(|media| media.index == frame.media) else { return };
        if let Some(parameters) = &frame.new_parameters {
            media.parameters = (**parameters).clone();
        }
        self.came = since_1970(now);
        if self.is_gap(&frame) {
            self.gap(store);
        }
        let wall = self.clock.of(&frame, now);
        let frame = frame.with_ntp(ntp_of(wall));
        self.look_at_clock(&frame, wall, store);
        if self.ends_before(&frame, store) {
            self.end(store);
        }
        if self.begin(&frame, store) {
            self.put(frame, store);
        }
    }

    /// Something is missing before a frame: it is the first of another run, and others of the run before are there.
    fn is_gap(&self, frame: &Frame) -> bool {
        let Some(open) = self.open.as_ref().filter(|_| frame.time.begins_anew) else { return false };
        // Sound that begins anew beside pictures that go on is none of theirs.
        let is_away = open.lead_reached.is_none_or(|reached| frame.dts - reached > AGAIN as i64);
        open.has(frame.media) && (self.is_lead(frame) || is_away)
    }

    fn is_lead(&self, frame: &Frame) -> bool {
        self.lead == Some(frame.media)
    }

    /// A clock that was set begins another segment, so that each has one clock.
    fn look_at_clock(&mut self, frame: &Frame, wall: i64, store: &mut Store) {
        let zero = wall.saturating_sub(frame.time.pts);
        let is_lead = self.is_lead(frame);
        let Some(open) = self.open.as_mut().filter(|open| is_lead && !open.is_cut) else { return };
        let begun = *open.zero.get_or_insert(zero);
        if begun.abs_diff(zero) > JUMP_MAX {
            open.is_cut = true;
            let by = zero.saturating_sub(begun);
            store.events.push(ArchiveEvent::CameraClockSet { camera: self.name.clone(), by });
        }
    }

    /// A segment that is long enough ends before a keyframe.
    fn ends_before(&self, frame: &Frame, store: &Store) -> bool {
        let Some(open) = &self.open else { return false };
        let age = frame.dts.saturating_sub(open.began).saturating_add(EARLY);
        let is_long = age >= nanos(store.config.segment);
        let is_large = store.segment_bytes_max().is_some_and(|most| open.bytes() >= most);
        let may_end = match (self.has_pictures, self.is_lead(frame)) {
            (true, true) => frame.is_keyframe,
            (true, false) => open.lead_reached.is_none_or(|reached| frame.dts - reached > SILENT),
            (false, _) => true,
        };
        may_end && (is_long || is_large || open.is_cut)
    }

    /// Has a segment for a frame; `false` if the frame cannot be written.
    fn begin(&mut self, frame: &Frame, store: &mut Store) -> bool {
        if self.open.is_some() {
            return true;
        }
        let is_start = !self.has_pictures || self.is_lead(frame) && frame.is_keyframe;
        if let Some(trouble) = &mut self.trouble {
            if !is_start || trouble.tried.abs_diff(self.came) < AGAIN {
                trouble.lost += 1;
                return false;
            }
            trouble.tried = self.came;
        }
        if !is_start && self.is_lead(frame) && self.follows.is_none() {
            self.left_out += 1;
            return false;
        }
        if self.left_out > 0 {
            let pictures = std::mem::take(&mut self.left_out);
            store.events.push(ArchiveEvent::LeftOut { camera: self.name.clone(), pictures });
        }
        self.clock.begin_segment();
        self.open = Some(Open::new(&self.medias, frame.dts, self.follows.take()));
        true
    }

    fn put(&mut self, frame: Frame, store: &mut Store) {
        let is_lead = self.is_lead(&frame);
        let again = frame.new_parameters.is_some().then(|| frame.clone());
        let Some(mut open) = self.open.take() else { return };
        let written = match open.write(frame, is_lead) {
            Err(Mp4Error::ParametersChanged(_)) => {
                self.close(open, store);
                if let Some(again) = again.filter(|again| self.begin(again, store)) {
                    self.put(again, store);
                }
                return;
            }
            written => written.map_err(TroubleError::from),
        };
        match written.and_then(|()| open.commit(self, store)) {
            Ok(()) => self.go_on(open, store),
            Err(error) => self.fail(open, error, store),
        }
    }

    fn go_on(&mut self, open: Open, store: &mut Store) {
        if let Some(trouble) = self.trouble.take_if(|_| open.bytes() > 0) {
            store.events.push(ArchiveEvent::Resumed { camera: self.name.clone(), lost: trouble.lost });
        }
        self.open = Some(open);
    }

    /// Ends the segment; the next one follows it.
    pub(super) fn end(&mut self, store: &mut Store) {
        if let Some(open) = self.open.take() {
            self.close(open, store);
        }
    }

    /// Something is missing from here on: ends the segment, and the next one does not follow it.
    pub(super) fn gap(&mut self, store: &mut Store) {
        self.end(store);
        self.follows = None;
        self.clock.forget();
    }

    /// Writes what waits if nothing has come for a while.
    pub(super) fn flush_idle(&mut self, now: i64, store: &mut Store) {
        if self.came.abs_diff(now) < IDLE {
            return;
        }
        let Some(mut open) = self.open.take() else { return };
        match open.flush(self, store) {
            Ok(()) => self.go_on(open, store),
            Err(error) => self.fail(open, error, store),
        }
    }

    fn close(&mut self, mut open: Open, store: &mut Store) {
        match open.flush(self, store) {
            Ok(()) => self.follows = open.end(self, store),
            Err(error) => self.fail(open, error, store),
        }
    }

    /// Frames that were not written yet are lost.
    fn fail(&mut self, open: Open, error: TroubleError, store: &mut Store) {
        let lost = open.unwritten();
        open.end(self, store);
        self.follows = None;
        match &mut self.trouble {
            Some(trouble) => trouble.lost += lost,
            None => {
                self.trouble = Some(Trouble { tried: self.came, lost });
                store.events.push(ArchiveEvent::Trouble { camera: self.name.clone(), error });
            }
        }
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
