//! The state of a station's paths.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{Action, SessionId, StreamId, StreamInfo};
use serde::Serialize;
use smol::channel::{Receiver, Sender};

use super::question::Waiting;
use crate::serve::config::{PathPlan, PathSettings, Pattern, Recording, Settings, Source, path_name};

/// The state of a station.
pub(super) struct State {
    pub(super) settings: Arc<Settings>,
    /// Paths that were added while it runs, and are not in the file.
    pub(super) added: Vec<PathPlan>,
    /// The sources of paths.
    pub(super) running: HashMap<String, Running>,
    /// The streams that can be read by all.
    pub(super) streams: HashMap<StreamId, Live>,
    /// Sessions that have begun.
    pub(super) sessions: HashMap<SessionId, (String, Action)>,
    /// The number of the next source.
    pub(super) number: u64,
}

/// A source: a task that pulls a camera, or plays a film for all.
pub(super) struct Running {
    pub(super) plan: Arc<PathPlan>,
    /// Tells it from another one that takes its place.
    pub(super) number: u64,
    /// The source ends when this is dropped.
    pub(super) _stop: Sender<()>,
    /// It is closed when the source has ended.
    pub(super) ended: Receiver<()>,
    pub(super) is_live: bool,
    /// Why it is not, if that is known.
    pub(super) trouble: Option<Trouble>,
    /// Readers that wait for it, each with its number.
    pub(super) waiting: Vec<(u64, Waiting)>,
}

/// Why there is nothing to read of a source.
pub(super) struct Trouble {
    pub(super) why: String,
    pub(super) absence: Absence<'static>,
}

/// The answer to readers for whom there is nothing.
#[derive(Clone, Copy)]
pub(crate) struct Absence<'a> {
    /// They tell nothing of the source.
    pub(super) words: &'a str,
    /// When it is tried again, if that is known.
    pub(super) again: Option<Instant>,
}

impl<'a> Absence<'a> {
    pub(crate) fn new(words: &'a str) -> Self {
        Self { words, again: None }
    }
}

/// A stream, and what is done with it.
pub(super) struct Live {
    pub(super) path: String,
    pub(super) recording: Option<(Recording, Sender<()>)>,
}

/// The state of a path, as it is told.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PathState {
    /// The path, or the pattern of several.
    pub(crate) name: String,
    /// Where its stream comes from, without credentials.
    pub(crate) source: String,
    /// It can be read.
    pub(crate) ready: bool,
    /// The session that publishes it.
    pub(crate) publisher: Option<String>,
    /// The sessions that read it.
    pub(crate) readers: Vec<String>,
    /// It is being recorded.
    pub(crate) recording: bool,
    /// Why there is nothing, if that is known.
    pub(crate) error: Option<String>,
    /// Its settings, without secrets; `None` of a path that has those of a pattern.
    pub(crate) settings: Option<PathSettings>,
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        let empty = Settings { paths: Vec::new(), ..settings.clone() };
        Self {
            settings: Arc::new(empty),
            added: Vec::new(),
            running: HashMap::new(),
            streams: HashMap::new(),
            sessions: HashMap::new(),
            number: 0,
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// A source that has this number; `None` if another one has its path, or none.
    pub(super) fn source_mut(&mut self, path: &str, number: u64) -> Option<&mut Running> {
        self.running.get_mut(path).filter(|running| running.number == number)
    }

    pub(super) fn paths<R: Runtime>(&self, server: &Server<R>) -> Vec<PathState> {
        let streams: Vec<_> = server.streams().into_iter().filter(|stream| !stream.is_private).collect();
        let at = |path: &str| streams.iter().find(|stream| path_name(&stream.path) == path);
        let plans = self.settings.paths.iter();
        let mut paths: Vec<PathState> = plans
            .map(|plan| {
                let stream = plan.pattern.exact().and_then(at);
                self.path(&plan.pattern.to_string(), Some(plan), stream, Some(plan.settings.clone()))
            })
            .collect();
        for stream in &streams {
            let path = path_name(&stream.path);
            if paths.iter().all(|own| own.name != path) {
                paths.push(self.path(&path, self.settings.plan(&path), Some(stream), None));
            }
        }
        paths
    }

    fn path(
        &self,
        name: &str,
        plan: Option<&PathPlan>,
        stream: Option<&StreamInfo>,
        settings: Option<PathSettings>,
    ) -> PathState {
        let live = stream.and_then(|stream| self.streams.get(&stream.stream));
        PathState {
            name: name.to_owned(),
            source: plan.map_or_else(String::new, |plan| plan.source.to_string()),
            ready: stream.is_some(),
            publisher: stream.and_then(|stream| stream.publisher).map(|session| session.to_string()),
            readers: stream.iter().flat_map(|stream| &stream.readers).map(ToString::to_string).collect(),
            recording: live.is_some_and(|live| live.recording.is_some()),
            error: self
                .running
                .get(name)
                .and_then(|running| running.trouble.as_ref())
                .map(|trouble| trouble.why.clone()),
            settings,
        }
    }
}

impl Settings {
    /// Adds a path, in the place of one of the same name.
    pub(super) fn add(&mut self, plan: PathPlan) {
        let is_same = |other: &PathPlan| {
            other.pattern == plan.pattern
                && matches!(other.source, Source::Shelf(_)) == matches!(plan.source, Source::Shelf(_))
        };
        self.paths.retain(|other| !is_same(other));
        self.paths.push(plan);
        self.paths.sort_by_key(|plan| plan.pattern.rank());
    }

    /// The patterns of all paths.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.paths.iter().map(|plan| &plan.pattern)
    }
}
