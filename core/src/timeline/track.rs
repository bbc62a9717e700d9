use super::MediaTime;
use super::source::Source;
use crate::Instant;
use crate::limits::SOURCES_MAX;

/// One media on a time line.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    pub(super) sources: Vec<Source>,
    /// The frame that was handed out last, and its SSRC.
    pub(super) newest: Option<(u32, MediaTime)>,
    /// The highest timestamp and PTS of what has ended; each source that begins goes on above.
    reached: Option<(i64, i64)>,
    /// The timestamp of the start of what plays, until the first packet.
    pub(super) rtptime: Option<u32>,
}

impl Track {
    pub(super) fn begin_anew(&mut self) {
        self.reached = self.reached();
        self.sources.iter_mut().for_each(Source::end_run);
        (self.newest, self.rtptime) = (None, None);
    }

    /// Has a source begin anew with its next packet.
    pub(super) fn end_run(&mut self, place: usize) {
        self.reached = self.reached();
        self.sources.iter_mut().skip(place).take(1).for_each(Source::end_run);
    }

    /// Where the source with this SSRC stands; one that is not known yet takes the place of the one that was not heard of
    /// for longest, if there are too many.
    #[inline]
    pub(super) fn place_of(&mut self, now: Instant, ssrc: u32) -> usize {
        let place = self.sources.iter().position(|source| source.ssrc == ssrc);
        place.unwrap_or_else(|| self.add(now, ssrc))
    }

    #[cold]
    fn add(&mut self, now: Instant, ssrc: u32) -> usize {
        if self.sources.len() >= SOURCES_MAX {
            self.reached = self.reached();
            let oldest = self.sources.iter().enumerate().min_by_key(|(_, source)| source.heard());
            let oldest = oldest.map_or(0, |(place, _)| place);
            self.sources.remove(oldest);
        }
        self.sources.push(Source::new(now, ssrc));
        self.sources.len().saturating_sub(1)
    }

    /// Where the source stands of which a packet came last since all began anew.
    pub(super) fn newest_place(&self) -> Option<usize> {
        let (ssrc, _) = self.newest?;
        self.sources.iter().position(|source| source.ssrc == ssrc && source.is_running())
    }

    /// The highest timestamp and PTS of all sources.
    pub(super) fn reached(&self) -> Option<(i64, i64)> {
        let all = self.sources.iter().filter_map(Source::reached).chain(self.reached);
        all.reduce(|(timestamp, pts), (other, other_pts)| (timestamp.max(other), pts.max(other_pts)))
    }

    /// A timestamp without its wrap, of a source that begins: it goes on above all before.
    pub(super) fn unwrap_first(&self, timestamp: u32) -> i64 {
        let Some((highest, _)) = self.reached() else { return timestamp.into() };
        let ahead = i64::from(timestamp.wrapping_sub(highest as u32));
        highest.wrapping_add(if ahead == 0 { 1 << 32 } else { ahead })
    }
}
