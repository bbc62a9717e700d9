use bytes::Bytes;

use super::rtcp::{self, SenderReport};
use super::{RtpPacket, clock};
use crate::limits::{SENDER_ANCHOR_AGE_MAX, TIMESTAMP_BACK_MAX};
use crate::{Instant, NtpTime};

/// The counts of a sender since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SenderStats {
    /// Packets sent.
    pub packets: u64,
    /// Bytes sent, with their headers.
    pub bytes: u64,
    /// Payload bytes sent, without headers and padding.
    pub octets: u64,
    /// The sequence number sent last.
    pub last_sequence: Option<u16>,
    /// The timestamp sent last.
    pub last_timestamp: Option<u32>,
}

impl SenderStats {
    /// The counts of both; the rest is that of `other`.
    pub(super) fn plus(self, other: &Self) -> Self {
        Self {
            packets: self.packets.saturating_add(other.packets),
            bytes: self.bytes.saturating_add(other.bytes),
            octets: self.octets.saturating_add(other.octets),
            ..*other
        }
    }
}

/// Counts the packets of one outgoing source, maps its clock to the wall clock, and reports.
#[derive(Clone, Debug)]
pub struct Sender {
    clock_rate: u32,
    ssrc: u32,
    anchor: Option<Anchor>,
    /// The newest timestamp.
    newest: Option<u32>,
    /// When the newest access point was sent, and its timestamp.
    access_point: Option<(Instant, u32)>,
    /// Timestamps go back and forth, as those of B-frames do.
    is_reordered: bool,
    stats: SenderStats,
}

/// A media time and the moment it belongs to.
#[derive(Clone, Copy, Debug)]
enum Anchor {
    /// Told by the application, or by the source that is passed on.
    Wall(NtpTime, u32),
    /// When a picture or sound was sent: the newest, or among those that are reordered the newest access point.
    Sent(Instant, u32),
}

impl Sender {
    /// A sender of packets with `ssrc`.
    pub fn new(clock_rate: u32, ssrc: u32) -> Self {
        Self {
            clock_rate,
            ssrc,
            anchor: None,
            newest: None,
            access_point: None,
            is_reordered: false,
            stats: SenderStats::default(),
        }
    }

    /// Counts a packet that was sent at `now`.
    ///
    /// Without a [reference](Self::set_reference), a new timestamp is taken to belong to `now`. Where timestamps go back and
    /// forth, as those of B-frames do, they are sent sooner or later before they are due, and only those of
    /// [access points](Self::handle_access_point) always so long before. Farther back or ahead than [`TIMESTAMP_BACK_MAX`] an encoder
    /// has begun anew.
    pub fn handle_sent(&mut self, now: Instant, packet: &RtpPacket) {
        self.count(packet);
        let timestamp = packet.timestamp();
        let Some(newest) = self.newest else { return self.begin(now, timestamp) };
        let far = clock::to_units(TIMESTAMP_BACK_MAX, self.clock_rate);
        match clock::distance(timestamp, newest) {
            Ok(0) => {}
            Ok(ahead) if u64::from(ahead) > far => self.begin(now, timestamp),
            Ok(_) => {
                self.newest = Some(timestamp);
                if !self.is_reordered || self.has_old_anchor(now) {
                    self.set_sent(now, timestamp);
                }
            }
            Err(behind) if u64::from(behind) > far => self.begin(now, timestamp),
            Err(_) if !self.is_reordered => {
                self.is_reordered = true;
                self.access_point.into_iter().for_each(|(sent, timestamp)| self.set_sent(sent, timestamp));
            }
            Err(_) => {}
        }
    }

    /// The same for the first packet of an access point, such as a keyframe.
    pub fn handle_access_point(&mut self, now: Instant, packet: &RtpPacket) {
        self.handle_sent(now, packet);
        if self.access_point.is_none_or(|(_, timestamp)| timestamp != packet.timestamp()) {
            self.access_point = Some((now, packet.timestamp()));
            if self.is_reordered {
                self.set_sent(now, packet.timestamp());
            }
        }
    }

    fn count(&mut self, packet: &RtpPacket) {
        self.stats.packets = self.stats.packets.saturating_add(1);
        self.stats.bytes = self.stats.bytes.saturating_add(packet.len() as u64);
        self.stats.octets = self.stats.octets.saturating_add(packet.payload().len() as u64);
        self.stats.last_sequence = Some(packet.sequence());
        self.stats.last_timestamp = Some(packet.timestamp());
    }

    /// An encoder begins.
    fn begin(&mut self, now: Instant, timestamp: u32) {
        (self.newest, self.access_point, self.is_reordered) = (Some(timestamp), None, false);
        self.set_sent(now, timestamp);
    }

    fn set_sent(&mut self, sent: Instant, timestamp: u32) {
        if !matches!(self.anchor, Some(Anchor::Wall(..))) {
            self.anchor = Some(Anchor::Sent(sent, timestamp));
        }
    }

    /// Returns `true` if no access point has come for so long that clocks may have drifted apart.
    fn has_old_anchor(&self, now: Instant) -> bool {
        matches!(self.anchor, Some(Anchor::Sent(sent, _)) if now.since(sent) > SENDER_ANCHOR_AGE_MAX)
    }

    /// Sets the wall clock time of a timestamp; holds from here on.
    pub fn set_reference(&mut self, ntp: NtpTime, rtp: u32) {
        self.anchor = Some(Anchor::Wall(ntp, rtp));
    }

    /// Goes by the times at which packets are sent until another [reference](Self::set_reference) is set.
    pub(super) fn forget_reference(&mut self) {
        (self.anchor, self.newest) = (None, None);
    }

    /// The wall clock time of a timestamp by the clock of the source; `None` before a
    /// [reference](Self::set_reference) is set.
    pub(super) fn source_time(&self, timestamp: u32) -> Option<NtpTime> {
        match self.anchor? {
            Anchor::Wall(ntp, rtp) => clock::time_of(timestamp, (ntp, rtp), self.clock_rate),
            Anchor::Sent(..) => None,
        }
    }

    /// The wall clock time and the timestamp of the last [reference](Self::set_reference).
    pub(super) fn reference(&self) -> Option<(NtpTime, u32)> {
        match self.anchor? {
            Anchor::Wall(ntp, rtp) => Some((ntp, rtp)),
            Anchor::Sent(..) => None,
        }
    }

    /// Goes by another clock rate from here on.
    pub(super) fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = clock_rate;
    }

    /// Makes a sender report with our name (SR, SDES); `None` before the first packet.
    ///
    /// `wall` is the wall clock time of `now`.
    pub fn report(&self, now: Instant, wall: NtpTime, cname: &str) -> Option<Bytes> {
        self.stats.last_sequence?;
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp: wall,
            rtp: self.timestamp_at(now, wall)?,
            // Both counts wrap on the wire.
            packets: self.stats.packets as u32,
            octets: self.stats.octets as u32,
            reports: Vec::new(),
        };
        Some(rtcp::sender_report_compound(&report, cname))
    }

    /// Says that the source leaves (RR, SDES, BYE).
    pub fn goodbye(&self, cname: &str, reason: &str) -> Bytes {
        rtcp::goodbye_compound(self.ssrc, cname, reason)
    }

    /// The wall clock time of a timestamp, which is taken to be within 2^31 units of the newest; `None` before the first.
    ///
    /// `wall` is the wall clock time of `now`.
    pub(super) fn ntp_of(&self, timestamp: u32, now: Instant, wall: NtpTime) -> Option<NtpTime> {
        let (at, rtp) = match self.anchor? {
            Anchor::Wall(ntp, rtp) => (ntp, rtp),
            Anchor::Sent(sent, rtp) => (wall - now.since(sent), rtp),
        };
        clock::time_of(timestamp, (at, rtp), self.clock_rate)
    }

    pub(super) fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// The source that it counts.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The counts so far.
    pub fn stats(&self) -> SenderStats {
        self.stats
    }

    /// The media time at `now`, which is `wall` on the wall clock.
    fn timestamp_at(&self, now: Instant, wall: NtpTime) -> Option<u32> {
        Some(match self.anchor? {
            Anchor::Sent(sent, rtp) => rtp.wrapping_add(clock::to_units(now - sent, self.clock_rate) as u32),
            Anchor::Wall(ntp, rtp) => {
                let passed = wall.to_bits().wrapping_sub(ntp.to_bits()) as i64;
                let units = i128::from(passed).wrapping_mul(self.clock_rate.into()) >> 32;
                rtp.wrapping_add(units as u32)
            }
        })
    }
}

#[cfg(test)]
mod tests;
