use std::time::Duration;

use bytes::Bytes;

use crate::conn::Report;
use crate::ingest::ALIVE_PERIOD;
use crate::limits::{OUTBOX_FRAMES_MAX, SENDER_REPORT_PERIOD, SOURCES_MAX};
use crate::random::HexId;
use crate::rtp::rtcp;
use crate::stream::{Cursor, Packet, Retreat, StreamLog};
use crate::{Instant, SessionId, StreamId};

/// The reason in BYE when there is nothing more of a stream.
pub(crate) const STREAM_ENDED: &str = "stream ended";

/// A session that reads a stream, whatever it is sent over: its cursor, its sender reports, its end.
#[derive(Debug)]
pub(crate) struct Subscription {
    session: SessionId,
    stream: StreamId,
    cursor: Cursor,
    cname: HexId,
    /// When all sources are reported again; `None` before the first packet.
    next_report: Option<Instant>,
    next_lag_report: Instant,
    missed: u64,
    /// The tracks and SSRCs that something was sent with.
    sources: Vec<(u8, u32)>,
    /// The one of them that something was last sent with.
    source: Option<(u8, u32)>,
    /// How many of the sources, at the end, have not been reported yet.
    unreported: usize,
    /// How long after the last packet goodbye is said.
    goodbye_wait: Duration,
    /// How long a packet may wait for others.
    gather: Duration,
    /// Until when those that are there wait.
    gathers_until: Option<Instant>,
    /// The packet that they wait for at most, if it is worth waiting without a look at each.
    gathers_to: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Reading,
    /// The stream has ended; what is left of it is still sent.
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
        Self {
            session,
            stream,
            cursor,
            cname,
            next_report: None,
            next_lag_report: Instant::ZERO,
            missed: 0,
            sources: Vec::new(),
            source: None,
            unreported: 0,
            goodbye_wait,
            gather: Duration::ZERO,
            gathers_until: None,
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
        self.stream
    }

    /// The number of the packet that it comes to next.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.cursor.next()
    }

    #[inline]
    pub(crate) fn wants(&self, packet: &Packet) -> bool {
        self.cursor.wants(packet)
    }

    /// Moves past a packet; whether it is sent.
    #[inline]
    pub(crate) fn take(&mut self, packet: &Packet) -> bool {
        let wanted = self.cursor.take(packet);
        let source = (packet.track, packet.rtp.ssrc());
        if wanted && self.source != Some(source) {
            self.source = Some(source);
            self.note_source(source);
        }
        wanted
    }

    /// As [`Cursor::take_rtcp`].
    #[inline]
    pub(crate) fn take_rtcp(&mut self, log: &StreamLog, send: impl FnMut(u8, &Bytes) -> bool) -> u64 {
        self.cursor.take_rtcp(log, send)
    }

    /// Passes over what there is; it counts as missed.
    pub(crate) fn pass_over(&mut self, log: &StreamLog) {
        self.cursor.pass_over(log);
    }

    /// The way back over what was taken last, of which only `tracks` were sent; `None` once the stream has ended.
    pub(crate) fn retreat(&self, tracks: impl Iterator<Item = u8>) -> Option<Retreat> {
        (self.phase == Phase::Reading).then(|| self.cursor.retreat(tracks))
    }

    /// Takes again what was gone back over, and makes its reports anew if `has_reports`.
    pub(crate) fn put_back(&mut self, log: &StreamLog, retreat: &Retreat, has_reports: bool) {
        self.cursor.put_back(log, retreat);
        if has_reports {
            self.unreported = self.sources.len();
        }
    }

    /// Moves on if the log's tail has passed this reader; what the control plane is to be told of it.
    pub(crate) fn catch_up(&mut self, now: Instant, log: &StreamLog) -> Option<Report> {
        if self.cursor.catch_up(log).is_err() && self.phase != Phase::Finished {
            self.phase = Phase::Finished;
            return Some(Report::Overtaken(self.session));
        }
        self.missed = self.missed.saturating_add(self.cursor.take_dropped());
        if self.missed == 0 || now < self.next_lag_report {
            return None;
        }
        self.next_lag_report = now + ALIVE_PERIOD;
        Some(Report::Lagged { session: self.session, dropped: std::mem::take(&mut self.missed) })
    }

    /// Whether what there is waits for more, its reports with it.
    pub(crate) fn gathers(&mut self, now: Instant, log: &StreamLog) -> bool {
        (self.gathers_until, self.gathers_to) = (None, 0);
        if self.gather.is_zero() || self.phase != Phase::Reading || log.is_closed() {
            return false;
        }
        let count = log.head().saturating_sub(self.next());
        let may_wait = count < OUTBOX_FRAMES_MAX as u64 && log.keeps(self.next());
        if let Some(oldest) = log.get(self.next()).filter(|_| may_wait) {
            self.gathers_until = Some(oldest.at + self.gather).filter(|until| now < *until);
        }
        if self.gathers_until.is_some() && log.always_keeps(OUTBOX_FRAMES_MAX) {
            self.gathers_to = self.next().saturating_add(OUTBOX_FRAMES_MAX as u64);
        }
        self.gathers_until.is_some()
    }

    /// How many packets the stream has to have had before there is something to be done, unless time passes; 0 if that
    /// is to be looked at with each.
    pub(crate) fn gathers_to(&self) -> u64 {
        self.gathers_to
    }

    /// Hands the sender reports that are due to `send`: one of each source behind its first packet, and then one of all
    /// in each period.
    ///
    /// Not before the first packet: gortsplib knows an SSRC only from a packet, and drops a report that comes earlier.
    #[inline]
    pub(crate) fn reports_due(&mut self, now: Instant, log: &StreamLog, send: impl FnMut(u8, Bytes)) {
        let is_due = self.next_report.is_some_and(|next| now >= next);
        if is_due || self.unreported > 0 {
            self.report(now, log, is_due, send);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.gathers_until.or_else(|| self.next_report.into_iter().chain(self.goodbye_at()).min())
    }

    /// When goodbye is said, if nothing else is left to send.
    pub(crate) fn goodbye_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Drained(since) => Some(since + self.goodbye_wait),
            Phase::Reading | Phase::Ending | Phase::Finished => None,
        }
    }

    /// The stream has ended: what is left of it is sent, and then goodbye is said.
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

    /// Whether goodbye is to be said now: all was sent, or the log is gone.
    pub(crate) fn is_at_end(&self, now: Instant, log_is_there: bool) -> bool {
        self.goodbye_at().is_some_and(|at| now >= at) || (self.phase == Phase::Ending && !log_is_there)
    }

    /// BYE for every source of which anything was sent (RFC 3550, section 6.6).
    pub(crate) fn goodbyes(&mut self, reason: &str) -> Vec<(u8, Bytes)> {
        self.phase = Phase::Finished;
        let goodbye = |(track, ssrc): (u8, u32)| (track, rtcp::goodbye_compound(ssrc, &self.cname, reason));
        std::mem::take(&mut self.sources).into_iter().map(goodbye).collect()
    }

    #[inline]
    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// Takes note that something is sent with a track and an SSRC.
    fn note_source(&mut self, source: (u8, u32)) {
        if self.sources.contains(&source) {
            return;
        }
        let of_track = |(track, _): &&(u8, u32)| *track == source.0;
        if self.sources.iter().filter(of_track).count() < SOURCES_MAX {
            self.sources.push(source);
            self.unreported = self.unreported.saturating_add(1);
            return;
        }
        // A stream whose SSRC is always another costs its readers no report for each: it takes the place of the oldest.
        if let Some(oldest) = self.sources.iter_mut().find(|(track, _)| *track == source.0) {
            *oldest = source;
        }
    }

    fn report(&mut self, now: Instant, log: &StreamLog, all: bool, mut send: impl FnMut(u8, Bytes)) {
        let reported = self.sources.len().saturating_sub(self.unreported);
        for (track, ssrc) in self.sources.iter().skip(if all { 0 } else { reported }) {
            if let Some(report) = log.sender_report(*track, *ssrc, now, &self.cname) {
                send(*track, report);
            }
        }
        self.unreported = 0;
        if all || self.next_report.is_none() {
            self.next_report = Some(now + SENDER_REPORT_PERIOD);
        }
    }
}
