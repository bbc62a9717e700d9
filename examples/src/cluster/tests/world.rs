//! The simulated world.

mod flow;
mod host;
mod registry;
mod trouble;

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Isolated;
use host::Host;
use registry::Registry;
use trouble::Choices;

const TICK: Duration = Duration::from_millis(50);
/// How long trouble lasts in each round, and the calm after it.
const TROUBLE: Duration = Duration::from_secs(50);
const CALM: Duration = Duration::from_secs(50);
/// When the trouble is over, every reader sees its path after so long: a lease, a publisher that is refused and comes again, views.
const BOUND: Duration = Duration::from_secs(20);
/// How long a publisher waits until the node has the path.
const PATIENCE: Duration = Duration::from_secs(9);

#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) nodes: usize,
    pub(super) paths: usize,
    pub(super) rounds: u32,
    /// The last paths are those of cameras that a quarter of the nodes have.
    pub(super) cameras: usize,
    pub(super) isolated: Isolated,
}

impl Plan {
    pub(super) fn new(nodes: usize, paths: usize, rounds: u32) -> Self {
        Self { nodes, paths, rounds, cameras: 0, isolated: Isolated::Stop }
    }

    fn is_camera(&self, path: usize) -> bool {
        path + self.cameras >= self.paths
    }

    fn has_camera(&self, number: usize, path: usize) -> bool {
        self.is_camera(path) && number % 4 == path % 4
    }
}

/// A publisher of a path, which comes to some node, and to another one if it is refused.
struct Publisher {
    at: Option<usize>,
    /// When it comes, or gives up waiting.
    until: Duration,
}

pub(super) struct World {
    choices: Choices,
    plan: Plan,
    now: Duration,
    registry: Registry,
    /// The registry is away until then.
    away: Duration,
    hosts: Vec<Host>,
    publishers: Vec<Publisher>,
    lives: u64,
    names: Vec<String>,
    dark: BTreeMap<(usize, usize), Duration>,
    pub(super) deepest: u8,
    pub(super) crashes: usize,
    pub(super) moves: usize,
    /// Ticks of nodes that feed a path which they have no claim to.
    pub(super) held: usize,
    hash: u64,
}

impl World {
    pub(super) fn new(seed: u64, plan: Plan) -> Self {
        let mut choices = Choices(seed);
        let mut hosts: Vec<_> =
            (0..plan.nodes).map(|n| Host::new(n, n as u64 + 1, Duration::ZERO, &mut choices, plan)).collect();
        for (number, host) in hosts.iter_mut().enumerate() {
            // The first path is read everywhere, so that its tree is deep.
            host.reads = [0, number % plan.paths].into();
        }
        let publishers = (0..plan.paths).map(|_| Publisher { at: None, until: Duration::ZERO }).collect();
        let lives = plan.nodes as u64;
        Self {
            choices,
            plan,
            now: Duration::ZERO,
            registry: Registry::default(),
            away: Duration::ZERO,
            hosts,
            publishers,
            lives,
            names: (0..plan.paths).map(|path| format!("cam{path}")).collect(),
            dark: BTreeMap::new(),
            deepest: 0,
            crashes: 0,
            moves: 0,
            held: 0,
            hash: 0,
        }
    }

    pub(super) fn history(&self) -> u64 {
        self.hash
    }

    pub(super) fn run(mut self) -> Self {
        for round in 0..self.plan.rounds {
            let calm_at = self.now + TROUBLE;
            while self.now < calm_at {
                self.trouble(calm_at);
                self.tick();
            }
            let end = self.now + CALM;
            while self.now < end {
                self.tick();
                if self.now > calm_at + BOUND {
                    let is_held = |host: &Host| self.names.iter().any(|name| host.is_held(name));
                    assert!(!self.hosts.iter().any(is_held), "round {round}, {:?}: held", self.now);
                    let dark = self.dark.iter().next();
                    assert!(dark.is_none(), "round {round}, {:?}: dark {dark:?}", self.now);
                }
            }
        }
        self
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.registry.expire(self.now);
        for path in (0..self.plan.paths).filter(|path| !self.plan.is_camera(*path)).collect::<Vec<_>>() {
            self.publish(path);
        }
        for number in 0..self.hosts.len() {
            let host = &self.hosts[number];
            if host.runs(self.now) && host.due <= self.now {
                self.step(number);
            }
        }
        self.check_owners();
        let held = |host: &&Host| self.names.iter().any(|name| host.is_held(name));
        self.held += self.hosts.iter().filter(held).count();
        if self.now.as_millis().is_multiple_of(250) {
            self.flow();
        }
    }

    fn publish(&mut self, path: usize) {
        let Publisher { at, until } = self.publishers[path];
        let name = &self.names[path];
        match at {
            None if until <= self.now => {
                let number = self.choices.below(self.plan.nodes);
                if self.hosts[number].runs(self.now) {
                    self.hosts[number].node.want(name);
                    self.hosts[number].due = Duration::ZERO;
                    self.publishers[path] = Publisher { at: Some(number), until: self.now + PATIENCE };
                }
            }
            Some(number) if self.hosts[number].node.owns(name) => {
                self.publishers[path].until = Duration::MAX;
            }
            Some(_) if until <= self.now => self.leave(path),
            _ => {}
        }
    }
}
