use std::collections::BTreeMap;

use super::UdpMedia;
use crate::conn::{Inbound, Report};
use crate::ingest::Ingest;
use crate::stats::{Origin, SessionStats, StatsPart, StatsReport};
use crate::stream::Streams;
use crate::udp::DatagramReader;
use crate::{Instant, SessionId};

impl UdpMedia {
    /// Tells of the readers that have gone, and of all sessions if that is asked for.
    pub(super) fn tell_stats(&mut self, now: Instant, streams: &dyn Streams) {
        let mut leaving = std::mem::take(&mut self.leaving);
        let mut parts: Vec<_> =
            leaving.iter_mut().flat_map(|gone| parts_of_reader(now, streams, gone, Tell::Last)).collect();
        let is_asked = std::mem::take(&mut self.is_asked);
        if std::mem::take(&mut self.has_left) && !is_asked {
            let readers = self.readers.values_mut().flat_map(|readers| &mut readers.all);
            parts.extend(readers.flat_map(|group| parts_of_reader(now, streams, group, Tell::Gone)));
        }
        if is_asked {
            let readers = self.readers.values_mut().flat_map(|readers| &mut readers.all);
            parts.extend(readers.flat_map(|reader| parts_of_reader(now, streams, reader, Tell::Present)));
            for part in parts_of(now, self.publishers.values_mut().map(|track| &track.ingest), false) {
                // A reader that speaks tells both together.
                let is_own = |own: &&mut StatsPart| own.session == part.session && !own.is_last;
                match parts.iter_mut().find(is_own) {
                    Some(own) => own.stats.absorb(part.stats),
                    None => parts.push(part),
                }
            }
        }
        self.report_stats(parts, is_asked);
    }

    /// Lets readers go that have been said goodbye to.
    pub(super) fn let_go_of_finished(&mut self, now: Instant, streams: &dyn Streams) {
        let mut parts = Vec::new();
        self.readers.retain(|_, readers| {
            readers.all.retain_mut(|reader| {
                let is_finished = reader.subscription.is_finished();
                if is_finished {
                    parts.extend(parts_of_reader(now, streams, reader, Tell::Last));
                }
                !is_finished
            });
            !readers.all.is_empty()
        });
        self.report_stats(parts, false);
    }

    pub(super) fn report_stats(&mut self, sessions: Vec<StatsPart>, answers: bool) {
        if answers || !sessions.is_empty() {
            let report = StatsReport { origin: Origin::Udp(self.id), answers, sessions };
            self.queues.inbound.push_back(Inbound::Report(Report::Stats(Box::new(report))));
        }
    }
}

/// The counts of publishers, by session.
pub(super) fn parts_of<'a>(
    now: Instant,
    tracks: impl Iterator<Item = &'a Ingest>,
    is_last: bool,
) -> Vec<StatsPart> {
    let mut sessions: BTreeMap<SessionId, SessionStats> = BTreeMap::new();
    for ingest in tracks {
        let stats = sessions.entry(ingest.session()).or_default();
        stats.at = Some(now);
        ingest.tell(stats);
    }
    sessions.into_iter().map(|(session, stats)| StatsPart { session, is_last, stats }).collect()
}

/// The parts that are told of a reader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tell {
    /// Those of a group that have left it.
    Gone,
    /// All that there is.
    Present,
    /// All that there is, and nothing follows.
    Last,
}

fn parts_of_reader(
    now: Instant,
    streams: &dyn Streams,
    reader: &mut DatagramReader,
    tell: Tell,
) -> Vec<StatsPart> {
    let DatagramReader { subscription, heard, members, .. } = reader;
    let mut told = None;
    streams.read(subscription.stream(), &mut |log| told = Some(subscription.stats(now, Some(log))));
    let mut stats = told.unwrap_or_else(|| subscription.stats(now, None));
    let is_last = tell == Tell::Last;
    if let Some(members) = members {
        return members.tell(&stats, tell == Tell::Present, is_last);
    }
    (0..).zip(heard).for_each(|(media, heard)| heard.tell(stats.media(media)));
    if is_last {
        stats.lag = None;
    }
    vec![StatsPart { session: subscription.session(), is_last, stats }]
}
