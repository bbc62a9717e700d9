use std::time::Duration;

use bytes::Bytes;

use crate::Instant;
use crate::deadline::Doubt;
use crate::description::Media;
use crate::ingest::ALIVE_PERIOD;
use crate::limits::RESTART_WAIT;
use crate::silence::Silence;

/// The presence of packets of a track, and its end.
#[derive(Debug)]
pub(super) struct Presence {
    silence: Silence,
    /// When a packet came, seen once in each [`ALIVE_PERIOD`].
    heard: Option<Instant>,
    next: Instant,
    /// When the server said that it leaves (BYE), as long as it may come back.
    left: Option<Instant>,
    /// The media has an end, so that nothing comes after BYE but packets that are on their way.
    is_finite: bool,
    doubt: Doubt,
    ended: bool,
}

/// News of a track.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Change {
    Silent,
    Resumed,
    Ended,
    Restarted,
    /// RTCP has come that the application is told of, or the server has reported a loss: in 256ths since the report before,
    /// and in all.
    Rtcp {
        compound: Option<Bytes>,
        loss: Option<(u8, i32)>,
    },
}

impl Presence {
    /// PLAY is asked for; no packet for so long is silence.
    pub(super) fn new(now: Instant, media: &Media, silence: Duration) -> Self {
        Self {
            silence: Silence::new(now, media, silence),
            heard: None,
            next: now,
            left: None,
            is_finite: false,
            doubt: Doubt::default(),
            ended: false,
        }
    }

    /// The server has said that it plays: silence counts from here on.
    pub(super) fn begin(&mut self, now: Instant) {
        self.silence.hear(now);
    }

    /// Takes note of a packet.
    #[inline]
    pub(super) fn hear(&mut self, now: Instant) -> Option<Change> {
        if now < self.next { None } else { self.note(now) }
    }

    fn note(&mut self, now: Instant) -> Option<Change> {
        self.heard = Some(now);
        self.next = now + ALIVE_PERIOD;
        let was_silent = self.silence.hear(now);
        if std::mem::take(&mut self.ended) {
            return Some(Change::Restarted);
        }
        was_silent.then_some(Change::Resumed)
    }

    /// Takes note of a BYE. Cameras say so when they restart their encoder, and go on.
    pub(super) fn leave(&mut self, now: Instant) {
        if self.ended {
            return;
        }
        if self.left.is_none() {
            self.left = Some(now);
            // A wait that is no longer than the grace is looked at when it begins.
            self.doubt.is_over(now, now + self.restart_wait());
        }
        self.next = now;
    }

    /// Takes note that the server has told where the media ends.
    pub(super) fn set_finite(&mut self) {
        self.is_finite = true;
    }

    /// Returns `true` if it has come to the end that the server has told.
    pub(super) fn is_complete(&self) -> bool {
        self.is_finite && self.was_left()
    }

    /// For how long packets are waited for after BYE.
    fn restart_wait(&self) -> Duration {
        if self.is_finite { ALIVE_PERIOD } else { RESTART_WAIT }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let end = self.left.map(|left| self.doubt.look_at(left + self.restart_wait()));
        end.or_else(|| Some(self.silence.poll_timeout()))
    }

    /// Lets time pass, and returns the change that comes of it.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Change> {
        if self.ended {
            return None;
        }
        let Some(left) = self.left else {
            let is_silent = self.silence.begins(now);
            if is_silent {
                self.next = now;
            }
            return is_silent.then_some(Change::Silent);
        };
        if !self.doubt.is_over(now, left + self.restart_wait()) {
            return None;
        }
        self.left = None;
        // Packets that were on their way when the server left came at once.
        let on_its_way = RESTART_WAIT.saturating_sub(ALIVE_PERIOD);
        if !self.is_finite && self.heard.is_some_and(|heard| heard >= left + on_its_way) {
            return Some(Change::Restarted);
        }
        self.end().then_some(Change::Ended)
    }

    /// Waits no longer for a track whose server has left, because nothing can come any more.
    pub(super) fn end_if_left(&mut self) -> bool {
        self.left.take().is_some() && self.end()
    }

    fn end(&mut self) -> bool {
        // A packet that comes all the same is told of at once.
        self.next = Instant::ZERO;
        !std::mem::replace(&mut self.ended, true)
    }

    /// Returns `true` if the server has left it, or has never sent anything.
    pub(super) fn is_over(&self) -> bool {
        self.ended || self.left.is_some() || self.heard.is_none()
    }

    /// Takes note of the very next packet.
    pub(super) fn look_again(&mut self, now: Instant) {
        self.next = now;
    }

    /// Returns `true` if a packet has come after `then`, behind a [`look_again`](Self::look_again) at that time.
    pub(super) fn has_heard_since(&self, then: Instant) -> bool {
        self.heard.is_some_and(|heard| heard > then)
    }

    /// Returns `true` if a packet has come within the last `period`.
    pub(super) fn has_heard_within(&self, now: Instant, period: Duration) -> bool {
        self.heard.is_some_and(|heard| now < heard + ALIVE_PERIOD + period)
    }

    pub(super) fn has_heard(&self) -> bool {
        self.heard.is_some()
    }

    pub(super) fn was_left(&self) -> bool {
        self.ended || self.left.is_some()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::{Format, MediaKind};
    use crate::limits::MEDIA_SILENCE;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + SECOND * seconds as u32
    }

    fn presence(kind: MediaKind) -> Presence {
        Presence::new(at(0), &Media::new(kind, vec![Format::pcmu()]), MEDIA_SILENCE)
    }

    /// The changes in the next `seconds`, and when they come.
    fn changes(
        presence: &mut Presence,
        from: u64,
        seconds: u64,
        hears: impl Fn(u64) -> bool,
    ) -> Vec<(u64, Change)> {
        let mut changes = Vec::new();
        for second in from..from + seconds {
            let expired = presence.expire(at(second));
            let heard = if hears(second) { presence.hear(at(second)) } else { None };
            changes.extend([expired, heard].into_iter().flatten().map(|change| (second, change)));
        }
        changes
    }

    #[test]
    fn silence_is_told_once_and_ends_with_the_first_packet() {
        let mut video = presence(MediaKind::Video);
        let told = changes(&mut video, 0, 60, |second| second < 5 || second == 40);
        // The second of the last look, and the one in which packets are not looked at.
        assert_eq!(told, [(15, Change::Silent), (40, Change::Resumed), (51, Change::Silent)]);
        let mut metadata = presence(MediaKind::Application);
        assert_eq!(changes(&mut metadata, 0, 600, |second| second == 300), []);
    }

    #[test]
    fn a_bye_ends_a_track_unless_media_goes_on() {
        let wait = RESTART_WAIT.as_secs();
        let mut ends = presence(MediaKind::Video);
        ends.leave(at(20));
        // A packet that was on its way.
        assert_eq!(ends.hear(at(20)), None);
        assert_eq!(changes(&mut ends, 20, 30, |_| false), [(20 + wait, Change::Ended)]);
        assert!(ends.has_ended());
        let mut goes_on = presence(MediaKind::Video);
        goes_on.leave(at(20));
        assert_eq!(changes(&mut goes_on, 20, 8, |_| true), [(20 + wait, Change::Restarted)]);
        let mut late = presence(MediaKind::Video);
        late.leave(at(20));
        let told = changes(&mut late, 20, 30, |second| second >= 40);
        assert_eq!(told, [(20 + wait, Change::Ended), (40, Change::Restarted)]);
        assert!(!late.has_ended());
    }

    #[test]
    fn what_has_an_end_is_over_soon_after_the_bye_whatever_was_on_its_way() {
        let mut clip = presence(MediaKind::Video);
        clip.set_finite();
        clip.leave(at(20));
        assert_eq!(clip.poll_timeout(), Some(at(21)), "nothing is due at once");
        assert_eq!(changes(&mut clip, 20, 1, |_| true), []);
        assert_eq!(clip.poll_timeout(), Some(at(21)));
        assert_eq!(clip.expire(at(21)), Some(Change::Ended));
    }

    #[test]
    fn a_track_whose_server_has_left_ends_at_once_when_nothing_can_come() {
        let mut video = presence(MediaKind::Video);
        assert!(!video.end_if_left());
        video.leave(at(3));
        assert!(video.end_if_left() && !video.end_if_left());
        assert_eq!(video.poll_timeout(), None);
    }
}
