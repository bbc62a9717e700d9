//! The connections that there are, and which of them makes room for another one.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;

use rtspan_core::IpPrefix;
use smol::Task;

use super::CONNECTIONS_MAX;

/// The addresses that a connection comes from, as an extension of its requests: one of IPv4, or the /64 of IPv6 that a single host
/// chooses its addresses from.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Origin(IpAddr);

/// The bits of an IPv6 address that a host does not choose.
const NETWORK_BITS: u8 = 64;

impl From<IpAddr> for Origin {
    fn from(addr: IpAddr) -> Self {
        let addr = addr.to_canonical();
        let bits = if addr.is_ipv4() { u8::MAX } else { NETWORK_BITS };
        Self(IpPrefix::new(addr, bits).first())
    }
}

/// The connections, the oldest first.
#[derive(Default)]
pub(super) struct Connections(VecDeque<Connection>);

pub(super) struct Connection {
    pub(super) origin: Origin,
    /// It has asked for something.
    pub(super) has_asked: Rc<Cell<bool>>,
    /// It ends when this is dropped.
    pub(super) task: Task<()>,
}

impl Connections {
    /// Takes another one. If there are too many, one of the origin that has the most makes room: the oldest that has asked for
    /// nothing yet, or else the oldest.
    pub(super) fn add(&mut self, connection: Connection) {
        self.0.retain(|connection| !connection.task.is_finished());
        if self.0.len() >= CONNECTIONS_MAX {
            let mut counts = BTreeMap::from([(connection.origin, 1_usize)]);
            self.0.iter().for_each(|connection| *counts.entry(connection.origin).or_default() += 1);
            let most = counts.values().copied().max();
            let has_most = |connection: &Connection| counts.get(&connection.origin).copied() == most;
            let idle = self.0.iter().position(|one| has_most(one) && !one.has_asked.get());
            let leaves = idle.or_else(|| self.0.iter().position(has_most));
            self.0.remove(leaves.unwrap_or_default());
        }
        self.0.push_back(connection);
    }

    /// Waits until all have ended.
    pub(super) async fn end(self) {
        for connection in self.0 {
            connection.task.await;
        }
    }
}
