//! Makes a station what other settings say, by what is different.

use std::sync::Arc;

use rtspan_std::runtime::Runtime;
use rtspan_std::{CloseNote, StatusCode, StreamId};
use serde::Serialize;
use serde_json::json;
use smol::channel::bounded;

use super::Station;
use super::sources::dismiss;
use super::state::Live;
use crate::Failure;
use crate::serve::config::{File, PathPlan, Settings, Source};
use crate::serve::recording;

/// The changes that other settings have made.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Changes {
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) changed: Vec<String>,
    /// Users or their rights are others.
    pub(crate) users: bool,
    /// Addresses that are listened on now, as URLs.
    pub(crate) opened: Vec<String>,
    /// Addresses that are not listened on any more. Connections that have come to them stay.
    pub(crate) closed: Vec<String>,
    /// The token of the control interface is another one.
    pub(crate) token: bool,
    /// Settings that count from the next start on.
    pub(crate) at_next_start: Vec<AtNextStart>,
}

/// A setting that counts from the next start on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct AtNextStart {
    /// Such as `start`, `limits.sessions`.
    pub(crate) setting: String,
    /// Where it stands in the file, if it does.
    pub(crate) line: Option<usize>,
}

impl std::fmt::Display for AtNextStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.setting)?;
        self.line.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

impl Changes {
    /// Those from one to the other, of a server that has begun with these settings of its own.
    fn between(begun_with: &File, old: &Settings, new: &Settings) -> Self {
        let names = |settings: &Settings| settings.patterns().map(ToString::to_string).collect::<Vec<_>>();
        let (before, after) = (names(old), names(new));
        let without = |all: &[String], others: &[String]| {
            all.iter().filter(|name| !others.contains(name)).cloned().collect::<Vec<_>>()
        };
        let is_changed = |plan: &&PathPlan| {
            let mut same = old.paths.iter().filter(|other| other.pattern == plan.pattern).peekable();
            same.peek().is_some() && same.all(|other| other != *plan)
        };
        let at_next_start = |setting: String| {
            let line = new.lines.get(&setting).copied();
            AtNextStart { setting, line }
        };
        Self {
            added: without(&after, &before),
            removed: without(&before, &after),
            changed: new.paths.iter().filter(is_changed).map(|plan| plan.pattern.to_string()).collect(),
            users: old.accounts != new.accounts,
            at_next_start: begun_with.fixed_differences(&new.file).into_iter().map(at_next_start).collect(),
            ..Self::default()
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
        let lists = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("changed", &self.changed),
            ("listening on", &self.opened),
            ("no longer listening on", &self.closed),
        ];
        let mut parts: Vec<String> = lists
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(what, names)| format!("{what} {}", names.join(", ")))
            .collect();
        if self.users {
            parts.push("other users".to_owned());
        }
        if self.token {
            parts.push("another token".to_owned());
        }
        if !self.at_next_start.is_empty() {
            let all: Vec<_> = self.at_next_start.iter().map(ToString::to_string).collect();
            parts.push(format!("from the next start on: {}", all.join(", ")));
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
            .keep(&new, |orders| self.spawn_or_tell("recordings are cut late", recording::clock::<R>(orders)))
            .map_err(Failure::Archive)?;
        let (new, old) = {
            let mut state = self.state();
            let new = Arc::new(new);
            let old = std::mem::replace(&mut state.settings, Arc::clone(&new));
            (new, old)
        };
        let changes = Changes::between(&self.0.begun_with, &old, &new);
        if changes.users {
            self.server().set_users(new.accounts.users());
        }
        self.server().set_asks_at(new.asks(self.cluster().is_some()));
        self.end_sources(&new);
        self.end_publishers(&new);
        self.share(&new);
        let is_for_us = |source: &Source| source.is_pulled() && !self.is_clustered(source);
        for plan in new.paths.iter().filter(|plan| is_for_us(&plan.source) && !plan.on_demand) {
            if let Some(path) = plan.pattern.exact() {
                self.start_or_tell(path, plan);
            }
        }
        let streams: Vec<StreamId> = self.state().streams.keys().copied().collect();
        streams.into_iter().for_each(|stream| self.record(stream));
        Ok(changes)
    }

    /// Begins a source that does not run, or says why not.
    pub(crate) fn start_or_tell(&self, path: &str, plan: &PathPlan) {
        let is_running = self.state().running.contains_key(path);
        if let Some(why) = Some(()).filter(|()| !is_running).and_then(|()| self.start(path, plan).err()) {
            let line = format!("{path}: {why}");
            self.tell("source_away", line, json!({ "path": path, "reason": why }));
        }
    }

    /// Ends the sources that are no more, or are to be others.
    fn end_sources(&self, new: &Settings) {
        let mut ended = Vec::new();
        let mut state = self.state();
        state.running.retain(|path, running| {
            let plan = new.plan(path);
            let goes_on = plan.is_some_and(|plan| match running.plan.source {
                Source::Node => plan.source == Source::Publisher,
                _ => plan.has_same_source(&running.plan),
            });
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

    /// Records the streams of a path, or does no more, as the settings and the cluster say.
    pub(crate) fn record_at(&self, path: &str) {
        let state = self.state();
        let at = |(stream, live): (&StreamId, &Live)| (live.path == path).then_some(*stream);
        let streams: Vec<StreamId> = state.streams.iter().filter_map(at).collect();
        drop(state);
        streams.into_iter().for_each(|stream| self.record(stream));
    }

    /// Records a stream, or does no more, as the settings say.
    pub(super) fn record(&self, stream: StreamId) {
        let mut state = self.state();
        let settings = Arc::clone(&state.settings);
        let source = state.streams.get(&stream).and_then(|live| state.running.get(&live.path));
        let is_relay = source.is_some_and(|source| self.is_clustered(&source.plan.source));
        let path = state.streams.get(&stream).map(|live| live.path.clone()).unwrap_or_default();
        let is_elsewhere = is_relay && !self.owns(&path);
        let Some(live) = state.streams.get_mut(&stream) else { return };
        // The node that has the path records.
        let plan = settings.plan(&live.path).filter(|_| !is_elsewhere);
        let wanted = plan.and_then(|plan| plan.record.clone());
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
        let why = format!("{path} is not recorded");
        self.spawn_or_tell(
            &why,
            recording::record(Arc::clone(&self.0.server), stream, path, orders, stopped),
        );
    }
}
