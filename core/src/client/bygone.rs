//! Packets that were sent before PLAY and come behind it, as they may over UDP.

use std::collections::VecDeque;

use crate::Instant;
use crate::limits::{BYGONE_PACKETS_MAX, BYGONE_WAIT, SEQUENCE_JUMP_MAX};
use crate::rtp::RtpPacket;

/// The sources that have played before, whose packets may be from before PLAY.
///
/// RTP-Info in the answer tells them from the others by their sequence numbers. Until it comes they are held; those of
/// another source are not. Where several live it is of one of them, and nothing says of which: then all are handed out.
#[derive(Debug)]
pub(super) struct Bygone {
    /// Their SSRCs, and the highest sequence number that has come of each: the newest in front.
    sources: Vec<(u32, u16)>,
    /// No other than the newest lives.
    is_one: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// PLAY is not answered.
    Asked(VecDeque<(Instant, RtpPacket)>),
    /// The packets that are played begin with this sequence number. After that moment no earlier packet comes.
    Told { first: u16, until: Instant },
}

impl Bygone {
    pub(super) fn new(sources: Vec<(u32, u16)>, is_one: bool) -> Self {
        Self { sources, is_one, stage: Stage::Asked(VecDeque::new()) }
    }

    /// The same for another PLAY.
    pub(super) fn again(self) -> Self {
        Self::new(self.sources, self.is_one)
    }

    /// Returns true if nothing of it comes any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Told { until, .. } if until <= now)
    }

    /// Takes a packet: gives it back if it is not held, and says how many are left out.
    pub(super) fn take(&mut self, now: Instant, packet: RtpPacket) -> (Option<RtpPacket>, u64) {
        let Some(&(_, last)) = self.sources.iter().find(|(ssrc, _)| *ssrc == packet.ssrc()) else {
            return (Some(packet), 0);
        };
        match &mut self.stage {
            Stage::Asked(held) => {
                let is_full = held.len() >= BYGONE_PACKETS_MAX;
                if is_full {
                    held.pop_front();
                }
                held.push_back((now, packet));
                (None, is_full.into())
            }
            Stage::Told { first, .. } if is_before(packet.sequence(), *first, last) => (None, 1),
            Stage::Told { .. } => (Some(packet), 0),
        }
    }

    /// Takes note of the first sequence number by RTP-Info: the packets that were held and are not from before it, in order and
    /// when each has come, and how many are left out. `None` if it may be of one of several sources.
    pub(super) fn tell(&mut self, now: Instant, first: u16) -> Option<(Vec<(Instant, RtpPacket)>, u64)> {
        let &(ssrc, last) = self.sources.first().filter(|_| self.is_one)?;
        let Stage::Asked(held) = &mut self.stage else { return None };
        if held.iter().any(|(_, packet)| packet.ssrc() != ssrc) {
            return None;
        }
        let mut held = Vec::from(std::mem::take(held));
        self.sources.truncate(1);
        self.stage = Stage::Told { first, until: now + BYGONE_WAIT };
        let all = held.len();
        held.retain(|(_, packet)| !is_before(packet.sequence(), first, last));
        held.sort_by_key(|(_, packet)| packet.sequence().wrapping_sub(first));
        let left_out = all.saturating_sub(held.len());
        Some((held, left_out as u64))
    }

    /// The packets that were held, where nothing tells.
    pub(super) fn into_held(self) -> Vec<(Instant, RtpPacket)> {
        match self.stage {
            Stage::Asked(held) => held.into(),
            Stage::Told { .. } => Vec::new(),
        }
    }
}

/// Returns true for a packet from before `first`, where `last` was the highest that came then.
///
/// Where the sequence goes on, or repeats something, all in front of the first are. Where it goes on elsewhere, those are that
/// are nearer to the last.
fn is_before(sequence: u16, first: u16, last: u16) -> bool {
    let apart = |one: u16, other: u16| (one.wrapping_sub(other) as i16).unsigned_abs();
    if apart(first, last) <= SEQUENCE_JUMP_MAX {
        return (first.wrapping_sub(sequence) as i16) > 0 && apart(first, sequence) <= 2 * SEQUENCE_JUMP_MAX;
    }
    apart(sequence, last) <= SEQUENCE_JUMP_MAX && apart(sequence, last) < apart(sequence, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_from_before_are_told_apart_wherever_the_sequence_goes_on() {
        for (last, first, before, behind) in [
            (100, 101, &[100, 99, 65_000][..], &[101, 102, 4000][..]),
            (100, 160, &[100, 101, 159], &[160, 161]),
            (65_535, 0, &[65_535, 65_000], &[0, 1]),
            (65_530, 20, &[65_535, 5, 19], &[20]),
            // As cameras say that tell what was last.
            (100, 97, &[96], &[97, 100, 101]),
            (100, 30_000, &[99, 101, 3000], &[30_000, 30_500, 29_990, 4000]),
            (30_000, 100, &[29_999, 30_001], &[100, 99, 500]),
        ] {
            let is_before = |sequence: &&u16| is_before(**sequence, first, last);
            assert!(before.iter().all(|sequence| is_before(&sequence)), "{last} {first} {before:?}");
            assert!(!behind.iter().any(|sequence| is_before(&sequence)), "{last} {first} {behind:?}");
        }
    }
}
