//! Has the hooks of the settings run when something happens at the station.

use std::collections::HashMap;
use std::time::Duration;

use rtspan_examples::hooks::{Action, Happening, Hook, Hooks, On, PATIENCE, Report};
use rtspan_std::runtime::Runtime;
use serde_json::json;
use smol::channel::Receiver;

use super::config::HookSettings;
use super::station::{Station, StationEvent};
use crate::Failure;

/// How many times a post is tried again if nothing is said.
const RETRIES: u32 = 2;
/// How long hooks are waited for at the end.
const LAST_HOOKS: Duration = Duration::from_secs(5);

/// The events of a station, and the hooks for them.
pub(super) struct Watch<R: Runtime> {
    station: Station<R>,
    events: Receiver<StationEvent>,
    settings: Vec<HookSettings>,
    hooks: Hooks,
    /// Facts of sessions that were told at their beginning, for their end.
    known: HashMap<String, Vec<(&'static str, String)>>,
}

impl<R: Runtime> Watch<R> {
    /// Looks from here on.
    pub(super) fn new(station: &Station<R>) -> Result<Self, Failure> {
        let settings = station.settings().file.hooks.clone();
        let hooks = start(station, &settings)?;
        let events = station.subscribe();
        Ok(Self { station: station.clone(), events, settings, hooks, known: HashMap::new() })
    }

    /// Tells hooks what happens, until the station ends.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        while let Ok(event) = self.events.recv().await {
            let settings = self.station.settings();
            if settings.file.hooks != self.settings {
                self.settings.clone_from(&settings.file.hooks);
                let hooks = start(&self.station, &self.settings)?;
                // Commands that run come to their end; nobody waits for them.
                smol::spawn(std::mem::replace(&mut self.hooks, hooks).finish(LAST_HOOKS)).detach();
            }
            self.tell(event);
        }
        Ok(())
    }

    /// Waits for the hooks of what has happened.
    pub(super) async fn end(mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.tell(event);
        }
        self.hooks.finish(LAST_HOOKS).await;
    }

    fn tell(&mut self, event: StationEvent) {
        let happening = match event {
            StationEvent::PathReady { path, source } => {
                Happening::new(On::Ready, path).with("source", source)
            }
            StationEvent::PathGone { path, reason } => Happening::new(On::Gone, path).with("reason", reason),
            StationEvent::PublisherBegan { path, session, peer, user } => {
                self.began(On::Publish, path, session, user, [("peer", peer.to_string())])
            }
            StationEvent::ReaderBegan { path, session, peer, user, transport } => {
                let facts = [("peer", peer.to_string()), ("transport", transport.to_owned())];
                self.began(On::Read, path, session, user, facts)
            }
            StationEvent::PublisherEnded { path, session, reason } => {
                self.ended(On::Unpublish, path, &session, reason)
            }
            StationEvent::ReaderEnded { path, session, reason } => {
                self.ended(On::Unread, path, &session, reason)
            }
        };
        self.hooks.tell(&happening);
    }

    fn began<const N: usize>(
        &mut self,
        on: On,
        path: String,
        session: String,
        user: Option<String>,
        facts: [(&'static str, String); N],
    ) -> Happening {
        let user = user.map(|user| ("user", user));
        let facts: Vec<_> = [("session", session.clone())].into_iter().chain(facts).chain(user).collect();
        self.known.insert(session, facts.clone());
        with(Happening::new(on, path), facts)
    }

    fn ended(&mut self, on: On, path: String, session: &str, reason: String) -> Happening {
        let facts = self.known.remove(session).unwrap_or_default();
        with(Happening::new(on, path), facts).with("reason", reason)
    }
}

fn with(happening: Happening, facts: Vec<(&'static str, String)>) -> Happening {
    facts.into_iter().fold(happening, |happening, (name, value)| happening.with(name, value))
}

fn start<R: Runtime>(station: &Station<R>, settings: &[HookSettings]) -> Result<Hooks, Failure> {
    let station = station.clone();
    let say = move |report: Report| {
        let values = match &report {
            Report::Said { hook, line } => json!({ "hook": hook, "line": line }),
            Report::Failed { hook, path, why } => json!({ "hook": hook, "path": path, "reason": why }),
            Report::LeftOut { hook, path } => {
                json!({ "hook": hook, "path": path, "reason": "too many wait" })
            }
            _ => json!({}),
        };
        let name = if matches!(report, Report::Said { .. }) { "hook_said" } else { "hook_failed" };
        station.tell(name, report.to_string(), values);
    };
    Hooks::start(settings.iter().map(HookSettings::hook).collect(), say).map_err(Failure::Runtime)
}

impl HookSettings {
    fn hook(&self) -> Hook {
        let action = match (&self.run, &self.shell, &self.url) {
            (Some(command), ..) => Action::Run(command.clone()),
            (None, Some(script), _) => Action::Shell(script.clone()),
            (None, None, url) => Action::Post {
                url: url.clone().unwrap_or_default(),
                retries: self.retries.unwrap_or(RETRIES),
            },
        };
        Hook {
            on: self.on.iter().map(|on| **on).collect(),
            paths: self.paths.clone().unwrap_or_else(|| "*".to_owned()),
            action,
            patience: self.timeout.map_or(PATIENCE, |timeout| timeout.0),
        }
    }
}
