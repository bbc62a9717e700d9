use std::collections::VecDeque;

use super::Received;
use crate::Instant;
use crate::limits::{
    READY_PACKETS_MAX, REORDER_DELAY, REORDER_PACKETS, SEQUENCE_JUMP_MAX, SOURCE_RESTART_PERIOD,
};
use crate::rtp::RtpPacket;

/// Puts the packets of one sequence into order, and finds missing packets and those that came twice.
#[derive(Debug)]
pub(super) struct Sequence {
    may_reorder: bool,
    /// The sequence number of the next packet to be handed out; `None` before the first.
    next: Option<u16>,
    /// The packets that came of the 64 before `next`; the lowest bit is the last.
    history: u64,
    /// Packets missing since the last that was handed out.
    missing: u16,
    /// Packets ahead of a gap, each at its sequence number modulo the length; empty until one is needed.
    slots: Vec<Option<(Instant, RtpPacket)>>,
    waiting: usize,
    /// The sequence number behind the highest of those that wait.
    end: u16,
    deadline: Option<Instant>,
    /// A packet far from the sequence, and where that stood: if the one that follows comes too, and none of the sequence
    /// between, the sequence goes on there.
    suspect: Option<(RtpPacket, u16)>,
    /// Where the sequence stood before it went on elsewhere; it may come back to that.
    left: Option<Left>,
    /// When it last began anew.
    restarted: Option<Instant>,
    /// When it last came back: the place where it had gone on was not its own.
    returned: Option<Instant>,
    ready: VecDeque<Received>,
    lost: u64,
}

/// A place that a sequence has gone on from, while its own packets may go on there.
#[derive(Debug)]
struct Left {
    next: u16,
    at: Instant,
    /// The last packet from there: with the one that follows it leads back.
    suspect: Option<RtpPacket>,
}

impl Left {
    /// Returns true for a packet that may be the next of the sequence that was left, or is not far ahead of it.
    fn is_of(&self, packet: &RtpPacket) -> bool {
        packet.sequence().wrapping_sub(self.next) <= SEQUENCE_JUMP_MAX
    }

    /// The packet right before this one, if both come from what was left and that goes on for longer than packets may be
    /// late.
    fn lead_back(&mut self, now: Instant, packet: &RtpPacket) -> Option<RtpPacket> {
        if !self.is_of(packet) {
            return None;
        }
        let first = self.suspect.replace(packet.clone())?;
        let is_next = first.sequence().wrapping_add(1) == packet.sequence();
        (is_next && now >= self.at + REORDER_DELAY).then_some(first)
    }
}

/// The fate of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Placed {
    /// It belongs to the sequence, and is handed out or waits for those before it.
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
    /// The second packet behind a large gap in the same sequence, whose first was the suspect.
    JumpedBefore {
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
            end: 0,
            deadline: None,
            suspect: None,
            left: None,
            restarted: None,
            returned: None,
            ready: VecDeque::new(),
            lost: 0,
        }
    }

    /// Takes all up to this sequence number as handed out.
    pub(super) fn go_on_behind(&mut self, sequence: u16) {
        self.next = Some(sequence.wrapping_add(1));
        self.history = u64::MAX;
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
        } else if self.is_near(sequence, ahead) {
            return self.push_ahead(now, ahead, packet);
        } else if behind <= REORDER_PACKETS {
            let came = self.history.checked_shr((behind as u32).wrapping_sub(1)).unwrap_or(0) & 1 == 1;
            return if came { Placed::Duplicate } else { Placed::Late };
        } else if !self.may_reorder {
            self.restart();
            self.deliver(packet);
            return Placed::Restarted;
        } else {
            return self.push_suspect(now, packet, next);
        }
        Placed::Taken
    }

    /// Returns `true` if a packet is the next one, and none is before it: then it can be [passed](Self::pass).
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
        self.suspect = None;
        if self.waiting == 0 || (sequence.wrapping_sub(self.end) as i16) >= 0 {
            self.end = sequence.wrapping_add(1);
        }
        self.waiting = self.waiting.saturating_add(1);
        self.deadline = self.deadline.or(Some(now + REORDER_DELAY));
        Placed::Taken
    }

    /// Returns `true` if a packet ahead is of the sequence beyond doubt: over UDP, when it is within the window of the
    /// highest.
    fn is_near(&self, sequence: u16, ahead: u16) -> bool {
        let end = if self.waiting > 0 { self.end } else { sequence.wrapping_sub(ahead) };
        let beyond = sequence.wrapping_sub(end);
        ahead <= SEQUENCE_JUMP_MAX
            && (!self.may_reorder
                || usize::from(ahead) < REORDER_PACKETS
                || usize::from(beyond) < REORDER_PACKETS)
    }

    /// Takes a packet that is far from the sequence, which stands at `next` (RFC 3550, appendix A.1).
    ///
    /// A source that began anew, or whose packets were lost in a row, sends none of the old sequence any more; a forger does
    /// not keep the true one from going on. So a sequence that goes on elsewhere comes back if the one it has left goes on as
    /// well, and does not leave again for a while. How often it begins anew is bounded, too.
    fn push_suspect(&mut self, now: Instant, packet: RtpPacket, next: u16) -> Placed {
        let sequence = packet.sequence();
        let is_next = |(first, stood): &(RtpPacket, u16)| {
            first.sequence().wrapping_add(1) == sequence && *stood == next
        };
        let led_back = self.left.as_mut().and_then(|left| left.lead_back(now, &packet));
        let followed = self.suspect.take_if(|suspect| is_next(suspect)).map(|(first, _)| first);
        let Some(first) = led_back.or(followed) else {
            self.suspect = Some((packet, next));
            return Placed::Suspect;
        };
        let (start, len) = (first.sequence(), first.len());
        let is_back = self.left.as_ref().is_some_and(|left| left.is_of(&first));
        let is_jump = start.wrapping_sub(next) <= SEQUENCE_JUMP_MAX;
        if !is_back && self.is_too_soon(now, is_jump) {
            self.suspect = Some((packet, next));
            return Placed::Suspect;
        }
        if is_back {
            self.left = None;
            if !is_jump {
                self.returned = Some(now);
            }
        } else {
            self.left = Some(Left { next, at: now, suspect: None });
        }
        let placed = if is_jump {
            self.advance_to(start);
            Placed::JumpedBefore { sequence: start, len }
        } else {
            self.restart();
            if !is_back {
                self.restarted = Some(now);
            }
            Placed::RestartedBefore { sequence: start, len }
        };
        self.reset_deadline();
        self.deliver(first);
        self.deliver(packet);
        placed
    }

    /// Returns true if the sequence has gone on elsewhere not long ago, so that it does not do so again.
    fn is_too_soon(&self, now: Instant, is_jump: bool) -> bool {
        let restarted = self.restarted.filter(|_| !is_jump);
        let left = self.left.as_ref().map(|left| left.at);
        let mut times = [restarted, left, self.returned].into_iter().flatten();
        times.any(|at| now < at + SOURCE_RESTART_PERIOD)
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
