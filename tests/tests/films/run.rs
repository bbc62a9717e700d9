//! The pictures and the sound that a PLAY leads to, in their order.

use rtspan_core::header::Frames;

use crate::tape::{self, GROUP, PICTURES, STEP};

/// A request of a viewer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wish {
    /// From where; from where it is, if not from elsewhere.
    pub(crate) from: Option<i64>,
    /// Until when, forwards.
    pub(crate) until: Option<i64>,
    pub(crate) scale: f32,
    pub(crate) frames: Frames,
    /// The server sets the pace.
    pub(crate) is_rate_controlled: bool,
    /// It is a replay as ONVIF has it.
    pub(crate) is_replay: bool,
}

/// The pictures that come after a PLAY.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) wish: Wish,
    pictures: Vec<u32>,
    /// How many have come.
    seen: usize,
    /// The next piece of sound, once the first has come.
    sound: Option<u32>,
    pub(crate) last: Option<Seen>,
}

/// The picture that came last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) number: u32,
    pub(crate) pts: i64,
}

/// Faster than this only keyframes are played.
const ALL_FRAMES_MAX: f32 = 2.0;

impl Wish {
    /// The pictures that are played from a picture on.
    ///
    /// Backwards by groups, the first one ends with that picture.
    pub(crate) fn run_at(self, from: u32) -> Run {
        let first = from / GROUP * GROUP;
        let wanted = |picture: &u32| !self.wants_keyframes() || tape::is_keyframe(*picture);
        let pictures: Vec<u32> = if self.scale < 0.0 {
            let groups = (0..=first / GROUP).rev().flat_map(|group| group * GROUP..(group + 1) * GROUP);
            groups.filter(|picture| *picture <= from || *picture < first).filter(wanted).collect()
        } else {
            let until = self.until.unwrap_or(i64::MAX);
            (first..PICTURES).take_while(|picture| tape::time_of(*picture) < until).filter(wanted).collect()
        };
        Run { wish: self, pictures: self.thinned(pictures), seen: 0, sound: None, last: None }
    }

    /// The pictures that are played from a time on (ONVIF Streaming Specification, section 6.5.4).
    pub(crate) fn run_at_time(self, time: i64) -> Run {
        let before = tape::keyframe_before(time);
        let is_in_gap = time >= tape::section_end(before);
        let first = match self.scale > 0.0 {
            true if is_in_gap => tape::next_section(before),
            true => Some(before),
            false => tape::picture_at(time),
        };
        self.run_at(first.unwrap_or(PICTURES))
    }

    fn wants_keyframes(&self) -> bool {
        let is_fast = self.is_rate_controlled && !(0.0..=ALL_FRAMES_MAX).contains(&self.scale);
        is_fast || matches!(self.frames, Frames::Intra { .. })
    }

    /// At least the interval lies between two keyframes, by the time of the recording.
    fn thinned(&self, pictures: Vec<u32>) -> Vec<u32> {
        let Frames::Intra { every: Some(every) } = self.frames else { return pictures };
        let mut last: Option<u32> = None;
        let apart = |one: u32, other: u32| tape::time_of(one).abs_diff(tape::time_of(other));
        let is_due = |picture: &u32| {
            let is_due = last.is_none_or(|last| u128::from(apart(last, *picture)) >= every.as_nanos());
            last = if is_due { Some(*picture) } else { last };
            is_due
        };
        pictures.into_iter().filter(is_due).collect()
    }
}

impl Run {
    /// The picture that comes next; `None` at the end.
    pub(crate) fn next(&self) -> Option<u32> {
        self.pictures.get(self.seen).copied()
    }

    /// Returns `true` if a picture is still to come that does not go on where the one before has ended, or is the next one.
    pub(crate) fn may_begin_anew_with(&self, picture: u32) -> bool {
        let to_come = self.pictures.get(self.seen..).unwrap_or_default();
        let jumps = self.wish.scale < 0.0 || self.wish.wants_keyframes() || tape::begins_section(picture);
        to_come.first() == Some(&picture) || jumps && to_come.contains(&picture)
    }

    /// Takes a picture, which has to be the next one.
    pub(crate) fn take(&mut self, number: u32, pts: i64) {
        assert_eq!(Some(number), self.next(), "of {:?}, behind {:?}", self.wish, self.last);
        self.check_pts(number, pts);
        self.seen += 1;
        self.last = Some(Seen { number, pts });
    }

    /// The end of a section is told with its last picture, in the direction of play.
    pub(crate) fn check_end(&self, number: u32, is_told: bool) {
        let Some(next) = self.next() else { return };
        let is_end = !tape::is_one_section(number, next);
        assert!(is_end == is_told, "{number} of {:?}, which {next} follows, has E: {is_told}", self.wish);
    }

    /// Takes a picture before which others may be lost.
    pub(crate) fn take_later(&mut self, number: u32) {
        let ahead =
            self.pictures.get(self.seen..).unwrap_or_default().iter().position(|next| *next == number);
        let ahead = ahead.unwrap_or_else(|| panic!("{number} of {:?}, behind {:?}", self.wish, self.last));
        self.seen += ahead + 1;
        self.last = Some(Seen { number, pts: 0 });
    }

    /// A second of the recording takes as much presentation time as the scale says; without rate control it takes a second.
    fn check_pts(&self, number: u32, pts: i64) {
        let Some(last) = self.last.filter(|last| tape::is_one_section(last.number, number)) else { return };
        if self.wish.scale < 0.0 {
            return;
        }
        let recorded = tape::time_of(number) - tape::time_of(last.number);
        let scale = if self.wish.is_rate_controlled { self.wish.scale } else { 1.0 };
        let expected = (recorded as f64 / f64::from(scale)) as i64;
        let came = pts - last.pts;
        let is_right = (came - expected).abs() <= STEP / 20;
        assert!(is_right, "{number} comes {came} ns behind {last:?} and not {expected}: {:?}", self.wish);
    }

    /// Returns `true` if a piece of sound may come next: none is left out or comes twice, and none comes but with all pictures.
    pub(crate) fn takes_sound(&self, number: u32, begins_anew: bool) -> bool {
        let first = self.pictures.first().map(|first| 2 * first);
        let is_first =
            || begins_anew && first.is_some_and(|first| (first..first + 2 * GROUP).contains(&number));
        let is_next = self.sound.map_or_else(is_first, |next| next == number);
        is_next && self.wish.scale == 1.0 && !self.wish.wants_keyframes()
    }

    pub(crate) fn take_sound(&mut self, number: u32, begins_anew: bool) {
        assert!(
            self.takes_sound(number, begins_anew),
            "sound {number} of {:?}, not {:?}",
            self.wish,
            self.sound
        );
        self.sound = Some(number + 1);
    }

    /// It goes on where it was: the time of what comes next is told anew.
    pub(crate) fn go_on(&mut self) {
        self.last = None;
    }
}
