use std::collections::VecDeque;

use super::Received;
use crate::Instant;
use crate::limits::{READY_PACKETS_MAX, REORDER_DELAY, REORDER_PACKETS, SEQUENCE_JUMP_MAX};
use crate::rtp::RtpPacket;

/// Puts the packets of one sequence into order, and finds what is missing and what came twice.
#[derive(Debug)]
pub(super) struct Sequence {
    may_reorder: bool,
    /// The sequence number of the next packet to be handed out; `None` before the first.
    next: Option<u16>,
    /// Which of the 64 packets before `next` came; the lowest bit is the last.
    history: u64,
    /// Packets missing since the last that was handed out.
    missing: u16,
    /// Packets ahead of a gap, each at its sequence number modulo the length; empty until one is needed.
    slots: Vec<Option<(Instant, RtpPacket)>>,
    waiting: usize,
    deadline: Option<Instant>,
    /// A packet far from the sequence: if the one that follows it comes too, it began another.
    suspect: Option<RtpPacket>,
    ready: VecDeque<Received>,
    lost: u64,
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Placed {
    /// Of the sequence, handed out or waiting for those before it.
    Taken,
    /// Already there; dropped.
    Duplicate,
    /// Given up for lost before it came; dropped.
    Late,
    /// Far from the sequence; held until the next one tells.
    Suspect,
    /// The beginning of another sequence.
    Restarted,
    /// The second packet of another sequence, whose first was the suspect.
    RestartedBefore {
        /// The sequence number of the first.
        sequence: u16,
        /// Its bytes.
        len: usize,
    },
}

impl Sequence {
    pub(super) fn new(may_reorder: bool) -> Self {
        Self {
            may_reorder,
            next: None,
            history: 0,
            missing: 0,
            slots: Vec::new(),
            waiting: 0,
            deadline: None,
            suspect: None,
            ready: VecDeque::new(),
            lost: 0,
        }
    }

    pub(super) fn push(&mut self, now: Instant, packet: RtpPacket) -> Placed {
        let sequence = packet.sequence();
        let Some(next) = self.next else {
            self.deliver(packet);
            return Placed::Restarted;
        };
        let ahead = sequence.wrapping_sub(next);
        let behind = usize::from(next.wrapping_sub(sequence));
        if ahead == 0 {
            self.deliver(packet);
            if self.waiting > 0 {
                self.deliver_run();
                self.reset_deadline();
            }
        } else if ahead <= SEQUENCE_JUMP_MAX {
            return self.push_ahead(now, ahead, packet);
        } else if behind <= REORDER_PACKETS {
            let came = self.history.checked_shr((behind as u32).wrapping_sub(1)).unwrap_or(0) & 1 == 1;
            return if came { Placed::Duplicate } else { Placed::Late };
        } else if !self.may_reorder {
            self.restart();
            self.deliver(packet);
            return Placed::Restarted;
        } else {
            return self.push_suspect(packet);
        }
        Placed::Taken
    }

    /// Whether a packet is the one that is next, and none is before it: then it can be [passed](Self::pass).
    pub(super) fn is_next(&self, packet: &RtpPacket) -> bool {
        self.next == Some(packet.sequence()) && self.waiting == 0 && self.ready.is_empty()
    }

    /// Takes note of a packet that [is next](Self::is_next), and says how many are missing before it.
    pub(super) fn pass(&mut self, packet: &RtpPacket) -> u16 {
        self.advance_past(packet);
        std::mem::take(&mut self.missing)
    }

    /// Gives up the missing packets that were waited for long enough.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.deadline.is_some_and(|deadline| deadline <= now) {
            if let Some(first) = self.first_waiting() {
                self.advance_to(first);
                self.deliver_run();
            }
            self.reset_deadline();
        }
    }

    /// Hands out everything that waits, and begins anew with the next packet.
    pub(super) fn restart(&mut self) {
        while let Some(first) = self.first_waiting() {
            self.advance_to(first);
            self.deliver_run();
        }
        self.next = None;
        self.history = 0;
        self.missing = 0;
        self.deadline = None;
        self.suspect = None;
    }

    pub(super) fn poll(&mut self) -> Option<Received> {
        self.ready.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Takes a packet that others are missing before.
    fn push_ahead(&mut self, now: Instant, ahead: u16, packet: RtpPacket) -> Placed {
        let sequence = packet.sequence();
        if !self.may_reorder {
            self.advance_to(sequence);
            self.deliver(packet);
            return Placed::Taken;
        }
        if usize::from(ahead) >= REORDER_PACKETS {
            self.advance_to(sequence.wrapping_sub(REORDER_PACKETS as u16).wrapping_add(1));
            self.deliver_run();
            self.reset_deadline();
            if self.next == Some(sequence) {
                self.deliver(packet);
                return Placed::Taken;
            }
        }
        if self.slots.is_empty() {
            self.slots.resize_with(REORDER_PACKETS, || None);
        }
        let Some(slot) = slot(&mut self.slots, sequence) else { return Placed::Late };
        if slot.is_some() {
            return Placed::Duplicate;
        }
        *slot = Some((now, packet));
        self.waiting = self.waiting.saturating_add(1);
        self.deadline = self.deadline.or(Some(now + REORDER_DELAY));
        Placed::Taken
    }

    /// Takes a packet that is far from the sequence (RFC 3550, appendix A.1).
    fn push_suspect(&mut self, packet: RtpPacket) -> Placed {
        let sequence = packet.sequence();
        match self.suspect.take() {
            Some(first) if first.sequence().wrapping_add(1) == sequence => {
                self.restart();
                let placed = Placed::RestartedBefore { sequence: first.sequence(), len: first.len() };
                self.deliver(first);
                self.deliver(packet);
                placed
            }
            _ => {
                self.suspect = Some(packet);
                Placed::Suspect
            }
        }
    }

    /// Makes `packet` the last of the sequence.
    fn deliver(&mut self, packet: RtpPacket) {
        self.advance_past(&packet);
        let mut lost = std::mem::take(&mut self.missing);
        if self.ready.len() >= READY_PACKETS_MAX {
            self.lost = self.lost.saturating_add(1);
            let pushed_out = self.ready.pop_front().map_or(0, |oldest| oldest.lost).saturating_add(1);
            let oldest = self.ready.front_mut().map_or(&mut lost, |oldest| &mut oldest.lost);
            *oldest = oldest.saturating_add(pushed_out);
        }
        self.ready.push_back(Received { packet, lost });
    }

    fn advance_past(&mut self, packet: &RtpPacket) {
        self.next = Some(packet.sequence().wrapping_add(1));
        self.history = self.history << 1 | 1;
    }

    /// Delivers the packets that follow without a gap.
    fn deliver_run(&mut self) {
        while let Some(packet) = self.take_next() {
            self.deliver(packet);
        }
    }

    /// Delivers what is there before `target`, which is not behind, and gives up what is not.
    fn advance_to(&mut self, target: u16) {
        while self.waiting > 0 && self.next != Some(target) {
            match self.take_next() {
                Some(packet) => self.deliver(packet),
                None => self.give_up(1),
            }
        }
        self.give_up(target.wrapping_sub(self.next.unwrap_or(target)));
    }

    /// Takes the next packet out of the waiting ones.
    fn take_next(&mut self) -> Option<RtpPacket> {
        let next = self.next.filter(|_| self.waiting > 0)?;
        let (_, packet) = slot(&mut self.slots, next)?.take()?;
        self.waiting = self.waiting.saturating_sub(1);
        Some(packet)
    }

    fn give_up(&mut self, packets: u16) {
        self.next = self.next.map(|next| next.wrapping_add(packets));
        self.history = self.history.checked_shl(u32::from(packets)).unwrap_or(0);
        self.missing = self.missing.saturating_add(packets);
        self.lost = self.lost.saturating_add(u64::from(packets));
    }

    fn first_waiting(&mut self) -> Option<u16> {
        let next = self.next.filter(|_| self.waiting > 0)?;
        (0..REORDER_PACKETS as u16)
            .map(|ahead| next.wrapping_add(ahead))
            .find(|sequence| slot(&mut self.slots, *sequence).is_some_and(|slot| slot.is_some()))
    }

    /// Lets the wait for the first gap begin when the first packet behind it came.
    fn reset_deadline(&mut self) {
        self.deadline = match self.waiting {
            0 => None,
            _ => self.slots.iter().flatten().map(|(came, _)| *came + REORDER_DELAY).min(),
        };
    }
}

fn slot(
    slots: &mut [Option<(Instant, RtpPacket)>],
    sequence: u16,
) -> Option<&mut Option<(Instant, RtpPacket)>> {
    slots.get_mut(usize::from(sequence) % REORDER_PACKETS)
}
