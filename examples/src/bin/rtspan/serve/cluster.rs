//! A station as a node of a cluster: paths that other nodes have are pulled from there, or their readers are sent there.

mod readers;
mod settings;
mod sources;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_lite::future::or;
use rtspan_examples::cluster::{Member, Node, NodeSettings, Output, RegistryNews};
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    Action, Announce, CloseNote, Question, Refusal, SessionId, StatusCode, StreamId, WithCauses,
};
use serde_json::json;
use smol::channel::{Receiver, Sender};

pub(crate) use settings::{ClusterPlan, NODE_USER};
pub(crate) use sources::Word;

use readers::relay_of;

use super::config::{Source, trimmed};
use super::station::{Station, Waiting};
use super::tell::tell;
use crate::Failure;
use crate::args::EventsFormat;
use crate::stop::sleep;

/// A publisher that has been allowed to publish and does not is forgotten after so long.
const GRACE: Duration = Duration::from_secs(15);
/// Nodes that pull a path from here, as a multiple of those that should.
const CROWD: usize = 2;
/// How the user agents of nodes begin. Their names follow.
const AGENT: &str = "rtspan-node/";
/// How often it is looked who is here, and who waits.
const LOOK: Duration = Duration::from_secs(1);
/// A publisher waits so long for the relay whose stream it takes.
const FAREWELL: Duration = Duration::from_secs(3);

/// The part that a station has in a cluster.
pub(crate) struct Cluster {
    pub(super) member: Arc<Member>,
    pub(super) plan: ClusterPlan,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Publishers that wait until their path is this node's.
    announced: Vec<(Question<Announce>, Instant)>,
    /// When a publisher was allowed to publish at a path.
    allowed: HashMap<String, Instant>,
    /// The streams of publishers.
    published: HashSet<StreamId>,
    /// Readers of paths that nobody here knows yet.
    asked: HashMap<String, Vec<(Waiting, Instant)>>,
    /// Nodes that have just been let pull a path from here, so that the others do not know yet.
    let_pull: HashMap<String, Vec<(String, Instant)>>,
    /// Readers that have just been sent to other nodes.
    sent: VecDeque<(String, Instant)>,
    /// The paths of sources that always run, at one of the nodes that have them.
    kept: BTreeSet<String>,
    /// The rests of sources that have failed, by their paths.
    rests: HashMap<String, Rest>,
    /// Nodes that refuse this one, and when each did so last.
    denied_by: HashMap<String, Instant>,
    /// Those that pull a path, and are told where from.
    pulls: HashMap<String, (Sender<Word>, Receiver<Word>)>,
}

/// The time in which a source that has failed is left alone, and its path to other nodes.
struct Rest {
    until: Instant,
    span: Duration,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Joins the cluster.
    pub(super) fn join(plan: &ClusterPlan, format: EventsFormat) -> Result<Self, Failure> {
        let mut settings = NodeSettings::new(&plan.name, &plan.url);
        settings.ttl = plan.ttl;
        if let Some(fan_out) = plan.fan_out {
            settings.fan_out = fan_out.get();
        }
        settings.isolated = plan.isolated;
        let at = plan.registry.to_string();
        let say = move |news| match news {
            RegistryNews::Back => {
                tell(format, "registry", format!("the registry {at} answers"), json!({ "registry": at }));
            }
            RegistryNews::Away(error) => {
                let why = WithCauses(&error).to_string();
                tell(format, "registry_away", why.clone(), json!({ "registry": at, "reason": why }));
            }
            _ => {}
        };
        let member =
            Member::start(settings, plan.registry.open(&plan.trust), say).map_err(Failure::Runtime)?;
        Ok(Self { member, plan: plan.clone(), state: Mutex::default() })
    }

    pub(super) fn with<T>(&self, command: impl FnOnce(&mut Node, Duration) -> T) -> T {
        self.member.with(command)
    }

    /// Leaves the cluster.
    pub(super) async fn leave(&self) {
        self.member.leave().await;
    }

    /// How the others know this node.
    pub(super) fn agent(&self) -> String {
        format!("{AGENT}{}", self.plan.name)
    }

    /// A path is pulled no more.
    pub(super) fn unfollow(&self, path: &str) {
        self.state().pulls.remove(path);
        self.with(|node, _| node.unfollow(path));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Runtime> Station<R> {
    /// Does what the cluster decides, for as long as it is polled.
    pub(crate) async fn run_in_cluster(&self) {
        let Some(cluster) = self.cluster() else { return std::future::pending().await };
        let mut looked = Instant::now();
        loop {
            for output in cluster.member.decisions().await {
                self.decided(cluster, output);
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.look_around(cluster);
            }
        }
    }

    /// A publisher wants a path: it may have it once the path is this node's.
    pub(super) fn announced(&self, cluster: &Cluster, question: Question<Announce>) {
        let path = trimmed(&question.path).to_owned();
        let is_owned = cluster.with(|node, _| {
            node.want(&path);
            node.owns(&path)
        });
        if is_owned {
            self.allow(cluster, question, None);
        } else {
            cluster.state().announced.push((question, Instant::now()));
        }
    }

    /// A stream has begun, or has another publisher; it is a publisher's if that has a session.
    pub(super) fn came(&self, stream: StreamId, publisher: Option<SessionId>) {
        if let (Some(cluster), Some(_)) = (self.cluster(), publisher) {
            cluster.state().published.insert(stream);
        }
    }

    /// A stream has ended: if it was a publisher's, others may have its path.
    pub(super) fn gone(&self, stream: StreamId, path: &str) {
        let Some(cluster) = self.cluster() else { return };
        let was_publishers = cluster.state().published.remove(&stream);
        if was_publishers {
            self.give_back(cluster, path);
        }
    }

    /// A publisher has gone, and its stream waits: the publisher may be at another node by now. If there are readers, the stream goes
    /// on from there.
    pub(super) fn left(&self, stream: StreamId, path: &str) {
        self.gone(stream, path);
        let Some(cluster) = self.cluster() else { return };
        let is_read = self.server().stream(stream).is_some_and(|stream| !stream.readers.is_empty());
        let plan = self.settings().plan(path).filter(|_| is_read).cloned();
        if let Some(plan) = plan.and_then(|plan| relay_of(path, plan)) {
            cluster.with(|node, now| node.follow(now, path));
            self.start_or_tell(path, &plan);
        }
    }

    fn give_back(&self, cluster: &Cluster, path: &str) {
        cluster.state().allowed.remove(path);
        cluster.with(|node, _| node.unwant(path));
    }

    fn decided(&self, cluster: &Cluster, output: Output) {
        match output {
            Output::Owned { path } if self.shared_plan(&path).is_some() => self.begin_own(cluster, &path),
            Output::Owned { path } => {
                let relay = self.end_relay(&path);
                let mut state = cluster.state();
                let all = std::mem::take(&mut state.announced);
                let (own, others) =
                    all.into_iter().partition(|(question, _)| trimmed(&question.path) == path);
                state.announced = others;
                drop(state);
                let own: Vec<(Question<Announce>, Instant)> = own;
                own.into_iter().for_each(|(question, _)| self.allow(cluster, question, relay.clone()));
            }
            Output::Lost { path } => {
                cluster.tell_source(&path);
                match self.shared_plan(&path) {
                    Some(_) => self.record_at(&path),
                    None => self.lost(cluster, &path),
                }
            }
            Output::Pull { path, from } => {
                cluster.tell_source(&path);
                self.found(cluster, &path, from);
            }
            _ => {}
        }
    }

    /// Lets a publisher begin, once a relay that was at its path has left its stream. Readers of the relay stay if the publisher
    /// announces the same medias.
    fn allow(&self, cluster: &Cluster, question: Question<Announce>, relay: Option<Receiver<()>>) {
        let path = trimmed(&question.path).to_owned();
        cluster.state().allowed.insert(path, Instant::now());
        let station = self.clone();
        self.spawn_or_tell("a publisher waits in vain", async move {
            if let Some(relay) = relay {
                // It is closed when the relay has ended.
                let left = async {
                    let _ = relay.recv().await;
                };
                or(left, sleep::<R>(FAREWELL)).await;
            }
            let _ = station.server().answer(question.ticket, Ok(()));
        });
    }

    /// A path may be another node's in a moment: its publisher has to come again, and its readers wait.
    fn lost(&self, cluster: &Cluster, path: &str) {
        self.give_back(cluster, path);
        let note = CloseNote::new("the registry of the cluster is out of reach")
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .keep_stream();
        for stream in self.server().streams() {
            let publisher = stream.publisher.filter(|_| trimmed(&stream.path) == path);
            if let Some(session) = publisher {
                self.server().close_session_with(session, note.clone());
            }
        }
        let line = format!("{path} is given up: the registry of the cluster is out of reach");
        self.tell("path_lost", line, json!({ "path": path }));
    }

    /// Tells the others how busy it is here, and forgets those who have waited for too long.
    fn look_around(&self, cluster: &Cluster) {
        let sessions = self.server().sessions();
        let publishes = |path: &str| {
            let at = |session: &&rtspan_std::SessionInfo| trimmed(&session.path) == path;
            sessions.iter().filter(at).any(|session| session.action == Action::Publish)
        };
        let nodes = self.sessions_of_nodes(cluster);
        let reads = |session: &&rtspan_std::SessionInfo| session.action == Action::Read;
        let load = sessions.iter().filter(reads).filter(|session| !nodes.contains(&session.session)).count();
        let is_full = cluster.plan.readers_max.is_some_and(|max| load >= max);
        cluster.with(|node, _| node.set_load(load.try_into().unwrap_or(u32::MAX), is_full));
        let owned: Vec<String> = cluster.with(|node, _| node.owned().map(ToOwned::to_owned).collect());
        for path in owned {
            let is_new = cluster.state().allowed.get(&path).is_some_and(|at| at.elapsed() < GRACE);
            let is_publishers = self.shared_plan(&path).is_none();
            if is_publishers && !is_new && !publishes(&path) && !self.is_published_here(&path) {
                self.give_back(cluster, &path);
            }
        }
        cluster.end_rests();
        self.dismiss_publishers(cluster);
        self.dismiss_readers(cluster);
    }

    /// The sessions by which other nodes pull from here, as they name themselves; with a secret they have proved it.
    fn sessions_of_nodes(&self, cluster: &Cluster) -> HashSet<SessionId> {
        let is_node = |conn: &rtspan_std::ConnInfo| {
            let is_named = conn.user_agent.as_ref().is_some_and(|agent| agent.starts_with(AGENT));
            is_named && (cluster.plan.secret.is_none() || conn.users.iter().any(|user| user == NODE_USER))
        };
        self.server()
            .connections()
            .iter()
            .filter(|conn| is_node(conn))
            .flat_map(|conn| conn.sessions.clone())
            .collect()
    }

    /// Publishers whose path another node has for longer than a lease lasts.
    fn dismiss_publishers(&self, cluster: &Cluster) {
        let patience = cluster.plan.ttl + cluster.plan.ttl / 2;
        let late: Vec<_> = {
            let mut state = cluster.state();
            let all = std::mem::take(&mut state.announced);
            let (late, others) = all.into_iter().partition(|(_, since)| since.elapsed() >= patience);
            state.announced = others;
            late
        };
        for (question, _) in late {
            let path = trimmed(&question.path).to_owned();
            let waits = |(other, _): &(Question<Announce>, Instant)| trimmed(&other.path) == path;
            let has_others = cluster.state().announced.iter().any(waits);
            if !has_others && !self.is_published_here(&path) {
                cluster.with(|node, _| node.unwant(&path));
            }
            let why = match cluster.with(|node, _| node.view().claims.get(&path).cloned()) {
                Some(claim) => format!("node {} of the cluster has this path", claim.node),
                None => "the registry of the cluster does not answer".to_owned(),
            };
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE).with_reason(&why);
            let _ = self.server().answer(question.ticket, Err(refusal));
        }
    }

    /// There is a stream at the path, and it does not come from another node.
    fn is_published_here(&self, path: &str) -> bool {
        self.is_published(path) && !self.running_plan(path).is_some_and(|plan| is_relay(&plan.source))
    }
}

/// The plan of a path that is pulled from another node.
fn is_relay(source: &Source) -> bool {
    *source == Source::Node
}
