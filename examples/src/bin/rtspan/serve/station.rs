//! A running server, whose paths, users and recordings can be changed.

mod apply;
mod events;
mod question;
mod run;
mod sources;
mod state;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_lite::future::or;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::tls::ServerTls;
use rtspan_std::{Action, CloseNote, SessionId, SessionInfo};
use smol::channel::{Receiver, Sender, bounded};

pub(crate) use apply::{AtNextStart, Changes};
pub(crate) use events::StationEvent;
pub(crate) use question::Waiting;
pub(crate) use sources::Place;
pub(crate) use state::{Absence, PathState};

use super::cluster::Cluster;
use super::config::{Config, File, PathSettings, Settings};
use super::places::beside;
use super::recording::Recorders;
use super::tell::{tell, tell_start};
use crate::Failure;
use crate::args::EventsFormat;
use crate::stop::sleep;
use events::Events;
use state::State;

/// Tasks that wait at most until they begin: sources of paths, and readers that wait for them.
const TASKS_MAX: usize = 16_384;
/// How long it is waited for the end of readers, and for that of sources.
const GOODBYE: Duration = Duration::from_secs(3);
/// Callers that may wait at a time until the settings are read again; others wait until there is room.
const RELOADS_MAX: usize = 16;

/// A task of a station's, which the task that runs it spawns: other threads may be outside of the runtime.
type Task = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where it is told what has come of reading the settings again.
pub(crate) type Reloaded = Sender<Result<Changes, Failure>>;

/// A certificate as it was read, and from where.
#[derive(Debug)]
pub(crate) struct Pem {
    path: PathBuf,
    chain: Vec<u8>,
    key: Vec<u8>,
}

/// A running server, whose paths, users and recordings can be changed. Its clones are the same one; all methods may be called
/// from any thread.
pub(crate) struct Station<R: Runtime>(Arc<Inner<R>>);

pub(crate) struct Inner<R: Runtime> {
    server: Arc<Server<R>>,
    config: Config,
    /// The settings that the server has begun with, and has to its end.
    begun_with: File,
    tls: Option<ServerTls>,
    state: Mutex<State>,
    /// Held by the one that changes the settings, from reading them to applying others.
    change: Mutex<()>,
    recorders: Recorders,
    /// The part that it has in a cluster, if there is one.
    cluster: Option<Cluster>,
    events: Events,
    tasks: (Sender<Task>, Receiver<Task>),
    /// Those who wait until the settings are read again.
    reloads: (Sender<Reloaded>, Receiver<Reloaded>),
    format: EventsFormat,
}

impl<R: Runtime> Clone for Station<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Runtime> std::fmt::Debug for Station<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("server", &self.0.server).finish_non_exhaustive()
    }
}

impl<R: Runtime> Station<R> {
    /// A station of a server that has begun, with its first settings.
    ///
    /// # Errors
    ///
    /// A recording cannot begin, or the system has no thread for the cluster.
    pub(crate) fn new(
        server: Arc<Server<R>>,
        config: Config,
        settings: Settings,
        tls: Option<ServerTls>,
        format: EventsFormat,
    ) -> Result<Self, Failure> {
        let cluster = settings.cluster.as_ref().map(|plan| Cluster::join(plan, format)).transpose()?;
        let station = Self(Arc::new(Inner {
            server,
            config,
            begun_with: settings.file.clone(),
            tls,
            state: Mutex::new(State::new(&settings)),
            change: Mutex::default(),
            recorders: Recorders::new(format),
            cluster,
            events: Events::default(),
            tasks: bounded(TASKS_MAX),
            reloads: bounded(RELOADS_MAX),
            format,
        }));
        station.apply(settings)?;
        Ok(station)
    }

    pub(crate) fn server(&self) -> &Arc<Server<R>> {
        &self.0.server
    }

    /// The certificate of the server, if it has one.
    pub(crate) fn tls(&self) -> Option<&ServerTls> {
        self.0.tls.as_ref()
    }

    /// The part that it has in a cluster, if there is one.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.0.cluster.as_ref()
    }

    /// Gives the paths back that the other nodes may have from now on.
    pub(crate) async fn leave_cluster(&self) {
        if let Some(cluster) = self.cluster() {
            or(cluster.leave(), sleep::<R>(GOODBYE)).await;
        }
    }

    /// The paths that are configured, and those at which something is published.
    pub(crate) fn paths(&self) -> Vec<PathState> {
        self.state().paths(self.server())
    }

    /// Adds a path, or changes one that was added, until it is removed; reloading the file leaves it alone.
    ///
    /// # Errors
    ///
    /// The settings have faults, or a recording cannot begin.
    pub(crate) fn add_path(&self, name: &str, path: PathSettings) -> Result<(), Failure> {
        let _turn = self.turn();
        let (mut settings, mut added) = {
            let state = self.state();
            (Settings::clone(&state.settings), state.added.clone())
        };
        added.retain(|plan| plan.pattern.to_string() != super::config::path_name(name));
        settings.paths.retain(|plan| plan.pattern.to_string() != super::config::path_name(name));
        let plan = self.0.config.path(&settings, name, &path)?;
        added.push(plan.clone());
        settings.add(plan);
        self.apply(settings)?;
        self.state().added = added;
        Ok(())
    }

    /// Removes a path, whether it was added or is in the file; that comes back when the file is read again. `false` if there is
    /// no such path.
    ///
    /// # Errors
    ///
    /// A recording of another path cannot go on.
    pub(crate) fn remove_path(&self, name: &str) -> Result<bool, Failure> {
        let _turn = self.turn();
        let name = super::config::path_name(name);
        let mut settings = Settings::clone(&self.state().settings);
        let before = settings.paths.len();
        settings.paths.retain(|plan| plan.pattern.to_string() != name);
        if settings.paths.len() == before {
            return Ok(false);
        }
        self.apply(settings)?;
        self.state().added.retain(|plan| plan.pattern.to_string() != name);
        Ok(true)
    }

    pub(crate) fn sessions(&self) -> Vec<SessionInfo> {
        self.server().sessions()
    }

    /// Ends the session of this name; `false` if there is none.
    pub(crate) fn kick(&self, id: &str) -> bool {
        let session = self.sessions().into_iter().find(|session| session.session.to_string() == id);
        let id: Option<SessionId> = session.map(|session| session.session);
        if let Some(id) = id {
            self.server().close_session(id);
        }
        id.is_some()
    }

    /// Reads the settings again, with the certificate that they name; nothing is changed yet.
    ///
    /// # Errors
    ///
    /// There are faults, or the certificate cannot be used.
    pub(crate) fn read_again(&self) -> Result<(Settings, Option<Pem>), Failure> {
        let settings = self.0.config.load()?;
        let tls = &settings.file.tls;
        let Some((chain, key)) = tls.certificate.as_ref().zip(tls.key.as_ref()) else {
            return Ok((settings, None));
        };
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|source| Failure::Read { path: path.clone(), source })
        };
        let pem = Pem { path: chain.clone(), chain: read(chain)?, key: read(key)? };
        Ok((settings, Some(pem)))
    }

    /// Takes settings that were read again, beside the paths that were added.
    ///
    /// # Errors
    ///
    /// The certificate cannot be used, and nothing is changed; or a recording cannot begin.
    pub(crate) fn take(&self, mut settings: Settings, pem: Option<Pem>) -> Result<Changes, Failure> {
        let _turn = self.turn();
        if let Some((tls, Pem { path, chain, key })) = self.0.tls.as_ref().zip(pem) {
            tls.replace_pem(&chain, &key).map_err(|source| Failure::Certificate { path, source })?;
        }
        let added = self.state().added.clone();
        added.into_iter().for_each(|plan| settings.add(plan));
        self.apply(settings)
    }

    /// Has the settings read again, and waits until that is done.
    ///
    /// # Errors
    ///
    /// There are faults, or something cannot be opened: then nothing is changed.
    pub(crate) async fn reload(&self) -> Result<Changes, Failure> {
        let (answer, answered) = bounded(1);
        let _ = self.0.reloads.0.send(answer).await;
        answered.recv().await.unwrap_or(Err(Failure::Interrupted))
    }

    /// The next one who wants the settings to be read again.
    pub(crate) async fn reload_wanted(&self) -> Option<Reloaded> {
        self.0.reloads.1.recv().await.ok()
    }

    /// The events from here on. Of a reader that takes too little, the oldest are forgotten.
    pub(crate) fn subscribe(&self) -> Receiver<StationEvent> {
        self.0.events.subscribe()
    }

    /// Closes the server: the streams end when their readers have, so that all hear of both in this order.
    pub(crate) async fn close(&self) {
        let events = self.subscribe();
        let is_reader = |action: &Action| *action == Action::Read;
        let note = CloseNote::new("the server ends");
        for session in self.sessions().iter().filter(|session| is_reader(&session.action)) {
            self.server().close_session_with(session.session, note.clone());
        }
        let all_gone = async {
            while self.state().sessions.values().any(|(_, action)| is_reader(action)) {
                let _ = events.recv().await;
            }
        };
        or(all_gone, sleep::<R>(GOODBYE)).await;
        self.server().close().await;
    }

    /// Ends all sources and recordings of a server that is closed. Cameras are told goodbye, and those who have subscribed that all
    /// is over.
    pub(crate) async fn end(&self) {
        self.tell_ends();
        let ended: Vec<_> = self.state().running.drain().map(|(_, running)| running.ended).collect();
        let all_ended = async {
            for ended in ended {
                let _ = ended.recv().await;
            }
        };
        or(all_ended, sleep::<R>(GOODBYE)).await;
        self.0.recorders.end();
    }

    /// Says something in the form in which all is said.
    pub(crate) fn tell(&self, name: &str, line: String, values: serde_json::Value) {
        tell(self.0.format, name, line, values);
    }

    /// Says at the start where something is: a line that begins with these words and the URL.
    pub(crate) fn tell_place(&self, name: &str, words: &str, url: &str, addr: SocketAddr) {
        let line = format!("{words} {url}{}", beside(addr));
        tell_start(self.0.format, name, line, serde_json::json!({ "url": url }));
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.state().settings)
    }

    /// Waits until nobody else changes the settings.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the task that runs the station begin another one; `false` if too many wait for that, or the station has ended.
    #[must_use]
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        self.0.tasks.0.try_send(Box::pin(task)).is_ok()
    }

    /// The same for what is not waited for; `otherwise` is said if it is left out.
    pub(crate) fn spawn_or_tell(&self, otherwise: &str, task: impl Future<Output = ()> + Send + 'static) {
        if !self.spawn(task) {
            let line = format!("{otherwise}: too much begins at the same time");
            self.tell("left_out", line, serde_json::json!({ "reason": otherwise }));
        }
    }
}

#[cfg(test)]
mod tests;
