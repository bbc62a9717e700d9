use bytes::Bytes;

use super::clock::ClockRates;
use super::rtcp::ReportBlock;
use super::{Past, RtpPacket, Sender, SenderStats};
use crate::limits::{SENDER_REPORT_PERIOD, SOURCES_MAX};
use crate::stats::{Counted, FormatStats};
use crate::{Instant, NtpTime};

/// The outgoing sources of one media: a sender for each SSRC.
///
/// Formats of a media may have an SSRC each. Beyond [`SOURCES_MAX`] the one goes that has sent nothing for longest.
#[derive(Clone, Debug)]
pub(crate) struct Senders {
    clock_rates: ClockRates,
    all: Vec<Outgoing>,
    /// Where the one stands that sent last.
    newest: usize,
    /// The counts of those that are not kept.
    gone: SenderStats,
}

#[derive(Clone, Debug)]
struct Outgoing {
    sender: Sender,
    sent: Instant,
    /// The payload type of its first packet.
    payload_type: u8,
    /// The newest report of the peer about it, and the time at which that came.
    block: Option<(Instant, ReportBlock)>,
}

impl Senders {
    pub(crate) fn new(clock_rates: ClockRates) -> Self {
        Self { clock_rates, all: Vec::new(), newest: 0, gone: SenderStats::default() }
    }

    /// Counts a packet that was sent at `now`, perhaps as the first of an access point; `true` if it is the first of its
    /// source.
    #[inline]
    pub(crate) fn handle_sent(&mut self, now: Instant, packet: &RtpPacket, is_access_point: bool) -> bool {
        let is_first = !self.is_newest(packet.ssrc()) && self.turn_to(now, packet);
        if let Some(Outgoing { sender, sent, .. }) = self.all.get_mut(self.newest) {
            if is_access_point {
                sender.handle_access_point(now, packet);
            } else {
                sender.handle_sent(now, packet);
            }
            *sent = now;
        }
        is_first
    }

    /// Sets the wall clock time of a timestamp of `ssrc`; returns `false` if nothing was sent with it.
    pub(crate) fn set_reference(&mut self, ssrc: u32, ntp: NtpTime, rtp: u32) -> bool {
        let Some(place) = self.place_of(ssrc) else { return false };
        if let Some(Outgoing { sender, .. }) = self.all.get_mut(place) {
            sender.set_reference(ntp, rtp);
        }
        true
    }

    /// As [`set_reference`](Self::set_reference), by the clock of a payload type.
    pub(crate) fn set_reference_of(&mut self, (ssrc, payload_type): (u32, u8), ntp: NtpTime, rtp: u32) {
        let (place, clock_rate) = (self.place_of(ssrc), self.clock_rates.of(payload_type));
        if let Some(Outgoing { sender, .. }) = place.and_then(|place| self.all.get_mut(place)) {
            clock_rate.into_iter().for_each(|clock_rate| sender.set_clock_rate(clock_rate));
            sender.set_reference(ntp, rtp);
        }
    }

    /// Has another source go on with `ssrc`: a reference of the one before counts no more.
    pub(crate) fn forget_reference(&mut self, ssrc: u32) {
        let place = self.place_of(ssrc);
        let outgoing = place.and_then(|place| self.all.get_mut(place));
        outgoing.into_iter().for_each(|outgoing| outgoing.sender.forget_reference());
    }

    /// The wall clock time of a packet by the clock of its source, once that was told.
    pub(crate) fn source_time(&self, packet: &RtpPacket) -> Option<NtpTime> {
        self.all.get(self.place_of(packet.ssrc())?)?.sender.source_time(packet.timestamp())
    }

    /// A timestamp of `ssrc` and its wall clock time by the clock of the source, once that was told.
    pub(crate) fn reference_of(&self, ssrc: u32) -> Option<(NtpTime, u32)> {
        self.all.get(self.place_of(ssrc)?)?.sender.reference()
    }

    /// The clock rate of a packet; that of the first format if none has its payload type.
    pub(crate) fn clock_rate_for(&self, packet: &RtpPacket) -> u32 {
        self.clock_rates.of(packet.payload_type()).unwrap_or_else(|| self.clock_rates.first())
    }

    /// Goes by other clock rates; each source by its own from its next packet on.
    pub(crate) fn set_clock_rates(&mut self, clock_rates: ClockRates) {
        self.clock_rates = clock_rates;
        // Nobody is the newest, so that the next packet is looked at closely.
        self.newest = usize::MAX;
    }

    /// Makes a sender report of `ssrc`; `None` if nothing was sent with it, or for two periods only with others.
    pub(crate) fn report(&self, ssrc: u32, now: Instant, wall: NtpTime, cname: &str) -> Option<Bytes> {
        let place = self.place_of(ssrc)?;
        let Outgoing { sender, sent, .. } = self.all.get(place)?;
        let is_active = place == self.newest || now.since(*sent) < SENDER_REPORT_PERIOD.saturating_mul(2);
        sender.report(now, wall, cname).filter(|_| is_active)
    }

    /// The wall clock time of a timestamp of `ssrc`; `None` if nothing was sent with it.
    pub(crate) fn ntp_of(&self, ssrc: u32, timestamp: u32, now: Instant, wall: NtpTime) -> Option<NtpTime> {
        self.all.get(self.place_of(ssrc)?)?.sender.ntp_of(timestamp, now, wall)
    }

    /// The clock rate of `ssrc`; 0 if nothing was sent with it.
    pub(crate) fn clock_rate_of(&self, ssrc: u32) -> u32 {
        let outgoing = self.place_of(ssrc).and_then(|place| self.all.get(place));
        outgoing.map_or(0, |outgoing| outgoing.sender.clock_rate())
    }

    /// The counts of each source that is kept, by its SSRC.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, SenderStats)> + '_ {
        self.all.iter().map(|outgoing| (outgoing.sender.ssrc(), outgoing.sender.stats()))
    }

    /// The SSRCs that are kept.
    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.all.iter().map(|outgoing| outgoing.sender.ssrc())
    }

    /// The last packet of each of them.
    pub(crate) fn past(&self) -> impl Iterator<Item = Past> + '_ {
        self.all.iter().filter_map(|outgoing| past_of(&outgoing.sender))
    }

    /// The last packet of a payload type, and when it was sent: that of `ssrc`, or the newest if that has sent none.
    pub(crate) fn last_of(&self, payload_type: u8, ssrc: u32) -> Option<(Instant, Past)> {
        let of_format = self.all.iter().filter(|outgoing| outgoing.payload_type == payload_type);
        let newest = of_format.max_by_key(|outgoing| (outgoing.sender.ssrc() == ssrc, outgoing.sent));
        let Outgoing { sender, sent, .. } = newest?;
        Some((*sent, past_of(sender)?))
    }

    /// The SSRC that was sent with last.
    pub(crate) fn newest(&self) -> Option<u32> {
        let newest =
            self.all.get(self.newest).or_else(|| self.all.iter().max_by_key(|outgoing| outgoing.sent));
        newest.map(|outgoing| outgoing.sender.ssrc())
    }

    /// Takes what a peer tells of our sources, and returns the block about the one that it has lost most of.
    pub(crate) fn handle_report_blocks(
        &mut self,
        now: Instant,
        blocks: &[ReportBlock],
    ) -> Option<ReportBlock> {
        let mut worst: Option<ReportBlock> = None;
        for Outgoing { sender, block: newest, .. } in &mut self.all {
            if let Some(block) = blocks.iter().find(|block| block.ssrc == sender.ssrc()) {
                *newest = Some((now, *block));
                worst = worst.filter(|worst| worst.fraction_lost >= block.fraction_lost).or(Some(*block));
            }
        }
        worst
    }

    /// Packets that the peer says it has not received, of the sources that are kept.
    pub(crate) fn reported_lost(&self) -> i32 {
        let blocks = self.all.iter().filter_map(|outgoing| outgoing.block);
        blocks.fold(0, |sum, (_, block)| sum.saturating_add(block.lost))
    }

    /// The counts of all sources together.
    pub(crate) fn stats(&self) -> SenderStats {
        let newest = self.all.get(self.newest).map(|outgoing| outgoing.sender.stats()).unwrap_or_default();
        let sum = self.all.iter().fold(self.gone, |sum, outgoing| sum.plus(&outgoing.sender.stats()));
        SenderStats { last_sequence: newest.last_sequence, last_timestamp: newest.last_timestamp, ..sum }
    }

    /// The counts of each source, and of those that are gone, for the statistics of a session.
    ///
    /// `wall` is the wall clock time of `now`, if that is known.
    pub(crate) fn formats(&self, now: Instant, wall: Option<NtpTime>) -> Vec<FormatStats> {
        let counted = |stats: SenderStats| Counted { packets: stats.packets, bytes: stats.bytes };
        let all = self.all.iter().map(|Outgoing { sender, payload_type, block, .. }| {
            let stats = sender.stats();
            let wall_of = |timestamp| sender.ntp_of(timestamp, now, wall?);
            FormatStats {
                payload_type: Some(*payload_type),
                local_ssrc: Some(sender.ssrc()),
                sent: counted(stats),
                last_sequence: stats.last_sequence,
                last_timestamp: stats.last_timestamp,
                last_ntp: stats.last_timestamp.and_then(wall_of),
                clock_rate: sender.clock_rate(),
                block: *block,
                ..FormatStats::default()
            }
        });
        let others = (self.gone.packets > 0)
            .then(|| FormatStats { sent: counted(self.gone), ..FormatStats::default() });
        all.chain(others).collect()
    }

    #[inline]
    fn is_newest(&self, ssrc: u32) -> bool {
        self.all.get(self.newest).is_some_and(|outgoing| outgoing.sender.ssrc() == ssrc)
    }

    fn place_of(&self, ssrc: u32) -> Option<usize> {
        self.all.iter().position(|outgoing| outgoing.sender.ssrc() == ssrc)
    }

    /// Makes the sender of a packet's SSRC the newest; `true` if there was none.
    fn turn_to(&mut self, now: Instant, packet: &RtpPacket) -> bool {
        let clock_rate = self.clock_rate_for(packet);
        if let Some(place) = self.place_of(packet.ssrc()) {
            self.newest = place;
            if let Some(Outgoing { sender, .. }) = self.all.get_mut(place) {
                sender.set_clock_rate(clock_rate);
            }
            return false;
        }
        if self.all.len() >= SOURCES_MAX {
            let oldest = self.all.iter().enumerate().min_by_key(|(_, outgoing)| outgoing.sent);
            let oldest = oldest.map_or(0, |(place, _)| place);
            let gone = self.all.remove(oldest).sender.stats();
            self.gone = self.gone.plus(&gone);
        }
        self.newest = self.all.len();
        let sender = Sender::new(clock_rate, packet.ssrc());
        self.all.push(Outgoing { sender, sent: now, payload_type: packet.payload_type(), block: None });
        true
    }
}

/// The last packet of a source.
fn past_of(sender: &Sender) -> Option<Past> {
    let SenderStats { last_sequence, last_timestamp, .. } = sender.stats();
    Some(Past { ssrc: sender.ssrc(), sequence: last_sequence?, timestamp: last_timestamp? })
}

#[cfg(test)]
mod tests;
