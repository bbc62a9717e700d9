//! How tracks are brought together.

use super::source::Source;
use super::{Timeline, is_within};
use crate::limits::{CLOCK_JUMP_MAX, TIMELINE_ERROR_MIN, TIMELINE_RTPTIME_DISTANCE_MAX};
use crate::{NtpTime, Tolerance};

impl Timeline {
    /// Goes by what a sender report of a source says: that `measured` is the wall clock time of PTS zero.
    ///
    /// Tracks are together when that is the same for all of them.
    pub(super) fn synchronise(&mut self, place: (usize, usize), measured: NtpTime) {
        let Some(own) = self.source(place).map(|source| source.zero) else { return };
        if let Some(zero) = own {
            let error = measured.nanos_since(zero);
            if is_within(error, CLOCK_JUMP_MAX) {
                return self.correct_error(place, zero, error);
            }
            self.stats.clock_jumps = self.stats.clock_jumps.saturating_add(1);
        }
        // A clock that was set may be where those of other tracks are by now; it is not brought there.
        let reach = if own.is_some() { CLOCK_JUMP_MAX } else { self.gap_max() };
        let Some(others) =
            self.zero_near(place, measured).filter(|zero| is_within(measured.nanos_since(*zero), reach))
        else {
            return self.set_zero(place, measured);
        };
        let behind = measured.nanos_since(others);
        if behind >= 0 {
            self.set_zero(place, others);
            return self.correct(place, behind);
        }
        let together = |source: &&mut Source| source.zero == Some(others);
        let mut moved = 0_u64;
        for source in self.tracks.iter_mut().flat_map(|track| &mut track.sources).filter(together) {
            source.zero = Some(measured);
            source.correct(behind.saturating_neg());
            moved = moved.saturating_add(1);
        }
        self.stats.corrections = self.stats.corrections.saturating_add(moved);
        self.set_zero(place, measured);
    }

    /// Corrects a small error: half of it, since reports are not exact either, and all that a second report says as well. A
    /// track that is alone needs none: its sources stay together where the report says.
    fn correct_error(&mut self, place: (usize, usize), zero: NtpTime, error: i64) {
        let (own, _) = place;
        let others = self.tracks.iter().enumerate().filter(|(index, _)| *index != own);
        let is_alone = !others.flat_map(|(_, track)| &track.sources).any(|source| source.zero == Some(zero));
        if is_alone {
            let own = self.tracks.get_mut(own).into_iter().flat_map(|track| &mut track.sources);
            for source in own.filter(|source| source.zero == Some(zero)) {
                source.zero = Some(zero.plus_nanos(error));
            }
        } else if !is_within(error, TIMELINE_ERROR_MIN) {
            let believed = self.source_mut(place).map_or(0, |source| source.believe(error));
            self.correct(place, believed);
        }
    }

    /// The wall clock time of PTS zero of another source, the one nearest to `measured`.
    pub(super) fn zero_near(&self, place: (usize, usize), measured: NtpTime) -> Option<NtpTime> {
        let all = self.tracks.iter().enumerate().flat_map(|(index, track)| {
            track.sources.iter().enumerate().map(move |(source, it)| ((index, source), it))
        });
        let others = all.filter(|(other, _)| *other != place).filter_map(|(_, source)| source.zero);
        others.min_by_key(|zero| measured.nanos_since(*zero).unsigned_abs())
    }

    /// Goes by what RTP-Info says of a track whose first packets have come before it.
    pub(super) fn meet_at_start(&mut self, place: (usize, usize), rtptime: u32) {
        let Some(source) = self.source(place) else { return };
        let Some((pts, passed)) = source.settled_pts_of(rtptime) else { return };
        let from_start = self.start.pts.map(|start| pts.saturating_sub(start));
        let mut distances = [Some(passed), from_start].into_iter().flatten();
        if !distances.any(|distance| is_within(distance, TIMELINE_RTPTIME_DISTANCE_MAX)) {
            return self.tolerances.record(Tolerance::UnbelievableRtptime);
        }
        let Some(start) = self.start.pts else {
            self.start.pts = Some(pts);
            return;
        };
        if source.zero.is_some() {
            // Its sender reports are more to be trusted.
            return;
        }
        if pts <= start {
            return self.correct(place, start.saturating_sub(pts));
        }
        self.start.pts = Some(pts);
        for index in 0..self.tracks.len() {
            let newest = self.tracks.get(index).and_then(|track| track.newest_place());
            let other = newest.map(|newest| (index, newest)).filter(|other| *other != place);
            if let Some(other) = other {
                let ahead = pts.saturating_sub(start);
                self.correct(other, ahead);
                // Its sender reports may have come already, and it is moved away from where they have it.
                if let Some(source) = self.source_mut(other) {
                    source.zero = source.zero.map(|zero| zero.plus_nanos(ahead.saturating_neg()));
                }
            }
        }
    }

    fn correct(&mut self, place: (usize, usize), nanos: i64) {
        if let Some(source) = self.source_mut(place).filter(|_| nanos != 0) {
            source.correct(nanos);
            self.stats.corrections = self.stats.corrections.saturating_add(1);
        }
    }

    fn set_zero(&mut self, place: (usize, usize), zero: NtpTime) {
        if let Some(source) = self.source_mut(place) {
            source.zero = Some(zero);
        }
    }

    pub(super) fn source(&self, (track, source): (usize, usize)) -> Option<&Source> {
        self.tracks.get(track)?.sources.get(source)
    }

    fn source_mut(&mut self, (track, source): (usize, usize)) -> Option<&mut Source> {
        self.tracks.get_mut(track)?.sources.get_mut(source)
    }
}
