//! Which frames of footage are sent, and in which order.

use std::collections::VecDeque;
use std::time::Duration;

use rtspan_core::frame::Frame;
use rtspan_core::header::Frames;

use super::reel::Reel;
use crate::source::SourceError;

/// Played faster than this, only keyframes are sent.
const ALL_FRAMES_MAX: f32 = 2.0;

/// How it is gone through footage.
#[derive(Debug)]
pub(super) struct Course {
    way: Way,
    /// The pictures that are sent.
    frames: Frames,
    /// All other medias are sent as well.
    has_others: bool,
    /// Where it begins, and where it ends.
    from: i64,
    until: Option<i64>,
    /// The number of the section that it is in, and the medias that have begun in it.
    section: u64,
    begun: Vec<usize>,
    /// The last picture of this section that was sent.
    last: Option<i64>,
    /// Pictures that are shown behind the end: they are sent if one that is shown before it needs them.
    held: Vec<Pick>,
    /// Pictures that were read and are sent next.
    ready: VecDeque<Pick>,
}

/// The order of frames.
#[derive(Clone, Copy, Debug)]
enum Way {
    Forwards,
    /// One keyframe before the other; none that is shown behind `before` comes any more.
    Keyframes {
        before: i64,
    },
    /// One group of pictures before the other, each of them forwards.
    Groups {
        before: i64,
        at: Group,
    },
}

/// Where it is in the groups of pictures.
#[derive(Clone, Copy, Debug)]
enum Group {
    /// In front of one.
    Before,
    /// In one, of which no picture is sent that is decoded behind `to`. It may be the first one of its section.
    Within { to: i64, opens_section: bool },
}

/// A frame that is to be sent.
#[derive(Debug)]
pub(super) struct Pick {
    pub(super) frame: Frame,
    /// The number of the section that it belongs to.
    pub(super) section: u64,
    /// It does not follow from those that were sent before.
    pub(super) is_discontinuous: bool,
}

/// The next picture, or the end.
#[derive(Debug)]
pub(super) enum Next {
    Pick(Pick),
    End(End),
}

/// Why nothing comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// More may be recorded.
    Later,
    /// There is no more footage in this direction.
    Footage,
    /// The range that was asked for is over.
    Range,
}

/// Which frames are sent, and in which order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) frames: Frames,
    /// Below zero it goes backwards.
    pub(super) scale: f32,
    /// Backwards all frames are sent, and not keyframes alone.
    pub(super) by_groups: bool,
}

impl Course {
    pub(super) fn new(choice: Choice, from: i64, until: Option<i64>) -> Self {
        let Choice { scale, by_groups, .. } = choice;
        let is_intra = matches!(choice.frames, Frames::Intra { .. });
        let way = match scale < 0.0 {
            false => Way::Forwards,
            true if by_groups && !is_intra => Way::Groups { before: i64::MAX, at: Group::Before },
            true => Way::Keyframes { before: i64::MAX },
        };
        let is_fast = scale > ALL_FRAMES_MAX && !is_intra;
        Self {
            way,
            frames: if is_fast { Frames::Intra { every: None } } else { choice.frames },
            // At another speed it would be another sound.
            has_others: scale == 1.0 && !is_intra,
            from,
            until,
            section: 0,
            begun: Vec::new(),
            last: None,
            held: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// Not only the pictures are sent.
    pub(super) fn has_others(&self) -> bool {
        self.has_others
    }

    /// The number of the section that it has come to.
    pub(super) fn section(&self) -> u64 {
        self.section
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Option<i64> {
        self.until
    }

    /// Has it end elsewhere.
    pub(super) fn set_end(&mut self, until: Option<i64>) {
        self.until = until;
    }

    /// The frame that comes next.
    pub(super) fn next(&mut self, reel: &mut Reel) -> Result<Next, SourceError> {
        match self.way {
            Way::Forwards => self.next_forwards(reel),
            Way::Keyframes { before } => self.next_keyframe(reel, before),
            Way::Groups { before, at } => self.next_of_groups(reel, before, at),
        }
    }

    fn next_forwards(&mut self, reel: &mut Reel) -> Result<Next, SourceError> {
        loop {
            if let Some(pick) = self.ready.pop_front() {
                return Ok(Next::Pick(pick));
            }
            let Some(frame) = reel.next()? else { return Ok(Next::End(self.end_forwards(reel))) };
            let is_over = |time| self.until.is_some_and(|until| time >= until);
            if is_over(frame.dts) {
                if frame.time.begins_anew {
                    self.begin_section();
                }
                reel.give_back(frame);
                self.give_back(reel);
                return Ok(Next::End(End::Range));
            }
            let (is_lead, is_behind) = (reel.is_lead(&frame), is_over(frame.time.pts));
            let is_discontinuous = self.enter(&frame);
            if !self.wants(&frame, reel) {
                continue;
            }
            let pick = Pick { frame, section: self.section, is_discontinuous };
            if is_lead && is_behind {
                self.held.push(pick);
                continue;
            }
            if is_lead {
                self.last = Some(pick.frame.time.pts);
                self.ready.extend(self.held.drain(..));
            }
            self.ready.push_back(pick);
        }
    }

    fn end_forwards(&mut self, reel: &mut Reel) -> End {
        match self.give_back(reel) {
            true => End::Range,
            false if reel.footage.is_growing() => End::Later,
            false => End::Footage,
        }
    }

    /// Gives back what is held; returns `true` if that is something.
    fn give_back(&mut self, reel: &mut Reel) -> bool {
        let is_holding = !self.held.is_empty();
        self.held.drain(..).rev().for_each(|pick| reel.give_back(pick.frame));
        is_holding
    }

    /// Counts sections; returns `true` for the first frame of a media at all.
    fn enter(&mut self, frame: &Frame) -> bool {
        let has_begun = self.begun.contains(&frame.media);
        if has_begun && frame.time.begins_anew {
            self.begin_section();
        }
        if !self.begun.contains(&frame.media) {
            self.begun.push(frame.media);
        }
        !has_begun && self.section == 0
    }

    fn begin_section(&mut self) {
        self.section += 1;
        self.begun.clear();
        self.last = None;
    }

    fn wants(&self, frame: &Frame, reel: &Reel) -> bool {
        let pts = frame.time.pts;
        if !reel.is_lead(frame) {
            return self.has_others && (self.section > 0 || pts >= self.from);
        }
        match self.frames {
            Frames::Predicted => reel.is_needed(frame),
            Frames::Intra { every } => {
                frame.is_keyframe && self.last.is_none_or(|last| pts - last >= nanos(every))
            }
            _ => true,
        }
    }

    fn next_keyframe(&mut self, reel: &mut Reel, mut before: i64) -> Result<Next, SourceError> {
        let every = match self.frames {
            Frames::Intra { every } => nanos(every),
            _ => 0,
        };
        loop {
            let Some(frame) = reel.next_keyframe()? else { return Ok(Next::End(End::Footage)) };
            let pts = frame.time.pts;
            // In front of the first one the first one comes again.
            let end = match self.until {
                _ if pts > before => Some(End::Footage),
                Some(until) if pts < until => Some(End::Range),
                _ => None,
            };
            if let Some(end) = end {
                reel.give_back(frame);
                return Ok(Next::End(end));
            }
            before = pts.saturating_sub(1);
            self.way = Way::Keyframes { before };
            reel.seek(before)?;
            let section = self.section;
            let is_due = self.last.is_none_or(|last| last - pts >= every);
            if is_due {
                self.last = Some(pts);
            }
            // Also one that is passed over may be the first one of its section.
            if frame.time.begins_anew {
                self.begin_section();
            }
            if is_due {
                return Ok(Next::Pick(Pick { frame, section, is_discontinuous: true }));
            }
        }
    }

    fn next_of_groups(&mut self, reel: &mut Reel, before: i64, at: Group) -> Result<Next, SourceError> {
        let Group::Within { to, opens_section } = at else { return self.begin_group(reel, before) };
        while let Some(frame) = reel.next_lead()?.filter(|frame| !frame.is_keyframe && frame.dts <= to) {
            if self.wants(&frame, reel) {
                return Ok(Next::Pick(Pick { frame, section: self.section, is_discontinuous: false }));
            }
        }
        if opens_section {
            self.begin_section();
        }
        self.way = Way::Groups { before, at: Group::Before };
        reel.seek(before)?;
        self.begin_group(reel, before)
    }

    fn begin_group(&mut self, reel: &mut Reel, before: i64) -> Result<Next, SourceError> {
        // The group that has the end of the range is sent.
        if self.until.is_some_and(|until| before < until) {
            return Ok(Next::End(End::Range));
        }
        let Some(frame) = reel.next_keyframe()? else { return Ok(Next::End(End::Footage)) };
        let pts = frame.time.pts;
        if pts > before {
            reel.give_back(frame);
            return Ok(Next::End(End::Footage));
        }
        // The range ends in the gap behind this group.
        if self.until.is_some_and(|until| reel.is_before_gap(pts, until)) {
            reel.give_back(frame);
            return Ok(Next::End(End::Range));
        }
        let to = if before == i64::MAX { self.from } else { i64::MAX };
        let at = Group::Within { to, opens_section: frame.time.begins_anew };
        self.way = Way::Groups { before: pts - 1, at };
        Ok(Next::Pick(Pick { frame, section: self.section, is_discontinuous: true }))
    }
}

fn nanos(time: Option<Duration>) -> i64 {
    i64::try_from(time.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}
