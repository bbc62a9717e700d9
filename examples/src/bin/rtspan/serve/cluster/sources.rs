//! Sources of paths that the cluster shares: cameras, looped films, the clip. Of all nodes that have one for a path, one feeds it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtspan_examples::cluster::{Node, Parent};
use rtspan_std::Event;
use rtspan_std::runtime::Runtime;
use serde_json::json;
use smol::channel::{Receiver, Sender, bounded};

use super::{Cluster, Rest};
use crate::serve::config::{PathPlan, Settings, Source};
use crate::serve::sources::{AGAIN, AGAIN_MAX};
use crate::serve::station::{Station, Waiting};

/// A node that refuses this one and has left the cluster is remembered for so long.
const DENIED_KEPT: Duration = Duration::from_secs(600);

/// Where the stream of a path comes from now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Word {
    /// From the path's own source: the path is this node's.
    Here,
    /// From another node.
    From(Parent),
    /// Nobody has it.
    Nowhere,
}

impl Word {
    fn of(node: &Node, path: &str) -> Self {
        match node.parent(path) {
            _ if node.owns(path) => Self::Here,
            Some(parent) => Self::From(parent.clone()),
            None => Self::Nowhere,
        }
    }
}

impl Cluster {
    /// Enters a path that is read here. Says where it comes from, from now on: the newest word counts.
    pub(crate) fn enter(&self, path: &str, source: &Source) -> Receiver<Word> {
        let (sender, receiver) = bounded(1);
        self.state().pulls.insert(path.to_owned(), (sender, receiver.clone()));
        let rests = self.rest_of(path).is_some();
        let is_known = self.with(|node, now| {
            if source.is_shared() && !rests {
                node.want(path);
            }
            let is_known = node.follows(path) || node.owns(path);
            node.follow(now, path);
            is_known
        });
        if is_known {
            self.tell_source(path);
        }
        receiver
    }

    /// Parts from a path that is read here no more.
    pub(crate) fn part(&self, path: &str, source: &Source) {
        let is_kept = {
            let mut state = self.state();
            state.pulls.remove(path);
            state.kept.contains(path)
        };
        self.with(|node, _| {
            node.unfollow(path);
            if source.is_shared() && !is_kept {
                node.unwant(path);
            }
        });
    }

    /// Leaves a path to other nodes for a while, because its source has failed here: each time for twice as long, unless `is_first`.
    /// Says for how long.
    pub(crate) fn rest(&self, path: &str, is_first: bool) -> Duration {
        let span = {
            let mut state = self.state();
            let before = state.rests.get(path).filter(|_| !is_first);
            let span = before.map_or(AGAIN, |rest| (rest.span * 2).min(AGAIN_MAX));
            state.rests.insert(path.to_owned(), Rest { until: Instant::now() + span, span });
            span
        };
        self.with(|node, _| {
            node.unwant(path);
            node.look();
        });
        span
    }

    /// How long the source of a path is left alone, if it is.
    pub(crate) fn rest_of(&self, path: &str) -> Option<Duration> {
        let until = self.state().rests.get(path)?.until;
        until.checked_duration_since(Instant::now())
    }

    /// Wants paths again whose sources have rested for long enough.
    pub(super) fn end_rests(&self) {
        let due: Vec<String> = {
            let state = &mut *self.state();
            // The next rest is longer if the source fails again soon.
            state.rests.retain(|_, rest| rest.until.elapsed() < AGAIN_MAX);
            let over =
                state.rests.iter().filter(|(_, rest)| rest.until <= Instant::now()).map(|(path, _)| path);
            let is_used = |path: &&String| state.kept.contains(*path) || state.pulls.contains_key(*path);
            over.filter(is_used).cloned().collect()
        };
        self.with(|node, _| due.iter().for_each(|path| node.want(path)));
    }

    /// A node refuses this one.
    pub(crate) fn is_denied_by(&self, node: &str) -> bool {
        self.state().denied_by.contains_key(node)
    }

    /// A node gives this one what it has.
    pub(crate) fn gives(&self, node: &str) {
        self.state().denied_by.remove(node);
    }

    /// Tells the source of a path where its stream comes from.
    pub(super) fn tell_source(&self, path: &str) {
        let word = self.with(|node, _| Word::of(node, path));
        if let Some((sender, receiver)) = self.state().pulls.get(path) {
            newest(sender, receiver, word);
        }
    }
}

impl<R: Runtime> Station<R> {
    /// A node refuses this one, which is told once for each node.
    pub(crate) fn denied(&self, cluster: &Cluster, from: &Parent) {
        let view = cluster.with(|node, _| Arc::clone(node.view()));
        let is_new = {
            let mut state = cluster.state();
            // A node whose lease has run out is back soon, as a rule.
            state.denied_by.retain(|node, at| view.nodes.contains_key(node) || at.elapsed() < DENIED_KEPT);
            state.denied_by.insert(from.node.clone(), Instant::now()).is_none()
        };
        if is_new {
            let (node, url) = (&from.node, &from.url);
            let why = "it does not know the secret; give both the same `secret` in [cluster]";
            let line = format!("the node {node} at {url} refuses this one: {why}");
            self.tell("node_refuses", line, json!({ "node": node, "url": url, "reason": why }));
        }
    }

    /// The path is this node's.
    pub(crate) fn owns(&self, path: &str) -> bool {
        self.cluster().is_some_and(|cluster| cluster.with(|node, _| node.owns(path)))
    }

    /// Tells the cluster the sources that there are, and wants the paths of those that always run.
    pub(crate) fn share(&self, settings: &Settings) {
        let Some(cluster) = self.cluster() else { return };
        let shared = || settings.paths.iter().filter(|plan| plan.source.is_shared());
        let always = shared().filter(|plan| !plan.on_demand);
        let kept: BTreeSet<_> =
            always.filter_map(|plan| plan.pattern.exact()).map(ToOwned::to_owned).collect();
        let offers = shared().map(|plan| plan.pattern.to_string()).collect();
        let before = std::mem::replace(&mut cluster.state().kept, kept.clone());
        let resting: BTreeSet<_> = kept.iter().filter(|path| cluster.rest_of(path).is_some()).collect();
        cluster.with(|node, _| {
            node.set_offers(offers);
            before.difference(&kept).for_each(|path| node.unwant(path));
            kept.iter().filter(|path| !resting.contains(*path)).for_each(|path| node.want(path));
        });
        for path in kept {
            // Its plan may have changed.
            if self.owns(&path) {
                self.begin_own(cluster, &path);
            }
        }
    }

    /// The plan of a path whose source the cluster shares.
    pub(super) fn shared_plan(&self, path: &str) -> Option<PathPlan> {
        self.settings().plan(path).filter(|plan| plan.source.is_shared()).cloned()
    }

    /// The path of a source is this node's.
    pub(super) fn begin_own(&self, cluster: &Cluster, path: &str) {
        let Some(plan) = self.shared_plan(path) else { return };
        if self.running_plan(path).is_some() {
            cluster.tell_source(path);
            self.record_at(path);
        } else if plan.on_demand {
            cluster.with(|node, _| node.unwant(path));
        } else {
            self.start_or_tell(path, &plan);
        }
    }

    /// A reader of a path whose source the cluster shares.
    pub(crate) fn look_at_shared(
        &self,
        cluster: &Cluster,
        path: String,
        plan: PathPlan,
        reader: Waiting,
    ) -> Option<Event> {
        let is_here = self.is_published(&path);
        if let Some(node) = cluster.asking(&reader) {
            let (shows, may_begin) = cluster.with(|node, _| {
                let shows = node.owns(&path) || node.shows(&path);
                (shows, !node.view().claims.contains_key(&path) || node.owns(&path))
            });
            if !(shows && is_here || may_begin) || !cluster.has_room_for(&path, &node) {
                reader.refuse_node(self.server());
                return None;
            }
        } else if let Some(url) = cluster.elsewhere(&path, &reader, is_here) {
            reader.send_to(self.server(), &url);
            return None;
        }
        self.wait(path, plan, reader)
    }
}

/// Leaves the newest word, in the place of one that nobody has taken.
fn newest(sender: &Sender<Word>, receiver: &Receiver<Word>, word: Word) {
    while receiver.try_recv().is_ok() {}
    let _ = sender.try_send(word);
}
