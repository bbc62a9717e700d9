//! The machine of a node, and its steps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::registry::Asked;
use super::{Choices, Plan, TICK, World};
use crate::cluster::{Node, NodeSettings, Output, Parent};

pub(super) struct Pull {
    pub(super) from: Option<Parent>,
    /// When it is tried, or failed.
    pub(super) at: Duration,
    pub(super) is_live: bool,
}

pub(super) struct Host {
    pub(super) node: Node,
    /// Its clock: how much faster than the truth, in millionths, and where it began.
    pub(super) speed: i64,
    pub(super) began: Duration,
    pub(super) asked: Option<Asked>,
    /// It is frozen until then.
    pub(super) frozen: Duration,
    /// It is down until then.
    pub(super) down: Duration,
    /// It does not reach the registry until then.
    pub(super) cut: Duration,
    /// Nothing is to be done before.
    pub(super) due: Duration,
    pub(super) reads: BTreeSet<usize>,
    pub(super) pulls: BTreeMap<String, Pull>,
}

impl Host {
    pub(super) fn new(number: usize, life: u64, began: Duration, choices: &mut Choices, plan: Plan) -> Self {
        let mut settings = NodeSettings::new(format!("n{number:03}"), format!("rtsp://n{number}:8554"));
        settings.isolated = plan.isolated;
        Self {
            node: Node::new(settings, life << 32),
            speed: choices.below(40_000) as i64 - 20_000,
            began,
            asked: None,
            frozen: Duration::ZERO,
            down: Duration::ZERO,
            cut: Duration::ZERO,
            due: Duration::ZERO,
            reads: BTreeSet::new(),
            pulls: BTreeMap::new(),
        }
    }

    pub(super) fn clock(&self, now: Duration) -> Duration {
        let passed = (now - self.began).as_micros() as i64;
        Duration::from_micros((passed + passed * self.speed / 1_000_000) as u64)
    }

    /// How long nothing is to be done: as long as a late tick does not count, of a clock that runs at another speed.
    fn rest(&self, clock: Duration) -> Duration {
        if self.asked.is_some() {
            return Duration::ZERO;
        }
        self.node.poll_timeout().map_or(Duration::MAX, |at| at.saturating_sub(clock))
    }

    /// It feeds a path that it has no claim to.
    pub(super) fn is_held(&self, path: &str) -> bool {
        self.node.wants.get(path).is_some_and(|want| want.is_held)
    }

    pub(super) fn runs(&self, now: Duration) -> bool {
        self.down <= now && self.frozen <= now
    }
}

impl World {
    pub(super) fn step(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        let clock = host.clock(self.now);
        host.node.handle_timeout(clock);
        for path in (0..self.plan.paths).filter(|path| self.plan.has_camera(number, *path)) {
            host.node.want(&self.names[path]);
        }
        for path in &host.reads {
            let name = &self.names[*path];
            if host.node.owns(name) {
                host.node.unfollow(name);
                host.pulls.remove(name);
            } else {
                host.node.follow(clock, name);
            }
        }
        let reaches = host.cut <= self.now && self.away <= self.now;
        if let Some(asked) = &mut host.asked {
            if asked.arrives <= self.now && asked.answer.is_none() && reaches {
                asked.answer = Some(self.registry.ask(self.now, &asked.request));
            }
            if asked.ends <= self.now {
                let answer = host.asked.take().and_then(|asked| asked.answer);
                // An answer is lost on its way back.
                let answer = answer.filter(|_| reaches && !self.choices.once_in(200));
                host.node.handle_answer(clock, answer);
            }
        }
        if host.asked.is_none()
            && let Some(request) = host.node.poll_request(clock)
        {
            let arrives = self.now + self.choices.millis(0, 100);
            let ends = if reaches { arrives + self.choices.millis(1, 200) } else { self.now + TICK * 20 };
            host.asked = Some(Asked { request, arrives, answer: None, ends });
        }
        host.due = self.now + host.rest(clock);
        while let Some(output) = self.hosts[number].node.poll_output() {
            self.hash = self.hash.wrapping_mul(31).wrapping_add(format!("{number}{output:?}").len() as u64)
                ^ self.now.as_millis() as u64;
            match output {
                Output::Lost { path } => {
                    let path: usize = path.trim_start_matches("cam").parse().unwrap();
                    if !self.plan.is_camera(path) {
                        assert_eq!(self.publishers[path].at, Some(number));
                        self.leave(path);
                    }
                }
                Output::Pull { path, from } => {
                    self.deepest = self.deepest.max(from.as_ref().map_or(0, |from| from.depth));
                    let at = self.now + Duration::from_millis(100);
                    self.hosts[number].pulls.insert(path, Pull { from, at, is_live: false });
                }
                Output::Owned { .. } | Output::Taken { .. } => {}
            }
        }
    }
}
