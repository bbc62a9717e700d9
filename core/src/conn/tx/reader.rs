use std::collections::VecDeque;

use super::super::{Outbox, Report};
use crate::Instant;
use crate::limits::{MEDIAS_MAX, OUTBOX_FRAMES_MAX};
use crate::stream::StreamLog;
use crate::subscription::{STREAM_ENDED, Subscription, Take};

/// A reader of a stream over interleaved frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    pub(crate) subscription: Subscription,
    /// Per track: the channels of its packets and of its reports. Not a list, which every burst would have to look for.
    pub(crate) channels: [Option<(u8, u8)>; MEDIAS_MAX],
}

impl FrameReader {
    /// Pulls up to the bound. Returns `true` if the bound stopped it.
    pub(super) fn pull(
        &mut self,
        now: Instant,
        log: &StreamLog,
        outbox: &mut Outbox,
        reports: &mut VecDeque<Report>,
    ) -> bool {
        let Some(log) = self.subscription.log_id().of(log) else {
            self.subscription.cut_off();
            return false;
        };
        if self.subscription.gathers(now, log) {
            return false;
        }
        let channels = &self.channels;
        let channel_of = |track: u8| channels.get(usize::from(track)).copied().flatten();
        let subscription = &mut self.subscription;
        if let Some(lag) = subscription.catch_up(now, log) {
            reports.push_back(lag.report(subscription.session()));
            if subscription.is_finished() {
                return false;
            }
        }
        let mut is_full = false;
        loop {
            let until = subscription.take_rtcp(log, |track, compound| {
                is_full = outbox.frames() >= OUTBOX_FRAMES_MAX;
                match channel_of(track) {
                    _ if is_full => Take::Full,
                    Some((_, rtcp)) if outbox.push_frame(rtcp, compound) => Take::Sent,
                    _ => Take::LeftOut,
                }
            });
            for packet in log.between(subscription.position(), until) {
                is_full = outbox.frames() >= OUTBOX_FRAMES_MAX;
                if is_full {
                    break;
                }
                if let (true, Some((rtp, _))) = (subscription.take(packet), channel_of(packet.track)) {
                    outbox.push_packet(rtp, packet.rtp.as_bytes());
                }
            }
            if is_full || until == u64::MAX {
                break;
            }
        }
        subscription.reports_due(now, log, |track, report| {
            channel_of(track).is_some_and(|(_, rtcp)| outbox.push_frame(rtcp, report))
        });
        if !is_full {
            subscription.mark_drained(now);
        }
        is_full
    }

    /// Takes back the packets and reports behind what is in front.
    pub(super) fn let_go(&mut self, log: &StreamLog, outbox: &mut Outbox) {
        let Some(log) = self.subscription.log_id().of(log) else { return };
        let (channels, subscription) = (&self.channels, &mut self.subscription);
        let tracks = (0..).zip(channels).filter(|(_, place)| place.is_some()).map(|(track, _)| track);
        let Some(mut retreat) = subscription.retreat(tracks) else { return };
        let mut has_reports = false;
        outbox.drop_frames(|channel, payload| {
            let mut places = (0..).zip(channels).filter_map(|(track, place)| Some((track, (*place)?)));
            let place = places.find(|(_, (rtp, rtcp))| [*rtp, *rtcp].contains(&channel));
            match place {
                Some((track, (rtp, _))) if rtp == channel => {
                    retreat.over_packet(log, payload);
                    subscription.uncount(track, payload);
                }
                Some((track, _)) => {
                    has_reports |= !retreat.over_rtcp(log, payload);
                    subscription.uncount_rtcp(track, payload.len());
                }
                None => {}
            }
            place.is_some()
        });
        subscription.put_back(log, &retreat, has_reports);
    }

    pub(super) fn say_goodbye(&mut self, outbox: &mut Outbox, reports: &mut VecDeque<Report>) {
        self.send_goodbyes(outbox, STREAM_ENDED);
        reports.push_back(Report::Ended(self.subscription.session()));
    }

    pub(super) fn send_goodbyes(&mut self, outbox: &mut Outbox, reason: &str) {
        for (track, goodbye) in self.subscription.goodbyes(reason) {
            if let Some((_, rtcp)) = self.channels.get(usize::from(track)).copied().flatten() {
                self.subscription.count_rtcp(track, goodbye.len());
                outbox.push_frame(rtcp, goodbye);
            }
        }
    }
}
