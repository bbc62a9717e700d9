//! A running server, whose paths, users and recordings can be changed.

mod apply;
mod events;
mod question;
mod run;
mod sources;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_lite::future::or;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::tls::ServerTls;
use rtspan_std::{SessionId, SessionInfo};
use smol::channel::{Receiver, Sender, unbounded};

pub(crate) use apply::Changes;
pub(crate) use events::StationEvent;
pub(crate) use sources::Place;
pub(crate) use state::PathState;

use super::config::{Config, PathSettings, Settings};
use super::recording::Recorders;
use super::tell::tell;
use crate::Failure;
use crate::args::EventsFormat;
use crate::stop::sleep;
use events::Events;
use state::State;

/// How often it is looked whether all sources have ended, and how long that may take.
const GLANCE: Duration = Duration::from_millis(10);
const GOODBYE: Duration = Duration::from_secs(3);

/// A task of a station's, which the task that runs it spawns: other threads may be outside of the runtime.
type Task = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A running server, whose paths, users and recordings can be changed. Its clones are the same one; all methods may be called
/// from any thread.
pub(crate) struct Station<R: Runtime>(Arc<Inner<R>>);

pub(crate) struct Inner<R: Runtime> {
    server: Arc<Server<R>>,
    config: Config,
    tls: Option<ServerTls>,
    state: Mutex<State>,
    /// Held by the one that changes the settings, from reading them to applying others.
    change: Mutex<()>,
    recorders: Recorders,
    events: Events,
    tasks: (Sender<Task>, Receiver<Task>),
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
    /// A recording cannot begin.
    pub(crate) fn new(
        server: Arc<Server<R>>,
        config: Config,
        settings: Settings,
        tls: Option<ServerTls>,
        format: EventsFormat,
    ) -> Result<Self, Failure> {
        let station = Self(Arc::new(Inner {
            server,
            config,
            tls,
            state: Mutex::new(State::new(&settings)),
            change: Mutex::default(),
            recorders: Recorders::new(format),
            events: Events::default(),
            tasks: unbounded(),
            format,
        }));
        station.apply(settings)?;
        Ok(station)
    }

    pub(crate) fn server(&self) -> &Server<R> {
        &self.0.server
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
        added.retain(|plan| plan.pattern.to_string() != super::config::trimmed(name));
        settings.paths.retain(|plan| plan.pattern.to_string() != super::config::trimmed(name));
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
        let name = super::config::trimmed(name);
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

    /// Reads the settings again, and does what has changed.
    ///
    /// # Errors
    ///
    /// There are faults: then nothing is changed. Or a recording cannot begin.
    pub(crate) fn reload(&self) -> Result<Changes, Failure> {
        let _turn = self.turn();
        let mut settings = self.0.config.load()?;
        let added = self.state().added.clone();
        added.into_iter().for_each(|plan| settings.add(plan));
        if let (Some(tls), Some(chain), Some(key)) =
            (&self.0.tls, &settings.file.tls.certificate, &settings.file.tls.key)
        {
            let failed = |path: &std::path::PathBuf| {
                let path = path.clone();
                move |source| Failure::Read { path, source }
            };
            let (pem, key) =
                (std::fs::read(chain).map_err(failed(chain))?, std::fs::read(key).map_err(failed(key))?);
            tls.replace_pem(&pem, &key)
                .map_err(|source| Failure::Certificate { path: chain.clone(), source })?;
        }
        self.apply(settings)
    }

    /// The events from here on. Of a reader that takes too little, the oldest are forgotten.
    pub(crate) fn subscribe(&self) -> Receiver<StationEvent> {
        self.0.events.subscribe()
    }

    /// Ends all sources and recordings. Cameras are told goodbye.
    pub(crate) async fn end(&self) {
        let stops: Vec<_> = self.state().running.drain().map(|(_, running)| running.stop).collect();
        for stop in &stops {
            stop.close();
        }
        let all_gone = async {
            while stops.iter().any(|stop| stop.receiver_count() > 0) {
                sleep::<R>(GLANCE).await;
            }
        };
        or(all_gone, sleep::<R>(GOODBYE)).await;
        self.0.recorders.end();
    }

    /// Says something in the form in which all is said.
    pub(crate) fn tell(&self, name: &str, line: String, values: serde_json::Value) {
        tell(self.0.format, name, line, values);
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

    /// Has the task that runs the station begin another one.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // The station ends with the task that receives it.
        let _ = self.0.tasks.0.try_send(Box::pin(task));
    }
}
