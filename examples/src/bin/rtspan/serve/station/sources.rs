//! The sources of paths: where they begin, and what they tell.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtspan_std::runtime::Runtime;
use rtspan_std::server::ServerStream;
use rtspan_std::{AddStreamError, Description};
use serde_json::json;
use smol::channel::{Receiver, Sender, bounded};

use super::Station;
use super::question::Waiting;
use super::state::{Absence, Running, Trouble};
use crate::serve::config::{PathPlan, Source};
use crate::serve::sources;
use crate::stop::sleep;

/// Sources that run at once because of a pattern: whoever asks for many paths has no more of them.
const PATTERN_MAX: usize = 256;
/// How often, and how long, it is tried to publish at a path that another source is just leaving.
const TRIES: u32 = 20;
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// The place of a source at its station.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: Arc<str>,
    pub(crate) plan: Arc<PathPlan>,
    number: u64,
}

impl Source {
    /// It is a task of the station's.
    pub(super) fn is_pulled(&self) -> bool {
        matches!(self, Self::Camera(_) | Self::Looped(_) | Self::Demo { .. } | Self::Node)
    }
}

impl<R: Runtime> Station<R> {
    pub(super) fn start_source(&self, path: &str, plan: Arc<PathPlan>) -> Result<(), String> {
        let mut state = self.state();
        let of_patterns = state.running.values().filter(|other| other.plan.pattern.exact().is_none()).count();
        if plan.pattern.exact().is_none() {
            if of_patterns >= PATTERN_MAX {
                return Err("too many cameras are pulled".to_owned());
            }
            let rest = plan.pattern.rest(path).unwrap_or_default();
            if !is_fit(rest) {
                return Err("there is no such camera".to_owned());
            }
        }
        let (stop, stopped) = bounded(1);
        let (runs, ended) = bounded(1);
        let number = state.next_number();
        let place = Place { path: path.into(), plan: Arc::clone(&plan), number };
        let station = self.clone();
        let run = async move {
            let _runs: Sender<()> = runs;
            sources::run(station, place, stopped).await;
        };
        if !self.spawn(run) {
            return Err("too much begins at the same time".to_owned());
        }
        let running =
            Running { plan, number, _stop: stop, ended, is_live: false, trouble: None, waiting: Vec::new() };
        state.running.insert(path.to_owned(), running);
        Ok(())
    }

    /// Publishes the stream of a source: goes on with one whose publisher has gone, or begins one once another one that was there has
    /// ended.
    ///
    /// # Errors
    ///
    /// The path is taken for longer, or nothing in the description can be sent.
    pub(crate) async fn publish(
        &self,
        place: &Place,
        description: &Description,
    ) -> Result<ServerStream, AddStreamError> {
        let path = format!("/{}", place.path);
        if let Some(stream) = self.server().take(&path, description) {
            // It was recorded for the publisher that has gone.
            self.record_at(&place.path);
            return Ok(stream);
        }
        let mut tries = 0;
        loop {
            match self.server().publish(&path, description.clone()) {
                Err(_) if tries < TRIES => sleep::<R>(TRY_AGAIN).await,
                published => return published,
            }
            tries += 1;
        }
    }

    /// A source can be read. Those that wait for it get their answer.
    pub(crate) fn live(&self, place: &Place) {
        let mut state = self.state();
        let Some(running) = state.source_mut(&place.path, place.number) else { return };
        (running.is_live, running.trouble) = (true, None);
        let waiting = std::mem::take(&mut running.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waiting)| waiting.answer(self.server(), Ok(())));
    }

    /// There is nothing to read of a source, for a reason that is told to all but readers. Those that wait for it are sent away. The
    /// source is tried `again` after so long, if that is known.
    pub(crate) fn away(&self, place: &Place, why: &str, again: Option<Duration>) {
        self.send_away(place, why, place.plan.source.absence(), again);
        let line = format!("{}: {why}", place.path);
        self.tell("source_away", line, json!({ "path": &*place.path, "reason": why }));
    }

    /// There is nothing to read of a source, for a reason that has been told. Readers that wait for it are sent away with the words
    /// for their absence.
    pub(crate) fn send_away(&self, place: &Place, why: &str, absence: &'static str, again: Option<Duration>) {
        let mut state = self.state();
        let Some(running) = state.source_mut(&place.path, place.number) else { return };
        let again = again.map(|again| Instant::now() + again);
        let absence = Absence { words: absence, again };
        (running.is_live, running.trouble) = (false, Some(Trouble { why: why.to_owned(), absence }));
        let waiting = std::mem::take(&mut running.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waiting)| waiting.send_away(self.server(), &place.plan, absence));
    }

    /// The plan of the source that runs at a path.
    pub(crate) fn running_plan(&self, path: &str) -> Option<PathPlan> {
        self.state().running.get(path).map(|running| PathPlan::clone(&running.plan))
    }

    /// Ends the source of a path that is pulled from another node: the path is this node's now. The receiver is closed when the
    /// source has ended.
    pub(crate) fn end_relay(&self, path: &str) -> Option<Receiver<()>> {
        let mut state = self.state();
        state.running.get(path).filter(|running| running.plan.source == Source::Node)?;
        let running = state.running.remove(path)?;
        drop(state);
        dismiss(self, &running.plan, running.waiting);
        Some(running.ended)
    }

    /// A source is the cluster's to begin and to end.
    pub(crate) fn is_clustered(&self, source: &Source) -> bool {
        self.cluster().is_some() && (source.is_shared() || *source == Source::Node)
    }

    /// No other source has taken the place of this one.
    pub(crate) fn is_last(&self, place: &Place) -> bool {
        self.state().running.get(&*place.path).is_none_or(|running| running.number == place.number)
    }

    /// A source is tried again, and readers may wait for it.
    pub(crate) fn tries(&self, place: &Place) {
        let mut state = self.state();
        if let Some(running) = state.source_mut(&place.path, place.number) {
            running.trouble = None;
        }
    }

    /// A source on demand that nobody reads wants to end. `false` if somebody has come meanwhile.
    pub(crate) fn leave(&self, place: &Place) -> bool {
        let mut state = self.state();
        match state.source_mut(&place.path, place.number) {
            Some(running) if !running.waiting.is_empty() => false,
            Some(_) => state.running.remove(&*place.path).is_some(),
            None => true,
        }
    }
}

/// The place of a star has names and slashes only, so that it leads nowhere else.
fn is_fit(rest: &str) -> bool {
    let is_fit = |char: char| char.is_ascii_alphanumeric() || "-_./".contains(char);
    !rest.is_empty()
        && rest.chars().all(is_fit)
        && rest.split('/').all(|part| !part.starts_with('.') && !part.is_empty())
}

/// Readers that wait for a source that has gone.
pub(super) fn dismiss<R: Runtime>(station: &Station<R>, plan: &PathPlan, waiting: Vec<(u64, Waiting)>) {
    for (_, waiting) in waiting {
        waiting.send_away(station.server(), plan, Absence::new("the path has just been changed"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_star_stands_for_leads_nowhere_else() {
        for (rest, fits) in [
            ("1", true),
            ("a/b-c_1.sdp", true),
            ("", false),
            ("../x", false),
            ("a//b", false),
            ("a?b", false),
            ("@h/x", false),
            ("a%2e", false),
        ] {
            assert_eq!(is_fit(rest), fits, "{rest}");
        }
    }
}
