//! Packets on their way from owners to readers, and the rules that always hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Host, World};
use crate::cluster::Isolated;

/// Nodes that pull a path from the same node, at most.
const CHILDREN_MAX: usize = 16;

impl World {
    /// Never two owners of a path that both can feed readers. If isolated nodes serve, there are others without a lease, until they
    /// have reached the registry again.
    pub(super) fn check_owners(&self) {
        for path in 0..self.plan.paths {
            let name = &self.names[path];
            let owners = self.hosts.iter().filter(|host| host.runs(self.now) && host.node.owns(name));
            let is_isolated = |host: &&Host| self.plan.isolated == Isolated::Serve && host.is_held(name);
            let owners = owners.filter(|host| !is_isolated(host));
            let owners: Vec<_> = owners.map(|host| host.node.settings().name.clone()).collect();
            assert!(owners.len() <= 1, "{:?}: {name} has the owners {owners:?}", self.now);
        }
    }

    /// The nodes that have packets of a path: its owner, and those that pull from nodes that have some.
    fn shows(&self, path: &str) -> BTreeSet<String> {
        let now = self.now;
        let hosts = || self.hosts.iter().filter(|host| host.runs(now));
        let pulls = || {
            hosts().filter_map(|host| {
                let pull = host.pulls.get(path).filter(|pull| pull.at <= now)?;
                Some((host.node.settings().name.clone(), pull, pull.from.as_ref()?.node.clone()))
            })
        };
        let mut children: BTreeMap<String, usize> = BTreeMap::new();
        for (_, _, from) in pulls().filter(|(_, pull, _)| pull.is_live) {
            *children.entry(from).or_default() += 1;
        }
        let owner = hosts().find(|host| host.node.owns(path));
        let mut newest: BTreeSet<String> =
            owner.map(|host| host.node.settings().name.clone()).into_iter().collect();
        let mut shows = BTreeSet::new();
        while !newest.is_empty() {
            let mut next = BTreeSet::new();
            for (node, pull, from) in pulls().filter(|(_, _, from)| newest.contains(from)) {
                // A node refuses others that come in too great a number.
                let children = children.entry(from).or_default();
                if pull.is_live || *children < CHILDREN_MAX {
                    *children += usize::from(!pull.is_live);
                    next.insert(node);
                }
            }
            shows.append(&mut newest);
            newest = next.into_iter().filter(|node| !shows.contains(node)).collect();
        }
        shows
    }

    /// Packets flow along pulls; nodes that get none look for another parent.
    pub(super) fn flow(&mut self) {
        for path in 0..self.plan.paths {
            let name = self.names[path].clone();
            let shows = self.shows(&name);
            for (number, host) in self.hosts.iter_mut().enumerate() {
                if !host.reads.contains(&path) || !host.runs(self.now) {
                    self.dark.remove(&(number, path));
                    continue;
                }
                let is_lit = shows.contains(&host.node.settings().name);
                if is_lit {
                    self.dark.remove(&(number, path));
                } else {
                    self.dark.entry((number, path)).or_insert(self.now);
                }
                let clock = host.clock(self.now);
                let Some(pull) = host.pulls.get_mut(&name) else { continue };
                if pull.is_live != is_lit {
                    pull.is_live = is_lit;
                    host.node.set_live(&name, is_lit);
                    host.due = Duration::ZERO;
                }
                if !is_lit && pull.at + Duration::from_millis(500) <= self.now {
                    pull.at = self.now;
                    host.node.failed(clock, &name);
                    host.due = Duration::ZERO;
                }
            }
        }
    }
}
