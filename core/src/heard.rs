use std::collections::VecDeque;

use bytes::Bytes;

use crate::conn::{Inbound, Report};
use crate::ingest::ALIVE_PERIOD;
use crate::keying::{Opener, PeerKeys};
use crate::limits::SOURCES_MAX;
use crate::rtp::rtcp::{self, ReportBlock, Rtcp};
use crate::stats::{Counted, FormatStats, MediaStats};
use crate::tap::Tap;
use crate::{Instant, SessionId, Tolerance, Tolerances};

/// The reports of a reader about one track: the newest block of each source, and how many came.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    tap: Tap,
    received: Counted,
    errors: u64,
    /// The SSRC that the reader reports with.
    ssrc: Option<u32>,
    blocks: Vec<(Instant, ReportBlock)>,
    losses: Losses,
    /// Decrypts the reports, where they are protected.
    opener: Option<Box<Opener>>,
}

/// Tells of the losses that a peer reports of one media: once a second at most.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// The time from which on a loss is told again.
    next: Instant,
}

impl Losses {
    /// The packets that a block says are lost, in 256ths since the one before and in all, if it is time to tell of them.
    pub(crate) fn take(&mut self, now: Instant, block: ReportBlock) -> Option<(u8, i32)> {
        let is_told = block.fraction_lost > 0 && now >= self.next;
        if is_told {
            self.next = now + ALIVE_PERIOD;
        }
        is_told.then_some((block.fraction_lost, block.lost))
    }
}

impl Heard {
    pub(crate) fn new(tap: Tap, opener: Option<Box<Opener>>) -> Self {
        Self { tap, opener, ..Self::default() }
    }

    /// Takes reports under other keys, if they are protected.
    pub(crate) fn rekey(&mut self, keys: &PeerKeys) {
        if let Some(opener) = &mut self.opener {
            opener.rekey(keys);
        }
    }

    /// Takes a compound that came of the reader's track.
    pub(crate) fn handle_rtcp(
        &mut self,
        now: Instant,
        of: (SessionId, u8),
        data: &[u8],
        out: &mut VecDeque<Inbound>,
    ) {
        let opened = match &mut self.opener {
            None => None,
            Some(opener) => match opener.rtcp(Bytes::copy_from_slice(data)) {
                None => return,
                opened => opened,
            },
        };
        let data = opened.as_deref().unwrap_or(data);
        let (session, media) = of;
        if let Some(compound) = self.tap.take(now, data) {
            out.push_back(Inbound::Report(Report::RtcpReceived { session, media, compound }));
        }
        self.received.add(data.len());
        let mut tolerances = Tolerances::NONE;
        let mut worst = ReportBlock::default();
        for packet in rtcp::parse(data, &mut tolerances) {
            let (ssrc, blocks) = match packet {
                Rtcp::ReceiverReport(report) => (report.ssrc, report.reports),
                Rtcp::SenderReport(report) => (report.ssrc, report.reports),
                _ => continue,
            };
            self.ssrc = Some(ssrc);
            for block in blocks {
                if block.fraction_lost > worst.fraction_lost {
                    worst = block;
                }
                self.keep(now, block);
            }
        }
        if is_broken(tolerances) {
            self.errors = self.errors.saturating_add(1);
        }
        if let Some((fraction_lost, lost)) = self.losses.take(now, worst) {
            out.push_back(Inbound::Report(Report::LossReported { session, media, fraction_lost, lost }));
        }
    }

    /// Adds what was counted to the statistics of the media.
    pub(crate) fn tell(&self, media: &mut MediaStats) {
        media.rtcp_received.absorb(self.received);
        media.rtcp_errors = media.rtcp_errors.saturating_add(self.errors);
        let refused = self.opener.as_ref().map_or(0, |opener| opener.refused());
        media.unauthentic = media.unauthentic.saturating_add(refused);
        for (at, block) in &self.blocks {
            media.absorb_format(&FormatStats {
                local_ssrc: Some(block.ssrc),
                remote_ssrc: self.ssrc,
                block: Some((*at, *block)),
                ..FormatStats::default()
            });
        }
    }

    /// Keeps the newest block of each source; beyond [`SOURCES_MAX`] the oldest goes.
    fn keep(&mut self, now: Instant, block: ReportBlock) {
        self.blocks.retain(|(_, old)| old.ssrc != block.ssrc);
        if self.blocks.len() >= SOURCES_MAX {
            self.blocks.remove(0);
        }
        self.blocks.push((now, block));
    }
}

/// Returns `true` if RTCP could not be read to its end.
pub(crate) fn is_broken(tolerances: Tolerances) -> bool {
    tolerances.contains(Tolerance::RtcpMalformed) || tolerances.contains(Tolerance::RtcpTrailingBytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::RawId;
    use crate::rtp::rtcp::{ReceiverReport, receiver_report_compound};

    fn of() -> (SessionId, u8) {
        (RawId::numbered(0).into(), 0)
    }

    fn block(ssrc: u32, lost: i32) -> ReportBlock {
        ReportBlock { ssrc, lost, ..ReportBlock::default() }
    }

    fn told(heard: &Heard) -> MediaStats {
        let mut media = MediaStats::default();
        heard.tell(&mut media);
        media
    }

    #[test]
    fn the_newest_block_of_each_source_counts_and_one_source_over_the_bound_drops_the_oldest() {
        let mut heard = Heard::default();
        let mut report = |blocks: Vec<ReportBlock>| {
            let report = ReceiverReport { ssrc: 7, reports: blocks };
            let compound = receiver_report_compound(&report, "reader");
            heard.handle_rtcp(Instant::ZERO, of(), &compound, &mut VecDeque::new());
        };
        report(vec![block(0, 1)]);
        report((0..SOURCES_MAX as u32).map(|ssrc| block(ssrc, 2)).collect());
        report(vec![block(99, 3)]);
        let media = told(&heard);
        let lost = media.formats.iter().map(|format| (format.local_ssrc, format.block.unwrap().1.lost));
        let expected = (1..SOURCES_MAX as u32).map(|ssrc| (Some(ssrc), 2)).chain([(Some(99), 3)]);
        assert_eq!(lost.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!((media.rtcp_received.packets, media.rtcp_errors), (3, 0));
        assert!(media.formats.iter().all(|format| format.remote_ssrc == Some(7)));
    }

    #[test]
    fn a_loss_is_told_at_once_and_then_once_a_second_at_most() {
        let mut heard = Heard::default();
        let mut told = |millis: u64, blocks: &[(u8, i32)]| {
            let blocks = (1..).zip(blocks);
            let reports = blocks.map(|(ssrc, (fraction_lost, lost))| ReportBlock {
                fraction_lost: *fraction_lost,
                ..block(ssrc, *lost)
            });
            let report = ReceiverReport { ssrc: 7, reports: reports.collect() };
            let (now, mut out) = (Instant::ZERO + Duration::from_millis(millis), VecDeque::new());
            heard.handle_rtcp(now, of(), &receiver_report_compound(&report, "reader"), &mut out);
            let losses = out.into_iter().map(|inbound| match inbound {
                Inbound::Report(Report::LossReported { session, media, fraction_lost, lost }) => {
                    assert_eq!((session, media), of());
                    (fraction_lost, lost)
                }
                other => panic!("not a loss but {other:?}"),
            });
            losses.collect::<Vec<_>>()
        };
        assert_eq!(told(0, &[(0, 9)]), [], "nothing was lost since the report before");
        assert_eq!(told(10, &[(1, 10), (64, 500), (3, 2)]), [(64, 500)], "the source that lost most");
        assert_eq!(told(1009, &[(200, 600)]), []);
        assert_eq!(told(1010, &[(2, -3)]), [(2, -3)]);
        assert_eq!(told(5000, &[(0, 600)]), []);
    }

    #[test]
    fn a_compound_that_breaks_off_is_one_error() {
        let mut heard = Heard::default();
        let whole = receiver_report_compound(&ReceiverReport { ssrc: 7, reports: vec![block(1, 5)] }, "r");
        for end in 0..=whole.len() {
            heard.handle_rtcp(Instant::ZERO, of(), &whole[..end], &mut VecDeque::new());
        }
        let media = told(&heard);
        assert_eq!(media.rtcp_received.packets, whole.len() as u64 + 1);
        // Nothing at all is no RTCP that breaks off, and neither are the whole and its first packet alone.
        assert_eq!(media.rtcp_errors, whole.len() as u64 - 2);
    }
}
