use super::ConnRx;
use crate::conn::{Inbound, Report};
use crate::stats::{Origin, SessionStats, StatsPart, StatsReport};
use crate::{Instant, SessionId};

impl ConnRx {
    /// The last counts, once the connection is over, with those of reports that nobody has polled.
    pub fn last_stats(&mut self, now: Instant) -> Report {
        let mut parts = Vec::new();
        self.inbound.retain(|inbound| {
            let Inbound::Report(Report::Stats(report)) = inbound else { return true };
            parts.extend(report.sessions.iter().filter(|part| part.is_last).cloned());
            false
        });
        parts.extend(self.parts(now, true));
        self.publishers.clear();
        self.readers.clear();
        self.report_of(parts, false)
    }

    /// The counts of all that is received.
    pub(super) fn parts(&self, now: Instant, is_last: bool) -> Vec<StatsPart> {
        let publishers = self.publishers.iter().map(|track| track.ingest.session());
        let mut all: Vec<_> = publishers.chain(self.readers.iter().map(|reader| reader.session)).collect();
        all.sort_unstable();
        all.dedup();
        let part = |session| StatsPart { session, is_last, stats: self.stats_of(now, session) };
        all.into_iter().map(part).collect()
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
