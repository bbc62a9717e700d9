//! A node of a cluster: what it wants and has, and what it asks the registry next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::claims::Want;
use super::follow::Follow;
use super::view::Shape;
use super::{Answer, Claim, Lease, Parent, Request, Told, View};

/// The part of a lease before its end in which nothing is fed any more.
const MARGIN: u32 = 6;
/// The part of a lease after which it is renewed.
const RENEW: u32 = 3;
/// How soon the registry is asked again after it has not answered, as a part of a lease.
const AGAIN: u32 = 12;
/// A view that is wanted at once comes no sooner than this after the one before.
const VIEW_GAP: Duration = Duration::from_millis(100);
/// The others are told of changes no more often than this.
const TELL_GAP: Duration = Duration::from_millis(250);

/// The way in which a node treats the paths that it feeds when it does not reach the registry for as long as a lease lasts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Isolated {
    /// It stops before another node may have them, so that there are never two.
    #[default]
    Stop,
    /// It goes on until it hears that another node has them. If only the way from this node to the registry is broken, two nodes may
    /// feed a path meanwhile.
    Serve,
}

/// The settings of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NodeSettings {
    /// Its name. No two nodes of a cluster have the same.
    pub name: String,
    /// The URL at which the other nodes and readers reach it, without a path.
    pub url: String,
    /// How long a path stays with a node that has fallen silent. 6 seconds.
    pub ttl: Duration,
    /// Its way without the registry.
    pub isolated: Isolated,
    /// How often the cluster is looked at. A second.
    pub view_every: Duration,
    /// Nodes that pull a path from the same node, about. 8.
    pub fan_out: usize,
    /// Nodes that pull on the way from the publisher to a reader, at most. 3.
    pub depth_max: u8,
}

impl NodeSettings {
    /// The settings of a node of this name, which is reached at this URL.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            ttl: Duration::from_secs(6),
            isolated: Isolated::default(),
            view_every: Duration::from_secs(1),
            fan_out: 8,
            depth_max: 3,
        }
    }
}

/// A decision of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// The path is the node's: it may be fed from now on.
    Owned {
        /// The path.
        path: String,
    },
    /// The path may be another node's in a moment: nothing is fed from now on. The node tries to get it back if it wants it still.
    Lost {
        /// The path.
        path: String,
    },
    /// Another node has a path that this one wants. The node gets it when it becomes free.
    Taken {
        /// The path.
        path: String,
        /// The other node.
        by: Claim,
    },
    /// A path that the node follows comes from there from now on.
    Pull {
        /// The path.
        path: String,
        /// The node to pull it from; `None` if nobody has it.
        from: Option<Parent>,
    },
}

/// A lease, and when it is too late for it.
#[derive(Debug)]
pub(super) struct Held {
    id: String,
    /// From then on nothing is fed.
    deadline: Duration,
    renew_at: Duration,
}

/// A node of a cluster. Times are those of a monotonic clock of the node's own.
///
/// A caller carries out the requests of [`poll_request`](Self::poll_request) one after the other, calls
/// [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) says so, and does what
/// [`poll_output`](Self::poll_output) says after each call.
#[derive(Debug)]
pub struct Node {
    pub(super) settings: NodeSettings,
    pub(super) incarnation: u64,
    pub(super) terms: u64,
    pub(super) lease: Option<Held>,
    asked: Option<(Request, Duration)>,
    /// The registry is not asked before.
    again_at: Duration,
    pub(super) wants: BTreeMap<String, Want>,
    pub(super) releases: VecDeque<(String, Claim)>,
    pub(super) follows: BTreeMap<String, Follow>,
    pub(super) told: Told,
    is_told: bool,
    /// They are not told before.
    tell_at: Duration,
    pub(super) view: Arc<View>,
    /// When the registry was asked for it.
    pub(super) viewed_at: Option<Duration>,
    pub(super) is_view_wanted: bool,
    pub(super) outputs: VecDeque<Output>,
}

impl Node {
    /// A node that has nothing yet. `incarnation` is a random number: it tells the claims of this life from those of an earlier one.
    pub fn new(settings: NodeSettings, incarnation: u64) -> Self {
        let told = Told { url: settings.url.clone(), ..Told::default() };
        Self {
            settings,
            incarnation,
            terms: 0,
            lease: None,
            asked: None,
            again_at: Duration::ZERO,
            wants: BTreeMap::new(),
            releases: VecDeque::new(),
            follows: BTreeMap::new(),
            told,
            is_told: false,
            tell_at: Duration::ZERO,
            view: Arc::default(),
            viewed_at: None,
            is_view_wanted: false,
            outputs: VecDeque::new(),
        }
    }

    /// Its settings.
    pub fn settings(&self) -> &NodeSettings {
        &self.settings
    }

    /// The cluster as it was seen last.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The lease that the node has, if it has one.
    pub fn lease(&self) -> Option<&str> {
        self.lease.as_ref().map(|held| held.id.as_str())
    }

    /// The node takes no more readers.
    pub fn is_full(&self) -> bool {
        self.told.is_full
    }

    /// Tells the others how many readers the node has, and if it takes more.
    pub fn set_load(&mut self, load: u32, is_full: bool) {
        if (self.told.load, self.told.is_full) != (load, is_full) {
            (self.told.load, self.told.is_full) = (load, is_full);
            self.is_told = false;
        }
    }

    /// Tells the others the paths that the node has a source for, such as `gate` and `cam/*`, and pulls if it is asked.
    pub fn set_offers(&mut self, offers: Vec<String>) {
        if self.told.offers != offers {
            self.told.offers = offers;
            self.is_told = false;
        }
    }

    /// Looks at the cluster at once: something has changed.
    pub fn look(&mut self) {
        self.is_view_wanted = true;
    }

    /// Has the others told anew, because something has changed.
    pub(super) fn tell_again(&mut self) {
        self.is_told = false;
    }

    pub(super) fn shape(&self) -> Shape {
        Shape { fan_out: self.settings.fan_out, depth_max: self.settings.depth_max }
    }

    /// The time has come for something.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.lease.as_ref().is_some_and(|held| held.deadline <= now) {
            self.lose_lease();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) and [`poll_request`](Self::poll_request) have to be called again.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let deadline = self.lease.as_ref().map(|held| held.deadline);
        if self.asked.is_some() {
            return deadline;
        }
        let next = match &self.lease {
            None => Duration::ZERO,
            Some(_) if self.is_busy() => Duration::ZERO,
            Some(held) => {
                let next = held.renew_at.min(self.view_at());
                if self.is_told { next } else { next.min(self.tell_at) }
            }
        };
        let next = next.max(self.again_at);
        Some(deadline.map_or(next, |deadline| deadline.min(next)))
    }

    /// The question that is to be put to the registry now. There is one at a time.
    pub fn poll_request(&mut self, now: Duration) -> Option<Request> {
        self.handle_timeout(now);
        if self.asked.is_some() || now < self.again_at {
            return None;
        }
        let request = self.next_request(now)?;
        self.asked = Some((request.clone(), now));
        Some(request)
    }

    /// The answer to the question; `None` if there was none.
    pub fn handle_answer(&mut self, now: Duration, answer: Option<Answer>) {
        self.handle_timeout(now);
        let Some((request, sent)) = self.asked.take() else { return };
        let is_ours = |lease: &str| self.lease() == Some(lease);
        match (request, answer) {
            (_, None) => self.again_at = now + self.settings.ttl / AGAIN,
            (Request::Grant { .. }, Some(Answer::Granted(Lease { id, ttl }))) => {
                self.lease = Some(Held::since(id, sent, ttl));
                self.handle_timeout(now);
            }
            (Request::Renew { lease }, Some(Answer::Renewed(ttl))) if is_ours(&lease) => {
                self.lease = Some(Held::since(lease, sent, ttl));
                self.handle_timeout(now);
            }
            (Request::Claim { lease, path, claim }, Some(Answer::Claimed(has))) if is_ours(&lease) => {
                self.claimed(now, path, &claim, has);
            }
            (
                Request::Renew { lease } | Request::Claim { lease, .. } | Request::Tell { lease, .. },
                Some(Answer::NoLease),
            ) if is_ours(&lease) => self.lose_lease(),
            (Request::View, Some(Answer::View(view))) => self.viewed(now, sent, view),
            (Request::Release { path, claim }, Some(Answer::Done)) => {
                self.releases.retain(|other| *other != (path.clone(), claim.clone()));
            }
            (Request::Tell { lease, told, .. }, Some(Answer::Done)) if is_ours(&lease) => {
                self.is_told = self.told == told;
            }
            _ => {}
        }
    }

    /// The next decision.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// There is something to ask at once.
    fn is_busy(&self) -> bool {
        !self.releases.is_empty() || self.has_open_claims()
    }

    fn view_at(&self) -> Duration {
        let gap = if self.is_view_wanted { VIEW_GAP } else { self.settings.view_every };
        self.viewed_at.map_or(Duration::ZERO, |at| at + gap)
    }

    /// The most urgent question, if there is one.
    fn next_request(&mut self, now: Duration) -> Option<Request> {
        let Some(held) = &self.lease else { return Some(Request::Grant { ttl: self.settings.ttl }) };
        let lease = held.id.clone();
        if held.renew_at <= now {
            return Some(Request::Renew { lease });
        }
        if let Some((path, claim)) = self.releases.front() {
            return Some(Request::Release { path: path.clone(), claim: claim.clone() });
        }
        if let Some(claim) = self.next_claim(&lease) {
            return Some(claim);
        }
        if !self.is_told && self.tell_at <= now {
            self.tell_at = now + TELL_GAP;
            return Some(Request::Tell { lease, node: self.settings.name.clone(), told: self.told.clone() });
        }
        if self.view_at() > now {
            return None;
        }
        // Later changes are perhaps not in it.
        self.is_view_wanted = false;
        Some(Request::View)
    }

    fn viewed(&mut self, now: Duration, sent: Duration, view: Arc<View>) {
        self.view = view;
        self.viewed_at = Some(sent);
        self.compare_claims(sent);
        self.choose_all(now);
    }
}

impl Held {
    /// A lease that has been asked for at a moment, and so lasts from then on at least.
    fn since(id: String, sent: Duration, ttl: Duration) -> Self {
        Self { id, deadline: sent + ttl - ttl / MARGIN, renew_at: sent + ttl / RENEW }
    }
}
