use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rtspan_core::limits::{ACCESS_POINT_WAIT, REORDER_PACKETS, SOURCES_MAX};
use rtspan_core::rtp::RtpPacket;
use rtspan_core::{Instant, NtpTime, StreamId};

use super::source::{Made, Origin};
use super::spoofs::Spoofs;
use super::world::WALL;

/// The packets that were published, and those that were sent over UDP: the packets of readers are compared with them.
#[derive(Debug, Default)]
pub(super) struct Truth {
    streams: BTreeMap<StreamId, Vec<Entry>>,
    places: BTreeMap<Made, (StreamId, u64)>,
    /// The same by the header of a packet.
    headers: BTreeMap<(u32, u16, u32), (StreamId, u64)>,
    /// Makers of which packets come through, because nothing happens to them and they never pause.
    lossless: BTreeMap<Origin, Lossless>,
    /// Packets handed to the network, for each address.
    datagrams: BTreeMap<SocketAddr, Vec<(StreamId, u64)>>,
    /// How many of them when the network began to lose nothing any more.
    healed: BTreeMap<SocketAddr, usize>,
    /// Tracks on which a source has begun anew with what it had sent before.
    returned: BTreeSet<(StreamId, u8)>,
    /// Streams that were published to until everything was at rest.
    lasting: BTreeSet<StreamId>,
    /// Publishers that have followed on others, by track and payload type.
    splices: BTreeMap<(StreamId, u8, u8), Splices>,
    /// When the first packet of a track was published.
    began: BTreeMap<(StreamId, u8), Instant>,
    /// Packets of each source.
    runs: BTreeMap<(StreamId, u8, u32), u32>,
    /// The longest time between the making of a stream's packet, or of a report, and its publishing.
    delays: BTreeMap<StreamId, Duration>,
    /// Packets of a stream when it got the publisher that it has, if that is another than its first.
    handed_over: BTreeMap<StreamId, usize>,
    pub(super) spoofs: Spoofs,
    origins: u32,
}

/// Publishers of a format that have followed on others.
#[derive(Clone, Copy, Debug, Default)]
struct Splices {
    /// The SSRC of the last packet as it was sent and as readers see it, and what was added to its sequence number.
    last: Option<(u32, u32, u16)>,
    times: u32,
}

/// The packets of a maker that come through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lossless {
    /// Every packet, in the order in which they are made.
    All,
    /// Every packet of each source behind its first that came through.
    Sources,
}

/// A packet of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) track: u8,
    pub(super) sequence: u16,
    pub(super) ssrc: u32,
    /// The same two as its publisher has sent them: readers may see others.
    sent: (u16, u32),
    pub(super) payload_type: u8,
    /// How many packets of its source there are up to it.
    pub(super) run: u32,
    pub(super) at: Instant,
    pub(super) made: Option<Made>,
}

impl Entry {
    /// The same with the numbers that its publisher has sent.
    pub(super) fn as_sent(&self) -> Self {
        let (sequence, ssrc) = self.sent;
        Self { sequence, ssrc, ..*self }
    }

    /// Returns `true` if somebody has forged it, with the publisher's address on it.
    pub(super) fn is_spoofed(&self) -> bool {
        self.made.is_some_and(|made| made.origin == Origin::SPOOFER)
    }
}

/// The fields that identify a packet of a source, also when its payload cannot be read.
fn header(packet: &RtpPacket) -> (u32, u16, u32) {
    (packet.ssrc(), packet.sequence(), packet.timestamp())
}

impl Truth {
    /// Somebody who makes packets.
    pub(super) fn origin(&mut self) -> Origin {
        self.origins += 1;
        Origin(self.origins)
    }

    pub(super) fn set_lossless(&mut self, origin: Origin, what: Option<Lossless>) {
        match what {
            Some(what) => _ = self.lossless.insert(origin, what),
            None => _ = self.lossless.remove(&origin),
        }
    }

    pub(super) fn lossless(&self, origin: Origin) -> Option<Lossless> {
        self.lossless.get(&origin).copied()
    }

    /// A packet as it was sent was appended to a log as readers see it, under the number that follows the last. Returns its
    /// name.
    pub(super) fn push(
        &mut self,
        now: Instant,
        (stream, number): (StreamId, u64),
        track: u8,
        (sent, packet): (&RtpPacket, &RtpPacket),
    ) -> Option<Made> {
        self.hear_numbers((stream, track), sent, packet);
        self.began.entry((stream, track)).or_insert(now);
        let run = self.runs.entry((stream, track, packet.ssrc())).or_default();
        *run += 1;
        let entry = Entry {
            track,
            sequence: packet.sequence(),
            ssrc: packet.ssrc(),
            sent: (sent.sequence(), sent.ssrc()),
            payload_type: packet.payload_type(),
            run: *run,
            at: now,
            made: Made::of(packet),
        };
        self.hear_packet(now, stream, packet);
        assert_eq!(number, self.entries(stream).len() as u64, "{stream:?} leaves out numbers");
        if let Some(made) = entry.made {
            assert_ne!(made.origin, Origin::FORGER, "{stream:?} took a packet from elsewhere");
            assert_eq!(made.track, track, "{stream:?} took a packet of another track");
            if made.origin == Origin::SPOOFER {
                let since = self.handed_over.get(&stream).copied().unwrap_or_default();
                let before = self.streams.get(&stream).and_then(|all| all.get(since..)).unwrap_or_default();
                self.spoofs.check(stream, before, &entry);
            } else {
                self.check_place(stream, &entry, made);
            }
            self.headers.insert(header(packet), (stream, number));
            let former = self.places.insert(made, (stream, number));
            // Duplicates of many packets that come late enough are a source that has begun anew.
            let is_late_run = self.returned.contains(&(stream, track));
            assert!(former.is_none() || is_late_run, "{made:?} was appended again, after {former:?}");
        }
        self.streams.entry(stream).or_default().push(entry);
        entry.made
    }

    /// A packet comes behind those that its maker has made before, and nothing of a sound source is missing.
    fn check_place(&mut self, stream: StreamId, entry: &Entry, made: Made) {
        let (lossless, entry) = (self.lossless(made.origin), entry.as_sent());
        let all = || self.entries(stream).iter().rev().map(Entry::as_sent);
        let is_own = |other: &Entry| {
            other.track == entry.track && other.made.is_some_and(|other| other.origin == made.origin)
        };
        let own = || all().filter(is_own);
        let number = |other: Entry| other.made.map(|made| made.number);
        if let Some(before) = own().next().filter(|_| lossless == Some(Lossless::All)).and_then(number) {
            assert_eq!(made.number, before + 1, "{stream:?} lost what is before {made:?}");
        }
        let Some(before) = own().find(|other| other.ssrc == entry.ssrc) else { return };
        // A forged packet that was first after a pause has taken the sequence elsewhere, from where it comes back; and so
        // many forged sources that a quiet one is forgotten.
        let of_track = || all().filter(|other| other.track == entry.track);
        let newest = of_track().find(|other| other.ssrc == entry.ssrc).unwrap_or(before);
        let since: BTreeSet<_> =
            of_track().map(|other| other.ssrc).take_while(|ssrc| *ssrc != entry.ssrc).collect();
        let is_forgotten = since.len() >= SOURCES_MAX;
        let is_elsewhere = [before, newest].iter().any(|own| seems_anew((own.sequence, own.ssrc), &entry));
        let seems_anew = is_elsewhere || is_forgotten;
        let is_anew = seems_anew && lossless.is_none();
        let is_late = number(before) >= Some(made.number);
        assert!(is_anew || !is_late, "{stream:?} took {made:?} behind {before:?}");
        let is_next = entry.sequence == before.sequence.wrapping_add(1);
        // One that is forgotten has to prove itself anew, and what waits for that may be forgotten as well.
        let may_lose = lossless.is_none() || is_forgotten;
        assert!(is_next || may_lose, "{stream:?} lost what is between {before:?} and {made:?}");
        if is_late {
            self.returned.insert((stream, entry.track));
        }
    }

    /// A stream has another publisher from here on.
    pub(super) fn hand_over(&mut self, stream: StreamId) {
        self.handed_over.insert(stream, self.entries(stream).len());
    }

    /// A publisher has told what its wall clock shows; until it is heard it goes on.
    pub(super) fn hear_clock(&mut self, now: Instant, stream: StreamId, ntp: NtpTime) {
        let since = ntp.to_unix().and_then(|shown| shown.checked_sub(WALL));
        since.into_iter().for_each(|since| self.delay_since(now, stream, Instant::ZERO + since));
    }

    /// A packet of a stream is sent, or published.
    pub(super) fn hear_packet(&mut self, now: Instant, stream: StreamId, packet: &RtpPacket) {
        Made::time_of(packet).into_iter().for_each(|at| self.delay_since(now, stream, at));
    }

    fn delay_since(&mut self, now: Instant, stream: StreamId, at: Instant) {
        let delay = self.delays.entry(stream).or_default();
        *delay = now.since(at).max(*delay);
    }

    /// How far the wall clock times of a stream may be from the truth: as far as the longest that a packet or a report has been
    /// on its way to the log. A publisher that follows on another one goes on with the timestamps of that, and until its own
    /// report is believed its times are told by when the packets of both came.
    pub(super) fn clock_error(&self, stream: StreamId) -> Duration {
        let delay = self.delays.get(&stream).copied().unwrap_or_default();
        let splices = self.splices.range((stream, 0, 0)..=(stream, u8::MAX, u8::MAX));
        delay * (1 + splices.map(|(_, splice)| splice.times).max().unwrap_or_default())
    }

    /// A packet as its publisher has sent it, and as readers see it.
    fn hear_numbers(&mut self, (stream, track): (StreamId, u8), sent: &RtpPacket, seen: &RtpPacket) {
        let added = seen.sequence().wrapping_sub(sent.sequence());
        let splice = self.splices.entry((stream, track, sent.payload_type())).or_default();
        let (now, before) = ((sent.ssrc(), seen.ssrc(), added), splice.last);
        if before.is_some_and(|before| before != now) && seen.as_bytes() != sent.as_bytes() {
            splice.times += 1;
        }
        splice.last = Some(now);
    }

    /// When the first packet of a track was published.
    pub(super) fn began(&self, stream: StreamId, track: u8) -> Option<Instant> {
        self.began.get(&(stream, track)).copied()
    }

    pub(super) fn entries(&self, stream: StreamId) -> &[Entry] {
        self.streams.get(&stream).map(Vec::as_slice).unwrap_or_default()
    }

    /// The packets of a track, with their numbers.
    pub(super) fn track(
        &self,
        stream: StreamId,
        track: u8,
    ) -> impl DoubleEndedIterator<Item = (u64, &Entry)> {
        let entries = self.entries(stream).iter().enumerate().map(|(number, entry)| (number as u64, entry));
        entries.filter(move |(_, entry)| entry.track == track)
    }

    /// Returns `true` if a stream's packets come from this maker.
    pub(super) fn is_of(&self, stream: StreamId, origin: Origin) -> bool {
        self.entries(stream).iter().any(|entry| entry.made.is_some_and(|made| made.origin == origin))
    }

    /// The number of the newest packet of a track, as its maker counts.
    pub(super) fn newest(&self, stream: StreamId, track: u8, origin: Origin) -> Option<u32> {
        let made = self.track(stream, track).rev().filter_map(|(_, entry)| entry.made);
        made.filter(|made| made.origin == origin).map(|made| made.number).next()
    }

    /// Where a packet stands that a reader got.
    pub(super) fn place(&self, packet: &RtpPacket) -> Option<(StreamId, u64)> {
        let made = Made::of(packet)?;
        Some(*self.places.get(&made).unwrap_or_else(|| panic!("{made:?} was never published")))
    }

    /// A datagram was handed to the network; the stream that it is of. One that is encrypted is told by its header.
    pub(super) fn sent(
        &mut self,
        to: SocketAddr,
        packet: &RtpPacket,
        is_encrypted: bool,
    ) -> Option<StreamId> {
        let place = if is_encrypted { *self.headers.get(&header(packet))? } else { self.place(packet)? };
        self.datagrams.entry(to).or_default().push(place);
        Some(place.0)
    }

    /// A stream's last packets are published; every reader can start at them, unless one of its endless tracks is too
    /// young for that.
    pub(super) fn lasts(
        &mut self,
        now: Instant,
        stream: StreamId,
        last: u8,
        mut endless: impl Iterator<Item = u8>,
    ) {
        let is_old = |began: &Instant| *began + ACCESS_POINT_WAIT <= now;
        // Of an endless track a reader begins at the packet only that is made behind the wait.
        if endless.all(|track| track == last && self.began.get(&(stream, track)).is_some_and(is_old)) {
            self.lasting.insert(stream);
        }
    }

    pub(super) fn has_lasted(&self, stream: StreamId) -> bool {
        self.lasting.contains(&stream)
    }

    pub(super) fn heal(&mut self) {
        self.healed = self.datagrams.iter().map(|(to, sent)| (*to, sent.len())).collect();
    }

    /// Returns `true` if the newest packet that was sent there cannot have been lost on its way.
    pub(super) fn has_sent_safely(&self, to: SocketAddr) -> bool {
        self.sent_to(to).len() > self.healed.get(&to).copied().unwrap_or_default()
    }

    pub(super) fn sent_to(&self, to: SocketAddr) -> &[(StreamId, u64)] {
        self.datagrams.get(&to).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Returns `true` if a packet that is late over UDP looks as if its source had begun anew: it is of another source, or so late
/// that its number is taken for the beginning of another sequence (RFC 3550, appendix A.1).
pub(super) fn seems_anew((sequence, ssrc): (u16, u32), late: &Entry) -> bool {
    ssrc != late.ssrc || usize::from(sequence.wrapping_sub(late.sequence)) >= REORDER_PACKETS
}

/// Where a track of a reader starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Start {
    /// Nobody has said.
    Unknown,
    /// With the first packet from this one on.
    At(u64),
    /// With this sequence number, or with the track's first packet.
    Told(Option<u16>),
}

/// Packets of one track that a reader should have got between where it started and the last that it got, and has not;
/// `None` if it cannot be known.
pub(super) fn missing(truth: &Truth, stream: StreamId, track: u8, start: Start, got: &[u64]) -> Option<u64> {
    let (first, last) = (*got.first()?, *got.last()?);
    let from = match start {
        Start::Unknown => first,
        Start::At(from) => from,
        Start::Told(None) => truth.track(stream, track).next()?.0,
        Start::Told(Some(sequence)) => {
            let told = truth.track(stream, track).rev().skip_while(|(number, _)| *number > first);
            let mut told = told.filter(|(_, entry)| entry.sequence == sequence);
            // Another source may have come by the same number.
            let (from, entry) = told.next().filter(|_| told.next().is_none())?;
            // The start that was told is not true any more once another source has sent: between, or in front of it but behind
            // PLAY.
            let before = truth.track(stream, track).rev().find(|(number, _)| *number < from);
            let is_one = truth.track(stream, track).filter(|(number, _)| (from..=first).contains(number));
            is_one
                .chain(before)
                .map(|(_, other)| other.ssrc)
                .all(|ssrc| ssrc == entry.ssrc)
                .then_some(from)?
        }
    };
    let due = truth.track(stream, track).filter(|(number, _)| (from..=last).contains(number)).count() as u64;
    Some(due - got.len() as u64)
}
