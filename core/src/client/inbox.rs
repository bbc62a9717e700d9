use std::collections::{BTreeMap, VecDeque};

use super::Received;

/// Received packets that wait for the application.
#[derive(Debug)]
pub(super) struct Inbox {
    packets: VecDeque<Received>,
    bytes: usize,
    packets_max: usize,
    bytes_max: usize,
    dropped: BTreeMap<usize, Dropped>,
}

/// What of a media was dropped because the application did not keep up.
#[derive(Debug, Default)]
struct Dropped {
    total: u64,
    /// Packets missing before the next one that is handed out.
    missing: u16,
}

impl Inbox {
    pub(super) fn new(packets_max: usize, bytes_max: usize) -> Self {
        Self { packets: VecDeque::new(), bytes: 0, packets_max, bytes_max, dropped: BTreeMap::new() }
    }

    /// Appends a packet, and drops the oldest ones beyond the bounds.
    pub(super) fn push(&mut self, received: Received) {
        self.bytes = self.bytes.saturating_add(received.packet.len());
        self.packets.push_back(received);
        while self.packets.len() > self.packets_max || self.bytes > self.bytes_max {
            let Some(oldest) = self.take() else { return };
            let dropped = self.dropped.entry(oldest.media).or_default();
            dropped.total = dropped.total.saturating_add(1);
            dropped.missing = dropped.missing.saturating_add(oldest.lost).saturating_add(1);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Received> {
        let mut received = self.take()?;
        if let Some(dropped) = self.dropped.get_mut(&received.media) {
            received.lost = received.lost.saturating_add(std::mem::take(&mut dropped.missing));
        }
        Some(received)
    }

    /// Packets of a media that were dropped.
    pub(super) fn dropped(&self, media: usize) -> u64 {
        self.dropped.get(&media).map_or(0, |dropped| dropped.total)
    }

    fn take(&mut self) -> Option<Received> {
        let received = self.packets.pop_front()?;
        self.bytes = self.bytes.saturating_sub(received.packet.len());
        Some(received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{RtpHeader, RtpPacket};

    fn packet(media: usize, sequence: u16, lost: u16) -> Received {
        let header = RtpHeader { sequence, ..RtpHeader::default() };
        Received { media, packet: RtpPacket::build(header, &[0; 88]), lost, ntp: None }
    }

    fn drained(inbox: &mut Inbox) -> Vec<(usize, u16, u16)> {
        let next = || inbox.pop().map(|received| (received.media, received.packet.sequence(), received.lost));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn one_packet_too_many_drops_the_oldest_and_is_told_as_lost() {
        let mut inbox = Inbox::new(3, usize::MAX);
        for received in [packet(0, 1, 2), packet(1, 1, 0), packet(0, 2, 0), packet(0, 3, 0)] {
            inbox.push(received);
        }
        assert_eq!((inbox.dropped(0), inbox.dropped(1)), (1, 0));
        assert_eq!(drained(&mut inbox), [(1, 1, 0), (0, 2, 3), (0, 3, 0)]);
    }

    #[test]
    fn one_byte_too_many_drops_the_oldest() {
        let mut inbox = Inbox::new(usize::MAX, 299);
        (1..=3).for_each(|sequence| inbox.push(packet(0, sequence, 0)));
        assert_eq!(drained(&mut inbox), [(0, 2, 1), (0, 3, 0)]);
    }
}
