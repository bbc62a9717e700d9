use bytes::Bytes;

use crate::limits::OUTBOX_FRAMES_MAX;

/// The packets that connections have pulled last, one after another on one thread.
///
/// The readers of a stream want the same packets, one reader right behind the other. Holding on to them once, instead of
/// once for each reader, saves counting references up and down where several threads count at the same place.
#[derive(Debug, Default)]
pub(super) struct Recent {
    packets: Vec<Bytes>,
    /// Where the next packet is expected.
    next: usize,
    /// Something was placed since the last [`rewind`](Self::rewind), so that nothing may be forgotten.
    is_used: bool,
}

impl Recent {
    /// No place that was given out is used any longer.
    pub(super) fn rewind(&mut self) {
        self.next = 0;
        self.is_used = false;
    }

    /// The place of a packet, where it stays until the next [`rewind`](Self::rewind); `None` if there is none for it.
    pub(super) fn place(&mut self, packet: &Bytes) -> Option<usize> {
        let place = match self.find(packet) {
            Some(place) => place,
            None => {
                if !self.is_used {
                    self.packets.clear();
                    self.next = 0;
                }
                // A reader of other media than the one before it would come to an end of its own.
                if self.next < self.packets.len() || self.packets.len() >= OUTBOX_FRAMES_MAX {
                    return None;
                }
                self.packets.push(packet.clone());
                self.next
            }
        };
        self.next = place.saturating_add(1);
        self.is_used = true;
        Some(place)
    }

    pub(super) fn get(&self, place: usize) -> &Bytes {
        self.packets.get(place).expect("a place is kept until nobody uses it")
    }

    fn find(&self, packet: &Bytes) -> Option<usize> {
        let rest = self.packets.get(self.next..)?;
        let ahead = rest.iter().position(|own| is_same(own, packet))?;
        self.next.checked_add(ahead)
    }
}

/// Whether both are the same bytes of the same memory, which nobody can have given to others: it is held on to here.
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

    fn places(recent: &mut Recent, packets: &[Bytes]) -> Vec<Option<usize>> {
        let places: Vec<_> = packets.iter().map(|packet| recent.place(packet)).collect();
        for (packet, place) in packets.iter().zip(&places) {
            assert!(place.is_none_or(|place| recent.get(place) == packet));
        }
        recent.rewind();
        places
    }

    #[test]
    fn readers_of_the_same_packets_find_them_in_the_same_places() {
        let (mut recent, packets) = (Recent::default(), packets(5));
        let all: Vec<_> = (0..5).map(Some).collect();
        assert_eq!(places(&mut recent, &packets), all);
        let held = packets[0].as_ptr();
        assert_eq!(places(&mut recent, &packets), all);
        assert_eq!(recent.packets.len(), 5);
        assert_eq!(recent.get(0).as_ptr(), held, "and not copies of them");
        assert_eq!(places(&mut recent, &packets[2..]), all[2..], "also one that is ahead");
        assert_eq!(places(&mut recent, &packets[1..2]), all[1..2]);
    }

    #[test]
    fn equal_packets_of_other_memory_are_others() {
        let (mut recent, own) = (Recent::default(), packets(3));
        places(&mut recent, &own);
        let others = packets(3);
        assert_eq!(places(&mut recent, &others), [Some(0), Some(1), Some(2)]);
        assert_eq!(recent.get(0).as_ptr(), others[0].as_ptr());
        assert_eq!(recent.packets.len(), 3, "those that nobody wanted are forgotten");
    }

    #[test]
    fn no_place_that_is_used_is_given_to_another() {
        let (mut recent, packets) = (Recent::default(), packets(OUTBOX_FRAMES_MAX + 2));
        places(&mut recent, &packets[..4]);
        let mixed = [1, 6, 3, 2, 5].map(|n: usize| packets[n].clone());
        assert_eq!(places(&mut recent, &mixed), [Some(1), None, Some(3), Some(4), Some(5)]);
        let full = places(&mut recent, &packets);
        assert!(full[OUTBOX_FRAMES_MAX..].iter().all(Option::is_none), "and there are no more than may be");
        assert_eq!(recent.packets.len(), OUTBOX_FRAMES_MAX);
    }
}
