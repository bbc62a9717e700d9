//! Statistics: the packets and bytes that connections, sessions and streams have moved, and how well they arrive.
//!
//! Counters only grow as long as their object is there, and the event of its end has their last values. They are counted
//! where the packets pass, by plain integers, and told when somebody asks
//! ([`Server::ask_for_stats`](crate::server::Server::ask_for_stats)) and at the end. A packet counts as sent once the system
//! has taken the whole of it. Bytes are those of RTP and RTCP packets with their headers, without those of the layers below:
//! no frame header, no UDP or IP.

mod conn;
mod rounds;
mod stream;

use std::time::Duration;

pub use conn::ConnStats;
pub use conn::StatsReport;
pub(crate) use conn::{Origin, StatsPart};
pub(crate) use rounds::Rounds;
pub use stream::{StreamFormatStats, StreamMediaStats, StreamStats};

use crate::limits::SOURCES_MAX;
use crate::rtp::rtcp::ReportBlock;
use crate::rtp::{ReceiverStats, round_trip, units_to_time};
use crate::{Instant, NtpTime};

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counted {
    /// Packets.
    pub packets: u64,
    /// Bytes of the packets.
    pub bytes: u64,
}

impl Counted {
    /// One packet of so many bytes.
    #[inline]
    pub(crate) fn of(bytes: usize) -> Self {
        Self { packets: 1, bytes: bytes as u64 }
    }

    #[inline]
    pub(crate) fn add(&mut self, bytes: usize) {
        self.add_all(Self::of(bytes));
    }

    /// As [`absorb`](Self::absorb), for the packets as they pass: neither number comes to its end while anything lasts.
    #[inline]
    pub(crate) fn add_all(&mut self, other: Self) {
        self.packets = self.packets.wrapping_add(other.packets);
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }

    pub(crate) fn take_back(&mut self, bytes: usize) {
        self.packets = self.packets.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    /// The counts since an earlier look.
    fn since(self, before: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(before.packets),
            bytes: self.bytes.saturating_sub(before.bytes),
        }
    }
}

/// Packets of one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Traffic {
    /// RTP packets.
    pub rtp: Counted,
    /// RTCP, each compound of packets as one.
    pub rtcp: Counted,
}

impl Traffic {
    /// Bytes of RTP and RTCP together.
    pub fn bytes(self) -> u64 {
        self.rtp.bytes.saturating_add(self.rtcp.bytes)
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        self.rtp.absorb(other.rtp);
        self.rtcp.absorb(other.rtcp);
    }
}

/// The distance of a reader to the newest packet of its stream. Bytes that wait to be written to its connection are not
/// part of it ([`ConnStats::bytes_waiting`]).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Lag {
    /// Packets of the stream that it has not come to.
    pub packets: u64,
    /// Their bytes, as far as the stream keeps them.
    pub bytes: u64,
    /// The age of the oldest of them; zero if there is none.
    pub time: Duration,
}

/// The number of times that a reader was skipped forward, by reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Skips {
    /// The reader was too slow: its stream no longer kept the packet that it stood at.
    pub too_slow: u64,
    /// Nothing showed that the reader was at its UDP address
    /// ([`UNPROVEN_BYTES_MAX`](crate::limits::UNPROVEN_BYTES_MAX)).
    pub unproven: u64,
    /// Packets that were skipped, of any media of the stream, and pictures that were left out until the next keyframe.
    pub packets: u64,
}

impl Skips {
    fn absorb(&mut self, other: Self) {
        self.too_slow = self.too_slow.saturating_add(other.too_slow);
        self.unproven = self.unproven.saturating_add(other.unproven);
        self.packets = self.packets.saturating_add(other.packets);
    }

    /// The counts since an earlier look.
    fn since(self, before: Self) -> Self {
        Self {
            too_slow: self.too_slow.saturating_sub(before.too_slow),
            unproven: self.unproven.saturating_sub(before.unproven),
            packets: self.packets.saturating_sub(before.packets),
        }
    }
}

/// A reader's report of a source (RFC 3550, section 6.4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Reported {
    /// The time at which the report came.
    pub at: Instant,
    /// Packets lost since the report before, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets lost since the reader began; negative when more came twice than were lost.
    pub lost: i32,
    /// The variation of the time between packets.
    pub jitter: Duration,
    /// The time to the reader and back, from our report and its answer (RFC 3550, section 6.4.1); `None` if it has had
    /// none of the last four.
    pub round_trip: Option<Duration>,
}

/// A source (SSRC) of a media, which mostly is one format.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FormatStats {
    /// The payload type that it began with, or that of the newest packet that is kept; `None` if none is.
    pub payload_type: Option<u8>,
    /// The SSRC that we send with: the packets to a reader, the reports to a publisher.
    pub local_ssrc: Option<u32>,
    /// The SSRC of the peer: that of a publisher's packets, of a reader's reports.
    pub remote_ssrc: Option<u32>,
    /// Packets that were received of a publisher.
    pub received: ReceiverStats,
    /// Packets that were sent to a reader.
    pub sent: Counted,
    /// The sequence number of the last packet, received or sent; `None` if it is no longer kept.
    pub last_sequence: Option<u16>,
    /// The timestamp of the last packet, received or sent; `None` if it is no longer kept.
    pub last_timestamp: Option<u32>,
    /// The wall clock time of that timestamp by the sender reports; `None` before the first.
    pub last_ntp: Option<NtpTime>,
    /// The reader's last report of it.
    pub reported: Option<Reported>,
    pub(crate) clock_rate: u32,
    pub(crate) block: Option<(Instant, ReportBlock)>,
}

impl FormatStats {
    /// The SSRC of the packets.
    fn source(&self) -> Option<u32> {
        if self.received.packets > 0 { self.remote_ssrc } else { self.local_ssrc }
    }

    /// Its counts alone.
    fn nameless(self) -> Self {
        let received =
            ReceiverStats { ssrc: None, last_sequence: None, last_timestamp: None, ..self.received };
        Self { received, sent: self.sent, ..Self::default() }
    }

    fn absorb(&mut self, other: &Self) {
        self.payload_type = other.payload_type.or(self.payload_type);
        self.local_ssrc = other.local_ssrc.or(self.local_ssrc);
        self.remote_ssrc = other.remote_ssrc.or(self.remote_ssrc);
        self.received = self.received.plus(&other.received);
        self.sent.absorb(other.sent);
        self.last_sequence = other.last_sequence.or(self.last_sequence);
        self.last_timestamp = other.last_timestamp.or(self.last_timestamp);
        self.last_ntp = other.last_ntp.or(self.last_ntp);
        self.clock_rate = if other.clock_rate > 0 { other.clock_rate } else { self.clock_rate };
        self.block = other.block.or(self.block);
    }
}

/// A media of a session.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MediaStats {
    /// The index of the media in the description.
    pub media: usize,
    /// RTCP that has come, each compound of packets as one.
    pub rtcp_received: Counted,
    /// RTCP that was sent, each compound of packets as one.
    pub rtcp_sent: Counted,
    /// Packets that came as RTP and were none, or of a format that was not announced.
    pub rtp_errors: u64,
    /// Compounds of RTCP that could not be read, or not to their end.
    pub rtcp_errors: u64,
    /// Packets and compounds of RTCP that were to be protected (SRTP) and are not the peer's, were changed, or came before.
    pub unauthentic: u64,
    /// Its sources.
    pub formats: Vec<FormatStats>,
}

impl MediaStats {
    /// The packets that have come.
    pub fn received(&self) -> Traffic {
        let mut all = Traffic { rtcp: self.rtcp_received, ..Traffic::default() };
        for FormatStats { received, .. } in &self.formats {
            all.rtp.absorb(Counted { packets: received.packets, bytes: received.bytes });
        }
        all
    }

    /// The packets that were sent.
    pub fn sent(&self) -> Traffic {
        let mut all = Traffic { rtcp: self.rtcp_sent, ..Traffic::default() };
        self.formats.iter().for_each(|format| all.rtp.absorb(format.sent));
        all
    }

    /// The counts of the receiver, of all sources together.
    pub fn receiver(&self) -> ReceiverStats {
        self.formats.iter().fold(ReceiverStats::default(), |sum, format| sum.plus(&format.received))
    }

    /// Adds what was counted elsewhere or later of the same media.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.rtcp_received.absorb(other.rtcp_received);
        self.rtcp_sent.absorb(other.rtcp_sent);
        self.rtp_errors = self.rtp_errors.saturating_add(other.rtp_errors);
        self.rtcp_errors = self.rtcp_errors.saturating_add(other.rtcp_errors);
        self.unauthentic = self.unauthentic.saturating_add(other.unauthentic);
        other.formats.iter().for_each(|format| self.absorb_format(format));
    }

    /// Beyond [`SOURCES_MAX`] sources the first loses its name, and is counted with others without one.
    pub(crate) fn absorb_format(&mut self, format: &FormatStats) {
        if let Some(own) = self.formats.iter_mut().find(|own| own.source() == format.source()) {
            return own.absorb(format);
        }
        let named = self.formats.iter().filter(|own| own.source().is_some()).count();
        if named >= SOURCES_MAX && format.source().is_some() {
            let first = self.formats.iter().position(|own| own.source().is_some()).unwrap_or_default();
            let nameless = self.formats.remove(first).nameless();
            self.absorb_format(&nameless);
        }
        // Mostly it stays the only one.
        self.formats.reserve_exact(1);
        self.formats.push(format.clone());
    }
}

/// A session: a publisher, which is received, or a reader, which is sent to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SessionStats {
    /// The time at which these numbers were true; `None` if none was told yet.
    pub at: Option<Instant>,
    /// Its medias, in the order of the description.
    pub medias: Vec<MediaStats>,
    /// The distance of a reader to the newest packet; `None` for a publisher, and while a reader pauses.
    pub lag: Option<Lag>,
    /// The number of times that a reader was skipped forward.
    pub skips: Skips,
    pub(crate) rounds: Rounds,
}

impl SessionStats {
    /// The packets that have come.
    pub fn received(&self) -> Traffic {
        self.sum(MediaStats::received)
    }

    /// The packets that were sent.
    pub fn sent(&self) -> Traffic {
        self.sum(MediaStats::sent)
    }

    /// The counts of the receiver, of all medias together; the jitter is the largest.
    pub fn receiver(&self) -> ReceiverStats {
        self.medias.iter().fold(ReceiverStats::default(), |sum, media| sum.plus(&media.receiver()))
    }

    /// Packets that a reader has reported lost, of all medias together.
    pub fn reported_lost(&self) -> i64 {
        self.reported().fold(0, |sum, reported| sum.saturating_add(reported.lost.into()))
    }

    /// The time to a reader and back, by its newest report that tells.
    pub fn round_trip(&self) -> Option<Duration> {
        let told = self.reported().filter_map(|reported| Some((reported.at, reported.round_trip?)));
        told.max_by_key(|(at, _)| *at).map(|(_, round_trip)| round_trip)
    }

    fn reported(&self) -> impl Iterator<Item = Reported> + '_ {
        self.medias.iter().flat_map(|media| &media.formats).filter_map(|format| format.reported)
    }

    fn sum(&self, of: impl Fn(&MediaStats) -> Traffic) -> Traffic {
        self.medias.iter().fold(Traffic::default(), |mut sum, media| {
            sum.absorb(of(media));
            sum
        })
    }

    /// The media with this index, which is added if it is not there.
    pub(crate) fn media(&mut self, index: usize) -> &mut MediaStats {
        media_of(&mut self.medias, index)
    }

    /// Adds what was counted elsewhere or later of the same session.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        self.lag = other.lag.or(self.lag);
        self.skips.absorb(other.skips);
        if !other.rounds.is_empty() {
            self.rounds = other.rounds;
        }
        if self.medias.is_empty() {
            self.medias = other.medias;
        } else {
            other.medias.iter().for_each(|media| self.media(media.media).absorb(media));
        }
    }

    /// The counts since an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut stats = self.clone();
        stats.skips = stats.skips.since(before.skips);
        for media in &mut stats.medias {
            let Some(before) = before.medias.iter().find(|own| own.media == media.media) else { continue };
            media.rtcp_sent = media.rtcp_sent.since(before.rtcp_sent);
            for format in &mut media.formats {
                let mut of_source = before.formats.iter().filter(|own| own.source() == format.source());
                format.sent = of_source.next().map_or(format.sent, |before| format.sent.since(before.sent));
            }
        }
        stats
    }

    /// Completes the counts of a reader from both halves of a connection: computes the meaning of the blocks of its reports.
    pub(crate) fn resolve(&mut self) {
        let rounds = self.rounds;
        for format in self.medias.iter_mut().flat_map(|media| &mut media.formats) {
            let Some((at, block)) = format.block else { continue };
            format.reported = Some(Reported {
                at,
                fraction_lost: block.fraction_lost,
                lost: block.lost,
                jitter: units_to_time(block.jitter, format.clock_rate),
                round_trip: round_trip(at, &block, rounds.iter()),
            });
        }
        // A source that nothing was sent of is one that only the peer talks of.
        for media in &mut self.medias {
            media
                .formats
                .retain(|format| format.sent.packets > 0 || format.received != ReceiverStats::default());
        }
    }
}

/// The media with this index, which is added if it is not there.
pub(crate) fn media_of(medias: &mut Vec<MediaStats>, index: usize) -> &mut MediaStats {
    let place = medias.partition_point(|media| media.media < index);
    if medias.get(place).is_none_or(|media| media.media != index) {
        medias.insert(place, MediaStats { media: index, ..MediaStats::default() });
    }
    medias.get_mut(place).expect("it was there or was just put there")
}

#[cfg(test)]
mod tests;
