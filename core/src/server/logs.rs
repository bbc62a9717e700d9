use std::collections::{BTreeMap, BTreeSet};

use super::ServerConfig;
use super::shares::Refused;
use crate::limits::{LOG_BYTES_LEAST, LOG_COST, SHARE_LEAST};
use crate::prefix::Origin;
use crate::subscription::LogId;

/// The origin of a stream's publisher, and `true` if many share its address.
pub(super) type Publisher = (Origin, bool);

/// How many bytes each log keeps.
///
/// All logs share one budget. Those of the application's own streams have up to three quarters of it, which depends on
/// nobody else. Those of publishers have what is left, and each address a part of that: with each doubling of its streams
/// beyond, its logs keep half. Where all addresses together would have more than there is, the part of each is halved, so
/// that those who have much give first.
#[derive(Debug)]
pub(super) struct Logs {
    /// Bytes that a log keeps if there is room, and that it keeps however many there are.
    most: usize,
    least: usize,
    budget: usize,
    /// One part in so many is what an address may have.
    parts: usize,
    /// Bytes that the logs of one address may hold together now.
    share: usize,
    /// Bytes that the logs of publishers may hold now, and how many there are.
    taken: usize,
    count: usize,
    own: Group,
    publishers: BTreeMap<Origin, Group>,
    of: BTreeMap<LogId, Option<Origin>>,
    changed: Vec<LogId>,
}

/// Logs of the same length: those of an address, or the application's own.
#[derive(Debug, Default)]
struct Group {
    streams: BTreeSet<LogId>,
    is_exempt: bool,
    /// Bytes that each of them keeps.
    bytes: usize,
}

impl Group {
    fn taken(&self) -> usize {
        cost_of(self.bytes).saturating_mul(self.streams.len())
    }
}

/// The bytes of memory that a log takes which keeps so many bytes of packets.
fn cost_of(bytes: usize) -> usize {
    bytes.saturating_add(LOG_COST)
}

impl Logs {
    pub(super) fn new(config: &ServerConfig, budget: usize) -> Self {
        let most = config.log.bytes_kept();
        let mut logs = Self {
            most,
            least: most.min(LOG_BYTES_LEAST),
            budget,
            parts: config.address_share.max(1),
            share: 0,
            taken: 0,
            count: 0,
            own: Group { bytes: most, ..Group::default() },
            publishers: BTreeMap::new(),
            of: BTreeMap::new(),
            changed: Vec::new(),
        };
        logs.share = logs.whole_share();
        logs
    }

    /// Bytes that the log of a stream keeps.
    pub(super) fn bytes_of(&self, stream: LogId) -> usize {
        let group = self.of.get(&stream).map(|origin| match origin {
            None => Some(&self.own),
            Some(origin) => self.publishers.get(origin),
        });
        group.flatten().map_or(self.most, |group| group.bytes)
    }

    /// The streams whose logs have become shorter or longer.
    pub(super) fn take_changed(&mut self) -> Vec<LogId> {
        std::mem::take(&mut self.changed)
    }

    /// Checks that an address may publish another stream.
    pub(super) fn check(&self, (origin, is_exempt): Publisher) -> Result<(), Refused> {
        let all = self.room().checked_div(cost_of(self.least)).unwrap_or(usize::MAX);
        if self.count >= all {
            return Err(Refused::Streams);
        }
        let own = self.publishers.get(&origin).map_or(0, |group| group.streams.len());
        let left = all.saturating_sub(self.count.saturating_sub(own));
        let share = left.checked_div(self.parts).unwrap_or(left).max(SHARE_LEAST);
        if own < share || is_exempt { Ok(()) } else { Err(Refused::StreamsOfAddress) }
    }

    /// Takes note of a stream, or that another publisher has it.
    pub(super) fn add(&mut self, stream: LogId, publisher: Option<Publisher>) {
        let origin = publisher.map(|(origin, _)| origin);
        if self.of.get(&stream) == Some(&origin) {
            return;
        }
        self.take_out(stream);
        self.of.insert(stream, origin);
        match publisher {
            None => {
                self.own.streams.insert(stream);
            }
            Some((origin, is_exempt)) => {
                let new = Group { bytes: self.most, is_exempt, ..Group::default() };
                self.publishers.entry(origin).or_insert(new).streams.insert(stream);
                self.count = self.count.saturating_add(1);
                // It counts with what the others have; the fit below counts it anew.
                self.taken = self.taken.saturating_add(cost_of(self.bytes_of(stream)));
            }
        }
        self.fit(origin);
        self.balance();
    }

    /// Takes note that a stream is gone.
    pub(super) fn remove(&mut self, stream: LogId) {
        self.take_out(stream);
        self.balance();
    }

    fn take_out(&mut self, stream: LogId) {
        let bytes = self.bytes_of(stream);
        let Some(origin) = self.of.remove(&stream) else { return };
        match origin {
            None => {
                self.own.streams.remove(&stream);
            }
            Some(origin) => {
                let Some(group) = self.publishers.get_mut(&origin) else { return };
                group.streams.remove(&stream);
                self.count = self.count.saturating_sub(1);
                self.taken = self.taken.saturating_sub(cost_of(bytes));
                if group.streams.is_empty() {
                    self.publishers.remove(&origin);
                }
            }
        }
        self.fit(origin);
    }

    /// Bytes that the logs of all publishers may hold together.
    fn room(&self) -> usize {
        self.budget.saturating_sub(self.own.taken())
    }

    fn own_room(&self) -> usize {
        self.budget.saturating_sub(self.budget / 4)
    }

    fn whole_share(&self) -> usize {
        let room = self.room();
        room.checked_div(self.parts).unwrap_or(room).max(cost_of(self.least))
    }

    /// Has the publishers together keep no more than there is room for, and lets them have more where there is plenty.
    fn balance(&mut self) {
        let (room, whole) = (self.room(), self.whole_share());
        if self.share > whole {
            self.set_share(whole);
        }
        let least = cost_of(self.least);
        while self.taken > room && self.share > least {
            self.set_share((self.share / 2).max(least));
        }
        // Twice the share is at most twice of what is taken, and there is room for some more then.
        while self.taken <= room / 3 && self.share < whole {
            self.set_share(self.share.saturating_mul(2).clamp(1, whole));
        }
    }

    fn set_share(&mut self, share: usize) {
        self.share = share;
        let all: Vec<Origin> = self.publishers.keys().copied().collect();
        all.into_iter().for_each(|origin| self.fit(Some(origin)));
    }

    /// Fits the logs of an address, or the application's own, into what they may have.
    ///
    /// They become shorter at once, and longer again only when there is more room than they need, so that one stream
    /// that comes and goes does not concern all the others each time.
    fn fit(&mut self, origin: Option<Origin>) {
        let (most, least, own_room) = (self.most, self.least, self.own_room());
        let (share, parts) = (self.share, self.parts);
        let group = match origin {
            None => &mut self.own,
            Some(origin) => match self.publishers.get_mut(&origin) {
                Some(group) => group,
                None => return,
            },
        };
        let room = match origin {
            None => own_room,
            Some(_) if group.is_exempt => share.saturating_mul(parts),
            Some(_) => share,
        };
        let fitting = |count: usize| {
            let mut bytes = most;
            while bytes > least && cost_of(bytes).saturating_mul(count) > room {
                bytes = (bytes / 2).max(least);
            }
            bytes
        };
        let count = group.streams.len();
        let mut bytes = fitting(count);
        if bytes > group.bytes {
            bytes = fitting(count.saturating_add(count / 2)).max(group.bytes);
        }
        if bytes == group.bytes {
            return;
        }
        let before = group.taken();
        group.bytes = bytes;
        let after = group.taken();
        self.changed.extend(group.streams.iter().copied());
        if origin.is_some() {
            self.taken = self.taken.saturating_sub(before).saturating_add(after);
        }
    }
}
