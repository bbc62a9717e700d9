use super::{ConnTx, Reading};
use crate::Instant;
use crate::conn::{Outbox, Report};
use crate::limits::READERS_LEAVING_MAX;
use crate::rtp;
use crate::stats::{Origin, SessionStats, StatsPart, StatsReport};
use crate::stream::Streams;

/// A reader that nothing more is pulled for.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) reading: Reading,
    /// The number of bytes that had been put into the outbox when it went: its counts are told once they are written.
    until: u64,
}

impl ConnTx {
    /// The last counts, once the connection is over, with those of reports that nobody has polled. Packets that were not
    /// written were not sent.
    pub fn last_stats(&mut self, now: Instant, streams: &dyn Streams) -> Report {
        let mut parts = Vec::new();
        self.reports.retain(|report| {
            let Report::Stats(report) = report else { return true };
            parts.extend(report.sessions.iter().filter(|part| part.is_last).cloned());
            false
        });
        self.retire(|_| true);
        let leaving = std::mem::take(&mut self.leaving);
        parts.extend(leaving.into_iter().map(|leaving| self.part_of(now, streams, leaving)));
        self.report_of(parts, false)
    }

    /// Bytes that were put into the outbox in all.
    pub(super) fn queued(&self) -> u64 {
        self.written.saturating_add(self.outbox.rest() as u64)
    }

    /// Pulls nothing more for some readers; they are told of when what was pulled is written.
    pub(super) fn retire(&mut self, which: impl Fn(&Reading) -> bool) {
        let until = self.queued();
        let mut place = 0;
        while let Some(reading) = self.readers.get(place) {
            if which(reading) {
                let reading = self.readers.remove(place);
                self.leaving.reserve_exact(1);
                self.leaving.push_back(Leaving { reading, until });
            } else {
                place = place.saturating_add(1);
            }
        }
        self.look_at_leaving();
    }

    /// Takes note that frames were taken out of the outbox: no place is behind its end.
    pub(super) fn forget_dropped(&mut self) {
        let end = self.queued();
        self.readers.iter_mut().for_each(|reading| reading.since = reading.since.min(end));
        self.leaving.iter_mut().for_each(|leaving| leaving.until = leaving.until.min(end));
    }

    /// Has what is to be told of told, where there is something.
    pub(super) fn look_at_leaving(&mut self) {
        if self.leaving.front().is_some_and(|first| self.is_due(first)) {
            (self.has_stats, self.has_more) = (true, true);
        }
    }

    /// Tells of the readers whose packets are written, and of all that there are if that is asked for.
    pub(super) fn tell_stats(&mut self, now: Instant, streams: &dyn Streams) {
        let is_asked = std::mem::take(&mut self.is_asked);
        self.has_stats = false;
        let mut parts = Vec::new();
        while self.leaving.front().is_some_and(|first| self.is_due(first)) {
            let Some(leaving) = self.leaving.pop_front() else { break };
            parts.push(self.part_of(now, streams, leaving));
        }
        if is_asked {
            parts.extend(self.readers.iter().map(|reading| StatsPart {
                session: reading.subscription.session(),
                is_last: false,
                stats: stats_of(now, streams, reading, &self.outbox, (self.written, u64::MAX)),
            }));
        }
        if is_asked || !parts.is_empty() {
            let report = self.report_of(parts, is_asked);
            self.reports.push_back(report);
        }
    }

    /// Returns `true` if the counts of a reader are to be told: its last packet is written, or too many others have gone
    /// since.
    fn is_due(&self, leaving: &Leaving) -> bool {
        leaving.until <= self.written || self.leaving.len() > READERS_LEAVING_MAX
    }

    fn part_of(&self, now: Instant, streams: &dyn Streams, Leaving { reading, until }: Leaving) -> StatsPart {
        let session = reading.subscription.session();
        let mut stats = stats_of(now, streams, &reading, &self.outbox, (self.written, until));
        stats.lag = None;
        StatsPart { session, is_last: true, stats }
    }

    fn report_of(&self, sessions: Vec<StatsPart>, answers: bool) -> Report {
        let origin = Origin::Tx(self.id, self.written, self.outbox.rest() as u64);
        Report::Stats(Box::new(StatsReport { origin, answers, sessions }))
    }
}

/// The counts of a reader: of all that was pulled for it until it went, less the frames that are not wholly written.
fn stats_of(
    now: Instant,
    streams: &dyn Streams,
    reading: &Reading,
    outbox: &Outbox,
    (written, until): (u64, u64),
) -> SessionStats {
    let mut told = None;
    streams.read(reading.subscription.stream(), &mut |log| {
        told = Some(reading.subscription.stats(now, Some(log)));
    });
    let mut stats = told.unwrap_or_else(|| reading.subscription.stats(now, None));
    for (end, channel, payload) in outbox.unwritten() {
        let end = written.saturating_add(end as u64);
        if end > reading.since && end <= until {
            take_back(&mut stats, reading, channel, payload);
        }
    }
    stats
}

fn take_back(stats: &mut SessionStats, reading: &Reading, channel: u8, payload: &[u8]) {
    let own =
        |channels: &Option<(u8, u8)>| channels.is_some_and(|(rtp, rtcp)| channel == rtp || channel == rtcp);
    let Some(track) = reading.channels.iter().position(own) else { return };
    let media = stats.media(track);
    if reading.channels.get(track).copied().flatten().is_some_and(|(_, rtcp)| rtcp == channel) {
        media.rtcp_sent.take_back(payload.len());
        return;
    }
    let ssrc = rtp::ssrc_of(payload);
    let mut formats = media.formats.iter_mut();
    if let Some(format) = formats.find(|format| format.local_ssrc == ssrc) {
        format.sent.take_back(payload.len());
    }
}
