mod secure;
mod sent;

use std::time::Duration;

use bytes::Bytes;

use crate::conn::Report;
use crate::ingest::ALIVE_PERIOD;
use crate::keying::Sealer;
use crate::limits::{OUTBOX_FRAMES_MAX, SENDER_REPORT_PERIOD};
use crate::random::HexId;
use crate::rtp::rtcp;
use crate::stats::{Counted, SessionStats, Skips};
use crate::stream::{Cursor, Packet, Retreat, StreamLog};
use crate::{Instant, SessionId, StreamId};

pub(crate) use secure::{LogId, Protection};
use sent::Sent;

/// The reason in BYE when there is nothing more of a stream.
pub(crate) const STREAM_ENDED: &str = "stream ended";

/// A session that reads a stream, or a group of them, whatever it is sent over: its cursor, its sender reports, its end.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// The session; for a group, the session that it began with.
    session: SessionId,
    log: LogId,
    /// The protection of its reports, by track, where they are protected.
    sealers: Option<Box<[Option<Sealer>]>>,
    cursor: Cursor,
    cname: HexId,
    /// When all sources are reported again; `None` before the first packet.
    next_report: Option<Instant>,
    next_lag_report: Instant,
    missed: u64,
    skips: Skips,
    /// The packet behind those that it was passed over last, since it may not be sent them.
    passed_to: Option<u64>,
    /// The packet behind those among which it was looked for places that are empty.
    looked_to: u64,
    sent: Sent,
    /// How long after the last packet goodbye is said.
    goodbye_wait: Duration,
    /// How long a packet may wait for others.
    gather: Duration,
    /// Until when those that are there wait.
    gathers_until: Option<Instant>,
    /// Its log of encrypted packets has gone before it.
    is_cut_off: bool,
    /// The packet that they wait for at most, if it is worth waiting without a look at each.
    gathers_to: u64,
    phase: Phase,
}

/// The fate of a reader that the log's tail has passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lag {
    /// It has missed so many packets, and goes on.
    Missed(u64),
    /// It does not go on.
    Overtaken,
}

impl Lag {
    pub(crate) fn report(self, session: SessionId) -> Report {
        match self {
            Self::Missed(dropped) => Report::Lagged { session, dropped },
            Self::Overtaken => Report::Overtaken(session),
        }
    }
}

/// The fate of RTCP of the application's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Take {
    Sent,
    /// The reader may not be sent it.
    LeftOut,
    /// There is no room now.
    Full,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Reading,
    /// The stream has ended; the rest of it is still sent.
    Ending,
    /// The stream has ended and nothing has been left since then.
    Drained(Instant),
    Finished,
}

impl Subscription {
    pub(crate) fn new(
        session: SessionId,
        stream: StreamId,
        cursor: Cursor,
        cname: HexId,
        goodbye_wait: Duration,
    ) -> Self {
        let cursor_at = cursor.position();
        Self {
            session,
            log: stream.into(),
            sealers: None,
            cursor,
            cname,
            next_report: None,
            next_lag_report: Instant::ZERO,
            missed: 0,
            skips: Skips::default(),
            passed_to: None,
            looked_to: cursor_at,
            sent: Sent::default(),
            goodbye_wait,
            gather: Duration::ZERO,
            gathers_until: None,
            is_cut_off: false,
            gathers_to: 0,
            phase: Phase::Reading,
        }
    }

    /// Has packets wait for others for so long.
    pub(crate) fn gathering(self, gather: Duration) -> Self {
        Self { gather, ..self }
    }

    /// Takes nothing of a track any more.
    pub(crate) fn drop_track(&mut self, track: u8) {
        self.cursor.drop_track(track);
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn stream(&self) -> StreamId {
        self.log.stream
    }

    /// The number of the packet that it comes to next.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.cursor.position()
    }

    #[inline]
    pub(crate) fn wants(&self, packet: &Packet) -> bool {
        self.cursor.wants(packet)
    }

    /// Returns `true` while some packets of a track are wanted and others are not.
    #[inline]
    pub(crate) fn waits(&self) -> bool {
        self.cursor.waits()
    }

    /// Moves past a packet, and counts it if it is wanted; returns whether it is.
    #[inline]
    pub(crate) fn take(&mut self, packet: &Packet) -> bool {
        let wanted = self.cursor.take(packet);
        if wanted {
            self.sent.count(packet);
        }
        wanted
    }

    /// Moves past the first of some packets of one source: those that were sent, which are counted.
    #[inline]
    pub(crate) fn pass_sent(&mut self, run: &[Packet], sent: Counted) {
        let count = usize::try_from(sent.packets).unwrap_or(usize::MAX);
        if let Some(passed @ [first, ..]) = run.get(..count) {
            self.cursor.pass_all(passed);
            self.sent.count_run(first, sent);
        }
    }

    /// Moves past packets that are not sent.
    pub(crate) fn leave_out(&mut self, run: &[Packet]) {
        self.cursor.pass_all(run);
    }

    /// As [`Cursor::take_rtcp`].
    #[inline]
    pub(crate) fn take_rtcp(&mut self, log: &StreamLog, mut send: impl FnMut(u8, Bytes) -> Take) -> u64 {
        let Self { cursor, sent, sealers, .. } = self;
        cursor.take_rtcp(log, |track, compound| {
            let Some(compound) = secure::seal(sealers, track, compound.clone()) else { return true };
            let bytes = compound.len();
            let take = send(track, compound);
            if take == Take::Sent {
                sent.count_rtcp(track, bytes);
            }
            take != Take::Full
        })
    }

    /// Passes over what there is; it counts as missed.
    pub(crate) fn pass_over(&mut self, log: &StreamLog) {
        let before = self.position();
        self.missed = self.missed.saturating_add(log.voids_between(self.looked_to, before));
        self.cursor.pass_over(log);
        self.looked_to = self.looked_to.max(self.position());
        if self.position() > before {
            // Packets that are passed over piece by piece are one skip.
            if self.passed_to != Some(before) {
                self.skips.unproven = self.skips.unproven.saturating_add(1);
            }
            self.passed_to = Some(self.position());
        }
    }

    /// The way back over what was taken last, of which only `tracks` were sent; `None` once the stream has ended.
    pub(crate) fn retreat(&self, tracks: impl Iterator<Item = u8>) -> Option<Retreat> {
        (self.phase == Phase::Reading).then(|| self.cursor.retreat(tracks))
    }

    /// Takes again what was gone back over, and makes its reports anew if `has_reports`.
    pub(crate) fn put_back(&mut self, log: &StreamLog, retreat: &Retreat, has_reports: bool) {
        self.cursor.put_back(log, retreat);
        if has_reports {
            self.sent.report_all_again();
        }
    }

    /// Moves on if the log's tail has passed this reader; returns what is to be told of that.
    pub(crate) fn catch_up(&mut self, now: Instant, log: &StreamLog) -> Option<Lag> {
        let before = self.position();
        self.missed = self.missed.saturating_add(log.voids_between(self.looked_to, before));
        if self.cursor.catch_up(log).is_err() && self.phase != Phase::Finished {
            self.phase = Phase::Finished;
            return Some(Lag::Overtaken);
        }
        if self.position() != before {
            self.skips.too_slow = self.skips.too_slow.saturating_add(1);
        }
        self.looked_to = self.looked_to.max(self.position());
        self.missed = self.missed.saturating_add(self.cursor.take_dropped());
        if self.missed == 0 || now < self.next_lag_report {
            return None;
        }
        self.next_lag_report = now + ALIVE_PERIOD;
        let dropped = std::mem::take(&mut self.missed);
        self.skips.packets = self.skips.packets.saturating_add(dropped);
        Some(Lag::Missed(dropped))
    }

    /// Returns `true` if the packets in the log, and the reports with them, wait for more packets.
    pub(crate) fn gathers(&mut self, now: Instant, log: &StreamLog) -> bool {
        (self.gathers_until, self.gathers_to) = (None, 0);
        if self.gather.is_zero() || self.phase != Phase::Reading || log.is_closed() {
            return false;
        }
        let count = log.head().saturating_sub(self.position());
        let may_wait = count < OUTBOX_FRAMES_MAX as u64 && log.keeps(self.position());
        if let Some(oldest) = log.get(self.position()).filter(|_| may_wait) {
            self.gathers_until = Some(oldest.at + self.gather).filter(|until| now < *until);
        }
        if self.gathers_until.is_some() && log.always_keeps(OUTBOX_FRAMES_MAX) {
            self.gathers_to = self.position().saturating_add(OUTBOX_FRAMES_MAX as u64);
        }
        self.gathers_until.is_some()
    }

    /// Returns `true` if the log has packets that this reader has not had, and that need not wait.
    pub(crate) fn is_behind(&self, now: Instant, log: &StreamLog) -> bool {
        let waits = self.gathers_until.is_some_and(|until| now < until);
        let head = self.log.of(log).map_or(0, StreamLog::head);
        self.phase == Phase::Reading && !waits && self.position() < head
    }

    /// The count of the stream's packets at which there is something to be done, unless time passes; 0 if every packet is to
    /// be looked at.
    pub(crate) fn gathers_to(&self) -> u64 {
        self.gathers_to
    }

    /// Hands the sender reports that are due to `send`, which returns `true` for those that it sends: one of each source
    /// behind its first packet, and then one of all in each period.
    ///
    /// Not before the first packet: gortsplib knows an SSRC only from a packet, and drops a report that comes earlier.
    #[inline]
    pub(crate) fn reports_due(&mut self, now: Instant, log: &StreamLog, send: impl FnMut(u8, Bytes) -> bool) {
        let is_due = self.next_report.is_some_and(|next| now >= next);
        if is_due || self.sent.has_unreported() {
            self.report(now, log, is_due, send);
        }
    }

    /// Its log of encrypted packets has gone, as its session is about to: nothing is due any more.
    pub(crate) fn cut_off(&mut self) {
        self.is_cut_off = true;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_cut_off {
            return None;
        }
        self.gathers_until.or_else(|| self.next_report.into_iter().chain(self.goodbye_at()).min())
    }

    /// When goodbye is said, if nothing else is left to send.
    pub(crate) fn goodbye_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Drained(since) => Some(since + self.goodbye_wait),
            Phase::Reading | Phase::Ending | Phase::Finished => None,
        }
    }

    /// Returns `true` from the end of the stream on, until goodbye was said.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Drained(_))
    }

    /// The stream has ended: the rest of it is sent, and then goodbye is said.
    pub(crate) fn end(&mut self) {
        if self.phase == Phase::Reading {
            (self.gathers_until, self.gathers_to) = (None, 0);
            self.phase = Phase::Ending;
        }
    }

    /// Nothing of the log is left to send.
    pub(crate) fn mark_drained(&mut self, now: Instant) {
        if self.phase == Phase::Ending {
            self.phase = Phase::Drained(now);
        }
    }

    /// Returns `true` if goodbye is to be said now: all was sent, or the log is gone.
    pub(crate) fn is_at_end(&self, now: Instant, log_is_there: bool) -> bool {
        self.goodbye_at().is_some_and(|at| now >= at) || (self.phase == Phase::Ending && !log_is_there)
    }

    /// BYE for every source of which anything was sent (RFC 3550, section 6.6).
    pub(crate) fn goodbyes(&mut self, reason: &str) -> Vec<(u8, Bytes)> {
        self.phase = Phase::Finished;
        let Self { sent, sealers, cname, .. } = self;
        let goodbyes = sent.sources().filter_map(|(track, ssrc)| {
            let goodbye = rtcp::goodbye_compound(ssrc, cname, reason);
            Some((track, secure::seal(sealers, track, goodbye)?))
        });
        goodbyes.collect()
    }

    /// Takes back a packet that was counted and is not sent.
    pub(crate) fn uncount(&mut self, track: u8, packet: &[u8]) {
        self.sent.uncount(track, packet);
    }

    /// Takes back RTCP that was counted and is not sent.
    pub(crate) fn uncount_rtcp(&mut self, track: u8, bytes: usize) {
        self.sent.uncount_rtcp(track, bytes);
    }

    /// Counts RTCP that is sent.
    pub(crate) fn count_rtcp(&mut self, track: u8, bytes: usize) {
        self.sent.count_rtcp(track, bytes);
    }

    /// The counts, and the distance to the newest packet as long as the log is there.
    pub(crate) fn stats(&self, now: Instant, log: Option<&StreamLog>) -> SessionStats {
        let log = log.and_then(|log| self.log.of(log));
        let voids = log.map_or(0, |log| log.voids_between(self.looked_to, self.position()));
        let untold = self.missed.saturating_add(self.cursor.dropped()).saturating_add(voids);
        let mut stats = SessionStats {
            at: Some(now),
            lag: log.map(|log| log.lag(now, self.position())),
            skips: Skips { packets: self.skips.packets.saturating_add(untold), ..self.skips },
            ..SessionStats::default()
        };
        self.sent.tell(now, log, self.position(), &mut stats);
        stats
    }

    #[inline]
    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    fn report(&mut self, now: Instant, log: &StreamLog, all: bool, mut send: impl FnMut(u8, Bytes) -> bool) {
        for (track, ssrc) in self.sent.take_unreported(all) {
            let report = log.sender_report(track, ssrc, now, &self.cname);
            if let Some(report) = report.and_then(|report| self.seal(track, report)) {
                let bytes = report.len();
                if send(track, report) {
                    self.sent.count_rtcp(track, bytes);
                }
            }
        }
        if let Some(wall) = log.wall_at(now) {
            self.sent.note_round(now, wall.middle());
        }
        if all || self.next_report.is_none() {
            self.next_report = Some(now + SENDER_REPORT_PERIOD);
        }
    }
}
