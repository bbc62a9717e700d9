use bytes::Bytes;

use super::batch::Batch;
use super::media::Readers;
use super::queues::Queues;
use super::{DatagramReader, DatagramSink, Port, Trust};
use crate::Instant;
use crate::conn::Inbound;
use crate::stream::{StreamLog, Streams};
use crate::subscription::{LogId, Take};

/// Packets of a batch at most.
const BATCH: usize = 64;

/// One pass over the readers of a pair.
pub(super) struct Fanout<'a> {
    pub(super) now: Instant,
    pub(super) streams: &'a dyn Streams,
    pub(super) sink: &'a mut dyn DatagramSink,
    pub(super) queues: &'a mut Queues,
    pub(super) batch: &'a mut Batch,
}

impl Fanout<'_> {
    /// Sends one stream to all its readers, a batch at a time, up to where its log stood or its pace allows; `false` if the
    /// sink would block.
    pub(super) fn flush(&mut self, id: LogId, Readers { pace, all: readers }: &mut Readers) -> bool {
        let mut until = None;
        loop {
            let most = pace.left(self.now).min(BATCH);
            if most == 0 {
                return true;
            }
            self.batch.clear();
            let mut from = 0;
            let known = self.streams.read(id.stream, &mut |log| match id.of(log) {
                Some(log) => from = self.fill_batch(log, readers, &mut until, most),
                None => readers.iter_mut().for_each(|reader| reader.subscription.cut_off()),
            });
            if !self.queues.send_reports(self.sink) {
                return false;
            }
            if self.batch.is_empty() {
                readers.iter_mut().for_each(|reader| reader.say_goodbye_at_end(self.now, known, self.queues));
                return true;
            }
            if !readers.iter_mut().all(|reader| reader.send(from, self.batch, self.sink)) {
                return false;
            }
            pace.spend(self.batch.len());
        }
    }

    /// Takes what comes next for the reader that is furthest behind, `most` packets of it; the number of its first one.
    fn fill_batch(
        &mut self,
        log: &StreamLog,
        readers: &mut [DatagramReader],
        until: &mut Option<u64>,
        most: usize,
    ) -> u64 {
        // They are mostly at the same place, and one that has to go on takes the others with it.
        let mut gathers = true;
        for reader in readers.iter_mut().filter(|reader| !reader.subscription.is_finished()) {
            gathers &= reader.subscription.gathers(self.now, log);
        }
        if gathers {
            return log.head();
        }
        let mut rtcp_at = u64::MAX;
        for reader in readers.iter_mut() {
            let DatagramReader { subscription, local, peers, trust, .. } = reader;
            let mut report = |trust: &mut Trust, track: u8, report: Bytes| {
                let peer = peers.get(usize::from(track)).copied().flatten();
                peer.filter(|_| trust.allows(report.len())).is_some_and(|(_, rtcp)| {
                    trust.spend(report.len());
                    self.queues.report(Port::Rtcp, *local, rtcp, report)
                })
            };
            subscription.reports_due(self.now, log, |track, due| report(trust, track, due));
            if trust.is_exhausted() {
                subscription.pass_over(log);
            }
            let lagged = subscription.catch_up(self.now, log);
            if !subscription.is_finished() {
                rtcp_at = rtcp_at.min(subscription.take_rtcp(log, |track, compound| {
                    if report(trust, track, compound) { Take::Sent } else { Take::LeftOut }
                }));
            }
            if let Some(lag) = lagged {
                let reports = reader.sessions().map(|session| Inbound::Report(lag.report(session)));
                self.queues.inbound.extend(reports);
            }
        }
        let reading = readers.iter().filter(|reader| !reader.subscription.is_finished());
        let until = *until.get_or_insert_with(|| log.head());
        let from = reading.map(|reader| reader.subscription.position()).min().unwrap_or(until);
        // A compound goes out between the packets before it and those behind it.
        let until = until.min(rtcp_at);
        let count = usize::try_from(until.saturating_sub(from)).unwrap_or(most).min(most);
        self.batch.extend(log.packets_from(from).take(count));
        from
    }
}
