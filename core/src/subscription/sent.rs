use crate::Instant;
use crate::limits::SOURCES_MAX;
use crate::rtp;
use crate::stats::{Counted, FormatStats, Rounds, SessionStats};
use crate::stream::{Packet, StreamLog};

/// The packets that a reader was sent, counted by track and SSRC.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// The packets that were sent in a row with one source; they are added to those below when another follows.
    run: Source,
    sources: Vec<Source>,
    /// The number of the sources, at the end, that have not been reported yet.
    unreported: usize,
    others: Vec<Others>,
    rounds: Rounds,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    track: u8,
    ssrc: u32,
    sent: Counted,
}

/// All else that was sent of a track.
#[derive(Clone, Copy, Debug)]
struct Others {
    track: u8,
    rtcp: Counted,
    /// Packets of sources that are no longer told apart.
    gone: Counted,
}

impl Source {
    fn is(&self, track: u8, ssrc: u32) -> bool {
        self.track == track && self.ssrc == ssrc
    }
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            // A track that no stream has.
            run: Source { track: u8::MAX, ssrc: 0, sent: Counted::default() },
            sources: Vec::new(),
            unreported: 0,
            others: Vec::new(),
            rounds: Rounds::default(),
        }
    }
}

impl Sent {
    /// Counts a packet.
    #[inline]
    pub(super) fn count(&mut self, packet: &Packet) {
        self.count_run(packet, Counted::of(packet.rtp.len()));
    }

    /// Counts packets of the source of the first one.
    #[inline]
    pub(super) fn count_run(&mut self, first: &Packet, sent: Counted) {
        if !self.run.is(first.track, first.rtp.ssrc()) {
            self.turn_to(first.track, first.rtp.ssrc());
        }
        self.run.sent.add_all(sent);
    }

    /// Counts RTCP.
    pub(super) fn count_rtcp(&mut self, track: u8, bytes: usize) {
        self.others(track).rtcp.add(bytes);
    }

    /// Takes back RTCP that was counted and is not sent.
    pub(super) fn uncount_rtcp(&mut self, track: u8, bytes: usize) {
        self.others(track).rtcp.take_back(bytes);
    }

    /// Takes back a packet that was counted and is not sent.
    pub(super) fn uncount(&mut self, track: u8, packet: &[u8]) {
        let ssrc = rtp::ssrc_of(packet);
        // The newest packets are of the run, and go first.
        let is_own = |source: &Source| source.track == track && Some(source.ssrc) == ssrc;
        if is_own(&self.run) && self.run.sent.packets > 0 {
            return self.run.sent.take_back(packet.len());
        }
        let own = self.sources.iter_mut().find(|source| is_own(source));
        own.into_iter().for_each(|source| source.sent.take_back(packet.len()));
    }

    /// Has all sources reported anew.
    pub(super) fn report_all_again(&mut self) {
        self.unreported = self.sources.len();
    }

    /// The sources of a track that something was sent with, each with its track.
    pub(super) fn sources(&self) -> impl Iterator<Item = (u8, u32)> + '_ {
        self.sources.iter().map(|source| (source.track, source.ssrc))
    }

    /// Returns `true` if some of them have not been reported.
    #[inline]
    pub(super) fn has_unreported(&self) -> bool {
        self.unreported > 0
    }

    /// The sources that are to be reported now, all of them or only those that were not yet.
    pub(super) fn take_unreported(&mut self, all: bool) -> Vec<(u8, u32)> {
        let reported = if all { 0 } else { self.sources.len().saturating_sub(self.unreported) };
        self.unreported = 0;
        self.sources().skip(reported).collect()
    }

    /// Takes note that sender reports with this middle of their time are sent now.
    #[cold]
    pub(super) fn note_round(&mut self, now: Instant, middle: u32) {
        self.rounds.note(now, middle);
    }

    /// Adds what was counted to the statistics of the session, with what the log knows of the last packets before `next`.
    pub(super) fn tell(&self, now: Instant, log: Option<&StreamLog>, next: u64, stats: &mut SessionStats) {
        stats.rounds = self.rounds;
        for Others { track, rtcp, gone } in &self.others {
            let media = stats.media((*track).into());
            media.rtcp_sent.absorb(*rtcp);
            if *gone != Counted::default() {
                media.absorb_format(&FormatStats { sent: *gone, ..FormatStats::default() });
            }
        }
        for Source { track, ssrc, sent } in &self.sources {
            let mut sent = *sent;
            if self.run.is(*track, *ssrc) {
                sent.absorb(self.run.sent);
            }
            let last = log.and_then(|log| log.last_of(*track, *ssrc, next));
            let last_timestamp = last.map(|packet| packet.rtp.timestamp());
            stats.media((*track).into()).absorb_format(&FormatStats {
                payload_type: last.map(|packet| packet.rtp.payload_type()),
                local_ssrc: Some(*ssrc),
                sent,
                last_sequence: last.map(|packet| packet.rtp.sequence()),
                last_timestamp,
                last_ntp: log.and_then(|log| log.ntp_of(now, *track, *ssrc, last_timestamp?)),
                clock_rate: log.map_or(0, |log| log.clock_rate_of(*track, *ssrc)),
                ..FormatStats::default()
            });
        }
    }

    /// Begins a run of another source.
    #[cold]
    fn turn_to(&mut self, track: u8, ssrc: u32) {
        let Source { track: before, ssrc: former, sent } = self.run;
        if let Some(source) = self.sources.iter_mut().find(|source| source.is(before, former)) {
            source.sent.absorb(sent);
        }
        self.run = Source { track, ssrc, sent: Counted::default() };
        if !self.sources.iter().any(|source| source.is(track, ssrc)) {
            self.add_source(self.run);
        }
    }

    fn add_source(&mut self, new: Source) {
        if self.sources.iter().filter(|source| source.track == new.track).count() < SOURCES_MAX {
            self.sources.reserve_exact(1);
            self.sources.push(new);
            self.unreported = self.unreported.saturating_add(1);
            return;
        }
        // A stream whose SSRC is always another costs its readers no report for each: it takes the place of the oldest.
        if let Some(oldest) = self.sources.iter_mut().find(|source| source.track == new.track) {
            let gone = std::mem::replace(oldest, new).sent;
            self.others(new.track).gone.absorb(gone);
        }
    }

    fn others(&mut self, track: u8) -> &mut Others {
        let place = self.others.iter().position(|others| others.track == track).unwrap_or_else(|| {
            self.others.reserve_exact(1);
            self.others.push(Others { track, rtcp: Counted::default(), gone: Counted::default() });
            self.others.len().saturating_sub(1)
        });
        self.others.get_mut(place).expect("it was there or was just put there")
    }
}
