use std::collections::{BTreeMap, BTreeSet};

use super::{Client, TrackStats};
use crate::Instant;

/// The counts of each media in former sessions, which the client has left by itself.
#[derive(Debug, Default)]
pub(super) struct Former(BTreeMap<usize, TrackStats>);

impl Client {
    /// Keeps what the session has counted that is about to be left.
    pub(super) fn keep_counts(&mut self) {
        for index in 0..self.tracks.len() {
            let Some(track) = self.tracks.get(index) else { return };
            let stats = TrackStats { idle: None, ..self.track_stats(Instant::ZERO, track) };
            let former = self.former.0.entry(stats.media).or_default();
            *former = sum(former, &stats);
        }
    }

    /// Counts anew, because the application begins anew.
    pub(super) fn forget_counts(&mut self) {
        self.former.0.clear();
    }

    /// Adds what was counted in former sessions to what this one has counted, if there is either.
    pub(super) fn with_former(&self, media: usize, stats: Option<TrackStats>) -> Option<TrackStats> {
        match (self.former.0.get(&media), stats) {
            (Some(former), Some(stats)) => Some(sum(former, &stats)),
            (former, stats) => stats.or_else(|| former.copied()),
        }
    }

    /// The medias of which something was counted.
    pub(super) fn counted_medias(&self) -> impl Iterator<Item = usize> {
        let present = self.tracks.iter().map(|track| track.media);
        present.chain(self.former.0.keys().copied()).collect::<BTreeSet<_>>().into_iter()
    }
}

/// Counts of two sessions together; measurements are those of the later one.
fn sum(former: &TrackStats, later: &TrackStats) -> TrackStats {
    let (mut rtcp_received, mut rtcp_sent) = (former.rtcp_received, former.rtcp_sent);
    rtcp_received.absorb(later.rtcp_received);
    rtcp_sent.absorb(later.rtcp_sent);
    TrackStats {
        packets: former.packets.saturating_add(later.packets),
        bytes: former.bytes.saturating_add(later.bytes),
        lost: former.lost.saturating_add(later.lost),
        duplicates: former.duplicates.saturating_add(later.duplicates),
        late: former.late.saturating_add(later.late),
        reordered: former.reordered.saturating_add(later.reordered),
        strays: former.strays.saturating_add(later.strays),
        restarts: former.restarts.saturating_add(later.restarts),
        reports_refused: former.reports_refused.saturating_add(later.reports_refused),
        invalid: former.invalid.saturating_add(later.invalid),
        foreign: former.foreign.saturating_add(later.foreign),
        unauthentic: former.unauthentic.saturating_add(later.unauthentic),
        sent_packets: former.sent_packets.saturating_add(later.sent_packets),
        sent_octets: former.sent_octets.saturating_add(later.sent_octets),
        reported_lost: former.reported_lost.saturating_add(later.reported_lost),
        rtcp_received,
        rtcp_sent,
        ..*later
    }
}
