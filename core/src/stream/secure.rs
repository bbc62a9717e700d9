//! Logs beside the first one: the same packets, encrypted once for all readers that share the keys.

use super::{Packet, StreamLog};
use crate::Instant;
use crate::keying::Sealer;
use crate::rtp::{RtpHeader, RtpPacket};

/// The track of a packet that no reader is sent: it keeps its number in place of one that cannot be protected.
const NOBODYS: u8 = u8::MAX;

/// An order of the control plane to a stream's log: packets are to be encrypted for readers, or no longer are
/// ([`StreamLog::handle_secure`]).
#[derive(Debug)]
pub struct SecureOrder(pub(crate) Secured);

#[derive(Debug)]
pub(crate) enum Secured {
    /// A log of this number begins, with the keys of each track.
    Begin(u32, Vec<Sealer>),
    End(u32),
}

/// A log of encrypted packets. A packet has the same number in it as in the first log.
#[derive(Debug)]
pub(super) struct SecureLog {
    number: u32,
    sealers: Vec<Sealer>,
    log: StreamLog,
}

impl StreamLog {
    /// Takes an order of the control plane.
    ///
    /// From then on each packet is encrypted as it is appended, and those that are kept are encrypted now. A log is kept beside
    /// this one for each set of keys that readers use, of the same length.
    pub fn handle_secure(&mut self, order: SecureOrder) {
        match order.0 {
            Secured::Begin(number, sealers) => {
                let mut secure = SecureLog { number, sealers, log: self.without_packets() };
                self.packets.iter().for_each(|packet| secure.keep(packet));
                self.secure.push(secure);
            }
            Secured::End(number) => self.secure.retain(|secure| secure.number != number),
        }
    }

    /// The log of encrypted packets of this number.
    pub(crate) fn secure(&self, number: u32) -> Option<&Self> {
        self.secure_log(number).map(|secure| &secure.log)
    }

    /// The sources of a track in the log of this number, with their rollover counters.
    pub(crate) fn secure_rocs(&self, number: u32, track: u8) -> impl Iterator<Item = (u32, u32)> {
        let sealer = self.secure_log(number).and_then(|secure| secure.sealers.get(usize::from(track)));
        sealer.into_iter().flat_map(Sealer::rocs)
    }

    /// How many packets from `number` on and before `until` could not be encrypted, which readers of this log miss.
    #[inline]
    pub(crate) fn voids_between(&self, number: u64, until: u64) -> u64 {
        if self.voids.is_empty() { 0 } else { self.count_voids(number, until) }
    }

    #[cold]
    fn count_voids(&self, number: u64, until: u64) -> u64 {
        self.voids.iter().filter(|void| (number..until).contains(*void)).count() as u64
    }

    fn secure_log(&self, number: u32) -> Option<&SecureLog> {
        self.secure.iter().find(|secure| secure.number == number)
    }

    /// Appends the newest packet to the logs of encrypted ones.
    #[cold]
    pub(super) fn push_secure(&mut self, now: Instant) {
        let Some(packet) = self.packets.back() else { return };
        self.secure.iter_mut().for_each(|secure| secure.push(now, packet));
    }
}

impl SecureLog {
    fn push(&mut self, now: Instant, packet: &Packet) {
        let number = self.log.head();
        if let Some(track) = self.log.tracks.get_mut(usize::from(packet.track)) {
            track.push(now, number, &packet.rtp);
        }
        self.keep(packet);
    }

    fn keep(&mut self, packet: &Packet) {
        let sealer = self.sealers.get_mut(usize::from(packet.track));
        let sealed = sealer.and_then(|sealer| sealer.rtp(&packet.rtp).ok());
        let kept = match sealed {
            Some(rtp) => Packet { rtp, ..*packet },
            None => {
                self.log.voids.push_back(self.log.head());
                Packet { track: NOBODYS, rtp: RtpPacket::build(RtpHeader::default(), &[]), ..*packet }
            }
        };
        self.log.keep(kept);
        while self.log.voids.front().is_some_and(|number| *number < self.log.tail()) {
            self.log.voids.pop_front();
        }
    }

    /// The order to the first log.
    pub(super) fn log_mut(&mut self) -> &mut StreamLog {
        &mut self.log
    }
}
