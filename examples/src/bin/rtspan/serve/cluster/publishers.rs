//! Publishers of this node: each may have its path once the path is this node's.

use std::time::{Duration, Instant};

use futures_lite::future::or;
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    Action, Announce, CloseNote, ConnId, Question, Refusal, SessionId, SessionInfo, StatusCode, StreamId,
};
use serde_json::json;
use smol::channel::Receiver;

use super::readers::relay_of;
use super::{Cluster, State, is_relay};
use crate::serve::config::{Source, path_name};
use crate::serve::station::Station;
use crate::stop::sleep;

/// A publisher that has been allowed to publish and does not is forgotten after so long.
const GRACE: Duration = Duration::from_secs(15);
/// A publisher waits so long for the relay whose stream it takes.
const FAREWELL: Duration = Duration::from_secs(3);

impl State {
    /// A publisher waits until the path is this node's.
    fn is_awaited(&self, path: &str) -> bool {
        self.announced.iter().any(|(question, _)| path_name(&question.path) == path)
    }

    /// Takes those out that wait for a path, because they may begin.
    fn take_announced(&mut self, path: &str) -> Vec<Question<Announce>> {
        let all = std::mem::take(&mut self.announced);
        let (own, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(question, _)| path_name(&question.path) == path);
        self.announced = others;
        if !own.is_empty() {
            let conns = own.iter().map(|(question, _)| question.conn).collect();
            self.allowed.insert(path.to_owned(), (Instant::now(), conns));
        }
        own.into_iter().map(|(question, _)| question).collect()
    }
}

impl<R: Runtime> Station<R> {
    /// A publisher wants a path: it may have it once the path is this node's.
    pub(crate) fn announced(&self, cluster: &Cluster, question: Question<Announce>) {
        let path = path_name(&question.path).into_owned();
        cluster.state().announced.push((question, Instant::now()));
        let is_owned = cluster.with(|node, _| {
            node.want(&path);
            node.owns(&path)
        });
        if is_owned {
            self.let_in(cluster, &path);
        }
    }

    /// A path was this node's when that was decided: lets those begin that wait for it, once a relay that was at the path has left its
    /// stream. Readers of the relay stay if the publisher announces the same medias.
    pub(super) fn let_in(&self, cluster: &Cluster, path: &str) {
        if !self.owns(path) {
            // It has been lost again.
            return self.want_for_those_who_wait(cluster, path);
        }
        let questions = cluster.state().take_announced(path);
        if questions.is_empty() {
            return;
        }
        let relay = self.end_relay(path);
        let (station, path) = (self.clone(), path.to_owned());
        self.spawn_or_tell("a publisher waits in vain", async move {
            if let Some(relay) = relay {
                station.wait_for_relay(&relay).await;
            }
            station.allow(&path, questions);
        });
    }

    async fn wait_for_relay(&self, relay: &Receiver<()>) {
        // It is closed when the relay has ended.
        let left = async {
            let _ = relay.recv().await;
        };
        or(left, sleep::<R>(FAREWELL)).await;
    }

    /// Answers publishers. The path is given back if none of them is there any more.
    fn allow(&self, path: &str, questions: Vec<Question<Announce>>) {
        let Some(cluster) = self.cluster() else { return };
        let mut is_taken = false;
        for question in questions {
            if self.owns(path) {
                is_taken |= self.server().answer(question.ticket, Ok(())).is_ok();
            } else {
                self.announced(cluster, question);
            }
        }
        if !is_taken && !has_publisher(&self.server().sessions(), path) && !self.is_published_here(path) {
            self.give_back(cluster, path);
        }
    }

    /// A stream has begun, or has another publisher; it is a publisher's if that has a session.
    pub(crate) fn came(&self, stream: StreamId, path: &str, publisher: Option<SessionId>) {
        let (Some(cluster), Some(session)) = (self.cluster(), publisher) else { return };
        cluster.state().published.insert(stream);
        let plan = self.settings().plan(path).cloned();
        if plan.is_some_and(|plan| plan.source == Source::Publisher) && !self.owns(path) {
            // It was let in just before the path was lost.
            self.server().close_session_with(session, lost());
        }
    }

    /// A stream has ended: if it was a publisher's, others may have its path.
    pub(crate) fn gone(&self, stream: StreamId, path: &str) {
        let Some(cluster) = self.cluster() else { return };
        let was_publishers = cluster.state().published.remove(&stream);
        let is_fed_otherwise = || {
            let state = cluster.state();
            let is_used = state.kept.contains(path) || state.pulls.contains_key(path);
            drop(state);
            is_used && self.shared_plan(path).is_some()
        };
        // Another publisher may have taken its place.
        if was_publishers && !has_publisher(&self.server().sessions(), path) && !is_fed_otherwise() {
            self.give_back(cluster, path);
        }
    }

    /// A publisher has gone, and its stream waits: the publisher may be at another node by now. If there are readers, the stream goes
    /// on from there. The node that the path comes to records it.
    pub(crate) fn left(&self, stream: StreamId, path: &str) {
        self.gone(stream, path);
        let Some(cluster) = self.cluster() else { return };
        let is_read = self.server().stream(stream).is_some_and(|stream| !stream.readers.is_empty());
        let plan = self.settings().plan(path).filter(|_| is_read).cloned();
        if let Some(plan) = plan.map(|plan| relay_of(path, plan)) {
            cluster.with(|node, now| node.follow(now, path));
            self.start_or_tell(path, &plan);
            self.record_at(path);
        }
    }

    /// Others may have a path, unless a publisher waits for it here.
    fn give_back(&self, cluster: &Cluster, path: &str) {
        cluster.state().allowed.remove(path);
        cluster.with(|node, _| node.unwant(path));
        self.want_for_those_who_wait(cluster, path);
    }

    fn want_for_those_who_wait(&self, cluster: &Cluster, path: &str) {
        if cluster.state().is_awaited(path) {
            cluster.with(|node, _| node.want(path));
        }
    }

    /// A path may be another node's in a moment: its publisher has to come again, also one that does not record yet. Its readers
    /// wait.
    pub(super) fn lost(&self, cluster: &Cluster, path: &str) {
        self.give_back(cluster, path);
        for session in publishers(&self.server().sessions(), path) {
            self.server().close_session_with(session, lost());
        }
        let line = format!("{path} is given up: the registry of the cluster is out of reach");
        self.tell("path_lost", line, json!({ "path": path }));
    }

    /// Gives the paths back that were a publisher's, which has gone or has never begun.
    pub(super) fn give_back_unused(&self, cluster: &Cluster, sessions: &[SessionInfo]) {
        let owned: Vec<String> = cluster.with(|node, _| node.owned().map(ToOwned::to_owned).collect());
        for path in owned {
            let state = cluster.state();
            let allowed = state.allowed.get(&path).filter(|(at, _)| at.elapsed() < GRACE).cloned();
            // One that waits is about to hear that it may begin.
            let is_awaited = state.is_awaited(&path);
            drop(state);
            let is_there = |conn: &ConnId| self.server().connection(*conn).is_some();
            let is_new = allowed.is_some_and(|(_, conns)| conns.iter().any(is_there));
            let is_publishers = self.shared_plan(&path).is_none();
            let is_used =
                is_new || is_awaited || has_publisher(sessions, &path) || self.is_published_here(&path);
            if is_publishers && !is_used {
                self.give_back(cluster, &path);
            }
        }
    }

    /// Forgets publishers that have hung up, and refuses those whose path another node has for longer than a lease lasts.
    pub(super) fn dismiss_publishers(&self, cluster: &Cluster) {
        let patience = cluster.plan.ttl + cluster.plan.ttl / 2;
        let is_there = |question: &Question<Announce>| self.server().connection(question.conn).is_some();
        let all = std::mem::take(&mut cluster.state().announced);
        let (late, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(question, since)| since.elapsed() >= patience || !is_there(question));
        // Others may have come meanwhile.
        cluster.state().announced.splice(..0, others);
        for (question, _) in late {
            let path = path_name(&question.path).into_owned();
            if !cluster.state().is_awaited(&path) && !self.is_published_here(&path) {
                self.give_back(cluster, &path);
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

/// The sessions that publish at a path, or have announced that they will.
fn publishers(sessions: &[SessionInfo], path: &str) -> impl Iterator<Item = SessionId> {
    let is_at =
        move |session: &&SessionInfo| session.action == Action::Publish && path_name(&session.path) == path;
    sessions.iter().filter(is_at).map(|session| session.session)
}

fn has_publisher(sessions: &[SessionInfo], path: &str) -> bool {
    publishers(sessions, path).next().is_some()
}

/// The reason for which a publisher has to come again.
fn lost() -> CloseNote {
    let note = CloseNote::new("the registry of the cluster is out of reach");
    note.with_status(StatusCode::SERVICE_UNAVAILABLE).keep_stream()
}
