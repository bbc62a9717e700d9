use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::Server;
use super::output::MediaTransport;
use super::session::{Reading, State};
use crate::limits::{PROOF_LASTS, UNPROVEN_PERIOD, UNPROVEN_SESSIONS};
use crate::prefix::Origin;
use crate::udp::{Trust, UdpOrder};
use crate::{Instant, SessionId};

/// A budget of bytes that time fills up again: all of it within [`UNPROVEN_PERIOD`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    most: usize,
    left: usize,
    at: Instant,
}

impl Budget {
    fn full(now: Instant, most: usize) -> Self {
        Self { most, left: most, at: now }
    }

    fn left(&mut self, now: Instant) -> usize {
        self.left = self.left.saturating_add(earned(self.most, now - self.at)).min(self.most);
        self.at = now;
        self.left
    }

    fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    fn give_back(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes).min(self.most);
    }

    fn is_full(&self, now: Instant) -> bool {
        self.left.saturating_add(earned(self.most, now - self.at)) >= self.most
    }
}

/// The bytes that each address may still be sent at ports that nothing has come from.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    all: BTreeMap<Origin, Budget>,
    /// With so many, those that are full again are forgotten.
    sweeps_at: usize,
}

impl Budgets {
    /// Takes up to `wanted` for an address: as much as leaves something for its other sessions.
    fn take(&mut self, now: Instant, ip: IpAddr, most: usize, wanted: usize) -> usize {
        let origin = Origin::from(ip);
        if self.all.len() >= self.sweeps_at && !self.all.contains_key(&origin) {
            self.all.retain(|_, budget| !budget.is_full(now));
            self.sweeps_at = self.all.len().saturating_mul(2).max(SWEEPS_AT_MIN);
        }
        let budget = self.all.entry(origin).or_insert_with(|| Budget::full(now, most));
        let granted = wanted.min(budget.left(now) / UNPROVEN_SESSIONS);
        budget.take(granted);
        granted
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn give_back(&mut self, ip: IpAddr, bytes: usize) {
        if let Some(budget) = self.all.get_mut(&Origin::from(ip)) {
            budget.give_back(bytes);
        }
    }
}

/// Up to this number of budgets, none is swept.
const SWEEPS_AT_MIN: usize = 64;

/// The bytes that a budget gains in so long.
fn earned(most: usize, elapsed: Duration) -> usize {
    let share = elapsed.min(UNPROVEN_PERIOD).as_nanos().saturating_mul(most as u128);
    share
        .checked_div(UNPROVEN_PERIOD.as_nanos())
        .and_then(|share| usize::try_from(share).ok())
        .unwrap_or(most)
}

/// The bytes that a session may be sent over UDP, while no datagram shows that its client is at the ports it named.
///
/// Its requests prove who asks, but not that the asker is at these ports: they may be those of a neighbour behind the
/// same NAT. So a request grants bytes, and only a datagram proves. Neither PAUSE nor a flood of requests grants more than
/// time does.
#[derive(Debug, Default)]
pub(super) struct Credit {
    /// When a datagram came from one of its ports.
    heard: Option<Instant>,
    /// Nothing limits what it is sent.
    is_proven: bool,
    /// Up to when what time earns was granted.
    since: Option<Instant>,
    /// Bytes that it was granted and has not shown that it wants.
    granted: usize,
}

impl Server {
    /// The trust in a session that begins to play.
    pub(super) fn trust(&mut self, now: Instant, id: SessionId) -> Trust {
        let most = self.config.unproven_bytes_max;
        let Some(session) = self.sessions.get_mut(id) else { return Trust::unproven(0, most) };
        if session.transport() != Some(MediaTransport::Udp) {
            return Trust::Proven;
        }
        let credit = &mut session.credit;
        credit.is_proven = credit.heard.is_some_and(|heard| now < heard + PROOF_LASTS);
        if credit.is_proven { Trust::Proven } else { Trust::unproven(self.grant(now, id), most) }
    }

    /// A request came in a session: while it plays over UDP and has proven nothing, it is granted more.
    pub(super) fn ask_again(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get(id).filter(|session| !session.credit.is_proven) else { return };
        if let (State::Play(Reading { stream, .. }), Some(MediaTransport::Udp)) =
            (&session.state, session.transport())
        {
            let stream = *stream;
            let bytes = self.grant(now, id);
            if bytes > 0 {
                self.order_udp(id, UdpOrder::Credit(stream, id, bytes));
            }
        }
    }

    /// A datagram came from a port of a session that reads over UDP.
    pub(super) fn heard(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.transport() != Some(MediaTransport::Udp) || session.read_stream().is_none() {
            return;
        }
        session.credit.heard = Some(now);
        session.credit.is_proven = true;
        let (granted, ip) = (std::mem::take(&mut session.credit.granted), session.peer.ip());
        self.unproven.give_back(ip, granted);
    }

    /// Grants a session the bytes that time has earned since it was last granted some: at most half of what its address
    /// has left, so that each of many gets a part.
    fn grant(&mut self, now: Instant, id: SessionId) -> usize {
        let most = self.config.unproven_bytes_max;
        let Some(session) = self.sessions.get_mut(id) else { return 0 };
        let credit = &mut session.credit;
        let earned = credit.since.map_or(most, |since| earned(most, now - since));
        if earned == 0 {
            return 0;
        }
        let bytes = if self.config.shared_addresses.iter().any(|prefix| prefix.contains(session.peer.ip())) {
            earned
        } else {
            let whole = most.saturating_mul(UNPROVEN_SESSIONS);
            self.unproven.take(now, session.peer.ip(), whole, earned)
        };
        credit.since = Some(now);
        credit.granted = credit.granted.saturating_add(bytes);
        bytes
    }
}
