//! The times at which frames are sent and presented.

use std::time::Duration;

use rtspan_core::frame::Frame;

use super::course::Pick;
use super::reel::Reel;

/// The time between two frames, where nothing tells it yet, and the longest that is believed.
const STEP: i64 = 40_000_000;
const STEP_MAX: i64 = 1_000_000_000;

/// The time line of what is sent.
#[derive(Debug)]
pub(super) struct Timing {
    /// Where the footage begins.
    origin: i64,
    /// How many times as fast as they are presented frames are sent; `None` for as fast as they are read.
    pace: Option<f32>,
    scale: f32,
    /// A place of the footage, and where it is on the time line; what is played is counted from there.
    from: i64,
    at: i64,
    /// The section that these are of.
    section: Option<u64>,
    /// Where the time line was when it went there.
    begun: i64,
    /// Where the time line has come to.
    reached: i64,
    /// The time between the last two frames of the lead.
    step: i64,
}

impl Timing {
    pub(super) fn new(origin: i64) -> Self {
        Self {
            origin,
            pace: Some(1.0),
            scale: 1.0,
            from: origin,
            at: 0,
            section: None,
            begun: 0,
            reached: 0,
            step: STEP,
        }
    }

    /// Goes on at another place of the footage.
    pub(super) fn start(&mut self, from: i64, scale: f32) {
        (self.from, self.at, self.scale, self.section) = (from, self.reached, scale, None);
        self.begun = self.at;
    }

    /// Has frames sent so many times as fast as they are presented, or as fast as they are read.
    pub(super) fn set_pace(&mut self, pace: Option<f32>) {
        self.pace = pace;
    }

    /// When a frame is sent, since the PLAY that has led here.
    pub(super) fn due(&mut self, pick: &Pick) -> Duration {
        let Some(pace) = self.pace else { return Duration::ZERO };
        if self.section.is_some_and(|section| section != pick.section) {
            // A gap is passed over.
            (self.from, self.at) = (pick.frame.time.pts, self.reached);
        }
        self.section = Some(pick.section);
        let time = if self.scale < 0.0 { pick.frame.time.pts } else { pick.frame.dts };
        let due = self.sent(time) - self.begun;
        Duration::from_nanos(u64::try_from(due).unwrap_or_default()).div_f64(pace.into())
    }

    /// Has a frame tell its time on the time line; when it is presented, in nanoseconds since that PLAY, if it is sent at that pace.
    pub(super) fn set(&mut self, frame: &mut Frame, reel: &Reel) -> Option<i64> {
        if self.pace.is_none() {
            frame.time.pts -= self.origin;
            frame.dts -= self.origin;
            return None;
        }
        let (pts, dts) = (self.sent(frame.time.pts), self.sent(frame.dts));
        if reel.is_lead(frame) {
            let step = (pts - self.reached + self.step).abs();
            if (1..=STEP_MAX).contains(&step) {
                self.step = step;
            }
        }
        self.reached = self.reached.max(pts + self.step);
        (frame.time.pts, frame.dts) = (pts, dts);
        (self.pace == Some(1.0)).then_some(pts - self.begun)
    }

    /// Where a time of the footage is on the time line.
    fn sent(&self, time: i64) -> i64 {
        self.at + ((time - self.from) as f64 / f64::from(self.scale)) as i64
    }
}
