//! The state of each source (SSRC): its rollover counter, and which packets have passed.

use crate::limits::{SRTP_FAILURES_BEFORE_SEARCH, SRTP_ROLLOVERS_SEARCHED, SRTP_SOURCES_MAX};

/// The highest index of RTP: a rollover counter of 32 bits and a sequence number of 16.
const INDEX_MAX: u64 = (1 << 48) - 1;
const ROLLOVER: u64 = 1 << 16;
/// The middle of the sequence numbers.
const HALF: u16 = 1 << 15;

/// Which indices have passed (RFC 3711, section 3.3.2): the highest, and those right below it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReplayWindow {
    highest: Option<u64>,
    /// The lowest bit is for the highest index.
    seen: u128,
}

impl ReplayWindow {
    /// Returns `true` if the packet with this index has not passed, for all that is known.
    pub(super) fn is_new(&self, index: u64) -> bool {
        let Some(highest) = self.highest else { return true };
        match highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < u128::BITS.into() && self.seen >> behind & 1 == 0,
        }
    }

    /// Remembers that the packet with this index has passed.
    pub(super) fn pass(&mut self, index: u64) {
        let highest = *self.highest.get_or_insert(index);
        match index.checked_sub(highest) {
            Some(ahead) => {
                let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = Some(index);
            }
            None => {
                let behind = u32::try_from(highest.saturating_sub(index)).unwrap_or(u32::MAX);
                self.seen |= 1_u128.checked_shl(behind).unwrap_or(0);
            }
        }
    }
}

/// A source that packets come from, or go out as.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Source {
    ssrc: u32,
    /// The rollover counter as it was told, for a source of which nothing has passed yet, or that is ahead of what has.
    told: u32,
    pub(super) rtp: ReplayWindow,
    pub(super) rtcp: ReplayWindow,
    /// Packets in a row that were not authentic.
    failures: u16,
}

impl Source {
    pub(super) fn new(ssrc: u32) -> Self {
        Self { ssrc, ..Self::default() }
    }

    /// The rollover counter of the packet with the highest index, or the one that was told.
    pub(super) fn roc(&self) -> u32 {
        self.rtp.highest.map_or(self.told, |highest| (highest >> 16) as u32)
    }

    pub(super) fn tell_roc(&mut self, roc: u32) {
        self.told = roc;
    }

    /// The index of a packet, by its sequence number and those before (RFC 3711, section 3.3.1 and appendix A).
    ///
    /// `None` if the counter would roll over: the key has ended.
    pub(super) fn index_of(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.rtp.highest else { return Some(index(self.told, sequence)) };
        let (roc, last) = ((highest >> 16) as u32, highest as u16);
        let roc = if last < HALF {
            if sequence.saturating_sub(last) > HALF { roc.saturating_sub(1) } else { roc }
        } else if last.wrapping_sub(HALF) > sequence {
            roc.checked_add(1)?
        } else {
            roc
        };
        Some(index(roc, sequence))
    }

    /// Another index that the packet may have, when that of [`index_of`](Self::index_of) turns out not to be its own.
    ///
    /// The sequence may have rolled over between the moment of which a rollover counter was told and the first packet: the
    /// packet is then later, or earlier where a server begins with a keyframe that it has sent before. And a peer that was
    /// not heard for long may have rolled over more than once: a later counter is tried with each packet then, so that the
    /// two find together again.
    pub(super) fn second_guess(&self, sequence: u16) -> Option<u64> {
        let estimate = self.index_of(sequence)?;
        let guess = match self.rtp.highest {
            None if sequence >= HALF && self.told > 0 => estimate.checked_sub(ROLLOVER)?,
            None => estimate.checked_add(ROLLOVER)?,
            Some(_) if self.told > self.roc() => index(self.told, sequence),
            Some(_) if self.failures >= SRTP_FAILURES_BEFORE_SEARCH => {
                let rollovers = u64::from(self.failures % SRTP_ROLLOVERS_SEARCHED).saturating_add(1);
                estimate.checked_add(rollovers.checked_mul(ROLLOVER)?)?
            }
            Some(_) => return None,
        };
        (guess <= INDEX_MAX).then_some(guess)
    }

    /// Remembers a packet of RTP that has passed.
    pub(super) fn pass(&mut self, index: u64) {
        self.rtp.pass(index);
        self.failures = 0;
    }

    /// Counts a packet that was not authentic.
    pub(super) fn fail(&mut self) {
        // It goes round within the numbers that search.
        let next = self.failures.checked_add(1).unwrap_or(SRTP_FAILURES_BEFORE_SEARCH);
        self.failures = next;
    }
}

fn index(roc: u32, sequence: u16) -> u64 {
    u64::from(roc) << 16 | u64::from(sequence)
}

/// The sources of one context. There are one or two, nearly always.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// The source, or `fresh` if it is a new one that there is room for.
    pub(super) fn get_or<'a>(&'a self, ssrc: u32, fresh: &'a Source) -> Option<&'a Source> {
        let known = self.0.iter().find(|source| source.ssrc == ssrc);
        known.or_else(|| self.has_room().then_some(fresh))
    }

    pub(super) fn get_mut(&mut self, ssrc: u32) -> Option<&mut Source> {
        self.0.iter_mut().find(|source| source.ssrc == ssrc)
    }

    /// The source, also a new one; `None` if there are too many.
    pub(super) fn get_or_insert(&mut self, ssrc: u32) -> Option<&mut Source> {
        let at = match self.0.iter().position(|source| source.ssrc == ssrc) {
            Some(at) => at,
            None if self.has_room() => {
                self.0.push(Source::new(ssrc));
                self.0.len().saturating_sub(1)
            }
            None => return None,
        };
        self.0.get_mut(at)
    }

    fn has_room(&self) -> bool {
        self.0.len() < SRTP_SOURCES_MAX
    }

    /// The rollover counter of each source.
    pub(super) fn rocs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().map(|source| (source.ssrc, source.roc()))
    }
}

#[cfg(test)]
mod tests;
