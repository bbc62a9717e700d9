//! Readers of paths that other nodes have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use rtspan_examples::cluster::Parent;
use rtspan_std::runtime::Runtime;
use rtspan_std::{Event, Refusal, StatusCode};

use super::crowd::UNTOLD;
use super::{AGENT, CROWD, Cluster, NODE_USER, State, is_relay};
use crate::serve::config::{PathPlan, Pattern, Source};
use crate::serve::station::{Absence, Station, Waiting};

/// How the user agents of those begin that follow a redirect: FFmpeg, GStreamer (but not its rtspsrc2), VLC and live555, gortsplib,
/// and this library.
const FOLLOW: [&str; 7] = ["Lavf", "GStreamer/", "LibVLC", "VLC", "LIVE555", "gortsplib", "rtspan/"];

/// It stands in the query of a reader that has been sent here. It is not sent on: nodes that have just become full would send it from
/// one to the other, because none knows that of the others yet.
const SENT: &str = "rtspan-sent";

/// Readers that have been sent to others and are remembered.
const SENT_MAX: usize = 1000;

/// A node that asks for a path.
pub(super) struct Asking<'a> {
    name: &'a str,
    /// It has the secret of the cluster, or there is none. Otherwise anybody may read the path, also under the name of a node.
    is_proved: bool,
}

impl Cluster {
    /// A reader can be sent elsewhere.
    fn sends(&self, reader: &Waiting) -> bool {
        let agent = reader.user_agent();
        let was_sent = reader.query().is_some_and(|query| query.split('&').any(|part| part == SENT));
        matches!(reader, Waiting::Describe(_))
            && !was_sent
            && FOLLOW.iter().any(|name| agent.starts_with(name))
    }

    /// The node that asks, if it is one. A user with a name of its own is none, where nodes have a secret.
    pub(super) fn asking<'a>(&self, reader: &'a Waiting) -> Option<Asking<'a>> {
        let name = reader.user_agent().strip_prefix(AGENT)?;
        let is_proved = self.plan.secret.is_none() || reader.user() == Some(NODE_USER);
        (is_proved || reader.user().is_none()).then_some(Asking { name, is_proved })
    }

    /// Another node may pull a path from here: not too many do.
    pub(super) fn has_room_for(&self, path: &str, node: &Asking<'_>) -> bool {
        let (view, max) = self.with(|own, _| (Arc::clone(own.view()), own.settings().fan_out * CROWD));
        let mut state = self.state();
        let now = Instant::now();
        let others = view.children(path, &self.plan.name).chain(state.let_pull.of(path, now));
        if others.filter(|other| *other != node.name).collect::<BTreeSet<_>>().len() >= max {
            return false;
        }
        if node.is_proved {
            state.let_pull.remember(path, node.name, now);
        }
        true
    }

    /// The URL of the node that a reader of a path is sent to, if it is not to be served here.
    pub(super) fn elsewhere(&self, path: &str, reader: &Waiting, is_here: bool) -> Option<String> {
        if !self.sends(reader) {
            return None;
        }
        let (view, is_full) = self.with(|node, _| (Arc::clone(node.view()), node.is_full()));
        let me = &self.plan.name;
        let mut state = self.state();
        let sent = state.sent();
        let (node, url) = if is_full {
            // Others have room, and pull it if they have to.
            view.with_room(me, &sent).map(|(node, told)| (node.clone(), told.url.clone()))?
        } else if !is_here && self.plan.redirects {
            view.least_loaded(path, me, &sent).map(|parent| (parent.node, parent.url))?
        } else {
            return None;
        };
        state.sent.push_back((node, Instant::now()));
        let query = reader.query().map_or_else(String::new, |query| format!("{query}&"));
        Some(format!("{url}/{path}?{query}{SENT}"))
    }
}

impl State {
    /// The number of readers that have been sent to each node lately.
    fn sent(&mut self) -> BTreeMap<&str, u32> {
        let first = self.sent.partition_point(|(_, at)| at.elapsed() >= UNTOLD);
        self.sent.drain(..first.max(self.sent.len().saturating_sub(SENT_MAX)));
        let mut sent = BTreeMap::new();
        for (node, _) in &self.sent {
            *sent.entry(&**node).or_default() += 1;
        }
        sent
    }
}

impl<R: Runtime> Station<R> {
    /// A reader of a path that publishers come to.
    pub(crate) fn look_in_cluster(&self, cluster: &Cluster, path: String, reader: Waiting) -> Option<Event> {
        let is_here = self.is_published(&path);
        if let Some(node) = cluster.asking(&reader) {
            let is_here = is_here && cluster.with(|node, _| node.owns(&path) || node.shows(&path));
            if is_here && cluster.has_room_for(&path, &node) {
                return Some(reader.into_event());
            }
            // It looks for another node: what is pulled is never pulled because a node asks.
            reader.refuse_node(self.server());
            return None;
        }
        if let Some(url) = cluster.elsewhere(&path, &reader, is_here) {
            reader.send_to(self.server(), &url);
            return None;
        }
        if is_here {
            return Some(reader.into_event());
        }
        if let Some(plan) = self.running_plan(&path).filter(|plan| is_relay(&plan.source)) {
            return self.wait(path, plan, reader);
        }
        cluster.state().asked.entry(path.clone()).or_default().push((reader, Instant::now()));
        let known = cluster.with(|node, now| {
            node.follow(now, &path);
            node.parent(&path).cloned()
        });
        if known.is_some() {
            self.found(cluster, &path, known);
        }
        None
    }

    /// The cluster knows where a path comes from now, or that it comes from nowhere.
    pub(super) fn found(&self, cluster: &Cluster, path: &str, from: Option<Parent>) {
        let readers = cluster.state().asked.remove(path).unwrap_or_default();
        let is_pulled = self.running_plan(path).is_some_and(|plan| self.is_clustered(&plan.source));
        let mut stay = Vec::new();
        for (reader, _) in readers {
            let url = from.as_ref().and_then(|_| cluster.elsewhere(path, &reader, false));
            match url {
                Some(url) => reader.send_to(self.server(), &url),
                None => stay.push(reader),
            }
        }
        let plan = self.settings().plan(path).cloned();
        let (Some(_), Some(plan)) = (&from, plan) else {
            let unknown = Refusal::new(StatusCode::NOT_FOUND);
            for reader in stay {
                match self.settings().plan(path).filter(|plan| plan.fallback.is_some()) {
                    Some(plan) => reader.send_away(self.server(), plan, Absence::new("")),
                    None => reader.answer(self.server(), Err(unknown.clone())),
                }
            }
            if !is_pulled {
                cluster.unfollow(path);
            }
            return;
        };
        if stay.is_empty() {
            if !is_pulled {
                cluster.unfollow(path);
            }
            return;
        }
        let plan = relay_of(path, plan);
        for reader in stay {
            match self.wait(path.to_owned(), plan.clone(), reader) {
                Some(Event::Describe(question)) => drop(self.server().answer(question.ticket, Ok(()))),
                Some(Event::Setup(question)) => drop(self.server().answer(question.ticket, Ok(()))),
                _ => {}
            }
        }
    }

    /// Readers that have waited for the registry for too long.
    pub(super) fn dismiss_readers(&self, cluster: &Cluster) {
        let mut late = Vec::new();
        cluster.state().asked.retain(|path, readers| {
            let is_late = readers.first().is_none_or(|(_, since)| since.elapsed() >= cluster.plan.ttl);
            if is_late {
                late.push((path.clone(), std::mem::take(readers)));
            }
            !is_late
        });
        for (path, readers) in late {
            cluster.with(|node, _| node.unfollow(&path));
            for (reader, _) in readers {
                let why = "the registry of the cluster does not answer";
                let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE).with_reason(why);
                reader.answer(self.server(), Err(refusal));
            }
        }
    }
}

/// The plan of a path that is pulled from other nodes, by that of publishers there.
pub(super) fn relay_of(path: &str, plan: PathPlan) -> PathPlan {
    PathPlan { pattern: Pattern::of_path(path), source: Source::Node, on_demand: true, record: None, ..plan }
}
