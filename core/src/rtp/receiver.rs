use std::time::Duration;

use bytes::Bytes;

use super::rtcp::{self, ReceiverReport, ReportBlock, SenderReport};
use super::wall::WallClock;
use super::{Past, RtpPacket, clock};
use crate::{Instant, NtpTime};

mod sequence;

use sequence::{Placed, Sequence};

/// The order in which packets come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// Over TCP: each packet is handed out at once, and a gap is a loss.
    Ordered,
    /// Over UDP: a packet behind a gap waits for what is missing, up to 64 packets or 100 ms.
    Unordered,
}

/// A packet in order, and how many are missing before it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// The packet.
    pub packet: RtpPacket,
    /// Packets lost between the one handed out before and this one.
    pub lost: u16,
}

/// The counts of a receiver since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Packets taken: handed out, or waiting for those before them.
    pub packets: u64,
    /// Bytes of the packets taken, with their headers.
    pub bytes: u64,
    /// Packets given up for lost.
    pub lost: u64,
    /// Packets that came again and were dropped.
    pub duplicates: u64,
    /// Packets that came after they were given up for lost, and were dropped.
    pub late: u64,
    /// Packets that came after a later one and were put back into order.
    pub reordered: u64,
    /// Packets far from the sequence or of another source, held until the next one tells whether the source has begun anew.
    pub strays: u64,
    /// How often a source began anew: with another SSRC, or far away in the sequence.
    pub restarts: u64,
    /// Sender reports left out, because they contradict those before.
    pub reports_refused: u64,
    /// How much the time between packets varies (RFC 3550, section 6.4.1).
    pub jitter: Duration,
    /// The SSRC of the source that is followed.
    pub ssrc: Option<u32>,
    /// The highest sequence number received.
    pub last_sequence: Option<u16>,
    /// The timestamp of the packet that came last.
    pub last_timestamp: Option<u32>,
}

impl ReceiverStats {
    /// The counts of both; the rest is that of the one heard last, `other` if it has a source.
    pub(crate) fn plus(self, other: &Self) -> Self {
        Self {
            packets: self.packets.saturating_add(other.packets),
            bytes: self.bytes.saturating_add(other.bytes),
            lost: self.lost.saturating_add(other.lost),
            duplicates: self.duplicates.saturating_add(other.duplicates),
            late: self.late.saturating_add(other.late),
            reordered: self.reordered.saturating_add(other.reordered),
            strays: self.strays.saturating_add(other.strays),
            restarts: self.restarts.saturating_add(other.restarts),
            reports_refused: self.reports_refused.saturating_add(other.reports_refused),
            jitter: self.jitter.max(other.jitter),
            ssrc: other.ssrc.or(self.ssrc),
            last_sequence: other.last_sequence.or(self.last_sequence),
            last_timestamp: other.last_timestamp.or(self.last_timestamp),
        }
    }
}

/// Receives the packets of one source: puts them in order, counts, and reports.
///
/// Packets come out by [`poll_packet`](Self::poll_packet) after each `handle_*`. The first packet says which source it is;
/// those of others are left out and count as strays. A sequence that begins anew is followed: at once over TCP, and over
/// UDP once two packets in a row belong to it, with none of the old one between (RFC 3550, appendix A.1).
#[derive(Debug)]
pub struct Receiver {
    clock_rate: u32,
    local_ssrc: u32,
    sequence: Sequence,
    source: Option<Source>,
    /// The last sender report: when it came, and the middle of its time.
    report: Option<(Instant, u32)>,
    wall: WallClock,
    /// The SSRC whose reports came, maybe before its first packet.
    reported_ssrc: Option<u32>,
    stats: ReceiverStats,
}

/// The facts about a source for receiver reports (RFC 3550, appendix A.3 and A.8).
#[derive(Debug)]
struct Source {
    ssrc: u32,
    /// The first sequence number, and the highest with the count of its wraps above it.
    base: u32,
    highest: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    /// When the last packet came, and its timestamp.
    last: (Instant, u32),
    /// Sixteen times the jitter, in units of the clock rate.
    jitter: u64,
}

impl Receiver {
    /// A receiver that sends its reports as `local_ssrc`; a clock rate of 0 costs the jitter and the times.
    pub fn new(clock_rate: u32, delivery: Delivery, local_ssrc: u32) -> Self {
        Self {
            clock_rate,
            local_ssrc,
            sequence: Sequence::new(delivery == Delivery::Unordered),
            source: None,
            report: None,
            wall: WallClock::default(),
            reported_ssrc: None,
            stats: ReceiverStats::default(),
        }
    }

    /// Takes the packets up to this one as received before, and goes on with the next.
    pub(super) fn go_on_behind(&mut self, now: Instant, past: &Past) {
        self.sequence.go_on_behind(past.sequence);
        self.begin_source(now, past.ssrc, past.sequence, past.timestamp);
        if let Some(source) = &mut self.source {
            source.received = 1;
        }
    }

    /// Takes a packet that came at `now`.
    pub fn handle_packet(&mut self, now: Instant, packet: RtpPacket) {
        self.sequence.expire(now);
        let (ssrc, timestamp, sequence, len) =
            (packet.ssrc(), packet.timestamp(), packet.sequence(), packet.len());
        if self.source.as_ref().is_some_and(|source| source.ssrc != ssrc) {
            self.stats.strays = self.stats.strays.saturating_add(1);
            return;
        }
        match self.sequence.push(now, packet) {
            Placed::Taken => {}
            Placed::Duplicate => {
                self.stats.duplicates = self.stats.duplicates.saturating_add(1);
                return;
            }
            Placed::Late => {
                self.stats.late = self.stats.late.saturating_add(1);
                if let Some(source) = &mut self.source {
                    source.received = source.received.wrapping_add(1);
                }
                return;
            }
            Placed::Suspect => {
                self.stats.strays = self.stats.strays.saturating_add(1);
                return;
            }
            Placed::Restarted => self.begin_source(now, ssrc, sequence, timestamp),
            Placed::RestartedBefore { sequence, len } => {
                self.begin_source(now, ssrc, sequence, timestamp);
                self.count_packet(now, sequence, timestamp, len);
            }
            Placed::JumpedBefore { sequence, len } => self.count_packet(now, sequence, timestamp, len),
        }
        self.count_packet(now, sequence, timestamp, len);
    }

    /// Counts a packet that came at `now` if it is the next one in order and needs no place here, as most do; says how
    /// many are missing before it. `None` leaves it to [`handle_packet`](Self::handle_packet).
    #[inline]
    pub(crate) fn pass(&mut self, now: Instant, packet: &RtpPacket) -> Option<u16> {
        let source = self.source.as_ref().filter(|source| source.ssrc == packet.ssrc());
        if source.is_none() || !self.sequence.is_next(packet) {
            return None;
        }
        self.count_packet(now, packet.sequence(), packet.timestamp(), packet.len());
        Some(self.sequence.pass(packet))
    }

    /// The next packet in order.
    #[must_use]
    pub fn poll_packet(&mut self) -> Option<Received> {
        self.sequence.poll()
    }

    /// When a missing packet is given up; `None` while none is waited for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.sequence.deadline()
    }

    /// Gives up the packets that were waited for long enough.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.sequence.expire(now);
    }

    /// Takes a sender report that came at `now`; returns `true` if its time is believed.
    ///
    /// That of another source is ignored; one that contradicts the reports before is left out, unless it persists.
    pub fn handle_sender_report(&mut self, now: Instant, report: &SenderReport) -> bool {
        if self.source.as_ref().is_some_and(|source| source.ssrc != report.ssrc) {
            return false;
        }
        self.report = Some((now, report.ntp.middle()));
        self.reported_ssrc = Some(report.ssrc);
        self.wall.handle_report(now, report, self.clock_rate)
    }

    /// Makes a receiver report with our name (RR, SDES); `None` before the first packet.
    ///
    /// The fraction lost counts from one report to the next.
    pub fn report(&mut self, now: Instant, cname: &str) -> Option<Bytes> {
        let report = ReceiverReport { ssrc: self.local_ssrc, reports: vec![self.report_block(now)?] };
        Some(rtcp::receiver_report_compound(&report, cname))
    }

    /// The part of a receiver report about the source; `None` before the first packet.
    pub(super) fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        let source = self.source.as_mut()?;
        let (fraction_lost, lost) = source.losses();
        let (last_sr, delay) = self.report.map_or((0, 0), |(came, middle)| {
            (middle, u32::try_from(clock::to_units(now - came, 1 << 16)).unwrap_or(u32::MAX))
        });
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost,
            lost,
            highest_sequence: source.highest,
            jitter: u32::try_from(source.jitter >> 4).unwrap_or(u32::MAX),
            last_sr,
            delay,
        })
    }

    /// The SSRC of the source, once a packet has come.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    /// The SSRC and the highest sequence number of the source, once a packet has come.
    pub(super) fn reached(&self) -> Option<(u32, u16)> {
        self.source.as_ref().map(|source| (source.ssrc, source.highest as u16))
    }

    /// When a packet of the source came last.
    pub(super) fn heard(&self) -> Option<Instant> {
        self.source.as_ref().map(|source| source.last.0)
    }

    /// Returns `true` if a packet of the source came less than `time` ago.
    pub(super) fn heard_within(&self, now: Instant, time: Duration) -> bool {
        self.heard().is_some_and(|heard| now.since(heard) < time)
    }

    /// The sender's wall clock time of a timestamp.
    ///
    /// `None` before the first sender report, and for a sender that has no wall clock. The timestamp
    /// is taken to be within 2^31 units of the last report.
    pub fn ntp_of(&self, timestamp: u32) -> Option<NtpTime> {
        self.wall.ntp_of(timestamp, self.clock_rate)
    }

    pub(crate) fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// The counts so far.
    pub fn stats(&self) -> ReceiverStats {
        let source = self.source.as_ref();
        let jitter = source.map_or(0, |source| u32::try_from(source.jitter >> 4).unwrap_or(u32::MAX));
        ReceiverStats {
            lost: self.sequence.lost(),
            reports_refused: self.wall.refused(),
            jitter: clock::to_time(jitter, self.clock_rate).unwrap_or_default(),
            ssrc: source.map(|source| source.ssrc),
            last_sequence: source.map(|source| source.highest as u16),
            last_timestamp: source.map(|source| source.last.1),
            ..self.stats
        }
    }

    fn begin_source(&mut self, now: Instant, ssrc: u32, sequence: u16, timestamp: u32) {
        if self.source.is_some() {
            self.stats.restarts = self.stats.restarts.saturating_add(1);
            // The timestamps may have begun anew as well.
            (self.report, self.reported_ssrc) = (None, None);
            self.wall.reset();
        }
        if self.reported_ssrc.is_some_and(|reported| reported != ssrc) {
            (self.report, self.reported_ssrc) = (None, None);
            self.wall.reset();
        }
        self.source = Some(Source {
            ssrc,
            base: u32::from(sequence),
            highest: u32::from(sequence),
            received: 0,
            expected_before: 0,
            received_before: 0,
            last: (now, timestamp),
            jitter: 0,
        });
    }

    #[inline]
    fn count_packet(&mut self, now: Instant, sequence: u16, timestamp: u32, len: usize) {
        self.stats.packets = self.stats.packets.saturating_add(1);
        self.stats.bytes = self.stats.bytes.saturating_add(len as u64);
        let Some(source) = &mut self.source else { return };
        let ahead = sequence.wrapping_sub(source.highest as u16) as i16;
        if ahead >= 0 {
            source.highest = source.highest.wrapping_add(ahead.unsigned_abs().into());
        } else {
            self.stats.reordered = self.stats.reordered.saturating_add(1);
        }
        source.received = source.received.wrapping_add(1);
        source.count_jitter(now, timestamp, self.clock_rate);
    }
}

impl Source {
    /// Updates the jitter from differences alone, so that neither clock's wrap shows (RFC 3550, appendix A.8).
    #[inline]
    fn count_jitter(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        let (came, before) = std::mem::replace(&mut self.last, (now, timestamp));
        let passed = if now == came {
            // As most packets of a picture do.
            0
        } else {
            i64::try_from(clock::to_units(now - came, clock_rate)).unwrap_or(i64::MAX)
        };
        let played = i64::from(timestamp.wrapping_sub(before) as i32);
        let difference = passed.saturating_sub(played).unsigned_abs().min(u64::from(u32::MAX));
        let decay = self.jitter.saturating_add(8) >> 4;
        self.jitter = self.jitter.saturating_add(difference).saturating_sub(decay);
    }

    /// The fraction lost since the last call in 256ths, and the packets lost so far (RFC 3550, appendix A.3).
    fn losses(&mut self) -> (u8, i32) {
        let expected = self.highest.wrapping_sub(self.base).wrapping_add(1);
        let expected_since = expected.wrapping_sub(self.expected_before);
        let received_since = self.received.wrapping_sub(self.received_before);
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost_since = u64::from(expected_since.saturating_sub(received_since));
        let fraction = (lost_since << 8).checked_div(u64::from(expected_since)).unwrap_or(0);
        let lost = (expected.wrapping_sub(self.received) as i32).clamp(-0x80_0000, 0x7f_ffff);
        (u8::try_from(fraction).unwrap_or(u8::MAX), lost)
    }
}

#[cfg(test)]
mod tests;
