//! Makes a station what other settings say, by what is different.

use std::sync::Arc;

use rtspan_std::runtime::Runtime;
use rtspan_std::{CloseNote, StatusCode, StreamId};
use serde::Serialize;
use smol::channel::bounded;

use super::Station;
use super::sources::dismiss;
use crate::Failure;
use crate::serve::config::{PathPlan, Settings, Source};
use crate::serve::recording;

/// The changes that other settings have made.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Changes {
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) changed: Vec<String>,
    /// Users or their rights are others.
    pub(crate) users: bool,
    /// Sections and settings that count from the next start on.
    pub(crate) at_next_start: Vec<&'static str>,
}

impl Changes {
    fn between(old: &Settings, new: &Settings) -> Self {
        let names = |settings: &Settings| settings.patterns().map(ToString::to_string).collect::<Vec<_>>();
        let (before, after) = (names(old), names(new));
        let without = |all: &[String], others: &[String]| {
            all.iter().filter(|name| !others.contains(name)).cloned().collect::<Vec<_>>()
        };
        let is_changed = |plan: &&PathPlan| {
            let mut same = old.paths.iter().filter(|other| other.pattern == plan.pattern).peekable();
            same.peek().is_some() && same.all(|other| other != *plan)
        };
        Self {
            added: without(&after, &before),
            removed: without(&before, &after),
            changed: new.paths.iter().filter(is_changed).map(|plan| plan.pattern.to_string()).collect(),
            users: old.accounts != new.accounts,
            at_next_start: old.file.fixed_differences(&new.file),
        }
    }

    /// Nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing has changed");
        }
        let lists = [("added", &self.added), ("removed", &self.removed), ("changed", &self.changed)];
        let mut parts: Vec<String> = lists
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("{what} {}", names.join(", ")))
            .collect();
        if self.users {
            parts.push("other users".to_owned());
        }
        if !self.at_next_start.is_empty() {
            parts.push(format!("{} counts from the next start on", self.at_next_start.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

impl<R: Runtime> Station<R> {
    /// Makes it what these settings say. What they do not change is not touched.
    ///
    /// # Errors
    ///
    /// A recording cannot begin.
    pub(super) fn apply(&self, new: Settings) -> Result<Changes, Failure> {
        self.0
            .recorders
            .keep(&new, |orders| self.spawn(recording::clock::<R>(orders)))
            .map_err(Failure::Archive)?;
        let (new, old) = {
            let mut state = self.state();
            let new = Arc::new(new);
            let old = std::mem::replace(&mut state.settings, Arc::clone(&new));
            (new, old)
        };
        let changes = Changes::between(&old, &new);
        if changes.users {
            self.server().set_users(new.accounts.users());
        }
        self.end_sources(&new);
        self.end_publishers(&new);
        for plan in new.paths.iter().filter(|plan| plan.source.is_pulled() && !plan.on_demand) {
            let Some(path) = plan.pattern.exact() else { continue };
            if !self.state().running.contains_key(path) {
                // Only sources of patterns can be too many.
                let _ = self.start(path, plan);
            }
        }
        let streams: Vec<StreamId> = self.state().streams.keys().copied().collect();
        streams.into_iter().for_each(|stream| self.record(stream));
        Ok(changes)
    }

    /// Ends the sources that are no more, or are to be others.
    fn end_sources(&self, new: &Settings) {
        let mut ended = Vec::new();
        let mut state = self.state();
        state.running.retain(|path, running| {
            let plan = new.plan(path);
            let goes_on = plan.is_some_and(|plan| plan.has_same_source(&running.plan));
            if !goes_on {
                ended.push((Arc::clone(&running.plan), std::mem::take(&mut running.waiting)));
            }
            goes_on
        });
        drop(state);
        ended.into_iter().for_each(|(plan, waiting)| dismiss(self, &plan, waiting));
    }

    /// Ends publishers at paths that are not for them any more.
    fn end_publishers(&self, new: &Settings) {
        let note =
            CloseNote::new("nothing is published at this path any more").with_status(StatusCode::FORBIDDEN);
        for stream in self.server().streams() {
            let Some(session) = stream.publisher.filter(|_| !stream.is_private) else { continue };
            if !new.plan(&stream.path).is_some_and(|plan| plan.source == Source::Publisher) {
                self.server().close_session_with(session, note.clone());
            }
        }
    }

    /// Records a stream, or does no more, as the settings say.
    pub(super) fn record(&self, stream: StreamId) {
        let mut state = self.state();
        let settings = Arc::clone(&state.settings);
        let Some(live) = state.streams.get_mut(&stream) else { return };
        let wanted = settings.plan(&live.path).and_then(|plan| plan.record.clone());
        if live.recording.as_ref().map(|(recording, _)| recording) == wanted.as_ref() {
            return;
        }
        live.recording = None;
        let Some(recording) = wanted else { return };
        let Some(orders) = self.0.recorders.orders(&recording) else { return };
        let (stop, stopped) = bounded(1);
        let path = live.path.clone();
        live.recording = Some((recording, stop));
        drop(state);
        self.spawn(recording::record(Arc::clone(&self.0.server), stream, path, orders, stopped));
    }
}
