use std::collections::VecDeque;

use bytes::Bytes;

use super::clock::{self, ClockRates};
use super::rtcp::{self, ReceiverReport, SenderReport};
use super::{Delivery, Past, Received, Receiver, ReceiverStats, RtpPacket};
use crate::limits::{
    PACKETS_UNPROVEN_MAX, RECEIVER_REPORT_PERIOD, REPORTS_EARLY_MAX, SOURCE_LIVES, SOURCE_RESTART_PERIOD,
    SOURCES_MAX, SOURCES_UNPROVEN_MAX,
};
use crate::stats::FormatStats;
use crate::{Instant, NtpTime};

/// The incoming sources of one media: a receiver for each SSRC.
///
/// Formats of a media may have an SSRC each, and cameras change theirs without notice (Uniview). Over TCP another SSRC is
/// followed at once, since nobody but the peer can have sent it. Over UDP it has to prove itself while another source lives,
/// by two packets in sequence (RFC 3550, appendix A.1); both are then handed out. It takes nothing from those that are there.
/// Beyond [`SOURCES_MAX`], the source that was silent for longest goes. Sources that were added beyond one for each format
/// while another lived go first, so that a forger of sources pushes out its own.
#[derive(Debug)]
pub(crate) struct Receivers {
    clock_rates: ClockRates,
    delivery: Delivery,
    local_ssrc: u32,
    all: Vec<Source>,
    /// The place of the source whose packet came last.
    newest: usize,
    /// The SSRCs that have not proved themselves.
    unproven: VecDeque<Unproven>,
    /// The time at which an SSRC was last taken beyond one for each format while another lived.
    taken: Option<Instant>,
    /// The sources that have sent before, which may begin with packets that they have sent already.
    past: Vec<Past>,
    /// Reports of SSRCs of which no packet has come yet.
    early: VecDeque<(Instant, SenderReport)>,
    /// Reports that were believed.
    clocks: VecDeque<SenderReport>,
    /// The counts of receivers that are gone, and of packets that have none.
    others: ReceiverStats,
}

/// An SSRC that is received.
#[derive(Debug)]
struct Source {
    receiver: Receiver,
    /// The payload type of its first packet.
    payload_type: u8,
    /// It was added beyond one for each format while another lived.
    is_surplus: bool,
}

/// An SSRC that has not proved itself, by its last packet.
#[derive(Debug)]
struct Unproven {
    ssrc: u32,
    sequence: u16,
    /// The packet, unless others came since.
    packet: Option<RtpPacket>,
}

impl Receivers {
    pub(crate) fn new(clock_rates: ClockRates, delivery: Delivery, local_ssrc: u32) -> Self {
        Self {
            clock_rates,
            delivery,
            local_ssrc,
            all: Vec::new(),
            newest: 0,
            unproven: VecDeque::new(),
            taken: None,
            past: Vec::new(),
            early: VecDeque::new(),
            clocks: VecDeque::new(),
            others: ReceiverStats::default(),
        }
    }

    /// The SSRC of the reports.
    pub(crate) fn local_ssrc(&self) -> u32 {
        self.local_ssrc
    }

    /// Goes on behind what these sources have sent before: packets that they repeat are left out.
    pub(crate) fn behind(self, past: Vec<Past>) -> Self {
        Self { past, ..self }
    }

    /// Returns `true` if the media has a format with this payload type.
    #[inline]
    pub(crate) fn has_format(&self, payload_type: u8) -> bool {
        self.clock_rates.of(payload_type).is_some()
    }

    /// The source of which a packet came last, which may pass the next one.
    #[inline]
    pub(crate) fn newest(&mut self) -> Option<&mut Receiver> {
        self.all.get_mut(self.newest).map(|source| &mut source.receiver)
    }

    /// Takes a packet that came at `now`; one of a payload type that no format has is left out.
    pub(crate) fn handle_packet(&mut self, now: Instant, packet: RtpPacket) {
        if let Some(place) = self.place_of(packet.ssrc()) {
            self.newest = place;
            return self.hand_to_newest(now, packet);
        }
        if !self.has_format(packet.payload_type()) {
            return;
        }
        if self.delivery == Delivery::Ordered || !self.any_lives(now) {
            self.begin(now, &packet, false);
            return self.hand_to_newest(now, packet);
        }
        if let Some(first) = self.prove(now, &packet) {
            self.begin(now, first.packet.as_ref().unwrap_or(&packet), self.is_beyond_formats());
            first.packet.into_iter().for_each(|first| self.hand_to_newest(now, first));
            return self.hand_to_newest(now, packet);
        }
        self.others.strays = self.others.strays.saturating_add(1);
        if self.unproven.len() >= SOURCES_UNPROVEN_MAX {
            self.unproven.pop_front();
        }
        let first_held = self.unproven.len().checked_sub(PACKETS_UNPROVEN_MAX);
        if let Some(oldest) = first_held.and_then(|place| self.unproven.get_mut(place)) {
            oldest.packet = None;
        }
        let (ssrc, sequence) = (packet.ssrc(), packet.sequence());
        self.unproven.push_back(Unproven { ssrc, sequence, packet: Some(packet) });
    }

    /// Counts packets that came too late to be taken.
    pub(crate) fn count_late(&mut self, packets: u64) {
        self.others.late = self.others.late.saturating_add(packets);
    }

    /// The next packet of any source, and the clock rate of that.
    pub(crate) fn poll_packet(&mut self) -> Option<(Received, u32)> {
        self.all.iter_mut().find_map(|Source { receiver, .. }| {
            let received = receiver.poll_packet()?;
            Some((received, receiver.clock_rate()))
        })
    }

    /// A sender report that was believed, once its source has sent a packet.
    pub(crate) fn poll_clock(&mut self) -> Option<SenderReport> {
        self.clocks.pop_front()
    }

    /// When a missing packet is given up.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.all.iter().filter_map(|source| source.receiver.poll_timeout()).min()
    }

    /// Gives up the packets that were waited for long enough.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.all.iter_mut().for_each(|source| source.receiver.handle_timeout(now));
    }

    /// Takes a sender report that came at `now`; it counts for its own SSRC, also if that has not sent yet.
    pub(crate) fn handle_sender_report(&mut self, now: Instant, report: SenderReport) {
        if let Some(source) = self.place_of(report.ssrc).and_then(|place| self.all.get_mut(place)) {
            if source.receiver.handle_sender_report(now, &report) {
                self.tell_clock(report);
            }
            return;
        }
        self.early.retain(|(_, early)| early.ssrc != report.ssrc);
        if self.early.len() >= REPORTS_EARLY_MAX {
            self.early.pop_front();
        }
        self.early.push_back((now, report));
    }

    /// Makes a receiver report of the sources that send; `None` before the first packet.
    pub(crate) fn report(&mut self, now: Instant, cname: &str) -> Option<Bytes> {
        let newest = self.newest;
        let is_active = |place: usize, receiver: &Receiver| {
            place == newest || receiver.heard_within(now, RECEIVER_REPORT_PERIOD.saturating_mul(2))
        };
        let receivers = self.all.iter_mut().map(|source| &mut source.receiver);
        let active = receivers.enumerate().filter(|(place, receiver)| is_active(*place, receiver));
        let reports: Vec<_> = active.filter_map(|(_, receiver)| receiver.report_block(now)).collect();
        if reports.is_empty() {
            return None;
        }
        Some(rtcp::receiver_report_compound(&ReceiverReport { ssrc: self.local_ssrc, reports }, cname))
    }

    /// The SSRCs that are received.
    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        self.all.iter().filter_map(|source| source.receiver.ssrc())
    }

    /// The SSRC and the highest sequence number of each source, the newest in front.
    pub(crate) fn reached(&self) -> Vec<(u32, u16)> {
        let (before, since) = self.all.split_at_checked(self.newest).unwrap_or_default();
        since.iter().chain(before).filter_map(|source| source.receiver.reached()).collect()
    }

    /// Returns true if more than one of the sources has sent of late.
    pub(crate) fn several_live(&self, now: Instant) -> bool {
        self.all.iter().filter(|source| source.receiver.heard_within(now, SOURCE_LIVES)).count() > 1
    }

    /// The time at which the last packet of any of them came.
    pub(crate) fn heard(&self) -> Option<Instant> {
        self.all.iter().filter_map(|source| source.receiver.heard()).max()
    }

    /// The counts of all sources together.
    pub(crate) fn stats(&self) -> ReceiverStats {
        self.all.iter().fold(self.others, |sum, source| sum.plus(&source.receiver.stats()))
    }

    /// The counts of each source, and of those that are gone, for the statistics of a session.
    pub(crate) fn formats(&self) -> Vec<FormatStats> {
        let all = self.all.iter().map(|Source { receiver, payload_type, .. }| {
            let received = receiver.stats();
            FormatStats {
                payload_type: Some(*payload_type),
                local_ssrc: Some(self.local_ssrc),
                remote_ssrc: received.ssrc,
                last_sequence: received.last_sequence,
                last_timestamp: received.last_timestamp,
                last_ntp: received.last_timestamp.and_then(|timestamp| receiver.ntp_of(timestamp)),
                received,
                ..FormatStats::default()
            }
        });
        let others = (self.others != ReceiverStats::default())
            .then(|| FormatStats { received: self.others, ..FormatStats::default() });
        all.chain(others).collect()
    }

    fn place_of(&self, ssrc: u32) -> Option<usize> {
        self.all.iter().position(|source| source.receiver.ssrc() == Some(ssrc))
    }

    fn any_lives(&self, now: Instant) -> bool {
        self.all.iter().any(|source| source.receiver.heard_within(now, SOURCE_LIVES))
    }

    /// Returns true if another source would be one beyond one for each format.
    fn is_beyond_formats(&self) -> bool {
        self.all.len() >= self.clock_rates.len()
    }

    /// The packet right before `packet` of the same SSRC, if it came and a source may be added.
    fn prove(&mut self, now: Instant, packet: &RtpPacket) -> Option<Unproven> {
        let place = self.unproven.iter().position(|first| first.ssrc == packet.ssrc())?;
        let first = self.unproven.remove(place)?;
        let is_beyond_formats = self.is_beyond_formats();
        let is_too_soon = self.taken.is_some_and(|taken| now < taken + SOURCE_RESTART_PERIOD);
        if first.sequence.wrapping_add(1) != packet.sequence() || (is_beyond_formats && is_too_soon) {
            return None;
        }
        if is_beyond_formats {
            self.taken = Some(now);
        }
        Some(first)
    }

    /// Makes a receiver for the SSRC of its first packet.
    fn begin(&mut self, now: Instant, packet: &RtpPacket, is_surplus: bool) {
        if !self.all.is_empty() {
            self.others.restarts = self.others.restarts.saturating_add(1);
        }
        if self.all.len() >= SOURCES_MAX {
            self.push_out();
        }
        let clock_rate = self.clock_rates.of(packet.payload_type()).unwrap_or_default();
        self.newest = self.all.len();
        let mut receiver = Receiver::new(clock_rate, self.delivery, self.local_ssrc);
        if let Some(past) = self.past.iter().find(|past| past.repeats(packet, clock_rate)) {
            receiver.go_on_behind(now, past);
        }
        if let Some(place) = self.early.iter().position(|(_, report)| report.ssrc == packet.ssrc()) {
            if let Some((came, report)) = self.early.remove(place) {
                receiver.handle_sender_report(came, &report);
                self.tell_clock(as_of(now, came, report, clock_rate));
            }
        }
        self.all.push(Source { receiver, payload_type: packet.payload_type(), is_surplus });
    }

    /// Removes the source of which nothing has come for longest, a surplus one if there is any.
    fn push_out(&mut self) {
        let order = |source: &Source| (!source.is_surplus, source.receiver.heard());
        let place = self.all.iter().enumerate().min_by_key(|(_, source)| order(source));
        let gone = self.all.remove(place.map_or(0, |(place, _)| place));
        self.others = self.others.plus(&gone.receiver.stats());
    }

    fn hand_to_newest(&mut self, now: Instant, packet: RtpPacket) {
        if let Some(receiver) = self.newest() {
            receiver.handle_packet(now, packet);
        }
    }

    fn tell_clock(&mut self, report: SenderReport) {
        if self.clocks.len() >= SOURCES_MAX {
            self.clocks.pop_front();
        }
        self.clocks.push_back(report);
    }
}

/// A report that has waited, with the times that it would tell now.
fn as_of(now: Instant, came: Instant, report: SenderReport, clock_rate: u32) -> SenderReport {
    if report.ntp == NtpTime::default() {
        return report;
    }
    let waited = now - came;
    let units = clock::to_units(waited, clock_rate) as u32;
    SenderReport { ntp: report.ntp + waited, rtp: report.rtp.wrapping_add(units), ..report }
}

#[cfg(test)]
mod tests;
