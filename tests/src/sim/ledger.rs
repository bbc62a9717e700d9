use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rtspan_core::client::{Playing, Received, State, TrackStart};
use rtspan_core::conn::CloseReason;
use rtspan_core::limits::{REORDER_PACKETS, WRITE_STALL};
use rtspan_core::{Instant, NtpTime, StreamId};

use super::player::Player;
use super::source::Made;
use super::truth::{Entry, Start, Truth, missing, seems_anew};
use super::watch::SETTLED_RUN;
use super::world::{WALL, World};

/// How far the wall clock time of a packet may be from the truth, beyond what it took to be published.
const CLOCK_ERROR: Duration = Duration::from_millis(2);

/// Packets that a client has received since it plays.
#[derive(Debug, Default)]
pub(super) struct Period {
    stream: Option<StreamId>,
    /// Where the medias start, as far as it was told.
    starts: BTreeMap<usize, Option<u16>>,
    /// Numbers of the packets of each media.
    got: BTreeMap<usize, Vec<u64>>,
    /// The sequence number and the number of the last packet of each source of a media.
    last: BTreeMap<(usize, u32), (u16, u64)>,
    ended: BTreeSet<usize>,
    began: Instant,
    /// It plays again over another connection than this: packets from before that one are of the time before.
    former: Option<SocketAddr>,
    /// It plays again, and when it has begun to is not told.
    plays_again: bool,
    /// It has played until a seek, and what was dropped until then is not told apart.
    is_sought: bool,
    /// It plays a stream of its own from this packet on.
    from: Option<u64>,
}

impl Period {
    /// Where readers begin at keyframes, the start of pictures that wait for the first one is not told.
    pub(super) fn begin(now: Instant, playing: &Playing, may_wait: bool) -> Self {
        let is_sure = |track: &&TrackStart| is_told(track) && (track.sequence.is_some() || !may_wait);
        Self {
            began: now,
            starts: playing.tracks.iter().filter(is_sure).map(start_of).collect(),
            ..Self::default()
        }
    }

    /// The same of a stream of one's own, from a packet on; `None` if it has been played before that.
    pub(super) fn begin_own(now: Instant, playing: &Playing, from: Option<u64>) -> Self {
        let starts = playing.tracks.iter().filter(|_| from.is_some()).map(start_of).collect();
        Self { began: now, starts, from, ..Self::default() }
    }

    pub(super) fn after_switch(now: Instant, former: Option<SocketAddr>) -> Self {
        Self { began: now, former, plays_again: true, ..Self::default() }
    }

    /// The other connection is there, and requests that were not answered are asked once more: nothing tells how far the
    /// packets that come then are from those before.
    pub(super) fn arrive(&mut self) {
        self.former = None;
        if self.plays_again {
            self.last.clear();
        }
    }

    /// It plays again since then, and over one connection.
    pub(super) fn play(&mut self, now: Instant) {
        (self.began, self.plays_again) = (now, false);
    }

    /// It is played from where a seek has led to.
    pub(super) fn seek(&mut self) {
        self.is_sought = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Returns `true` if it plays since then, and over one connection.
    pub(super) fn is_since(&self, since: Instant) -> bool {
        self.began <= since && !self.plays_again
    }

    /// The number of the last packet of a media.
    pub(super) fn last_of(&self, media: usize) -> Option<u64> {
        self.got.get(&media)?.last().copied()
    }

    pub(super) fn ended(&mut self, media: usize) {
        self.ended.insert(media);
    }

    pub(super) fn restarted(&mut self, media: usize) {
        self.ended.remove(&media);
    }

    /// Takes a packet in the order in which the application gets it.
    pub(super) fn take(&mut self, truth: &Truth, received: &Received, is_tcp: bool, has_restarted: bool) {
        let Received { media, packet, lost, time, .. } = received;
        let ntp = time.reported_ntp();
        let (stream, number) = truth.place(packet).expect("every packet of a log tells who made it");
        assert_eq!(*self.stream.get_or_insert(stream), stream, "packets of several streams");
        let entry = &truth.entries(stream)[number as usize];
        assert_eq!(usize::from(entry.track), *media, "a packet of another track");
        assert!(self.from <= Some(number), "packet {number} of before {:?}", self.from);
        let newest = self.got.values().filter_map(|got| got.last()).max().copied();
        if is_tcp {
            assert!(newest.is_none_or(|newest| newest < number), "packet {number} behind {newest:?}");
        }
        if let Some((sequence, before)) = self.last.insert((*media, entry.ssrc), (entry.sequence, number)) {
            let is_anew = !is_tcp && seems_anew((sequence, entry.ssrc), entry);
            assert!(is_anew || before < number, "packet {number} behind {before}");
            let gap = entry.sequence.wrapping_sub(sequence).wrapping_sub(1);
            // Of packets that come very late two in a row are a source that begins anew; if they are dropped then, nothing
            // tells that.
            let may_differ = gap >= 1000 || (has_restarted && *lost > gap);
            assert!(
                may_differ || *lost == gap,
                "{gap} packets are missing before {entry:?}, and {lost} are told"
            );
        }
        let made = Made::time_of(packet).filter(|_| !entry.is_spoofed());
        if let (Some(ntp), Some(made)) = (ntp.and_then(NtpTime::to_unix), made) {
            let wall = WALL + (made - Instant::ZERO);
            let apart = ntp.abs_diff(wall);
            let delay = truth.clock_error(stream);
            assert!(
                apart <= delay + CLOCK_ERROR,
                "{entry:?} is of {wall:?}, and {ntp:?} is told after {delay:?}"
            );
        }
        self.got.entry(*media).or_default().push(number);
    }

    fn start(&self, media: usize) -> Start {
        match (self.from, self.starts.get(&media)) {
            (Some(from), _) => Start::At(from),
            (None, Some(sequence)) => Start::Told(*sequence),
            (None, None) => Start::Unknown,
        }
    }
}

/// A sequence number of zero is not told apart from none: there are servers that write it for none.
fn is_told(track: &TrackStart) -> bool {
    track.sequence.is_some() || track.timestamp.is_none()
}

fn start_of(track: &TrackStart) -> (usize, Option<u16>) {
    (track.media, track.sequence)
}

/// The medias that a client plays. Its back channels are none of them, though another stream may have a media in that place by
/// now.
pub(super) fn medias(player: &Player) -> impl Iterator<Item = usize> + '_ {
    let is_set_up = |media: usize| player.client.media_stats(Instant::ZERO, media).is_some();
    let is_sent = |media: usize| player.client.back_channels().any(|own| own == media);
    (0..32).filter(move |media| is_set_up(*media) && !is_sent(*media) && !player.left_out.contains(media))
}

/// Packets that the client has dropped because its application was slow.
pub(super) fn dropped(player: &Player) -> u64 {
    medias(player)
        .filter_map(|media| player.client.media_stats(Instant::ZERO, media))
        .map(|stats| stats.dropped)
        .sum()
}

impl World<'_> {
    pub(super) fn take_packets(&mut self, player: &mut Player) {
        let is_tcp = player.client.transport() == Some(rtspan_core::header::Lower::Tcp);
        let peer = player.peer();
        let is_former = |period: &Period| peer.is_none() || peer == period.former;
        while let Some(received) = player.client.poll_packet() {
            if received.packet.payload().is_empty() {
                // The packet opens the way through a NAT, for a back channel that its client takes for sound.
                continue;
            }
            self.trace.bytes(received.packet.as_bytes());
            player.times.take(&received, dropped(player) > 0);
            self.counts
                .add(if is_tcp { "packets received over TCP" } else { "packets received over UDP" }, 1);
            if received.time.reported_ntp().is_some() {
                self.counts.add("packets received with their wall clock time", 1);
            }
            let stats = player.client.media_stats(self.now, received.media);
            let has_restarted = stats.is_some_and(|stats| stats.restarts > 0 && stats.dropped > 0);
            let place = self.truth.place(&received.packet).expect("a packet of a log");
            let made = Made::time_of(&received.packet);
            let is_spoofed = self.truth.entries(place.0)[place.1 as usize].is_spoofed();
            if let Some(made) = made.filter(|_| !is_spoofed) {
                let error = self.truth.clock_error(place.0) + CLOCK_ERROR;
                let is_compared = player.times.compare(&received, made, error, is_tcp);
                self.counts.add("packets compared with those of other tracks", is_compared.into());
            }
            self.rights.check_reader(player.who(), place.0);
            self.books.privates.check_address(place.0, player.host);
            match &mut player.period {
                Some(period) if period.former.is_some() && is_former(period) => {}
                Some(period) => period.take(&self.truth, &received, is_tcp, has_restarted),
                None => player.early.push(received),
            }
        }
    }

    /// The check for when the client closes because the server has closed the connection: the stream that has ended for it,
    /// and whether it missed something of it.
    pub(super) fn farewell(&self, player: &Player) -> Option<(StreamId, bool)> {
        let period = player.period.as_ref()?;
        let session = self.reader_of(player);
        let is_clean = player.link.and_then(|link| self.tcp.get(link)).is_some_and(|link| link.is_clean);
        let is_tcp = player.client.transport() == Some(rtspan_core::header::Lower::Tcp);
        let (Some((session, reader)), Some(stream)) = (session, period.stream) else { return None };
        let Some((CloseReason::StreamEnded, at)) = self.books.end_of(session) else { return None };
        let had_time = self.books.unpublished_at(stream).is_some_and(|since| *at < since + WRITE_STALL);
        let is_settled = player.asked.is_empty() && !player.is_unsure;
        let is_due = is_clean && is_tcp && had_time && is_settled && player.client.state() == State::Play;
        is_due.then_some((stream, reader.dropped > 0))
    }

    /// The client has closed: a stream that has ended was told to end, once all of it was sent.
    pub(super) fn check_farewell(&mut self, player: &Player) {
        let (Some(period), Some((stream, has_missed))) = (&player.period, player.farewell) else { return };
        for (media, got) in &period.got {
            assert!(period.ended.contains(media), "media {media} of {stream:?} has ended without a word");
            let last = self.truth.track(stream, *media as u8).next_back().map(|(number, _)| number);
            let has_missed = has_missed || dropped(player) > 0 || !self.knows_formats(player, stream, *media);
            let is_whole = has_missed || got.last().copied() == last;
            assert!(is_whole, "{stream:?} ended at {last:?}, and {:?} was the last that came", got.last());
        }
        self.counts.add("farewells checked", 1);
    }

    /// Returns `false` if packets of a media are of a format that the client was not told of: it was described before another
    /// stream was published there.
    fn knows_formats(&self, player: &Player, stream: StreamId, media: usize) -> bool {
        let described = player.client.description().and_then(|known| known.medias.get(media));
        let is_described = |entry: &Entry| described?.format(entry.payload_type);
        self.truth.track(stream, media as u8).all(|(_, entry)| is_described(entry).is_some())
    }

    /// Everything is at rest: a client that plays has got all there was but what it was told to have missed.
    pub(super) fn check_reader(&mut self, player: &Player) {
        let Some(period) = player.period.as_ref().filter(|_| player.client.state() == State::Play) else {
            return;
        };
        let Some((session, reader)) = self.reader_of(player) else { return };
        if self.books.end_of(session).is_some() || !player.asked.is_empty() {
            return;
        }
        let is_tcp = player.client.transport() == Some(rtspan_core::header::Lower::Tcp);
        let stream = self.stream_of(player);
        let has_lasted = |stream: &_| self.truth.has_lasted(*stream) && !self.books.paused.contains(stream);
        let Some(stream) = stream.filter(has_lasted) else { return };
        let mut gaps = Some(0);
        for media in medias(player) {
            let Some((last, entry)) = self.truth.track(stream, media as u8).next_back() else { continue };
            if !self.knows_formats(player, stream, media) {
                return;
            }
            let got = match player.media_ports.get(&media).filter(|_| !is_tcp) {
                None => period.got.get(&media).cloned().unwrap_or_default(),
                Some(port) => {
                    let to = SocketAddr::new(player.host, *port);
                    let mark = player.marks.get(&to).copied().unwrap_or_default();
                    self.truth.sent_to(to)[mark..].iter().map(|(_, number)| *number).collect()
                }
            };
            let is_behind_all = match period.start(media) {
                Start::Unknown => true,
                Start::At(from) => from > last,
                Start::Told(sequence) => sequence == Some(entry.sequence.wrapping_add(1)),
            };
            if got.is_empty() && is_behind_all {
                // It came when all was over, or perhaps so.
                continue;
            }
            if got.is_empty() && self.logs.logs.get(&stream).is_none_or(|log| log.tail() > last) {
                // It came when a small log kept nothing of the media any more.
                return;
            }
            let came = period.got.get(&media).and_then(|got| got.last());
            let own = player.client.media_stats(self.now, media);
            if own.is_some_and(|own| own.awaits_access_point) {
                return;
            }
            if came.is_none() && own.is_some_and(|own| own.unauthentic > 0) {
                // All that is sent behind a PAUSE was sent before it: a replay, which SRTP does not take.
                return;
            }
            if !is_tcp && self.plan.limits_unproven() && got.last() != Some(&last) {
                // Nothing that it sent before the last packet may have come, so that it was passed over.
                return;
            }
            if !is_tcp && entry.run <= SETTLED_RUN && came.is_some() && got.last() == Some(&last) {
                // The last packets are the first of a source that is new, and over UDP wait until it is proved, and
                // longer where other sources were new shortly before.
                return;
            }
            let is_behind_gap = |before: &u64| {
                let before = &self.truth.entries(stream)[*before as usize];
                let ahead = entry.sequence.wrapping_sub(before.sequence);
                before.ssrc != entry.ssrc || usize::from(ahead) > REORDER_PACKETS
            };
            if !is_tcp && got.last() == Some(&last) && got.iter().rev().nth(1).is_some_and(is_behind_gap) {
                // The last packet is the only one behind a large gap, and waits until another follows.
                return;
            }
            let to = player.media_ports.get(&media).map(|port| SocketAddr::new(player.host, *port));
            let may_be_lost = to.is_some_and(|to| player.is_rebound || !self.truth.has_sent_safely(to));
            assert!(
                (may_be_lost && !is_tcp) || came == Some(&last),
                "{came:?} and not {last} came of media {media} of {stream:?} to client {}",
                player.index
            );
            let is_increasing = got.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(is_increasing, "packets of media {media} were sent twice, or out of order: {got:?}");
            assert_eq!(got.last(), Some(&last), "client {}, media {media} of {stream:?}", player.index);
            self.note(5, || format!("media {media}: from {:?} {got:?}", period.start(media)));
            gaps = gaps
                .zip(missing(&self.truth, stream, media as u8, period.start(media), &got))
                .map(|(sum, gap)| sum + gap);
        }
        let Some(gaps) = gaps else { return };
        // A packet that was sent before a PAUSE and is sent again after it is a replay, which SRTP rejects.
        let stats = medias(player).filter_map(|media| player.client.media_stats(self.now, media));
        let replayed: u64 = stats.map(|stats| stats.unauthentic).sum();
        let dropped = if is_tcp { dropped(player) - player.dropped_before } else { 0 };
        let told = reader.dropped + dropped + replayed;
        let entries = self.truth.entries(stream);
        let is_exact = replayed == 0
            && !period.is_sought
            && entries.iter().all(|entry| period.starts.contains_key(&entry.track.into()));
        assert!(
            gaps <= told && (gaps == told || !is_exact),
            "client {} has missed {gaps} packets of {stream:?}, and was told of {told}",
            player.index
        );
        self.counts.add("readers checked at rest", 1);
        if player.link.is_none() {
            self.counts.add("readers checked at rest without a connection", 1);
        }
        if told > 0 {
            self.counts.add("readers checked at rest that had missed something", 1);
        }
    }
}
