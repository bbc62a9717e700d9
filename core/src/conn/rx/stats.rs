use super::ConnRx;
use crate::conn::Report;
use crate::stats::{Origin, SessionStats, StatsPart, StatsReport};
use crate::{Instant, SessionId};

impl ConnRx {
    /// The last that is counted, once the connection is over.
    pub fn last_stats(&mut self, now: Instant) -> Report {
        let report = self.stats(now, true, false);
        self.publishers.clear();
        self.readers.clear();
        report
    }

    /// The counts of all that is received.
    pub(super) fn stats(&self, now: Instant, is_last: bool, answers: bool) -> Report {
        let publishers = self.publishers.iter().map(|track| track.ingest.session());
        let mut all: Vec<_> = publishers.chain(self.readers.iter().map(|reader| reader.session)).collect();
        all.sort_unstable();
        all.dedup();
        let part = |session| StatsPart { session, is_last, stats: self.stats_of(now, session) };
        self.report_of(all.into_iter().map(part).collect(), answers)
    }

    /// The counts of a session.
    pub(super) fn stats_of(&self, now: Instant, session: SessionId) -> SessionStats {
        let mut stats = SessionStats { at: Some(now), ..SessionStats::default() };
        for track in self.publishers.iter().filter(|track| track.ingest.session() == session) {
            track.ingest.tell(&mut stats);
        }
        for reader in self.readers.iter().filter(|reader| reader.session == session) {
            reader.heard.tell(stats.media(reader.track.into()));
        }
        stats
    }

    pub(super) fn report_of(&self, sessions: Vec<StatsPart>, answers: bool) -> Report {
        let read = self.decoder.offset().saturating_add(self.decoder.buffered() as u64);
        Report::Stats(Box::new(StatsReport { origin: Origin::Rx(self.id, read), answers, sessions }))
    }
}
