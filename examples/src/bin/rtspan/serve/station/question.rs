//! Questions of peers about paths: may somebody publish there, and is there something to read.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{Action, Describe, Event, Question, Refusal, Setup, StatusCode, StreamInfo, Url};

use super::Station;
use super::state::Absence;
use crate::serve::cluster::Cluster;
use crate::serve::config::{PathPlan, Source, path_name};
use crate::stop::sleep;

/// A reader that waits for a source.
pub(crate) enum Waiting {
    Describe(Box<Question<Describe>>),
    Setup(Box<Question<Setup>>),
}

impl Waiting {
    fn path(&self) -> Cow<'_, str> {
        match self {
            Self::Describe(question) => path_name(&question.path),
            Self::Setup(question) => path_name(&question.path),
        }
    }

    fn request(&self) -> &rtspan_std::Request {
        match self {
            Self::Describe(question) => &question.request,
            Self::Setup(question) => &question.request,
        }
    }

    /// The program that asks, as it says; empty if it says nothing.
    pub(crate) fn user_agent(&self) -> &str {
        self.request().headers.get("User-Agent").unwrap_or_default()
    }

    /// The user that has proved itself; `None` if none had to.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Describe(question) => question.user.as_deref(),
            Self::Setup(question) => question.user.as_deref(),
        }
    }

    /// The query of its URL.
    pub(crate) fn query(&self) -> Option<&str> {
        match self {
            Self::Describe(question) => question.query.as_deref(),
            Self::Setup(question) => question.query.as_deref(),
        }
    }

    fn url(&self) -> &str {
        match self {
            Self::Describe(question) => &question.request.uri,
            Self::Setup(question) => &question.request.uri,
        }
    }

    /// Answers it. The reader may have gone meanwhile.
    pub(crate) fn answer<R: Runtime>(self, server: &Server<R>, answer: Result<(), Refusal>) {
        let _ = match self {
            Self::Describe(question) => server.answer(question.ticket, answer),
            Self::Setup(question) => server.answer(question.ticket, answer),
        };
    }

    /// Sends the reader to the fallback of the path, or says why there is nothing, and when to come again.
    pub(crate) fn send_away<R: Runtime>(self, server: &Server<R>, plan: &PathPlan, absence: Absence<'_>) {
        if let Some(url) = plan.fallback.as_deref().and_then(|path| at_path(self.url(), path)) {
            return self.send_to(server, &url);
        }
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE).with_reason(absence.words);
        let rest = absence.again.map(|again| again.saturating_duration_since(Instant::now()));
        let again = rest.map(|rest| (rest.as_secs() + 1).to_string());
        let with_time = again.and_then(|seconds| refusal.clone().with_header("Retry-After", &seconds).ok());
        self.answer(server, Err(with_time.unwrap_or(refusal)));
    }

    /// Sends the reader to another URL. One that is too long for a header cannot be told.
    pub(crate) fn send_to<R: Runtime>(self, server: &Server<R>, url: &str) {
        let refusal = Refusal::new(StatusCode::FOUND).with_header("Location", url);
        self.answer(server, Err(refusal.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into())));
    }

    /// Refuses another node, which looks for yet another one then.
    pub(crate) fn refuse_node<R: Runtime>(self, server: &Server<R>) {
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE).with_reason("not from this node");
        self.answer(server, Err(refusal));
    }

    pub(crate) fn into_event(self) -> Event {
        match self {
            Self::Describe(question) => Event::Describe(*question),
            Self::Setup(question) => Event::Setup(*question),
        }
    }
}

/// The URL of another path of the same server.
fn at_path(url: &str, path: &str) -> Option<String> {
    Url::parse(url).ok()?;
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    Some(format!("{scheme}://{host}/{path}"))
}

impl<R: Runtime> Station<R> {
    /// Answers a question about a path that is a station's to answer, sooner or later; gives back every other event.
    pub(super) fn handle(&self, event: Event) -> Option<Event> {
        match event {
            Event::Announce(question) => {
                let plan = self.state().settings.plan(&question.path).cloned();
                let is_publisher = plan.as_ref().is_some_and(|plan| plan.source == Source::Publisher);
                if let Some(cluster) = self.cluster().filter(|_| is_publisher) {
                    self.announced(cluster, question);
                    return None;
                }
                let answer = match plan.map(|plan| plan.source) {
                    Some(Source::Publisher) => Ok(()),
                    Some(_) => Err(refused("the stream of this path does not come from publishers")),
                    None => Err(refused("nothing is published at this path")),
                };
                let _ = self.server().answer(question.ticket, answer);
                None
            }
            Event::Describe(question) => self.look(Waiting::Describe(Box::new(question))),
            Event::Setup(question) if question.action == Action::Read && question.session.is_none() => {
                self.look(Waiting::Setup(Box::new(question)))
            }
            event => Some(event),
        }
    }

    /// Looks at whether a reader has to wait for the source of its path.
    fn look(&self, waiting: Waiting) -> Option<Event> {
        let path = waiting.path().into_owned();
        let plan = self.state().settings.plan(&path).cloned();
        let is_publisher = plan.as_ref().is_some_and(|plan| plan.source == Source::Publisher);
        if let Some(cluster) =
            self.cluster().filter(|cluster| is_publisher && self.may_be_elsewhere(cluster, &path))
        {
            return self.look_in_cluster(cluster, path, waiting);
        }
        match (plan, self.cluster()) {
            (Some(plan), Some(cluster)) if plan.source.is_shared() => {
                self.look_at_shared(cluster, path, plan, waiting)
            }
            (plan, _) => self.look_at_home(path, plan, waiting),
        }
    }

    /// Looks at a path that no other node knows.
    fn look_at_home(&self, path: String, plan: Option<PathPlan>, waiting: Waiting) -> Option<Event> {
        match plan {
            Some(plan) if plan.source.is_pulled() => self.wait(path, plan, waiting),
            Some(plan) if plan.fallback.is_some() && !self.is_published(&path) => {
                waiting.send_away(self.server(), &plan, Absence::new(""));
                None
            }
            _ => Some(waiting.into_event()),
        }
    }

    /// Has a reader wait until its source is live, unless that it is already, or is known to be away.
    pub(crate) fn wait(&self, path: String, plan: PathPlan, waiting: Waiting) -> Option<Event> {
        let is_running = self.state().running.contains_key(&path);
        let started = if is_running { Ok(()) } else { self.start(&path, &plan) };
        if let Err(why) = started {
            waiting.send_away(self.server(), &plan, Absence::new(&why));
            return None;
        }
        let mut state = self.state();
        let number = state.next_number();
        let running = state.running.get_mut(&path);
        let Some(running) = running.filter(|running| !running.is_live) else {
            return Some(waiting.into_event());
        };
        if let Some(absence) = running.trouble.as_ref().map(|trouble| trouble.absence) {
            drop(state);
            waiting.send_away(self.server(), &plan, absence);
            return None;
        }
        running.waiting.push((number, waiting));
        drop(state);
        let (station, wait) = (self.clone(), plan.wait);
        let (own_path, own_plan) = (path.clone(), plan.clone());
        let is_spawned = self.spawn(async move {
            sleep::<R>(wait).await;
            station.give_up(&own_path, &own_plan, number, "the source has sent nothing yet");
        });
        if !is_spawned {
            self.give_up(&path, &plan, number, "too many readers wait");
        }
        None
    }

    /// Sends the reader of this number away, if it waits still.
    fn give_up(&self, path: &str, plan: &PathPlan, number: u64, why: &str) {
        let waiting = {
            let mut state = self.state();
            let waiting = state.running.get_mut(path).map(|running| &mut running.waiting);
            let place = waiting.as_ref().and_then(|all| all.iter().position(|(own, _)| *own == number));
            waiting.zip(place).map(|(all, place)| all.remove(place).1)
        };
        if let Some(waiting) = waiting {
            waiting.send_away(self.server(), plan, Absence::new(why));
        }
    }

    /// A path is looked for in the cluster: unless there may be a film or a recording, and nobody publishes there.
    fn may_be_elsewhere(&self, cluster: &Cluster, path: &str) -> bool {
        self.settings().shelves(path).next().is_none()
            || cluster.with(|node, _| node.view().claims.contains_key(path))
    }

    /// There is a stream at the path that is fed.
    pub(crate) fn is_published(&self, path: &str) -> bool {
        let is_fed = |stream: &StreamInfo| !stream.is_private && !stream.awaits_publisher;
        self.server().streams().iter().any(|stream| is_fed(stream) && path_name(&stream.path) == path)
    }

    /// Begins the source of a path; `Err` says why not.
    pub(super) fn start(&self, path: &str, plan: &PathPlan) -> Result<(), String> {
        self.start_source(path, Arc::new(plan.clone()))
    }
}

fn refused(why: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN).with_reason(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_is_on_the_same_server() {
        for (url, there) in [
            ("rtsp://nvr:8554/gate", "rtsp://nvr:8554/away"),
            ("rtsps://[::1]:322/cam/1?a=b", "rtsps://[::1]:322/away"),
        ] {
            assert_eq!(at_path(url, "away").unwrap(), there);
        }
        assert_eq!(at_path("*", "away"), None);
    }
}
