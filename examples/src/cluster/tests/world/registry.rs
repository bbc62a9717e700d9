//! The registry, and questions on their way to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Answer, Claim, Lease, Request, Told, View};

/// The registry, as etcd is one.
#[derive(Default)]
pub(super) struct Registry {
    pub(super) leases: BTreeMap<String, Duration>,
    pub(super) claims: BTreeMap<String, (String, Claim)>,
    pub(super) told: BTreeMap<String, (String, Told)>,
    pub(super) granted: u64,
    /// The view as it is now, if it was asked for since the last change.
    pub(super) view: Option<Arc<View>>,
}

impl Registry {
    pub(super) fn expire(&mut self, now: Duration) {
        let before = self.leases.len();
        self.leases.retain(|_, until| *until > now);
        if self.leases.len() < before {
            let leases = &self.leases;
            self.claims.retain(|_, (lease, _)| leases.contains_key(lease));
            self.told.retain(|_, (lease, _)| leases.contains_key(lease));
            self.view = None;
        }
    }

    pub(super) fn ask(&mut self, now: Duration, request: &Request) -> Answer {
        let until = |ttl: Duration| now + ttl;
        match request {
            Request::Grant { ttl } => {
                self.granted += 1;
                let id = self.granted.to_string();
                self.leases.insert(id.clone(), until(*ttl));
                Answer::Granted(Lease { id, ttl: *ttl })
            }
            Request::Renew { lease } => match self.leases.get_mut(lease) {
                None => Answer::NoLease,
                Some(ends) => {
                    let ttl = Duration::from_secs(6);
                    *ends = until(ttl);
                    Answer::Renewed(ttl)
                }
            },
            Request::Claim { lease, .. } | Request::Tell { lease, .. }
                if !self.leases.contains_key(lease) =>
            {
                Answer::NoLease
            }
            Request::Claim { lease, path, claim } => {
                self.view = None;
                let entry = self.claims.entry(path.clone());
                Answer::Claimed(entry.or_insert_with(|| (lease.clone(), claim.clone())).1.clone())
            }
            Request::Release { path, claim } => {
                self.view = None;
                self.claims.retain(|other, (_, has)| (other, &*has) != (path, claim));
                Answer::Done
            }
            Request::Tell { lease, node, told } => {
                self.view = None;
                self.told.insert(node.clone(), (lease.clone(), told.clone()));
                Answer::Done
            }
            Request::View => {
                let claims =
                    || self.claims.iter().map(|(path, (_, claim))| (path.clone(), claim.clone())).collect();
                let nodes =
                    || self.told.iter().map(|(node, (_, told))| (node.clone(), told.clone())).collect();
                let view =
                    self.view.take().unwrap_or_else(|| Arc::new(View { claims: claims(), nodes: nodes() }));
                self.view = Some(Arc::clone(&view));
                Answer::View(view)
            }
        }
    }
}

/// A question on its way, and its answer on the way back.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) arrives: Duration,
    pub(super) answer: Option<Answer>,
    /// When the node has the answer, or gives up.
    pub(super) ends: Duration,
}
