//! Readers of a group (multicast): what is sent goes to all of them at once.

use std::net::IpAddr;

use super::queues::Queues;
use crate::heard::Heard;
use crate::ingest::Pulse;
use crate::keying::PeerKeys;
use crate::limits::REPORTER_LASTS;
use crate::stats::{SessionStats, StatsPart};
use crate::{Instant, SessionId};

/// How a pair of sockets is to send to a group, and where it hears of readers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GroupTarget {
    /// The group. The socket for reports joins it, since readers report to all.
    pub group: IpAddr,
    /// The time to live of packets (the limit of hops), for both sockets.
    pub ttl: u8,
}

/// The readers of a group: those that are there, and those that are still to be told of.
#[derive(Debug)]
pub(crate) struct Members {
    track: u8,
    there: Vec<Member>,
    gone: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    session: SessionId,
    ip: IpAddr,
    pulse: Pulse,
    heard: Heard,
    /// The SSRC that it reports with, and when it did so last.
    reporter: Option<(u32, Instant)>,
    /// The counts of the group before it joined.
    before: SessionStats,
}

impl Members {
    /// The readers of a track's group. The first is at this address, and its reports are taken so.
    pub(crate) fn of(track: u8, (session, ip, heard): (SessionId, IpAddr, Heard)) -> Self {
        Self { track, there: vec![Member::new(session, ip, heard)], gone: Vec::new() }
    }

    /// Takes in those that join, when the group has been sent so much.
    pub(super) fn join(&mut self, joining: Self, sent: &SessionStats) {
        self.there.extend(joining.there.into_iter().map(|member| Member { before: sent.clone(), ..member }));
    }

    /// One leaves. Returns `true` if nobody is left.
    pub(super) fn leave(&mut self, session: SessionId) -> bool {
        if let Some(place) = self.there.iter().position(|member| member.session == session) {
            self.gone.push(self.there.remove(place));
        }
        self.there.is_empty()
    }

    /// The reports of one are protected by other keys from now on.
    pub(super) fn rekey(&mut self, session: SessionId, track: u8, keys: &PeerKeys) {
        let own = self.there.iter_mut().filter(|member| member.session == session && track == self.track);
        own.for_each(|member| member.heard.rekey(keys));
    }

    pub(super) fn has(&self, session: SessionId) -> bool {
        self.there.iter().any(|member| member.session == session)
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.there.iter().map(|member| member.session)
    }

    /// Takes a report that came from an address.
    ///
    /// Readers on one host, or behind one address, are told apart by the SSRC that they report with. A group gets its own
    /// sender reports too, which say nothing of a reader.
    pub(super) fn hear(&mut self, now: Instant, from: IpAddr, data: &[u8], queues: &mut Queues) {
        let Some(ssrc) = reporter_of(data) else { return };
        let of_address = || self.there.iter().enumerate().filter(|(_, member)| member.ip == from);
        let is_known = |member: &Member| member.reporter.is_some_and(|(own, _)| own == ssrc);
        let is_silent =
            |member: &Member| member.reporter.is_none_or(|(_, heard)| now >= heard + REPORTER_LASTS);
        let known = of_address().find(|(_, member)| is_known(member));
        let silent = || of_address().find(|(_, member)| is_silent(member));
        let Some(place) = known.or_else(silent).map(|(place, _)| place) else { return };
        if let Some(member) = self.there.get_mut(place) {
            member.reporter = Some((ssrc, now));
            member.pulse.beat(now, member.session, &mut queues.inbound);
            member.heard.handle_rtcp(now, (member.session, self.track), data, &mut queues.inbound);
        }
    }

    /// The counts of those that have gone, and of those that are there if they are asked for, or if nothing more follows;
    /// `sent` is what the group has been sent.
    pub(super) fn tell(&mut self, sent: &SessionStats, with_all: bool, is_last: bool) -> Vec<StatsPart> {
        let gone: Vec<Member> = self.gone.drain(..).collect();
        let mut parts: Vec<_> = gone.iter().map(|member| member.part(self.track, sent, true)).collect();
        if with_all || is_last {
            parts.extend(self.there.iter().map(|member| member.part(self.track, sent, is_last)));
        }
        parts
    }
}

impl Member {
    fn new(session: SessionId, ip: IpAddr, heard: Heard) -> Self {
        let pulse = Pulse::default();
        Self { session, ip, pulse, heard, reporter: None, before: SessionStats::default() }
    }

    fn part(&self, track: u8, sent: &SessionStats, is_last: bool) -> StatsPart {
        let mut stats = sent.since(&self.before);
        self.heard.tell(stats.media(track.into()));
        if is_last {
            stats.lag = None;
        }
        StatsPart { session: self.session, is_last, stats }
    }
}

/// The SSRC of a compound that begins with a receiver report, as those of readers do (RFC 3550, section 6.1).
fn reporter_of(data: &[u8]) -> Option<u32> {
    const RECEIVER_REPORT: u8 = 201;
    let (head, rest) = data.split_at_checked(4)?;
    let ssrc = rest.first_chunk::<4>()?;
    (head.get(1) == Some(&RECEIVER_REPORT)).then(|| u32::from_be_bytes(*ssrc))
}
