use std::ops::Range;

use bytes::Bytes;

use crate::limits::{FRAMED_BYTES_MAX, RECENT_PACKETS_MAX};
use crate::wire::Frame;

/// The packets that connections have pulled last, one after another on one thread.
///
/// The readers of a stream want the same packets, one reader right behind the other. Holding on to them once, instead of
/// once for each reader, saves counting references up and down where several threads count at the same place. And as soon
/// as a second reader wants a packet, it is copied into its frame, one frame behind the other: the system takes a run of
/// frames for a quarter less than as many headers and payloads.
#[derive(Debug, Default)]
pub(super) struct Recent {
    packets: Vec<Bytes>,
    /// The frames of the first of them.
    frames: Vec<u8>,
    /// The channel of each frame, and where it ends.
    framed: Vec<(u8, usize)>,
    /// Where the next packet is expected.
    next: usize,
    /// Something was placed since the last [`release`](Self::release), so that nothing may be forgotten.
    is_used: bool,
}

/// Where a packet is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) index: usize,
    /// It also is there as a frame.
    pub(super) is_framed: bool,
}

impl Recent {
    /// Somebody else begins to pull.
    pub(super) fn restart(&mut self) {
        self.next = 0;
        self.is_used = false;
    }

    /// No place that was given out is used any longer.
    pub(super) fn release(&mut self) {
        self.is_used = false;
    }

    /// The place of a packet, where it stays until the next [`release`](Self::release); `None` if there is none for it.
    #[inline]
    pub(super) fn place(&mut self, channel: u8, packet: &Bytes) -> Option<Place> {
        let place = match self.find(packet) {
            Some(index) => Place { index, is_framed: self.frame(index, channel, packet) },
            None => Place { index: self.append(packet)?, is_framed: false },
        };
        self.next = place.index.saturating_add(1);
        self.is_used = true;
        Some(place)
    }

    pub(super) fn packet(&self, index: usize) -> &Bytes {
        self.packets.get(index).expect("a place is kept until nobody uses it")
    }

    /// The frames of packets, one behind the other.
    pub(super) fn frames(&self, run: Range<usize>) -> &[u8] {
        let end = |behind: usize| {
            behind.checked_sub(1).and_then(|index| self.framed.get(index)).map_or(0, |(_, end)| *end)
        };
        self.frames.get(end(run.start)..end(run.end)).unwrap_or_default()
    }

    /// The header of a packet's frame.
    pub(super) fn header(&self, index: usize) -> [u8; 4] {
        let frame = self.frames(index..index.saturating_add(1));
        frame.first_chunk().copied().unwrap_or_default()
    }

    #[inline]
    fn find(&self, packet: &Bytes) -> Option<usize> {
        let is_there = |index: &usize| self.packets.get(*index).is_some_and(|own| is_same(own, packet));
        if is_there(&self.next) {
            return Some(self.next);
        }
        let from = if self.is_used { self.next } else { 0 };
        (from..self.packets.len()).find(is_there)
    }

    fn append(&mut self, packet: &Bytes) -> Option<usize> {
        let is_full = self.packets.len() >= RECENT_PACKETS_MAX;
        if self.next < self.packets.len() || is_full {
            if self.is_used {
                return None;
            }
            self.packets.clear();
            self.frames.clear();
            self.framed.clear();
        }
        let index = self.packets.len();
        self.packets.push(packet.clone());
        Some(index)
    }

    /// Makes the frame of a packet, if it is the next one; says whether there is one of this channel.
    #[inline]
    fn frame(&mut self, index: usize, channel: u8, packet: &Bytes) -> bool {
        if let Some((own, _)) = self.framed.get(index) {
            return *own == channel;
        }
        let Some(len) = u16::try_from(packet.len()).ok().filter(|_| packet.len() <= FRAMED_BYTES_MAX) else {
            return false;
        };
        if index != self.framed.len() {
            return false;
        }
        self.frames.extend_from_slice(&Frame::header(channel, len));
        self.frames.extend_from_slice(packet);
        self.framed.push((channel, self.frames.len()));
        true
    }
}

/// Returns `true` if both are the same bytes of the same memory. It is held on to here, so nobody else can have been given it.
#[inline]
fn is_same(own: &Bytes, packet: &Bytes) -> bool {
    own.as_ptr() == packet.as_ptr() && own.len() == packet.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(count: usize) -> Vec<Bytes> {
        let all = Bytes::from((0..count * 10).map(|n| n as u8).collect::<Vec<_>>());
        (0..count).map(|n| all.slice(n * 10..n * 10 + 10)).collect()
    }

    /// The places of packets for one connection after another: the index of each, and `true` if it has a frame.
    fn places(recent: &mut Recent, channel: u8, packets: &[Bytes]) -> Vec<Option<(usize, bool)>> {
        recent.restart();
        let places: Vec<_> = packets.iter().map(|packet| recent.place(channel, packet)).collect();
        for (packet, place) in packets.iter().zip(&places) {
            let Some(place) = place else { continue };
            assert_eq!(recent.packet(place.index), packet);
            if place.is_framed {
                let frame = recent.frames(place.index..place.index + 1);
                assert_eq!(frame, [&recent.header(place.index), &packet[..]].concat());
                assert_eq!(frame[..4], [b'$', channel, 0, 10]);
            }
        }
        places.into_iter().map(|place| place.map(|Place { index, is_framed }| (index, is_framed))).collect()
    }

    fn at(indices: impl IntoIterator<Item = usize>, is_framed: bool) -> Vec<Option<(usize, bool)>> {
        indices.into_iter().map(|index| Some((index, is_framed))).collect()
    }

    #[test]
    fn readers_of_the_same_packets_find_them_in_the_same_places_and_framed_from_the_second_on() {
        let (mut recent, packets) = (Recent::default(), packets(5));
        assert_eq!(places(&mut recent, 2, &packets), at(0..5, false));
        assert_eq!(recent.frames.len(), 0, "one reader is not worth a copy");
        assert_eq!(places(&mut recent, 2, &packets), at(0..5, true));
        assert_eq!(places(&mut recent, 2, &packets), at(0..5, true));
        assert_eq!((recent.packets.len(), recent.frames.len()), (5, 5 * 14));
        assert_eq!(recent.packets[0].as_ptr(), packets[0].as_ptr(), "and not copies of them");
        assert_eq!(places(&mut recent, 2, &packets[2..]), at(2..5, true), "also one that is ahead");
        assert_eq!(places(&mut recent, 4, &packets), at(0..5, false), "but not over other channels");
    }

    #[test]
    fn equal_packets_of_other_memory_are_others() {
        let (mut recent, own) = (Recent::default(), packets(3));
        places(&mut recent, 0, &own);
        places(&mut recent, 0, &own);
        let others = packets(3);
        assert_eq!(places(&mut recent, 0, &others), at(0..3, false));
        assert_eq!(recent.packets[0].as_ptr(), others[0].as_ptr());
        assert_eq!((recent.packets.len(), recent.frames.len()), (3, 0), "what nobody wanted is forgotten");
    }

    #[test]
    fn who_goes_on_behind_what_was_written_adds_to_it() {
        let (mut recent, packets) = (Recent::default(), packets(6));
        recent.restart();
        assert!(packets[..3].iter().all(|packet| recent.place(0, packet).is_some()));
        recent.release();
        assert!(packets[3..].iter().all(|packet| recent.place(0, packet).is_some()));
        assert_eq!(places(&mut recent, 0, &packets), at(0..6, true));
    }

    #[test]
    fn no_place_that_is_used_is_given_to_another() {
        let (mut recent, packets) = (Recent::default(), packets(RECENT_PACKETS_MAX + 2));
        places(&mut recent, 0, &packets[..4]);
        let mixed = [1, 6, 3, 2, 5].map(|n: usize| packets[n].clone());
        let expected = [Some((1, false)), None, Some((3, false)), Some((4, false)), Some((5, false))];
        assert_eq!(places(&mut recent, 0, &mixed), expected);
        let full = places(&mut recent, 0, &packets);
        assert!(full[RECENT_PACKETS_MAX..].iter().all(Option::is_none), "and there are no more than may be");
        assert_eq!(recent.packets.len(), RECENT_PACKETS_MAX);
    }

    #[test]
    fn large_packets_and_those_behind_them_are_not_copied() {
        let mut recent = Recent::default();
        let sizes = [10, FRAMED_BYTES_MAX, FRAMED_BYTES_MAX + 1, 10];
        let packets = sizes.map(|size| Bytes::from(vec![0; size]));
        for expected in [[false; 4], [true, true, false, false]] {
            recent.restart();
            let is_framed = packets.iter().map(|packet| recent.place(0, packet).unwrap().is_framed);
            assert_eq!(is_framed.collect::<Vec<_>>(), expected);
        }
    }
}
