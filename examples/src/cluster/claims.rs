//! Paths that a node wants to feed, and has.

use std::sync::Arc;
use std::time::Duration;

use super::{Claim, Isolated, Node, Output, Request};

/// A path that a node wants to feed.
#[derive(Debug)]
pub(super) struct Want {
    claim: Claim,
    standing: Standing,
    /// It has been asked for with this lease, so that it may be in the registry.
    is_asked: bool,
    /// The lease is over, and the node feeds the path until another one has it.
    pub(super) is_held: bool,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It is to be asked for.
    Open,
    /// Since then.
    Owned(Duration),
    /// Another node has it.
    Taken(Claim),
}

impl Node {
    /// Wants to feed a path: a publisher has come, or there is a camera for it.
    pub fn want(&mut self, path: &str) {
        if !self.wants.contains_key(path) {
            let (claim, standing) = (self.new_claim(), Standing::Open);
            let want = Want { claim, standing, is_asked: false, is_held: false };
            self.wants.insert(path.to_owned(), want);
        }
    }

    /// Does not want to feed a path any more. It is told as free at once.
    pub fn unwant(&mut self, path: &str) {
        let Some(want) = self.wants.remove(path) else { return };
        if want.is_asked {
            self.releases.push_back((path.to_owned(), want.claim));
        }
    }

    /// The path is the node's.
    pub fn owns(&self, path: &str) -> bool {
        self.wants.get(path).is_some_and(|want| want.is_held || matches!(want.standing, Standing::Owned(_)))
    }

    /// The paths that are the node's.
    pub fn owned(&self) -> impl Iterator<Item = &str> {
        self.wants.keys().map(String::as_str).filter(|path| self.owns(path))
    }

    /// The node wants the path.
    pub fn wants(&self, path: &str) -> bool {
        self.wants.contains_key(path)
    }

    /// A path is to be claimed at once.
    pub(super) fn has_open_claims(&self) -> bool {
        self.wants.values().any(|want| want.standing == Standing::Open)
    }

    /// The claim that is to be made next.
    pub(super) fn next_claim(&mut self, lease: &str) -> Option<Request> {
        let (path, want) = self.wants.iter_mut().find(|(_, want)| want.standing == Standing::Open)?;
        want.is_asked = true;
        Some(Request::Claim { lease: lease.to_owned(), path: path.clone(), claim: want.claim.clone() })
    }

    fn new_claim(&mut self) -> Claim {
        self.terms += 1;
        let term = self.incarnation.wrapping_add(self.terms);
        Claim { node: self.settings.name.clone(), url: self.settings.url.clone(), term }
    }

    pub(super) fn claimed(&mut self, now: Duration, path: String, claim: &Claim, has: Claim) {
        let Some(want) = self.wants.get_mut(&path).filter(|want| want.claim == *claim) else { return };
        if has == *claim {
            want.standing = Standing::Owned(now);
            if !std::mem::take(&mut want.is_held) {
                self.outputs.push_back(Output::Owned { path });
            }
            return;
        }
        want.standing = Standing::Taken(has.clone());
        // The path may be pulled from there.
        self.is_view_wanted = true;
        // The claim of an earlier life of this node, or of an earlier lease, ends by itself.
        if has.node == self.settings.name {
            return;
        }
        if std::mem::take(&mut want.is_held) {
            self.outputs.push_back(Output::Lost { path: path.clone() });
        }
        self.outputs.push_back(Output::Taken { path, by: has });
    }

    /// The lease may be over: whatever was claimed with it may be another node's.
    pub(super) fn lose_lease(&mut self) {
        self.lease = None;
        self.releases.clear();
        self.tell_again();
        let paths: Vec<_> = self.wants.keys().cloned().collect();
        paths.into_iter().for_each(|path| self.lose(path));
    }

    /// A path is to be claimed anew.
    fn lose(&mut self, path: String) {
        let was_owned = self.owns(&path);
        let is_held = was_owned && self.settings.isolated == Isolated::Serve;
        let claim = self.new_claim();
        let Some(want) = self.wants.get_mut(&path) else { return };
        *want = Want { claim, standing: Standing::Open, is_asked: false, is_held };
        if was_owned && !is_held {
            self.outputs.push_back(Output::Lost { path });
        }
    }

    /// Compares the claims with the registry's, as it has told them when it was asked at `sent`.
    pub(super) fn compare_claims(&mut self, sent: Duration) {
        let view = Arc::clone(&self.view);
        let mut lost = Vec::new();
        for (path, want) in &mut self.wants {
            let has = view.claims.get(path);
            match &mut want.standing {
                // Somebody has removed it by hand, or the registry has lost its data.
                Standing::Owned(since) if *since <= sent && has != Some(&want.claim) => {
                    lost.push(path.clone());
                }
                Standing::Taken(by) => match has {
                    None => want.standing = Standing::Open,
                    Some(has) if has != by => {
                        *by = has.clone();
                        if std::mem::take(&mut want.is_held) {
                            self.outputs.push_back(Output::Lost { path: path.clone() });
                        }
                        self.outputs.push_back(Output::Taken { path: path.clone(), by: has.clone() });
                    }
                    Some(_) => {}
                },
                _ => {}
            }
        }
        lost.into_iter().for_each(|path| self.lose(path));
    }
}
