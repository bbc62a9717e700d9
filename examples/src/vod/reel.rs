use std::collections::VecDeque;

use rtspan_core::MediaKind;
use rtspan_core::frame::Frame;

use super::Footage;
use crate::source::SourceError;
use crate::source::nal::Syntax;

/// Footage with a place in it.
#[derive(Debug)]
pub(super) struct Reel {
    pub(super) footage: Box<dyn Footage>,
    /// The media that its places are counted by: the pictures, if there are any.
    lead: usize,
    /// How its pictures are read, if they are of NAL units.
    syntax: Option<Syntax>,
    /// Frames that were read already.
    ahead: VecDeque<Frame>,
}

impl Reel {
    pub(super) fn new(footage: Box<dyn Footage>) -> Self {
        let medias = &footage.description().medias;
        let lead = medias.iter().position(|media| media.kind == MediaKind::Video).unwrap_or(0);
        let syntax = medias.get(lead).and_then(|media| Syntax::of(media.formats.first()?.codec()));
        Self { lead, syntax, footage, ahead: VecDeque::new() }
    }

    pub(super) fn is_lead(&self, frame: &Frame) -> bool {
        frame.media == self.lead
    }

    /// Others are decoded from it, or may be.
    pub(super) fn is_needed(&self, picture: &Frame) -> bool {
        let mut slices = picture.data.slices();
        self.syntax.is_none_or(|syntax| slices.any(|nal| syntax.is_slice(nal) && syntax.is_reference(nal)))
    }

    /// The section of a frame ends at or before another time.
    pub(super) fn is_before_gap(&self, pts: i64, time: i64) -> bool {
        let mut sections = self.footage.sections().iter();
        sections.any(|section| (section.start..section.end).contains(&pts) && section.end <= time)
    }

    pub(super) fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        match self.ahead.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => self.footage.next(),
        }
    }

    pub(super) fn next_lead(&mut self) -> Result<Option<Frame>, SourceError> {
        self.find(|frame, lead| frame.media == lead)
    }

    pub(super) fn next_keyframe(&mut self) -> Result<Option<Frame>, SourceError> {
        self.find(|frame, lead| frame.media == lead && frame.is_keyframe)
    }

    fn find(&mut self, is_it: impl Fn(&Frame, usize) -> bool) -> Result<Option<Frame>, SourceError> {
        while let Some(frame) = self.next()? {
            if is_it(&frame, self.lead) {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Has this frame come next, in front of those that were given back before.
    pub(super) fn give_back(&mut self, frame: Frame) {
        self.ahead.push_front(frame);
    }

    /// Goes to the last keyframe at or before a time, or to the first.
    pub(super) fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        self.ahead.clear();
        self.footage.seek(to)
    }

    /// The time of the next frame of the lead; `None` at the end.
    pub(super) fn position(&mut self) -> Result<Option<i64>, SourceError> {
        if let Some(frame) = self.ahead.iter().find(|frame| self.is_lead(frame)) {
            return Ok(Some(frame.time.pts));
        }
        while let Some(frame) = self.footage.next()? {
            let found = self.is_lead(&frame).then_some(frame.time.pts);
            self.ahead.push_back(frame);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}
