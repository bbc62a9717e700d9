mod overflow;

use std::collections::{BTreeMap, VecDeque};

use super::Received;
use crate::Instant;
use crate::description::Media;
use crate::limits::{READ_BLOCK_BYTES, RECEIVED_BATCH_MAX};
use crate::rtp::RtpPacket;
use crate::timeline::Timeline;

use overflow::{Contents, Overflow};

/// Received packets that wait for the application, each with its time.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) timeline: Timeline,
    packets: VecDeque<Received>,
    /// Bytes of all packets that came in, and of those that have left; both wrap.
    pushed: usize,
    left: usize,
    packets_max: usize,
    bytes_max: usize,
    /// The server is held up while it is full, so that more than that is only what was on its way.
    is_patient: bool,
    contents: BTreeMap<usize, Contents>,
    /// The medias that have lost packets, by index.
    overflows: BTreeMap<usize, Overflow>,
}

impl Inbox {
    pub(super) fn new(packets_max: usize, bytes_max: usize) -> Self {
        Self {
            timeline: Timeline::new(),
            packets: VecDeque::new(),
            pushed: 0,
            left: 0,
            packets_max,
            bytes_max,
            is_patient: false,
            contents: BTreeMap::new(),
            overflows: BTreeMap::new(),
        }
    }

    /// Appends a packet of a media that comes in order at `now`, behind so many that are lost.
    #[inline]
    pub(super) fn receive(
        &mut self,
        now: Instant,
        media: usize,
        packet: RtpPacket,
        lost: u16,
        clock_rate: u32,
    ) {
        let time = self.timeline.time_of(now, media, &packet, clock_rate);
        self.push(now, Received { media, packet, lost, time });
    }

    /// Appends a packet, and drops the oldest ones beyond the bounds.
    #[inline]
    fn push(&mut self, now: Instant, received: Received) {
        self.pushed = self.pushed.wrapping_add(received.packet.len());
        self.packets.push_back(received);
        if self.is_over() {
            self.trim(now);
        }
    }

    /// Moves the oldest packets behind those in `batch`: of as many as may wait an eighth, and one at least.
    pub(super) fn pop_batch(&mut self, now: Instant, batch: &mut VecDeque<Received>) {
        let packets_max = (self.packets_max / 8).min(RECEIVED_BATCH_MAX);
        let bytes_rest = self.bytes().saturating_sub(self.bytes_max / 8);
        let is_told = self.overflows.values().all(Overflow::is_over);
        if is_told && batch.is_empty() && self.packets.len() <= packets_max && bytes_rest == 0 {
            // As most often.
            std::mem::swap(&mut self.packets, batch);
            self.left = self.pushed;
            return;
        }
        for count in 0..packets_max.max(1) {
            if count > 0 && self.bytes() <= bytes_rest {
                return;
            }
            let Some(received) = self.pop(now) else { return };
            batch.push_back(received);
        }
    }

    /// Puts packets back that were taken and not used, in front of the others.
    pub(super) fn push_back(&mut self, now: Instant, batch: &mut VecDeque<Received>) {
        let bytes = batch.iter().map(|received| received.packet.len()).fold(0, usize::wrapping_add);
        self.left = self.left.wrapping_sub(bytes);
        batch.append(&mut self.packets);
        std::mem::swap(&mut self.packets, batch);
        self.trim(now);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes of all packets that ever came in; it wraps.
    pub(super) fn pushed(&self) -> usize {
        self.pushed
    }

    fn bytes(&self) -> usize {
        self.pushed.wrapping_sub(self.left)
    }

    /// Has as much again wait, and what one read brings, while the server is held up.
    pub(super) fn set_patient(&mut self, is_patient: bool) {
        self.is_patient = is_patient;
    }

    /// Returns `true` if as many packets wait as may.
    pub(super) fn is_full(&self) -> bool {
        self.packets.len() >= self.packets_max || self.bytes() >= self.bytes_max
    }

    /// Returns `true` while less than half of the packets that may wait do, and less than half of their bytes.
    pub(super) fn has_room(&self) -> bool {
        self.packets.len() < self.packets_max / 2 && self.bytes() < self.bytes_max / 2
    }

    fn is_over(&self) -> bool {
        let (packets, bytes) = match self.is_patient {
            true => (patient(self.packets_max), patient(self.bytes_max)),
            false => (self.packets_max, self.bytes_max),
        };
        self.packets.len() > packets || self.bytes() > bytes
    }

    fn trim(&mut self, now: Instant) {
        while self.is_over() {
            let Some(oldest) = self.take() else { return };
            let contents = self.contents.get(&oldest.media);
            let new = || Overflow::new(contents.cloned().unwrap_or_default());
            self.overflows.entry(oldest.media).or_insert_with(new).drop(now, &oldest);
        }
    }

    /// The next packet; `now` is when anything was received last.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Received> {
        loop {
            let mut received = self.take()?;
            let Some(overflow) = self.overflows.get_mut(&received.media) else { return Some(received) };
            if !overflow.takes(now, &received) {
                let missing = overflow.take_missing(received.packet.ssrc());
                received.lost = received.lost.saturating_add(missing.packets);
                received.time.begins_anew |= missing.begins_anew;
                return Some(received);
            }
        }
    }

    /// Packets of a media that were dropped.
    pub(super) fn dropped(&self, media: usize) -> u64 {
        self.overflows.get(&media).map_or(0, Overflow::total)
    }

    /// Returns `true` while the pictures of a media are dropped until decoding can begin again.
    pub(super) fn awaits_access_point(&self, media: usize) -> bool {
        self.overflows.get(&media).is_some_and(Overflow::is_waiting)
    }

    /// Takes note of how a media is described, of which pictures go on where decoding can begin.
    pub(super) fn describe(&mut self, index: usize, media: &Media) {
        self.contents.insert(index, Contents::of(media));
    }

    fn take(&mut self) -> Option<Received> {
        let received = self.packets.pop_front()?;
        self.left = self.left.wrapping_add(received.packet.len());
        Some(received)
    }
}

/// The bound of what waits while the server is held up: packets are no smaller than a byte.
fn patient(most: usize) -> usize {
    most.saturating_mul(2).saturating_add(READ_BLOCK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SOURCES_MAX;
    use crate::rtp::RtpHeader;
    use crate::timeline::MediaTime;

    fn packet(media: usize, sequence: u16, lost: u16) -> Received {
        let header = RtpHeader { sequence, ..RtpHeader::default() };
        Received { media, packet: RtpPacket::build(header, &[0; 88]), lost, time: MediaTime::default() }
    }

    fn drained(inbox: &mut Inbox) -> Vec<(usize, u16, u16)> {
        let next = || {
            inbox
                .pop(Instant::ZERO)
                .map(|received| (received.media, received.packet.sequence(), received.lost))
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn one_packet_too_many_drops_the_oldest_and_is_told_as_lost() {
        let mut inbox = Inbox::new(3, usize::MAX);
        for received in [packet(0, 1, 2), packet(1, 1, 0), packet(0, 2, 0), packet(0, 3, 0)] {
            inbox.push(Instant::ZERO, received);
        }
        assert_eq!((inbox.dropped(0), inbox.dropped(1)), (1, 0));
        assert_eq!(drained(&mut inbox), [(1, 1, 0), (0, 2, 3), (0, 3, 0)]);
    }

    #[test]
    fn a_gap_whose_first_packet_is_dropped_is_told_with_the_next() {
        let mut inbox = Inbox::new(2, usize::MAX);
        let mut first = packet(0, 1, 0);
        first.time.begins_anew = true;
        for received in [first, packet(0, 2, 0), packet(0, 3, 0)] {
            inbox.push(Instant::ZERO, received);
        }
        let told = std::iter::from_fn(|| inbox.pop(Instant::ZERO));
        let told = told.map(|received| (received.lost, received.time.begins_anew));
        assert_eq!(told.collect::<Vec<_>>(), [(1, true), (0, false)]);
    }

    #[test]
    fn what_is_dropped_of_one_ssrc_is_not_told_as_lost_of_another() {
        let of = |ssrc, sequence| {
            let header = RtpHeader { sequence, ssrc, ..RtpHeader::default() };
            Received {
                media: 0,
                packet: RtpPacket::build(header, b"sound"),
                lost: 0,
                time: MediaTime::default(),
            }
        };
        let mut inbox = Inbox::new(3, usize::MAX);
        for received in [of(7, 1), of(8, 1), of(8, 2), of(7, 2), of(8, 3)] {
            inbox.push(Instant::ZERO, received);
        }
        inbox.push(Instant::ZERO, of(7, 3));
        assert_eq!(inbox.dropped(0), 3);
        assert_eq!(drained(&mut inbox), [(0, 2, 1), (0, 3, 2), (0, 3, 0)]);
        for ssrc in 0..=SOURCES_MAX as u32 + 3 {
            inbox.push(Instant::ZERO, of(ssrc, 1));
        }
        assert_eq!(inbox.overflows[&0].sources(), SOURCES_MAX, "the oldest are forgotten");
    }

    fn numbers(packets: impl IntoIterator<Item = Received>) -> Vec<(u16, u16)> {
        packets.into_iter().map(|received| (received.packet.sequence(), received.lost)).collect()
    }

    #[test]
    fn a_batch_is_an_eighth_of_what_may_wait_and_one_at_least() {
        // Packets of 100 bytes.
        for (packets_max, bytes_max, expected) in [
            (1, usize::MAX, 1),
            (15, usize::MAX, 1),
            (16, usize::MAX, 2),
            (usize::MAX, usize::MAX, RECEIVED_BATCH_MAX),
            (usize::MAX, 80_000, RECEIVED_BATCH_MAX),
            (usize::MAX, 8_000, 10),
            (usize::MAX, 800, 1),
            (usize::MAX, 100, 1),
        ] {
            let mut inbox = Inbox::new(packets_max, bytes_max);
            (0..1000).for_each(|sequence| inbox.push(Instant::ZERO, packet(0, sequence, 0)));
            let waiting = inbox.packets.len();
            let mut batch = VecDeque::new();
            inbox.pop_batch(Instant::ZERO, &mut batch);
            assert_eq!(batch.len(), expected, "{packets_max} packets, {bytes_max} bytes");
            assert_eq!(
                (inbox.packets.len(), inbox.bytes()),
                (waiting - expected, 100 * (waiting - expected))
            );
        }
    }

    #[test]
    fn batches_are_in_order_and_tell_what_is_lost_before_them() {
        let mut inbox = Inbox::new(16, usize::MAX);
        let mut batch = VecDeque::new();
        (1..=20).for_each(|sequence| inbox.push(Instant::ZERO, packet(0, sequence, 0)));
        inbox.pop_batch(Instant::ZERO, &mut batch);
        inbox.pop_batch(Instant::ZERO, &mut batch);
        assert_eq!(numbers(batch.drain(..)), [(5, 4), (6, 0), (7, 0), (8, 0)]);
        inbox.pop_batch(Instant::ZERO, &mut batch);
        assert_eq!(numbers(batch.drain(..)), [(9, 0), (10, 0)]);
        while inbox.packets.len() > 2 {
            inbox.pop(Instant::ZERO);
        }
        inbox.pop_batch(Instant::ZERO, &mut batch);
        assert_eq!((numbers(batch), inbox.bytes()), (vec![(19, 0), (20, 0)], 0), "all that there is");
        let few = &mut Inbox::new(16, usize::MAX);
        let mut batch = VecDeque::new();
        (1..=2).for_each(|sequence| few.push(Instant::ZERO, packet(0, sequence, 0)));
        few.pop_batch(Instant::ZERO, &mut batch);
        assert_eq!((numbers(batch), few.bytes(), few.is_empty()), (vec![(1, 0), (2, 0)], 0, true));
    }

    #[test]
    fn what_is_put_back_comes_first_and_counts_again() {
        let mut inbox = Inbox::new(16, usize::MAX);
        let mut batch = VecDeque::new();
        inbox.push(Instant::ZERO, packet(0, 1, 3));
        inbox.push(Instant::ZERO, packet(0, 2, 0));
        inbox.pop_batch(Instant::ZERO, &mut batch);
        (3..=17).for_each(|sequence| inbox.push(Instant::ZERO, packet(0, sequence, 0)));
        inbox.push_back(Instant::ZERO, &mut batch);
        assert!(batch.is_empty());
        assert_eq!((inbox.packets.len(), inbox.bytes(), inbox.dropped(0)), (16, 1600, 1));
        assert_eq!(inbox.pop(Instant::ZERO).map(|first| (first.packet.sequence(), first.lost)), Some((2, 4)));
    }

    #[test]
    fn one_byte_too_many_drops_the_oldest() {
        let mut inbox = Inbox::new(usize::MAX, 299);
        (1..=3).for_each(|sequence| inbox.push(Instant::ZERO, packet(0, sequence, 0)));
        assert_eq!(drained(&mut inbox), [(0, 2, 1), (0, 3, 0)]);
    }
}
