//! Paths that a node pulls from others.

use std::time::Duration;

use super::view::UNCLAIMED;
use super::{Claim, Node, Output, Parent, Relay};

/// A node that has failed is avoided for so long.
const AVOID: Duration = Duration::from_secs(3);
/// A node that shows a path no more may pull it from deeper nodes after so long: by then those that have pulled it from here know.
const FORGET: Duration = Duration::from_secs(4);

/// A path that a node pulls.
#[derive(Debug, Default)]
pub(super) struct Follow {
    since: Duration,
    parent: Option<Parent>,
    /// The caller knows of `parent`.
    is_said: bool,
    /// The node shows it.
    is_live: bool,
    /// The depth that the others have been told since the path has this owner.
    depth: Option<u8>,
    /// Since when no node gives it.
    dark: Option<Duration>,
    avoid: Option<(String, Duration)>,
}

impl Node {
    /// Follows a path of another node: [`Output::Pull`] says from where, and each time when that changes.
    pub fn follow(&mut self, now: Duration, path: &str) {
        if self.follows.contains_key(path) {
            return;
        }
        self.follows.insert(path.to_owned(), Follow { since: now, ..Follow::default() });
        self.choose(now, path);
    }

    /// Follows a path no more.
    pub fn unfollow(&mut self, path: &str) {
        self.follows.remove(path);
        self.tell_relay(path);
    }

    /// The node follows the path.
    pub fn follows(&self, path: &str) -> bool {
        self.follows.contains_key(path)
    }

    /// The path is pulled, and flows.
    pub fn shows(&self, path: &str) -> bool {
        self.follows.get(path).is_some_and(|follow| follow.is_live)
    }

    /// Where a path that is followed comes from.
    pub fn parent(&self, path: &str) -> Option<&Parent> {
        self.follows.get(path)?.parent.as_ref()
    }

    /// The stream that is pulled flows, or flows no more. Other nodes may pull it from here while it does.
    pub fn set_live(&mut self, path: &str, is_live: bool) {
        if let Some(follow) = self.follows.get_mut(path) {
            follow.is_live = is_live;
            follow.dark = follow.dark.filter(|_| !is_live);
            self.tell_relay(path);
        }
    }

    /// The node that a path is pulled from does not give it. Another one is chosen if there is one, and [`Output::Pull`] says
    /// which in any case.
    pub fn failed(&mut self, now: Duration, path: &str) {
        let Some(follow) = self.follows.get_mut(path) else { return };
        let Some(parent) = &follow.parent else { return };
        follow.avoid = Some((parent.node.clone(), now + AVOID));
        follow.is_said = false;
        follow.is_live = false;
        if *follow.dark.get_or_insert(now) + FORGET <= now {
            follow.depth = None;
        }
        self.tell_relay(path);
        self.choose(now, path);
    }

    pub(super) fn choose_all(&mut self, now: Duration) {
        let paths: Vec<_> = self.follows.keys().cloned().collect();
        paths.into_iter().for_each(|path| self.choose(now, &path));
    }

    fn choose(&mut self, now: Duration, path: &str) {
        let shape = self.shape();
        let Some(follow) = self.follows.get_mut(path) else { return };
        let claim = self.view.claims.get(path);
        if claim.is_none() && follow.is_live && follow.is_said {
            // The registry has lost it perhaps. The stream ends if its owner has given it up.
            return;
        }
        let claim = claim.filter(|claim| claim.node != self.settings.name);
        let Some(claim) = claim else { return self.choose_source(now, path) };
        if follow.is_claimed_by(claim) {
            return self.tell_relay(path);
        }
        let present = follow.parent.as_mut().filter(|parent| parent.term == claim.term);
        let is_other = present.is_none();
        if let Some(parent) = present.filter(|_| follow.is_said)
            && let Some(depth) = self.view.depth(path, &parent.node)
        {
            // It may have come nearer to the publisher, and this node with it.
            parent.depth = parent.depth.min(depth);
            return self.tell_relay(path);
        }
        if is_other {
            (follow.is_live, follow.depth) = (false, None);
        }
        let avoid = follow.avoided(now);
        let parent = self.view.parent(path, &self.settings.name, follow.depth, avoid, shape);
        follow.is_said = true;
        follow.parent.clone_from(&parent);
        self.outputs.push_back(Output::Pull { path: path.to_owned(), from: parent });
        self.tell_relay(path);
    }

    /// Nobody has claimed a path: a node that has a source for it is asked, unless this one is about to claim it.
    fn choose_source(&mut self, now: Duration, path: &str) {
        let Some(follow) = self.follows.get_mut(path) else { return };
        if self.viewed_at.is_none_or(|at| at < follow.since) {
            // The view is older than the question.
            self.is_view_wanted = true;
            return;
        }
        let present = follow.parent.as_ref().filter(|parent| parent.term == UNCLAIMED);
        let is_wanted = self.wants.contains_key(path);
        if follow.is_said && !is_wanted && present.is_some_and(|parent| self.view.offers(&parent.node, path))
        {
            return;
        }
        let others = (!is_wanted).then(|| self.view.offering(path, &self.settings.name, follow.avoided(now)));
        let parent = others.flatten();
        if !follow.is_said || follow.parent.is_some() || parent.is_some() {
            let (since, avoid) = (follow.since, follow.avoid.take());
            *follow = Follow { since, avoid, is_said: true, parent: parent.clone(), ..Follow::default() };
            self.outputs.push_back(Output::Pull { path: path.to_owned(), from: parent });
            self.tell_relay(path);
        }
    }

    /// Tells the others of a path that is pulled, if it is shown.
    fn tell_relay(&mut self, path: &str) {
        let follow = self.follows.get_mut(path).filter(|follow| follow.is_live);
        let relay = follow.and_then(|follow| {
            let Parent { node, term, depth, .. } = follow.parent.as_ref()?;
            let depth = depth.saturating_add(1);
            follow.depth = Some(depth);
            Some(Relay { term: *term, depth, from: node.clone() })
        });
        if self.told.relays.get(path) == relay.as_ref() {
            return;
        }
        match relay {
            Some(relay) => drop(self.told.relays.insert(path.to_owned(), relay)),
            None => drop(self.told.relays.remove(path)),
        }
        self.tell_again();
    }
}

impl Follow {
    /// The node that the path is pulled from has claimed it, or has claimed it anew: it goes on.
    fn is_claimed_by(&mut self, claim: &Claim) -> bool {
        let is_new = |parent: &&mut Parent| parent.term != claim.term && parent.node == claim.node;
        let Some(parent) = self.parent.as_mut().filter(is_new).filter(|_| self.is_said) else { return false };
        (parent.term, parent.depth) = (claim.term, 0);
        self.depth = None;
        true
    }

    /// The node that has just failed.
    fn avoided(&self, now: Duration) -> Option<&str> {
        self.avoid.as_ref().filter(|(_, until)| *until > now).map(|(node, _)| node.as_str())
    }
}
