//! A station as a node of a cluster: paths that other nodes have are pulled from there, or their readers are sent there.

mod crowd;
mod publishers;
mod readers;
mod settings;
mod sources;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtspan_examples::cluster::{Member, Node, NodeSettings, Output, RegistryNews};
use rtspan_std::runtime::Runtime;
use rtspan_std::{Action, Announce, ConnId, Question, SessionId, StreamId, WithCauses};
use serde_json::json;
use smol::channel::{Receiver, Sender};

pub(crate) use settings::{ClusterPlan, NODE_USER};
pub(crate) use sources::Word;

use crowd::Crowd;

use super::config::Source;
use super::station::{Station, Waiting};
use super::tell::tell;
use crate::Failure;
use crate::args::EventsFormat;

/// Nodes that pull a path from here, as a multiple of those that should.
const CROWD: usize = 2;
/// How the user agents of nodes begin. Their names follow.
const AGENT: &str = "rtspan-node/";
/// How often it is looked who is here, and who waits.
const LOOK: Duration = Duration::from_secs(1);

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
    /// When publishers were allowed to publish at a path, and their connections.
    allowed: HashMap<String, (Instant, Vec<ConnId>)>,
    /// The streams of publishers.
    published: HashSet<StreamId>,
    /// Readers of paths that nobody here knows yet.
    asked: HashMap<String, Vec<(Waiting, Instant)>>,
    /// Nodes that have just been let pull a path from here, so that the others do not know yet.
    let_pull: Crowd,
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

    fn decided(&self, cluster: &Cluster, output: Output) {
        match output {
            Output::Owned { path } => match self.shared_plan(&path) {
                Some(_) => self.begin_own(cluster, &path),
                None => self.let_in(cluster, &path),
            },
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

    /// Tells the others how busy it is here, and forgets those who have waited for too long.
    fn look_around(&self, cluster: &Cluster) {
        let sessions = self.server().sessions();
        let nodes = self.sessions_of_nodes(cluster);
        let reads = |session: &&rtspan_std::SessionInfo| session.action == Action::Read;
        let load = sessions.iter().filter(reads).filter(|session| !nodes.contains(&session.session)).count();
        let is_full = cluster.plan.readers_max.is_some_and(|max| load >= max);
        cluster.with(|node, _| node.set_load(load.try_into().unwrap_or(u32::MAX), is_full));
        self.give_back_unused(cluster, &sessions);
        cluster.state().let_pull.forget(Instant::now());
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
}

/// The plan of a path that is pulled from another node.
fn is_relay(source: &Source) -> bool {
    *source == Source::Node
}
